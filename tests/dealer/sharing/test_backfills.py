"""Sharing what was before: in the background, behind live traffic, each record once, whatever dies."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.dealer.sharing.test_actions import new_owner, sale, set_level, visit
from tests.service import warranty_repair

from dealer.sharing import actions, queries, tasks
from dealer.sharing.actions import backfills
from dealer.sharing.models import Backfill, BackfillState, Grant
from dealer.sharing.past import source_of
from exchange.gate import LawEffect, LawRule
from exchange.models import Ledger, LedgerState
from exchange.testing import drain_exchange, exchange_drained
from kernel import checkpoints, clock
from kernel.accounts.actors import SYSTEM
from kernel.audit.models import Entry
from kernel.contracts import Level
from kernel.errors import Conflict, Forbidden, IllegalTransition, Invalid, Missing
from kernel.testing.clocks import at
from oem.owners.models import Owner as OwnerThere
from oem.owners.models import Sale as SaleThere

LONG_AGO = date(2020, 1, 1)


@pytest.fixture
def at_north(wall, north):
    with north.bound():
        yield north


@pytest.fixture
def manager(wall, north):
    return north.actor("general_manager")


@pytest.fixture
def consultant(wall, north):
    return north.actor("sales_consultant")


def grant_of(contract="Owner"):
    return Grant.objects.get(contract=contract)


def begin(manager, since=LONG_AGO):
    return actions.start_backfill(actor=manager, grant=grant_of(), since=since)


def go_on(backfill, times=50):
    """Batches until it is over; how many there were."""
    for number in range(1, times + 1):
        if not actions.go_on_backfilling(actor=SYSTEM, backfill_id=backfill.pk):
            backfill.refresh_from_db()
            return number
    raise AssertionError("it does not come to its end")


def sent():
    return Ledger.objects.filter(contract="Owner", state=LedgerState.RECORDED)


def test_what_was_before_a_level_rose_is_shared_in_the_background(committed, portal, north):
    manager, consultant = north.actor("general_manager"), north.actor("sales_consultant")
    with exchange_drained(), north.bound():
        for serial in (1, 2, 3):
            new_owner(consultant, serial=serial)
        set_level(manager, "full")
        assert not sent().exists()
        backfill = begin(manager)
        assert (backfill.total, backfill.percent) == (3, 0)
        tasks.backfill(str(north.id))
        backfill.refresh_from_db()
        assert (backfill.state, backfill.sent, backfill.known, backfill.kept) == (BackfillState.FINISHED, 3, 0, 0)
        assert backfill.percent == 100
        assert backfill.ended_at is not None
    with portal.bound():
        assert OwnerThere.objects.count() == 3
        assert set(OwnerThere.objects.values_list("level", flat=True)) == {"full"}


def test_what_left_before_at_this_level_is_not_sent_again(at_north, manager, consultant):
    set_level(manager, "pseudonymous")
    new_owner(consultant, serial=1)
    set_level(manager, "nothing")
    new_owner(consultant, serial=2)
    set_level(manager, "pseudonymous")
    first = begin(manager)
    go_on(first)
    assert (first.sent, first.known) == (2, 0)
    second = begin(manager)
    go_on(second)
    assert (second.sent, second.known) == (0, 2)


def test_what_left_at_a_lower_level_is_sent_again_and_takes_its_place(committed, portal, north):
    manager, consultant = north.actor("general_manager"), north.actor("sales_consultant")
    with exchange_drained(), north.bound():
        set_level(manager, "pseudonymous")
        new_owner(consultant, serial=1)
    with exchange_drained(), north.bound():
        set_level(manager, "full")
        backfill = begin(manager)
        go_on(backfill)
        assert (backfill.sent, backfill.known) == (1, 0)
    with portal.bound():
        assert "full" in set(OwnerThere.objects.values_list("level", flat=True))


def test_a_visit_and_a_sale_that_say_more_take_the_place_of_what_was_known(committed, portal, north, monkeypatch):
    manager, consultant = north.actor("general_manager"), north.actor("sales_consultant")
    with exchange_drained(), north.bound():
        set_level(manager, "pseudonymous", "ServiceVisit", "analytics")
        _person, car = new_owner(consultant, serial=1)
        came = visit(car)
        sold = sale(car)
        low = [replace(one, template=Level.PSEUDONYMOUS) for one in queries.policies_for_sharing("VehicleSale")]
        actions.share(came, subject=car.pk, actor=consultant, event_at=clock.now())
        with monkeypatch.context() as patched:
            patched.setattr(queries, "policies_for_sharing", lambda _contract: low)
            actions.share(sold, subject=car.pk, actor=consultant, event_at=clock.now())
    from oem.aftersales.models import ServiceVisit as VisitThere

    with portal.bound():
        assert VisitThere.objects.get().vin.startswith("p_")
        assert SaleThere.objects.get().level == "pseudonymous"
    with exchange_drained(), north.bound():
        set_level(manager, "full", "ServiceVisit", "analytics")
        for record in (came, sold):
            actions.share(record, subject=car.pk, actor=consultant, event_at=clock.now())
    with portal.bound():
        assert VisitThere.objects.get().vin == came.vin
        assert (SaleThere.objects.get().level, SaleThere.objects.get().vin) == ("full", sold.vin)
    with exchange_drained(), north.bound():
        set_level(manager, "pseudonymous", "ServiceVisit", "analytics")
        actions.share(came, subject=car.pk, actor=consultant, event_at=clock.now())
    with portal.bound():
        assert VisitThere.objects.get().vin == came.vin


POINTS = ("backfill.locked", "release.decided", "release.payload written", "backfill.released", "backfill.noted")


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_step_it_goes_on_and_sends_each_record_once(committed, north, point):
    manager, consultant = north.actor("general_manager"), north.actor("sales_consultant")
    with north.bound():
        for serial in (1, 2, 3):
            new_owner(consultant, serial=serial)
        set_level(manager, "full")
        backfill = begin(manager)

        def die(name):
            if name == point:
                raise SystemExit

        checkpoints.watch(die)
        with pytest.raises(SystemExit):
            actions.go_on_backfilling(actor=SYSTEM, backfill_id=backfill.pk)
        checkpoints.watch(None)
        assert not sent().exists()
        go_on(backfill)
        assert (backfill.sent, sent().count()) == (3, 3)


def test_it_goes_batch_by_batch_and_keeps_its_place(at_north, manager, consultant, monkeypatch):
    monkeypatch.setattr(backfills, "ROOM", 2)
    for serial in range(1, 6):
        new_owner(consultant, serial=serial)
    set_level(manager, "full")
    backfill = begin(manager)
    counts = []
    while actions.go_on_backfilling(actor=SYSTEM, backfill_id=backfill.pk):
        backfill.refresh_from_db()
        counts.append(backfill.percent)
        Ledger.objects.filter(state=LedgerState.RECORDED).update(state=LedgerState.STOPPED)  # somebody carried them
    backfill.refresh_from_db()
    assert (counts, backfill.sent, backfill.looked_at) == ([40, 80], 5, 5)


def test_live_traffic_goes_first(at_north, manager, consultant, monkeypatch):
    monkeypatch.setattr(backfills, "ROOM", 1)
    new_owner(consultant, serial=1)
    set_level(manager, "full")
    backfill = begin(manager)
    new_owner(consultant, serial=2)  # live, and waits to leave
    assert actions.go_on_backfilling(actor=SYSTEM, backfill_id=backfill.pk)
    backfill.refresh_from_db()
    assert backfill.looked_at == 0


def test_it_pauses_while_the_receiver_is_behind(committed, north, monkeypatch):
    monkeypatch.setattr(backfills, "UNANSWERED", 1)
    manager, consultant = north.actor("general_manager"), north.actor("sales_consultant")
    from exchange import courier

    with north.bound():
        new_owner(consultant, serial=1)
        set_level(manager, "full")
        new_owner(consultant, serial=2)
    courier.sweep()  # delivered, and nobody applies it
    with north.bound():
        backfill = begin(manager)
        assert actions.go_on_backfilling(actor=SYSTEM, backfill_id=backfill.pk)
        backfill.refresh_from_db()
        assert backfill.looked_at == 0
    drain_exchange()
    with north.bound():
        go_on(backfill)
        assert (backfill.sent, backfill.known) == (1, 1)


def test_it_can_be_stopped_and_what_left_stays(at_north, manager, consultant):
    new_owner(consultant)
    set_level(manager, "full")
    backfill = begin(manager)
    with pytest.raises(Conflict, match="already"):
        begin(manager)
    stopped = actions.stop_backfill(actor=manager, backfill=backfill)
    assert stopped.state == BackfillState.STOPPED
    assert not actions.go_on_backfilling(actor=SYSTEM, backfill_id=backfill.pk)
    assert not sent().exists()
    with pytest.raises(IllegalTransition):
        actions.stop_backfill(actor=manager, backfill=backfill)
    acts = Entry.objects.filter(action__endswith="_backfill").order_by("number").values_list("action", flat=True)
    assert list(acts) == ["sharing.start_backfill", "sharing.end_backfill"]


def test_a_lower_level_ends_it(at_north, manager, consultant):
    new_owner(consultant)
    set_level(manager, "full")
    backfill = begin(manager)
    set_level(manager, "counts")
    go_on(backfill)
    assert (backfill.state, backfill.looked_at) == (BackfillState.STOPPED, 0)
    assert Entry.objects.filter(action="sharing.end_backfill", note="level_lowered").exists()


def test_what_the_law_keeps_is_neither_sent_nor_counted_again(at_north, manager, consultant, monkeypatch):
    new_owner(consultant)
    set_level(manager, "full")
    rule = LawRule(
        pack="test", version="1", article="1", effect=LawEffect.CAP_LEVEL, valid_from=LONG_AGO, cap=Level.COUNTS
    )
    capped = [replace(one, law=(rule,)) for one in queries.policies_for_sharing("Owner")]
    monkeypatch.setattr(queries, "policies_for_sharing", lambda _contract: capped)
    before = Ledger.objects.count()
    backfill = begin(manager)
    go_on(backfill)
    assert (backfill.sent, backfill.kept) == (0, 1)
    assert Ledger.objects.count() == before


def test_only_records_since_the_day_and_before_the_start_are_shared(at_north, manager, consultant):
    new_owner(consultant, serial=1)
    set_level(manager, "full")
    with at(clock.now() + timedelta(days=40)):
        assert begin(manager, since=clock.today("Asia/Shanghai") - timedelta(days=5)).total == 0


@pytest.mark.parametrize(
    ("contract", "level", "error", "code"),
    [
        ("WarrantyClaim", None, Invalid, "no_past"),
        ("Owner", "counts", Conflict, "no_single_records"),
        ("Owner", None, Conflict, "no_single_records"),
    ],
)
def test_what_cannot_be_shared_from_before_says_why(at_north, manager, contract, level, error, code):
    if level:
        set_level(manager, level)
    with pytest.raises(error) as refusal:
        actions.start_backfill(actor=manager, grant=grant_of(contract), since=LONG_AGO)
    found = refusal.value
    assert code in ([e.code for e in found.errors] if isinstance(found, Invalid) else [found.code])


def test_a_day_that_has_not_come_is_refused(at_north, manager):
    set_level(manager, "full")
    with pytest.raises(Invalid):
        begin(manager, since=clock.today("Asia/Shanghai") + timedelta(days=2))


def test_only_the_general_manager_begins_and_ends_it(at_north, manager, consultant):
    set_level(manager, "full")
    with pytest.raises(Forbidden):
        actions.start_backfill(actor=consultant, grant=grant_of(), since=LONG_AGO)
    backfill = begin(manager)
    with pytest.raises(Forbidden):
        actions.stop_backfill(actor=consultant, backfill=backfill)
    with pytest.raises(Missing):
        queries.access_backfill_for_stopping(str(backfill.pk), at_north.user("crm_manager"))


def test_a_backfill_that_is_gone_is_over(at_north):
    assert not actions.go_on_backfilling(actor=SYSTEM, backfill_id=uuid4())


def test_each_task_does_a_batch_and_asks_for_the_next(committed, north, broker, monkeypatch):
    monkeypatch.setattr(backfills, "ROOM", 1)
    monkeypatch.setattr(tasks, "PAUSE", 0.0)
    manager, consultant = north.actor("general_manager"), north.actor("sales_consultant")
    with north.bound():
        for serial in (1, 2):
            new_owner(consultant, serial=serial)
        set_level(manager, "full")
        begin(manager)
    broker("dealers")
    tasks.backfill(str(north.id))
    assert broker("dealers") == [(tasks.BACKFILL, str(north.id))]
    drain_exchange()
    broker("dealers")
    for _ in range(3):
        tasks.backfill(str(north.id))
        drain_exchange()
    broker("dealers")
    with north.bound():
        assert Backfill.objects.get().state == BackfillState.FINISHED
    tasks.backfill(str(north.id))
    assert broker("dealers") == []


def test_a_visit_of_before_is_the_record_that_it_was(wall, north):
    with north.bound():
        order, _claim = warranty_repair(north)
        source = source_of("ServiceVisit")
        rows = source.between(clock.now() - timedelta(days=1), clock.now() + timedelta(days=1))
        past = source.past(rows.get())
        live = Ledger.objects.get(contract="ServiceVisit")
        assert (past.record.visit_id, past.customer) == (order.pk, order.customer)
        assert (past.event_at, past.label) == (live.event_at, live.subject_label)
        assert queries.wire_subject(past.record.spec, past.subject, live.purpose) == live.subject


def test_contracts_whose_records_only_mean_something_when_made_have_no_past():
    assert {contract for contract in queries.upward_contracts() if source_of(contract)} == {
        "Owner",
        "ServiceVisit",
        "VehicleSale",
    }


# -- pages ---------------------------------------------------------------------------------------------------------


def flow_url(north, contract="Owner"):
    with north.bound():
        return f"/sharing/{grant_of(contract).pk}/"


def test_the_page_begins_follows_and_stops_it(wall, north):
    manager, consultant = north.actor("general_manager"), north.actor("sales_consultant")
    url = flow_url(north)
    client = north.client("general_manager")
    assert "At this level no single record leaves." not in client.get(url).content.decode()
    with north.bound():
        new_owner(consultant)
        set_level(manager, "full")
    assert 'name="since"' in client.get(url).content.decode()
    bad = client.post(f"{url}backfill/", {"since": "never"}, follow=True)
    assert not bad.context["backfills"]
    client.post(f"{url}backfill/", {"since": "2020-01-01"})
    again = client.post(f"{url}backfill/", {"since": "2020-01-01"}, follow=True)
    assert len(again.context["backfills"]) == 1
    later = client.post(f"{url}backfill/", {"since": "2999-01-01"}, follow=True)
    assert len(later.context["backfills"]) == 1
    part = client.get(f"{url}backfill/progress/").content.decode()
    assert "<progress" in part
    assert "hx-trigger" in part
    running = again.context["backfill"]
    for _ in range(2):
        client.post(f"/sharing/backfills/{running.pk}/stop/")
    with north.bound():
        assert Backfill.objects.get().state == BackfillState.STOPPED
    assert "hx-trigger" not in client.get(f"{url}backfill/progress/").content.decode()


def test_the_crm_manager_sees_how_far_it_is_and_changes_nothing(wall, north):
    manager = north.actor("general_manager")
    with north.bound():
        set_level(manager, "full")
        backfill = begin(manager)
    client = north.client("crm_manager")
    url = flow_url(north)
    page = client.get(url).content.decode()
    assert "<progress" in page
    assert "/stop/" not in page
    assert client.post(f"/sharing/backfills/{backfill.pk}/stop/").status_code == 403
    assert client.post(f"{url}backfill/", {"since": "2020-01-01"}).status_code == 403


def test_the_page_asks_as_often_however_many_there_were(wall, north):
    manager = north.actor("general_manager")
    url = flow_url(north)
    client = north.client("general_manager")
    numbers = []
    for _ in range(3):
        with north.bound():
            if grant_of().level is not Level.FULL:
                set_level(manager, "full")
            actions.stop_backfill(actor=manager, backfill=begin(manager))
        client.get(url)
        with CaptureQueriesContext(connection) as captured:
            client.get(url)
        numbers.append(len(captured))
    assert len(set(numbers)) == 1


# -- API -----------------------------------------------------------------------------------------------------------


def test_the_api_begins_follows_and_stops_it(wall, north):
    manager = north.actor("general_manager")
    with north.bound():
        set_level(manager, "full")
    client = north.client("general_manager")
    body = {"contract": "Owner", "purpose": "customer_care", "since": "2020-01-01"}
    made = client.post("/api/v1/sharing/backfills", body, content_type="application/json")
    assert (made.status_code, made.json()["state"]) == (201, "running")
    assert client.post("/api/v1/sharing/backfills", body, content_type="application/json").status_code == 409
    listed = client.get("/api/v1/sharing/backfills").json()["results"]
    assert [row["id"] for row in listed] == [made.json()["id"]]
    ended = client.post(f"/api/v1/sharing/backfills/{made.json()['id']}/stop")
    assert (ended.status_code, ended.json()["state"]) == (200, "stopped")
    unknown = client.post("/api/v1/sharing/backfills", body | {"contract": "Other"}, content_type="application/json")
    assert unknown.status_code == 404
