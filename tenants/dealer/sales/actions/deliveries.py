"""The hand-over: the car leaves the stock, the customer becomes its owner, and what was agreed is shared."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from dealer.customers.actions import log_interaction, record_odometer, register_vehicle, set_party
from dealer.customers.models import OdometerReading, PartyRole
from dealer.sales import derive, milestones
from dealer.sales.locks import lock_contract
from dealer.sales.models import (
    CONTRACT_TRANSITIONS,
    PROSPECT_TRANSITIONS,
    ChecklistItem,
    ContractState,
    Delivery,
    Prospect,
    ProspectState,
)
from dealer.sales.records import sale_record
from dealer.sharing.actions import share
from dealer.stock import actions as stock
from dealer.stock.models import StockVehicle
from kernel import audit, clock
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.contracts import LeadEvent
from kernel.errors import Conflict, FieldError, Invalid
from kernel.transitions import move


@transaction.atomic
def deliver_vehicle(
    *,
    actor: Actor,
    contract_id: UUID,
    vehicle_id: UUID | None = None,
    delivered_on: date | None = None,
    odometer_km: int = 0,
    plate: str = "",
    checklist: Iterable[str] = tuple(ChecklistItem.values),
    note: str = "",
) -> Delivery:
    """Hand the car of an approved contract over: the contract's car, or another one of the stock (`vehicle_id`).

    The prospect is won, the customer owns the car from that day, its first odometer reading (km) stands; the sale, the
    owner and the lead's outcome go up as the agreement and the customer's consent allow. Every item of the checklist
    must be done. Raises Invalid (vehicle, delivered_on, odometer_km, checklist), Conflict `contract_not_approved`,
    `vehicle_reserved`.
    """
    actor.require(Right.SALES_WORK)
    contract = lock_contract(contract_id)
    if contract.state != ContractState.APPROVED:
        raise Conflict("contract_not_approved", _("Only the car of an approved contract can be delivered."))
    prospect = contract.prospect
    day = delivered_on or derive.today()
    done = [item for item in ChecklistItem.values if item in set(checklist)]
    problems = []
    if not contract.signed_on <= day <= derive.today():
        message = _("The delivery lies between the signing of the contract and today.")
        problems.append(FieldError("delivered_on", "range", message))
    if not 0 <= odometer_km <= 5000:
        problems.append(
            FieldError("odometer_km", "range", _("A new car has between 0 and 5,000 km. Check the figure."))
        )
    if len(done) < len(ChecklistItem.values):
        problems.append(FieldError("checklist", "incomplete", _("Do everything on the list before the car leaves.")))
    wanted = vehicle_id or contract.vehicle_id
    if wanted is None or not StockVehicle.objects.filter(pk=wanted).exists():
        problems.append(FieldError("vehicle", "required", _("Choose the car by its VIN.")))
    if problems or wanted is None:
        raise Invalid(problems)
    if contract.vehicle_id is not None and contract.vehicle_id != wanted:
        # Another car than the one sold: that one goes back first.
        stock.undo_sale(actor=actor, vehicle_id=contract.vehicle_id, note=contract.number)
    vehicle = stock.hand_over(
        actor=actor, vehicle_id=wanted, held_for=prospect.pk, delivered_on=day, price=contract.quotation.list_price
    )
    delivery = Delivery(
        contract=contract,
        prospect=prospect,
        vehicle=vehicle,
        vin=vehicle.vin,
        delivered_on=day,
        odometer_km=odometer_km,
        plate=plate.strip()[:16],
        checklist=done,
        note=note.strip()[:4000],
        by_id=actor.id,
        created_at=clock.now(),
    )
    delivery.save(force_insert=True)
    move(contract, "state", ContractState.EXECUTED, CONTRACT_TRANSITIONS)
    contract.vehicle, contract.updated_at = vehicle, clock.now()
    contract.save()
    audit.record(
        actor=actor,
        action="sales.deliver_vehicle",
        obj=delivery,
        after={"contract": contract.pk, "vin": vehicle.vin, "delivered_on": day, "odometer_km": odometer_km},
    )
    _win(prospect, actor)
    _become_owner(delivery, vehicle, actor)
    return delivery


def _win(prospect: Prospect, actor: Actor) -> None:
    now = clock.now()
    move(prospect, "state", ProspectState.WON, PROSPECT_TRANSITIONS)
    prospect.closed_at, prospect.next_contact_on, prospect.next_contact_plan = now, None, ""
    milestones.reached(prospect, LeadEvent.WON, actor=actor, at=now)
    prospect.updated_at = now
    prospect.save()


def _become_owner(delivery: Delivery, vehicle: StockVehicle, actor: Actor) -> None:
    """The car stands with its owner in the customers' book; the sale goes up, and the owner through that book."""
    customer, now = delivery.prospect.customer, clock.now()
    owned = register_vehicle(
        actor=actor,
        vin=vehicle.vin,
        brand=vehicle.brand,
        series=vehicle.series,
        model=vehicle.model,
        variant=vehicle.variant,
        colour=vehicle.colour,
        plate=delivery.plate,
        delivered_on=delivery.delivered_on,
        sold_by_us=True,
    )
    share(
        sale_record(delivery, customer),
        subject=owned.id,
        customer=customer,
        actor=actor,
        event_at=now,
        label=vehicle.vin,
    )
    record_odometer(
        actor=actor,
        vehicle=owned,
        km=delivery.odometer_km,
        on=delivery.delivered_on,
        source=OdometerReading.Source.DELIVERY,
        document_id=delivery.id,
    )
    # Tells the party's listeners, of whom sharing is one: the owner goes up from there.
    set_party(
        actor=actor,
        vehicle=owned,
        customer=customer,
        role=PartyRole.OWNER,
        since=delivery.delivered_on,
        at=now,
    )
    log_interaction(
        actor=actor,
        customer=customer,
        channel="visit",
        from_customer=True,
        content=delivery.note[:2000] or delivery.vin,
        at=now,
        document="sales.delivery",
        document_id=delivery.id,
        url=f"/deliveries/{delivery.pk}/",
    )
