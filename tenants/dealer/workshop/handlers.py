"""What the switchboard's preview shows of service visits."""

from __future__ import annotations

from collections.abc import Iterable

from dealer.sharing.flows import Sample, sample_with
from dealer.workshop.actions.orders import visit_record
from dealer.workshop.models import OrderState, RepairOrder


@sample_with("ServiceVisit")
def latest_visits(limit: int) -> Iterable[Sample]:
    rows = RepairOrder.objects.filter(state=OrderState.CLOSED).order_by("-closed_at", "id")
    for order in rows.select_related("vehicle", "customer").prefetch_related("jobs__lines")[:limit]:
        yield visit_record(order, order.jobs.all()), order.customer
