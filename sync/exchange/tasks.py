"""Celery's part of the exchange: hints that an inbox has mail."""

from exchange import hints, inbox
from kernel.tenancy.tasks import dealer_task, portal_task


@portal_task(name=hints.DRAIN_PORTAL)
def drain_portal() -> None:
    """Apply what arrived at the manufacturer."""
    inbox.drain()


@dealer_task(name=hints.DRAIN_DEALER)
def drain_dealer(dealer_id: str) -> None:
    """Apply what arrived at one dealership."""
    inbox.drain()
