"""Leads of the manufacturer: the list, one lead, one tap to accept."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_POST, require_safe

from dealer.sales import actions, basis, queries
from dealer.sales.forms import ConsultantForm, DeclineForm
from dealer.sales.models import Lead, LeadState
from dealer.sales.views.common import AuditedExport, status_of
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.automotive.channel import Channel
from kernel.contracts import LeadEvent
from kernel.errors import Conflict, Invalid
from kernel.reference.queries import brand_choices, car_name, series_choices
from kernel.ui.lists import Choice, Column, DateRange, ListPage, Search, Toggle

WORK = (Right.LEADS_WORK_OWN, Right.LEADS_WORK_ALL)
#: What a milestone is called; the words of the states are those of the events.
EVENT_LABELS = {str(state): state.label for state in LeadState}


def who(lead: Lead) -> str:
    """The name as far as it may be read, "" for a stub."""
    person = getattr(lead, "prospect", None)
    return person.customer.name if person is not None and not lead.is_offered else lead.masked_name


def phone(lead: Lead) -> str:
    """The number to call, once the lead is ours."""
    person = getattr(lead, "prospect", None)
    return person.customer.phone if person is not None and not lead.is_offered else ""


#: What is wanted with a car (ADF 1.0, `vehicle/@interest`).
INTERESTS = {
    "buy": gettext_lazy("Buy"),
    "test-drive": gettext_lazy("Test drive"),
    "lease": gettext_lazy("Lease"),
    "trade-in": gettext_lazy("Trade in"),
    "sell": gettext_lazy("Sell"),
}


def line_words(line: dict[str, Any]) -> str:
    """A car that was spoken of, in a line of words; what is no code of the catalogue stands as it came."""
    interest = line.get("interest") or ""
    codes = {name: str(line.get(name) or "") for name in ("brand", "series", "model", "variant")}
    parts = (INTERESTS.get(interest, interest), car_name(**codes), line.get("year"), line.get("comment"))
    return " · ".join(str(part) for part in parts if part)


class LeadList(AuditedExport, ListPage):
    """Leads: those that wait for an answer, by who must be answered first; then the others, the newest first."""

    title = gettext_lazy("Leads")
    subtitle = gettext_lazy("Enquiries that the manufacturer offers to us")
    row_template_name = "sales/_lead_row.html"
    columns = [
        Column("car", gettext_lazy("Car")),
        Column("who", gettext_lazy("Name"), value=who),
        Column("phone", gettext_lazy("Phone"), value=phone),
        Column("state", gettext_lazy("State"), kind="state", sort="state"),
        Column("channel", gettext_lazy("Channel"), value="channel_label", sort="channel"),
        Column("source", gettext_lazy("Source")),
        Column("place", gettext_lazy("Place")),
        Column("offered_at", pgettext_lazy("time", "Offered"), kind="datetime", sort="offered_at"),
        Column("respond_before", gettext_lazy("Answer before"), kind="datetime", sort="respond_before"),
        Column("consultant", gettext_lazy("Consultant"), sort="consultant__name"),
    ]
    filters = [
        Search(
            fields=("masked_name", "prospect__customer__name", "prospect__customer__phone", "wish"),
            placeholder=gettext_lazy("Name, phone or wish"),
        ),
        Choice("state", gettext_lazy("State"), choices=LeadState),
        Choice("channel", gettext_lazy("Channel"), choices=Channel),
        Choice("brand", gettext_lazy("Brand"), choices=brand_choices),
        Choice("series", gettext_lazy("Series"), choices=series_choices),
        DateRange("offered_at", pgettext_lazy("time", "Offered")),
    ]
    ordering = ("answer_by", "-offered_at", "id")
    export_right = Right.CUSTOMERS_EXPORT
    export_name = "leads"
    empty_title = gettext_lazy("No leads yet")
    empty_text = gettext_lazy("New ones appear here by themselves.")

    def get_queryset(self) -> Any:
        return queries.with_open(queries.visible_leads(self.request.user))

    def get_filters(self) -> Any:
        return [*self.filters, Toggle("mine", _("Only mine"), where=queries.mine(self.request.user))]

    def row_url(self, row: Lead) -> str:
        return reverse("sales:lead", args=[row.pk])

    def extra_context(self) -> dict[str, Any]:
        return {"may_answer": any(self.request.user.has(right) for right in WORK)}


listing = requires(Right.LEADS_READ)(LeadList.as_view())


@requires(Right.LEADS_READ)
@require_safe
def lead(request: HttpRequest, id: str) -> HttpResponseBase:
    """One lead: what is wished and what to do next."""
    return _lead_page(request, queries.access_lead_for_reading(id, request.user), DeclineForm())


def _lead_page(request: HttpRequest, found: Lead, decline_form: DeclineForm) -> HttpResponseBase:
    events = [
        {
            "icon": "check",
            "title": EVENT_LABELS.get(milestone.event, milestone.event),
            "at": milestone.at,
            "who": milestone.by_name,
            "tone": "success" if milestone.event == LeadEvent.WON else "primary",
        }
        for milestone in found.milestones.all()
    ]
    events.insert(0, {"icon": "inbox", "title": _("Offered to us"), "at": found.offered_at, "tone": "info"})
    person = None if found.is_offered else getattr(found, "prospect", None)
    may_work = any(request.user.has(right) for right in WORK)
    assign_form = None
    if request.user.has(Right.LEADS_WORK_ALL) and (found.is_offered or found.is_worked):
        assign_form = ConsultantForm(initial={"consultant": str(found.consultant_id)})
    context = {
        "lead": found,
        "basis": basis.of(found),
        "who": who(found) or _("No name left"),
        "phone": phone(found),
        "prospect": person,
        "open": found.is_offered and queries.is_open_offer(found),
        "may_work": may_work,
        "may_see_prospect": person is not None and request.user.has(Right.SALES_READ),
        "lines": [line_words(line) for line in found.lines],
        "events": events,
        "candidates": _candidates(found),
        "decline_form": decline_form,
        "assign_form": assign_form,
    }
    return render(request, "sales/lead.html", context, status=status_of(decline_form))


def _candidates(found: Lead) -> list[list[Any]]:
    """Rows that explain why this consultant got the lead."""
    kept = found.assignment or {}
    rows = [[one["name"], one["open"], one["id"] == kept.get("chosen")] for one in kept.get("candidates", [])]
    return [[name, number, _("Chosen") if chosen else ""] for name, number, chosen in rows]


@requires(*WORK)
@require_POST
def accept(request: HttpRequest, id: str) -> HttpResponseBase:
    """Accept in one tap; twice is as once. Too late or taken: back to the lead, with the reason."""
    found = queries.access_lead_for_answering(id, request.user)
    try:
        done = actions.accept_lead(actor=Actor.of(request.user), lead_id=found.pk)
    except Conflict as refusal:
        messages.error(request, str(refusal.message))
        return redirect("sales:leads")
    if done.linked:
        said = _("The lead is yours. %(name)s is known here already: the two are linked.")
        messages.success(request, said % {"name": done.customer.name})
    else:
        messages.success(request, _("The lead is yours. Call now: who answers first, wins."))
    if queries.visible_prospects(request.user).filter(pk=done.prospect.pk).exists():
        return redirect("sales:prospect", done.prospect.pk)
    return redirect("sales:leads")


@requires(*WORK)
@require_POST
def decline(request: HttpRequest, id: str) -> HttpResponseBase:
    """Give an offer back with a reason."""
    found = queries.access_lead_for_answering(id, request.user)
    form = DeclineForm(request.POST)
    if form.is_valid():
        try:
            actions.decline_lead(actor=Actor.of(request.user), lead_id=found.pk, **form.cleaned_data)
        except Invalid as refusal:
            refusal.add_to(form)
        except Conflict as refusal:
            messages.error(request, str(refusal.message))
            return redirect("sales:leads")
        else:
            messages.success(request, _("Declined. The manufacturer offers the lead to somebody else."))
            return redirect("sales:leads")
    return _lead_page(request, queries.access_lead_for_reading(found.pk, request.user), form)


@requires(Right.LEADS_WORK_ALL)
@require_POST
def assign(request: HttpRequest, id: str) -> HttpResponseBase:
    """Give a lead to another consultant."""
    found = queries.access_lead_for_assigning(id, request.user)
    form = ConsultantForm(request.POST)
    if form.is_valid():
        try:
            actions.assign_lead(
                actor=Actor.of(request.user), lead_id=found.pk, consultant_id=form.cleaned_data["consultant"]
            )
            messages.success(request, _("Saved."))
        except (Invalid, Conflict) as refusal:
            messages.error(request, str(refusal))
    else:
        messages.error(request, _("Choose one of the sales consultants."))
    return redirect("sales:lead", found.pk)
