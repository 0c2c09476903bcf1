"""What the switchboard's preview shows of service visits, and a backfill shares."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet

from dealer.sharing.flows import Sample, sample_with
from dealer.sharing.past import Past, past_of
from dealer.workshop.actions.orders import visit_record
from dealer.workshop.models import OrderState, RepairOrder


@sample_with("ServiceVisit")
def latest_visits(limit: int) -> Iterable[Sample]:
    rows = RepairOrder.objects.filter(state=OrderState.CLOSED).order_by("-closed_at", "id")
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
