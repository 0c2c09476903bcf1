"""Anchoring the heads of chains at the other side, so that nobody can rewrite a whole chain unseen.

A dealership's head stands at the manufacturer, the manufacturer's at dealerships; each member keeps a copy of its own,
to show when a message was anchored. Written by the courier: every EVERY batches with the batch itself, every HOUR for
chains that have grown, and once a day as a signed file.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from exchange.chain import signing
from exchange.chain.sealing import Head
from kernel.checkpoints import reached
from kernel.tenancy.models import Tenant

if TYPE_CHECKING:
    from exchange.courier import Party

log = logging.getLogger(__name__)

#: A chain is anchored with every batch whose number this divides.
EVERY = 100
#: A chain that has grown is anchored again after this long.
HOUR = timedelta(hours=1)


def put(
    cursor: Any, member: Party, head: Head, witnesses: Iterable[Party], *, day: date | None = None, document: str = ""
) -> None:
    """Note a head at its own member and at the witnesses. A second note of the same day has no effect."""
    for party in (member, *witnesses):
        cursor.execute(
            f'INSERT INTO "{party.schema}".exchange_anchor (chain, number, place, hash, day, document) '
            f"VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (chain, day) DO NOTHING",
            [member.id, head.number, head.place, head.hash, day, document],
        )


def other_side(member: Party, everyone: dict[UUID, Party]) -> list[Party]:
    """Who keeps the anchors of a member's chain."""
    return [party for party in everyone.values() if party.is_portal != member.is_portal]


@dataclass(frozen=True)
class _Due:
    head: Head
    now: datetime
    signed: bool


def _look(cursor: Any, member: Party) -> _Due | None:
    """What is due at one member: an anchor of the hour (`signed` False) or the day's file. None when neither is."""
    cursor.execute(
        f"SELECT s.number, s.last, s.hash, clock_timestamp(), a.number, a.at, d.day "
        f'FROM "{member.schema}".exchange_seal s '
        f'LEFT JOIN LATERAL (SELECT number, at FROM "{member.schema}".exchange_anchor WHERE chain = %(id)s '
        f"ORDER BY number DESC, id DESC LIMIT 1) a ON true "
        f'LEFT JOIN LATERAL (SELECT max(day) AS day FROM "{member.schema}".exchange_anchor '
        f"WHERE chain = %(id)s AND day IS NOT NULL) d ON true ORDER BY s.number DESC LIMIT 1",
        {"id": member.id},
    )
    found = cursor.fetchone()
    if found is None:
        return None
    number, place, digest, now, anchored, anchored_at, last_day = found
    signed = last_day is None or last_day < timezone.localdate(now)
    grown = anchored is None or (anchored < number and anchored_at <= now - HOUR)
    return _Due(Head(number, place, digest), now, signed) if signed or grown else None


def anchor_what_is_due(everyone: dict[UUID, Party]) -> int:
    """Anchor every chain for which an hour or a day is over; returns how many were. Called bound to the courier."""
    names = dict(Tenant.objects.values_list("id", "slug"))
    return sum(_anchor(member, everyone, names[member.id]) for member in everyone.values())


def _anchor(member: Party, everyone: dict[UUID, Party], name: str) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        due = _look(cursor, member)
        if due is None:
            return False
        day, document = None, ""
        if due.signed:
            day = timezone.localdate(due.now)
            head = due.head
            document = signing.keep(
                signing.SignedHead(member.id, name, day, head.number, head.place, head.hash, due.now)
            )
            said = signing.read(document)
            head = Head(said.number, said.place, said.hash)
            reached("courier.signed")
        else:
            head = due.head
        put(cursor, member, head, other_side(member, everyone), day=day, document=document)
        reached("courier.anchored")
    return True
