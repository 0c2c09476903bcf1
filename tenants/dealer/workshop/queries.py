"""Reads of the workshop, each limited to what the asking person may see.

Advisers and managers see every order; a technician sees the orders and jobs that are his or her own, without the
customer; parts clerks and others who may read service see all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Prefetch, QuerySet

from dealer.customers.models import Ownership, Vehicle
from dealer.customers.queries import matching, visible_customers
from dealer.organisation.models import Site
from dealer.organisation.queries import profile
from dealer.workshop.models import RUNNING, Appointment, Job, JobLine, JobState, LabourRate, OrderState, RepairOrder
from kernel.accounts.access import find
from kernel.accounts.models import User
from kernel.accounts.roles import RIGHTS, Right
from kernel.errors import Missing
from kernel.reference.queries import car_name


def works_on_own_jobs_only(user: User) -> bool:
    """Whether a person sees and writes only jobs assigned to him or her (technicians)."""
    return user.has(Right.SERVICE_WRITE_OWN) and not user.has(Right.SERVICE_WRITE)


def sees_customers(user: User) -> bool:
    """Whether names and numbers of customers may stand on this person's pages of the workshop."""
    return user.has(Right.CUSTOMERS_READ)


# -- orders ----------------------------------------------------------------------------------------------------


def visible_orders(user: User) -> QuerySet[RepairOrder]:
    """The repair orders that a person may see."""
    if not user.has(Right.SERVICE_READ):
        return RepairOrder.objects.none()
    if works_on_own_jobs_only(user):
        return RepairOrder.objects.filter(jobs__technician=user).distinct()
    return RepairOrder.objects.all()


def orders_with_names(user: User) -> QuerySet[RepairOrder]:
    """Visible orders with customer, vehicle, site and adviser, for lists."""
    return visible_orders(user).select_related("customer", "vehicle", "site", "adviser", "appointment")


def access_order_for_reading(id: str | UUID, user: User) -> RepairOrder:
    """One order for its page. Raises Missing."""
    return find(orders_with_names(user), id)


def access_order_for_writing(id: str | UUID, user: User) -> RepairOrder:
    """One order, for those who write orders. Raises Missing."""
    if not user.has(Right.SERVICE_WRITE):
        raise Missing()
    return find(orders_with_names(user), id)


def jobs_of(order: RepairOrder, user: User | None = None) -> list[Job]:
    """The jobs of an order with technician and lines; for a technician his or her own. Two queries."""
    jobs = order.jobs.select_related("technician").prefetch_related(
        Prefetch("lines", queryset=JobLine.objects.order_by("position"))
    )
    if user is not None and works_on_own_jobs_only(user):
        jobs = jobs.filter(technician=user)
    return list(jobs.order_by("position"))


def access_job_for_work(id: str | UUID, user: User) -> Job:
    """One job, for those who may write it: advisers any, technicians their own. Raises Missing."""
    jobs = Job.objects.select_related("repair_order__vehicle", "repair_order__customer", "technician")
    if user.has(Right.SERVICE_WRITE):
        return find(jobs, id)
    if user.has(Right.SERVICE_WRITE_OWN):
        return find(jobs.filter(technician=user), id)
    raise Missing()


def access_line_for_work(id: str | UUID, user: User) -> JobLine:
    """One line of a job that the person may write. Raises Missing."""
    if not (user.has(Right.SERVICE_WRITE) or user.has(Right.SERVICE_WRITE_OWN)):
        raise Missing()
    lines = JobLine.objects.select_related("job__repair_order")
    return find(lines.filter(job__technician=user) if works_on_own_jobs_only(user) else lines, id)


def running_order_of(vehicle: Vehicle) -> RepairOrder | None:
    """The order that a car stands in the workshop with, if it does."""
    return RepairOrder.objects.filter(vehicle=vehicle, state__in=RUNNING).first()


def orders_of_vehicle(vehicle: Vehicle, user: User, limit: int = 10) -> list[RepairOrder]:
    """The latest visits of one car."""
    return list(visible_orders(user).filter(vehicle=vehicle).select_related("adviser")[:limit])


def jobs_for_technician(user: User) -> QuerySet[Job]:
    """What a technician has still to do, oldest promise first."""
    return (
        Job.objects.filter(technician=user, state__in=[JobState.OPEN, JobState.IN_WORK])
        .filter(repair_order__state__in=[OrderState.OPEN, OrderState.IN_WORK])
        .select_related("repair_order__vehicle")
        .order_by("repair_order__promised_at", "repair_order__opened_at", "position")
    )


# -- appointments ----------------------------------------------------------------------------------------------


def visible_appointments(user: User) -> QuerySet[Appointment]:
    """The appointments that a person may see; none for technicians, who meet no customers."""
    if not user.has(Right.SERVICE_READ) or works_on_own_jobs_only(user):
        return Appointment.objects.none()
    return Appointment.objects.select_related("customer", "vehicle", "site", "adviser", "repair_order")


def access_appointment_for_reading(id: str | UUID, user: User) -> Appointment:
    """One appointment. Raises Missing."""
    return find(visible_appointments(user), id)


def access_appointment_for_writing(id: str | UUID, user: User) -> Appointment:
    """One appointment, to change it. Raises Missing."""
    if not user.has(Right.SERVICE_WRITE):
        raise Missing()
    return find(visible_appointments(user), id)


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """Beginning and end of a day in the dealership's time zone, aware."""
    zone = ZoneInfo(profile().time_zone)
    return datetime.combine(day, time.min, zone), datetime.combine(day + timedelta(days=1), time.min, zone)


def local_day(moment: datetime) -> date:
    """The day of a time in the dealership's time zone."""
    return moment.astimezone(ZoneInfo(profile().time_zone)).date()


def appointments_on(day: date, user: User) -> QuerySet[Appointment]:
    """The appointments of a day, by time."""
    begins, ends = day_bounds(day)
    return visible_appointments(user).filter(starts_at__gte=begins, starts_at__lt=ends)


# -- for forms -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FoundCar:
    """A car with the customer who has a role on it now."""

    ownership: Ownership

    @property
    def vehicle(self) -> Vehicle:
        return self.ownership.vehicle

    @property
    def title(self) -> str:
        return title_of(self.ownership.vehicle)


def title_of(vehicle: Vehicle) -> str:
    """The car as people say it, from catalogue codes or from the words it was entered with."""
    return car_name(brand=vehicle.brand, series=vehicle.series, model=vehicle.model, variant=vehicle.variant)


def find_cars(text: str, user: User, limit: int = 20) -> list[FoundCar]:
    """Cars by telephone number, name, plate, VIN or its last characters; the best fit first. Two queries."""
    condition = matching(text)
    if not condition:
        return []
    people = visible_customers(user).filter(condition).values("pk")
    rows = list(
        Ownership.objects.filter(until=None, customer__in=people)
        .select_related("vehicle", "customer")
        .order_by("-since", "id")[: limit * 3]
    )
    wanted = "".join(text.upper().split()).replace("·", "")
    rows.sort(key=lambda row: not (wanted and (wanted in row.vehicle.plate or row.vehicle.vin.endswith(wanted))))
    return [FoundCar(row) for row in rows[:limit]]


def access_found_car(vehicle: str, customer: str, user: User) -> Ownership:
    """The present role of a customer on a car, for booking. Raises Missing."""
    find(visible_customers(user), customer)
    rows = Ownership.objects.filter(until=None, customer_id=UUID(str(customer))).select_related("vehicle", "customer")
    for row in rows:
        if str(row.vehicle_id) == str(vehicle):
            return row
    raise Missing()


def people_with(*rights: Right) -> QuerySet[User]:
    """Active people whose role has one of the rights, by name."""
    roles = [role for role, held in RIGHTS.items() if held & set(rights)]
    return User.objects.filter(is_active=True, role__in=roles).order_by("name", "login")


def advisers() -> QuerySet[User]:
    return people_with(Right.SERVICE_WRITE)


def technicians() -> QuerySet[User]:
    return people_with(Right.SERVICE_WRITE_OWN)


def active_sites() -> QuerySet[Site]:
    return Site.objects.filter(active=True)


def rates() -> dict[str, Any]:
    """The price of an hour by pay type."""
    return dict(LabourRate.objects.values_list("pay_type", "hourly"))
