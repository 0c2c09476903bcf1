"""Pages of appointments: the day, booking, arriving."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from dealer.customers.models import Ownership
from dealer.organisation.queries import profile
from dealer.workshop import actions, queries
from dealer.workshop.forms import AppointmentForm, ArrivalForm, ChangeAppointmentForm, ReasonForm
from dealer.workshop.models import Appointment, AppointmentState
from dealer.workshop.views.steps import form_page, page, step, succeeded
from kernel import clock
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.models import User
from kernel.accounts.roles import Right

_READ = requires(Right.SERVICE_READ)
_WRITE = requires(Right.SERVICE_WRITE)


def _day(request: HttpRequest) -> date:
    """The day asked for by `?day=2026-05-04`; today without one that can be read."""
    try:
        asked = parse_date(request.GET.get("day", ""))
    except ValueError:
        asked = None
    today = clock.today(profile().time_zone)
    return asked if asked is not None and abs(asked.year - today.year) <= 50 else today


@_READ
@require_safe
def day(request: HttpRequest) -> HttpResponseBase:
    """The appointments of one day by time, with one next step on each."""
    wanted = _day(request)
    found = list(queries.appointments_on(wanted, request.user))
    rows = [{"appointment": one, "car": queries.title_of(one.vehicle)} for one in found]
    today = clock.today(profile().time_zone)
    here = reverse("workshop:day")
    waiting = sum(1 for one in found if one.state == AppointmentState.BOOKED)
    context = {
        "day": wanted,
        "is_today": wanted == today,
        "rows": rows,
        "waiting": waiting,
        "hours": sum(one.minutes for one in found if one.state != AppointmentState.CANCELLED) / 60,
        "before_url": f"{here}?day={wanted - timedelta(days=1)}",
        "after_url": f"{here}?day={wanted + timedelta(days=1)}",
        "today_url": here,
        "new_url": f"{reverse('workshop:book')}?day={wanted}",
        "may_write": request.user.has(Right.SERVICE_WRITE),
        "sees_customers": queries.sees_customers(request.user),
        "now": clock.now(),
    }
    return render(request, "workshop/day.html", context)


def chosen_car(request: HttpRequest) -> Ownership | None:
    """The car and customer that the address names (`?vehicle=…&customer=…`), if it does. Raises Missing."""
    vehicle, customer = request.GET.get("vehicle", ""), request.GET.get("customer", "")
    if not vehicle and not customer:
        return None
    return queries.access_found_car(vehicle, customer, request.user)


def find_car_page(request: HttpRequest, *, title: str, lead_to: str) -> HttpResponseBase:
    """The step before a form: find the car by telephone number, plate, VIN or name."""
    text = request.GET.get("q", "").strip()[:60]
    cars = queries.find_cars(text, request.user) if text else []
    kept = {key: value for key, value in request.GET.items() if key == "day"}
    rows = [
        {
            "car": car,
            "url": f"{lead_to}?{urlencode({'vehicle': car.vehicle.pk, 'customer': car.ownership.customer_id, **kept})}",
        }
        for car in cars
    ]
    context = {"heading": title, "text": text, "rows": rows, "kept": kept, "lead_to": lead_to}
    return render(request, "workshop/find_car.html", context)


@_WRITE
@page
def book(request: HttpRequest) -> HttpResponseBase:
    """Book an appointment: find the car, then say when."""
    here = reverse("workshop:book")
    found = chosen_car(request)
    if found is None:
        return find_car_page(request, title=_("Book an appointment"), lead_to=here)
    form = AppointmentForm(request.POST or None, initial=_first_values(request))
    made = succeeded(
        request,
        form,
        lambda **data: actions.book_appointment(
            actor=Actor.of(request.user), customer=found.customer, vehicle=found.vehicle, **data
        ),
    )
    if made:
        messages.success(request, _("The appointment is booked."))
        return redirect(_day_url(made))
    return form_page(
        request,
        "workshop/form.html",
        form,
        heading=_("Book an appointment"),
        car=_car_facts(found, request.user),
        submit=_("Book"),
        cancel=here,
        crumbs=[(_("Appointments"), reverse("workshop:day"))],
    )


def _day_url(appointment: Appointment) -> str:
    return f"{reverse('workshop:day')}?day={queries.local_day(appointment.starts_at)}"


def _first_values(request: HttpRequest) -> dict[str, Any]:
    """Begin with the day asked for, at the next full hour from nine on."""
    begins, _ends = queries.day_bounds(_day(request))
    starts = max(begins + timedelta(hours=9), clock.now().astimezone(begins.tzinfo) + timedelta(hours=1))
    return {"starts_at": starts.replace(minute=0, second=0, microsecond=0), "site": queries.active_sites().first()}


def _car_facts(found: Ownership, user: User) -> dict[str, Any]:
    return {
        "title": queries.title_of(found.vehicle),
        "vehicle": found.vehicle,
        "customer": found.customer if queries.sees_customers(user) else None,
    }


@_WRITE
@page
def change(request: HttpRequest, id: str) -> HttpResponseBase:
    """Move an appointment."""
    appointment = queries.access_appointment_for_writing(id, request.user)
    names = ("starts_at", "minutes", "kind", "wish", "promised_at", "adviser", "site")
    form = ChangeAppointmentForm(request.POST or None, initial={name: getattr(appointment, name) for name in names})
    made = succeeded(
        request,
        form,
        lambda **data: actions.change_appointment(actor=Actor.of(request.user), appointment=appointment, **data),
    )
    if made:
        messages.success(request, _("Saved."))
        return redirect(_day_url(made))
    return _appointment_form(request, appointment, form, heading=_("Change the appointment"), submit=_("Save"))


@_WRITE
@page
def arrive(request: HttpRequest, id: str) -> HttpResponseBase:
    """The customer is here: mileage and complaints, then the repair order."""
    appointment = queries.access_appointment_for_writing(id, request.user)
    if appointment.state == AppointmentState.ARRIVED:
        return redirect("workshop:order", appointment.repair_order.pk)
    initial = {
        "complaints": appointment.wish or appointment.get_kind_display(),
        "promised_at": appointment.promised_at,
        "adviser": appointment.adviser or request.user,
    }
    form = ArrivalForm(request.POST or None, initial=initial)
    order = succeeded(
        request,
        form,
        lambda **data: actions.arrive(actor=Actor.of(request.user), appointment=appointment, **data),
    )
    if order:
        messages.success(request, _("The repair order is open."))
        return redirect("workshop:order", order.pk)
    return _appointment_form(
        request, appointment, form, heading=_("Take the car in"), submit=_("Open the repair order")
    )


def _appointment_form(
    request: HttpRequest, appointment: Appointment, form: Any, *, heading: str, submit: str
) -> HttpResponseBase:
    car = {
        "title": queries.title_of(appointment.vehicle),
        "vehicle": appointment.vehicle,
        "customer": appointment.customer,
    }
    back = _day_url(appointment)
    crumbs = [(_("Appointments"), back)]
    return form_page(
        request, "workshop/form.html", form, heading=heading, submit=submit, cancel=back, crumbs=crumbs, car=car
    )


@_WRITE
@require_POST
def no_show(request: HttpRequest, id: str) -> HttpResponseBase:
    """The customer did not come."""
    appointment = queries.access_appointment_for_writing(id, request.user)
    return step(
        request,
        lambda: actions.miss_appointment(actor=Actor.of(request.user), appointment=appointment),
        back=_day_url(appointment),
        done=_("Written down."),
    )


@_WRITE
@page
def cancel(request: HttpRequest, id: str) -> HttpResponseBase:
    """The appointment will not take place."""
    appointment = queries.access_appointment_for_writing(id, request.user)
    form = ReasonForm(request.POST or None)
    made = succeeded(
        request,
        form,
        lambda **data: actions.cancel_appointment(actor=Actor.of(request.user), appointment=appointment, **data),
    )
    if made:
        messages.success(request, _("The appointment is cancelled."))
        return redirect(_day_url(appointment))
    return _appointment_form(request, appointment, form, heading=_("Cancel the appointment"), submit=_("Cancel it"))


@_READ
@require_safe
def appointment(request: HttpRequest, id: str) -> HttpResponseBase:
    """One appointment leads to its repair order, or to its day."""
    found = queries.access_appointment_for_reading(id, request.user)
    if found.state == AppointmentState.ARRIVED:
        return redirect("workshop:order", found.repair_order.pk)
    return redirect(_day_url(found))
