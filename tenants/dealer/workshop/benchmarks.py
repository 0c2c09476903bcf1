"""What the workshop gives to the comparison with the network: the cars that come again."""

from __future__ import annotations

from datetime import datetime

from dealer.sharing.benchmarks import Share, bounds, measures, year_before
from dealer.workshop.models import OrderState, RepairOrder
from kernel.contracts import Figure


@measures(Figure.RETENTION)
def retention(since: datetime, until: datetime) -> Share:
    """Cars that came again within twelve months, of those that were here in the same month of the year before.

    Every month has cars of its own, so no two months can be subtracted from each other.
    """
    begun, ended = bounds(year_before(since.date()), str(since.tzinfo))
    closed = RepairOrder.objects.filter(state=OrderState.CLOSED)
    cars = closed.filter(closed_at__gte=begun, closed_at__lt=ended).values("vehicle_id")
    again = closed.filter(vehicle_id__in=cars, closed_at__gte=ended, closed_at__lt=until)
    return Share(
        again.order_by().values("vehicle_id").distinct().count(), cars.order_by().distinct().count()
    )  # fmt: skip
