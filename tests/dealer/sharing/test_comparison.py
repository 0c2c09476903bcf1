"""The comparison at a dealership: figures that leave, figures that stay, and what the page shows for them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.dealer.sales.makers import accepted, offered
from tests.dealer.speaking import speaking

from dealer.customers.actions import create_customer, register_vehicle
from dealer.organisation.models import Site
from dealer.sales.models import Lead, LeadMilestone
from dealer.sharing import actions
from dealer.sharing.actions.comparing import keep_comparison
from dealer.sharing.benchmarks import Middle, Number, Share, bounds, figures_of, last_closed
from dealer.sharing.models import Comparison, CountReport, Disclosure, Grant
from dealer.warranty.models import Claim
from dealer.workshop.models import Job, RepairOrder
from exchange.models import Ledger, Payload
from kernel.accounts.actors import SYSTEM
from kernel.automotive.vin import make_vin
from kernel.contracts import BenchmarkReport, Figure
from kernel.testing.clocks import at

JUNE = date(2026, 6, 1)
IN_JUNE = datetime(2026, 6, 10, 4, tzinfo=UTC)
FIRST_DAYS = datetime(2026, 7, 3, 4, tzinfo=UTC)


@pytest.fixture
def at_north(wall, north):
    with north.bound():
        yield north.actor("general_manager")


def give(actor, level="counts"):
    actions.change_level(actor=actor, contract="BenchmarkFigures", purpose="benchmark", level=level)


def report(month=JUNE, **medians):
    return BenchmarkReport(
        month=month,
        floor=5,
        figures=[
            {
                "figure": figure,
                "state": "told" if figure in medians else "too_few",
                "lower": medians.get(figure, (None,) * 3)[0],
                "median": medians.get(figure, (None,) * 3)[1],
                "upper": medians.get(figure, (None,) * 3)[2],
            }
            for figure in map(str, Figure)
        ],
    )


# -- what leaves of a figure


@pytest.mark.parametrize(
    ("cases", "own", "given"),
    [
        (Number(5), 5, 5),
        (Number(4), 4, None),
        (Middle([3, 1, 2, 9, 7]), 3, 3),
        (Middle([3, 1, 2, 9]), 2, None),
        (Middle([]), None, None),
        (Share(5, 20), 25, 25),
        (Share(4, 20), 20, None),
        (Share(16, 20), 80, None),
        (Share(15, 20), 75, 75),
        (Share(0, 0), None, None),
    ],
)
def test_nothing_leaves_that_rests_on_fewer_than_five_cases(cases, own, given):
    assert (cases.own, cases.given) == (own, given)


def test_a_month_is_the_dealerships_own(wall):
    since, until = bounds(date(2026, 12, 1), "Asia/Shanghai")
    assert since == datetime(2026, 11, 30, 16, tzinfo=UTC)
    assert until == datetime(2026, 12, 31, 16, tzinfo=UTC)
    assert last_closed(date(2026, 1, 5)) == date(2025, 12, 1)


# -- what the figures are


def test_leads_answers_and_conversion_are_those_of_the_month(at_north, north):
    consultant = north.actor("sales_consultant")
    with at(IN_JUNE):
        leads = [accepted(consultant, phone=f"1380013800{n}", email=f"c{n}@example.com").lead for n in range(6)]
        offered(phone="13900139000", email="other@example.com")
    Lead.objects.filter(pk__in=[lead.pk for lead in leads]).update(
        offered_at=IN_JUNE, first_contact_at=IN_JUNE + timedelta(minutes=12)
    )
    with at(datetime(2026, 7, 1, 4, tzinfo=UTC)):
        offered(phone="13900139001", email="july@example.com")
    for place, lead in enumerate(leads):
        event = "won" if place < 2 else "lost"
        LeadMilestone.objects.create(lead=lead, fence=lead.fence, event=event, at=IN_JUNE)
    found = figures_of(JUNE, "Asia/Shanghai")
    assert found[Figure.LEADS] == Number(7)
    assert found[Figure.RESPONSE].own == 12
    assert found[Figure.CONVERSION] == Share(2, 6)


def test_cars_that_come_again_are_those_of_the_same_month_a_year_before(at_north):
    site = Site.objects.first()
    person = create_customer(actor=SYSTEM, name="王小明", phone="13800138000")

    def visit(serial, day, state="closed"):
        car = register_vehicle(actor=SYSTEM, vin=make_vin("LSV", "AB12C", 2020, "A", serial), brand="XH")
        RepairOrder.objects.create(
            customer=person, vehicle=car, site=site, odometer_km=1, opened_at=day, closed_at=day, state=state
        )

    a_year_before = datetime(2025, 6, 10, 4, tzinfo=UTC)
    for serial in range(1, 5):
        visit(serial, a_year_before)
    visit(1, a_year_before + timedelta(days=2))
    visit(1, datetime(2025, 9, 1, tzinfo=UTC))
    visit(2, datetime(2026, 6, 30, 15, tzinfo=UTC))
    visit(3, datetime(2026, 7, 1, 4, tzinfo=UTC))
    visit(4, datetime(2026, 1, 1, tzinfo=UTC), state="cancelled")
    visit(9, datetime(2026, 1, 1, tzinfo=UTC))
    assert figures_of(JUNE, "Asia/Shanghai")[Figure.RETENTION] == Share(2, 4)


def test_claims_accepted_are_those_decided_with_an_end(at_north):
    person = create_customer(actor=SYSTEM, name="王小明", phone="13800138000")
    car = register_vehicle(actor=SYSTEM, vin=make_vin("LSV", "AB12C", 2020, "A", 1), brand="XH")
    order = RepairOrder.objects.create(
        customer=person, vehicle=car, site=Site.objects.first(), odometer_km=1, opened_at=IN_JUNE
    )
    states = ["approved", "partly_approved", "refused", "sent_back", "submitted"]
    for place, state in enumerate([*states, "approved"]):
        job = Job.objects.create(repair_order=order, position=place + 1, complaint="x")
        decided = IN_JUNE if place < len(states) else FIRST_DAYS
        Claim.objects.create(
            repair_order=order, job=job, state=state, created_at=IN_JUNE, decided_at=decided, total=Decimal(1)
        )
    assert figures_of(JUNE, "Asia/Shanghai")[Figure.ACCEPTANCE] == Share(2, 3)


# -- giving


def test_who_does_not_share_gives_nothing(at_north):
    with at(FIRST_DAYS):
        assert actions.give_figures() is None
    assert not Ledger.objects.filter(contract="BenchmarkFigures").exists()
    assert not CountReport.objects.exists()


def test_a_month_is_given_once_in_the_first_days_of_the_next(at_north):
    give(at_north)
    with at(IN_JUNE):
        for n in range(6):
            offered(phone=f"1380013800{n}", email=f"c{n}@example.com")
    with at(FIRST_DAYS):
        row = actions.give_figures()
        assert actions.give_figures() is None
    message = Ledger.objects.get(contract="BenchmarkFigures")
    body = Payload.objects.get(id=message.id).body
    assert (message.level, message.purpose, message.state) == ("counts", "benchmark", "recorded")
    assert body == {"month": "2026-06-01", "figures": row.given}
    assert (row.given["leads"], row.own["leads"], row.given["conversion"]) == (6, 6, None)
    assert not Disclosure.objects.get(id=message.id).counted
    with at(datetime(2026, 8, 6, 4, tzinfo=UTC)):
        assert actions.give_figures() is None
    with at(datetime(2026, 8, 2, 4, tzinfo=UTC)):
        assert actions.give_figures().month == date(2026, 7, 1)


def test_a_figure_that_is_given_is_not_counted_by_day(at_north):
    give(at_north)
    with at(FIRST_DAYS):
        actions.give_figures()
        actions.send_due_counts()
    assert not Ledger.objects.filter(contract="DailyCounts").exists()


def test_taking_it_back_stops_what_waits(at_north):
    give(at_north)
    with at(FIRST_DAYS):
        actions.give_figures()
    give(at_north, "nothing")
    assert Ledger.objects.get(contract="BenchmarkFigures").state == "stopped"


# -- the page


def page_of(north, language="en", role="general_manager"):
    return speaking(north, role, language).get("/sharing/comparison/")


@pytest.mark.parametrize("language", ["en", "zh-hans", "zh-hant"])
def test_who_does_not_give_sees_why_and_his_own_figures(wall, north, language):
    with north.bound(), at(IN_JUNE):
        offered()
    with at(FIRST_DAYS):
        answer = page_of(north, language)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert 'value="counts"' in page
    if language == "en":
        assert "You give no figures, so you see none of the network" in page
        assert page.count("Here the median of the network would stand") == len(Figure)
        assert "Leads received" in page
        assert "Median of the network" not in page


def test_another_role_is_told_who_decides(wall, north):
    page = page_of(north, role="crm_manager").content.decode()
    assert "Your general manager decides on this." in page
    assert 'value="counts"' not in page
    assert north.client("technician").get("/sharing/comparison/").status_code == 403


def test_one_press_on_the_page_begins_it(wall, north):
    with north.bound():
        grant = Grant.objects.get(contract="BenchmarkFigures")
    north.client("general_manager").post(f"/sharing/{grant.pk}/level/", {"level": "counts"})
    page = page_of(north).content.decode()
    assert "The first comparison is on its way" in page
    assert "The figures of the network have not come yet." in page


def test_below_the_floor_the_page_says_so_honestly(wall, north):
    with north.bound():
        give(north.actor("general_manager"))
        with at(FIRST_DAYS):
            actions.give_figures()
        keep_comparison(report(), message=uuid4())
    page = page_of(north).content.decode()
    assert page.count("Fewer than 5 dealerships gave this figure") == len(Figure)


@pytest.mark.parametrize(
    ("own", "line", "said"),
    [
        (90, (20, 50, 80), "best quarter"),
        (60, (20, 50, 80), "better than the median"),
        (50, (20, 50, 80), "stand at the median"),
        (30, (None, 50, None), "behind the median"),
        (10, (20, 50, 80), "last quarter"),
    ],
)
def test_the_own_place_is_said_in_words(wall, north, own, line, said):
    turned = tuple(value and 200 - value for value in reversed(line))
    with north.bound():
        give(north.actor("general_manager"))
        Comparison.objects.create(month=JUNE, own={"conversion": own, "response": 200 - own}, given={})
        told = report(conversion=line, response=turned)
        keep_comparison(told, message=uuid4())
        keep_comparison(told, message=uuid4())
    page = page_of(north).content.decode()
    assert page.count(said) == 2
    assert "Median of the network" in page


def test_a_figure_that_is_held_back_says_why(wall, north):
    with north.bound():
        give(north.actor("general_manager"))
        told = report()
        told.figures[0]["state"] = "held_back"
        keep_comparison(told, message=uuid4())
    assert "Held back this month: fewer than 5 dealerships came or went" in page_of(north).content.decode()


def test_without_a_term_in_the_agreement_the_page_says_so(wall, north):
    with north.bound():
        Grant.objects.filter(contract="BenchmarkFigures").update(contract="Retired")
    assert "The agreement in force does not name this comparison." in page_of(north).content.decode()


def test_earlier_months_cost_no_more_queries(wall, north):
    client = speaking(north, "general_manager", "en")
    asked = []
    for months in (2, 6):
        with north.bound():
            for month in range(1, months + 1):
                Comparison.objects.get_or_create(month=date(2026, month, 1), defaults={"own": {"leads": month}})
            keep_comparison(report(leads=(None, 7, None)), message=uuid4())
        client.get("/sharing/comparison/")
        with CaptureQueriesContext(connection) as seen:
            page = client.get("/sharing/comparison/").content.decode()
        asked.append(len(seen))
    assert "Month by month" in page
    assert asked[0] == asked[1]
