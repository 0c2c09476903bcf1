"""The figures of the network: who sees them, what they count, and what they say where little is shared."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.oem.sharedrows import NOW, counts, owner, sale

from kernel.accounts.roles import PORTAL_ROLES, RIGHTS, Right
from kernel.contracts import Level, Purpose
from kernel.testing.clocks import at
from oem.aftersales.models import Claim, ServiceVisit
from oem.insight import indicators, periods
from oem.insight.indicators import INDICATORS, Quantiles
from oem.insight.periods import Scope
from oem.leads.models import Event, Lead, LeadState, RawIntake

TODAY = date(2026, 5, 20)
SCOPE = Scope(TODAY - timedelta(days=89), TODAY)
PAGES = ["/insight/", "/insight/leads/", "/insight/owners/", "/insight/service/", "/insight/claims/"]
ALL_PAGES = [*PAGES, "/insight/dealerships/north/"]


@pytest.fixture
def present(wall):
    with at(NOW):
        yield


def lead(dealership: UUID | None, state: LeadState, *events: str, **given) -> Lead:
    intake = RawIntake.objects.create(door="desk", sha256=uuid4().hex, size=1, received_at=NOW)
    made = Lead.objects.create(
        **{
            "intake": intake,
            "state": state,
            "dealership": dealership,
            "channel": "website",
            "brand": "XH",
            "collected_at": NOW,
            "received_at": NOW - timedelta(days=3),
            **given,
        }
    )
    for code in events:
        Event.objects.create(lead=made, code=code, at=NOW, dealership=dealership)
    return made


def visit(dealership: UUID, kind: str = "maintenance", **given) -> ServiceVisit:
    return ServiceVisit.objects.create(
        **{
            "dealership": dealership,
            "visit_id": uuid4(),
            "kind": kind,
            "level": Level.FULL,
            "purpose": Purpose.ANALYTICS,
            "message_id": uuid4(),
            "event_at": NOW - timedelta(days=2),
            **given,
        }
    )


def claim(dealership: UUID, state: str = "submitted", days: float = 0, **given) -> Claim:
    sent = given.pop("sent", NOW - timedelta(days=20))
    return Claim.objects.create(
        **{
            "id": uuid4(),
            "dealership": dealership,
            "revision": 1,
            "number": "C-1",
            "state": state,
            "level": Level.FULL,
            "submitted_at": sent,
            "decided_at": sent + timedelta(days=days) if days else None,
            "total": 100,
            "approved_total": 80 if days else None,
            "currency": "CNY",
            **given,
        }
    )


@pytest.fixture
def busy(present, portal, north, south):
    """A few of everything. North shares all; south nothing but a claim and leads."""
    with portal.bound():
        lead(north.id, LeadState.WON, "offered", "accepted", "contacted", first_response_seconds=600)
        lead(north.id, LeadState.LOST, "offered", "accepted", "contacted", "quoted", first_response_seconds=1200)
        lead(south.id, LeadState.OFFERED, "offered", channel="referral", brand="YC")
        lead(None, LeadState.NEEDS_REVIEW, channel="")
        lead(north.id, LeadState.DUPLICATE)
        lead(north.id, LeadState.WON, received_at=NOW - timedelta(days=200))
        sale(north.id)
        sale(north.id, vin="LSVAA4182E2184848", brand="YC", delivered_on=date(2026, 3, 3))
        owner(north.id)
        owner(north.id, level=Level.PSEUDONYMOUS)
        visit(north.id)
        visit(north.id, "repair")
        claim(north.id, "approved", 2)
        claim(north.id, "refused", 6)
        claim(south.id, "sent_back", 4)
        claim(south.id)


@pytest.fixture
def manager(wall, portal):
    """Somebody who reads figures and leads, in English."""
    with portal.bound():
        user = portal.user("network_manager")
        user.language = "en"
        user.save(update_fields=["language"])
    return portal.client("network_manager")


def text(client, path):
    answer = client.get(path)
    assert answer.status_code == 200, answer.content.decode()[-2000:]
    return answer.content.decode()


# -- what is counted -------------------------------------------------------------------------------------------


def test_leads_are_counted_by_the_furthest_step_they_reached(busy, portal):
    with portal.bound():
        found = indicators.leads(SCOPE)
    assert found.total == 4  # neither the duplicate nor what came before the period
    assert dict(indicators.lead_funnel(found)) == {
        LeadState.RECEIVED: 4,
        LeadState.OFFERED: 3,
        LeadState.ACCEPTED: 2,
        LeadState.CONTACTED: 2,
        LeadState.TEST_DRIVE: 2,  # passed by the lead that was quoted and by the one that was won
        LeadState.QUOTED: 2,
        LeadState.CONTRACTED: 1,
        LeadState.WON: 1,
    }


def test_answer_times_are_medians_by_dealership_and_channel(busy, portal, north, south):
    with portal.bound():
        found = indicators.leads(SCOPE)
    assert indicators.answer_time(found) == Quantiles(2, 900.0, 1140.0)
    assert indicators.answer_time(found, north.id) == Quantiles(2, 900.0, 1140.0)
    assert indicators.answer_time(found, south.id) == Quantiles(0, None, None)
    assert found.answers_by_channel["website"].p50 == 900.0


def test_conversion_is_won_of_received(busy, portal, north, south):
    with portal.bound():
        found = indicators.leads(SCOPE)
        empty = indicators.leads(Scope(date(2020, 1, 1), date(2020, 1, 31)))
    assert indicators.conversion(found) == {"": 0.25}
    assert indicators.conversion(found, "dealership") == {north.id: 0.5, south.id: 0.0, None: 0.0}
    assert indicators.conversion(empty) == {}


def test_brand_and_dealership_narrow(busy, portal, north, south):
    with portal.bound():
        assert indicators.leads(Scope(SCOPE.since, SCOPE.until, brand="YC")).total == 1
        assert indicators.leads(Scope(SCOPE.since, SCOPE.until, dealership=north.id)).total == 2
        only = indicators.sales(Scope(SCOPE.since, SCOPE.until, brand="YC", dealership=north.id))
        assert [(cell.key, cell.bucket, cell.n) for cell in only] == [("YC", date(2026, 3, 1), 1)]
        assert indicators.sales(Scope(SCOPE.since, SCOPE.until, dealership=south.id)) == []
        assert indicators.service_visits(Scope(SCOPE.since, SCOPE.until, dealership=south.id)) == []
        assert sum(c.n for c in indicators.claims(Scope(SCOPE.since, SCOPE.until, dealership=south.id)).cells) == 2


def test_claims_are_counted_with_acceptance_and_days(busy, portal, north):
    with portal.bound():
        found = indicators.claims(SCOPE)
    assert dict(indicators.tallied(found.cells, "key")) == {"approved": 1, "refused": 1, "sent_back": 1, "submitted": 1}
    assert indicators.claim_acceptance(found.cells) == 0.5  # what was sent back is not final
    assert indicators.days_to_decision(found) == Quantiles(3, 4.0, pytest.approx(5.6))
    assert indicators.days_to_decision(found, north.id).p50 == 4.0
    assert (found.asked, found.approved, found.currency) == (200, 160, "CNY")
    assert indicators.amount_approved(found) == 0.8, "accepted claims and approved money are two figures"
    assert indicators.amount_approved(found, north.id) == pytest.approx(0.8)
    assert indicators.amount_approved(indicators.Claims()) is None


def test_amounts_in_several_currencies_are_not_added(busy, portal, north):
    with portal.bound():
        claim(north.id, "approved", 1, currency="USD")
        assert indicators.claims(SCOPE).asked is None
        assert indicators.amount_approved(indicators.claims(SCOPE)) is None


def test_daily_counts_are_summed_with_what_is_hidden(present, portal, north):
    with portal.bound():
        for day, total in ((1, 7), (2, None), (3, 6)):
            counts(north.id, date(2026, 5, day), total, of="ServiceVisit", purpose=Purpose.ANALYTICS)
        told = indicators.counted(SCOPE)
    tally = told.by_dealership["ServiceVisit", north.id]
    assert (tally.known, tally.hidden, str(tally)) == (13, 1, "13–17")
    assert told.by_bucket["ServiceVisit", date(2026, 5, 1)] == tally
    assert str(told.of("Owner")) == "0"


def test_a_day_belongs_to_the_manufacturers_calendar(present, portal, north):
    """A visit closed at 01:00 in Shanghai on the first of May is of May, though it was April in UTC."""
    with portal.bound():
        visit(north.id, event_at=NOW.replace(month=4, day=30, hour=17))
        (cell,) = indicators.service_visits(SCOPE)
    assert cell.bucket == date(2026, 5, 1)


# -- periods ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "since", "until", "buckets"),
    [
        ("30", date(2026, 4, 21), TODAY, 5),
        ("90", date(2026, 2, 20), TODAY, 4),
        ("365", date(2025, 5, 21), TODAY, 13),
        ("2026-02", date(2026, 2, 1), date(2026, 2, 28), 5),
        ("2025-12", date(2025, 12, 1), date(2025, 12, 31), 5),
        ("nonsense", date(2026, 2, 20), TODAY, 4),
        ("2031-01", date(2026, 2, 20), TODAY, 4),
    ],
)
def test_periods(present, chosen, since, until, buckets):
    _key, scope = periods.scope_for(chosen)
    assert (scope.since, scope.until) == (since, until)
    assert len(scope.buckets()) == buckets
    assert scope.ended - scope.began == timedelta(days=(until - since).days + 1)


# -- pages -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", sorted(PORTAL_ROLES))
@pytest.mark.parametrize("path", ALL_PAGES)
def test_rights_decide_who_sees_figures(present, portal, role, path):
    assert portal.client(role).get(path).status_code == (200 if Right.INSIGHT_READ in RIGHTS[role] else 403)


def test_nobody_signed_in_sees_figures_and_a_dealership_has_no_such_page(present, portal, north):
    assert portal.client().get("/insight/").status_code == 302
    assert north.client("general_manager").get("/insight/").status_code == 404
    assert portal.client("network_manager").get("/insight/dealerships/nowhere/").status_code == 404


def test_every_indicator_says_what_it_means(busy, manager):
    shown = "".join(text(manager, path) for path in PAGES)
    for one in INDICATORS.values():
        assert str(one.definition).split(".")[0].split("'")[0] in shown, one.key
        assert str(one.unit)
        assert str(one.source)
    functions = [getattr(indicators, name) for name in ("leads", "lead_funnel", "sales", "owners", "claims")]
    assert all(function.__doc__ for function in functions)


def test_the_overview_shows_tiles_charts_and_the_exchange(busy, manager):
    page = text(manager, "/insight/")
    assert "Everything has arrived." in page
    assert 'href="/exchange/"' in page
    assert page.count("<figure") == 4
    assert "25%" in page
    assert "¥160 of ¥200" in page


def test_charts_lead_only_where_the_reader_may_go(busy, portal, manager):
    page = text(manager, "/insight/leads/")
    assert "/leads/?" in page
    assert "state=won" in page
    assert "received_at_from=2026-02-20" in page
    other = text(portal.client("field_representative"), "/insight/leads/")
    assert "/leads/?" not in other
    assert "/insight/dealerships/north/" in other


def test_filters_narrow_the_page_and_stay_in_the_tabs(busy, manager):
    page = text(manager, "/insight/?period=30&brand=YC&dealership=south")
    assert "/insight/leads/?period=30&amp;brand=YC&amp;dealership=south" in page
    assert "The brand narrows leads and sales only" in page
    unknown = text(manager, "/insight/?period=x&brand=y&dealership=z")
    assert "20 Feb 2026 – 20 May 2026" in unknown


def test_little_is_shown_as_little_and_nothing_as_not_shared(present, portal, north, south, manager):
    with portal.bound():
        counts(north.id, date(2026, 5, 4), None)
        counts(north.id, date(2026, 5, 4), None, of="ServiceVisit", purpose=Purpose.ANALYTICS)
        counts(north.id, date(2026, 5, 5), 8, of="ServiceVisit", purpose=Purpose.ANALYTICS)
    service = text(manager, "/insight/service/")
    assert "Counts only, with days below five: Northstar 8–12." in service
    assert "Not shared by: Southgate Motors." in service
    assert "Hatched: 1 daily count was below five and is not told." in service
    owners = text(manager, "/insight/owners/")
    assert "&lt; 5" in owners
    assert "Counts only, with days below five: Northstar &lt; 5." in owners


def test_nothing_at_all_is_said_and_not_drawn(present, manager):
    for path in PAGES:
        page = text(manager, f"{path}?period=30")
        assert "<figure" not in page
        assert "Nothing in this period." in page


def test_a_dealership_stands_beside_the_network(busy, manager):
    page = text(manager, "/insight/dealerships/north/")
    assert "50%" in page
    assert "Network: 25%" in page
    assert "Network: 4" in page


@pytest.mark.parametrize("path", ALL_PAGES)
def test_figures_cost_few_queries_however_much_there_is(busy, portal, north, south, manager, path):
    text(manager, path)

    def cost():
        with CaptureQueriesContext(connection) as captured:
            text(manager, path)
        return len(captured)

    few = cost()
    with portal.bound():
        for n in range(10):
            side = (north, south)[n % 2]
            lead(side.id, LeadState.WON, "offered", "won", channel=f"c{n}", first_response_seconds=n)
            sale(side.id, vin=f"V{n}", brand=f"B{n}")
            owner(side.id, vin=f"V{n}")
            visit(side.id, "recall", event_at=NOW - timedelta(days=7 * n))
            claim(side.id, "approved", n + 1)
            counts(side.id, TODAY - timedelta(days=n), n)
    assert cost() == few
    assert few <= 16


@pytest.mark.parametrize(
    ("language", "word"), [("zh-hans", "2026年5月20日"), ("zh-hant", "2026年5月20日"), ("en", "20 May 2026")]
)
def test_figures_speak_the_readers_language(busy, portal, language, word):
    with portal.bound():
        user = portal.user("network_manager")
        user.language = language
        user.save(update_fields=["language"])
    assert word in text(portal.client("network_manager"), "/insight/")
