"""Erasing one person: here, at the manufacturer's, at another dealership, and never back again."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from tests.dealer.sales.makers import car, offer
from tests.dealer.sharing.test_taking_back import visit_of
from tests.service import car_of, order_of, warranty_repair

from dealer.customers import actions as customers
from dealer.customers.models import Consent, Customer, Interaction
from dealer.organisation.models import Export, ExportState, Site
from dealer.sales import actions as sales
from dealer.sales.models import Lead, Prospect
from dealer.sharing import actions as sharing
from dealer.sharing.erasing import actions as erasing
from dealer.sharing.models import Disclosure, Erasure
from dealer.workshop import actions as workshop
from dealer.workshop.models import Appointment
from exchange import courier, outbound
from exchange.models import Inbox, InboxPayload, Ledger, Payload
from exchange.operations import reconcile
from exchange.testing import drain_exchange
from kernel import clock
from kernel.accounts.actors import SYSTEM
from kernel.accounts.models import Session, User
from kernel.audit.models import Entry
from kernel.automotive.vin import make_vin
from kernel.contracts import ErasureReceipt, ErasureRequest, Purpose
from kernel.contracts import Owner as OwnerContract
from kernel.errors import Conflict, Forbidden, IllegalTransition, Invalid
from kernel.idempotency.models import StoredAnswer
from kernel.testing.clocks import at
from oem.aftersales.models import ServiceVisit as PortalVisit
from oem.leads.actions import route_by_hand, take_in_lead
from oem.leads.models import Event, RawBytes
from oem.leads.models import Lead as PortalLead
from oem.owners.models import Owner
from oem.privacy import actions as privacy
from oem.privacy.models import Request

CARE = Purpose.CUSTOMER_CARE
NAME, PHONE = "欧阳明月", "+8613800138000"


@pytest.fixture
def manager(committed, north):
    return north.actor("general_manager")


@pytest.fixture
def consultant(committed, north):
    return north.actor("sales_consultant")


def owner_of(actor, serial=1, *, name=NAME, phone=PHONE):
    person = customers.create_customer(actor=actor, name=name, phone=phone, email=f"{serial}@example.com", note="瘦高")
    customers.record_consent(
        actor=actor, customer=person, purpose=CARE, recipient="manufacturer", evidence=f"{name} 签字"
    )
    vin = make_vin("LXH", "AB12C", 2024, "N", serial)
    vehicle = customers.register_vehicle(actor=actor, vin=vin, brand="XH", series="XH-HF", plate=f"苏A{serial:05d}")
    customers.set_party(actor=actor, vehicle=vehicle, customer=person)
    customers.log_interaction(actor=actor, customer=person, channel="phone", content=f"{name} 问保养")
    return person, vehicle


@pytest.fixture
def people(committed, north, manager, consultant):
    """Two owners whom the manufacturer knows by name."""
    with north.bound():
        sharing.change_level(actor=manager, contract="Owner", purpose=CARE, level="full")
        made = [owner_of(consultant)[0], owner_of(consultant, 2, name="李晓华", phone="+8613800138001")[0]]
    drain_exchange()
    return made


def erase(north, manager, person, **given):
    return erasing.erase_customer(actor=manager, customer=person, typed=str(person.number), **given)


def everything(*models):
    return str([list(model.objects.values_list()) for model in models])


def test_an_erased_person_is_gone_here_and_at_the_manufacturers_and_the_other_is_not(people, north, portal, manager):
    person, _other = people
    with north.bound():
        found = erasing.preview(person)
        assert found.rows["customers.Customer"] == 1
        assert found.sent >= 1
        row = erase(north, manager, person)
        person.refresh_from_db()
        assert (person.name, person.phone, person.note) == (f"#{person.number}", "", "")
        assert person.erased_at is not None
        here = everything(Customer, Interaction, Consent, Ledger, Payload, Entry, Disclosure)
        assert NAME not in here
        assert "13800138000" not in here
        assert "李晓华" in here
    drain_exchange()
    with portal.bound():
        there = everything(Owner, InboxPayload, Entry, Ledger)
        assert NAME not in there
        assert "李晓华" in there
    with north.bound():
        row.refresh_from_db()
        assert row.state == "done"
        assert row.receipts[0]["outcome"] == "done"
        assert row.receipts[0]["records"] >= 1
    assert reconcile()["differences"] == []


def test_who_may_and_only_after_typing_the_number(people, north, manager):
    person = people[0]
    with north.bound():
        for role in ("sales_manager", "it_admin", "crm_specialist"):
            with pytest.raises(Forbidden):
                erase(north, north.actor(role), person)
        with pytest.raises(Conflict) as caught:
            erasing.erase_customer(actor=manager, customer=person, typed="欧阳明月")
        assert caught.value.code == "not_confirmed"
        erase(north, north.actor("crm_manager"), person)
        with pytest.raises(Conflict) as caught:
            erase(north, manager, person)
        assert caught.value.code == "erased"


def test_nothing_is_written_about_an_erased_person_again(people, north, manager, consultant):
    person = people[0]
    with north.bound():
        erase(north, manager, person)
        before = Ledger.objects.filter(contract="Owner").count()
        again = [
            lambda: customers.update_customer(actor=consultant, customer=person, name=NAME),
            lambda: customers.meet_customer(actor=north.actor("service_adviser"), customer=person),
            lambda: customers.log_interaction(actor=consultant, customer=person, channel="phone", content=NAME),
            lambda: customers.record_consent(actor=consultant, customer=person, purpose=CARE, recipient="manufacturer"),
        ]
        for write in again:
            with pytest.raises(Conflict) as caught:
                write()
            assert caught.value.code == "erased"
        for ownership in list(person.ownerships.all()):
            assert sharing.share_owner(ownership, SYSTEM, clock.now()) == []
        assert Ledger.objects.filter(contract="Owner").count() == before


def test_an_unfinished_sale_or_repair_stands_in_the_way(committed, north, manager, consultant):
    with north.bound():
        person, vehicle = car_of(north)
        order_of(north, person, vehicle)
        with pytest.raises(Conflict) as caught:
            erase(north, manager, person)
        assert caught.value.code == "order_running"
        prospect = sales.create_prospect(
            actor=consultant, person={"name": "李晓华", "phone": "+8613812345678"}, channel="showroom_visit"
        )
        quotation = sales.make_quotation(
            actor=consultant, prospect_id=prospect.pk, vehicle_id=car(7).pk, discount=Decimal(3800)
        )
        sales.sign_contract(actor=consultant, quotation_id=quotation.pk)
        with pytest.raises(Conflict) as caught:
            erase(north, manager, prospect.customer)
        assert caught.value.code == "contract_stands"


def test_an_open_prospect_is_closed_and_an_appointment_cancelled(committed, north, manager, consultant):
    with north.bound():
        prospect = sales.create_prospect(
            actor=consultant,
            person={"name": "李晓华", "phone": "+8613812345678"},
            channel="showroom_visit",
            wish="李要白",
        )
        vehicle = customers.register_vehicle(
            actor=consultant, vin=make_vin("LXH", "AB12C", 2024, "N", 5), brand="XH", series="XH-HF"
        )
        customers.set_party(actor=consultant, vehicle=vehicle, customer=prospect.customer)
        workshop.book_appointment(
            actor=north.actor("service_adviser"),
            customer=prospect.customer,
            vehicle=vehicle,
            site=Site.objects.first(),
            starts_at=clock.now() + timedelta(days=2),
            kind="maintenance",
            wish="李女士要等",
        )
        erase(north, manager, prospect.customer)
        prospect.refresh_from_db()
        assert (prospect.state, prospect.wish) == ("lost", "")
        assert Appointment.objects.values_list("state", "wish").get() == ("cancelled", "")


def test_the_law_makes_the_dealership_keep_the_repair_without_the_name(committed, north, manager):
    with north.bound():
        order, claim = warranty_repair(north)
        person = order.customer
        found = erasing.preview(person)
        assert {line["law"] for line in found.kept} == {"cn.order43.17"}
        row = erase(north, manager, person)
        order.refresh_from_db()
        claim.refresh_from_db()
        assert order.total > 0
        assert (claim.complaint, claim.cause) == ("", "")
        assert {line["law"] for line in row.kept} == {"cn.order43.17"}


# -- leads, and what the manufacturer passes on


@pytest.fixture
def lead(committed, north, south, portal):
    """A lead that north had and lost, and that south has accepted."""
    with portal.bound():
        desk = portal.actor("lead_desk")
        _intake, (made,) = take_in_lead(
            given={
                "name": NAME, "phone": PHONE, "email": "moon@example.com", "wish_text": "欧阳要蓝色的",
                "brand": "XH", "series": "XH-HF",
            },
            door="json",
            source="test",
            actor=desk,
        )  # fmt: skip
        route_by_hand(lead_id=made.pk, dealership=north.id, actor=desk)
    drain_exchange()
    with north.bound():
        sales.decline_lead(actor=north.actor("sales_manager"), lead_id=made.pk, reason="other", text="欧阳住得太远")
    drain_exchange()  # declined, it goes on to the next dealership by itself
    with south.bound():
        sales.accept_lead(actor=south.actor("sales_manager"), lead_id=made.pk)
    drain_exchange()
    return made.pk


def test_a_dealership_erases_its_lead_and_raw_intake_timeline_and_stub_elsewhere_go(lead, north, south, portal):
    with south.bound():
        person = Prospect.objects.get(lead_id=lead).customer
        row = erasing.erase_customer(actor=south.actor("general_manager"), customer=person, typed=str(person.number))
    drain_exchange()
    with portal.bound():
        found = PortalLead.objects.get(pk=lead)
        assert (found.name, found.phone, found.wish_text, found.state) == ("", "", "", "closed")
        assert not RawBytes.objects.exists()
        assert "欧阳" not in everything(PortalLead, Event, InboxPayload, Payload, Ledger, Entry)
        request = Request.objects.get()
        assert request.asked == [str(north.id)]
        assert request.answers[str(north.id)]["outcome"] == "done"
        assert request.settled_at is not None
    with north.bound():
        assert "欧阳" not in everything(Lead, Ledger, Payload, InboxPayload, Entry)
        assert not Erasure.objects.exists()
    with south.bound():
        row.refresh_from_db()
        assert row.state == "done"
        assert "欧阳" not in everything(Customer, Lead, Prospect, InboxPayload, Ledger, Payload, Entry)


def test_asked_at_the_manufacturers_the_dealership_that_has_the_customer_decides(lead, north, south, portal):
    officer = portal.actor("privacy_officer")
    with portal.bound():
        found = PortalLead.objects.get(pk=lead)
        with pytest.raises(Forbidden):
            privacy.erase_lead(actor=portal.actor("lead_desk"), lead=found, typed=str(found.number))
        with pytest.raises(Conflict):
            privacy.erase_lead(actor=officer, lead=found, typed="x")
        request = privacy.erase_lead(actor=officer, lead=found, typed=f"#{found.number}")
        assert set(request.asked) == {str(north.id), str(south.id)}
        assert request.settled_at is None
    drain_exchange()
    with portal.bound():
        request.refresh_from_db()
        assert {said["outcome"] for said in request.answers.values()} == {"done", "asked"}
        assert request.settled_at is None
    with south.bound():
        question = Erasure.objects.get()
        assert (question.state, question.origin) == ("asked", "manufacturer")
        person = Customer.objects.get(pk=question.customer_id)
        assert person.name == NAME
        erasing.erase_customer(
            actor=south.actor("general_manager"), customer=person, typed=str(person.number), asked=question
        )
    drain_exchange()
    with portal.bound():
        request.refresh_from_db()
        assert {said["outcome"] for said in request.answers.values()} == {"done"}
        assert request.settled_at is not None
    with south.bound():
        question.refresh_from_db()
        assert question.state == "done"


def test_a_dealership_may_decline_with_a_reason(lead, south, portal):
    with portal.bound():
        found = PortalLead.objects.get(pk=lead)
        request = privacy.erase_lead(actor=portal.actor("privacy_officer"), lead=found, typed=str(found.number))
    drain_exchange()
    boss = south.actor("general_manager")
    with south.bound():
        question = Erasure.objects.get()
        with pytest.raises(Invalid):
            erasing.decline(actor=boss, erasure=question, reason=" ")
        erasing.decline(actor=boss, erasure=question, reason="合同仍在履行")
        with pytest.raises(IllegalTransition):
            erasing.decline(actor=boss, erasure=question, reason="again")
    drain_exchange()
    with portal.bound():
        request.refresh_from_db()
        assert request.answers[str(south.id)]["outcome"] == "declined"
        assert request.settled_at is not None


# -- in the other order, twice, later


def test_an_offer_under_way_when_the_person_is_erased_shows_nobody(committed, north, portal):
    with portal.bound():
        desk = portal.actor("lead_desk")
        _intake, (made,) = take_in_lead(
            given={"name": NAME, "phone": PHONE, "brand": "XH", "series": "XH-HF"}, door="json", source="t", actor=desk
        )
        route_by_hand(lead_id=made.pk, dealership=north.id, actor=desk)
        made.refresh_from_db()
        privacy.erase_lead(actor=portal.actor("privacy_officer"), lead=made, typed=str(made.number))
        assert Ledger.objects.filter(contract="SalesLead", state="stopped", reason="erased").exists()
    drain_exchange()
    with north.bound():
        assert NAME not in everything(Lead, InboxPayload, Entry)
        assert not Lead.objects.exclude(envelope="").exists()


def test_an_offer_that_arrived_and_was_not_applied_yet_is_set_aside(committed, north, portal):
    record = offer()
    with portal.bound():
        outbound.send_down(
            record, to=north.id, subject=record.lead_id, purpose=Purpose.LEAD_HANDLING, actor=SYSTEM,
            event_at=clock.now(),
        )  # fmt: skip
    courier.sweep()
    with north.bound():
        asked = ErasureRequest(
            erasure_id=uuid4(), owner_keys=["p_x", str(uuid4())], lead_ids=[record.lead_id], message_ids=[], place="CN"
        )
        for _twice in range(2):
            erasing.receive_request(asked)
        assert Inbox.objects.get(subject=record.lead_id).state == "skipped"
        assert not InboxPayload.objects.filter(id__in=Inbox.objects.values("id")).exists()
        assert Ledger.objects.filter(contract="ErasureReceipt").count() == 1
    drain_exchange()
    with north.bound():
        assert not Lead.objects.exists()


def test_an_owner_message_that_comes_after_the_erasure_keeps_nobody(people, north, portal, manager):
    person = people[0]
    with north.bound():
        body = Payload.objects.get(id=Ledger.objects.filter(contract="Owner", level="full").last().id).body
        late = OwnerContract.from_json(body, partial=True)
        erase(north, manager, person)
        object.__setattr__(late, "withheld_keys", frozenset())
        outbound.send_down(
            late, to=outbound.own_id() and Ledger.objects.first().receiver, subject=uuid4(), purpose=CARE,
            actor=SYSTEM, event_at=clock.now(),
        )  # fmt: skip
    drain_exchange()
    with portal.bound():
        assert not Owner.objects.filter(owner_key=str(person.pk)).exists()
        assert NAME not in everything(Owner, InboxPayload)


def test_what_was_written_while_it_was_done_is_found_by_the_second_pass(people, north, manager, consultant):
    person = people[0]
    with north.bound():
        row = erase(north, manager, person)
        Interaction.objects.create(customer=person, at=clock.now(), channel="phone", content=f"{NAME} 来电")
        assert erasing.finish() == 0
        assert erasing.finish(at=clock.now() + erasing.SETTLED_AFTER) == 1
        assert NAME not in everything(Interaction)
        row.refresh_from_db()
        assert row.swept_at is not None
        assert erasing.finish(at=clock.now() + 2 * erasing.SETTLED_AFTER) == 0


def test_stored_answers_sessions_and_exports_do_not_outlive_the_person(people, north, manager, consultant):
    person, other = people
    with north.bound():
        now = clock.now()
        for one in people:
            StoredAnswer.objects.create(
                key=str(one.pk), owner=uuid4(), method="POST", path="/api/v1/customers/", fingerprint="x", status=201,
                body=f'{{"id": "{one.pk}", "name": "{one.name}"}}'.encode(), expires_at=now + timedelta(days=1),
            )  # fmt: skip
        Session.objects.create(
            key_hash="x", realm=str(north.id), user=User.objects.first(), data={"messages": f"{NAME} 已保存"},
            created_at=now, last_seen=now, expires_at=now + timedelta(days=1),
        )  # fmt: skip
        Export.objects.create(
            state=ExportState.DONE, asked_at=now, file="a.zip", finished_at=now, expires_at=now + timedelta(days=7)
        )
        erase(north, manager, person)
        assert StoredAnswer.objects.get().key == str(other.pk)
        assert Session.objects.get().data == {"messages": " 已保存"}
        assert Export.objects.get().expires_at <= clock.now()


def test_an_older_backup_brings_nobody_back(people, north, manager):
    person = people[0]
    with north.bound():
        erase(north, manager, person)
        Customer.objects.filter(pk=person.pk).update(name=NAME, phone=PHONE, erased_at=None)
        assert erasing.erase_again(person.pk)
        assert not erasing.erase_again(person.pk)
        assert not erasing.erase_again(uuid4())
        assert NAME not in everything(Customer, Entry)


def test_receipts_come_again_and_only_for_what_was_asked(people, north, manager):
    with north.bound():
        row = erase(north, manager, people[0])
        said = ErasureReceipt(erasure_id=row.pk, at=clock.now(), outcome="done", records=3, kept=[])
        for _twice in range(2):
            erasing.note_receipt(said)
        row.refresh_from_db()
        assert len(row.receipts) == 1
        with pytest.raises(LookupError):
            erasing.note_receipt(ErasureReceipt(erasure_id=uuid4(), at=clock.now(), outcome="done", records=0, kept=[]))


def test_a_dealership_erases_nothing_of_another(people, south, portal):
    with portal.bound():
        keys = list(Owner.objects.values_list("owner_key", flat=True))
        messages = list(Inbox.objects.values_list("id", flat=True))
        asked = ErasureRequest(erasure_id=uuid4(), owner_keys=keys, lead_ids=[], message_ids=messages, place="CN")
        request = privacy.erase_for(asked, dealership=south.id, message=uuid4())
        assert Owner.objects.count() == 2
        assert request.records == 0
        with pytest.raises(LookupError):
            privacy.note_answer(
                ErasureReceipt(erasure_id=uuid4(), at=clock.now(), outcome="done", records=0, kept=[]),
                dealership=south.id,
            )


def test_a_law_whose_time_is_over_keeps_nothing_and_an_answer_names_what_is_kept(committed, north, portal, manager):
    with north.bound():
        order, _claim = warranty_repair(north)
        person = order.customer
        erasing.receive_request(
            ErasureRequest(erasure_id=uuid4(), owner_keys=[str(person.pk)], lead_ids=[], message_ids=[], place="CN")
        )
        now = erasing.kept_by_law(erasing.person_of(person.pk))
        with at(clock.now() + timedelta(days=5000)):
            assert erasing.kept_by_law(erasing.person_of(person.pk)) == []
        question = Erasure.objects.get()
        erase(north, manager, person, asked=question)
        said = Payload.objects.get(id=Ledger.objects.filter(contract="ErasureReceipt").first().id).body
        assert [line["law"] for line in said["kept"]] == [line["law"] for line in now] != []
        assert erasing._finish(question.pk, clock.now()) == 1
        assert erasing._finish(question.pk, clock.now()) == 0


def test_the_manufacturer_is_answered_when_all_its_customers_are_decided(people, north, manager):
    with north.bound():
        keys = [str(person.pk) for person in people]
        erasing.receive_request(
            ErasureRequest(erasure_id=uuid4(), owner_keys=keys, lead_ids=[], message_ids=[], place="CN")
        )
        first, second = Erasure.objects.order_by("customer_number")
        erasing.decline(actor=manager, erasure=first, reason="仍在保修")
        assert Ledger.objects.filter(contract="ErasureReceipt").count() == 1
        erasing.decline(actor=manager, erasure=second, reason="仍在保修")
        assert Ledger.objects.filter(contract="ErasureReceipt").count() == 2


def test_visits_of_an_erased_person_go_and_the_request_is_done_once(people, north, portal, manager, consultant):
    person = people[0]
    with north.bound():
        sharing.change_level(actor=manager, contract="ServiceVisit", purpose=Purpose.ANALYTICS, level="full")
        vehicle = person.ownerships.get().vehicle
        sharing.share(visit_of(vehicle), subject=vehicle.pk, customer=person, actor=consultant, event_at=clock.now())
    drain_exchange()
    with portal.bound():
        assert PortalVisit.objects.count() == 1
    with north.bound():
        row = erase(north, manager, person)
    drain_exchange()
    with portal.bound():
        assert not PortalVisit.objects.exists()
        asked = ErasureRequest(erasure_id=row.pk, owner_keys=[], lead_ids=[], message_ids=[], place="CN")
        assert privacy.erase_for(asked, dealership=north.id, message=uuid4()).pk == row.pk
        assert Request.objects.count() == 1
