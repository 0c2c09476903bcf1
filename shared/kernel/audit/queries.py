"""Reads of the audit trail."""

from typing import Any

from django.db.models import QuerySet

from kernel.accounts.access import find
from kernel.accounts.models import User
from kernel.accounts.roles import Right
from kernel.audit.models import Entry
from kernel.errors import Missing


def entries() -> QuerySet[Entry]:
    """All rows, newest first, without the values before and after."""
    return Entry.objects.defer("before", "after")


def history_of(obj: Any) -> QuerySet[Entry]:
    """What was done to one record, newest first."""
    return Entry.objects.filter(object_type=obj._meta.label_lower, object_id=str(obj.pk))


def access_entry_for_reading(id: str, user: User) -> Entry:
    """One row, for those who may read the trail. Raises Missing otherwise."""
    if not user.has(Right.AUDIT_READ):
        raise Missing()
    return find(Entry.objects.all(), id)
