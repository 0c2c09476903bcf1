"""Celery's part of the dealership itself: exports."""

from uuid import UUID

from dealer.organisation import exporting
from kernel.tenancy.tasks import dealer_task


@dealer_task(name=exporting.MAKE_EXPORT, time_limit=3700, soft_time_limit=3600)
def make_export(dealer_id: str, export_id: str) -> None:
    """Write an export that somebody asked for."""
    exporting.make(UUID(export_id))


@dealer_task(name="organisation.tidy_exports")
def tidy_exports(dealer_id: str) -> None:
    """Every few minutes: delete exports whose time is over, and hint again at what waits."""
    exporting.tidy()
