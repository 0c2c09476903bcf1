"""Pages of repair orders: the list, one order, closing it, its print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy
from django.views.decorators.http import require_POST, require_safe

from dealer.customers.queries import matching, visible_customers
from dealer.organisation.queries import profile
from dealer.sharing.queries import policy_for
from dealer.workshop import actions, closing, queries
from dealer.workshop.forms import ChangeOrderForm, OrderForm, RatesForm, ReasonForm
from dealer.workshop.models import RUNNING, Job, Kind, LineKind, OrderState, PayType, RepairOrder
from dealer.workshop.panels import panels_for
from dealer.workshop.views.appointments import chosen_car, find_car_page
from dealer.workshop.views.steps import form_page, page, step, succeeded
from kernel import audit
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.models import User
from kernel.accounts.roles import Right
from kernel.contracts import Level, Purpose
from kernel.money import format_money
from kernel.reference.models import FaultCode
from kernel.tenancy.manufacturer import in_words
from kernel.ui import charts
from kernel.ui.lists import Bound, Choice, Column, DateRange, ListPage, Search, Toggle

_READ = requires(Right.SERVICE_READ)
_WRITE = requires(Right.SERVICE_WRITE)


# -- list ------------------------------------------------------------------------------------------------------


def order_condition(text: str, user: User) -> Q:
    """Orders by number, VIN, end of the VIN, plate, and by the customer where the person may see customers. Every
    branch has an index."""
    text = " ".join(text.replace("\x00", "").split())[:60]
    compact = text.replace(" ", "").upper()
    found = Q(vehicle__vin_reversed__startswith=compact[::-1]) if len(compact) >= 4 else Q(pk=None)
    found |= Q(vehicle__plate__startswith=compact.replace("·", ""))
    digits = compact.removeprefix("RO")
    if digits.isascii() and digits.isdigit() and len(digits) <= 12:
        found |= Q(number=int(digits))
    if queries.sees_customers(user):
        found |= Q(customer__in=visible_customers(user).filter(matching(text)).values("pk"))
    return found


class OrderSearch(Search):
    """One box for number, plate, VIN, and name or telephone number of the customer."""

    def bound_for(self, params: Any, user: User) -> Bound:
        bound = super().bind(params)
        if bound.value:
            bound.q = order_condition(bound.value, user)
        return bound


class OrderList(ListPage):
    """Repair orders, newest first."""

    title = gettext_lazy("Repair orders")
    ordering = ("-opened_at", "id")
    export_right = Right.SERVICE_WRITE
    export_name = "repair-orders"
    empty_icon = "wrench"
    empty_title = gettext_lazy("No repair order yet")
    empty_text = gettext_lazy("Take a car in, and its order stands here.")
    filters = [
        OrderSearch(fields=("number",), placeholder=gettext_lazy("Number, plate, VIN, name or phone")),
        Choice("state", gettext_lazy("State"), choices=OrderState),
        Choice("kind", pgettext_lazy("visit", "Reason"), choices=Kind),
        DateRange("opened_at", gettext_lazy("Opened")),
        Toggle("running", gettext_lazy("In the workshop now"), where=Q(state__in=RUNNING)),
    ]

    @cached_property
    def bound_filters(self) -> list[Bound]:
        """The search knows who asks, because not everybody may find by customer."""
        params, user = self.request.GET, self.request.user
        return [
            one.bound_for(params, user) if isinstance(one, OrderSearch) else one.bind(params)
            for one in self.get_filters()
        ]

    def get_queryset(self) -> Any:
        return queries.orders_with_names(self.request.user)

    def get_columns(self) -> Sequence[Column]:
        columns = [
            Column("number", _("Order"), value=str, sort="number", phone="subtitle"),
            Column("car", _("Car"), value=lambda order: queries.title_of(order.vehicle), phone="title"),
            Column("plate", _("Plate"), value="vehicle.plate", nowrap=True, leaves=1),
            Column("vin", _("VIN"), value="vehicle.vin", kind="vin"),
            Column("state", _("State"), kind="state", sort="state", phone="badge"),
            Column("kind", pgettext("visit", "Reason"), sort="kind", leaves=3),
            Column("opened_at", _("Opened"), kind="datetime", sort="opened_at", leaves=3),
            Column("promised_at", _("Promised for"), kind="datetime", sort="promised_at", leaves=1),
            Column("adviser", _("Service adviser"), value="adviser.name", leaves=3),
            Column("total", _("Total"), kind="money", currency="currency", sort="total", total=True, leaves=2),
        ]
        if queries.sees_customers(self.request.user):
            columns.insert(2, Column("customer", _("Customer"), value="customer.name", leaves=1))
            columns.append(Column("phone", _("Phone"), value="customer.phone", kind="phone", phone="call"))
        return columns

    def row_url(self, row: RepairOrder) -> str:
        return reverse("workshop:order", args=[row.pk])

    @property
    def actions(self) -> Sequence[Mapping[str, Any]]:
        if not self.request.user.has(Right.SERVICE_WRITE):
            return ()
        return (
            {"label": pgettext("workshop", "Take a car in"), "url": reverse("workshop:new"), "icon": "plus"},
            {"label": _("Appointments"), "url": reverse("workshop:day"), "icon": "calendar", "variant": "plain"},
        )

    def on_export(self, form: str, rows: int) -> None:
        audit.record(
            actor=Actor.of(self.request.user),
            action="workshop.export",
            obj=self.request.user,
            after={"form": form, "rows": rows},
        )


listing = _READ(OrderList.as_view())


# -- one order -------------------------------------------------------------------------------------------------


@_WRITE
@page
def new(request: HttpRequest) -> HttpResponseBase:
    """Take a car in without an appointment: find it, then mileage and complaints."""
    here = reverse("workshop:new")
    found = chosen_car(request)
    if found is None:
        return find_car_page(request, title=pgettext("workshop", "Take a car in"), lead_to=here)
    running = queries.running_order_of(found.vehicle)
    if running is not None:
        messages.info(request, _("This car is in the workshop already. Here is its order."))
        return redirect("workshop:order", running.pk)
    initial = {"adviser": request.user, "site": queries.active_sites().first()}
    form = OrderForm(request.POST or None, initial=initial)
    order = succeeded(
        request,
        form,
        lambda **data: actions.open_repair_order(
            actor=Actor.of(request.user), customer=found.customer, vehicle=found.vehicle, **data
        ),
    )
    if order:
        messages.success(request, _("The repair order is open."))
        return redirect("workshop:order", order.pk)
    return form_page(
        request,
        "workshop/form.html",
        form,
        heading=pgettext("workshop", "Take a car in"),
        submit=_("Open the repair order"),
        cancel=here,
        crumbs=[(_("Repair orders"), reverse("workshop:orders"))],
        car={
            "title": queries.title_of(found.vehicle),
            "vehicle": found.vehicle,
            "customer": found.customer,
        },
    )


@_READ
@require_safe
def order(request: HttpRequest, id: str) -> HttpResponseBase:
    """One order: its jobs with the three Cs and lines, its sums, and one next step."""
    found = queries.access_order_for_reading(id, request.user)
    jobs = queries.jobs_of(found, request.user)
    sums = closing.sums_of(line for job in jobs for line in job.lines.all())
    may_write = request.user.has(Right.SERVICE_WRITE)
    running = found.state in RUNNING
    own_only = queries.works_on_own_jobs_only(request.user)
    context = {
        "order": found,
        "car": queries.title_of(found.vehicle),
        "jobs": _job_rows(jobs),
        "sums": sums,
        "chart": _chart(found, sums) if sums.by_pay_type else "",
        "step": _next_step(found, jobs) if may_write else None,
        "may_write": may_write and running,
        "may_work": running and (may_write or own_only),
        "sees_customer": queries.sees_customers(request.user),
        "panels": panels_for(found, request.user),
        "earlier": [one for one in queries.orders_of_vehicle(found.vehicle, request.user) if one.pk != found.pk],
        "crumbs": [(_("Repair orders"), reverse("workshop:orders"))],
        "RUNNING": running,
    }
    return render(request, "workshop/order.html", context)


def _job_rows(jobs: list[Job]) -> list[dict[str, Any]]:
    codes = {job.fault_code for job in jobs if job.fault_code}
    names = {code.pk: code.name for code in FaultCode.objects.filter(pk__in=codes)} if codes else {}
    return [
        {
            "job": job,
            "lines": list(job.lines.all()),
            "fault_name": names.get(job.fault_code, ""),
            "amount": sum((line.amount for line in job.lines.all()), Decimal(0)),
        }
        for job in jobs
    ]


def _chart(order: RepairOrder, sums: closing.Sums) -> Any:
    tones = {pay: f"s{place}" for place, pay in enumerate(PayType.values)}
    bars = [
        charts.Bar(PayType(pay).label, float(amount), tone=tones[pay])
        for pay, amount in sorted(sums.by_pay_type.items(), key=lambda entry: -entry[1])
    ]
    return charts.horizontal_bars(
        _("Who pays"), bars, form=lambda value: format_money(Decimal(str(value)), order.currency)
    )


def _next_step(order: RepairOrder, jobs: list[Job]) -> dict[str, Any] | None:
    """The one obvious next step: `label`, `url`, `icon`, whether it is a `post`, and a `hint`."""
    match order.state:
        case OrderState.OPEN if not jobs:
            url = reverse("workshop:add_job", args=[order.pk])
            return {"label": _("Add a job"), "url": url, "icon": "plus", "hint": _("Nothing is to be done yet.")}
        case OrderState.OPEN:
            url = reverse("workshop:start", args=[order.pk])
            hint = _("The car is here. Give the jobs to technicians and start.")
            return {"label": _("Start work"), "url": url, "icon": "wrench", "post": True, "hint": hint}
        case OrderState.IN_WORK:
            missing = len(closing.gaps(jobs))
            hint = _("Work is going on.") if missing else _("Everything is written down.")
            url = reverse("workshop:ready", args=[order.pk])
            return {"label": _("The car is ready"), "url": url, "icon": "check", "post": True, "hint": hint}
        case OrderState.READY:
            url = reverse("workshop:close", args=[order.pk])
            hint = _("The car can be fetched. Check the bill and close the order.")
            return {"label": _("Close the order"), "url": url, "icon": "clipboard-check", "hint": hint}
    return None


@_WRITE
@page
def change(request: HttpRequest, id: str) -> HttpResponseBase:
    """Change the promise, the adviser or the reason."""
    found = queries.access_order_for_writing(id, request.user)
    initial = {name: getattr(found, name) for name in ("kind", "promised_at", "adviser")}
    form = ChangeOrderForm(request.POST or None, initial=initial)
    if succeeded(
        request,
        form,
        lambda **data: actions.update_repair_order(actor=Actor.of(request.user), order=found, **data),
    ):
        messages.success(request, _("Saved."))
        return redirect("workshop:order", found.pk)
    return order_form(request, found, form, heading=_("Change the repair order"), submit=_("Save"))


def order_form(request: HttpRequest, found: RepairOrder, form: Any, *, heading: str, submit: str) -> HttpResponseBase:
    """A form about one order."""
    back = reverse("workshop:order", args=[found.pk])
    crumbs = [(_("Repair orders"), reverse("workshop:orders")), (str(found), back)]
    return form_page(request, "workshop/form.html", form, heading=heading, submit=submit, cancel=back, crumbs=crumbs)


@_WRITE
@require_POST
def start(request: HttpRequest, id: str) -> HttpResponseBase:
    """Work begins."""
    found = queries.access_order_for_writing(id, request.user)
    here = reverse("workshop:order", args=[found.pk])
    return step(request, lambda: actions.start_work(actor=Actor.of(request.user), order=found), back=here)


@_WRITE
@require_POST
def ready(request: HttpRequest, id: str) -> HttpResponseBase:
    """The car can be fetched."""
    found = queries.access_order_for_writing(id, request.user)
    here = reverse("workshop:order", args=[found.pk])
    return step(request, lambda: actions.mark_ready(actor=Actor.of(request.user), order=found), back=here)


@_WRITE
@require_POST
def resume(request: HttpRequest, id: str) -> HttpResponseBase:
    """Work goes on."""
    found = queries.access_order_for_writing(id, request.user)
    here = reverse("workshop:order", args=[found.pk])
    return step(request, lambda: actions.resume_work(actor=Actor.of(request.user), order=found), back=here)


@_WRITE
@page
def close(request: HttpRequest, id: str) -> HttpResponseBase:
    """What is missing, what it comes to, who will know of it; then close. A car in work is ready with it."""
    found = queries.access_order_for_writing(id, request.user)
    if found.state in (OrderState.CLOSED, OrderState.CANCELLED):
        return redirect("workshop:order", found.pk)
    if request.method == "POST":
        here = reverse("workshop:order", args=[found.pk])
        return step(
            request,
            lambda: actions.finish_and_close(actor=Actor.of(request.user), order=found),
            back=here,
            done=_("The repair order is closed."),
        )
    jobs = queries.jobs_of(found)
    sums = closing.sums_of(line for job in jobs for line in job.lines.all())
    missing = closing.gaps(jobs)
    policy = policy_for("ServiceVisit", Purpose.ANALYTICS)
    context = {
        "order": found,
        "car": queries.title_of(found.vehicle),
        "jobs": [{"job": job, "gaps": [gap for gap in missing if gap.job == job]} for job in jobs],
        "missing": missing,
        "sums": [(PayType(pay).label, amount) for pay, amount in sums.by_pay_type.items()],
        "total": sums.total,
        "for_customer": sums.for_customer,
        "warranty": sums.by_pay_type.get(PayType.WARRANTY),
        "level": min(policy.template, policy.ceiling) if policy else Level.NOTHING,
        "manufacturer": in_words(profile().manufacturer_name),
        "sees_customer": queries.sees_customers(request.user),
        "crumbs": [
            (_("Repair orders"), reverse("workshop:orders")),
            (str(found), reverse("workshop:order", args=[found.pk])),
        ],
    }
    return render(request, "workshop/close.html", context)


@_WRITE
@page
def cancel(request: HttpRequest, id: str) -> HttpResponseBase:
    """The car leaves without work that is charged."""
    found = queries.access_order_for_writing(id, request.user)
    form = ReasonForm(request.POST or None)
    if succeeded(
        request,
        form,
        lambda **data: actions.cancel_repair_order(actor=Actor.of(request.user), order=found, **data),
    ):
        messages.success(request, _("The repair order is cancelled."))
        return redirect("workshop:order", found.pk)
    return order_form(request, found, form, heading=_("Cancel the repair order"), submit=_("Cancel the order"))


@_READ
@require_safe
def printed(request: HttpRequest, id: str) -> HttpResponseBase:
    """The order on paper: what SAMR order 43, art. 17 wants on a repair record."""
    found = queries.access_order_for_reading(id, request.user)
    jobs = queries.jobs_of(found, request.user)
    sums = closing.sums_of(line for job in jobs for line in job.lines.all())
    context = {
        "order": found,
        "dealership": profile(),
        "car": queries.title_of(found.vehicle),
        "jobs": _job_rows(jobs),
        "labour": LineKind.LABOUR,
        "sums": sums,
        "totals": [(PayType(pay).label, amount) for pay, amount in sums.by_pay_type.items()],
        "sees_customer": queries.sees_customers(request.user),
    }
    return render(request, "workshop/print.html", context)


@requires(Right.SETTINGS_MANAGE)
@page
def rates(request: HttpRequest) -> HttpResponseBase:
    """The price of an hour by who pays."""
    form = RatesForm(request.POST or None)
    if succeeded(request, form, lambda **data: actions.change_rates(actor=Actor.of(request.user), rates=data)):
        messages.success(request, _("Saved."))
        return redirect("workshop:rates")
    return form_page(
        request, "workshop/form.html", form, heading=_("Price of an hour"), submit=_("Save"), cancel="", crumbs=[]
    )


def booking_urls(vehicle_id: Any, customer_id: Any) -> dict[str, str]:
    """Where a car of a customer is booked or taken in."""
    query = urlencode({"vehicle": vehicle_id, "customer": customer_id})
    return {"book": f"{reverse('workshop:book')}?{query}", "open": f"{reverse('workshop:new')}?{query}"}
