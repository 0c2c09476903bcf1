"""Test drives: booked, driven with a licence seen, or not."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from dealer.customers.actions import log_interaction
from dealer.sales import derive, milestones
from dealer.sales.locks import lock_prospect, lock_test_drive
from dealer.sales.models import TEST_DRIVE_TRANSITIONS, TestDrive, TestDriveResult, TestDriveState
from dealer.stock.actions import lock_vehicle
from dealer.stock.models import VehicleState
from kernel import audit, clock
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.contracts import LeadEvent
from kernel.errors import Conflict, FieldError, Invalid
from kernel.transitions import move

#: The longest a test drive may be planned, in minutes.
LONGEST = 480


@transaction.atomic
def book_test_drive(
    *,
    actor: Actor,
    prospect_id: UUID,
    scheduled_at: datetime,
    vehicle_id: UUID | None = None,
    car: str = "",
    minutes: int = 45,
    route: str = "",
    note: str = "",
) -> TestDrive:
    """Book a drive in a car of the stock, or in another one named by `car`.

    Raises Invalid (scheduled_at, minutes, vehicle), Conflict `prospect_closed`, and `vehicle_busy` when the car is
    booked for somebody else at that time.
    """
    actor.require(Right.SALES_WORK)
    problems = []
    if not 10 <= minutes <= LONGEST:
        problems.append(FieldError("minutes", "range", _("Plan 10 to 480 minutes.")))
    if scheduled_at < clock.now() - timedelta(days=1):
        problems.append(FieldError("scheduled_at", "past", _("This time is over. Choose a later one.")))
    if scheduled_at > clock.now() + timedelta(days=366):
        problems.append(FieldError("scheduled_at", "range", _("Choose a time within the next year.")))
    if len(route) > 120:
        problems.append(FieldError("route", "too_long", _("This is too long. Shorten it.")))
    prospect = lock_prospect(prospect_id)
    if not prospect.is_open:
        raise Conflict("prospect_closed", _("This prospect is closed. Open it again first."))
    if problems:
        raise Invalid(problems)
    vehicle = lock_vehicle(vehicle_id) if vehicle_id is not None else None
    if vehicle is not None:
        if vehicle.state == VehicleState.DELIVERED:
            raise Conflict("vehicle_gone", _("This car has been delivered. Choose another one."))
        _refuse_busy(vehicle.pk, scheduled_at, minutes)
    drive = TestDrive.objects.create(
        prospect=prospect,
        vehicle=vehicle,
        by_id=actor.id,
        scheduled_at=scheduled_at,
        minutes=minutes,
        car=(vehicle.car if vehicle is not None else car.strip() or prospect.car)[:200],
        route=route.strip(),
        note=note.strip()[:4000],
        created_at=clock.now(),
    )
    audit.record(
        actor=actor,
        action="sales.book_test_drive",
        obj=drive,
        after={"prospect": prospect.pk, "scheduled_at": scheduled_at, "vehicle": vehicle_id},
    )
    milestones.reached(prospect, LeadEvent.APPOINTMENT, actor=actor)
    prospect.updated_at = clock.now()
    prospect.save()
    return drive


def _refuse_busy(vehicle_id: UUID, start: datetime, minutes: int) -> None:
    """The car's row is locked, so two bookings of it take turns."""
    end = start + timedelta(minutes=minutes)
    near = TestDrive.objects.filter(
        vehicle_id=vehicle_id,
        state=TestDriveState.BOOKED,
        scheduled_at__lt=end,
        scheduled_at__gt=start - timedelta(minutes=LONGEST),
    )
    if any(other.scheduled_at + timedelta(minutes=other.minutes) > start for other in near):
        raise Conflict("vehicle_busy", _("This car is booked for another test drive at that time."))


@transaction.atomic
def complete_test_drive(
    *,
    actor: Actor,
    test_drive_id: UUID,
    licence_seen: bool,
    result: str = "",
    route: str = "",
    note: str = "",
    driven_at: datetime | None = None,
) -> TestDrive:
    """Note that the drive took place. Nobody drives without having shown a licence: Invalid (licence_seen)."""
    actor.require(Right.SALES_WORK)
    moment = driven_at or clock.now()
    problems = []
    if not licence_seen:
        message = _("Look at the driving licence first; without one nobody may drive.")
        problems.append(FieldError("licence_seen", "required", message))
    if result and result not in TestDriveResult.values:
        problems.append(FieldError("result", "choice", _("Choose one of the values offered.")))
    if moment > clock.now() + timedelta(minutes=1):
        problems.append(FieldError("driven_at", "future", _("This time lies in the future.")))
    if len(route) > 120:
        problems.append(FieldError("route", "too_long", _("This is too long. Shorten it.")))
    if problems:
        raise Invalid(problems)
    drive = lock_test_drive(test_drive_id)
    old = move(drive, "state", TestDriveState.DONE, TEST_DRIVE_TRANSITIONS)
    drive.licence_seen, drive.driven_at, drive.result = True, moment, result
    drive.route = route.strip() or drive.route
    drive.note = note.strip()[:4000] or drive.note
    drive.save()
    prospect = drive.prospect
    audit.record(
        actor=actor,
        action="sales.complete_test_drive",
        obj=drive,
        before={"state": old},
        after={"state": drive.state, "result": result},
    )
    if prospect.is_open:
        milestones.reached(prospect, LeadEvent.TEST_DRIVE, actor=actor, at=moment)
        prospect.next_contact_on = prospect.next_contact_on or derive.next_contact(prospect, derive.today())
        prospect.updated_at = clock.now()
        prospect.save()
    log_interaction(
        actor=actor,
        customer=prospect.customer,
        channel="visit",
        from_customer=True,
        content=drive.note[:2000] or drive.car or str(TestDriveState.DONE.label),
        result=str(TestDriveResult(result).label) if result else "",
        at=moment,
        document="sales.testdrive",
        document_id=drive.pk,
        url=f"/prospects/{prospect.pk}/",
    )
    return drive


@transaction.atomic
def cancel_test_drive(*, actor: Actor, test_drive_id: UUID, no_show: bool = False, note: str = "") -> TestDrive:
    """Note that the drive does not take place, or that the customer did not come."""
    actor.require(Right.SALES_WORK)
    drive = lock_test_drive(test_drive_id)
    new = TestDriveState.NO_SHOW if no_show else TestDriveState.CANCELLED
    old = move(drive, "state", new, TEST_DRIVE_TRANSITIONS)
    drive.note = note.strip()[:4000] or drive.note
    drive.save()
    audit.record(
        actor=actor, action="sales.cancel_test_drive", obj=drive, before={"state": old}, after={"state": new}, note=note
    )
    return drive
