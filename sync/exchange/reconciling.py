"""Reconciliation as it goes on by itself: every dealership once an hour, its result where people read it.

Independent of how messages are carried: it compares what stands in the ledger of one side with what stands in the inbox
of the other. What can be mended without a person's judgement is, when somebody asks for it: a message that is missing
is delivered again, an answer that got lost is given again. What was altered, or is unknown to its sender, is left to
people.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from exchange.courier import _COLUMNS, Party, parties
from exchange.models import Reconciliation
from exchange.operations import _DIFFERENCES, NOTHING_ELSEWHERE, _carried_elsewhere
from kernel import clock
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.audit import record as audit
from kernel.errors import Missing
from kernel.tenancy.bindings import MANUFACTURER_ID, PORTAL_SCHEMA, Courier, bound

log = logging.getLogger(__name__)

#: Seconds between two looks for what is due.
PAUSE = 5.0
#: How old a comparison may be.
EVERY = timedelta(hours=1)
#: Dealerships that are compared in one pass of the courier.
AT_ONCE = 3
#: Seconds within which a missing answer is no difference yet.
GRACE = 120.0
#: Differences that are written down one by one; there may be more.
MOST = 200


def go_on(*, most: int = AT_ONCE) -> int:
    """Compare the dealerships whose turn it is, and mend what is wanted; returns how many. Unbound.

    Several couriers do it by turns: one that meets another leaves it to that.
    """
    done = 0
    with bound(Courier()):
        everyone = parties()
        portal = everyone.get(MANUFACTURER_ID)
        if portal is None:
            return 0
        for dealer in _due(everyone)[:most]:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended('reconciling', 0))")
                if not cursor.fetchone()[0]:
                    return done
                mended = _mend(cursor, dealer, portal) if _wanted(cursor, dealer) else None
                _compare(cursor, dealer, portal, mended)
                done += 1
    return done


def run_forever(stop: Callable[[], bool]) -> None:
    """A thread of the courier's process."""
    while not stop():
        try:
            done = go_on()
        except Exception:
            log.exception("reconciling: pass failed")
            done = 0
        time.sleep(PAUSE if not done else 0.1)


def _due(everyone: dict[UUID, Party]) -> list[Party]:
    """Dealerships to be compared: those somebody waits for, those never compared, then the oldest."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT member, at, found > 0, wanted_at FROM {PORTAL_SCHEMA}.exchange_reconciliation")
        known = {row[0]: row[1:] for row in cursor.fetchall()}
        asked = {id_ for id_, (_at, _found, wanted) in known.items() if wanted is not None}
        asked |= {
            id_
            for id_, (_at, found, _wanted_there) in known.items()
            if found and id_ in everyone and _wanted(cursor, everyone[id_])
        }
    before = clock.now() - EVERY
    dealers = [one for one in everyone.values() if not one.is_portal]
    wanted = [one for one in dealers if one.id in asked]
    new = [one for one in dealers if one.id not in known]
    old = [one for one in dealers if one.id in known and one.id not in asked and known[one.id][0] < before]
    return wanted + new + sorted(old, key=lambda one: known[one.id][0])


def _wanted(cursor: Any, dealer: Party) -> bool:
    """Whether either side wants the differences with this dealership mended."""
    cursor.execute(
        f"SELECT EXISTS (SELECT 1 FROM {PORTAL_SCHEMA}.exchange_reconciliation WHERE member = %s AND wanted_at IS NOT "
        f'NULL) OR EXISTS (SELECT 1 FROM "{dealer.schema}".exchange_reconciliation WHERE wanted_at IS NOT NULL)',
        [dealer.id],
    )
    return bool(cursor.fetchone()[0])


def _differences(cursor: Any, sender: Party, receiver: Party) -> list[tuple[UUID, str, str]]:
    """Message, kind of difference, contract."""
    elsewhere = _carried_elsewhere()
    values = {
        "sender": sender.id,
        "receiver": receiver.id,
        "grace": GRACE,
        "sent_elsewhere": elsewhere.get(sender.id, NOTHING_ELSEWHERE)[0],
        "received_elsewhere": elsewhere.get(receiver.id, NOTHING_ELSEWHERE)[1],
    }
    cursor.execute(_DIFFERENCES.format(sender=sender.schema, receiver=receiver.schema), values)
    return list(cursor.fetchall())


def _mend(cursor: Any, dealer: Party, portal: Party) -> int:
    """Deliver again exactly what is missing, and answer again what lacks its answer; returns how many."""
    mended = 0
    for sender, receiver in ((dealer, portal), (portal, dealer)):
        found = _differences(cursor, sender, receiver)
        missing = [message for message, kind, _contract in found if kind == "missing_at_receiver"]
        cursor.execute(
            f'INSERT INTO "{receiver.schema}".exchange_inboxpayload (id, body) '
            f'SELECT id, body FROM "{sender.schema}".exchange_payload WHERE id = ANY(%s) ON CONFLICT (id) DO NOTHING',
            [missing],
        )
        cursor.execute(
            f'INSERT INTO "{receiver.schema}".exchange_inbox (sender, {_COLUMNS}) '
            f'SELECT %s, {_COLUMNS} FROM "{sender.schema}".exchange_ledger WHERE id = ANY(%s) ORDER BY number '
            f"ON CONFLICT (id) DO NOTHING",
            [sender.id, missing],
        )
        mended += cursor.rowcount
        unanswered = [message for message, kind, _contract in found if kind == "not_answered"]
        cursor.execute(
            f'UPDATE "{sender.schema}".exchange_ledger l SET state = i.state '
            f'FROM "{receiver.schema}".exchange_inbox i WHERE i.id = l.id AND l.id = ANY(%s)',
            [unanswered],
        )
        mended += cursor.rowcount
    return mended


def _compare(cursor: Any, dealer: Party, portal: Party, mended: int | None) -> None:
    """Write the result down on both sides."""
    up, down = _differences(cursor, dealer, portal), _differences(cursor, portal, dealer)
    cursor.execute(
        f'SELECT (SELECT count(*) FROM "{portal.schema}".exchange_inbox WHERE sender = %s) '
        f'+ (SELECT count(*) FROM "{dealer.schema}".exchange_inbox WHERE sender = %s)',
        [dealer.id, portal.id],
    )
    (compared,) = cursor.fetchone()
    for schema, member, sent, received in (
        (portal.schema, dealer.id, down, up),
        (dealer.schema, portal.id, up, down),
    ):
        rows = [
            {"message": str(message), "contract": contract, "difference": kind, "way": way}
            for way, found in (("sent", sent), ("received", received))
            for message, kind, contract in found
        ]
        cursor.execute(
            f'INSERT INTO "{schema}".exchange_reconciliation AS r '
            "(member, at, compared, found, differences, replayed, replayed_at) "
            "VALUES (%(member)s, clock_timestamp(), %(compared)s, %(found)s, %(rows)s, coalesce(%(mended)s, 0), "
            "CASE WHEN %(mended)s IS NOT NULL THEN clock_timestamp() END) ON CONFLICT (member) DO UPDATE SET "
            "at = excluded.at, compared = excluded.compared, found = excluded.found, "
            "differences = excluded.differences, "
            "wanted_at = CASE WHEN %(mended)s IS NULL THEN r.wanted_at END, "
            "replayed = CASE WHEN %(mended)s IS NULL THEN r.replayed ELSE excluded.replayed END, "
            "replayed_at = coalesce(excluded.replayed_at, r.replayed_at)",
            {
                "member": member,
                "compared": compared,
                "found": len(rows),
                "rows": json.dumps(rows[:MOST]),
                "mended": mended,
            },
        )


@transaction.atomic
def ask_to_replay(member: UUID, *, actor: Actor) -> Reconciliation:
    """Want the differences with a member mended: the courier does it within seconds. Raises Missing."""
    actor.require(Right.EXCHANGE_REPAIR)
    row = Reconciliation.objects.filter(member=member).first()
    if row is None:
        raise Missing()
    Reconciliation.objects.filter(member=member).update(wanted_at=clock.now())
    audit(actor=actor, action="exchange.replay", obj=row, after={"differences": row.found})
    return row
