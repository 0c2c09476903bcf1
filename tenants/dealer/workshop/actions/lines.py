"""Writes of job lines and of the prices of an hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from dealer.workshop import queries
from dealer.workshop.actions.jobs import add_job, lock_job, update_job
from dealer.workshop.checks import Checks
from dealer.workshop.models import Job, JobLine, LabourRate, LineKind, PayType, RepairOrder
from kernel import audit
from kernel.accounts.actors import Actor
from kernel.accounts.models import User
from kernel.accounts.roles import Right
from kernel.errors import FieldError, Invalid, Missing
from kernel.money import round_money
from kernel.reference.models import LabourOperation, Part
from kernel.reference.queries import operation, part

CODE_FOR_WARRANTY = _("A line that the manufacturer shall pay needs a code of its catalogue.")


@transaction.atomic
def add_line(
    *,
    actor: Actor,
    job: Job,
    kind: str,
    code: str = "",
    description: str = "",
    quantity: Decimal | str | int | None = None,
    unit_price: Decimal | str | int | None = None,
    pay_type: str = PayType.CUSTOMER,
    causal: bool = False,
) -> JobLine:
    """Add labour, a part or sublet work to a job. What is not given comes from the published catalogue (name,
    standard hours, price) and from the price of an hour of the pay type.

    `causal` marks the part that failed; the one marked before loses the mark. Raises Invalid (kind, code,
    description, quantity, unit_price, pay_type, causal), Missing, Conflict `order_closed`.
    """
    job = lock_job(actor, job)
    checks = Checks()
    line = JobLine(
        job=job,
        position=(job.lines.aggregate(last=Max("position"))["last"] or 0) + 1,
        kind=checks.choice("kind", kind, LineKind.values),
        pay_type=checks.choice("pay_type", pay_type, PayType.values),
        code=checks.code("code", code),
    )
    entry = _entry(checks, line, job.repair_order.currency)
    line.description = checks.text("description", description, longest=200) or (entry.name if entry else "")
    if not line.description:
        checks.wrong("description", "required", _("Say what it is."))
    line.quantity = checks.quantity("quantity", _first_given(quantity, line.standard_hours, Decimal(1)))
    line.unit_price = _price(checks, line, entry, unit_price)
    _mark(checks, line, causal)
    checks.done()
    _save(line, job)
    audit.record(actor=actor, action="workshop.add_line", obj=line, after=_plain(line))
    return line


@transaction.atomic
def add_whole_job(
    *,
    actor: Actor,
    order: RepairOrder,
    complaint: str,
    cause: str = "",
    correction: str = "",
    fault_code: str = "",
    technician: User | None = None,
    lines: Sequence[Mapping[str, Any]] = (),
) -> Job:
    """Add a job with what is known of it and its lines, all or nothing. The fields of a line are those of `add_line`.

    Raises Invalid (those of a line as `lines.0.quantity`), Conflict `order_closed`.
    """
    job = add_job(actor=actor, order=order, complaint=complaint, fault_code=fault_code, technician=technician)
    if cause or correction:
        job = update_job(actor=actor, job=job, cause=cause, correction=correction)
    errors: list[FieldError] = []
    for place, line in enumerate(lines):
        try:
            add_line(actor=actor, job=job, **line)
        except Invalid as refusal:
            errors += [FieldError(f"lines.{place}.{one.field}", one.code, one.message) for one in refusal.errors]
    if errors:
        raise Invalid(errors)
    return job


@transaction.atomic
def update_line(*, actor: Actor, line: JobLine, **fields: Any) -> JobLine:
    """Change `description`, `quantity`, `unit_price`, `pay_type` or `causal` of a line. Raises as `add_line`."""
    unknown = set(fields) - {"description", "quantity", "unit_price", "pay_type", "causal"}
    if unknown:
        raise TypeError(f"a line has no field {sorted(unknown)} to change")
    job = lock_job(actor, line.job)
    line = _lock_line(line)
    before = _plain(line)
    checks = Checks()
    if "description" in fields:
        needed = _("Say what it is.")
        line.description = checks.text("description", fields["description"], longest=200, required=needed)
    if "quantity" in fields:
        line.quantity = checks.quantity("quantity", fields["quantity"])
    if "unit_price" in fields:
        line.unit_price = checks.price("unit_price", fields["unit_price"])
    if "pay_type" in fields:
        line.pay_type = checks.choice("pay_type", fields["pay_type"], PayType.values)
        _entry(checks, line, job.repair_order.currency)
    if "causal" in fields:
        _mark(checks, line, fields["causal"])
    checks.done()
    _save(line, job)
    after = _plain(line)
    changed = [key for key in after if after[key] != before[key]]
    if changed:
        audit.record(
            actor=actor,
            action="workshop.update_line",
            obj=line,
            before={key: before[key] for key in changed},
            after={key: after[key] for key in changed},
        )
    return line


@transaction.atomic
def remove_line(*, actor: Actor, line: JobLine) -> None:
    """Take a line out of its job. Raises Missing, Conflict `order_closed`."""
    lock_job(actor, line.job)
    line = _lock_line(line)
    audit.record(actor=actor, action="workshop.remove_line", obj=line, before=_plain(line))
    line.delete()


def _lock_line(line: JobLine) -> JobLine:
    found = JobLine.objects.select_for_update().filter(pk=line.pk).first()
    if found is None:
        raise Missing()
    return found


def _entry(checks: Checks, line: JobLine, currency: str) -> LabourOperation | Part | None:
    """The catalogue's entry of a line's code; a warranty line (but for sublet work) must have one."""
    if line.kind == LineKind.SUBLET:
        return None
    found: LabourOperation | Part | None = None
    if line.kind == LineKind.LABOUR:
        labour = operation(line.code) if line.code else None
        line.standard_hours = labour.standard_hours if labour else None
        found = labour
    elif line.code:
        found = part(line.code)
    if found is None and line.pay_type == PayType.WARRANTY:
        checks.wrong("code", "not_in_catalogue", CODE_FOR_WARRANTY)
    return found


def _first_given(*values: Any) -> Any:
    return next(value for value in values if value not in (None, ""))


def _price(checks: Checks, line: JobLine, entry: LabourOperation | Part | None, given: Any) -> Decimal:
    if given not in (None, ""):
        return checks.price("unit_price", given)
    if line.kind == LineKind.LABOUR:
        rate = queries.rates().get(line.pay_type)
        if rate is not None:
            return rate
    elif isinstance(entry, Part) and entry.currency == line.job.repair_order.currency:
        return entry.price
    checks.wrong("unit_price", "required", _("Enter the price of one."))
    return Decimal(0)


def _mark(checks: Checks, line: JobLine, causal: Any) -> None:
    if causal and line.kind != LineKind.PART:
        checks.wrong("causal", "not_a_part", _("Only a part can be the one that failed."))
    line.causal = bool(causal)


def _save(line: JobLine, job: Job) -> None:
    line.amount = round_money(line.quantity * line.unit_price, job.repair_order.currency)
    if line.causal:
        job.lines.filter(causal=True).exclude(pk=line.pk).update(causal=False)
    line.save()


def _plain(line: JobLine) -> dict[str, Any]:
    return {
        "job": line.job_id,
        "kind": line.kind,
        "code": line.code,
        "description": line.description,
        "quantity": line.quantity,
        "unit_price": line.unit_price,
        "pay_type": line.pay_type,
        "causal": line.causal,
    }


@transaction.atomic
def change_rates(*, actor: Actor, rates: Mapping[str, Any]) -> dict[str, Decimal]:
    """Set the price of an hour by pay type, for lines to come. Raises Invalid naming every wrong one."""
    actor.require(Right.SETTINGS_MANAGE)
    checks = Checks()
    new = {checks.choice(pay, pay, PayType.values): checks.price(pay, value) for pay, value in rates.items()}
    checks.done()
    known = {rate.pay_type: rate for rate in LabourRate.objects.select_for_update()}
    for pay, hourly in new.items():
        rate = known.get(pay) or LabourRate(pay_type=pay, hourly=Decimal(0))
        before, after = audit.changes(rate, hourly=hourly)
        if after:
            rate.save()
            audit.record(actor=actor, action="workshop.change_rate", obj=rate, before=before, after=after)
    return new
