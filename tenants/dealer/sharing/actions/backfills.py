"""Sharing what was before: in batches behind live traffic, stoppable, each record once.

A batch and its place are one transaction, so a killed worker repeats nothing and leaves nothing out. At most ROOM
messages wait to leave on account of a backfill, and it pauses while the receiver is behind.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from dealer.customers.queries import consent_for_sharing
from dealer.organisation.queries import profile
from dealer.sharing import queries
from dealer.sharing.actions.records import share_under
from dealer.sharing.flows import record_id_of
from dealer.sharing.models import BACKFILL_TRANSITIONS, Backfill, BackfillState, Disclosure, Grant
from dealer.sharing.past import Past, Source, source_of
from exchange.gate import Policy, decide
from exchange.models import Ledger, LedgerState
from exchange.outbound import pseudonymiser
from kernel import audit, clock
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.checkpoints import reached
from kernel.contracts import Level, Receipt
from kernel.errors import Conflict, Invalid
from kernel.transitions import move

#: Messages that may wait to leave while a backfill goes on: live ones never wait behind more of its own.
ROOM = 50
#: Delivered messages without an answer at which it pauses: the receiver is behind.
UNANSWERED = 500
#: Levels at which single records leave.
SINGLE = (Level.PSEUDONYMOUS, Level.FULL)
_LEFT = (LedgerState.RECORDED, LedgerState.DELIVERED, LedgerState.APPLIED, LedgerState.REFUSED, LedgerState.SKIPPED)


@transaction.atomic
def start_backfill(*, actor: Actor, grant: Grant, since: date) -> Backfill:
    """Begin to share the records from the local day `since` on, under the level in force as they leave.

    Raises Conflict("no_single_records") at levels that let no single record leave, Conflict("under_way") while another
    backfill of this kind is, Invalid for a kind of data without a past and for a day that has not come.
    """
    actor.require(Right.SHARING_CHANGE)
    grant = Grant.objects.select_for_update(of=("self",)).get(pk=grant.pk)
    source = source_of(grant.contract)
    if source is None:
        raise Invalid({"contract": _("Records of this kind are shared only when they are made.")}, code="no_past")
    if since > clock.today(profile().time_zone):
        raise Invalid({"since": _("This day has not come yet.")}, code="future")
    if grant.level not in SINGLE:
        raise Conflict("no_single_records", _("At this level no single record leaves."))
    if Backfill.objects.filter(grant=grant, state=BackfillState.RUNNING).exists():
        raise Conflict("under_way", _("Earlier records of this kind are being shared already."))
    now = clock.now()
    backfill = Backfill.objects.create(
        grant=grant,
        since=since,
        total=source.between(_begin_of(since), now).count(),
        ledger_number=Ledger.objects.aggregate(newest=Max("number"))["newest"] or 0,
        started_at=now,
        started_by_id=actor.id,
        started_by_name=actor.name[:120],
    )
    after = {"since": since.isoformat(), "records": backfill.total, "level": grant.level}
    audit.record(actor=actor, action="sharing.start_backfill", obj=backfill, after=after)
    return backfill


@transaction.atomic
def stop_backfill(*, actor: Actor, backfill: Backfill) -> Backfill:
    """End a backfill where it is; what left stays. Raises IllegalTransition when it is over."""
    actor.require(Right.SHARING_CHANGE)
    backfill = Backfill.objects.select_for_update().get(pk=backfill.pk)
    _end(backfill, BackfillState.STOPPED, actor)
    return backfill


def _end(backfill: Backfill, state: BackfillState, actor: Actor, note: str = "") -> None:
    before = move(backfill, "state", state, BACKFILL_TRANSITIONS)
    backfill.ended_at = clock.now()
    backfill.save()
    audit.record(
        actor=actor,
        action="sharing.end_backfill",
        obj=backfill,
        before={"state": before},
        after={"state": state, "sent": backfill.sent, "known": backfill.known, "kept": backfill.kept},
        note=note,
    )


@transaction.atomic
def go_on_backfilling(*, actor: Actor, backfill_id: UUID) -> bool:
    """Share the next records of a backfill; whether there are more. It looks at none while too much waits.

    Under a level that lets no single record leave any more it ends.
    """
    backfill = Backfill.objects.select_for_update(of=("self",)).filter(id=backfill_id).first()
    if backfill is None or backfill.state != BackfillState.RUNNING:
        return False
    reached("backfill.locked")
    room = _room()
    if room <= 0:
        return True
    grant = backfill.grant
    policies = queries.policies_for_sharing(grant.contract)
    policy = next(one for one in policies if one.purpose == grant.purpose)
    source = source_of(grant.contract)
    if source is None or queries.level_of(policy) not in SINGLE:
        _end(backfill, BackfillState.STOPPED, actor, note="level_lowered")
        return False
    rows = source.between(_begin_of(backfill.since), backfill.started_at)
    batch = list(source.after(rows, backfill.place_at, backfill.place_id)[:room])
    _share_all(backfill, policy, source, batch, actor)
    reached("backfill.released")
    if len(batch) < room:
        _end(backfill, BackfillState.FINISHED, actor)
    else:
        backfill.save()
    reached("backfill.noted")
    return backfill.state == BackfillState.RUNNING


def _begin_of(day: date) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(profile().time_zone))


def _room() -> int:
    waiting = Ledger.objects.filter(state=LedgerState.RECORDED)[:ROOM].count()
    unanswered = Ledger.objects.filter(state=LedgerState.DELIVERED).exclude(contract=Receipt.spec.name)
    return 0 if unanswered[:UNANSWERED].count() == UNANSWERED else ROOM - waiting


def _share_all(backfill: Backfill, policy: Policy, source: Source, batch: list[Any], actor: Actor) -> None:
    pasts = [source.past(row) for row in batch]
    before = _levels_before(backfill, pasts)
    for row, past in zip(batch, pasts, strict=True):
        backfill.place_at, backfill.place_id = source.moment_of(row), row.pk
        backfill.looked_at += 1
        consent = consent_for_sharing(past.customer, policy.purpose) if past.customer else None
        decision = decide(past.record, policy, consent, at=clock.now(), pseudonymiser=pseudonymiser())
        if not decision.sends:
            backfill.kept += 1  # no row in the ledger: it would be counted again, on a day on which it did not happen
        elif before.get(_key(past), Level.NOTHING) >= decision.effective:
            backfill.known += 1
        else:
            share_under(
                policy,
                past.record,
                subject=past.subject,
                customer=past.customer,
                actor=actor,
                event_at=past.event_at,
                label=past.label,
            )
            backfill.sent += 1


def _key(past: Past) -> tuple[UUID, UUID | None]:
    return record_id_of(past.record, past.subject), past.customer.pk if past.customer else None


def _levels_before(backfill: Backfill, pasts: Iterable[Past]) -> dict[tuple[UUID, UUID | None], Level]:
    """At which level each record last left before the backfill began; `nothing` for one that was kept. Two queries."""
    records = [_key(past)[0] for past in pasts]
    grant = backfill.grant
    about = Disclosure.objects.filter(contract=grant.contract, purpose=grant.purpose, record_id__in=records)
    keys = {id_: (record, customer) for id_, record, customer in about.values_list("id", "record_id", "customer_id")}
    lines = Ledger.objects.filter(id__in=list(keys), number__lte=backfill.ledger_number).order_by("number")
    return {
        keys[id_]: Level(level) if state in _LEFT else Level.NOTHING
        for id_, state, level in lines.values_list("id", "state", "level")
    }
