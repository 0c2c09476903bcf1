"""Celery's part of customers: marks that are missing."""

import time

from dealer.customers import marks
from kernel.tenancy.tasks import dealer_task

#: Seconds that one run works at most; the next one goes on where it stopped.
MOST_SECONDS = 20


@dealer_task(name="customers.mark")
def mark(dealer_id: str) -> None:
    """Make the blind marks that are missing or out of date, a few hundred rows at a time.

    To be hinted every few minutes for each dealership: they are missing after an upgrade, an import or a restore.
    """
    until = time.monotonic() + MOST_SECONDS
    while marks.mark_what_is_not() and time.monotonic() < until:
        pass
