"""Prospects: the list hot first, one prospect with his next step, follow-ups, test drives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from dealer.customers.queries import access_customer_for_reading
from dealer.sales import actions, derive, queries
from dealer.sales.forms import (
    ConsultantForm,
    FollowUpForm,
    LoseForm,
    NewProspectForm,
    ProspectForm,
    TestDriveDoneForm,
    TestDriveForm,
)
from dealer.sales.models import (
    CustomerType,
    Prospect,
    ProspectState,
    Stage,
    TestDrive,
    TestDriveState,
)
from dealer.sales.next_step import next_step, steps_of
from dealer.sales.views.common import AuditedExport, page, show, status_of
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.automotive.channel import Channel
from kernel.automotive.qualification import Item
from kernel.automotive.temperature import Temperature
from kernel.errors import Conflict, Invalid
from kernel.reference.queries import series_choices
from kernel.ui.lists import Choice, Column, DateRange, ListPage, Search, Toggle


class ProspectList(AuditedExport, ListPage):
    """Prospects, the hot and overdue ones first."""

    title = gettext_lazy("Prospects")
    row_template_name = "sales/_prospect_row.html"
    columns = [
        Column("customer", gettext_lazy("Name"), value="customer.name", sort="customer__pinyin"),
        Column("phone", gettext_lazy("Phone"), value="customer.phone"),
        Column("car", gettext_lazy("Car")),
        Column("temperature", gettext_lazy("Temperature"), kind="temperature", sort="heat"),
        Column("state", gettext_lazy("State"), kind="state", sort="state"),
        Column("stage", gettext_lazy("Stage"), kind="state", sort="stage"),
        Column("channel", gettext_lazy("Customer source"), sort="channel"),
        Column("customer_type", gettext_lazy("Customer type"), sort="customer_type"),
        Column("intended_on", gettext_lazy("Intended purchase date"), kind="date", sort="intended_on"),
        Column("next_contact_on", gettext_lazy("Next contact"), kind="date", sort="next_contact_on"),
        Column("next_contact_plan", gettext_lazy("Plan")),
        Column("qualified", gettext_lazy("Qualified"), kind="bool", sort="qualified"),
        Column("consultant", gettext_lazy("Consultant"), sort="consultant__name"),
        Column("created_at", gettext_lazy("Since"), kind="date", sort="created_at"),
    ]
    ordering = ("heat", "next_contact_on", "id")
    export_right = Right.CUSTOMERS_EXPORT
    export_name = "prospects"
    empty_icon = "users"
    empty_title = gettext_lazy("No prospects yet")
    empty_text = gettext_lazy("Accept a lead, or enter somebody who came or called.")

    def get_queryset(self) -> Any:
        return queries.visible_prospects(self.request.user)

    def get_filters(self) -> Any:
        today = derive.today()
        overdue = Q(state=ProspectState.OPEN, next_contact_on__lt=today)
        return [
            Search(
                fields=("customer__name", "customer__pinyin", "customer__phone"),
                placeholder=_("Name or phone"),
            ),
            Choice("state", _("State"), choices=ProspectState),
            Choice("temperature", _("Temperature"), choices=Temperature),
            Choice("stage", _("Stage"), choices=Stage),
            Choice("series", _("Series"), choices=series_choices),
            Choice("channel", _("Customer source"), choices=Channel),
            Choice("customer_type", _("Customer type"), choices=CustomerType),
            Toggle("overdue", _("Overdue"), where=overdue),
            Toggle("qualified", _("Qualified")),
            Toggle("mine", _("Only mine"), where=queries.mine(self.request.user)),
            DateRange("created_at", _("Since")),
        ]

    def row_url(self, row: Prospect) -> str:
        return reverse("sales:prospect", args=[row.pk])

    def extra_context(self) -> dict[str, Any]:
        return {"today": derive.today()}

    @property
    def actions(self) -> Sequence[Mapping[str, Any]]:
        if not self.request.user.has(Right.SALES_WORK):
            return ()
        return ({"label": _("New prospect"), "url": reverse("sales:new_prospect"), "icon": "plus"},)


listing = requires(Right.SALES_READ)(ProspectList.as_view())


@requires(Right.SALES_WORK)
@page
def new(request: HttpRequest) -> HttpResponseBase:
    """Somebody came or called. A telephone number that is known links to its customer."""
    initial = {}
    if request.GET.get("customer"):
        known = access_customer_for_reading(request.GET["customer"], request.user)
        initial = {"phone": known.phone, "name": known.name, "kind": known.kind}
    form = NewProspectForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        person = {name: data[name] for name in ("phone", "name", "kind")}
        try:
            made = actions.create_prospect(
                actor=Actor.of(request.user),
                person=person,
                channel=data["channel"],
                series=data["series"],
                wish=data["wish"],
            )
        except Invalid as refusal:
            show(refusal, form, {"surname": "name", "company_name": "name"})
        except Conflict as refusal:
            form.add_error("phone", str(refusal.message))
        else:
            messages.success(request, _("Entered. Write down what was said."))
            return redirect("sales:prospect", made.pk)
    return render(request, "sales/new_prospect.html", {"form": form}, status=status_of(form))


@requires(Right.SALES_READ)
@require_safe
def prospect(request: HttpRequest, id: str) -> HttpResponseBase:
    """One prospect: the next step, the eleven items, everything that happened."""
    return _prospect_page(request, queries.access_prospect_for_reading(id, request.user), LoseForm())


def _prospect_page(request: HttpRequest, found: Prospect, lose_form: LoseForm) -> HttpResponseBase:
    drives = list(found.test_drives.select_related("vehicle", "by")[:20])
    quotations = list(found.quotations.select_related("by")[:20])
    contracts = list(found.contracts.select_related("vehicle")[:10])
    follow_ups = list(found.follow_ups.select_related("by")[:30])
    may_work = request.user.has(Right.SALES_WORK)
    assign_form = None
    if request.user.has(Right.LEADS_WORK_ALL):
        assign_form = ConsultantForm(initial={"consultant": str(found.consultant_id)})
    today = derive.today()
    context = {
        "prospect": found,
        "customer": found.customer,
        "today": today,
        "overdue": found.is_overdue(today),
        "step": next_step(found, drives, quotations, contracts, request.user, today),
        "steps": steps_of(found),
        "known": len(Item) - len(found.missing),
        "items": len(Item),
        "missing": [Item(value).label for value in found.missing if value in Item.values],
        "timeline": _timeline(follow_ups, drives),
        "drives": drives,
        "quotations": quotations,
        "contracts": contracts,
        "may_work": may_work,
        "lose_form": lose_form,
        "assign_form": assign_form,
    }
    return render(request, "sales/prospect.html", context, status=status_of(lose_form))


def _timeline(follow_ups: list[Any], drives: list[TestDrive]) -> list[dict[str, Any]]:
    lines = [
        {
            "icon": "phone-call",
            "title": f"{one.get_channel_display()} · {one.get_result_display()}",
            "text": "\n".join(part for part in (one.note, one.next_plan) if part),
            "at": one.at,
            "who": one.by.name if one.by else "",
            "tone": "primary",
        }
        for one in follow_ups
    ]
    lines += [
        {
            "icon": "car-front",
            "title": f"{_('Test drive')} · {drive.get_state_display()}",
            "text": "\n".join(part for part in (drive.title, drive.note) if part),
            "at": drive.driven_at or drive.scheduled_at,
            "who": drive.by.name if drive.by else "",
            "tone": "success" if drive.state == TestDriveState.DONE else "info",
            "url": reverse("sales:test_drive", args=[drive.pk]),
        }
        for drive in drives
    ]
    return sorted(lines, key=lambda line: line["at"], reverse=True)


@requires(Right.SALES_WORK)
@page
def edit(request: HttpRequest, id: str) -> HttpResponseBase:
    """The eleven items and the wish."""
    found = queries.access_prospect_for_working(id, request.user)
    form = ProspectForm(found, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            actions.update_prospect(actor=Actor.of(request.user), prospect_id=found.pk, **form.learnt())
        except Invalid as refusal:
            show(refusal, form)
        else:
            messages.success(request, _("Saved."))
            return redirect("sales:prospect", found.pk)
    return render(request, "sales/prospect_form.html", {"form": form, "prospect": found}, status=status_of(form))


@requires(Right.SALES_WORK)
@page
def follow_up(request: HttpRequest, id: str) -> HttpResponseBase:
    """Write down a contact: by, result, next day, save."""
    found = queries.access_prospect_for_working(id, request.user)
    form = FollowUpForm(found, request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        next_on, plan = form.planned()
        try:
            made = actions.record_follow_up(
                actor=Actor.of(request.user),
                prospect_id=found.pk,
                channel=data["by"],
                result=data["result"],
                note=data["note"],
                next_on=next_on,
                next_plan=plan,
                **form.learnt(),
            )
        except Invalid as refusal:
            show(refusal, form, {"channel": "by", "source": "channel"})
        except Conflict as refusal:
            messages.error(request, str(refusal.message))
            return redirect("sales:prospect", found.pk)
        else:
            if made.next_on:
                messages.success(request, _("Saved. Next contact: %(day)s.") % {"day": made.next_on.isoformat()})
            else:
                messages.success(request, _("Saved. The prospect is closed."))
            return redirect("sales:prospect", found.pk)
    context = {"form": form, "prospect": found, "customer": found.customer}
    return render(request, "sales/follow_up.html", context, status=status_of(form))


@requires(Right.SALES_WORK)
@require_POST
def lose(request: HttpRequest, id: str) -> HttpResponseBase:
    """Close a prospect who does not buy."""
    found = queries.access_prospect_for_working(id, request.user)
    form = LoseForm(request.POST)
    if form.is_valid():
        try:
            actions.lose_prospect(actor=Actor.of(request.user), prospect_id=found.pk, **form.cleaned_data)
        except Conflict as refusal:
            messages.error(request, str(refusal.message))
        else:
            messages.success(request, _("Closed."))
        return redirect("sales:prospect", found.pk)
    return _prospect_page(request, found, form)


@requires(Right.SALES_WORK)
@require_POST
def reopen(request: HttpRequest, id: str) -> HttpResponseBase:
    """Take somebody up again who was lost."""
    found = queries.access_prospect_for_working(id, request.user)
    try:
        actions.reopen_prospect(actor=Actor.of(request.user), prospect_id=found.pk)
    except Conflict as refusal:
        messages.error(request, str(refusal.message))
    return redirect("sales:prospect", found.pk)


@requires(Right.LEADS_WORK_ALL)
@require_POST
def assign(request: HttpRequest, id: str) -> HttpResponseBase:
    """Hand a prospect over to another consultant."""
    found = queries.access_prospect_for_assigning(id, request.user)
    form = ConsultantForm(request.POST)
    if form.is_valid():
        try:
            actions.assign_prospect(
                actor=Actor.of(request.user), prospect_id=found.pk, consultant_id=form.cleaned_data["consultant"]
            )
            messages.success(request, _("Saved."))
        except Invalid as refusal:
            messages.error(request, str(refusal))
    else:
        messages.error(request, _("Choose one of the sales consultants."))
    return redirect("sales:prospect", found.pk)


# -- test drives -------------------------------------------------------------------------------------


class TestDriveList(AuditedExport, ListPage):
    """Test drives, the latest first."""

    title = gettext_lazy("Test drives")
    columns = [
        Column("customer", gettext_lazy("Name"), value="prospect.customer.name", phone="title"),
        Column("title", gettext_lazy("Car"), phone="subtitle"),
        Column("state", gettext_lazy("State"), kind="state", sort="state", phone="badge"),
        Column("scheduled_at", gettext_lazy("Time"), kind="datetime", sort="scheduled_at"),
        Column("by", gettext_lazy("Consultant"), sort="by__name"),
        Column("result", gettext_lazy("Impression")),
        Column("phone", gettext_lazy("Phone"), value="prospect.customer.phone", kind="phone", phone="call"),
    ]
    filters = [
        Search(fields=("prospect__customer__name", "car"), placeholder=gettext_lazy("Name or car")),
        Choice("state", gettext_lazy("State"), choices=TestDriveState),
        DateRange("scheduled_at", gettext_lazy("Time")),
    ]
    ordering = ("-scheduled_at", "id")
    export_right = Right.CUSTOMERS_EXPORT
    export_name = "test-drives"
    empty_icon = "car-front"
    empty_title = gettext_lazy("No test drives yet")
    empty_text = gettext_lazy("Book one on the page of a prospect.")

    def get_queryset(self) -> Any:
        return queries.visible_test_drives(self.request.user)

    def row_url(self, row: TestDrive) -> str:
        return reverse("sales:test_drive", args=[row.pk])


test_drives = requires(Right.SALES_READ)(TestDriveList.as_view())


@requires(Right.SALES_WORK)
@page
def book_test_drive(request: HttpRequest, id: str) -> HttpResponseBase:
    """Book a test drive for a prospect."""
    found = queries.access_prospect_for_working(id, request.user)
    form = TestDriveForm(found, request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        vehicle_id = data.pop("vehicle") or None
        try:
            actions.book_test_drive(actor=Actor.of(request.user), prospect_id=found.pk, vehicle_id=vehicle_id, **data)
        except Invalid as refusal:
            show(refusal, form)
        except Conflict as refusal:
            form.add_error("vehicle" if refusal.code.startswith("vehicle") else None, str(refusal.message))
        else:
            messages.success(request, _("The test drive is booked."))
            return redirect("sales:prospect", found.pk)
    context = {"form": form, "prospect": found, "customer": found.customer}
    return render(request, "sales/test_drive_form.html", context, status=status_of(form))


@requires(Right.SALES_READ)
@page
def test_drive(request: HttpRequest, id: str) -> HttpResponseBase:
    """One test drive; while it is booked, the form to complete it."""
    found, form = _test_drive_of(request, id)
    if request.method == "POST":
        found = queries.access_test_drive_for_working(id, request.user)
        if form.is_valid():
            try:
                actions.complete_test_drive(actor=Actor.of(request.user), test_drive_id=found.pk, **form.cleaned_data)
            except Invalid as refusal:
                show(refusal, form)
            except Conflict as refusal:
                messages.error(request, str(refusal.message))
                return redirect("sales:test_drive", found.pk)
            else:
                messages.success(request, _("Saved. Make a quotation while the impression is fresh."))
                return redirect("sales:prospect", found.prospect_id)
    context = {
        "drive": found,
        "prospect": found.prospect,
        "customer": found.prospect.customer,
        "form": form,
        "may_work": request.user.has(Right.SALES_WORK) and found.state == TestDriveState.BOOKED,
        "ends_at": found.scheduled_at + timedelta(minutes=found.minutes),
    }
    return render(request, "sales/test_drive.html", context, status=status_of(form))


def _test_drive_of(request: HttpRequest, id: str) -> tuple[TestDrive, TestDriveDoneForm]:
    found = queries.access_test_drive_for_reading(id, request.user)
    return found, TestDriveDoneForm(request.POST or None, initial={"route": found.route})


@requires(Right.SALES_WORK)
@require_POST
def cancel_test_drive(request: HttpRequest, id: str) -> HttpResponseBase:
    """The drive does not take place, or the customer did not come."""
    found = queries.access_test_drive_for_working(id, request.user)
    try:
        actions.cancel_test_drive(
            actor=Actor.of(request.user), test_drive_id=found.pk, no_show=request.POST.get("why") == "no_show"
        )
        messages.success(request, _("Saved."))
    except Conflict as refusal:
        messages.error(request, str(refusal.message))
    return redirect("sales:prospect", found.prospect_id)
