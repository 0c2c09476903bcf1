"""Celery's part of the exchange: hints that an inbox has mail."""

from exchange import hints, inbox
from kernel.tenancy.bindings import MANUFACTURER_ID
from kernel.tenancy.tasks import AGAIN, dealer_task, portal_task

#: A long backlog is applied in turns of this length, so that every inbox gets one and no task reaches its time limit.
TURN_SECONDS = 5.0


@portal_task(name=hints.DRAIN_PORTAL)
def drain_portal() -> None:
    """Apply what arrived at the manufacturer; what is left gets a turn of its own."""
    if inbox.take_a_turn(TURN_SECONDS):
        hints.wake_receiver(MANUFACTURER_ID)


@dealer_task(name=hints.DRAIN_DEALER, urgent=True)
def drain_dealer(dealer_id: str) -> str | None:
    """Apply what arrived at one dealership; what is left gets a turn of its own."""
    return AGAIN if inbox.take_a_turn(TURN_SECONDS) else None
