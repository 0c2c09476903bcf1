"""Writes of appointments."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from dealer.customers.actions import log_interaction, meet_customer
from dealer.customers.models import Channel, Customer, Vehicle
from dealer.organisation.models import Site
from dealer.workshop import queries
from dealer.workshop.actions.orders import open_repair_order
from dealer.workshop.checks import Checks
from dealer.workshop.models import APPOINTMENT_TRANSITIONS, Appointment, AppointmentState, Kind, RepairOrder
from kernel import audit, clock
from kernel.accounts.actors import Actor
from kernel.accounts.models import User
from kernel.accounts.roles import Department, Right
from kernel.errors import Conflict, Missing
from kernel.transitions import move

SHORTEST, LONGEST = 10, 14 * 24 * 60
#: Booking what has just begun is fine: the customer stands at the desk.
GRACE = timedelta(hours=1)


def lock_appointment(appointment: Appointment) -> Appointment:
    """The appointment's row, locked until the transaction ends."""
    found = Appointment.objects.select_for_update().filter(pk=appointment.pk).first()
    if found is None:
        raise Missing()
    return found


@transaction.atomic
def book_appointment(
    *,
    actor: Actor,
    customer: Customer,
    vehicle: Vehicle,
    starts_at: datetime,
    minutes: int = 60,
    kind: str = Kind.MAINTENANCE,
    wish: str = "",
    promised_at: datetime | None = None,
    site: Site | None = None,
    adviser: User | None = None,
    channel: str = Channel.PHONE,
) -> Appointment:
    """Give a customer a time to bring a car; `minutes` is the expected duration, `channel` how it was agreed.

    Without a site it is the main one. Raises Invalid (starts_at, minutes, kind, wish, promised_at, adviser, site).
    """
    actor.require(Right.SERVICE_WRITE)
    moment = clock.now()
    appointment = Appointment(
        customer=customer, vehicle=vehicle, created_at=moment, created_by_name=actor.name[:120], adviser=adviser
    )
    _fill(
        appointment,
        {
            "starts_at": starts_at,
            "minutes": minutes,
            "kind": kind,
            "wish": wish,
            "promised_at": promised_at,
            "site": site or queries.active_sites().first(),
            "adviser": adviser,
        },
    )
    appointment.save(force_insert=True)
    meet_customer(actor=actor, customer=customer, department=Department.SERVICE)
    audit.record(actor=actor, action="workshop.book", obj=appointment, after=_plain(appointment))
    log_interaction(
        actor=actor,
        customer=customer,
        channel=channel,
        content=appointment.wish or str(appointment.get_kind_display()),
        from_customer=True,
        document="workshop.appointment",
        document_id=appointment.pk,
        url=f"/appointments/{appointment.pk}/",
    )
    return appointment


@transaction.atomic
def change_appointment(*, actor: Actor, appointment: Appointment, **fields: Any) -> Appointment:
    """Move an appointment or change what was agreed; only the fields given. Raises Invalid, and Conflict
    `not_booked` for one that is over."""
    actor.require(Right.SERVICE_WRITE)
    appointment = lock_appointment(appointment)
    if appointment.state != AppointmentState.BOOKED:
        raise Conflict("not_booked", _("Only an appointment that is still to come can be changed."))
    before = _plain(appointment)
    _fill(appointment, fields)
    after = _plain(appointment)
    changed = [key for key in after if after[key] != before[key]]
    if changed:
        appointment.save()
        audit.record(
            actor=actor,
            action="workshop.change_appointment",
            obj=appointment,
            before={key: before[key] for key in changed},
            after={key: after[key] for key in changed},
        )
    return appointment


def _fill(appointment: Appointment, fields: dict[str, Any]) -> None:
    checks = Checks()
    if "starts_at" in fields:
        starts_at = checks.moment("starts_at", fields["starts_at"], required=_("Enter day and time."))
        if starts_at is not None:
            if starts_at < clock.now() - GRACE:
                checks.wrong("starts_at", "past", _("An appointment cannot lie in the past. Check day and time."))
            appointment.starts_at = starts_at
    if "minutes" in fields:
        minutes = fields["minutes"]
        if not isinstance(minutes, int) or isinstance(minutes, bool) or not SHORTEST <= minutes <= LONGEST:
            checks.wrong("minutes", "range", _("Enter the duration in minutes, from 10 to 20160 (14 days)."))
        else:
            appointment.minutes = minutes
    if "kind" in fields:
        appointment.kind = checks.choice("kind", fields["kind"], Kind.values)
    if "wish" in fields:
        appointment.wish = checks.text("wish", fields["wish"], longest=2000)
    if "promised_at" in fields:
        appointment.promised_at = checks.moment("promised_at", fields["promised_at"])
        starts = appointment.starts_at
        if appointment.promised_at is not None and starts is not None and appointment.promised_at <= starts:
            checks.wrong("promised_at", "order", _("The car cannot be promised before it comes."))
    if "site" in fields:
        if fields["site"] is None or not fields["site"].active:
            checks.wrong("site", "choice", _("Choose a site that is open."))
        else:
            appointment.site = fields["site"]
    if "adviser" in fields:
        check_adviser(checks, fields["adviser"])
        appointment.adviser = fields["adviser"]
    checks.done()


def check_adviser(checks: Checks, adviser: User | None) -> None:
    """An adviser is an active person who may write service."""
    if adviser is not None and not (adviser.is_active and adviser.has(Right.SERVICE_WRITE)):
        checks.wrong("adviser", "choice", _("Choose one of the service advisers."))


def _plain(appointment: Appointment) -> dict[str, Any]:
    return {
        "customer": appointment.customer_id,
        "vehicle": appointment.vehicle_id,
        "site": appointment.site_id,
        "starts_at": appointment.starts_at,
        "minutes": appointment.minutes,
        "kind": appointment.kind,
        "wish": appointment.wish,
        "promised_at": appointment.promised_at,
        "adviser": appointment.adviser_id,
    }


@transaction.atomic
def arrive(
    *,
    actor: Actor,
    appointment: Appointment,
    odometer_km: int,
    complaints: Iterable[str] = (),
    promised_at: datetime | None = None,
    adviser: User | None = None,
) -> RepairOrder:
    """The customer is here: open the repair order of an appointment. Without complaints its wish is the first one.

    Raises Invalid (odometer_km and what `open_repair_order` names) and IllegalTransition.
    """
    actor.require(Right.SERVICE_WRITE)
    appointment = lock_appointment(appointment)
    before = move(appointment, "state", AppointmentState.ARRIVED, APPOINTMENT_TRANSITIONS)
    appointment.save(update_fields=["state"])
    audit.record(
        actor=actor,
        action="workshop.arrive",
        obj=appointment,
        before={"state": before},
        after={"state": appointment.state},
    )
    told = [text for text in complaints if text.strip()]
    return open_repair_order(
        actor=actor,
        customer=appointment.customer,
        vehicle=appointment.vehicle,
        odometer_km=odometer_km,
        kind=appointment.kind,
        complaints=told or [appointment.wish or str(appointment.get_kind_display())],
        promised_at=promised_at or appointment.promised_at,
        site=appointment.site,
        adviser=adviser or appointment.adviser,
        appointment=appointment,
    )


@transaction.atomic
def miss_appointment(*, actor: Actor, appointment: Appointment) -> Appointment:
    """The customer did not come. Raises Conflict `not_yet` before the time, and IllegalTransition."""
    actor.require(Right.SERVICE_WRITE)
    appointment = lock_appointment(appointment)
    if appointment.starts_at > clock.now():
        raise Conflict("not_yet", _("The time of this appointment has not come yet."))
    return _end(actor, appointment, AppointmentState.NO_SHOW, "workshop.no_show")


@transaction.atomic
def cancel_appointment(*, actor: Actor, appointment: Appointment, reason: str = "") -> Appointment:
    """The appointment will not take place. Raises Invalid (reason too long) and IllegalTransition."""
    actor.require(Right.SERVICE_WRITE)
    appointment = lock_appointment(appointment)
    checks = Checks()
    appointment.reason = checks.text("reason", reason, longest=200)
    checks.done()
    return _end(actor, appointment, AppointmentState.CANCELLED, "workshop.cancel_appointment")


def _end(actor: Actor, appointment: Appointment, state: str, action: str) -> Appointment:
    before = move(appointment, "state", state, APPOINTMENT_TRANSITIONS)
    appointment.save(update_fields=["state", "reason"])
    audit.record(
        actor=actor,
        action=action,
        obj=appointment,
        before={"state": before},
        after={"state": appointment.state, "reason": appointment.reason},
    )
    return appointment
