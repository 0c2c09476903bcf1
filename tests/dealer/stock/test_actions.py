"""The stock of cars: every step leaves a movement, and nothing moves against the table."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from dealer.stock import actions
from dealer.stock.models import TRANSITIONS, Movement, StockVehicle, VehicleState
from kernel import clock
from kernel.audit.models import Entry
from kernel.automotive.vin import check_digit, make_vin
from kernel.errors import Conflict, Forbidden, IllegalTransition, Invalid, Missing
from kernel.transitions import may_move

VIN = make_vin("LSV", "AB12C", 2026, "A", 1)
WRONG_DIGIT = VIN[:8] + ("1" if check_digit(VIN) != "1" else "2") + VIN[9:]


def received(actor, vin=VIN, **fields):
    return actions.receive_vehicle(actor=actor, vin=vin, **({"brand": "XH", "list_price": Decimal("100000")} | fields))


def kinds(vehicle) -> list[str]:
    return list(vehicle.movements.order_by("recorded_at").values_list("kind", flat=True))


def test_a_car_comes_in_and_leaves_with_its_buyer(wall, north):
    with north.bound():
        clerk, consultant, buyer = north.actor("stock_clerk"), north.actor("sales_consultant"), uuid4()
        vehicle = received(clerk, series="XH-HF", location="A1")
        assert (vehicle.state, vehicle.arrived_on) == (VehicleState.IN_STOCK, timezone.localdate(clock.now()))
        actions.move_vehicle(actor=clerk, vehicle_id=vehicle.pk, location="B2")
        actions.reserve(actor=consultant, vehicle_id=vehicle.pk, held_for=buyer)
        actions.release_reservation(actor=consultant, vehicle_id=vehicle.pk)
        actions.mark_sold(actor=consultant, vehicle_id=vehicle.pk, held_for=buyer)
        actions.hand_over(
            actor=consultant, vehicle_id=vehicle.pk, held_for=buyer, delivered_on=timezone.localdate(clock.now())
        )
        vehicle.refresh_from_db()
        assert (vehicle.state, vehicle.held_for) == (VehicleState.DELIVERED, buyer)
        assert kinds(vehicle) == ["received", "moved", "reserved", "released", "sold", "delivered"]
        assert Entry.objects.filter(object_id=str(vehicle.pk)).count() == 6


def test_a_car_on_its_way_arrives(wall, north):
    with north.bound():
        clerk = north.actor("stock_clerk")
        announced = received(clerk, in_transit=True)
        assert (announced.state, announced.arrived_on) == (VehicleState.IN_TRANSIT, None)
        arrived = received(clerk, colour="W")
        assert (arrived.pk, arrived.state, arrived.colour) == (announced.pk, VehicleState.IN_STOCK, "W")
        assert kinds(arrived) == ["announced", "received"]


@pytest.mark.parametrize("again", [{}, {"in_transit": True}])
def test_one_vin_is_one_car(wall, north, again):
    with north.bound():
        clerk = north.actor("stock_clerk")
        received(clerk)
        with pytest.raises(Conflict) as caught:
            received(clerk, **again)
        assert caught.value.code == "vehicle_exists"
        assert StockVehicle.objects.count() == Movement.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "wrong", "code"),
    [
        ({"vin": WRONG_DIGIT}, "vin", "vin_check_digit"),
        ({"vin": "LSV123"}, "vin", "vin_length"),
        ({"vin": "LSVIO" + VIN[5:]}, "vin", "vin_characters"),
        ({"vin": ""}, "vin", "vin_empty"),
        ({"brand": " "}, "brand", "required"),
        ({"list_price": Decimal(-1)}, "list_price", "negative"),
        ({"arrived_on": timezone.localdate(clock.now()) + timedelta(days=5)}, "arrived_on", "future"),
    ],
)
def test_a_wrong_car_names_the_field_and_is_not_taken(wall, north, fields, wrong, code):
    with north.bound():
        with pytest.raises(Invalid) as caught:
            received(north.actor("stock_clerk"), **fields)
        assert [(error.field, error.code) for error in caught.value.errors] == [(wrong, code)]
        assert not StockVehicle.objects.exists()


def test_a_warning_of_the_vin_policy_is_accepted(wall, north):
    """Outside North America and China the check digit does not bind (standards, section 2)."""
    with north.bound():
        foreign = "WBA" + VIN[3:8] + ("0" if check_digit("WBA" + VIN[3:]) != "0" else "1") + VIN[9:]
        assert received(north.actor("stock_clerk"), vin=foreign.lower()).vin == foreign


def test_a_car_held_for_one_is_not_given_to_another(wall, north):
    with north.bound():
        actor, buyer = north.actor("sales_consultant"), uuid4()
        vehicle = received(north.actor("stock_clerk"))
        actions.reserve(actor=actor, vehicle_id=vehicle.pk, held_for=buyer)
        actions.reserve(actor=actor, vehicle_id=vehicle.pk, held_for=buyer)
        for step in (actions.reserve, actions.mark_sold):
            with pytest.raises(Conflict) as caught:
                step(actor=actor, vehicle_id=vehicle.pk, held_for=uuid4())
            assert caught.value.code == "vehicle_reserved"
        assert kinds(vehicle) == ["received", "reserved"]


def test_what_is_not_there_cannot_be_reserved(wall, north):
    with north.bound():
        vehicle = received(north.actor("stock_clerk"), in_transit=True)
        with pytest.raises(IllegalTransition):
            actions.reserve(actor=north.actor("sales_consultant"), vehicle_id=vehicle.pk, held_for=uuid4())


def test_undoing_needs_something_to_undo(wall, north):
    with north.bound():
        actor = north.actor("sales_manager")
        vehicle = received(actor)
        for step, code in ((actions.release_reservation, "not_reserved"), (actions.undo_sale, "not_sold")):
            with pytest.raises(Conflict) as caught:
                step(actor=actor, vehicle_id=vehicle.pk)
            assert caught.value.code == code


def test_a_reservation_is_prolonged_and_a_place_noted_once(wall, north):
    with north.bound():
        clerk, buyer, today = north.actor("stock_clerk"), uuid4(), timezone.localdate(clock.now())
        vehicle = received(clerk, location="A1")
        actions.reserve(actor=clerk, vehicle_id=vehicle.pk, held_for=buyer, until=today)
        held = actions.reserve(actor=clerk, vehicle_id=vehicle.pk, held_for=buyer, until=today + timedelta(days=3))
        assert held.held_until == today + timedelta(days=3)
        actions.move_vehicle(actor=clerk, vehicle_id=vehicle.pk, location="A1")
        assert kinds(vehicle) == ["received", "reserved"]


def test_a_sold_car_comes_back(wall, north):
    with north.bound():
        manager, buyer = north.actor("sales_manager"), uuid4()
        vehicle = received(manager)
        actions.mark_sold(actor=manager, vehicle_id=vehicle.pk, held_for=buyer)
        actions.mark_sold(actor=manager, vehicle_id=vehicle.pk, held_for=buyer)
        assert actions.undo_sale(actor=manager, vehicle_id=vehicle.pk).held_for is None
        assert kinds(vehicle) == ["received", "sold", "sale_undone"]


def test_a_car_that_does_not_exist_is_missing(wall, north):
    with north.bound(), pytest.raises(Missing):
        actions.move_vehicle(actor=north.actor("stock_clerk"), vehicle_id=uuid4(), location="A1")


def test_two_clerks_take_the_same_car_in_at_once(committed, north):
    """The second sees no such car, waits for the first to commit, and is then told."""
    with north.bound():
        actor = north.actor("stock_clerk")
    written, results = threading.Event(), []

    def first() -> None:
        with north.bound(), transaction.atomic():
            received(actor)
            written.set()
            # Long enough for the other to come to the VIN that only this transaction sees.
            time.sleep(0.5)
        connection.close()

    def second() -> None:
        written.wait(10)
        try:
            with north.bound():
                received(actor)
        except Conflict as refusal:
            results.append(refusal.code)
        connection.close()

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == ["vehicle_exists"]
    with north.bound():
        assert StockVehicle.objects.count() == Movement.objects.count() == 1


def test_a_consultant_takes_no_cars_in(wall, north):
    with north.bound(), pytest.raises(Forbidden):
        received(north.actor("sales_consultant"))


@pytest.mark.parametrize("old", list(VehicleState))
@pytest.mark.parametrize("new", list(VehicleState))
def test_the_table_of_states(old, new):
    allowed = {
        ("in_transit", "in_stock"),
        ("in_stock", "reserved"),
        ("in_stock", "sold"),
        ("reserved", "in_stock"),
        ("reserved", "sold"),
        ("sold", "in_stock"),
        ("sold", "delivered"),
    }
    assert may_move(old, new, TRANSITIONS) is ((old, new) in allowed)
