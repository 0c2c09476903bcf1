"""Celery's part of sales: what the clock brings about in each dealership."""

from dealer.sales import actions
from kernel.tenancy.tasks import dealer_task


@dealer_task(name="sales.expire_leads")
def expire_leads(dealer_id: str) -> None:
    """Every few seconds: end the offers whose time is over."""
    actions.expire_leads()


@dealer_task(name="sales.refresh_temperatures")
def refresh_temperatures(dealer_id: str) -> None:
    """Once a day, after midnight at the dealership: cold becomes warm becomes hot."""
    actions.refresh_temperatures()
