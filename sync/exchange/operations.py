"""What operators ask of the exchange: how it is, whether both sides agree, and to send again."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection

from exchange.chain import checking
from exchange.courier import _COLUMNS, Party, parties
from kernel.checkpoints import reached
from kernel.tenancy.bindings import Courier, Dealer, Portal, bound
from kernel.tenancy.models import Move, Tenant


def status() -> dict[str, Any]:
    """Per member: messages waiting, the oldest one's age in seconds, stuck ones, and what was delivered. Unbound."""
    with bound(Courier()):
        everyone = parties()
        slugs = dict(Tenant.objects.values_list("id", "slug"))
        parts = [
            f"SELECT '{p.id}'::uuid, (SELECT count(*) FROM \"{p.schema}\".exchange_ledger WHERE state = 'recorded'), "
            f"(SELECT coalesce(extract(epoch FROM clock_timestamp() - min(recorded_at)), 0)::float "
            f"FROM \"{p.schema}\".exchange_ledger WHERE state = 'recorded'), "
            f"(SELECT count(*) FROM \"{p.schema}\".exchange_inbox WHERE state = 'received'), "
            f"(SELECT count(*) FROM \"{p.schema}\".exchange_inbox WHERE state IN ('refused', 'parked'))"
            for p in everyone.values()
        ]
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(parts))
            rows = cursor.fetchall()
    members = [
        {
            "slug": slugs[id_],
            "waiting": waiting,
            "oldest_seconds": round(oldest, 1),
            "to_apply": to_apply,
            "stuck": stuck,
        }
        for id_, waiting, oldest, to_apply, stuck in rows
    ]
    return {
        "members": sorted(members, key=lambda m: m["slug"]),
        "waiting": sum(m["waiting"] for m in members),
        "stuck": sum(m["stuck"] for m in members),
    }


def _pairs(everyone: dict[UUID, Party]) -> list[tuple[Party, Party]]:
    portal = next(p for p in everyone.values() if p.is_portal)
    dealers = [p for p in everyone.values() if not p.is_portal]
    return [(d, portal) for d in dealers] + [(portal, d) for d in dealers]


NOTHING_ELSEWHERE = (0, 0)


def _carried_elsewhere() -> dict[UUID, tuple[int, int]]:
    """By dealership that was imported: the last numbers of its ledger and its inbox that another installation carried.
    The other side of those is not here. Called bound to the courier."""
    rows = Move.objects.filter(kind=Move.Kind.IMPORT).order_by("at")
    return {tenant: (sent, received) for tenant, sent, received in rows.values_list(
        "tenant_id", "ledger_number", "inbox_number")}  # fmt: skip


#: A message delivered, answered, or known to one side only. Receipts are not answered, so theirs is no difference.
_DIFFERENCES = """
SELECT coalesce(l.id, i.id), CASE
    WHEN i.id IS NULL THEN 'missing_at_receiver'
    WHEN l.id IS NULL THEN 'unknown_at_sender'
    WHEN l.commitment <> i.commitment THEN 'altered'
    ELSE 'not_answered' END,
    coalesce(l.contract, i.contract)
FROM (SELECT * FROM "{sender}".exchange_ledger
      WHERE receiver = %(receiver)s AND state IN ('delivered', 'applied', 'refused', 'skipped')
        AND number > %(sent_elsewhere)s) l
FULL JOIN (SELECT * FROM "{receiver}".exchange_inbox WHERE sender = %(sender)s
             AND number > %(received_elsewhere)s) i ON i.id = l.id
WHERE i.id IS NULL OR l.id IS NULL OR l.commitment <> i.commitment
   OR (l.contract <> 'Receipt' AND i.state IN ('applied', 'skipped') AND l.state = 'delivered'
       AND i.applied_at < clock_timestamp() - make_interval(secs => %(grace)s))
"""


def reconcile(*, grace: float = 0.0) -> dict[str, Any]:
    """Compare every ledger with the inboxes it wrote to, message by message. Unbound.

    `grace`: seconds within which a missing answer is no difference yet. Returns counts and `differences`, each with
    sender, receiver, message, contract and what differs: missing_at_receiver, unknown_at_sender, altered,
    not_answered.
    """
    differences = []
    compared = 0
    with bound(Courier()):
        everyone = parties()
        slugs = dict(Tenant.objects.values_list("id", "slug"))
        with connection.cursor() as cursor:
            elsewhere = _carried_elsewhere()
            for sender, receiver in _pairs(everyone):
                names = {"sender": sender.schema, "receiver": receiver.schema}
                values: dict[str, Any] = {
                    "sender": sender.id,
                    "receiver": receiver.id,
                    "grace": grace,
                    "sent_elsewhere": elsewhere.get(sender.id, NOTHING_ELSEWHERE)[0],
                    "received_elsewhere": elsewhere.get(receiver.id, NOTHING_ELSEWHERE)[1],
                }
                cursor.execute(
                    f'SELECT count(*) FROM "{receiver.schema}".exchange_inbox WHERE sender = %s', [sender.id]
                )
                compared += cursor.fetchone()[0]
                cursor.execute(_DIFFERENCES.format(**names), values)
                differences += [
                    {
                        "sender": slugs[sender.id],
                        "receiver": slugs[receiver.id],
                        "message": str(message),
                        "contract": contract,
                        "difference": kind,
                    }
                    for message, kind, contract in cursor.fetchall()
                ]
    return {"compared": compared, "differences": differences}


def replay() -> int:
    """Deliver again everything that was ever delivered; returns how many messages were new to their receiver.

    On a healthy network that is 0: an inbox knows every message it ever got.
    """
    new = 0
    with bound(Courier()):
        everyone = parties()
        elsewhere = _carried_elsewhere()
        with connection.cursor() as cursor:
            for sender, receiver in _pairs(everyone):
                sent = elsewhere.get(sender.id, NOTHING_ELSEWHERE)[0]
                cursor.execute(
                    f'INSERT INTO "{receiver.schema}".exchange_inboxpayload (id, body) '
                    f'SELECT p.id, p.body FROM "{sender.schema}".exchange_payload p '
                    f'JOIN "{sender.schema}".exchange_ledger l USING (id) '
                    f"WHERE l.receiver = %s AND l.state IN ('delivered', 'applied', 'refused', 'skipped') "
                    f"AND l.number > %s "
                    f'AND NOT EXISTS (SELECT 1 FROM "{receiver.schema}".exchange_inbox i WHERE i.id = l.id) '
                    f"ON CONFLICT (id) DO NOTHING",
                    [receiver.id, sent],
                )
                reached("replay.payloads written")
                cursor.execute(
                    f'INSERT INTO "{receiver.schema}".exchange_inbox (sender, {_COLUMNS}) '
                    f'SELECT %s, {_COLUMNS} FROM "{sender.schema}".exchange_ledger '
                    f"WHERE receiver = %s AND state IN ('delivered', 'applied', 'refused', 'skipped') AND number > %s "
                    f"ORDER BY number "
                    f"ON CONFLICT (id) DO NOTHING",
                    [sender.id, receiver.id, sent],
                )
                new += cursor.rowcount
                reached("replay.written")
    return new


def holder_of(message_id: UUID) -> Portal | Dealer | None:
    """The member in whose inbox a message stands, as a binding; for `retry` and `skip` by its id."""
    with bound(Courier()):
        parts = [
            f"SELECT '{p.id}'::uuid, {str(p.is_portal).lower()} FROM \"{p.schema}\".exchange_inbox WHERE id = %(id)s"
            for p in parties().values()
        ]
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(parts), {"id": message_id})
            row = cursor.fetchone()
    if row is None:
        return None
    return Portal() if row[1] else Dealer(row[0])


def verify_ledgers(slug: str | None = None, *, files: Collection[Path] | None = None) -> dict[str, Any]:
    """Check the chain of every member's ledger, or of one, against itself, its anchors at the other side, the signed
    `files` (those in the data folder without any) and the payloads that are kept. Unbound.

    Returns `members`, each with `slug`, `rows`, `batches`, `head`, `waiting`, `payloads`, `unprovable`, `anchors` and
    `findings` (`exchange.chain.verifying.Finding`). Raises LookupError for a slug that nobody has.
    """
    with bound(Courier()):
        everyone = parties()
        slugs = dict(Tenant.objects.values_list("id", "slug"))
    chosen = [member for member in everyone.values() if slug in (None, slugs[member.id])]
    if not chosen:
        raise LookupError(slug)
    members = []
    for member in sorted(chosen, key=lambda member: slugs[member.id]):
        found = checking.verified(member, everyone, files=files)
        members.append({"slug": slugs[member.id], **found.to_json()})
    return {"members": members, "whole": not any(member["findings"] for member in members)}
