"""The courier: carries messages from ledgers to inboxes under a login that sees the mailbox tables only.

Per sender under a lock, in the order of recording (which is the order within each subject), in batches, each in
one transaction: give what is new its place in the chain (exchange.chain), insert what has one into the receiver's
inbox (a known id has no effect), mark delivered. Nothing leaves without a place. Killed anywhere, it repeats or
continues; it never decides by "the last number I saw".
"""

from __future__ import annotations

import logging
import math
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from exchange import hints, pressure
from exchange.chain import anchors, sealing
from kernel.checkpoints import reached
from kernel.tenancy import rendering
from kernel.tenancy.bindings import PORTAL_SCHEMA, Courier, bound
from kernel.tenancy.models import Kind, State, Tenant

log = logging.getLogger(__name__)

BATCH = 500
#: Members whose mailboxes are asked in one question.
MEMBERS_AT_ONCE = 100
#: So many members' tables one connection of a sweep looks at; the server's process keeps about 0.1 MB of each.
MEMBERS_A_CONNECTION = 300
#: Seconds after which the courier listens for new hints, however much waits.
TURN_SECONDS = 1.0
#: Seconds between sweeps over all members.
SWEEP_EVERY = 2.0
#: Seconds after which a row in an inbox that nobody applied is hinted again.
HINT_AGAIN_AFTER = 3
#: Seconds between watermarks of a sender whose mailbox is empty.
WATERMARK_EVERY = 5.0
#: Seconds between looks for chains whose head has not been anchored for an hour, or not been signed today.
ANCHORS_EVERY = 60.0


@dataclass(frozen=True)
class Party:
    """A member as the courier sees it."""

    id: UUID
    schema: str
    is_portal: bool


def parties() -> dict[UUID, Party]:
    """Every member whose mailbox exists, by id, but those an upgrade to this release fenced off: their mail waits.
    Called bound to the courier."""
    fenced = Q(fenced_by__in=[rendering.wanted(kind) for kind in Kind.values])
    gone = Q(state__in=(State.JOINING, State.DROPPED))
    rows = Tenant.objects.exclude(gone).exclude(fenced).values_list("id", "schema_name", "kind")
    return {id_: Party(id_, schema, kind == Kind.MANUFACTURER) for id_, schema, kind in rows}


_COLUMNS = "id, contract, version, subject, seq, purpose, agreement_version, level, commitment, event_at"


def carry(sender: Party, everyone: dict[UUID, Party]) -> int:
    """Deliver what waits at one sender; returns the number of messages. Called bound to the courier.

    Another courier at the same sender makes this one return 0. What is addressed to somebody who is not (yet) among
    `everyone` waits and holds up nobody else's mail.
    """
    return carry_in_turns([sender], everyone)[0]


def carry_in_turns(
    senders: Iterable[Party], everyone: dict[UUID, Party], *, seconds: float = math.inf
) -> tuple[int, set[UUID]]:
    """Deliver what waits at several senders, a batch of each in turn: who has much mail holds the others up for one.

    No batch is begun after `seconds`. Returns the number of messages, and the senders who have more. Called bound to
    the courier.
    """
    end = time.monotonic() + seconds
    waiting, carried = deque(senders), 0
    everyone = dict(everyone)  # without those who take no more for now
    while waiting and time.monotonic() < end:
        sender = waiting.popleft()
        done, receivers, more = _carry_batch(sender, everyone)
        reached("courier.committed")
        carried += done
        for receiver in receivers:
            hints.wake_receiver(receiver)
            reached("courier.receiver hinted")
        if more:
            waiting.append(sender)
    return carried, {sender.id for sender in waiting}


def _carry_batch(sender: Party, everyone: dict[UUID, Party]) -> tuple[int, set[UUID], bool]:
    """How many messages were carried, to whom, and whether there may be more to seal or to carry."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"courier {sender.id}"])
        if not cursor.fetchone()[0]:
            return 0, set(), False
        reached("courier.locked")
        sealed, head = sealing.seal_batch(cursor, sender.schema)
        reached("courier.sealed")
        # Whether a row has its place is asked for here and not of the server: its statistics of that column are those
        # of a moment ago, and with them it would rather read the whole ledger than the index of what waits.
        cursor.execute(
            f'SELECT id, receiver, seal FROM "{sender.schema}".exchange_ledger WHERE state = %s AND receiver = ANY(%s) '
            f"ORDER BY number LIMIT %s FOR UPDATE",
            ["recorded", list(everyone), BATCH],
        )
        by_receiver: dict[UUID, list[UUID]] = defaultdict(list)
        for message, receiver, seal in cursor.fetchall():
            if seal is not None:
                by_receiver[receiver].append(message)
        reached("courier.selected")
        full = {id_ for id_ in by_receiver if pressure.is_full(cursor, everyone[id_].schema)}
        pressure.note(cursor, sender.schema, full, by_receiver)
        for id_ in full:
            del by_receiver[id_], everyone[id_]
        done = 0
        for receiver_id, messages in by_receiver.items():
            receiver = everyone[receiver_id]
            cursor.execute(
                f'INSERT INTO "{receiver.schema}".exchange_inbox (sender, {_COLUMNS}) '
                f'SELECT %s, {_COLUMNS} FROM "{sender.schema}".exchange_ledger WHERE id = ANY(%s) ORDER BY number '
                f"ON CONFLICT (id) DO NOTHING",
                [sender.id, messages],
            )
            reached("courier.inbox written")
            cursor.execute(
                f'INSERT INTO "{receiver.schema}".exchange_inboxpayload (id, body) '
                f'SELECT id, body FROM "{sender.schema}".exchange_payload WHERE id = ANY(%s) '
                f"ON CONFLICT (id) DO NOTHING",
                [messages],
            )
            reached("courier.payloads written")
            cursor.execute(
                f'UPDATE "{sender.schema}".exchange_ledger SET state = %s, delivered_at = clock_timestamp() '
                f"WHERE id = ANY(%s)",
                ["delivered", messages],
            )
            reached("courier.marked")
            done += len(messages)
        if head is not None and head.number % anchors.EVERY == 0:
            anchors.put(cursor, sender, head, [everyone[id_] for id_ in by_receiver])
            reached("courier.anchored")
        return done, set(by_receiver), BATCH in (done, sealed) or bool(full)


def hold_turn(everyone: dict[UUID, Party]) -> None:
    """Be the only courier at every sender, over several transactions of this connection, until `give_turn_back`.
    Waits for whoever is there. Called bound to the courier."""
    with connection.cursor() as cursor:
        for sender in everyone:
            while True:
                cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [f"courier {sender}"])
                if cursor.fetchone()[0]:
                    break
                time.sleep(0.01)


def give_turn_back(everyone: dict[UUID, Party]) -> None:
    """End `hold_turn`; without it nothing happens."""
    with connection.cursor() as cursor:
        for sender in everyone:
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [f"courier {sender}"])


def senders_with_mail(everyone: dict[UUID, Party]) -> tuple[list[Party], datetime]:
    """The members in whose ledger something waits for its place or its delivery, and the time of that look. One
    question for all of them."""
    parts = [
        f"SELECT '{p.id}'::uuid WHERE EXISTS (SELECT 1 FROM \"{p.schema}\".exchange_ledger WHERE state = 'recorded') "
        f'OR EXISTS (SELECT 1 FROM "{p.schema}".exchange_ledger WHERE seal IS NULL)'
        for p in everyone.values()
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        looked_at = cursor.fetchone()[0]
        cursor.execute(" UNION ALL ".join(parts))
        found = [everyone[row[0]] for row in cursor.fetchall()]
    reached("courier.looked")
    return found, looked_at


def receivers_left_waiting(everyone: dict[UUID, Party]) -> list[UUID]:
    """The members whose inbox holds something nobody applied for a while."""
    parts = [
        f"SELECT '{p.id}'::uuid WHERE EXISTS (SELECT 1 FROM \"{p.schema}\".exchange_inbox WHERE state = 'received' "
        f"AND received_at < clock_timestamp() - interval '{HINT_AGAIN_AFTER} seconds')"
        for p in everyone.values()
    ]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        return [row[0] for row in cursor.fetchall()]


def mark_drained(senders: list[Party], looked_at: datetime) -> None:
    """Note at the manufacturer that these dealerships' mailboxes were empty at `looked_at`."""
    dealers = [p.id for p in senders if not p.is_portal]
    if dealers:
        with connection.cursor() as cursor:
            cursor.execute(
                f'INSERT INTO "{PORTAL_SCHEMA}".exchange_watermark AS w (sender, drained_at) '
                f"SELECT unnest(%s::uuid[]), %s ON CONFLICT (sender) DO UPDATE "
                f"SET drained_at = excluded.drained_at WHERE w.drained_at < excluded.drained_at",
                [dealers, looked_at],
            )
        reached("courier.watermarked")


def sweep(*, watermarks: bool = True, seconds: float = math.inf) -> int:
    """Find and carry what waits anywhere, for so many seconds; hint again where an inbox waits. Returns how many."""
    with bound(Courier()):
        everyone = parties()
    looks = []
    for some in _in_parts(everyone):
        with bound(Courier()):
            looks.append((some, *senders_with_mail(some)))
    with bound(Courier()):
        busy = [sender for _some, found, _looked_at in looks for sender in found]
        carried, _more = carry_in_turns(busy, everyone, seconds=seconds)
    seen = 0
    for some, found, looked_at in looks:
        seen += len(some)
        if seen > MEMBERS_A_CONNECTION:
            _begin_anew()
            seen = len(some)
        with bound(Courier()):
            if watermarks:
                mark_drained([p for p in some.values() if p not in found], looked_at)
            waiting = receivers_left_waiting(some)
        for receiver in waiting:
            hints.wake_receiver(receiver)
    return carried


def _in_parts(everyone: dict[UUID, Party]) -> Iterator[dict[UUID, Party]]:
    """The members by hundreds: what the server needs for one question about all of a thousand, it keeps. So it does
    what it learned of their tables, and the connection ends before that is too much."""
    ids, seen = list(everyone), 0
    for begin in range(0, len(ids), MEMBERS_AT_ONCE):
        some = {id_: everyone[id_] for id_ in ids[begin : begin + MEMBERS_AT_ONCE]}
        yield some
        seen += len(some)
        if seen >= MEMBERS_A_CONNECTION:
            _begin_anew()
            seen = 0


def _begin_anew() -> None:
    """Close the courier's connection; the next question opens another."""
    with bound(Courier()):
        connection.ensure_connection()  # one that idles in the pool is the one that would be used next
        connection.close()


def run_forever(stop: Callable[[], bool]) -> None:
    """The courier's loop: at once on a hint, everything every SWEEP_EVERY seconds."""
    swept_at = marked_at = anchored_at = 0.0
    more: set[UUID] = set()
    while not stop():
        try:
            # Whoever has more mail than a turn takes goes on after those who were hinted meanwhile.
            hinted = hints.wait_for_senders(0.01 if more else 0.5)
            if hinted or more:
                with bound(Courier()):
                    everyone = parties()
                    named = [everyone[id_] for id_ in [*hinted, *(more - hinted)] if id_ in everyone]
                    more = carry_in_turns(named, everyone, seconds=TURN_SECONDS)[1]
            now = time.monotonic()
            if now - swept_at > SWEEP_EVERY:
                marks = now - marked_at > WATERMARK_EVERY
                sweep(watermarks=marks, seconds=TURN_SECONDS)
                swept_at = now
                marked_at = now if marks else marked_at
            if now - anchored_at > ANCHORS_EVERY:
                with bound(Courier()):
                    anchors.anchor_what_is_due(parties())
                anchored_at = now
        except Exception:
            log.exception("courier: pass failed")
            time.sleep(1)
