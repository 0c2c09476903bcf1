"""Writes of after-sales: keeping what dealerships shared, and deciding claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from exchange.handlers import Received
from exchange.outbound import send_down
from kernel import audit, clock
from kernel.accounts.actors import EXCHANGE, Actor
from kernel.accounts.roles import Right
from kernel.automotive.warranty import ClaimReason
from kernel.contracts import ClaimDecision, ClaimOutcome, Contract, Level, Purpose
from kernel.contracts import ServiceVisit as VisitRecord
from kernel.contracts import WarrantyClaim as ClaimRecord
from kernel.errors import Conflict, FieldError, Invalid, Missing
from kernel.money import round_money
from kernel.transitions import move
from oem.aftersales import queries, rules
from oem.aftersales.models import (
    TRANSITIONS,
    Claim,
    ClaimLine,
    ClaimState,
    Decision,
    DecisionLine,
    ServiceVisit,
    Submission,
)

NOTHING = Decimal(0)


# -- what arrives ----------------------------------------------------------------------------------------------


def as_shared(record: Contract) -> dict[str, Any]:
    """What came of a record, in its JSON form; fields that the gate kept back are absent."""
    return {
        name: field.partial.write(getattr(record, name))
        for name, field in record.spec.fields.items()
        if name not in record.withheld_keys
    }


@transaction.atomic
def keep_visit(message: Received) -> ServiceVisit:
    """Keep a visit as far as it was shared; the same one again changes nothing unless it says more than before."""
    record = message.record
    assert isinstance(record, VisitRecord)
    values = {
        "vin": record.vin or "",
        "opened_at": record.opened_at,
        "closed_at": record.closed_at,
        "odometer_km": record.odometer_km,
        "kind": record.kind or "",
        "jobs": as_shared(record).get("jobs"),
        "labour_total": record.labour_total,
        "parts_total": record.parts_total,
        "currency": record.currency or "",
        "promised_at": record.promised_at,
        "satisfaction": record.satisfaction,
        "level": message.level,
        "withheld": sorted(record.withheld_keys),
        "purpose": message.purpose,
        "agreement_version": message.agreement_version,
        "message_id": message.message_id,
        "event_at": message.event_at,
    }
    visit, created = ServiceVisit.objects.get_or_create(
        dealership=message.sender, visit_id=record.visit_id, defaults=values
    )
    if not created and visit.purpose == message.purpose and Level(visit.level) < message.level:
        ServiceVisit.objects.filter(pk=visit.pk).update(**values)
        visit.refresh_from_db()
    return visit


class ForeignClaimError(ValueError):
    """A dealership sent a claim under the id of another dealership's."""


class DecidedClaimError(ValueError):
    """A dealership sent a further revision of a claim whose answer is final."""


@transaction.atomic
def keep_claim(message: Received) -> Claim:
    """Keep a revision of a claim; the newest one is to be decided. A revision that is known changes nothing.

    Raises ForeignClaimError, and DecidedClaimError for a further revision of what was approved or refused.
    """
    record = message.record
    assert isinstance(record, ClaimRecord)
    claim = Claim.objects.select_for_update().filter(pk=record.claim_id).first()
    if claim is not None and claim.dealership != message.sender:
        raise ForeignClaimError(str(record.claim_id))
    if claim is not None and record.revision <= claim.revision:
        return claim
    before: dict[str, Any] | None = None
    if claim is None:
        claim = Claim(id=record.claim_id, dealership=message.sender)
    else:
        if claim.state not in (ClaimState.SENT_BACK, ClaimState.SUBMITTED):
            raise DecidedClaimError(f"{claim.number} {record.revision}")
        before = {"state": claim.state, "revision": claim.revision}
        if claim.state == ClaimState.SENT_BACK:
            move(claim, "state", ClaimState.SUBMITTED, TRANSITIONS)
    _take_over(claim, record, message)
    claim.save()
    Submission.objects.create(
        id=message.message_id,
        claim=claim,
        revision=record.revision,
        record=as_shared(record),
        event_at=message.event_at,
    )
    ClaimLine.objects.bulk_create(_lines(claim, record))
    after = {"state": claim.state, "revision": claim.revision, "total": claim.total}
    audit.record(actor=EXCHANGE, action="aftersales.receive_claim", obj=claim, before=before, after=after)
    return claim


def _take_over(claim: Claim, record: ClaimRecord, message: Received) -> None:
    claim.revision = record.revision
    claim.number = record.number or ""
    claim.vin = record.vin or ""
    claim.claim_type = record.claim_type or ""
    claim.delivery_date = record.delivery_date
    claim.repair_opened_on = record.repair_opened_on
    claim.repair_closed_on = record.repair_closed_on
    claim.odometer_km = record.odometer_km
    claim.complaint = record.complaint or ""
    claim.cause = record.cause or ""
    claim.correction = record.correction or ""
    claim.fault_code = record.fault_code or ""
    claim.causal_part = record.causal_part or ""
    claim.repair_order_number = record.repair_order_number or ""
    claim.total = record.total
    claim.approved_total = claim.decided_at = None
    claim.currency = record.currency or ""
    claim.level = message.level
    claim.withheld = sorted(record.withheld_keys)
    claim.agreement_version = message.agreement_version
    claim.submitted_at = message.event_at


def _lines(claim: Claim, record: ClaimRecord) -> list[ClaimLine]:
    return [
        ClaimLine(
            claim=claim,
            revision=record.revision,
            position=place,
            line_id=line["line_id"],
            kind=line.get("kind") or "",
            code=line.get("code") or "",
            description=line.get("description") or "",
            quantity=line.get("quantity"),
            unit_price=line.get("unit_price"),
            amount=line.get("amount") or NOTHING,
        )
        for place, line in enumerate(record.lines or [], start=1)
    ]


# -- deciding --------------------------------------------------------------------------------------------------


@transaction.atomic
def decide_claim(
    *, actor: Actor, claim_id: UUID, lines: Sequence[Mapping[str, Any]], revision: int | None = None
) -> Decision:
    """Answer the newest revision of a claim, line by line, and send the decision down.

    Each of `lines` has `line_id`, `outcome` (a `ClaimOutcome`), `approved_amount` (needed for partly_approved; what is
    approved is the amount asked, what is refused or sent back is 0), `reason_code` (a `ClaimReason`, needed unless
    approved) and `reason_text`. `revision` is the one that the person saw. Raises Missing, Invalid naming the wrong
    fields (`lines.0.approved_amount`), Conflict `superseded` or `already_decided`.
    """
    actor.require(Right.CLAIMS_DECIDE)
    claim = Claim.objects.select_for_update().filter(pk=claim_id).first()
    if claim is None:
        raise Missing()
    if revision is not None and revision != claim.revision:
        message = _("The dealership has sent a newer revision of this claim. Look at that one.")
        raise Conflict("superseded", message)
    if claim.state != ClaimState.SUBMITTED:
        raise Conflict("already_decided", _("This claim has been decided already."))
    answers = _checked(claim, queries.lines_of(claim), lines)
    outcome = rules.outcome_of([ClaimOutcome(answer.outcome) for answer in answers])
    now = clock.now()
    decision = Decision.objects.create(
        claim=claim,
        revision=claim.revision,
        outcome=outcome,
        approved_total=sum((answer.approved_amount for answer in answers), NOTHING),
        currency=claim.currency,
        rule_version=queries.pack_for(claim).version,
        decided_at=now,
        decided_by_id=actor.id,
        decided_by_name=actor.name[:120],
        decided_by_role=actor.role or actor.kind,
    )
    for answer in answers:
        answer.decision = decision
    DecisionLine.objects.bulk_create(answers)
    before = {"state": move(claim, "state", outcome, TRANSITIONS)}
    claim.approved_total, claim.decided_at = decision.approved_total, now
    claim.save(update_fields=["state", "approved_total", "decided_at"])
    after = {"state": claim.state, "revision": claim.revision, "approved_total": claim.approved_total}
    audit.record(actor=actor, action="aftersales.decide", obj=claim, before=before, after=after)
    send_down(
        decision_record(decision, answers),
        to=claim.dealership,
        subject=claim.pk,
        purpose=Purpose.WARRANTY,
        actor=actor,
        event_at=now,
        label=claim.number,
    )
    return decision


def decision_record(decision: Decision, answers: Sequence[DecisionLine]) -> ClaimDecision:
    """The `ClaimDecision` record of a decision; it names the role that decided, not the person."""
    return ClaimDecision(
        claim_id=decision.claim_id,
        revision=decision.revision,
        decided_at=decision.decided_at,
        outcome=ClaimOutcome(decision.outcome),
        approved_total=decision.approved_total,
        currency=decision.currency,
        rule_version=decision.rule_version,
        decided_by_role=decision.decided_by_role,
        lines=[
            {
                "line_id": answer.line_id,
                "outcome": ClaimOutcome(answer.outcome),
                "approved_amount": answer.approved_amount,
                "reason_code": answer.reason_code or None,
                "reason_text": answer.reason_text or None,
            }
            for answer in answers
        ],
    )


def _checked(claim: Claim, asked: Sequence[ClaimLine], given: Sequence[Mapping[str, Any]]) -> list[DecisionLine]:
    """The answers as rows without their decision, in the order of the lines. Raises Invalid."""
    errors: list[FieldError] = []
    by_id = {str(line.line_id): line for line in asked}
    answers: dict[str, DecisionLine] = {}
    for place, one in enumerate(given):
        key = str(one.get("line_id") or "").lower()
        if key not in by_id:
            message = _("This line is not part of the claim's newest revision.")
            errors.append(FieldError(f"lines.{place}.line_id", "unknown_line", message))
        elif key in answers:
            errors.append(FieldError(f"lines.{place}.line_id", "twice", _("This line is answered twice.")))
        else:
            answers[key] = _answer(f"lines.{place}", one, by_id[key], claim.currency, errors)
    if not errors and set(answers) != set(by_id):
        errors.append(FieldError("lines", "incomplete", _("Every line needs an answer.")))
    if errors:
        raise Invalid(errors)
    return [answers[key] for key in by_id]


def _answer(
    at: str, given: Mapping[str, Any], line: ClaimLine, currency: str, errors: list[FieldError]
) -> DecisionLine:
    outcome = str(given.get("outcome") or "")
    code = str(given.get("reason_code") or "")
    text = given.get("reason_text") or ""
    answer = DecisionLine(line_id=line.line_id, outcome=outcome, approved_amount=NOTHING, reason_code=code)
    if outcome not in {str(one) for one in ClaimOutcome}:
        errors.append(FieldError(f"{at}.outcome", "choice", _("Choose one of the values offered.")))
        return answer
    if code and code not in ClaimReason.values:
        errors.append(FieldError(f"{at}.reason_code", "choice", _("Choose one of the values offered.")))
    if not isinstance(text, str) or len(text) > 2000 or "\x00" in text:
        errors.append(FieldError(f"{at}.reason_text", "text", _("Enter a remark of at most 2000 characters.")))
    else:
        answer.reason_text = text.strip()
    if outcome != ClaimOutcome.APPROVED and not code:
        errors.append(FieldError(f"{at}.reason_code", "required", _("Choose the reason.")))
    if code == ClaimReason.OTHER and not answer.reason_text:
        errors.append(FieldError(f"{at}.reason_text", "required", _("Write the reason down in words.")))
    amount = given.get("approved_amount")
    if outcome == ClaimOutcome.PARTLY_APPROVED:
        answer.approved_amount = _partly(f"{at}.approved_amount", amount, line, currency, errors)
    elif outcome == ClaimOutcome.APPROVED:
        answer.approved_amount = line.amount
    expected = answer.approved_amount
    if outcome != ClaimOutcome.PARTLY_APPROVED and amount not in (None, "") and not _same(amount, expected):
        message = _("Leave the amount empty, or approve in part.")
        errors.append(FieldError(f"{at}.approved_amount", "amount", message))
    return answer


def _partly(at: str, given: Any, line: ClaimLine, currency: str, errors: list[FieldError]) -> Decimal:
    try:
        amount = round_money(Decimal(str(given)), currency)
        if not NOTHING < amount < line.amount:
            raise InvalidOperation
    except InvalidOperation:
        message = _("Enter an amount above 0 and below the amount asked.")
        errors.append(FieldError(at, "amount", message))
        return NOTHING
    return amount


def _same(given: Any, expected: Decimal) -> bool:
    try:
        return Decimal(str(given)) == expected
    except InvalidOperation:
        return False
