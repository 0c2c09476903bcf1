"""Writes on the stock of cars. Rows are locked first; every step leaves a movement and an audit row."""

from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from dealer.stock.models import TRANSITIONS, Movement, MovementKind, StockVehicle, VehicleState
from kernel import audit, clock
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.automotive import vin as vins
from kernel.errors import Conflict, FieldError, Invalid, Missing
from kernel.money import DEFAULT_CURRENCY
from kernel.transitions import move


def lock_vehicle(vehicle_id: UUID) -> StockVehicle:
    """The car's row, locked until the transaction ends. Taken after the locks on lead, prospect and contract."""
    vehicle = StockVehicle.objects.select_for_update().filter(pk=vehicle_id).first()
    if vehicle is None:
        raise Missing()
    return vehicle


@transaction.atomic
def receive_vehicle(
    *,
    actor: Actor,
    vin: str,
    brand: str,
    series: str = "",
    model: str = "",
    variant: str = "",
    colour: str = "",
    list_price: Decimal | None = None,
    currency: str = DEFAULT_CURRENCY,
    arrived_on: date | None = None,
    location: str = "",
    in_transit: bool = False,
) -> StockVehicle:
    """Take a car into stock, or announce one that is on its way (`in_transit`).

    A VIN that was announced before arrives: its row is completed. Raises Invalid (vin, brand, list_price,
    arrived_on) and Conflict `vehicle_exists` for a VIN that is in stock already.
    """
    actor.require(Right.STOCK_WRITE)
    vin = vins.checked(vin)
    brand = brand.strip()
    problems: dict[str, FieldError] = {}
    if not brand:
        problems["brand"] = FieldError("brand", "required", _("Enter the brand of the car."))
    if list_price is not None and list_price < 0:
        problems["list_price"] = FieldError("list_price", "negative", _("The price must not be below zero."))
    if arrived_on is not None and arrived_on > timezone.localdate(clock.now()) + timedelta(days=1):
        problems["arrived_on"] = FieldError("arrived_on", "future", _("The day of arrival lies in the future."))
    if problems:
        raise Invalid(problems)
    given = {
        "brand": brand,
        "series": series.strip(),
        "model": model.strip(),
        "variant": variant.strip(),
        "colour": colour.strip(),
        "list_price": list_price,
        "currency": currency,
        "location": location.strip(),
    }
    now = clock.now()
    known = StockVehicle.objects.select_for_update().filter(vin=vin).first()
    if known is not None:
        if in_transit or known.state != VehicleState.IN_TRANSIT:
            raise Conflict("vehicle_exists", _("A car with this VIN is in stock already."))
        filled = {name: value for name, value in given.items() if value not in ("", None)}
        before, after = audit.changes(known, **filled, arrived_on=arrived_on or timezone.localdate(now), updated_at=now)
        before["state"], after["state"] = move(known, "state", VehicleState.IN_STOCK, TRANSITIONS), known.state
        known.save()
        _movement(known, MovementKind.RECEIVED, actor)
        audit.record(actor=actor, action="stock.receive", obj=known, before=before, after=after)
        return known
    vehicle = StockVehicle(
        vin=vin,
        state=VehicleState.IN_TRANSIT if in_transit else VehicleState.IN_STOCK,
        arrived_on=None if in_transit else (arrived_on or timezone.localdate(now)),
        created_at=now,
        updated_at=now,
        **given,
    )
    try:
        with transaction.atomic():
            vehicle.save(force_insert=True)
    except IntegrityError:
        raise Conflict("vehicle_exists", _("A car with this VIN is in stock already.")) from None
    _movement(vehicle, MovementKind.ANNOUNCED if in_transit else MovementKind.RECEIVED, actor)
    audit.record(
        actor=actor,
        action="stock.announce" if in_transit else "stock.receive",
        obj=vehicle,
        after={"vin": vin, **given},
    )
    return vehicle


@transaction.atomic
def move_vehicle(*, actor: Actor, vehicle_id: UUID, location: str, note: str = "") -> StockVehicle:
    """Note that a car now stands somewhere else."""
    actor.require(Right.STOCK_WRITE)
    vehicle = lock_vehicle(vehicle_id)
    before, after = audit.changes(vehicle, location=location.strip())
    if after:
        _save(vehicle)
        _movement(vehicle, MovementKind.MOVED, actor, note=note)
        audit.record(actor=actor, action="stock.move", obj=vehicle, before=before, after=after, note=note)
    return vehicle


@transaction.atomic
def reserve(*, actor: Actor, vehicle_id: UUID, held_for: UUID, until: date | None = None) -> StockVehicle:
    """Keep a car for a prospect. Again for the same prospect changes nothing but `until`.

    Raises Conflict `vehicle_reserved` when it is held for somebody else, IllegalTransition when it is not in stock.
    """
    actor.require(Right.STOCK_WRITE, Right.SALES_WORK)
    vehicle = lock_vehicle(vehicle_id)
    if vehicle.state == VehicleState.RESERVED and vehicle.held_for == held_for:
        before, after = audit.changes(vehicle, held_until=until)
        if after:
            _save(vehicle)
            audit.record(actor=actor, action="stock.reserve", obj=vehicle, before=before, after=after)
        return vehicle
    _refuse_held(vehicle, held_for)
    return _step(
        vehicle,
        VehicleState.RESERVED,
        MovementKind.RESERVED,
        actor,
        "stock.reserve",
        held_for=held_for,
        held_until=until,
    )


@transaction.atomic
def release_reservation(*, actor: Actor, vehicle_id: UUID, note: str = "") -> StockVehicle:
    """Give a reserved car back to the stock."""
    actor.require(Right.STOCK_WRITE, Right.SALES_WORK, Right.SALES_APPROVE)
    vehicle = lock_vehicle(vehicle_id)
    if vehicle.state != VehicleState.RESERVED:
        raise Conflict("not_reserved", _("This car is not reserved."))
    return _step(
        vehicle,
        VehicleState.IN_STOCK,
        MovementKind.RELEASED,
        actor,
        "stock.release",
        note=note,
        held_for=None,
        held_until=None,
    )


@transaction.atomic
def mark_sold(*, actor: Actor, vehicle_id: UUID, held_for: UUID, price: Decimal | None = None) -> StockVehicle:
    """Note that a car is sold to a prospect by an approved contract; again for the same prospect does nothing."""
    actor.require(Right.SALES_WORK, Right.SALES_APPROVE)
    vehicle = lock_vehicle(vehicle_id)
    if vehicle.state == VehicleState.SOLD and vehicle.held_for == held_for:
        return vehicle
    _refuse_held(vehicle, held_for)
    return _step(
        vehicle,
        VehicleState.SOLD,
        MovementKind.SOLD,
        actor,
        "stock.sell",
        price=price,
        held_for=held_for,
        held_until=None,
    )


@transaction.atomic
def undo_sale(*, actor: Actor, vehicle_id: UUID, note: str = "") -> StockVehicle:
    """Give a sold car back to the stock: the contract was cancelled or another car was chosen."""
    actor.require(Right.SALES_WORK, Right.SALES_APPROVE)
    vehicle = lock_vehicle(vehicle_id)
    if vehicle.state != VehicleState.SOLD:
        raise Conflict("not_sold", _("This car is not sold."))
    return _step(
        vehicle, VehicleState.IN_STOCK, MovementKind.SALE_UNDONE, actor, "stock.undo_sale", note=note, held_for=None
    )


@transaction.atomic
def hand_over(
    *, actor: Actor, vehicle_id: UUID, held_for: UUID, delivered_on: date, price: Decimal | None = None
) -> StockVehicle:
    """Note that the car has left with its buyer; one still in stock or reserved for him is sold in the same step."""
    actor.require(Right.SALES_WORK)
    vehicle = mark_sold(actor=actor, vehicle_id=vehicle_id, held_for=held_for, price=price)
    return _step(
        vehicle,
        VehicleState.DELIVERED,
        MovementKind.DELIVERED,
        actor,
        "stock.deliver",
        price=price,
        delivered_on=delivered_on,
    )


def _refuse_held(vehicle: StockVehicle, held_for: UUID) -> None:
    if vehicle.held_for is not None and vehicle.held_for != held_for:
        raise Conflict("vehicle_reserved", _("This car is reserved for another customer. Please choose another one."))


def _step(
    vehicle: StockVehicle,
    state: VehicleState,
    kind: MovementKind,
    actor: Actor,
    action: str,
    *,
    price: Decimal | None = None,
    note: str = "",
    **fields: object,
) -> StockVehicle:
    """One step along the transition table, with its movement and audit row. The row is locked."""
    old = move(vehicle, "state", state, TRANSITIONS)
    before, after = audit.changes(vehicle, **fields)
    _save(vehicle)
    _movement(vehicle, kind, actor, price=price, note=note)
    audit.record(
        actor=actor,
        action=action,
        obj=vehicle,
        before={"state": old, **before},
        after={"state": state, **after},
        note=note,
    )
    return vehicle


def _save(vehicle: StockVehicle) -> None:
    vehicle.updated_at = clock.now()
    vehicle.save()


def _movement(
    vehicle: StockVehicle, kind: MovementKind, actor: Actor, *, price: Decimal | None = None, note: str = ""
) -> None:
    Movement.objects.create(
        vehicle=vehicle,
        kind=kind,
        at=clock.now(),
        by_name=actor.name[:120],
        price=vehicle.list_price if price is None else price,
        currency=vehicle.currency,
        location=vehicle.location,
        note=note[:200],
    )
