"""Pages of the lead hub: the list, the desk's worklist, a lead with its explanation, and the desk's decisions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from kernel import audit
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.automotive.channel import Channel, channel_name
from kernel.errors import Conflict, Invalid, Missing
from kernel.reference.queries import brand_choices, car_name
from kernel.ui.lists import Bound, Choice, Column, DateRange, ListPage, Search, Toggle
from kernel.ui.templatetags import ui
from oem.leads import actions, desk, explain, queries, words
from oem.leads.adf import Issue
from oem.leads.adf.decode import decode
from oem.leads.forms import AssignForm, CloseForm, LeadForm, NewLeadForm, options
from oem.leads.models import ENDED, TRANSITIONS, WORKED, Door, Lead, LeadState, Offer, RawBytes
from oem.network.queries import dealership_choices, dealership_names

page = require_http_methods(["GET", "HEAD", "POST"])
NO_CAR = gettext_lazy("No car named")
NO_NAME = gettext_lazy("No name")
#: A lead with one of these states has not been given to anybody, so the desk may still complete it.
UNPLACED = (LeadState.RECEIVED, LeadState.NEEDS_REVIEW, LeadState.ROUTED)
WITH_DEALERSHIP = (LeadState.OFFERED, *WORKED)


def car_of(lead: Lead) -> str:
    """The car wished, in words."""
    return car_name(brand=lead.brand, series=lead.series, model=lead.model) or str(NO_CAR)


def _post_button(request: HttpRequest, step: desk.Step) -> SafeString:
    """The button of a step: a form for what is done at once, a link for what opens a form."""
    if not step.post:
        return format_html('<a class="btn btn-primary" href="{}">{}{}</a>', step.url, ui.icon(step.icon), step.label)
    return format_html(
        '<form method="post" action="{}"><input type="hidden" name="csrfmiddlewaretoken" value="{}">'
        '<button class="btn btn-primary">{}{}</button></form>',
        step.url,
        get_token(request),
        ui.icon(step.icon),
        step.label,
    )


# -- lists -----------------------------------------------------------------------------------------------------


class LeadSearch(Search):
    """One box: name, telephone number, e-mail address or number of the lead."""

    def bind(self, params: Any) -> Bound:
        bound = super().bind(params)
        if bound.value:
            bound.q = queries.text_condition(bound.value)
        return bound


class Leads(ListPage):
    """All leads, newest first."""

    title = gettext_lazy("Leads")
    ordering = ("-received_at", "-number")
    export_right = Right.LEADS_WORK_ALL
    export_name = "leads"
    empty_title = gettext_lazy("No lead has arrived yet")
    empty_text = gettext_lazy("Leads come from websites through the interface, or are entered here by hand.")

    @cached_property
    def names(self) -> dict[UUID, str]:
        return dealership_names()

    def get_queryset(self) -> Any:
        return queries.leads_for(self.request.user).defer("issues", "wish_text")

    def row_url(self, row: Lead) -> str:
        return reverse("leads:lead", args=[row.id])

    @property
    def actions(self) -> list[dict[str, Any]]:
        if not self.request.user.has(Right.LEADS_ROUTE):
            return []
        return [{"label": _("New lead"), "url": reverse("leads:new"), "icon": "plus"}]

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        for first in self.actions:
            self.empty_action, self.empty_url = first["label"], first["url"]

    def get_columns(self) -> list[Column]:
        return [
            Column("number", _("Number"), value=_hash, sort="number", export=_number, phone="hide"),
            Column("car", _("Car"), value=car_of, phone="title"),
            Column("name", _("Name"), sort="name", phone="subtitle", empty=str(NO_NAME), nowrap=True),
            Column("state", _("State"), kind="state", sort="state", phone="badge"),
            Column("came", _("Received"), value=_came, kind="html", sort=("received_at", "number"), unlabelled=True),
            Column("dealership", _("Dealership"), value=self._holder, empty="", unlabelled=True),
            Column("channel", _("Channel"), value=lambda lead: channel_name(lead.channel), export_only=True),
            Column("received_at", _("Received"), kind="datetime", export_only=True),
            Column("respond_before", _("Answer due"), kind="datetime", export_only=True),
            Column("first_response_seconds", _("First response"), kind="duration", export_only=True),
            Column("source", _("Source"), export_only=True),
            Column("email", _("E-mail"), export_only=True),
            Column("place", _("Place"), value=_place, export_only=True),
            Column("phone", _("Phone"), value=_call, kind="html", export=_phone, phone="call", empty=""),
        ]

    def _holder(self, lead: Lead) -> str:
        return self.names.get(lead.dealership, "") if lead.dealership else ""

    def get_filters(self) -> list[Any]:
        return [
            LeadSearch(fields=("name", "phone", "email"), placeholder=_("Name, phone or number")),
            Choice("state", _("State"), choices=LeadState),
            Choice("dealership", _("Dealership"), choices=dealership_choices),
            Choice("channel", _("Channel"), choices=Channel),
            Choice("brand", _("Brand"), choices=brand_choices),
            DateRange("received_at", _("Received")),
            Toggle("desk", _("Waits for a person"), where=desk.waiting()),
        ]

    def on_export(self, form: str, rows: int) -> None:
        audit.record(
            actor=Actor.of(self.request.user),
            action="leads.export",
            obj=self.request.user,
            after={"format": form, "rows": rows, "filters": self.request.GET.urlencode()},
        )


def _hash(lead: Lead) -> str:
    return f"#{lead.number}"


def _number(lead: Lead) -> int:
    return lead.number


def _place(lead: Lead) -> str:
    return words.place_of(lead.province, lead.city, lead.district)


def _phone(lead: Lead) -> str:
    return lead.phone


def _came(lead: Lead) -> SafeString:
    """Channel and age in one line; while it is offered, also the time left."""
    left = ui.deadline(lead.respond_before) if lead.state == LeadState.OFFERED else ""
    return format_html(
        '{} · {} <span class="nowrap">{}</span>',
        channel_name(lead.channel) or "–",
        ui.moment(lead.received_at, "relative"),
        left,
    )


def _call(lead: Lead) -> SafeString | str:
    """A round button that dials."""
    if not lead.phone:
        return ""
    label = _("Call %(name)s %(number)s") % {"name": lead.name, "number": ui.phone_text(lead.phone)}
    return format_html(
        '<a class="call round" href="tel:{}" aria-label="{}" title="{}">{}</a>',
        ui.tel(lead.phone),
        label,
        ui.phone_text(lead.phone),
        ui.icon("phone"),
    )


def _why(lead: Lead) -> str:
    found = desk.why(lead)
    return str(found.label) if found else ""


class Desk(ListPage):
    """What a person must do now, whoever waits longest first, each with its one next step."""

    title = gettext_lazy("To decide")
    subtitle = gettext_lazy("Leads that only you can move on. The longest waiting come first.")
    ordering = ("received_at", "number")
    empty_icon = "circle-check"
    empty_title = gettext_lazy("Nothing waits for you")
    empty_text = gettext_lazy("Every lead is on its way to a dealership or with one.")

    def get_queryset(self) -> Any:
        return desk.leads_at_desk(self.request.user).defer("issues", "wish_text")

    def row_url(self, row: Lead) -> str:
        return reverse("leads:lead", args=[row.id])

    def row_actions(self, row: Lead) -> SafeString | str:
        step = desk.next_step(row)
        return _post_button(self.request, step) if step else ""

    def get_columns(self) -> list[Column]:
        return [
            Column("car", _("Car"), value=car_of, phone="title"),
            Column("name", _("Name"), phone="subtitle", empty=str(NO_NAME), nowrap=True),
            Column("why", _("What happened"), value=_why, unlabelled=True),
            Column("received_at", _("Waiting since"), kind="ago", sort=("received_at", "number")),
            Column("phone", _("Phone"), value=_call, kind="html", phone="call", empty=""),
        ]

    def get_filters(self) -> list[Any]:
        return [LeadSearch(fields=("name", "phone", "email"), placeholder=_("Name, phone or number"))]


# -- one lead --------------------------------------------------------------------------------------------------


@requires(Right.LEADS_READ)
@require_http_methods(["GET", "HEAD"])
def lead(request: HttpRequest, lead_id: UUID) -> HttpResponseBase:
    """A lead: wish and contact, why it went where it went, who holds it until when, and what happened."""
    found = queries.access_lead_for_reading(lead_id, request.user)
    names = dealership_names()
    decision, earlier = explain.latest(found)
    events = list(found.events.all())
    vars(found).update(why_code=next((event.reason for event in reversed(events) if event.code == "needs_review"), ""))
    routable = request.user.has(Right.LEADS_ROUTE)
    return render(
        request,
        "leads/lead.html",
        {
            "lead": found,
            "car": car_of(found),
            "crumbs": [(_("Leads"), reverse("leads:leads"))],
            "wish": _wish_facts(found),
            "contact": _contact_facts(found),
            "lines": [_line_row(line) for line in found.lines.all()],
            "issues": [Issue.from_json(issue) for issue in found.issues],
            "routing": explain.explain(decision, names) if decision else None,
            "earlier": [
                (one, names.get(one.chosen) if one.chosen else None, words.word(words.CHOICES, one.reason))
                for one in earlier
            ],
            "offers": [_offer_row(offer, names) for offer in found.offers.all()],
            "holder": names.get(found.dealership) if found.dealership and found.state in WITH_DEALERSHIP else "",
            "timeline": [_event_row(event, names) for event in events],
            "duplicates": list(found.duplicates.all()[:20]),
            "same_number": [(one, car_of(one)) for one in queries.same_number(found)],
            "why": desk.why(found),
            "step": desk.next_step(found) if routable else None,
            "may": _may(found) if routable else {},
        },
    )


def _may(found: Lead) -> dict[str, bool]:
    """Which of the desk's decisions are open for a lead, by name of the page."""
    return {
        "route": found.state in (*UNPLACED, LeadState.DUPLICATE, LeadState.CLOSED),
        "complete": found.state in UNPLACED,
        "assign": found.state not in ENDED or found.state in (LeadState.DUPLICATE, LeadState.CLOSED),
        "reassign": found.state in WITH_DEALERSHIP,
        "close": LeadState.CLOSED in TRANSITIONS[found.state],
    }


def _wish_facts(found: Lead) -> list[tuple[Any, Any]]:
    window = ""
    if found.window_from or found.window_to:
        window = f"{ui.local_text(found.window_from, 'date')} – {ui.local_text(found.window_to, 'date')}"
    facts = [
        (_("Wants to"), words.interest_name(found.interest)),
        (_("Wish"), found.wish_text),
        (_("Budget"), ui.money(found.budget, found.budget_currency) if found.budget is not None else ""),
        (_("Buys"), window),
        (_("Dealership named"), found.vendor_name),
        (_("Channel"), channel_name(found.channel)),
        (_("Source"), found.source),
        (_("Collected"), ui.moment(found.collected_at)),
        (_("Basis of consent"), " ".join(filter(None, [found.consent_basis, found.consent_text_version]))),
    ]
    return [fact for fact in facts if fact[1]]


def _contact_facts(found: Lead) -> list[tuple[Any, Any]]:
    facts = [
        (_("Name"), found.name),
        (_("Phone"), ui.phone_text(found.phone)),
        (_("E-mail"), found.email),
        (_("When to call"), found.preferred_time),
        (_("Place"), _place(found)),
    ]
    return [fact for fact in facts if fact[1]]


def _line_row(line: Any) -> list[Any]:
    car = car_name(brand=line.brand, series=line.series, model=line.model, variant=line.variant)
    more = [str(line.year or ""), line.colour, line.stock_number]
    return [
        words.interest_name(line.interest),
        " · ".join(filter(None, [car, *more])) or "–",
        ui.vin(line.vin) if len(line.vin) > 6 else line.vin or "–",
        _("%(n)s km") % {"n": ui.number(line.odometer_km)} if line.odometer_km is not None else "–",
        ui.money(line.price, line.currency),
    ]


def _offer_row(offer: Offer, names: dict[UUID, str]) -> dict[str, Any]:
    reason = words.word(words.REASONS, offer.reason) if offer.reason else ""
    return {
        "offer": offer,
        "name": names.get(offer.dealership, ""),
        "reason": ": ".join(filter(None, [reason, offer.reason_text])),
        "open": offer.state == "open",
    }


def _event_row(event: Any, names: dict[UUID, str]) -> dict[str, Any]:
    look = words.EVENTS.get(event.code, words.UNKNOWN_EVENT)
    reason = words.word(words.REASONS, event.reason) if event.reason else ""
    return {
        "icon": look.icon,
        "tone": look.tone,
        "title": str(look.title) % {"dealership": names.get(event.dealership, _("The dealership"))},
        "text": "\n".join(filter(None, [reason, event.text])),
        "at": event.at,
        "who": event.by,
    }


@requires(Right.LEADS_READ)
@require_http_methods(["GET", "HEAD"])
def original(request: HttpRequest, lead_id: UUID) -> HttpResponseBase:
    """The document as it came, as text; with `?download` its very bytes."""
    found = queries.access_lead_for_reading(lead_id, request.user)
    raw = RawBytes.objects.filter(intake=found.intake_id).first()
    data = bytes(raw.data) if raw else b""
    if raw is not None and "download" in request.GET:
        # Never shown by the browser: what came from outside could be anything.
        return HttpResponse(
            data,
            content_type="application/octet-stream",
            headers={"Content-Disposition": f'attachment; filename="lead-{found.number}.bin"'},
        )
    context = {
        "lead": found,
        "intake": found.intake,
        "kept": raw is not None,
        "text": decode(data, found.intake.content_type).text,
        "issues": [Issue.from_json(issue) for issue in found.intake.issues],
        "crumbs": [(_("Leads"), reverse("leads:leads")), (f"#{found.number}", reverse("leads:lead", args=[found.id]))],
    }
    return render(request, "leads/original.html", context)


# -- the desk's decisions --------------------------------------------------------------------------------------


def _done(request: HttpRequest, form: BaseForm, act: Callable[..., Any]) -> Any:
    """Run an action with a valid form's data; None when the form or the action refuses (the form then says why)."""
    if request.method != "POST" or not form.is_valid():
        return None
    try:
        return act(**form.cleaned_data) or True
    except Invalid as problem:
        problem.add_to(form)
    except Conflict as problem:
        form.add_error(None, str(problem))
    return None


def _form_page(request: HttpRequest, form: BaseForm, lead: Lead | None, **context: Any) -> HttpResponseBase:
    crumbs = [(_("Leads"), reverse("leads:leads"))]
    if lead is not None:
        crumbs.append((f"#{lead.number}", reverse("leads:lead", args=[lead.id])))
        context["cancel"] = reverse("leads:lead", args=[lead.id])
    context = {"form": form, "lead": lead, "crumbs": crumbs, "cancel": reverse("leads:leads"), **context}
    return render(request, "leads/form.html", context, status=422 if form.is_bound and form.errors else 200)


def _say_where_it_went(request: HttpRequest, lead: Lead) -> None:
    if lead.state == LeadState.OFFERED:
        name = dealership_names().get(lead.dealership, "") if lead.dealership else ""
        messages.success(request, _("Lead #%(n)s was offered to %(name)s.") % {"n": lead.number, "name": name})
    elif lead.state == LeadState.NEEDS_REVIEW:
        messages.warning(request, _("No dealership was found for lead #%(n)s. Choose one.") % {"n": lead.number})
    else:
        messages.success(request, _("Lead #%(n)s was saved.") % {"n": lead.number})


@requires(Right.LEADS_ROUTE)
@page
def new(request: HttpRequest) -> HttpResponseBase:
    """Enter a lead that somebody told the desk."""
    form = NewLeadForm(request.POST or None)
    actor = Actor.of(request.user)

    def enter(**given: Any) -> Any:
        return actions.take_in_lead(given=given, door=Door.DESK, source=actor.name, actor=actor)

    entered = _done(request, form, enter)
    if entered:
        (lead,) = entered[1]
        messages.success(request, _("Lead #%(n)s was entered and is being routed.") % {"n": lead.number})
        return redirect("leads:lead", lead.id)
    return _form_page(request, form, None, heading=_("New lead"), submit=_("Save and route"))


@requires(Right.LEADS_ROUTE)
@require_GET
def select_options(request: HttpRequest, kind: str) -> HttpResponseBase:
    """The options of a select that follows from others."""
    found = options(kind, request.GET.dict())
    if found is None:
        raise Missing()
    return render(request, "leads/_options.html", {"options": found})


@requires(Right.LEADS_ROUTE)
@page
def complete(request: HttpRequest, lead_id: UUID) -> HttpResponseBase:
    """Fill in what could not be read, and let the rules route it."""
    found = queries.access_lead_for_routing(lead_id, request.user)
    actor = Actor.of(request.user)
    form = LeadForm(request.POST or None, lead=found)

    def save(**given: Any) -> Lead:
        actions.complete_lead(lead_id=found.id, given=given, actor=actor)
        return actions.route_by_hand(lead_id=found.id, dealership=None, actor=actor)

    routed = _done(request, form, save)
    if routed:
        _say_where_it_went(request, routed)
        return redirect("leads:lead", found.id)
    if found.state not in UNPLACED and request.method != "POST":
        messages.error(request, _("This lead is with a dealership and is kept there."))
        return redirect("leads:lead", found.id)
    return _form_page(
        request, form, found, heading=_("Read and complete"), submit=_("Save and route"), original=_text_of(found)
    )


def _text_of(found: Lead) -> str:
    raw = RawBytes.objects.filter(intake=found.intake_id).select_related("intake").first()
    if raw is None or raw.intake.door != Door.ADF:
        return ""
    return decode(bytes(raw.data), raw.intake.content_type).text


@requires(Right.LEADS_ROUTE)
@require_POST
def route(request: HttpRequest, lead_id: UUID) -> HttpResponseBase:
    """Let the rules choose."""
    found = queries.access_lead_for_routing(lead_id, request.user)
    try:
        routed = actions.route_by_hand(lead_id=found.id, dealership=None, actor=Actor.of(request.user))
    except Conflict as problem:
        messages.error(request, str(problem))
    else:
        _say_where_it_went(request, routed)
    return redirect("leads:lead", found.id)


@requires(Right.LEADS_ROUTE)
@page
def assign(request: HttpRequest, lead_id: UUID) -> HttpResponseBase:
    """Give a lead to a dealership of one's choice; one that another holds is taken back from it."""
    found = queries.access_lead_for_routing(lead_id, request.user)
    held = found.state in WITH_DEALERSHIP
    actor = Actor.of(request.user)
    form = AssignForm(request.POST or None, lead=found, reason_required=held, holder=found.dealership if held else None)

    def give(dealership: UUID, reason: str) -> Lead:
        if held:
            return actions.reassign(lead_id=found.id, dealership=dealership, reason=reason, actor=actor)
        return actions.route_by_hand(lead_id=found.id, dealership=dealership, reason=reason, actor=actor)

    given = _done(request, form, give)
    if given:
        _say_where_it_went(request, given)
        return redirect("leads:lead", found.id)
    warning = ""
    if held:
        name = dealership_names().get(found.dealership, "") if found.dealership else ""
        warning = _("%(name)s holds this lead. It is taken back at once, and the customer's data there is blanked.")
        warning %= {"name": name}
    return _form_page(
        request,
        form,
        found,
        heading=_("Give it to another dealership") if held else _("Choose a dealership"),
        submit=_("Offer"),
        warning=warning,
    )


@requires(Right.LEADS_ROUTE)
@page
def close(request: HttpRequest, lead_id: UUID) -> HttpResponseBase:
    """End a lead at the desk."""
    found = queries.access_lead_for_routing(lead_id, request.user)
    form = CloseForm(request.POST or None)
    actor = Actor.of(request.user)
    closed = _done(request, form, lambda reason: actions.close_lead(lead_id=found.id, reason=reason, actor=actor))
    if closed:
        messages.success(request, _("Lead #%(n)s was closed.") % {"n": found.number})
        return redirect("leads:lead", found.id)
    return _form_page(request, form, found, heading=_("Close this lead"), submit=_("Close"))


leads = requires(Right.LEADS_READ)(Leads.as_view())
worklist = requires(Right.LEADS_ROUTE)(Desk.as_view())
