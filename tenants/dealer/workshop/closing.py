"""What must stand before a repair order is closed, what it comes to, and who is told.

`dealer.warranty` makes claims of closed orders; it stands to the right of this app, so it says here what is to run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from dealer.workshop.models import Job, JobLine, LineKind, PayType, RepairOrder
from kernel.accounts.actors import Actor

Listener = Callable[[RepairOrder, Actor], None]
_listeners: list[Listener] = []


def on_close(listener: Listener) -> Listener:
    """Run `listener(order, actor)` when a repair order was closed, in the same transaction, after it was shared."""
    if listener not in _listeners:
        _listeners.append(listener)
    return listener


def closed(order: RepairOrder, actor: Actor) -> None:
    for listener in _listeners:
        listener(order, actor)


@dataclass(frozen=True)
class Gap:
    """Something that an order lacks; `field` is dotted as in errors ("jobs.1.cause"), `job` None for the whole."""

    field: str
    code: str
    message: str | Promise
    job: Job | None = None


def gaps(jobs: Iterable[Job]) -> list[Gap]:
    """What is missing before the order of these jobs (with their lines loaded) may be closed.

    Complaint, findings and repair items belong on every repair record (SAMR order 43, art. 17).
    """
    found = []
    every = list(jobs)
    if not every:
        found.append(Gap("jobs", "required", _("Add at least one job.")))
    for place, job in enumerate(every):
        if not job.cause:
            found.append(Gap(f"jobs.{place}.cause", "required", _("Write down the cause."), job))
        if not job.correction:
            found.append(Gap(f"jobs.{place}.correction", "required", _("Write down the correction."), job))
        if not job.lines.all():
            found.append(Gap(f"jobs.{place}.lines", "required", _("Add at least one line."), job))
    return found


@dataclass
class Sums:
    """What lines come to, in the order's currency."""

    by_pay_type: dict[str, Decimal] = field(default_factory=dict)
    by_kind: dict[str, Decimal] = field(default_factory=dict)
    hours: Decimal = Decimal(0)

    @property
    def labour(self) -> Decimal:
        return self.by_kind.get(LineKind.LABOUR, Decimal(0))

    @property
    def parts(self) -> Decimal:
        return self.by_kind.get(LineKind.PART, Decimal(0))

    @property
    def total(self) -> Decimal:
        return sum(self.by_pay_type.values(), Decimal(0))

    @property
    def for_customer(self) -> Decimal:
        return self.by_pay_type.get(PayType.CUSTOMER, Decimal(0))


def sums_of(lines: Iterable[JobLine]) -> Sums:
    """Add up lines by who pays and by kind."""
    sums = Sums()
    for line in lines:
        sums.by_pay_type[line.pay_type] = sums.by_pay_type.get(line.pay_type, Decimal(0)) + line.amount
        sums.by_kind[line.kind] = sums.by_kind.get(line.kind, Decimal(0)) + line.amount
        if line.kind == LineKind.LABOUR:
            sums.hours += line.quantity
    return sums
