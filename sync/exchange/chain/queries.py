"""What a member reads of its own chain, under its own login."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from exchange.chain.models import Anchor, Check, Seal
from exchange.chain.sealing import LEAF
from exchange.models import Ledger
from kernel.errors import Missing
from kernel.tenancy.bindings import own_id


@dataclass(frozen=True)
class Place:
    """Where a row stands in the chain: counted from 1, sealed and anchored at the other side (None: not yet) when."""

    place: int
    batch: int
    sealed_at: datetime
    anchored_at: datetime | None


def place_of(row: Ledger) -> Place | None:
    """The place of a ledger row; None before it was sealed. Two queries."""
    seal = Seal.objects.filter(number=row.seal).first() if row.seal is not None else None
    if seal is None:
        return None
    leaves = bytes(seal.leaves)
    ids = [leaves[at : at + 16] for at in range(0, len(leaves), LEAF)]
    if row.id.bytes not in ids:
        return None  # a check tells of it (exchange.chain.verifying)
    anchor = Anchor.objects.filter(chain=own_id(), number__gte=seal.number).order_by("number", "id").first()
    return Place(seal.first + ids.index(row.id.bytes), seal.number, seal.sealed_at, anchor.at if anchor else None)


def last_check() -> Check | None:
    """The newest check of this member's ledger."""
    return Check.objects.first()


def signed_days() -> list[date]:
    """The days of which there is a signed head, newest first."""
    days = Anchor.objects.filter(chain=own_id(), day__isnull=False).order_by("-day")
    return [day for day in days.values_list("day", flat=True) if day]


def signed_head(day: str) -> Anchor:
    """The signed head of a day (ISO 8601). Raises Missing."""
    try:
        wanted = date.fromisoformat(day)
    except ValueError:
        raise Missing() from None
    found = Anchor.objects.filter(chain=own_id(), day=wanted).first()
    if found is None:
        raise Missing()
    return found
