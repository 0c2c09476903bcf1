"""Who can see a record, and why: on the dealership's side from its ledger, on the manufacturer's from the message."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.dealer.speaking import speaking

from dealer.customers import actions as customers
from dealer.sharing import actions
from dealer.sharing.models import Disclosure
from exchange import explaining, outbound
from exchange.gate import Reason
from exchange.models import Inbox, InboxPayload, Ledger, Payload
from exchange.testing import exchange_drained
from kernel.automotive.vin import make_vin
from kernel.contracts import WITHHELD, Level, Owner
from oem.leads import actions as leads
from oem.leads.models import Door, Offer, OfferState
from oem.owners import explaining as explaining_owners
from oem.owners import models as received

VIN = make_vin("LXH", "AB12C", 2024, "N", 3)


def plain(answer):
    assert answer.status_code == 200, answer.content.decode()[-2000:]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def tell_of_an_owner(north, *, consent=True, withdrawn=False):
    """A customer whose car was told on at level full, as far as the consent goes."""
    manager, consultant = north.actor("general_manager"), north.actor("sales_consultant")
    with north.bound():
        actions.change_level(actor=manager, contract="Owner", purpose="customer_care", level="full")
        person = customers.create_customer(actor=consultant, name="王小明", phone="13800138000")
        if consent:
            given = customers.record_consent(
                actor=consultant, customer=person, purpose="customer_care", recipient="manufacturer"
            )
            if withdrawn:
                customers.withdraw_consent(actor=consultant, consent=given)
        car = customers.register_vehicle(actor=consultant, vin=VIN, brand="XH", series="XH-HF")
        customers.set_party(actor=consultant, vehicle=car, customer=person)
    return person, car


def test_the_dealership_reads_the_rules_worked_out_again_from_what_was_stored(wall, north):
    person, _car = tell_of_an_owner(north)
    client = speaking(north, "crm_manager", "en")
    page = plain(client.get(f"/sharing/explain/customer/{person.pk}/"))
    assert "Xinghe Motors · Owners · Customer care" in page
    assert "asks for the level “Full”" in page
    assert re.search(r"The customer agreed on \S+, text 2026-1", page)
    assert "CRM manager" in page
    # Another path in the ledger gives another answer: no sentence is kept.
    with north.bound():
        row = Ledger.objects.get(contract="Owner")
    assert explaining.level_of(row.path) is Level.FULL
    assert explaining.level_of([*row.path, {**row.path[0], "cap": "counts", "reason": "ceiling"}]) is Level.COUNTS


def test_a_missing_field_names_what_withheld_it(wall, north):
    person, _car = tell_of_an_owner(north, consent=False)
    page = plain(speaking(north, "crm_manager", "en").get(f"/sharing/explain/customer/{person.pk}/"))
    assert re.search(r"Phone\s+The customer has given no consent", page)
    assert "Pseudonymous" in page


def test_before_anything_has_left_the_level_in_force_is_said(wall, north):
    with north.bound():
        person = customers.create_customer(actor=north.actor("crm_manager"), name="李四", phone="13800138001")
    page = plain(speaking(north, "crm_manager", "en").get(f"/sharing/explain/customer/{person.pk}/"))
    assert "Nothing of this record has left yet" in page


@pytest.mark.parametrize(
    ("kind", "role", "status"),
    [
        ("customer", "technician", 403),
        ("claim", "sales_consultant", 403),
        ("claim", "service_manager", 200),
        ("sale", "sales_consultant", 200),
        ("order", "service_adviser", 200),
        ("lead", "sales_consultant", 200),
        ("nothing", "general_manager", 404),
    ],
)
def test_who_may_ask_about_what(wall, north, kind, role, status):
    person, _car = tell_of_an_owner(north)
    assert north.client(role).get(f"/sharing/explain/{kind}/{person.pk}/").status_code == status


def test_an_address_that_names_nothing_is_nowhere(wall, north):
    assert north.client("general_manager").get("/sharing/explain/claim/xyz/").status_code == 404
    assert north.client("general_manager").get(f"/sharing/explain/customer/{uuid4()}/").status_code == 404


def test_a_car_is_asked_about_by_its_vin(wall, north):
    tell_of_an_owner(north)
    client = speaking(north, "general_manager", "en")
    assert "The customer agreed on" in plain(client.get(f"/sharing/explain/car/{VIN}/"))
    assert "Nothing of this record has left yet" in plain(client.get(f"/sharing/explain/car/{VIN[::-1]}/"))


def test_another_dealership_learns_nothing(wall, north, south):
    person, _car = tell_of_an_owner(north)
    assert south.client("general_manager").get(f"/sharing/explain/customer/{person.pk}/").status_code == 404
    assert "agreed on" not in plain(speaking(south, "general_manager", "en").get(f"/sharing/explain/car/{VIN}/"))


def test_a_long_history_costs_no_more_questions(wall, north):
    person, _car = tell_of_an_owner(north)
    client = north.client("crm_manager")

    def asked():
        with CaptureQueriesContext(connection) as found:
            assert client.get(f"/sharing/explain/customer/{person.pk}/").status_code == 200
        return len(found)

    asked()  # signs in and reads the agreement's names
    few = asked()
    with north.bound():
        for n in range(8):
            customers.update_customer(actor=north.actor("crm_manager"), customer=person, address=f"Street {n}")
    assert asked() == few


def test_a_part_of_a_page_is_answered_without_the_page(wall, north):
    person, _car = tell_of_an_owner(north)
    answer = north.client("crm_manager").get(f"/sharing/explain/customer/{person.pk}/", headers={"HX-Request": "true"})
    assert "<html" not in answer.content.decode()
    card = north.client("crm_manager").get(f"/customers/{person.pk}/").content.decode()
    assert f'hx-get="/sharing/explain/customer/{person.pk}/"' in card


def test_what_was_stopped_says_so_and_shows_nothing_as_seen(wall, north):
    person, _car = tell_of_an_owner(north)
    with north.bound():
        actions.change_level(
            actor=north.actor("general_manager"), contract="Owner", purpose="customer_care", level="nothing"
        )
        row = Ledger.objects.get(contract="Owner")
        assert row.state == "stopped"
    page = plain(speaking(north, "crm_manager", "en").get(f"/sharing/explain/customer/{person.pk}/"))
    assert "The level was lowered before it was delivered." in page
    assert "Can be seen" not in page


def test_what_is_only_counted_says_so(wall, north):
    with north.bound():
        manager, consultant = north.actor("general_manager"), north.actor("sales_consultant")
        actions.change_level(actor=manager, contract="Owner", purpose="customer_care", level="counts")
        person = customers.create_customer(actor=consultant, name="王小明", phone="13800138000")
        car = customers.register_vehicle(actor=consultant, vin=VIN, brand="XH", series="XH-HF")
        customers.set_party(actor=consultant, vehicle=car, customer=person)
        assert Disclosure.objects.get(customer_id=person.pk).counted
    page = plain(speaking(north, "crm_manager", "en").get(f"/sharing/explain/customer/{person.pk}/"))
    assert "Only counted" in page


# -- on the way up


def test_the_message_says_why_fields_stayed_but_not_what_the_customer_answered(wall, north):
    tell_of_an_owner(north, withdrawn=True)
    with north.bound():
        row = Ledger.objects.get(contract="Owner")
        body = Payload.objects.get(id=row.id).body
        assert row.withheld["phone"] == "consent_withdrawn"
        assert body[WITHHELD]["phone"] == "no_consent"
        assert WITHHELD not in row.released
        assert row.commitment == outbound.commit_to(Payload.objects.get(id=row.id).salt, body)


def test_every_reason_about_a_consent_is_told_as_none_in_force():
    told = {str(reason): outbound.told(reason) for reason in Reason}
    assert {code for code, as_told in told.items() if code != as_told} == {
        code for code in Reason.values if code.startswith("consent_")
    }
    assert outbound.with_reasons({"a": 1}, {}) == {"a": 1}


def test_a_reader_takes_reasons_for_no_field():
    body = {"version": 1, "owner_key": "7", "vin": VIN, "role": "owner", "kind": "individual"}
    record = Owner.from_json(body | {WITHHELD: {"phone": "no_consent"}, "later": 1}, partial=True)
    assert record.unknown_keys == ("later",)
    assert "phone" in record.withheld_keys


@pytest.fixture
def at_the_manufacturer(committed, portal, north):
    """An owner of north who gave no consent, as it stands at the manufacturer."""
    with exchange_drained():
        tell_of_an_owner(north, consent=False)
    with portal.bound():
        return received.Owner.objects.get()


def test_the_manufacturer_reads_what_withheld_each_field(at_the_manufacturer, portal, north):
    row = at_the_manufacturer
    client = speaking(portal, "crm_analyst", "en")
    page = plain(client.get(f"/explain/owner/{row.pk}/"))
    assert re.search(r"Phone\s+The customer has given no consent", page)
    assert "shares at the level “Pseudonymous”" in page
    assert "Received for “Customer care”, and shown for nothing else." in page
    assert f'hx-get="/explain/owner/{row.pk}/"' in client.get(f"/owners/{row.pk}/").content.decode()
    car = plain(client.get(f"/explain/vehicle/{row.vin}/"))
    assert re.search(r"Phone\s+The customer has given no consent", car)

    # Without the message's content, the reasons are gone with it.
    with portal.bound():
        assert explaining.reasons_received([row.message])[row.message]["phone"] == "no_consent"
        InboxPayload.objects.filter(id=row.message).delete()
    assert "no longer kept here" in plain(client.get(f"/explain/owner/{row.pk}/"))


def test_a_message_without_reasons_leaves_them_unknown(at_the_manufacturer, north):
    """As from a release before reasons travelled: a receipt carries none."""
    with north.bound():
        whole = Inbox.objects.filter(contract="Receipt").latest("number")
        assert explaining.reasons_received([whole.id]) == {whole.id: {}}
        said = explaining_owners.received(
            "Owner",
            purpose="customer_care",
            level="full",
            agreement_version="",
            withheld=["phone"],
            told=explaining.reasons_received([whole.id])[whole.id],
            at=whole.event_at,
            dealership="North",
        )
    assert [str(why) for _name, why in said.withheld] == [str(explaining_owners.NO_REASON)]


def test_who_at_the_manufacturer_may_ask(at_the_manufacturer, portal):
    row = at_the_manufacturer
    assert portal.client("lead_desk").get(f"/explain/owner/{row.pk}/").status_code == 403
    analyst = portal.client("crm_analyst")
    assert analyst.get(f"/explain/owner/{uuid4()}/").status_code == 404
    assert analyst.get("/explain/owner/xyz/").status_code == 404
    assert analyst.get("/explain/claim/xyz/").status_code in (403, 404)


def test_a_lead_says_which_dealerships_saw_what(wall, portal, north):
    with portal.bound():
        desk = portal.actor("lead_desk")
        given = {"name": "王芳", "phone": "13900001111", "brand": "XH"}
        lead = leads.take_in_lead(given=given, door=Door.DESK, source="desk", actor=desk)[1][0]
        leads.route_by_hand(lead_id=lead.id, dealership=north.id, actor=desk)
    client = speaking(portal, "lead_desk", "en")
    page = plain(client.get(f"/explain/lead/{lead.pk}/"))
    assert re.search(r"Phone\s+Sealed until the lead is accepted", page)
    assert "who does not take a lead keeps nothing personal" in page
    with portal.bound():
        Offer.objects.filter(lead=lead).update(state=OfferState.ACCEPTED)
    page = plain(client.get(f"/explain/lead/{lead.pk}/"))
    assert "Whoever accepts a lead sees everything of it" in page
    assert "Sealed" not in page
    assert f'hx-get="/explain/lead/{lead.pk}/"' in client.get(f"/leads/{lead.pk}/").content.decode()
