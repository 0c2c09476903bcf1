"""What apps above this one know about a car (service visits, claims), shown on the car's page in its own part.

Each part keeps to the purpose its records were received for: it has a right of its own, and whoever lacks it is told
that the part is for another purpose, not what stands in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from kernel.accounts.roles import Right
from kernel.contracts import Purpose


@dataclass(frozen=True)
class Milestone:
    """One event in the life of a car."""

    at: datetime | date
    title: Any
    dealership: UUID
    icon: str = "circle"
    tone: str = "neutral"
    text: str = ""
    url: str = ""


@dataclass(frozen=True)
class Section:
    """A kind of record of a car. `rows` reads them for a VIN, newest first; `milestone` says what one was;
    `to_json` is how the API gives it."""

    key: str
    contract: str
    title: Any
    icon: str
    purpose: Purpose
    right: Right
    rows: Callable[[str], Iterable[Any]]
    milestone: Callable[[Any], Milestone]
    to_json: Callable[[Any], dict[str, Any]]
    order: int = 100


@dataclass(frozen=True)
class Part:
    """A section for one car and one person."""

    section: Section
    allowed: bool
    rows: Sequence[Any] = ()
    milestones: list[Milestone] = field(default_factory=list)


_sections: dict[str, Section] = {}


def register(section: Section) -> None:
    """Add a section; the same key replaces."""
    _sections[section.key] = section


def parts_of(vin: str, user: Any) -> list[Part]:
    """Every section for a car, read only where the person may read it."""
    parts = []
    for section in sorted(_sections.values(), key=lambda one: (one.order, one.key)):
        if not user.has(section.right):
            parts.append(Part(section, allowed=False))
            continue
        rows = list(section.rows(vin))
        parts.append(Part(section, True, rows, [section.milestone(row) for row in rows]))
    return parts
