"""What a dealership may use of what all share, and what it uses.

The standard stands in the settings (`DEALERSHIP_LIMITS`); a row of `Limits` gives one dealership limits of its own. The
steward measures storage, for dealerships cannot see sizes. Processes learn both with the directory (`Member.limits`,
`Member.usage`) or, for workers, from `of`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from kernel.errors import Conflict, TooMany


@dataclass(frozen=True, slots=True)
class Allowance:
    """The limits that hold for one dealership.

    `requests`: answered at once by each web process; `statement_seconds`: a single statement of the database;
    `jobs_at_once`, `jobs_per_minute`: of the workers; `storage_mb`: tables and files; `exports_per_day`: files that
    people take from lists.
    """

    requests: int
    statement_seconds: int
    jobs_at_once: int
    jobs_per_minute: int
    storage_mb: int
    exports_per_day: int


NAMES = tuple(field.name for field in fields(Allowance))

#: The least and the most that may be set. No limit stops a dealership's work altogether; a statement may not last
#: longer than the transaction may (steward.LOGIN_SETTINGS).
BOUNDS: dict[str, tuple[int, int]] = {
    "requests": (1, 64),
    "statement_seconds": (2, 20),
    "jobs_at_once": (1, 64),
    "jobs_per_minute": (30, 100_000),
    "storage_mb": (50, 10_000_000),
    "exports_per_day": (1, 100_000),
}


@dataclass(frozen=True, slots=True)
class Use:
    """What the steward measured last: bytes of tables and files, and when (aware)."""

    table_bytes: int
    file_bytes: int
    measured_at: datetime

    @property
    def storage_mb(self) -> float:
        return (self.table_bytes + self.file_bytes) / 1024**2


def standard() -> Allowance:
    """The limits of a dealership that has none of its own."""
    return Allowance(**settings.DEALERSHIP_LIMITS)


def merged(own: dict[str, int | None]) -> Allowance:
    """The standard, with what is set for one dealership in its place."""
    return Allowance(**{**settings.DEALERSHIP_LIMITS, **{name: value for name, value in own.items() if value}})


def all_own() -> dict[UUID, Allowance]:
    """The dealerships that have limits of their own, by id."""
    from kernel.tenancy.models import Limits

    rows = Limits.objects.values("tenant_id", *NAMES)
    return {row.pop("tenant_id"): merged(row) for row in rows}


def check_storage(member: Any) -> None:
    """Refuse what would fill the storage further: uploads, imports, records written by programs. `member` is the
    request's. Raises StorageFull. The daily work on pages is never refused: a shop with customers in it goes on."""
    if not member.is_portal and member.usage and member.usage.storage_mb >= member.limits.storage_mb:
        raise StorageFull()


class StorageFull(Conflict):
    """Nothing more can be uploaded or imported (409): tables and files of the dealership have reached its limit."""

    code = "storage_full"
    message = _("The storage of this dealership is full, so nothing was added. Ask the manufacturer for more.")

    def __init__(self) -> None:
        super().__init__(self.code, self.message)


class ExportsUsedUp(TooMany):
    """The day's exports of the dealership are used up (429). `retry_after`: seconds until midnight there."""

    message = _("The exports of today are used up. From midnight on there are new ones.")

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after, self.message)
        self.code = "exports_used_up"
