"""Deciding about what went earlier: leave it, or take it back; and keeping the manufacturer's receipt."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from dealer.customers.models import Consent, Recipient
from dealer.organisation.queries import profile
from dealer.sharing.models import CountReport, Grant
from dealer.sharing.place import place
from dealer.sharing.takingback.asking import held, held_of, levels_above
from dealer.sharing.takingback.models import (
    WITHDRAWAL_TRANSITIONS,
    Withdrawal,
    WithdrawalChoice,
    WithdrawalState,
    WithdrawalWhy,
)
from exchange import outbound
from exchange.models import Ledger
from exchange.takingback import WITHDRAWN
from kernel import audit, clock
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.checkpoints import reached
from kernel.contracts import Level, Purpose, WithdrawalReceipt
from kernel.contracts import Withdrawal as Request
from kernel.contracts.takingback import MOST_MESSAGES
from kernel.transitions import move

COUNTS = "DailyCounts"


@transaction.atomic
def leave_it(*, actor: Actor, withdrawal: Withdrawal) -> Withdrawal:
    """What went earlier stays with the manufacturer; it can still be taken back later. Raises IllegalTransition."""
    actor.require(Right.SHARING_CHANGE)
    row = Withdrawal.objects.select_for_update().get(pk=withdrawal.pk)
    before = move(row, "state", WithdrawalState.LEFT, WITHDRAWAL_TRANSITIONS)
    _decided(row, actor)
    row.save(update_fields=["state", "decided_at", "decided_by_id", "decided_by_name"])
    audit.record(actor=actor, action="sharing.leave", obj=row, before={"state": before}, after={"records": row.records})
    return row


@transaction.atomic
def take_back(*, actor: Actor, withdrawal: Withdrawal) -> Withdrawal:
    """Take back what went earlier at a higher level than is in force now. The request leaves with the commit.

    Raises IllegalTransition when it was taken back before.
    """
    actor.require(Right.SHARING_CHANGE)
    grant = Grant.objects.select_for_update().filter(contract=withdrawal.contract, purpose=withdrawal.purpose).first()
    row = Withdrawal.objects.select_for_update().get(pk=withdrawal.pk)
    # What is about one person is what named the person, at whatever level others are shared now.
    _send(row, levels_above(grant) if row.customer_id is None else [str(Level.FULL)], actor)
    if (grant is None or grant.level is Level.NOTHING) and row.messages is None:
        _take_counts_back(row, actor)
    return row


def _take_counts_back(row: Withdrawal, actor: Actor) -> None:
    """Where nothing is shared any more, the daily counts of it go too."""
    reports = CountReport.objects.filter(contract=row.contract, purpose=row.purpose).values("ledger_id")
    there = held(COUNTS, row.purpose, [Level.COUNTS]).filter(id__in=reports).order_by("number")
    ids = list(there.values_list("id", flat=True))
    for some in (ids[begin : begin + MOST_MESSAGES] for begin in range(0, len(ids), MOST_MESSAGES)):
        counts = Withdrawal.objects.create(
            contract=COUNTS,
            purpose=row.purpose,
            why=row.why,
            # A question of its own it never is: it goes with the one that was answered.
            state=WithdrawalState.LEFT,
            messages=[str(id_) for id_ in some],
            asked_at=clock.now(),
        )
        _send(counts, [str(Level.COUNTS)], actor)


def _decided(row: Withdrawal, actor: Actor) -> None:
    row.decided_at, row.decided_by_id, row.decided_by_name = clock.now(), actor.id, actor.name[:120]


def _send(row: Withdrawal, levels: Sequence[str], actor: Actor) -> None:
    before = move(row, "state", WithdrawalState.SENT, WITHDRAWAL_TRANSITIONS)
    row.levels, row.sent_at = list(levels), clock.now()
    _decided(row, actor)
    row.records = len(row.messages) if row.messages is not None else held(row.contract, row.purpose, levels).count()
    sent = outbound.send_down(
        Request(
            withdrawal_id=row.pk,
            contract=row.contract,
            levels=row.levels,
            message_ids=None if row.messages is None else [UUID(id_) for id_ in row.messages],
            place=place(),
        ),
        to=profile().manufacturer_id,
        subject=row.pk,
        purpose=Purpose(row.purpose),
        actor=actor,
        event_at=row.sent_at,
    )
    row.ledger_id = sent.pk
    row.save(
        update_fields=[
            "state", "levels", "sent_at", "decided_at", "decided_by_id", "decided_by_name", "records", "ledger_id",
        ]
    )  # fmt: skip
    reached("sharing: withdrawal sent")
    audit.record(
        actor=actor,
        action="sharing.take_back",
        obj=row,
        before={"state": before},
        after={"levels": row.levels, "records": row.records},
    )


@transaction.atomic
def after_consent(consent: Consent, actor: Actor, at: datetime) -> list[Withdrawal]:
    """When a customer's consent for the manufacturer ends, take back by itself what went under it and named them,
    unless the dealership's standing choice is to leave it; the question stands open then."""
    if consent.recipient != Recipient.MANUFACTURER or (consent.granted and consent.withdrawn_at is None):
        return []
    made = []
    for contract, messages in held_of(consent.customer_id, consent.purpose).items():
        row = Withdrawal.objects.create(
            contract=contract,
            purpose=consent.purpose,
            why=WithdrawalWhy.CONSENT,
            customer_id=consent.customer_id,
            messages=[str(id_) for id_ in messages],
            records=len(messages),
            asked_at=at,
        )
        if takes_back_by_itself(contract, consent.purpose):
            _send(row, [str(Level.FULL)], actor)
        made.append(row)
    return made


def takes_back_by_itself(contract: str, purpose: str) -> bool:
    """The standing choice."""
    chosen = WithdrawalChoice.objects.filter(contract=contract, purpose=purpose).first()
    return chosen is None or chosen.takes_back


@transaction.atomic
def choose(*, actor: Actor, contract: str, purpose: str, takes_back: bool) -> WithdrawalChoice:
    """Set the standing choice for one contract and purpose."""
    actor.require(Right.SHARING_CHANGE)
    row, _created = WithdrawalChoice.objects.update_or_create(
        contract=contract,
        purpose=purpose,
        defaults={"takes_back": takes_back, "changed_at": clock.now(), "changed_by_name": actor.name[:120]},
    )
    audit.record(actor=actor, action="sharing.choose_taking_back", obj=row, after={"takes_back": takes_back})
    return row


@transaction.atomic
def note_receipt(receipt: WithdrawalReceipt) -> Withdrawal:
    """Keep the manufacturer's receipt; the ledger's rows say from then on that they were taken back.

    The same receipt again changes nothing. Raises LookupError for a request that was never made.
    """
    row = Withdrawal.objects.select_for_update().filter(pk=receipt.withdrawal_id).first()
    if row is None or row.sent_at is None:
        raise LookupError(str(receipt.withdrawal_id))
    body = receipt.to_json()
    said = {name: body[name] for name in ("at", "deleted", "kept")}
    if said in row.receipts:
        return row
    move(row, "state", WithdrawalState.DONE, WITHDRAWAL_TRANSITIONS)
    row.receipts = sorted([*row.receipts, said], key=lambda one: one["at"])
    row.save(update_fields=["state", "receipts"])
    mine = Q(contract=row.contract, purpose=row.purpose, level__in=row.levels)
    if row.messages is not None:
        mine &= Q(id__in=row.messages)
    else:
        assert row.ledger_id is not None
        mine &= Q(number__lt=Ledger.objects.get(pk=row.ledger_id).number)
    Ledger.objects.filter(mine, seq__isnull=False).exclude(state="stopped").update(reason=WITHDRAWN)
    return row
