"""Celery's part of sharing: the daily counts, and agreements whose time is over."""

from dealer.sharing import actions
from kernel.tenancy.tasks import dealer_task

SEND_COUNTS = "sharing.send_daily_counts"
TEND_AGREEMENTS = "sharing.tend_agreements"


@dealer_task(name=SEND_COUNTS)
def send_daily_counts(dealer_id: str) -> None:
    """Send the counts of every closed day that still lacks them. To be hinted once an hour for each dealership."""
    actions.send_due_counts()


@dealer_task(name=TEND_AGREEMENTS)
def tend_agreements(dealer_id: str) -> None:
    """End what is due, and tell the manufacturer what it does not know yet. To be hinted every minute."""
    actions.end_due()
    actions.tell_what_changed()
