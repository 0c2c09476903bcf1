"""Celery's part of insight: the comparison of a month."""

from kernel.tenancy.tasks import portal_task
from oem.insight import actions


@portal_task(name="insight.count_month")
def count_month() -> None:
    """Count the month before once its day has come. To be hinted once an hour."""
    actions.count_month()
