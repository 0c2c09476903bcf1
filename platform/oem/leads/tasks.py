"""Celery's part of the lead hub."""

from kernel.tenancy.tasks import portal_task
from oem.leads import hints
from oem.leads.actions import work_waiting

#: A turn of routing is so short that the inbox and the others get theirs while a flood of leads is worked off.
TURN_SECONDS = 2.0


@portal_task(name=hints.TASK)
def work() -> None:
    """Route what was received and pass on what was not answered in time; what is left gets a turn of its own."""
    if work_waiting(seconds=TURN_SECONDS):
        hints.work_now()
