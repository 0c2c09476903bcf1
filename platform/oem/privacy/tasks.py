"""Celery's part: deleting what a law had kept, once its time is over."""

from kernel.tenancy.tasks import portal_task
from oem.privacy import actions

DELETE_KEPT = "privacy.delete_kept"


@portal_task(name=DELETE_KEPT)
def delete_kept() -> None:
    """Delete what is due. Once a day; again it does nothing."""
    actions.delete_kept()
