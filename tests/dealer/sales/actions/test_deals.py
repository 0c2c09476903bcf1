"""Test drive, quotation, contract with approval, delivery: from the showroom to the road."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from tests.dealer.sales.makers import accepted, approved, car, colleague, prospect, quotation, signed

from dealer.customers.models import OdometerReading, Ownership, Vehicle
from dealer.sales import actions, derive, models
from dealer.sales.actions.contracts import Due, may_decide
from dealer.sales.actions.quotations import Line, add_up
from dealer.sales.models import (
    CONTRACT_TRANSITIONS,
    QUOTATION_TRANSITIONS,
    TEST_DRIVE_TRANSITIONS,
    ChecklistItem,
    ContractState,
    QuotationState,
    SalesPolicy,
    Stage,
)
from dealer.stock import actions as stock
from dealer.stock.models import VehicleState
from exchange.models import Ledger
from kernel import clock
from kernel.accounts.actors import SYSTEM, Actor
from kernel.errors import Conflict, Forbidden, IllegalTransition, Invalid


@pytest.fixture
def consultant(wall, north):
    return north.actor("sales_consultant")


@pytest.fixture
def manager(wall, north):
    return north.actor("sales_manager")


# -- test drives -------------------------------------------------------------------------------------


def test_a_test_drive_is_booked_and_driven_with_a_licence(north, consultant):
    with north.bound():
        person, vehicle = accepted(consultant), car()
        drive = actions.book_test_drive(
            actor=consultant,
            prospect_id=person.pk,
            vehicle_id=vehicle.pk,
            scheduled_at=clock.now() + timedelta(hours=2),
        )
        with pytest.raises(Invalid) as caught:
            actions.complete_test_drive(actor=consultant, test_drive_id=drive.pk, licence_seen=False)
        assert list(caught.value.fields) == ["licence_seen"]
        actions.complete_test_drive(actor=consultant, test_drive_id=drive.pk, licence_seen=True, result="liked")
        drive.refresh_from_db()
        person.refresh_from_db()
        assert (drive.state, drive.licence_seen, person.stage) == (models.TestDriveState.DONE, True, Stage.TEST_DRIVE)
        assert person.lead.state == "test_drive"
        with pytest.raises(IllegalTransition):
            actions.cancel_test_drive(actor=consultant, test_drive_id=drive.pk)


@pytest.mark.parametrize(("minutes", "free"), [(0, False), (44, False), (45, True), (-44, False), (-45, True)])
def test_one_car_is_not_booked_twice_at_a_time(north, consultant, minutes, free):
    with north.bound():
        person, vehicle = accepted(consultant), car()
        at = clock.now() + timedelta(hours=5)
        book = {"actor": consultant, "prospect_id": person.pk, "vehicle_id": vehicle.pk}
        actions.book_test_drive(scheduled_at=at, **book)
        with nullcontext() if free else pytest.raises(Conflict, match="booked for another"):
            actions.book_test_drive(scheduled_at=at + timedelta(minutes=minutes), **book)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"minutes": 5}, "minutes"),
        ({"scheduled_at": timedelta(days=-2)}, "scheduled_at"),
        ({"scheduled_at": timedelta(days=400)}, "scheduled_at"),
        ({"route": "x" * 121}, "route"),
    ],
)
def test_a_wrong_booking_names_the_field(north, consultant, fields, wrong):
    with north.bound():
        when = clock.now() + fields.pop("scheduled_at", timedelta(hours=1))
        with pytest.raises(Invalid) as caught:
            actions.book_test_drive(actor=consultant, prospect_id=accepted(consultant).pk, scheduled_at=when, **fields)
        assert list(caught.value.fields) == [wrong]


def test_who_does_not_come_is_noted(north, consultant):
    with north.bound():
        drive = actions.book_test_drive(
            actor=consultant, prospect_id=accepted(consultant).pk, scheduled_at=clock.now() + timedelta(hours=2)
        )
        actions.cancel_test_drive(actor=consultant, test_drive_id=drive.pk, no_show=True)
        drive.refresh_from_db()
        assert drive.state == models.TestDriveState.NO_SHOW


# -- quotations --------------------------------------------------------------------------------------


def test_a_quotation_adds_up(north, consultant):
    with north.bound():
        made = quotation(
            consultant,
            prospect(consultant),
            car(),
            insurance=Decimal("5200"),
            extras=[Line("option", "全景天窗", Decimal("6000")), Line("gift", "脚垫", Decimal(0))],
        )
        assert (made.list_price, made.discount, made.total) == (
            Decimal("168800.00"),
            Decimal("3800.00"),
            Decimal("176200.00"),
        )
        lines = list(made.lines.all())
        assert [line.kind for line in lines] == ["vehicle", "option", "gift", "discount", "insurance"]
        assert sum(line.amount for line in lines) == made.total
        assert made.valid_until == derive.today() + timedelta(days=14)


def test_a_car_to_be_ordered_takes_its_price_from_the_catalogue(north, consultant):
    with north.bound():
        made = actions.make_quotation(actor=consultant, prospect_id=prospect(consultant).pk, variant="XH-HF-26-01")
        assert (made.brand, made.series, made.model) == ("XH", "XH-HF", "XH-HF-26")
        assert made.total == made.list_price > 0


def test_a_new_version_replaces_the_one_before(north, consultant):
    with north.bound():
        person, vehicle = accepted(consultant), car()
        first, second = quotation(consultant, person, vehicle), quotation(consultant, person, vehicle)
        first.refresh_from_db()
        assert (first.version, first.state) == (1, QuotationState.REPLACED)
        assert (second.version, second.state) == (2, QuotationState.OPEN)
        person.refresh_from_db()
        assert (person.stage, person.lead.state) == (Stage.QUOTED, "quoted")
        with pytest.raises(Conflict):
            actions.sign_contract(actor=consultant, quotation_id=first.pk)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"discount": Decimal(-1)}, "discount"),
        ({"discount": Decimal(999_999)}, "discount"),
        ({"insurance": Decimal(-5)}, "insurance"),
        ({"list_price": Decimal(0), "discount": Decimal(0)}, "list_price"),
        ({"list_price": Decimal(10) ** 12}, "list_price"),
        ({"valid_until": timedelta(days=-1)}, "valid_until"),
        ({"valid_until": timedelta(days=181)}, "valid_until"),
        ({"extras": [Line("discount", "x", Decimal(1))]}, "extras.0.kind"),
        ({"extras": [Line("option", " ", Decimal(1))]}, "extras.0.text"),
        ({"extras": [Line("option", "x", Decimal(-1))]}, "extras.0.amount"),
        ({"extras": [Line("option", "x", Decimal(1))] * 31}, "extras"),
    ],
)
def test_wrong_figures_are_named(north, consultant, fields, wrong):
    with north.bound():
        if "valid_until" in fields:
            fields = {"valid_until": derive.today() + fields["valid_until"]}
        with pytest.raises(Invalid) as caught:
            quotation(consultant, prospect(consultant), car(), **fields)
        assert list(caught.value.fields) == [wrong]


def test_a_quotation_that_ran_out_cannot_be_signed(north, consultant):
    with north.bound():
        made = quotation(consultant, prospect(consultant), car())
        made.valid_until = derive.today() - timedelta(days=1)
        made.save()
        with pytest.raises(Conflict) as caught:
            actions.sign_contract(actor=consultant, quotation_id=made.pk)
        assert caught.value.code == "quotation_over"


def test_a_car_held_for_somebody_else_cannot_be_offered(north, consultant):
    with north.bound():
        vehicle = car()
        signed(consultant, prospect(consultant), vehicle)
        other = prospect(consultant, phone="13900000001")
        with pytest.raises(Conflict) as caught:
            quotation(consultant, other, vehicle)
        assert caught.value.code == "vehicle_reserved"


# -- contracts ---------------------------------------------------------------------------------------


def test_signing_reserves_the_car_and_plans_the_payment(north, consultant):
    with north.bound():
        person, vehicle = prospect(consultant), car()
        contract = signed(consultant, person, vehicle)
        vehicle.refresh_from_db()
        assert (contract.state, vehicle.state, vehicle.held_for) == ("signed", VehicleState.RESERVED, person.pk)
        (due,) = contract.instalments.all()
        assert (due.kind, due.amount) == ("balance", contract.total)
        with pytest.raises(Conflict) as caught:
            quotation(consultant, person, vehicle)
        assert caught.value.code == "contract_stands"


@pytest.mark.parametrize(
    ("amounts", "wrong"),
    [(["5000", "1000"], "instalments"), (["0", "165000"], "instalments.0.amount"), (["1"] * 13, "instalments")],
)
def test_a_plan_must_add_up(north, consultant, amounts, wrong):
    with north.bound():
        made = quotation(consultant, prospect(consultant), car())
        plan = [Due("deposit", derive.today(), Decimal(amount)) for amount in amounts]
        with pytest.raises(Invalid) as caught:
            actions.sign_contract(actor=consultant, quotation_id=made.pk, instalments=plan)
        assert list(caught.value.fields) == [wrong]
        made.refresh_from_db()
        assert made.state == QuotationState.OPEN


def test_a_sales_manager_approves_up_to_the_limit_and_the_general_manager_above(north, consultant, manager):
    with north.bound():
        contract = signed(consultant, prospect(consultant), car())
        SalesPolicy.objects.create(approval_limit=contract.total - Decimal("0.01"))
        with pytest.raises(Forbidden, match="above your limit"):
            actions.approve_contract(actor=manager, contract_id=contract.pk)
        SalesPolicy.objects.update(approval_limit=contract.total)
        assert actions.approve_contract(actor=manager, contract_id=contract.pk).state == ContractState.APPROVED
        SalesPolicy.objects.update(approval_limit=0)
        other = signed(consultant, prospect(consultant, phone="13900000001"), car(2))
        done = actions.approve_contract(actor=north.actor("general_manager"), contract_id=other.pk)
        assert done.state == ContractState.APPROVED


def test_nobody_approves_his_own_contract(north, manager):
    with north.bound():
        contract = signed(manager, prospect(manager), car())
        with pytest.raises(Forbidden, match="Somebody else"):
            actions.approve_contract(actor=manager, contract_id=contract.pk)
        assert actions.approve_contract(actor=north.actor("general_manager"), contract_id=contract.pk)


def test_a_consultant_approves_nothing(north, consultant):
    with north.bound():
        contract = signed(consultant, prospect(consultant), car())
        second = Actor.of(colleague("second"))
        with pytest.raises(Forbidden):
            actions.approve_contract(actor=second, contract_id=contract.pk)
        asked = [may_decide(contract, actor) for actor in (second, north.actor("sales_manager"))]
        assert asked == ["right", ""]


def test_approving_sells_the_car_and_tells_the_manufacturer(north, consultant, manager):
    with north.bound():
        person, vehicle = accepted(consultant), car()
        contract = approved(consultant, manager, person, vehicle)
        vehicle.refresh_from_db()
        person.refresh_from_db()
        assert (vehicle.state, person.stage, person.lead.state) == (VehicleState.SOLD, Stage.CONTRACTED, "contracted")
        assert actions.approve_contract(actor=manager, contract_id=contract.pk).state == ContractState.APPROVED


def test_a_rejected_contract_frees_the_car_and_the_quotation(north, consultant, manager):
    with north.bound():
        person, vehicle = prospect(consultant), car()
        contract = signed(consultant, person, vehicle)
        with pytest.raises(Invalid):
            actions.reject_contract(actor=manager, contract_id=contract.pk, note=" ")
        actions.reject_contract(actor=manager, contract_id=contract.pk, note="折扣太高")
        vehicle.refresh_from_db()
        contract.quotation.refresh_from_db()
        assert (vehicle.state, vehicle.held_for) == (VehicleState.IN_STOCK, None)
        assert contract.quotation.state == QuotationState.OPEN
        assert actions.sign_contract(actor=consultant, quotation_id=contract.quotation_id).state == "signed"


def test_an_approved_contract_is_cancelled_by_a_manager_only(north, consultant, manager):
    with north.bound():
        vehicle = car()
        contract = approved(consultant, manager, prospect(consultant), vehicle)
        with pytest.raises(Forbidden):
            actions.cancel_contract(actor=consultant, contract_id=contract.pk, note="客户反悔")
        actions.cancel_contract(actor=manager, contract_id=contract.pk, note="客户反悔")
        vehicle.refresh_from_db()
        assert vehicle.state == VehicleState.IN_STOCK


def test_a_prospect_with_a_contract_is_not_lost(north, consultant):
    with north.bound():
        person = prospect(consultant)
        signed(consultant, person, car())
        with pytest.raises(Conflict) as caught:
            actions.lose_prospect(actor=consultant, prospect_id=person.pk, reason="price")
        assert caught.value.code == "contract_stands"


def test_a_payment_is_marked_once_the_contract_is_approved(north, consultant, manager):
    with north.bound():
        contract = signed(consultant, prospect(consultant), car())
        due = contract.instalments.get()
        with pytest.raises(Conflict):
            actions.mark_instalment_paid(actor=consultant, instalment_id=due.pk)
        actions.approve_contract(actor=manager, contract_id=contract.pk)
        with pytest.raises(Invalid):
            actions.mark_instalment_paid(
                actor=consultant, instalment_id=due.pk, paid_on=derive.today() + timedelta(days=1)
            )
        assert actions.mark_instalment_paid(actor=consultant, instalment_id=due.pk).paid_on == derive.today()


# -- delivery ----------------------------------------------------------------------------------------


def test_a_delivery_makes_the_customer_an_owner_and_shares_the_sale(north, consultant, manager):
    with north.bound():
        person, vehicle = accepted(consultant), car()
        contract = approved(consultant, manager, person, vehicle)
        delivery = actions.deliver_vehicle(actor=consultant, contract_id=contract.pk, odometer_km=12, plate="苏A·12345")
        for row in (person, vehicle, contract):
            row.refresh_from_db()
        assert (person.state, person.stage, vehicle.state, contract.state) == (
            "won",
            "delivered",
            "delivered",
            "executed",
        )
        assert person.lead.state == "won"
        owned = Vehicle.objects.get(vin=vehicle.vin)
        assert (owned.plate, owned.odometer_km, owned.sold_by_us) == ("苏A12345", 12, True)
        assert owned.delivered_on == delivery.delivered_on == derive.today()
        assert Ownership.objects.get(vehicle=owned, until=None).customer_id == person.customer_id
        assert OdometerReading.objects.get().document_id == delivery.pk
        told = set(Ledger.objects.values_list("contract", flat=True))
        assert {"LeadOutcome", "VehicleSale", "Owner"} <= told
        with pytest.raises(Conflict):
            actions.deliver_vehicle(actor=consultant, contract_id=contract.pk)


def test_another_car_may_be_delivered_and_the_first_goes_back(north, consultant, manager):
    with north.bound():
        first, second = car(1), car(2)
        contract = approved(consultant, manager, prospect(consultant), first)
        actions.deliver_vehicle(actor=consultant, contract_id=contract.pk, vehicle_id=second.pk)
        first.refresh_from_db()
        second.refresh_from_db()
        assert (first.state, first.held_for, second.state) == (VehicleState.IN_STOCK, None, VehicleState.DELIVERED)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"odometer_km": -1}, "odometer_km"),
        ({"odometer_km": 5001}, "odometer_km"),
        ({"delivered_on": timedelta(days=1)}, "delivered_on"),
        ({"delivered_on": timedelta(days=-1)}, "delivered_on"),
        ({"checklist": [ChecklistItem.KEYS]}, "checklist"),
    ],
)
def test_a_wrong_delivery_names_the_field_and_the_car_stays(north, consultant, manager, fields, wrong):
    with north.bound():
        vehicle = car()
        contract = approved(consultant, manager, prospect(consultant), vehicle)
        if "delivered_on" in fields:
            fields = {"delivered_on": derive.today() + fields["delivered_on"]}
        with pytest.raises(Invalid) as caught:
            actions.deliver_vehicle(actor=consultant, contract_id=contract.pk, **fields)
        assert list(caught.value.fields) == [wrong]
        vehicle.refresh_from_db()
        assert vehicle.state == VehicleState.SOLD


def test_nothing_is_delivered_without_approval_or_without_a_car(north, consultant, manager):
    with north.bound():
        person = prospect(consultant)
        contract = signed(consultant, person, car())
        with pytest.raises(Conflict) as caught:
            actions.deliver_vehicle(actor=consultant, contract_id=contract.pk)
        assert caught.value.code == "contract_not_approved"
        other = prospect(consultant, phone="13900000001")
        made = actions.make_quotation(actor=consultant, prospect_id=other.pk, variant="XH-HF-26-01")
        ordered = actions.sign_contract(actor=consultant, quotation_id=made.pk)
        actions.approve_contract(actor=manager, contract_id=ordered.pk)
        with pytest.raises(Invalid) as invalid:
            actions.deliver_vehicle(actor=consultant, contract_id=ordered.pk)
        assert list(invalid.value.fields) == ["vehicle"]


def test_a_closed_prospect_gets_no_drive_no_quotation_no_contract(north, consultant):
    with north.bound():
        person, vehicle = prospect(consultant), car()
        made = quotation(consultant, person, vehicle)
        drive = actions.book_test_drive(
            actor=consultant, prospect_id=person.pk, scheduled_at=clock.now() + timedelta(hours=1)
        )
        actions.lose_prospect(actor=consultant, prospect_id=person.pk, reason="price")
        for act in (
            lambda: actions.book_test_drive(actor=consultant, prospect_id=person.pk, scheduled_at=clock.now()),
            lambda: quotation(consultant, person, vehicle),
            lambda: actions.sign_contract(actor=consultant, quotation_id=made.pk),
        ):
            with pytest.raises(Conflict) as caught:
                act()
            assert caught.value.code == "prospect_closed"
        actions.complete_test_drive(actor=consultant, test_drive_id=drive.pk, licence_seen=True)
        person.refresh_from_db()
        assert person.stage == Stage.QUOTED


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"result": "so so"}, "result"),
        ({"route": "x" * 121}, "route"),
        ({"driven_at": timedelta(hours=1)}, "driven_at"),
    ],
)
def test_a_wrong_report_of_a_drive_names_the_field(north, consultant, fields, wrong):
    with north.bound():
        drive = actions.book_test_drive(
            actor=consultant, prospect_id=prospect(consultant).pk, scheduled_at=clock.now() + timedelta(hours=1)
        )
        if "driven_at" in fields:
            fields = {"driven_at": clock.now() + fields["driven_at"]}
        with pytest.raises(Invalid) as caught:
            actions.complete_test_drive(actor=consultant, test_drive_id=drive.pk, licence_seen=True, **fields)
        assert list(caught.value.fields) == [wrong]


def test_a_car_that_is_gone_is_neither_driven_nor_offered(north, consultant, manager):
    with north.bound():
        vehicle = car()
        actions.deliver_vehicle(
            actor=consultant, contract_id=approved(consultant, manager, prospect(consultant), vehicle).pk
        )
        other = prospect(consultant, phone="13900000001")
        for act in (
            lambda: quotation(consultant, other, vehicle),
            lambda: actions.book_test_drive(
                actor=consultant, prospect_id=other.pk, vehicle_id=vehicle.pk, scheduled_at=clock.now()
            ),
        ):
            with pytest.raises(Conflict) as caught:
                act()
            assert caught.value.code == "vehicle_gone"


def test_a_quotation_needs_a_car_that_can_be_named(north, consultant):
    with north.bound():
        person = prospect(consultant)
        with pytest.raises(Invalid) as caught:
            actions.make_quotation(actor=consultant, prospect_id=person.pk, list_price=Decimal(1000))
        assert list(caught.value.fields) == ["variant"]
        with pytest.raises(Invalid) as caught:
            actions.make_quotation(actor=consultant, prospect_id=person.pk, vehicle_id=uuid4())
        assert list(caught.value.fields) == ["vehicle"]
        wanted = prospect(consultant, phone="13900000001", brand="XH", series="XH-HF")
        made = actions.make_quotation(actor=consultant, prospect_id=wanted.pk, list_price=Decimal(99_000))
        assert (made.series, made.total) == ("XH-HF", Decimal(99_000))
        own_price = actions.make_quotation(
            actor=consultant, prospect_id=wanted.pk, variant="XH-HF-26-01", list_price=Decimal(88_000)
        )
        assert own_price.total == Decimal(88_000)


def test_the_share_of_a_discount():
    figures = {"list_price": Decimal(100), "extras": [Line("option", "x", Decimal(100))], "insurance": Decimal(7)}
    assert add_up(discount=Decimal(20), currency="CNY", **figures).discount_share == Decimal("0.1")
    nothing = add_up(list_price=Decimal(0), extras=[], discount=Decimal(0), insurance=Decimal(0), currency="JPY")
    assert nothing.discount_share is None


def test_an_offer_that_is_not_taken_is_over(north, consultant):
    with north.bound():
        made = quotation(consultant, prospect(consultant), car())
        assert actions.refuse_quotation(actor=consultant, quotation_id=made.pk).state == QuotationState.REFUSED
        with pytest.raises(Conflict):
            actions.sign_contract(actor=consultant, quotation_id=made.pk)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"signed_on": timedelta(days=-32)}, "signed_on"),
        ({"signed_on": timedelta(days=1)}, "signed_on"),
        ({"delivery_planned_on": timedelta(days=-1)}, "delivery_planned_on"),
        ({"delivery_planned_on": timedelta(days=731)}, "delivery_planned_on"),
    ],
)
def test_wrong_days_of_a_contract_are_named(north, consultant, fields, wrong):
    with north.bound():
        made = quotation(consultant, prospect(consultant), car())
        days = {name: derive.today() + distance for name, distance in fields.items()}
        with pytest.raises(Invalid) as caught:
            actions.sign_contract(actor=consultant, quotation_id=made.pk, **days)
        assert list(caught.value.fields) == [wrong]


def test_a_contract_names_a_car_that_exists_and_a_kind_of_payment_that_exists(north, consultant):
    with north.bound():
        made = quotation(consultant, prospect(consultant), car())
        with pytest.raises(Invalid) as caught:
            actions.sign_contract(actor=consultant, quotation_id=made.pk, vehicle_id=uuid4())
        assert list(caught.value.fields) == ["vehicle"]
        with pytest.raises(Invalid) as caught:
            plan = [Due("gold", derive.today(), made.total)]
            actions.sign_contract(actor=consultant, quotation_id=made.pk, instalments=plan)
        assert list(caught.value.fields) == ["instalments.0.kind"]


def test_a_car_on_its_way_is_sold_without_being_reserved(north, consultant, manager):
    with north.bound():
        vehicle = car(8, in_transit=True)
        contract = signed(consultant, prospect(consultant), vehicle)
        assert contract.vehicle_id is None
        actions.reject_contract(actor=manager, contract_id=contract.pk, note="再议")
        vehicle.refresh_from_db()
        assert vehicle.state == VehicleState.IN_TRANSIT


def test_one_contract_at_a_time(north, consultant):
    with north.bound():
        person = prospect(consultant)
        contract = signed(consultant, person, car())
        models.Quotation.objects.filter(pk=contract.quotation_id).update(state=QuotationState.OPEN)
        with pytest.raises(Conflict) as caught:
            actions.sign_contract(actor=consultant, quotation_id=contract.quotation_id)
        assert caught.value.code == "contract_stands"


def test_cancelling_says_why_and_payments_are_marked_once(north, consultant, manager):
    with north.bound():
        contract = approved(consultant, manager, prospect(consultant), car())
        with pytest.raises(Invalid):
            actions.cancel_contract(actor=manager, contract_id=contract.pk, note=" ")
        due = contract.instalments.get()
        first = actions.mark_instalment_paid(actor=consultant, instalment_id=due.pk)
        again = actions.mark_instalment_paid(actor=consultant, instalment_id=due.pk)
        assert first.paid_on == again.paid_on
        with pytest.raises(Invalid):
            actions.mark_instalment_paid(actor=consultant, instalment_id=uuid4())


def test_a_car_given_to_somebody_else_meanwhile_stays_with_him(north, consultant, manager):
    """The reservation was released and the car sold to another: ending the contract does not touch it."""
    with north.bound():
        vehicle = car()
        contract = signed(consultant, prospect(consultant), vehicle)
        stock.release_reservation(actor=manager, vehicle_id=vehicle.pk)
        other = prospect(consultant, phone="13900000001")
        signed(consultant, other, vehicle)
        actions.reject_contract(actor=manager, contract_id=contract.pk, note="再议")
        vehicle.refresh_from_db()
        assert (vehicle.state, vehicle.held_for) == (VehicleState.RESERVED, other.pk)


def test_a_signed_contract_is_cancelled_by_its_consultant(north, consultant):
    with north.bound():
        vehicle = car()
        contract = signed(consultant, prospect(consultant), vehicle)
        actions.cancel_contract(actor=consultant, contract_id=contract.pk, note="客户反悔")
        vehicle.refresh_from_db()
        assert vehicle.state == VehicleState.IN_STOCK


def test_the_system_approves_for_the_generator_of_history(north, consultant):
    with north.bound():
        contract = signed(consultant, prospect(consultant), car())
        assert actions.approve_contract(actor=SYSTEM, contract_id=contract.pk).state == ContractState.APPROVED


def test_every_table_of_transitions_is_complete():
    for table, states in (
        (TEST_DRIVE_TRANSITIONS, models.TestDriveState),
        (QUOTATION_TRANSITIONS, QuotationState),
        (CONTRACT_TRANSITIONS, ContractState),
    ):
        assert set(table) == set(states)
    assert CONTRACT_TRANSITIONS[ContractState.EXECUTED] == frozenset()
