"""What the workshop adds to the shell, to today's list and to the customer's card."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from dealer.customers import cards
from dealer.customers.models import Customer
from dealer.organisation import search, today
from dealer.organisation.queries import profile
from dealer.workshop import queries
from dealer.workshop.models import RUNNING, AppointmentState, OrderState
from dealer.workshop.views.orders import booking_urls
from kernel import clock
from kernel.accounts.models import User
from kernel.accounts.roles import Right
from kernel.ui import states
from kernel.ui.navigation import DEALER, NavItem, register

SERVICE = _("Service")

register(
    DEALER,
    NavItem(
        "appointments",
        _("Appointments"),
        "workshop:day",
        icon="calendar",
        right=Right.SERVICE_WRITE,
        order=30,
        phone=True,
        group=SERVICE,
        short=_("Bookings"),
    ),
    NavItem(
        "repair_orders",
        _("Repair orders"),
        "workshop:orders",
        icon="wrench",
        right=Right.SERVICE_READ,
        order=32,
        phone=True,
        group=SERVICE,
        short=_("Orders"),
    ),
    NavItem(
        "take_in",
        pgettext_lazy("workshop", "Take a car in"),
        "workshop:new",
        icon="plus",
        right=Right.SERVICE_WRITE,
        order=34,
        phone=True,
        job=True,
        group=SERVICE,
        short=pgettext_lazy("workshop", "Take in"),
    ),
    NavItem(
        "labour_rates",
        _("Price of an hour"),
        "workshop:rates",
        icon="timer",
        right=Right.SETTINGS_MANAGE,
        order=930,
        group=_("Administration"),
    ),
)
search.register(Right.SERVICE_READ, "workshop:orders", order=40)
states.register({"in_work": "primary", "ready": "success", "arrived": "success", "no_show": "error"})


# -- today -----------------------------------------------------------------------------------------------------

STEPS = {
    OrderState.OPEN: _("Start work"),
    OrderState.IN_WORK: _("Look after it"),
    OrderState.READY: _("Close the order"),
}


def arriving(user: User) -> Iterator[today.Line]:
    """Who is still to come today, by time."""
    day = clock.today(profile().time_zone)
    rows = queries.appointments_on(day, user).filter(state=AppointmentState.BOOKED)
    for one in rows[: today.SHOWN + 1]:
        yield today.Line(
            title=queries.title_of(one.vehicle),
            text=" · ".join(part for part in (one.customer.name, one.vehicle.plate, one.wish[:80]) if part),
            url=reverse("workshop:arrive", args=[one.pk]),
            step=_("Arrived"),
            at=one.starts_at,
            phone=one.customer.phone,
            who=one.customer.name,
            facts=[one.get_kind_display()],
        )


def in_the_workshop(user: User) -> Iterator[today.Line]:
    """The cars that are here, the nearest promise first; an adviser's own before those of others."""
    rows = list(queries.orders_with_names(user).filter(state__in=RUNNING).order_by("promised_at", "opened_at")[:50])
    rows.sort(key=lambda one: one.adviser_id != user.pk)
    for one in rows:
        yield today.Line(
            title=queries.title_of(one.vehicle),
            text=" · ".join(part for part in (str(one), one.vehicle.plate, one.customer.name) if part),
            url=reverse("workshop:order", args=[one.pk]),
            step=STEPS[OrderState(one.state)],
            due=one.promised_at,
            state=one.state,
            state_label=one.get_state_display(),
            phone=one.customer.phone,
            who=one.customer.name,
        )


def my_jobs(user: User) -> Iterator[today.Line]:
    """A technician's jobs, the nearest promise first."""
    for job in queries.jobs_for_technician(user)[: today.SHOWN + 1]:
        order = job.repair_order
        yield today.Line(
            title=job.complaint[:120],
            text=" · ".join(part for part in (queries.title_of(order.vehicle), order.vehicle.plate) if part),
            url=f"{reverse('workshop:order', args=[order.pk])}#job-{job.pk}",
            step=_("Cause and correction") if job.state == "in_work" else _("Start this job"),
            due=order.promised_at,
            state=job.state,
            state_label=job.get_state_display(),
        )


today.register(
    "workshop.arriving",
    arriving,
    [Right.SERVICE_WRITE],
    title=_("Still to come today"),
    order=30,
    icon="calendar",
    more_url_name="workshop:day",
)
today.register(
    "workshop.cars",
    in_the_workshop,
    [Right.SERVICE_WRITE],
    title=_("Cars in the workshop"),
    order=20,
    icon="wrench",
    more_url_name="workshop:orders",
)
today.register("workshop.jobs", my_jobs, [Right.SERVICE_WRITE_OWN], title=_("My jobs"), order=10, icon="wrench")


# -- the customer's card ---------------------------------------------------------------------------------------


def service_of(customer: Customer, user: User) -> dict[str, Any] | None:
    """The latest orders and appointments of a customer, and where each of the cars is booked."""
    orders = list(queries.visible_orders(user).filter(customer=customer)[:5])
    appointments = list(
        queries.visible_appointments(user)
        .filter(customer=customer, state__in=[AppointmentState.BOOKED, AppointmentState.NO_SHOW])
        .order_by("-starts_at")[:3]
    )
    cars = []
    if user.has(Right.SERVICE_WRITE):
        for row in customer.ownerships.filter(until=None).select_related("vehicle"):
            facts = {"title": queries.title_of(row.vehicle), "plate": row.vehicle.plate}
            cars.append(facts | booking_urls(row.vehicle_id, customer.pk))
    return {"orders": orders, "appointments": appointments, "cars": cars} if orders or appointments or cars else None


cards.register(
    "workshop.service", service_of, [Right.SERVICE_READ], title=_("Service"), template="workshop/_card.html", order=40
)
