"""What arrives from the manufacturer: offers of leads and their recall; and what the switchboard's preview shows."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from dealer.customers.models import Vehicle
from dealer.sales.actions.leads import apply_offer, apply_recall
from dealer.sales.actions.prospects import lose_locked
from dealer.sales.assignment import Desk
from dealer.sales.locks import lock_prospect
from dealer.sales.models import (
    ContractState,
    Delivery,
    LeadMilestone,
    LostReason,
    Prospect,
    ProspectState,
    SalesContract,
)
from dealer.sales.records import sale_record
from dealer.sharing.erasing.hooks import check_before_erasure, close_before_erasure
from dealer.sharing.flows import Sample, sample_with
from dealer.sharing.past import Past, past_of
from exchange.handlers import Received, receives
from exchange.models import InboxPayload
from kernel import clock
from kernel.accounts.actors import Actor
from kernel.contracts import LeadEvent, LeadOutcome, LeadStage, SalesLead
from kernel.errors import Conflict


@receives(SalesLead)
def leads_arrive(messages: list[Received]) -> None:
    """Take offers and recalls in their order; the same message again, or an older fence, has no effect.

    The payload of an offer names a person whom nobody here may read before acceptance: once its envelope is sealed,
    the payload is dropped.
    """
    desk: Desk | None = None
    for message in messages:
        record = message.record
        assert isinstance(record, SalesLead)
        if record.stage is LeadStage.OFFER:
            desk = desk or Desk()
            apply_offer(record, desk=desk)
        else:
            apply_recall(record)
    InboxPayload.objects.filter(id__in=[message.message_id for message in messages]).delete()


@sample_with("VehicleSale")
def latest_sales(limit: int, since: datetime | None) -> Iterable[Sample]:
    """The latest deliveries, as the preview of the switchboard shows them."""
    rows = Delivery.objects.select_related("prospect__customer", "contract", "vehicle")
    rows = rows.filter(created_at__gte=since) if since else rows
    return [(sale_record(row, row.prospect.customer), row.prospect.customer) for row in rows[:limit]]


@sample_with("LeadOutcome")
def latest_outcomes(limit: int, since: datetime | None) -> Iterable[Sample]:
    """The latest milestones of the manufacturer's leads."""
    rows = LeadMilestone.objects.order_by("-at", "-recorded_at")
    rows = rows.filter(at__gte=since) if since else rows
    return [
        (LeadOutcome(lead_id=row.lead_id, fence=row.fence, event=LeadEvent(row.event), at=row.at), None)
        for row in rows[:limit]
    ]


@past_of(
    "VehicleSale",
    rows=lambda: Delivery.objects.select_related("prospect__customer", "contract", "vehicle"),
    moment="created_at",
)
def sale_then(delivery: Delivery) -> Past:
    """A delivery as it was shared on the day; the car stands in the customers' book since then."""
    customer = delivery.prospect.customer
    car = Vehicle.objects.get(vin=delivery.vehicle.vin)
    return Past(sale_record(delivery, customer), car.pk, customer, event_at=delivery.created_at, label=car.vin)


@check_before_erasure
def contract_stands(customer_id: UUID) -> None:
    """Who has a sales contract that is not carried out yet cannot be erased: the contract needs the person."""
    live = (ContractState.SIGNED, ContractState.APPROVED)
    if SalesContract.objects.filter(prospect__customer_id=customer_id, state__in=live).exists():
        raise Conflict(
            "contract_stands", _("There is a sales contract that is not carried out yet. Deliver the car or cancel it.")
        )


@close_before_erasure
def close_prospects(customer_id: UUID, actor: Actor) -> None:
    """Nobody sells anything to a person who is erased."""
    for id_ in Prospect.objects.filter(customer_id=customer_id, state=ProspectState.OPEN).values_list("pk", flat=True):
        lose_locked(lock_prospect(id_), actor=actor, reason=LostReason.OTHER, text="", at=clock.now())
