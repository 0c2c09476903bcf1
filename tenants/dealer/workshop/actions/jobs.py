"""Writes of jobs. Advisers write every job, a technician his or her own."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from dealer.workshop.actions.orders import COMPLAINT_MISSING, lock_running_order
from dealer.workshop.checks import Checks
from dealer.workshop.models import (
    JOB_TRANSITIONS,
    ORDER_TRANSITIONS,
    Job,
    JobState,
    OrderState,
    RepairOrder,
)
from kernel import audit, clock
from kernel.accounts.actors import Actor
from kernel.accounts.models import User
from kernel.accounts.roles import Right
from kernel.errors import Conflict, Missing
from kernel.transitions import move


def lock_job(actor: Actor, job: Job) -> Job:
    """The job's row, locked after its order's, which must not be closed. Raises Missing for a job that is not the
    actor's to write, Conflict `order_closed`."""
    actor.require(Right.SERVICE_WRITE, Right.SERVICE_WRITE_OWN)
    order = lock_running_order(job.repair_order)
    found = Job.objects.select_for_update(of=("self",)).filter(pk=job.pk).first()
    if found is None or not (actor.has(Right.SERVICE_WRITE) or found.technician_id == actor.id):
        raise Missing()
    found.repair_order = order
    return found


@transaction.atomic
def add_job(
    *, actor: Actor, order: RepairOrder, complaint: str, fault_code: str = "", technician: User | None = None
) -> Job:
    """Add a complaint to an order. Raises Invalid (complaint, fault_code, technician), Conflict `order_closed`."""
    actor.require(Right.SERVICE_WRITE)
    order = lock_running_order(order)
    checks = Checks()
    job = Job(
        repair_order=order,
        position=(order.jobs.aggregate(last=Max("position"))["last"] or 0) + 1,
        complaint=checks.text("complaint", complaint, longest=2000, required=COMPLAINT_MISSING),
        fault_code=checks.code("fault_code", fault_code),
        technician=_technician(checks, technician),
    )
    checks.done()
    job.save(force_insert=True)
    audit.record(actor=actor, action="workshop.add_job", obj=job, after=_plain(job))
    return job


@transaction.atomic
def update_job(*, actor: Actor, job: Job, **fields: Any) -> Job:
    """Write complaint, cause, correction or fault code; only the fields given. Raises Invalid, Missing, Conflict."""
    unknown = set(fields) - {"complaint", "cause", "correction", "fault_code"}
    if unknown:
        raise TypeError(f"a job has no field {sorted(unknown)} to change")
    job = lock_job(actor, job)
    checks = Checks()
    new: dict[str, Any] = {}
    for key, value in fields.items():
        if key == "fault_code":
            new[key] = checks.code(key, value)
        else:
            required = COMPLAINT_MISSING if key == "complaint" else None
            new[key] = checks.text(key, value, longest=2000, required=required)
    checks.done()
    before, after = audit.changes(job, **new)
    if after:
        job.save(update_fields=list(after))
        audit.record(actor=actor, action="workshop.update_job", obj=job, before=before, after=after)
    return job


@transaction.atomic
def remove_job(*, actor: Actor, job: Job) -> None:
    """Take a job without lines out of its order. Raises Conflict `job_has_lines`."""
    actor.require(Right.SERVICE_WRITE)
    job = lock_job(actor, job)
    if job.lines.exists():
        raise Conflict("job_has_lines", _("Remove the lines of this job first."))
    audit.record(actor=actor, action="workshop.remove_job", obj=job, before=_plain(job))
    job.delete()


@transaction.atomic
def assign_technician(*, actor: Actor, job: Job, technician: User | None) -> Job:
    """Give a job to a technician, or to nobody. Raises Invalid (technician), Conflict `order_closed`."""
    actor.require(Right.SERVICE_WRITE)
    job = lock_job(actor, job)
    checks = Checks()
    _technician(checks, technician)
    checks.done()
    if technician != job.technician:
        before = {"technician": job.technician_id}
        job.technician = technician
        job.save(update_fields=["technician"])
        after = {"technician": job.technician_id}
        audit.record(actor=actor, action="workshop.assign", obj=job, before=before, after=after)
    return job


@transaction.atomic
def start_job(*, actor: Actor, job: Job) -> Job:
    """Work on a job begins (again), and with the first one work on the order. Raises IllegalTransition, Missing."""
    job = lock_job(actor, job)
    before = move(job, "state", JobState.IN_WORK, JOB_TRANSITIONS)
    job.started_at, job.finished_at = job.started_at or clock.now(), None
    job.save(update_fields=["state", "started_at", "finished_at"])
    audit.record(
        actor=actor, action="workshop.start_job", obj=job, before={"state": before}, after={"state": job.state}
    )
    order = job.repair_order
    if order.state != OrderState.IN_WORK:
        was = move(order, "state", OrderState.IN_WORK, ORDER_TRANSITIONS)
        order.ready_at = None
        order.save(update_fields=["state", "ready_at"])
        after = {"state": order.state}
        audit.record(actor=actor, action="workshop.start", obj=order, before={"state": was}, after=after)
    return job


@transaction.atomic
def finish_job(*, actor: Actor, job: Job) -> Job:
    """Work on a job is done. Raises IllegalTransition, Missing."""
    job = lock_job(actor, job)
    before = move(job, "state", JobState.DONE, JOB_TRANSITIONS)
    job.finished_at = clock.now()
    job.save(update_fields=["state", "finished_at"])
    audit.record(
        actor=actor, action="workshop.finish_job", obj=job, before={"state": before}, after={"state": job.state}
    )
    return job


def _technician(checks: Checks, technician: User | None) -> User | None:
    if technician is not None and not (technician.is_active and technician.has(Right.SERVICE_WRITE_OWN)):
        checks.wrong("technician", "choice", _("Choose one of the technicians."))
    return technician


def _plain(job: Job) -> dict[str, Any]:
    return {
        "repair_order": job.repair_order_id,
        "complaint": job.complaint,
        "fault_code": job.fault_code,
        "technician": job.technician_id,
    }
