"""Applying what arrived, under the receiver's own binding, in one transaction with marking it.

A refused message blocks only its subject; it waits for a person, who lets it be tried again or skips it with a
reason. A message this release does not know is parked. Nothing is ever dropped.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from itertools import groupby
from uuid import UUID, uuid5

from django.db import connection, transaction
from django.db.models.functions import Now

from exchange.handlers import Received, Refuse, handler_of
from exchange.models import INBOX_TRANSITIONS, Inbox, InboxPayload, InboxState
from exchange.outbound import send_down
from kernel import clock
from kernel.accounts.actors import EXCHANGE, Actor
from kernel.accounts.roles import Right
from kernel.audit import record as audit
from kernel.checkpoints import reached
from kernel.contracts import ContractError, Level, Purpose, Receipt, ReceiptOutcome, RecordError, by_name
from kernel.errors import Conflict, Missing
from kernel.tenancy.bindings import own_id

log = logging.getLogger(__name__)

BATCH = 200
#: Failures that are not refusals are tried this often before a person is asked.
TRIES = 8

#: Senders take turns, each in its own order: one who sends thousands does not stand before another's single message.
_NEXT = """
SELECT i.id FROM exchange_inbox i
WHERE i.state = 'received' AND (%s::timestamptz IS NULL OR i.event_at < %s) AND NOT EXISTS (
    SELECT 1 FROM exchange_inbox b
    WHERE b.sender = i.sender AND b.subject = i.subject AND b.seq < i.seq AND b.state IN ('refused', 'parked'))
ORDER BY row_number() OVER (PARTITION BY i.sender ORDER BY i.number), i.number LIMIT %s
"""


def take_turn() -> bool:
    """Be the only one who applies messages here until the transaction ends; False when somebody else is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"inbox {own_id()}"])
        return bool(cursor.fetchone()[0])


def hold_turn() -> None:
    """The same over several transactions of this connection, until `give_turn_back`. Waits for whoever has it."""
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [f"inbox {own_id()}"])
            if cursor.fetchone()[0]:
                return
            time.sleep(0.01)


def give_turn_back() -> None:
    """End `hold_turn`; without it nothing happens."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [f"inbox {own_id()}"])


def drain(*, before: datetime | None = None) -> int:
    """Apply everything that can be applied; returns how many messages were. Called bound to the receiver.

    When somebody else is draining this inbox it returns 0. With `before` only what happened before that time.
    """
    applied = 0
    while True:
        tried, done = _drain_batch(before)
        reached("inbox.committed")
        applied += done
        if tried < BATCH or not done:
            return applied


def can_apply(sender: UUID) -> bool:
    """Whether anything of a sender waits that nothing holds up. Called bound to the receiver."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT.replace("WHERE", "WHERE i.sender = %s AND", 1), [sender, None, None, 1])
        return cursor.fetchone() is not None


def take_a_turn(seconds: float) -> bool:
    """Apply what waits, batch by batch; True when the time was over before the end. Called bound to the receiver."""
    end = time.monotonic() + seconds
    while True:
        tried, done = _drain_batch(None)
        if tried < BATCH or not done:
            return False
        if time.monotonic() > end:
            return True


@transaction.atomic
def _drain_batch(before: datetime | None) -> tuple[int, int]:
    if not take_turn():
        return 0, 0
    reached("inbox.turn taken")
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, [before, before, BATCH])
        ids = [row[0] for row in cursor.fetchall()]
    rows = sorted(Inbox.objects.filter(id__in=ids), key=lambda row: row.number)
    bodies = dict(InboxPayload.objects.filter(id__in=ids).values_list("id", "body"))
    reached("inbox.selected")
    blocked: set[tuple[UUID, UUID]] = set()
    done: list[Inbox] = []
    for _contract, run in groupby(rows, key=lambda row: row.contract):
        done += _apply_run([row for row in run if (row.sender, row.subject) not in blocked], bodies, blocked)
        reached("inbox.handled")
    # When it was done, as the database knows it: a clock that is set to the past (kernel.clock) does not move this.
    Inbox.objects.filter(id__in=[row.id for row in done]).update(state=InboxState.APPLIED, applied_at=Now(), reason="")
    reached("inbox.marked")
    _answer(done, ReceiptOutcome.APPLIED)
    reached("inbox.answered")
    return len(rows), len(done)


def _apply_run(rows: list[Inbox], bodies: dict[UUID, object], blocked: set[tuple[UUID, UUID]]) -> list[Inbox]:
    """Apply messages of one contract, together if that works, else one by one. Returns those applied."""
    messages = []
    for row in rows:
        if (row.sender, row.subject) in blocked:
            continue
        try:
            messages.append((row, _received(row, bodies.get(row.id))))
        except (ContractError, RecordError) as problem:
            _park(row, str(problem))
            blocked.add((row.sender, row.subject))
    if not messages:
        return []
    handler = handler_of(messages[0][0].contract)
    if handler is None:
        for row, _message in messages:
            _park(row, "no handler in this tier")
            blocked.add((row.sender, row.subject))
        return []
    try:
        with transaction.atomic():
            handler([message for _row, message in messages])
        return [row for row, _message in messages]
    except Exception as problem:
        if len(messages) == 1:
            _failed(messages[0][0], problem)
            blocked.add((messages[0][0].sender, messages[0][0].subject))
            return []
    done = []
    for row, message in messages:
        if (row.sender, row.subject) in blocked:
            continue
        try:
            with transaction.atomic():
                handler([message])
            done.append(row)
        except Exception as problem:
            _failed(row, problem)
            blocked.add((row.sender, row.subject))
    return done


def _received(row: Inbox, body: object) -> Received:
    contract = by_name(row.contract, row.version)
    return Received(
        record=contract.from_json(body, partial=True),
        message_id=row.id,
        sender=row.sender,
        subject=row.subject,
        seq=row.seq,
        purpose=Purpose(row.purpose),
        level=Level(row.level),
        event_at=row.event_at,
        agreement_version=row.agreement_version,
    )


def _park(row: Inbox, detail: str) -> None:
    log.error("exchange: parked %s %s: %s", row.contract, row.id, detail)
    Inbox.objects.filter(id=row.id).update(state=InboxState.PARKED, reason="unknown_contract", detail=detail[:2000])
    reached("inbox.parked")


def _failed(row: Inbox, problem: Exception) -> None:
    if isinstance(problem, Refuse):
        state, reason, detail = InboxState.REFUSED, problem.code, problem.detail
    else:
        log.exception("exchange: %s %s failed", row.contract, row.id, exc_info=problem)
        state = InboxState.REFUSED if row.attempts + 1 >= TRIES else InboxState.RECEIVED
        reason, detail = "failed", f"{type(problem).__name__}: {problem}"
    Inbox.objects.filter(id=row.id).update(
        state=state, reason=reason[:60], detail=detail[:2000], attempts=row.attempts + 1
    )
    reached("inbox.failure noted")
    if state == InboxState.REFUSED:
        _answer([row], ReceiptOutcome.REFUSED, reason)
        reached("inbox.refusal answered")


def _answer(rows: list[Inbox], outcome: ReceiptOutcome, reason: str | None = None) -> None:
    """Send one receipt per sender and purpose. Receipts themselves are not answered."""
    by_sender: dict[tuple[UUID, str], list[UUID]] = defaultdict(list)
    for row in rows:
        if row.contract != Receipt.spec.name:
            by_sender[row.sender, row.purpose].append(row.id)
    for (sender, purpose), ids in by_sender.items():
        send_down(
            Receipt(outcome=outcome, message_ids=ids, reason=reason),
            to=sender,
            subject=uuid5(own_id(), "receipts"),
            purpose=Purpose(purpose),
            actor=EXCHANGE,
            event_at=clock.now(),
        )


@transaction.atomic
def retry(message_id: UUID, *, actor: Actor) -> Inbox:
    """Let a refused or parked message be tried again. Raises Missing, Conflict."""
    row = _stuck(message_id, actor)
    Inbox.objects.filter(id=row.id).update(state=InboxState.RECEIVED, attempts=0)
    reached("retry.marked")
    audit(actor=actor, action="exchange.retry", obj=row, before={"state": row.state, "reason": row.reason})
    return row


@transaction.atomic
def retry_all(*, reason: str, actor: Actor) -> int:
    """Let every refused or parked message with this reason be tried again; returns how many there were."""
    actor.require(Right.EXCHANGE_REPAIR)
    stuck = Inbox.objects.select_for_update().filter(state__in=(InboxState.REFUSED, InboxState.PARKED), reason=reason)
    rows = list(stuck.order_by("number"))
    Inbox.objects.filter(id__in=[row.id for row in rows]).update(state=InboxState.RECEIVED, attempts=0)
    for row in rows:
        audit(actor=actor, action="exchange.retry", obj=row, before={"state": row.state, "reason": row.reason})
    return len(rows)


@transaction.atomic
def skip(message_id: UUID, *, reason: str, actor: Actor) -> Inbox:
    """Leave a refused or parked message aside for good, with a reason that the sender is told."""
    row = _stuck(message_id, actor)
    Inbox.objects.filter(id=row.id).update(state=InboxState.SKIPPED, reason="skipped", detail=reason[:2000])
    reached("skip.marked")
    _answer([row], ReceiptOutcome.SKIPPED, reason[:200])
    reached("skip.answered")
    audit(actor=actor, action="exchange.skip", obj=row, before={"state": row.state, "reason": row.reason}, note=reason)
    return row


@transaction.atomic
def set_aside(messages: Collection[UUID], *, reason: str) -> int:
    """Leave messages aside that were not applied yet, because their sender took them back; returns how many were.

    The sender is told, as of any other message. `reason` is a code.
    """
    waiting = [state for state, following in INBOX_TRANSITIONS.items() if InboxState.SKIPPED in following]
    rows = list(Inbox.objects.select_for_update().filter(id__in=list(messages), state__in=waiting).order_by("number"))
    Inbox.objects.filter(id__in=[row.id for row in rows]).update(state=InboxState.SKIPPED, reason=reason, detail="")
    _answer(rows, ReceiptOutcome.SKIPPED, reason)
    return len(rows)


def _stuck(message_id: UUID, actor: Actor) -> Inbox:
    actor.require(Right.EXCHANGE_REPAIR)
    row = Inbox.objects.select_for_update().filter(id=message_id).first()
    if row is None:
        raise Missing()
    if row.state not in (InboxState.REFUSED, InboxState.PARKED):
        raise Conflict("not_stuck")
    return row
