"""Figures come up, are counted once, blanked, and the medians go back to those who gave; nobody else's row is seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from tests.dealer.speaking import speaking

from dealer.sharing.actions import change_level, give_figures
from dealer.sharing.models import Comparison, CountReport
from dealer.sharing.queries import policy_for
from exchange.models import Inbox, InboxPayload, Ledger, Payload
from exchange.outbound import release
from exchange.testing import drain_exchange
from kernel.accounts.actors import SYSTEM
from kernel.audit.models import Entry
from kernel.contracts import BenchmarkFigures, BenchmarkReport, Figure
from kernel.errors import Forbidden, Invalid
from kernel.tenancy.bindings import MANUFACTURER_ID
from kernel.testing.clocks import at
from oem.insight import actions, tasks
from oem.insight.models import Benchmark, BenchmarkRule, Contribution

JUNE = date(2026, 6, 1)
FIRST_DAYS = datetime(2026, 7, 3, 4, tzinfo=UTC)
COUNTED = datetime(2026, 7, 7, 4, tzinfo=UTC)
DEALERS = [UUID(int=number) for number in range(1, 7)]


@pytest.fixture
def at_portal(wall, portal):
    with portal.bound():
        yield portal


def give(dealership, *, month=JUNE, **figures):
    record = BenchmarkFigures(month=month, figures={"leads": 20, "response": None, "unheard": 3} | figures)
    return actions.keep_figures(record, dealership=dealership, message=uuid4())


def give_all(number=5, **given):
    for place, dealership in enumerate(DEALERS[:number]):
        give(dealership, leads=10 * (place + 1), **given)


def reports():
    rows = Ledger.objects.filter(contract="BenchmarkReport").order_by("number")
    return [(row.receiver, Payload.objects.get(id=row.id).body) for row in rows]


def test_a_month_is_counted_a_week_after_its_end_once_and_sent_to_those_who_gave(at_portal):
    give_all()
    with at(FIRST_DAYS):
        assert actions.count_month() == []
    with at(COUNTED):
        assert {row.figure: row.state for row in actions.count_month()} == {
            "leads": "told", "response": "too_few", "conversion": "too_few", "retention": "too_few",
            "acceptance": "too_few",
        }  # fmt: skip
        assert actions.count_month() == []
    leads = Benchmark.objects.get(figure="leads")
    assert (leads.month, leads.median, leads.lower, leads.floor) == (JUNE, 30, None, 5)
    assert leads.dealerships == [str(dealership) for dealership in DEALERS[:5]]
    sent = reports()
    assert {receiver for receiver, _body in sent} == set(DEALERS[:5])
    assert len(sent) == 5
    assert {"figure": "leads", "state": "told", "lower": None, "median": 30, "upper": None} in sent[0][1]["figures"]
    assert not any(str(dealership) in str(sent) for dealership in DEALERS if dealership not in dict(sent))


def test_what_each_gave_is_gone_once_the_month_is_counted(at_portal):
    give_all()
    assert Contribution.objects.exclude(figures={}).count() == 5
    with at(COUNTED):
        actions.count_month()
    assert Contribution.objects.count() == 5
    assert not Contribution.objects.exclude(figures={}).exists()


def test_what_comes_late_has_no_say_and_is_answered_all_the_same(at_portal):
    give_all()
    with at(COUNTED):
        actions.count_month()
    assert give(DEALERS[5], leads=9999).figures == {}
    assert Benchmark.objects.get(figure="leads").median == 30
    assert reports()[-1][0] == DEALERS[5]


def test_the_same_month_is_taken_once(at_portal):
    assert give(DEALERS[0]).figures == {"leads": 20}
    assert give(DEALERS[0], leads=30) is None
    assert Contribution.objects.get().figures == {"leads": 20}


def test_the_next_month_is_held_against_the_one_before(at_portal):
    give_all(6)
    with at(COUNTED):
        actions.count_month()
    for dealership in DEALERS[:5]:
        give(dealership, month=date(2026, 7, 1))
    with at(datetime(2026, 8, 9, 4, tzinfo=UTC)):
        tasks.count_month()
    assert Benchmark.objects.get(figure="leads", month=date(2026, 7, 1)).state == "held_back"
    for dealership in DEALERS[:5]:
        give(dealership, month=date(2026, 10, 1))
    with at(datetime(2026, 11, 9, 4, tzinfo=UTC)):
        actions.count_month()
    assert Benchmark.objects.get(figure="leads", month=date(2026, 10, 1)).state == "told"


def test_the_floor_is_never_below_five(at_portal):
    manager = at_portal.actor("network_manager")
    for floor in (4, 0, 101):
        with pytest.raises(Invalid):
            actions.set_floor(actor=manager, floor=floor)
    with pytest.raises(Forbidden):
        actions.set_floor(actor=at_portal.actor("auditor"), floor=6)
    assert actions.set_floor(actor=manager, floor=6).floor == 6
    actions.set_floor(actor=manager, floor=6)
    assert Entry.objects.filter(action="insight.set_floor").count() == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        BenchmarkRule.objects.update(floor=4)
    give_all()
    with at(COUNTED):
        assert {row.state for row in actions.count_month()} == {"too_few"}


def test_the_page_shows_medians_and_never_a_dealerships_own(wall, portal):
    client = speaking(portal, "network_manager", "en")
    assert "No month has been counted yet" in client.get("/insight/benchmarks/").content.decode()
    with portal.bound():
        for dealership, number in zip(DEALERS, (11, 22, 33, 44, 987), strict=False):
            give(dealership, leads=number, acceptance=75, response=600)
    assert "987" not in client.get("/insight/benchmarks/").content.decode()
    with portal.bound(), at(COUNTED):
        actions.count_month()
    page = client.get("/insight/benchmarks/").content.decode()
    assert "33" in page
    assert "75%" in page
    assert "10 h" in page
    assert "2026-06: Too few dealerships" in page
    assert "5 dealerships gave their figures" in page
    assert "987" not in page


def test_the_page_asks_no_more_with_more_months(wall, portal):
    client = speaking(portal, "network_manager", "en")
    client.get("/insight/benchmarks/")
    asked = []
    for month in range(1, 4):
        with portal.bound(), at(datetime(2026, month + 1, 9, 4, tzinfo=UTC)):
            for dealership in DEALERS:
                give(dealership, month=date(2026, month, 1))
            actions.count_month()
        with CaptureQueriesContext(connection) as seen:
            client.get("/insight/benchmarks/")
        asked.append(len(seen))
    assert len(set(asked)) == 1


@pytest.mark.parametrize(
    ("role", "status"), [("network_manager", 302), ("network_admin", 302), ("crm_analyst", 403), ("auditor", 403)]
)
def test_who_sets_the_floor(wall, portal, role, status):
    client = portal.client(role)
    assert client.post("/insight/benchmarks/floor/", {"floor": "7"}).status_code == status
    assert client.get("/insight/benchmarks/").status_code == (403 if role == "auditor" else 200)


@pytest.mark.parametrize("floor", ["4", "101", "many"])
def test_a_floor_that_cannot_be_comes_back_with_the_form(wall, portal, floor):
    answer = portal.client("network_manager").post("/insight/benchmarks/floor/", {"floor": floor})
    assert answer.status_code == 422
    with portal.bound():
        assert not BenchmarkRule.objects.exclude(floor=5).exists()


def test_figures_of_no_month_are_refused(committed, portal, north):

    with north.bound():
        policy = replace(policy_for("BenchmarkFigures", "benchmark"), ceiling="counts")
        release(
            BenchmarkFigures(month=date(2026, 6, 2), figures={}),
            to=MANUFACTURER_ID,
            subject=uuid4(),
            purpose=policy.purpose,
            policy=policy,
            actor=SYSTEM,
            event_at=FIRST_DAYS,
        )
    drain_exchange()
    with portal.bound():
        assert Inbox.objects.get(contract="BenchmarkFigures").reason == "no_month"
        assert not Contribution.objects.exists()


def test_who_gives_gets_and_who_does_not_give_gets_nothing(committed, portal, north, south):
    with north.bound():
        change_level(
            actor=north.actor("general_manager"), contract="BenchmarkFigures", purpose="benchmark", level="counts"
        )
    with at(FIRST_DAYS):
        for side in (north, south):
            with side.bound():
                assert (give_figures() is not None) is (side is north)
                assert give_figures() is None
        drain_exchange()
    with portal.bound():
        assert Contribution.objects.get().dealership == north.id
        message = Inbox.objects.get(contract="BenchmarkFigures").id
        assert InboxPayload.objects.filter(id=message).exists()
        with at(COUNTED):
            assert {row.state for row in actions.count_month()} == {"too_few"}
        assert not InboxPayload.objects.filter(id=message).exists()
    drain_exchange()
    with north.bound():
        row = Comparison.objects.get()
        assert (row.month, row.floor) == (JUNE, 5)
        assert {line["state"] for line in row.network.values()} == {"too_few"}
        assert set(row.given) == set(Figure)
        assert CountReport.objects.filter(contract="BenchmarkFigures").count() == 1
    with south.bound():
        assert not Comparison.objects.exists()
        assert not Ledger.objects.filter(contract="BenchmarkFigures").exists()
        assert not Inbox.objects.filter(contract="BenchmarkReport").exists()
    assert BenchmarkReport.spec.direction == "down"
