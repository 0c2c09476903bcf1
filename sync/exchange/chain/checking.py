"""Checking every ledger once a day, beside the courier: what members read on their own pages.

It runs in a thread of the courier's process, because no other login reads both sides; it delivers nothing and locks
nothing but its own turn.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Collection
from pathlib import Path
from uuid import UUID

from django.db import connection, transaction

from exchange.chain import anchors, signing, verifying
from exchange.courier import Party, parties
from kernel.checkpoints import reached
from kernel.tenancy.bindings import Courier, bound
from kernel.tenancy.models import Move

log = logging.getLogger(__name__)

#: Hours between two checks of one ledger.
EVERY_HOURS = 24
#: Seconds between looks for ledgers whose check is due.
LOOK_EVERY = 300.0


def verified(
    member: Party, everyone: dict[UUID, Party], *, files: Collection[Path] | None = None
) -> verifying.Verified:
    """Check one ledger; `files` are signed heads, those in the data folder without any. Unbound."""
    known = signing.kept(member.id) if files is None else files
    with bound(Courier()):
        moves = Move.objects.filter(kind=Move.Kind.IMPORT).order_by("at")
        elsewhere = dict(moves.values_list("tenant_id", "inbox_number"))
        restores = Move.objects.filter(kind=Move.Kind.RESTORE, tenant_id=member.id, kept_schema="")
        begun_anew = [(move.at, move.figures["chain"]) for move in restores if "chain" in move.figures]
        with connection.cursor() as cursor:
            others = anchors.other_side(member, everyone)
            return verifying.verify(cursor, member, others, files=known, elsewhere=elsewhere, begun_anew=begun_anew)


def check(member: Party, everyone: dict[UUID, Party]) -> verifying.Verified:
    """Check one ledger and write down for its member what was found. Unbound."""
    with bound(Courier()), connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        began_at = cursor.fetchone()[0]
    found = verified(member, everyone)
    reached("courier.verified")
    with bound(Courier()), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{member.schema}".exchange_check '
            f"(began_at, finished_at, number, rows, payloads, anchors, findings) "
            f"VALUES (%s, clock_timestamp(), %s, %s, %s, %s, %s)",
            [
                began_at,
                found.number,
                found.rows,
                found.payloads,
                found.anchors,
                json.dumps([finding.to_json() for finding in found.findings]),
            ],
        )
    for finding in found.findings:
        log.error("ledger: %s: %s: %s", member.schema, finding.found, finding.detail)
    return found


def is_due(member: Party) -> bool:
    """Whether a ledger has a chain that was not checked for a day. Unbound."""
    with bound(Courier()), connection.cursor() as cursor:
        cursor.execute(
            f'SELECT EXISTS (SELECT FROM "{member.schema}".exchange_seal) AND NOT EXISTS (SELECT FROM '
            f'"{member.schema}".exchange_check WHERE finished_at > clock_timestamp() - make_interval(hours => %s))',
            [EVERY_HOURS],
        )
        return bool(cursor.fetchone()[0])


def check_what_is_due(stop: Callable[[], bool] = lambda: False) -> int:
    """Check every ledger whose check is due, until `stop` says so; returns how many were. Unbound."""
    with bound(Courier()):
        everyone = parties()
    done = 0
    for member in everyone.values():
        if not stop() and is_due(member):
            check(member, everyone)
            done += 1
    return done


def run_forever(stop: Callable[[], bool], *, look_every: float = LOOK_EVERY) -> None:
    """The checker's loop."""
    looked_at = -look_every
    while not stop():
        if time.monotonic() - looked_at > look_every:
            try:
                check_what_is_due(stop)
            except Exception:
                log.exception("ledger: check failed")
            looked_at = time.monotonic()
        time.sleep(0.2)
