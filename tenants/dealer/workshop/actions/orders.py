"""Writes of repair orders."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from dealer.customers.actions import log_interaction, meet_customer, record_odometer
from dealer.customers.models import Channel, Customer, OdometerReading, Vehicle
from dealer.organisation.models import Site
from dealer.organisation.queries import profile
from dealer.sharing.actions import share
from dealer.workshop import closing, queries
from dealer.workshop.checks import Checks
from dealer.workshop.models import (
    ORDER_TRANSITIONS,
    RUNNING,
    Appointment,
    Job,
    JobState,
    Kind,
    LineKind,
    OrderState,
    PayType,
    RepairOrder,
)
from kernel import audit, clock
from kernel.accounts.actors import Actor
from kernel.accounts.models import User
from kernel.accounts.roles import Department, Right
from kernel.contracts import PayType as VisitPayType
from kernel.contracts import ServiceVisit, VisitKind
from kernel.contracts.service import VisitJob
from kernel.errors import Conflict, FieldError, Invalid, Missing
from kernel.ids import new_id
from kernel.transitions import move

COMPLAINT_MISSING = _("Write down what the customer reports.")


def lock_order(order: RepairOrder) -> RepairOrder:
    """The order's row, locked until the transaction ends. Taken before the rows of its jobs and lines."""
    found = RepairOrder.objects.select_for_update().filter(pk=order.pk).first()
    if found is None:
        raise Missing()
    return found


def lock_running_order(order: RepairOrder) -> RepairOrder:
    """The same for an order that may still be changed. Raises Conflict `order_closed`."""
    found = lock_order(order)
    if found.state not in RUNNING:
        raise Conflict("order_closed", _("This repair order is closed. Nothing in it can be changed any more."))
    return found


@transaction.atomic
def open_repair_order(
    *,
    actor: Actor,
    customer: Customer,
    vehicle: Vehicle,
    odometer_km: int,
    kind: str = Kind.REPAIR,
    complaints: Iterable[str] = (),
    promised_at: datetime | None = None,
    site: Site | None = None,
    adviser: User | None = None,
    appointment: Appointment | None = None,
) -> RepairOrder:
    """Take a car in: the mileage (km) is checked against earlier readings and stored, each complaint becomes a job.

    Without an adviser it is the actor, where the actor may be one. Raises Invalid (odometer_km naming the earlier
    reading, kind, complaints, promised_at, adviser, site) and Conflict `order_running`.
    """
    actor.require(Right.SERVICE_WRITE)
    now = clock.now()
    vehicle = Vehicle.objects.select_for_update().get(pk=vehicle.pk)
    running = queries.running_order_of(vehicle)
    if running is not None:
        message = _("This car is in the workshop already with repair order {number}. Close or cancel that one first.")
        raise Conflict("order_running", format_lazy(message, number=str(running)))
    order = RepairOrder(
        id=new_id(),
        customer=customer,
        vehicle=vehicle,
        appointment=appointment,
        opened_at=now,
        currency=profile().currency,
        created_by_name=actor.name[:120],
    )
    checks = Checks()
    _fill(order, checks, kind=kind, promised_at=promised_at, adviser=adviser or _as_adviser(actor))
    site = site or queries.active_sites().first()
    if site is None or not site.active:
        checks.wrong("site", "choice", _("Choose a site that is open."))
    else:
        order.site = site
    told = [checks.text("complaints", text, longest=2000, required=COMPLAINT_MISSING) for text in complaints]
    order.odometer_km = _checked_km(checks, odometer_km)
    if not any(error.field == "odometer_km" for error in checks.errors):
        try:
            _read_odometer(actor, vehicle, order)
        except Invalid as error:
            checks.errors += error.errors
    checks.done()
    order.save(force_insert=True)
    Job.objects.bulk_create(
        [Job(repair_order=order, position=place, complaint=text) for place, text in enumerate(told, start=1)]
    )
    meet_customer(actor=actor, customer=customer, department=Department.SERVICE)
    audit.record(
        actor=actor,
        action="workshop.open",
        obj=order,
        after={
            "customer": customer.pk,
            "vehicle": vehicle.pk,
            "odometer_km": order.odometer_km,
            "kind": order.kind,
            "promised_at": order.promised_at,
            "complaints": told,
        },
    )
    return order


def _checked_km(checks: Checks, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        checks.wrong("odometer_km", "odometer", _("Read the mileage from the car and enter it in whole km."))
        return 0
    return value


def _read_odometer(actor: Actor, vehicle: Vehicle, order: RepairOrder) -> None:
    record_odometer(
        actor=actor,
        vehicle=vehicle,
        km=order.odometer_km,
        on=clock.today(profile().time_zone),
        source=OdometerReading.Source.REPAIR_ORDER,
        document_id=order.pk,
    )


def _as_adviser(actor: Actor) -> User | None:
    return User.objects.filter(pk=actor.id).first() if actor.id is not None else None


def _fill(order: RepairOrder, checks: Checks, **fields: Any) -> None:
    if "kind" in fields:
        order.kind = checks.choice("kind", fields["kind"], Kind.values)
    if "promised_at" in fields:
        order.promised_at = checks.moment("promised_at", fields["promised_at"])
        if order.promised_at is not None and order.promised_at <= order.opened_at:
            checks.wrong("promised_at", "order", _("The car cannot be promised before it comes."))
    if "adviser" in fields:
        adviser = fields["adviser"]
        if adviser is not None and not (adviser.is_active and adviser.has(Right.SERVICE_WRITE)):
            checks.wrong("adviser", "choice", _("Choose one of the service advisers."))
        order.adviser = adviser


@transaction.atomic
def update_repair_order(*, actor: Actor, order: RepairOrder, **fields: Any) -> RepairOrder:
    """Change `kind`, `promised_at` or `adviser` of an order that is not closed. Raises Invalid, Conflict."""
    actor.require(Right.SERVICE_WRITE)
    unknown = set(fields) - {"kind", "promised_at", "adviser"}
    if unknown:
        raise TypeError(f"a repair order has no field {sorted(unknown)} to change")
    order = lock_running_order(order)
    before = {key: getattr(order, key) for key in fields}
    checks = Checks()
    _fill(order, checks, **fields)
    checks.done()
    after = {key: getattr(order, key) for key in fields}
    if after != before:
        order.save()
        audit.record(
            actor=actor,
            action="workshop.update",
            obj=order,
            before={key: getattr(value, "pk", value) for key, value in before.items()},
            after={key: getattr(value, "pk", value) for key, value in after.items()},
        )
    return order


def _move(actor: Actor, order: RepairOrder, state: str, action: str, *fields: str) -> RepairOrder:
    before = move(order, "state", state, ORDER_TRANSITIONS)
    order.save(update_fields=["state", *fields])
    audit.record(actor=actor, action=action, obj=order, before={"state": before}, after={"state": order.state})
    return order


@transaction.atomic
def start_work(*, actor: Actor, order: RepairOrder) -> RepairOrder:
    """Work on the car begins. Raises IllegalTransition, and Conflict `no_jobs` when there is nothing to do."""
    actor.require(Right.SERVICE_WRITE)
    order = lock_order(order)
    if order.state == OrderState.OPEN and not order.jobs.exists():
        raise Conflict("no_jobs", _("Add at least one job."))
    return _move(actor, order, OrderState.IN_WORK, "workshop.start")


@transaction.atomic
def mark_ready(*, actor: Actor, order: RepairOrder) -> RepairOrder:
    """The car can be fetched; what is still marked as in work is done with it. Raises IllegalTransition."""
    actor.require(Right.SERVICE_WRITE)
    order = lock_order(order)
    order.ready_at = clock.now()
    _move(actor, order, OrderState.READY, "workshop.ready", "ready_at")
    order.jobs.exclude(state=JobState.DONE).update(state=JobState.DONE, finished_at=order.ready_at)
    return order


@transaction.atomic
def resume_work(*, actor: Actor, order: RepairOrder) -> RepairOrder:
    """Work goes on although the car was ready. Raises IllegalTransition."""
    actor.require(Right.SERVICE_WRITE)
    order = lock_order(order)
    if order.state == OrderState.OPEN:
        raise Conflict("not_ready", _("Work on this car has not begun."))
    order.ready_at = None
    return _move(actor, order, OrderState.IN_WORK, "workshop.resume", "ready_at")


@transaction.atomic
def cancel_repair_order(*, actor: Actor, order: RepairOrder, reason: str) -> RepairOrder:
    """The car leaves without work that is charged. Raises Invalid (reason) and IllegalTransition."""
    actor.require(Right.SERVICE_WRITE)
    order = lock_order(order)
    checks = Checks()
    order.reason = checks.text("reason", reason, longest=200, required=_("Say why, so that others understand it."))
    checks.done()
    order.closed_at = clock.now()
    return _move(actor, order, OrderState.CANCELLED, "workshop.cancel", "reason", "closed_at")


@transaction.atomic
def close_repair_order(*, actor: Actor, order: RepairOrder) -> RepairOrder:
    """Close an order: sums are fixed, the visit is shared as far as the agreement allows, `closing.on_close` runs.

    Raises IllegalTransition for one that is not ready, and Invalid naming everything that is missing
    (`jobs.0.cause` …).
    """
    actor.require(Right.SERVICE_WRITE)
    order = lock_order(order)
    before = move(order, "state", OrderState.CLOSED, ORDER_TRANSITIONS)
    jobs = queries.jobs_of(order)
    missing = closing.gaps(jobs)
    if missing:
        raise Invalid([FieldError(gap.field, gap.code, gap.message) for gap in missing])
    sums = closing.sums_of(line for job in jobs for line in job.lines.all())
    order.closed_at = clock.now()
    order.totals = {pay: str(amount) for pay, amount in sums.by_pay_type.items()}
    order.labour_total, order.parts_total, order.total = sums.labour, sums.parts, sums.total
    if order.kind == Kind.REPAIR and set(sums.by_pay_type) == {PayType.WARRANTY}:
        order.kind = Kind.WARRANTY
    order.save()
    after = {"state": order.state, "totals": order.totals, "kind": order.kind}
    audit.record(actor=actor, action="workshop.close", obj=order, before={"state": before}, after=after)
    log_interaction(
        actor=actor,
        customer=order.customer,
        channel=Channel.WORKSHOP,
        content="\n".join(job.complaint for job in jobs)[:2000],
        from_customer=True,
        at=order.closed_at,
        document="workshop.repairorder",
        document_id=order.pk,
        url=f"/repair-orders/{order.pk}/",
    )
    share(
        visit_record(order, jobs),
        subject=order.vehicle_id,
        customer=order.customer,
        actor=actor,
        event_at=order.closed_at,
        label=str(order),
    )
    closing.closed(order, actor)
    return order


@transaction.atomic
def finish_and_close(*, actor: Actor, order: RepairOrder) -> RepairOrder:
    """Close an order in one step, passing through the states that lie between. Raises as the single steps do."""
    state = lock_order(order).state
    if state == OrderState.OPEN:
        start_work(actor=actor, order=order)
    if state in (OrderState.OPEN, OrderState.IN_WORK):
        mark_ready(actor=actor, order=order)
    return close_repair_order(actor=actor, order=order)


def visit_record(order: RepairOrder, jobs: Iterable[Job]) -> ServiceVisit:
    """The `ServiceVisit` record of a closed order, whole: the gate decides what of it leaves."""
    assert order.closed_at is not None
    return ServiceVisit(
        visit_id=order.pk,
        vin=order.vehicle.vin,
        opened_at=order.opened_at,
        closed_at=order.closed_at,
        odometer_km=order.odometer_km,
        kind=VisitKind(order.kind),
        jobs=[_visit_job(job) for job in jobs],
        labour_total=order.labour_total,
        parts_total=order.parts_total,
        currency=order.currency,
        promised_at=order.promised_at,
    )


def _visit_job(job: Job) -> VisitJob:
    lines = list(job.lines.all())
    labour = [line for line in lines if line.kind == LineKind.LABOUR]
    return {
        "complaint": job.complaint,
        "cause": job.cause,
        "correction": job.correction,
        "operation_codes": [line.code for line in labour if line.code],
        "pay_types": [VisitPayType(pay) for pay in sorted({line.pay_type for line in lines})],
        "labour_hours": sum((line.quantity for line in labour), start=Decimal(0)),
        "part_numbers": [line.code for line in lines if line.kind == LineKind.PART and line.code],
    }
