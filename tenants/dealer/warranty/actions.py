"""Writes of warranty: drafts, submissions, and the manufacturer's decisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from dealer.sharing.actions import share
from dealer.warranty import queries
from dealer.warranty.models import (
    EDITABLE,
    STATE_OF_OUTCOME,
    TRANSITIONS,
    Claim,
    ClaimLine,
    ClaimState,
    ClaimType,
    Decision,
)
from dealer.workshop.checks import Checks
from dealer.workshop.models import Job, JobLine, Kind, LineKind, OrderState, PayType, RepairOrder
from dealer.workshop.queries import local_day
from exchange.models import LedgerState
from kernel import audit, clock
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.contracts import ClaimDecision, ClaimLineKind, WarrantyClaim
from kernel.errors import Conflict, FieldError, Invalid, Missing
from kernel.money import round_money
from kernel.transitions import move


def lock_claim(claim: Claim | UUID) -> Claim:
    """The claim's row, locked until the transaction ends. Raises Missing."""
    found = Claim.objects.select_for_update().filter(pk=getattr(claim, "pk", claim)).first()
    if found is None:
        raise Missing()
    return found


def lock_editable_claim(claim: Claim) -> Claim:
    """The same for one that the dealership may still change. Raises Conflict `claim_not_editable`."""
    found = lock_claim(claim)
    if found.state not in EDITABLE:
        message = _("This claim is with the manufacturer or decided. It can be changed only after it was sent back.")
        raise Conflict("claim_not_editable", message)
    return found


# -- drafts ----------------------------------------------------------------------------------------------------


@transaction.atomic
def draft_claims_from(*, actor: Actor, order: RepairOrder) -> list[Claim]:
    """Draft a claim for each job of a closed order that has warranty lines; jobs that have a claim are left out.

    Raises Conflict `order_not_closed`. A claim carries the three Cs of one job, so an order may give several.
    """
    actor.require(Right.SERVICE_WRITE, Right.CLAIMS_WRITE)
    if RepairOrder.objects.select_for_update().get(pk=order.pk).state != OrderState.CLOSED:
        raise Conflict("order_not_closed", _("Close the repair order first. Claims are made of closed orders."))
    jobs = Job.objects.filter(repair_order=order, claim=None, lines__pay_type=PayType.WARRANTY).distinct()
    return [_draft(actor, order, job) for job in jobs.prefetch_related("lines").order_by("position")]


def _draft(actor: Actor, order: RepairOrder, job: Job) -> Claim:
    lines = [line for line in job.lines.all() if line.pay_type == PayType.WARRANTY]
    claim = Claim.objects.create(
        repair_order=order,
        job=job,
        claim_type=ClaimType.CAMPAIGN if order.kind == Kind.RECALL else ClaimType.VEHICLE,
        complaint=job.complaint,
        cause=job.cause,
        correction=job.correction,
        fault_code=job.fault_code,
        currency=order.currency,
        total=sum((line.amount for line in lines), Decimal(0)),
        created_at=clock.now(),
    )
    ClaimLine.objects.bulk_create(_copies(claim, lines))
    audit.record(
        actor=actor,
        action="warranty.draft",
        obj=claim,
        after={"repair_order": order.pk, "job": job.pk, "total": claim.total, "lines": len(lines)},
    )
    return claim


def _copies(claim: Claim, lines: Iterable[JobLine]) -> list[ClaimLine]:
    names = ("kind", "code", "description", "quantity", "unit_price", "amount", "causal")
    return [
        ClaimLine(claim=claim, position=place, **{name: getattr(line, name) for name in names})
        for place, line in enumerate(lines, start=1)
    ]


@transaction.atomic
def update_claim(*, actor: Actor, claim: Claim, **fields: Any) -> Claim:
    """Change `claim_type`, `complaint`, `cause`, `correction` or `fault_code` of a draft, or of a claim that was sent
    back. Raises Invalid, Conflict `claim_not_editable`."""
    actor.require(Right.CLAIMS_WRITE)
    unknown = set(fields) - {"claim_type", "complaint", "cause", "correction", "fault_code"}
    if unknown:
        raise TypeError(f"a claim has no field {sorted(unknown)} to change")
    claim = lock_editable_claim(claim)
    checks = Checks()
    new: dict[str, Any] = {}
    for key, value in fields.items():
        if key == "claim_type":
            new[key] = checks.choice(key, value, ClaimType.values)
        elif key == "fault_code":
            new[key] = checks.code(key, value)
        else:
            new[key] = checks.text(key, value, longest=2000)
    checks.done()
    before, after = audit.changes(claim, **new)
    if after:
        claim.save(update_fields=list(after))
        audit.record(actor=actor, action="warranty.update", obj=claim, before=before, after=after)
    return claim


@transaction.atomic
def update_claim_line(*, actor: Actor, line: ClaimLine, **fields: Any) -> ClaimLine:
    """Change `description`, `quantity`, `unit_price` or `causal` of a line. Raises Invalid, Missing, Conflict."""
    unknown = set(fields) - {"description", "quantity", "unit_price", "causal"}
    if unknown:
        raise TypeError(f"a claim line has no field {sorted(unknown)} to change")
    actor.require(Right.CLAIMS_WRITE)
    claim = lock_editable_claim(line.claim)
    line = _locked_line(claim, line)
    checks = Checks()
    new: dict[str, Any] = {}
    if "description" in fields:
        needed = _("Say what it is.")
        new["description"] = checks.text("description", fields["description"], longest=200, required=needed)
    if "quantity" in fields:
        new["quantity"] = checks.quantity("quantity", fields["quantity"])
    if "unit_price" in fields:
        new["unit_price"] = checks.price("unit_price", fields["unit_price"])
    if "causal" in fields:
        if fields["causal"] and line.kind != LineKind.PART:
            checks.wrong("causal", "not_a_part", _("Only a part can be the one that failed."))
        new["causal"] = bool(fields["causal"])
    checks.done()
    before, after = audit.changes(line, **new)
    if after:
        line.amount = round_money(line.quantity * line.unit_price, claim.currency)
        if line.causal:
            claim.lines.filter(causal=True).exclude(pk=line.pk).update(causal=False)
        line.save()
        _add_up(claim)
        audit.record(actor=actor, action="warranty.update_line", obj=line, before=before, after=after)
    return line


@transaction.atomic
def remove_claim_line(*, actor: Actor, line: ClaimLine) -> None:
    """Ask no more for a line. Raises Conflict `last_line` for the only one: cancel the claim instead."""
    actor.require(Right.CLAIMS_WRITE)
    claim = lock_editable_claim(line.claim)
    line = _locked_line(claim, line)
    if claim.lines.count() == 1:
        raise Conflict("last_line", _("This is the only line. Cancel the claim instead."))
    after = {"code": line.code, "amount": line.amount}
    audit.record(actor=actor, action="warranty.remove_line", obj=line, before=after)
    line.delete()
    _add_up(claim)


def _locked_line(claim: Claim, line: ClaimLine) -> ClaimLine:
    found = claim.lines.filter(pk=line.pk).first()
    if found is None:
        raise Missing()
    return found


def _add_up(claim: Claim) -> None:
    claim.total = sum((line.amount for line in claim.lines.all()), Decimal(0))
    claim.save(update_fields=["total"])


@transaction.atomic
def cancel_claim(*, actor: Actor, claim: Claim) -> Claim:
    """Ask for nothing: of a draft, or of what was sent back. Raises IllegalTransition."""
    actor.require(Right.CLAIMS_WRITE)
    claim = lock_claim(claim)
    before = move(claim, "state", ClaimState.CANCELLED, TRANSITIONS)
    claim.save(update_fields=["state"])
    audit.record(
        actor=actor, action="warranty.cancel", obj=claim, before={"state": before}, after={"state": claim.state}
    )
    return claim


# -- submission ------------------------------------------------------------------------------------------------


def check_claim(claim: Claim) -> Checks:
    """What is wrong with a claim before it may go up; the errors name field and remedy."""
    checks = Checks()
    lines = list(claim.lines.all())
    for key, message in (
        ("complaint", _("Write down what the customer reported.")),
        ("cause", _("Write down the cause.")),
        ("correction", _("Write down the correction.")),
        ("fault_code", _("Enter the fault code that was read or found.")),
    ):
        if not getattr(claim, key):
            checks.wrong(key, "required", message)
    if any(line.kind == LineKind.PART for line in lines) and not any(line.causal for line in lines):
        checks.wrong("lines", "causal_part", _("Mark the part that failed."))
    if claim.claim_type == ClaimType.VEHICLE:
        for reason in queries.coverage_at(claim.repair_order).reasons:
            if reason.against:
                checks.wrong("coverage", reason.code, reason.message)
    return checks


@transaction.atomic
def submit_claim(*, actor: Actor, claim: Claim) -> Claim:
    """Send a claim up: a draft as revision 1, one that was sent back as the next revision.

    Raises Invalid naming what is missing (`coverage` with the reason that the car is not covered), IllegalTransition,
    and Conflict `not_shared` when the sharing agreement in force lets no claim leave.
    """
    actor.require(Right.CLAIMS_WRITE)
    claim = lock_claim(claim)
    before = {"state": move(claim, "state", ClaimState.SUBMITTED, TRANSITIONS), "revision": claim.revision}
    check_claim(claim).done()
    claim.revision += 1
    claim.submitted_at = clock.now()
    claim.decided_at = claim.approved_total = None
    claim.save()
    after = {"state": claim.state, "revision": claim.revision, "total": claim.total}
    audit.record(actor=actor, action="warranty.submit", obj=claim, before=before, after=after)
    rows = share(
        claim_record(claim),
        subject=claim.pk,
        customer=claim.repair_order.customer,
        actor=actor,
        event_at=claim.submitted_at,
        label=str(claim),
    )
    if not any(row.state == LedgerState.RECORDED for row in rows):
        raise Conflict("not_shared", _("The sharing agreement lets no claim leave. Ask your general manager."))
    return claim


@transaction.atomic
def correct_and_submit(*, actor: Actor, claim: Claim, lines: Iterable[Mapping[str, Any]] = (), **fields: Any) -> Claim:
    """Correct a claim and its lines (each with its `id`) and submit it, all or nothing.

    Raises Invalid (those of a line as `lines.0.quantity`) and what the single steps raise.
    """
    if fields:
        claim = update_claim(actor=actor, claim=claim, **fields)
    known = {line.pk: line for line in claim.lines.select_related("claim")}
    errors: list[FieldError] = []
    for place, given in enumerate(lines):
        line = known.get(given["id"])
        if line is None:
            message = _("This line is not part of the claim.")
            errors.append(FieldError(f"lines.{place}.id", "unknown_line", message))
            continue
        try:
            new = {key: value for key, value in given.items() if key != "id"}
            update_claim_line(actor=actor, line=line, **new)
        except Invalid as refusal:
            errors += [FieldError(f"lines.{place}.{one.field}", one.code, one.message) for one in refusal.errors]
    if errors:
        raise Invalid(errors)
    return submit_claim(actor=actor, claim=claim)


def claim_record(claim: Claim) -> WarrantyClaim:
    """The `WarrantyClaim` record of a claim as it stands, whole: the gate decides what of it leaves."""
    order = claim.repair_order
    lines = list(claim.lines.all())
    return WarrantyClaim(
        claim_id=claim.pk,
        revision=max(claim.revision, 1),
        number=str(claim),
        vin=order.vehicle.vin,
        claim_type=claim.claim_type,
        delivery_date=order.vehicle.delivered_on,
        repair_opened_on=local_day(order.opened_at),
        repair_closed_on=local_day(order.closed_at) if order.closed_at else None,
        odometer_km=order.odometer_km,
        complaint=claim.complaint,
        cause=claim.cause,
        correction=claim.correction,
        fault_code=claim.fault_code or None,
        causal_part=next((line.code for line in lines if line.causal), None),
        lines=[
            {
                "line_id": line.pk,
                "kind": ClaimLineKind(line.kind),
                "code": line.code or None,
                "description": line.description,
                "quantity": line.quantity,
                "unit_price": line.unit_price,
                "amount": line.amount,
            }
            for line in lines
        ],
        total=claim.total,
        currency=claim.currency,
        repair_order_number=str(order),
    )


# -- decisions -------------------------------------------------------------------------------------------------


class UnknownClaimError(LookupError):
    """A decision names a claim that this dealership never made."""


class UnknownRevisionError(LookupError):
    """A decision names a revision that was never submitted, or one that was answered already."""


@transaction.atomic
def apply_decision(record: ClaimDecision, *, message_id: UUID, actor: Actor) -> Decision:
    """Keep a decision as it came and, when it answers the revision that is waiting, move the claim by it.

    The same message has no second effect; an answer to an older revision is kept and changes nothing.
    """
    known = Decision.objects.filter(pk=message_id).first()
    if known is not None:
        return known
    claim = Claim.objects.select_for_update().filter(pk=record.claim_id).first()
    if claim is None:
        raise UnknownClaimError(str(record.claim_id))
    waiting = claim.state == ClaimState.SUBMITTED
    if record.revision > claim.revision or (record.revision == claim.revision and not waiting):
        raise UnknownRevisionError(f"{claim} {record.revision}")
    decision = Decision.objects.create(
        id=message_id,
        claim=claim,
        revision=record.revision,
        outcome=STATE_OF_OUTCOME[record.outcome],
        lines=record.to_json()["lines"],
        approved_total=record.approved_total,
        currency=record.currency,
        rule_version=record.rule_version,
        decided_by_role=record.decided_by_role,
        decided_at=record.decided_at,
        received_at=clock.now(),
        counts=record.revision == claim.revision,
    )
    if decision.counts:
        before = {"state": move(claim, "state", decision.outcome, TRANSITIONS)}
        claim.approved_total, claim.decided_at = record.approved_total, record.decided_at
        claim.save(update_fields=["state", "approved_total", "decided_at"])
        after = {"state": claim.state, "approved_total": claim.approved_total, "revision": claim.revision}
        audit.record(actor=actor, action="warranty.decided", obj=claim, before=before, after=after)
    return decision
