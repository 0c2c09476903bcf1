"""What the switchboard shows of service visits and a backfill shares, and what ends before a customer is erased."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from dealer.sharing.erasing.hooks import check_before_erasure, close_before_erasure
from dealer.sharing.flows import Sample, sample_with
from dealer.sharing.past import Past, past_of
from dealer.workshop.actions.orders import visit_record
from dealer.workshop.models import (
    APPOINTMENT_TRANSITIONS,
    RUNNING,
    Appointment,
    AppointmentState,
    OrderState,
    RepairOrder,
)
from kernel import audit
from kernel.accounts.actors import Actor
from kernel.errors import Conflict
from kernel.transitions import move


@sample_with("ServiceVisit")
def latest_visits(limit: int, since: datetime | None) -> Iterable[Sample]:
    rows = RepairOrder.objects.filter(state=OrderState.CLOSED).order_by("-closed_at", "id")
    rows = rows.filter(closed_at__gte=since) if since else rows
    for order in rows.select_related("vehicle", "customer").prefetch_related("jobs__lines")[:limit]:
        yield visit_record(order, order.jobs.all()), order.customer


def _closed() -> QuerySet[RepairOrder]:
    orders = RepairOrder.objects.filter(state=OrderState.CLOSED)
    return orders.select_related("vehicle", "customer").prefetch_related("jobs__lines")


@past_of("ServiceVisit", rows=_closed, moment="closed_at")
def visit_then(order: RepairOrder) -> Past:
    assert order.closed_at is not None
    return Past(
        visit_record(order, order.jobs.all()),
        order.vehicle_id,
        order.customer,
        event_at=order.closed_at,
        label=str(order),
    )


@check_before_erasure
def car_is_here(customer_id: UUID) -> None:
    """Whose car stands in the workshop cannot be erased."""
    if RepairOrder.objects.filter(customer_id=customer_id, state__in=RUNNING).exists():
        raise Conflict("order_running", _("There is a repair order in work. Close or cancel it first."))


@close_before_erasure
def cancel_appointments(customer_id: UUID, actor: Actor) -> None:
    """Nobody waits for a person who is erased."""
    booked = Appointment.objects.select_for_update().filter(customer_id=customer_id, state=AppointmentState.BOOKED)
    for appointment in booked.order_by("pk"):
        before = move(appointment, "state", AppointmentState.CANCELLED, APPOINTMENT_TRANSITIONS)
        appointment.save(update_fields=["state"])
        audit.record(
            actor=actor,
            action="workshop.cancel_appointment",
            obj=appointment,
            before={"state": before},
            after={"state": appointment.state},
        )
