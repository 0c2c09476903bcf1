"""Sending: the gate decides, and the ledger row with its payload joins the business transaction.

Nothing here talks to the other tier. After the commit a hint wakes the courier; losing it costs seconds.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from exchange import hints
from exchange.gate import ABOUT_CONSENT, Consent, Policy, Reason, decide
from exchange.models import Ledger, LedgerState, Payload
from exchange.pseudonyms import Pseudonymiser
from kernel import clock
from kernel.accounts.actors import Actor
from kernel.checkpoints import reached
from kernel.contracts import WITHHELD, Contract, Level, Purpose
from kernel.tenancy import keys
from kernel.tenancy.bindings import own_id

NETWORK = "dealernet"


def pseudonymiser() -> Pseudonymiser:
    """The network's keyed hash. Its key follows from the dealers' key, which no portal process holds, and stays when
    keys rotate: the same person has the same pseudonym for ever."""
    return Pseudonymiser(keys.lasting("DEALERS", "pseudonyms"), NETWORK)


@transaction.atomic
def release(
    record: Contract,
    *,
    to: UUID,
    subject: UUID,
    purpose: Purpose,
    policy: Policy,
    consent: Consent | None = None,
    actor: Actor,
    event_at: datetime,
    label: str = "",
) -> Ledger:
    """Send what the gate lets out of `record`; write down what left and why each other field stayed.

    `to` and `subject` are UUIDs; `event_at` is aware. Returns the ledger row, in state `recorded` when a message
    is on its way and `withheld` when nothing leaves. Belongs inside the caller's transaction.
    """
    # What is allowed is judged now, when it leaves, and not when it happened: a consent may have ended in between.
    decision = decide(record, policy, consent, at=clock.now(), pseudonymiser=pseudonymiser())
    reached("release.decided")
    return _record(
        record,
        to=to,
        subject=subject,
        purpose=purpose,
        body=decision.released if decision.sends else None,
        level=decision.effective,
        withheld={field: str(reason) for field, reason in decision.withheld.items()},
        path=[step.to_json() for step in decision.path],
        agreement_version=policy.agreement_version,
        actor=actor,
        event_at=event_at,
        label=label,
    )


@transaction.atomic
def send_down(
    record: Contract,
    *,
    to: UUID,
    subject: UUID,
    purpose: Purpose,
    actor: Actor,
    event_at: datetime,
    label: str = "",
) -> Ledger:
    """Send a record of the manufacturer's own to a dealership, whole. Receipts of either side go this way too."""
    return _record(
        record,
        to=to,
        subject=subject,
        purpose=purpose,
        body=record.to_json(),
        level=Level.FULL,
        withheld={},
        path=[],
        agreement_version="",
        actor=actor,
        event_at=event_at,
        label=label,
    )


def _record(
    record: Contract,
    *,
    to: UUID,
    subject: UUID,
    purpose: Purpose,
    body: dict[str, Any] | None,
    level: Level,
    withheld: dict[str, str],
    path: list[Any],
    agreement_version: str,
    actor: Actor,
    event_at: datetime,
    label: str,
) -> Ledger:
    spec = record.spec
    salt = secrets.token_hex(16)
    message = with_reasons(body, withheld) if body is not None else None
    row = Ledger(
        contract=spec.name,
        version=spec.version,
        receiver=to,
        subject=subject,
        seq=_next_place(to, subject) if body is not None else None,
        subject_label=label[:120],
        purpose=purpose,
        agreement_version=agreement_version,
        level=level,
        released=sorted(body) if body is not None else [],
        withheld=withheld,
        path=path,
        commitment=commit_to(salt, message) if message is not None else "",
        state=LedgerState.RECORDED if body is not None else LedgerState.WITHHELD,
        actor_name=actor.name[:120],
        event_at=event_at,
    )
    reached("release.numbered")
    row.save(force_insert=True)
    reached("release.written")
    if message is not None:
        Payload.objects.create(id=row.id, salt=salt, body=message)
        reached("release.payload written")
    hints.after_commit_wake_courier(own_id())  # what is withheld leaves for nowhere, but wants its place in the chain
    return row


def with_reasons(body: dict[str, Any], withheld: Mapping[str, str]) -> dict[str, Any]:
    """The message as it travels: what left, and under `WITHHELD` why each other field stayed.

    The receiver learns that there is no consent in force, not whether it was refused, withdrawn or has run out: that
    is between the dealership and its customer.
    """
    if not withheld:
        return body
    return body | {WITHHELD: {field: told(reason) for field, reason in withheld.items()}}


def told(reason: str) -> str:
    """The code of a reason as the receiver gets it."""
    return str(Reason.NO_CONSENT) if reason in ABOUT_CONSENT else reason


def commit_to(salt: str, body: Any) -> str:
    """SHA-256 over the salt and the payload's canonical JSON (sorted keys, no spaces)."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{salt}{text}".encode()).hexdigest()


def _next_place(receiver: UUID, subject: UUID) -> int:
    # The row lock is held until commit, so places of one subject become visible in their order.
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO exchange_subject (receiver, subject, last) VALUES (%s, %s, 1) "
            "ON CONFLICT (receiver, subject) DO UPDATE SET last = exchange_subject.last + 1 RETURNING last",
            [receiver, subject],
        )
        return cursor.fetchone()[0]


@transaction.atomic
def stop_undelivered(*, contract: str, purpose: Purpose, reason: str, messages: Collection[UUID] | None = None) -> int:
    """Stop every message of a contract and purpose (of these `messages` only) that has not been delivered, and drop
    its payload.

    Waits for a delivery that is under way; after the commit none of them can leave. Returns how many were stopped.
    """
    waiting = Ledger.objects.filter(contract=contract, purpose=purpose, state=LedgerState.RECORDED)
    if messages is not None:
        waiting = waiting.filter(id__in=list(messages))
    rows = list(waiting.select_for_update().values_list("id", flat=True))
    reached("stop.locked")
    Ledger.objects.filter(id__in=rows).update(state=LedgerState.STOPPED, reason=reason[:200])
    reached("stop.marked")
    Payload.objects.filter(id__in=rows).delete()
    reached("stop.payloads dropped")
    return len(rows)
