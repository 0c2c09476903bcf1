"""Already your customer: the dealership sees it before acceptance, without the number; the portal learns nothing."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.dealer.sales.makers import PHONE, offer, offered
from tests.dealer.sales.test_handlers import send
from tests.dealer.speaking import speaking

from dealer.customers import actions as customers
from dealer.sales import actions, envelope
from dealer.sales.models import Lead, LeadState
from dealer.sharing.actions import change_level
from exchange.models import Inbox, InboxPayload, Ledger, Payload
from exchange.testing import drain_exchange
from kernel.automotive.vin import make_vin
from kernel.contracts import WITHHELD, Purpose

VIN = make_vin("LSV", "AB12C", 2021, "A", 77)


@pytest.fixture
def at_north(wall, north):
    with north.bound():
        yield north.actor("sales_consultant")


def customer(actor, **fields):
    return customers.create_customer(actor=actor, name="王小明", **fields)


def line(vin, interest="trade-in"):
    names = ("status", "brand", "series", "model", "variant", "year", "stock_number", "colour", "odometer_km", "price")
    return dict.fromkeys((*names, "currency", "comment")) | {"interest": interest, "vin": vin}


def test_an_offer_says_by_what_its_person_is_known(at_north):
    customer(at_north, phone=PHONE)
    assert offered(email="new@example.com").known_by == ["phone"]
    assert offered(phone="13700137000", email="new@example.com").known_by == []


def test_a_number_that_stands_as_another_phone_and_an_address_are_known_too(at_north):
    customer(at_north, phone="13700137000", other_phone="138-1234-5678", email="Wang@Example.com")
    assert offered().known_by == ["phone", "email"]


@pytest.mark.parametrize(("interest", "known"), [("trade-in", ["vin"]), ("sell", ["vin"]), ("buy", []), (None, [])])
def test_a_car_counts_where_it_is_the_persons_own(at_north, interest, known):
    car = customers.register_vehicle(actor=at_north, vin=VIN, brand="XH")
    customers.set_party(actor=at_north, vehicle=car, customer=customer(at_north, phone="13700137000"))
    assert offered(phone=None, email=None, lines=[line(VIN, interest), line(None)]).known_by == known


def test_nobody_can_try_numbers_against_an_open_offer(at_north):
    lead = offered()
    customer(at_north, phone=PHONE)
    lead.refresh_from_db()
    assert lead.known_by == []


def test_an_offer_that_ends_keeps_nothing_of_it(at_north):
    customer(at_north, phone=PHONE)
    lead = offered()
    actions.decline_lead(actor=at_north, lead_id=lead.pk, reason="no_capacity")
    lead.refresh_from_db()
    assert (lead.state, lead.known_by) == (LeadState.DECLINED, None)
    assert offered(minutes=-1).known_by is None


def test_another_phone_links_the_accepted_lead_to_its_customer(at_north):
    known = customer(at_north, phone="13700137000", other_phone=PHONE)
    done = actions.accept_lead(actor=at_north, lead_id=offered().pk)
    assert (done.customer, done.linked) == (known, True)


def test_the_page_says_so_before_acceptance_and_shows_neither_name_nor_number(wall, north):
    with north.bound():
        customer(north.actor("sales_consultant"), phone=PHONE, email="wang@example.com")
        lead = offered()
        stranger = offered(phone="13700137000", email="new@example.com")
        assert envelope.unseal(lead.envelope)["phone"] == PHONE
    client = speaking(north, "sales_consultant", "en")
    for path in (f"/leads/{lead.pk}/", "/leads/"):
        page = client.get(path).content.decode()
        assert page.count("Already your customer") == 1
        assert "same phone number · same e-mail address" in page
        for secret in ("王小明", PHONE, PHONE[3:], "wang@example.com"):
            assert secret not in page
    assert "Already your customer" not in client.get(f"/leads/{stranger.pk}/").content.decode()
    found = client.get(f"/api/v1/leads/{lead.pk}").json()
    assert (found["known_by"], found["phone"], found["name"]) == (["phone", "email"], None, None)


def test_the_list_asks_no_more_for_known_leads(wall, north):
    client = speaking(north, "sales_consultant", "en")
    client.get("/leads/")
    asked = []
    for number in (2, 4):
        with north.bound():
            for _ in range(number):
                offered()
            customer(north.actor("sales_consultant"), phone=PHONE)
        with CaptureQueriesContext(connection) as seen:
            assert client.get("/leads/").status_code == 200
        asked.append(len(seen))
    assert asked[0] == asked[1]


def _without_ids(row):
    """What stands in a mailbox without what differs between any two runs: ids, times, hashes, places."""
    return (row.contract, row.version, row.purpose, row.level, row.state, row.reason)


def _told(known, portal, north):
    """What the portal holds of one more lead, from offer to acceptance, and the number of statements at the dealer."""
    wish = offer(phone=PHONE if known else "13700137000")
    with portal.bound():
        before = set(Inbox.objects.values_list("id", flat=True)), set(Ledger.objects.values_list("id", flat=True))
    send(portal, north, wish)
    drain_exchange()
    with north.bound():
        with CaptureQueriesContext(connection) as statements:
            lead = actions.apply_offer(offer(lead_id=wish.lead_id, fence=2, phone=wish.phone))
        assert bool(lead.known_by) is known
        actions.accept_lead(actor=north.actor("sales_consultant"), lead_id=wish.lead_id)
    drain_exchange()
    with portal.bound():
        up = Inbox.objects.exclude(id__in=before[0]).order_by("number")
        down = Ledger.objects.exclude(id__in=before[1]).order_by("number")
        bodies = dict(InboxPayload.objects.filter(id__in=up.values("id")).values_list("id", "body"))
        ids = ("lead_id", "at", "message_ids")
        left = [{key: value for key, value in bodies[row.id].items() if key not in ids} for row in up]
        return list(map(_without_ids, up)), left, list(map(_without_ids, down)), len(statements)


def test_the_portal_sees_the_same_of_a_known_and_an_unknown_lead(committed, portal, north):
    """Same messages, same fields, same receipts, and the same number of statements at the dealership, so that not even
    the time tells them apart."""
    with north.bound():
        actor = north.actor("sales_consultant")
        customers.create_customer(actor=actor, name="王小明", phone=PHONE)
    told = {known: _told(known, portal, north) for known in (True, False)}
    assert told[True] == told[False]
    assert {row[0] for row in told[True][0]} == {"Receipt", "LeadOutcome"}
    with north.bound():
        rows = list(Ledger.objects.filter(contract="KnownCustomer"))
    assert [(row.state, row.level, row.withheld["known"]) for row in rows] == [("withheld", "nothing", "ceiling")] * 2


@pytest.mark.parametrize(
    ("level", "body"),
    [
        ("pseudonymous", {"known": True}),
        ("full", {"known": True, "by": ["phone"]}),
    ],
)
def test_where_a_term_allows_it_the_manufacturer_learns_yes_or_no_of_accepted_leads(wall, north, level, body):
    with north.bound():
        change_level(
            actor=north.actor("general_manager"),
            contract="KnownCustomer",
            purpose=Purpose.LEAD_HANDLING,
            level=level,
        )
        actor = north.actor("sales_consultant")
        customer(actor, phone=PHONE)
        known, unknown = offered(), offered(phone="13700137000", email="x@example.com")
        assert not Ledger.objects.filter(contract="KnownCustomer").exists()
        for lead in (known, unknown):
            actions.accept_lead(actor=actor, lead_id=lead.pk)
        rows = Ledger.objects.filter(contract="KnownCustomer", state="recorded")
        sent = {row.subject: Payload.objects.get(id=row.id).body for row in rows}
    always = {"lead_id", "fence", "at", WITHHELD}
    assert {key: value for key, value in sent[known.pk].items() if key not in always} == body
    assert sent[unknown.pk]["known"] is False
    assert PHONE not in str(sent)


def test_a_lead_that_was_not_looked_up_is_not_told_as_unknown(at_north):
    lead = offered()
    Lead.objects.filter(pk=lead.pk).update(known_by=None)
    actions.accept_lead(actor=at_north, lead_id=lead.pk)
    assert not Ledger.objects.filter(contract="KnownCustomer").exists()
