"""A dealership's records from before, contract by contract: what a backfill shares.

Only what stands for itself is shared afterwards: owners, visits, sales. A claim is decided when it is made and a step
of a lead moved it along then; sent again, neither would say anything new.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from dealer.customers.models import Customer
from kernel.contracts import Contract


@dataclass(frozen=True)
class Past:
    """One record as `actions.share` would have been given it when it was made."""

    record: Contract
    subject: UUID
    customer: Customer | None
    event_at: datetime
    label: str = ""


@dataclass(frozen=True)
class Source:
    """Where the records of a contract are: rows that have `id`, in the order of `moment` (a field, aware)."""

    rows: Callable[[], QuerySet[Any]]
    moment: str
    past: Callable[[Any], Past]

    def between(self, begin: datetime, end: datetime) -> QuerySet[Any]:
        """The rows from `begin` up to `end`, oldest first."""
        found = self.rows().filter(**{f"{self.moment}__gte": begin, f"{self.moment}__lt": end})
        return found.order_by(self.moment, "id")

    def after(self, rows: QuerySet[Any], at: datetime | None, id_: UUID | None) -> QuerySet[Any]:
        """Those of the rows that come after this place; all of them without one."""
        if at is None:
            return rows
        return rows.filter(Q(**{f"{self.moment}__gt": at}) | Q(**{self.moment: at, "id__gt": id_}))

    def moment_of(self, row: Model) -> datetime:
        """When a row happened, as it is ordered by."""
        moment: datetime = getattr(row, self.moment)
        return moment


_sources: dict[str, Source] = {}
Given = TypeVar("Given", bound=Callable[[Any], Past])


def past_of(contract: str, *, rows: Callable[[], QuerySet[Any]], moment: str) -> Callable[[Given], Given]:
    """Register how a row becomes a record again."""

    def register(past: Given) -> Given:
        _sources[contract] = Source(rows, moment, past)
        return past

    return register


def source_of(contract: str) -> Source | None:
    """Where the past of a contract is; None when it has none that could be shared."""
    return _sources.get(contract)
