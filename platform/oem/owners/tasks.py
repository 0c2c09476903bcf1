"""Celery's part of owners: telling dealerships who looked."""

from kernel.tenancy.tasks import portal_task
from oem.owners import actions

REPORT = "owners.report_readings"


@portal_task(name=REPORT)
def report_readings() -> None:
    """Send what dealerships have not been told yet."""
    actions.report_readings()
