"""Celery's part of support access: closing what the clock has ended."""

from dealer.support import actions
from kernel.tenancy.tasks import dealer_task

CLOSE = "support.close_expired"


@dealer_task(name=CLOSE)
def close_expired(dealer_id: str) -> None:
    """Write down the end of what is over, and that what nobody answered is void. A guest is out without it."""
    actions.close_expired()
