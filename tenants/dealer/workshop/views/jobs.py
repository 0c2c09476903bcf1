"""Pages of jobs and their lines."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dealer.customers.models import Vehicle
from dealer.workshop import actions, queries
from dealer.workshop.forms import FreeLineForm, JobForm, LineForm, NewJobForm, TechnicianForm
from dealer.workshop.models import Job, LineKind, PayType
from dealer.workshop.views.orders import order_form
from dealer.workshop.views.steps import form_page, page, step, succeeded
from kernel import clock
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.reference.models import LabourOperation, Part
from kernel.reference.queries import (
    CALENDAR,
    brand_name,
    catalogue,
    labour_operations,
    operation,
    part,
    parts,
    series_name,
)

_WRITE = requires(Right.SERVICE_WRITE)
_WORK = requires(Right.SERVICE_WRITE, Right.SERVICE_WRITE_OWN)
#: Entries of the catalogue shown at once; more words narrow them.
SHOWN = 15


def _order_url(job: Job) -> str:
    return f"{reverse('workshop:order', args=[job.repair_order_id])}#job-{job.pk}"


@_WRITE
@page
def add(request: HttpRequest, id: str) -> HttpResponseBase:
    """Add a complaint."""
    order = queries.access_order_for_writing(id, request.user)
    form = NewJobForm(request.POST or None)
    job = succeeded(request, form, lambda **data: actions.add_job(actor=Actor.of(request.user), order=order, **data))
    if job:
        job.repair_order_id = order.pk
        return redirect(_order_url(job))
    return order_form(request, order, form, heading=_("Add a job"), submit=_("Add"))


@_WORK
@page
def edit(request: HttpRequest, id: str) -> HttpResponseBase:
    """Complaint, cause, correction, fault code."""
    job = queries.access_job_for_work(id, request.user)
    names = ("complaint", "cause", "correction", "fault_code")
    form = JobForm(request.POST or None, initial={name: getattr(job, name) for name in names})
    if succeeded(request, form, lambda **data: actions.update_job(actor=Actor.of(request.user), job=job, **data)):
        messages.success(request, _("Saved."))
        return redirect(_order_url(job))
    return order_form(request, job.repair_order, form, heading=_("Diagnosis and work"), submit=_("Save"))


@_WRITE
@page
def assign(request: HttpRequest, id: str) -> HttpResponseBase:
    """Give a job to a technician."""
    job = queries.access_job_for_work(id, request.user)
    form = TechnicianForm(request.POST or None, initial={"technician": job.technician})
    if succeeded(
        request, form, lambda **data: actions.assign_technician(actor=Actor.of(request.user), job=job, **data)
    ):
        messages.success(request, _("Saved."))
        return redirect(_order_url(job))
    return order_form(request, job.repair_order, form, heading=_("Give the job to a technician"), submit=_("Save"))


@_WORK
@require_POST
def start(request: HttpRequest, id: str) -> HttpResponseBase:
    """Work on a job begins."""
    job = queries.access_job_for_work(id, request.user)
    return step(request, lambda: actions.start_job(actor=Actor.of(request.user), job=job), back=_order_url(job))


@_WORK
@require_POST
def finish(request: HttpRequest, id: str) -> HttpResponseBase:
    """Work on a job is done."""
    job = queries.access_job_for_work(id, request.user)
    return step(request, lambda: actions.finish_job(actor=Actor.of(request.user), job=job), back=_order_url(job))


@_WRITE
@require_POST
def remove(request: HttpRequest, id: str) -> HttpResponseBase:
    """Take a job out."""
    job = queries.access_job_for_work(id, request.user)
    back = reverse("workshop:order", args=[job.repair_order_id])
    return step(request, lambda: actions.remove_job(actor=Actor.of(request.user), job=job), back=back)


# -- lines -----------------------------------------------------------------------------------------------------


def _found(vehicle: Vehicle, kind: str, text: str) -> list[tuple[LabourOperation | Part, bool]]:
    """The entries that the words fit and that fit the car, as far as the catalogue knows its brand and series.

    A whole code is found whatever car it is for, because who types it knows it; then the second value is True.
    """
    tree = catalogue()
    brand = vehicle.brand if vehicle.brand in tree.brands else ""
    series = vehicle.series if vehicle.series in tree.series else ""
    found: QuerySet[Any]
    named: LabourOperation | Part | None
    if kind == LineKind.LABOUR:
        found, named = labour_operations(text, brand=brand, series=series), operation(text.upper())
    elif kind == LineKind.PART:
        found, named = parts(text, brand=brand, series=series), part(text.upper())
    else:
        return []
    entries: list[LabourOperation | Part] = list(found[:SHOWN])
    if named is None or named in entries or not named.may_be_chosen(clock.today(CALENDAR)):
        return [(one, False) for one in entries]
    return [(named, True), *((one, False) for one in entries[: SHOWN - 1])]


def _entry(found: LabourOperation | Part, *, foreign: bool, rate: Decimal | None) -> dict[str, Any]:
    """An entry as the picker shows it; `foreign` names the cars that it is for when it is not for this one."""
    shown: dict[str, Any] = {"code": found.pk, "name": found.name}
    if isinstance(found, Part):
        shown |= {"amount": found.price, "wear": found.wear_part, "part": True}
    else:
        hours = found.standard_hours
        shown |= {"hours": hours, "amount": None if rate is None else hours * rate}
    if foreign:
        shown["foreign"] = ", ".join(series_name(code) for code in found.fits) or brand_name(found.brand_id)
    return shown


def _picked(request: HttpRequest, job: Job) -> dict[str, Any]:
    """What the picker shows: the kind and pay type chosen, and the entries that the words fit."""
    kind = request.GET.get("kind", "")
    kind = kind if kind in LineKind.values else LineKind.LABOUR
    pay = request.GET.get("pay", "")
    pay = pay if pay in PayType.values else PayType.CUSTOMER
    text = request.GET.get("q", "").strip()[:60]
    rate = queries.rates().get(pay)
    found = _found(job.repair_order.vehicle, kind, text)
    entries = [_entry(one, foreign=foreign, rate=rate) for one, foreign in found]
    here = reverse("workshop:add_line", args=[job.pk])
    return {
        "job": job,
        "order": job.repair_order,
        "kind": kind,
        "pay": pay,
        "text": text,
        "entries": entries,
        "more": len(entries) == SHOWN,
        "tabs": [
            {"label": one.label, "url": f"{here}?kind={one.value}&pay={pay}", "current": one == kind}
            for one in LineKind
        ],
        "pays": [
            {"label": one.label, "url": f"{here}?kind={kind}&pay={one.value}", "current": one == pay} for one in PayType
        ],
        "here": here,
        "back": _order_url(job),
        "causal": pay == PayType.WARRANTY and kind == LineKind.PART,
    }


@_WORK
@page
def add_line(request: HttpRequest, id: str) -> HttpResponseBase:
    """Pick labour or parts from the catalogue, or write a line freely."""
    job = queries.access_job_for_work(id, request.user)
    context = _picked(request, job)
    free = FreeLineForm(request.POST if request.POST.get("free") else None, prefix="free")
    if request.method == "POST" and request.POST.get("code"):
        given = {key: request.POST.get(key, "") for key in ("code", "quantity")}
        causal = request.POST.get("causal") == "1"
        return step(
            request,
            lambda: actions.add_line(
                actor=Actor.of(request.user),
                job=job,
                kind=context["kind"],
                pay_type=context["pay"],
                causal=causal,
                **given,
            ),
            back=request.get_full_path() if request.POST.get("again") else _order_url(job),
            done=_("The line is added."),
        )
    if succeeded(
        request,
        free,
        lambda **data: actions.add_line(
            actor=Actor.of(request.user), job=job, kind=context["kind"], pay_type=context["pay"], **data
        ),
    ):
        messages.success(request, _("The line is added."))
        return redirect(_order_url(job))
    context["free"] = free
    if getattr(request, "htmx", False):
        return render(request, "workshop/_entries.html", context)
    return render(request, "workshop/add_line.html", context, status=422 if free.is_bound and free.errors else 200)


@_WORK
@page
def edit_line(request: HttpRequest, id: str) -> HttpResponseBase:
    """Change quantity, price, description, who pays."""
    line = queries.access_line_for_work(id, request.user)
    names = ("description", "quantity", "unit_price", "pay_type", "causal")
    form = LineForm(request.POST or None, initial={name: getattr(line, name) for name in names})
    if line.kind != LineKind.PART:
        del form.fields["causal"]
    if succeeded(request, form, lambda **data: actions.update_line(actor=Actor.of(request.user), line=line, **data)):
        messages.success(request, _("Saved."))
        return redirect(_order_url(line.job))
    order = line.job.repair_order
    back = _order_url(line.job)
    crumbs = [(_("Repair orders"), reverse("workshop:orders")), (str(order), back)]
    return form_page(
        request,
        "workshop/form.html",
        form,
        heading=line.code or line.description,
        submit=_("Save"),
        cancel=back,
        crumbs=crumbs,
    )


@_WORK
@require_POST
def remove_line(request: HttpRequest, id: str) -> HttpResponseBase:
    """Take a line out."""
    line = queries.access_line_for_work(id, request.user)
    return step(
        request, lambda: actions.remove_line(actor=Actor.of(request.user), line=line), back=_order_url(line.job)
    )
