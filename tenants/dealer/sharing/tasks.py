"""Celery's part of sharing: the daily counts."""

from dealer.sharing import actions
from kernel.tenancy.tasks import dealer_task

SEND_COUNTS = "sharing.send_daily_counts"


@dealer_task(name=SEND_COUNTS)
def send_daily_counts(dealer_id: str) -> None:
    """Send the counts of every closed day that still lacks them. To be hinted once an hour for each dealership."""
    actions.send_due_counts()
