"""Celery's part of the lead hub."""

from kernel.tenancy.tasks import portal_task
from oem.leads import hints
from oem.leads.actions import work_waiting


@portal_task(name=hints.TASK)
def work() -> None:
    """Route what was received and pass on what was not answered in time."""
    while work_waiting(limit=200) >= 200:
        pass
