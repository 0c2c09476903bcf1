"""Pages of after-sales on the portal: claims to decide, all claims, service visits."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy
from django.views.decorators.http import require_POST, require_safe

from kernel import audit
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.automotive.warranty import ClaimReason
from kernel.contracts import ClaimOutcome, Level
from kernel.errors import Conflict, Invalid
from kernel.ui import charts
from kernel.ui.lists import Bound, Choice, Column, DateRange, ListPage, Search
from oem.aftersales import actions, queries
from oem.aftersales.models import (
    Claim,
    ClaimLine,
    ClaimState,
    ClaimType,
    Decision,
    Kind,
    Outcome,
    ServiceVisit,
)
from oem.aftersales.rules import Suggestion
from oem.aftersales.words import not_shared, reason_label
from oem.network.queries import dealership_choices, dealership_names

_CLAIMS = requires(Right.CLAIMS_READ)
_DECIDE = requires(Right.CLAIMS_DECIDE)
_VISITS = requires(Right.SERVICE_READ)


# -- lists -----------------------------------------------------------------------------------------------------


class IndexedSearch(Search):
    """One box for what begins like it: numbers and VINs, each branch with an index."""

    def bind(self, params: Any) -> Bound:
        bound = super().bind(params)
        if bound.value:
            text = bound.value.replace(" ", "").upper()
            bound.q = Q()
            for name in self.fields:
                bound.q |= Q(**{f"{name}__startswith": text})
        return bound


class _Named(ListPage):
    """Lists whose rows name dealerships by id."""

    @cached_property
    def names(self) -> dict[UUID, str]:
        return dealership_names()

    def on_export(self, form: str, rows: int) -> None:
        audit.record(
            actor=Actor.of(self.request.user),
            action=f"aftersales.export_{self.export_name}",
            obj=self.request.user,
            after={"form": form, "rows": rows},
        )

    def dealership(self, row: Any) -> str:
        return self.names.get(row.dealership, "–")


class Claims(_Named):
    """All claims, the longest waiting first."""

    title = gettext_lazy("Warranty claims")
    template_name = "aftersales/claims.html"
    ordering = ("submitted_at", "id")
    export_right = Right.CLAIMS_READ
    export_name = "warranty-claims"
    empty_icon = "shield-check"
    empty_title = gettext_lazy("No claim has arrived yet")
    here = "all"

    def get_queryset(self) -> Any:
        return queries.visible_claims(self.request.user)

    def get_columns(self) -> Sequence[Column]:
        return [
            Column("number", _("Claim"), sort="number", phone="title"),
            Column("dealership", _("Dealership"), value=self.dealership, sort="dealership", phone="subtitle"),
            Column("vin", _("VIN"), kind="vin", sort="vin"),
            Column("state", _("State"), kind="state", sort="state", phone="badge"),
            Column("claim_type", _("Type"), value=_type_label, sort="claim_type"),
            Column("submitted_at", _("Waiting since"), kind="ago", sort="submitted_at"),
            Column("revision", _("Revision"), kind="number", sort="revision"),
            Column("fault_code", _("Fault code"), sort="fault_code"),
            Column("causal_part", _("Part that failed"), sort="causal_part"),
            Column("total", _("Asked"), kind="money", currency="currency", sort="total", total=True),
            Column(
                "approved_total", _("Approved"), kind="money", currency="currency", sort="approved_total", total=True
            ),
        ]

    def get_filters(self) -> Sequence[Any]:
        return [
            IndexedSearch(fields=("number", "vin"), placeholder=_("Claim or VIN")),
            Choice("state", _("State"), choices=ClaimState),
            Choice("dealership", _("Dealership"), choices=dealership_choices),
            Choice("claim_type", _("Type"), choices=ClaimType),
            DateRange("submitted_at", _("Submitted")),
        ]

    def row_url(self, row: Claim) -> str:
        return reverse("aftersales:claim", args=[row.pk])

    def extra_context(self) -> dict[str, Any]:
        counted = dict(
            queries.visible_claims(self.request.user)
            .order_by()
            .values_list("state")
            .annotate(n=Count("id"))
            .values_list("state", "n")
        )
        every = reverse("aftersales:claims")
        bars = [
            charts.Bar(state.label, counted[state], url=f"{every}?state={state.value}")
            for state in ClaimState
            if state in counted
        ]
        return {
            "tabs": [
                {
                    "label": _("To be decided"),
                    "url": reverse("aftersales:worklist"),
                    "current": self.here == "worklist",
                    "count": counted.get(ClaimState.SUBMITTED, 0),
                },
                {"label": _("All claims"), "url": every, "current": self.here == "all"},
            ],
            "chart": charts.horizontal_bars(_("Claims by state"), bars) if bars and self.here == "all" else "",
        }


class WorkList(Claims):
    """The claims that wait for an answer, the longest waiting first."""

    title = gettext_lazy("Claims to decide")
    here = "worklist"
    empty_icon = "circle-check"
    empty_title = gettext_lazy("No claim is waiting")
    empty_text = gettext_lazy("New ones appear here by themselves.")

    def get_queryset(self) -> Any:
        return queries.waiting_claims(self.request.user)

    def get_filters(self) -> Sequence[Any]:
        return [one for one in super().get_filters() if one.key != "state"]

    def get_columns(self) -> Sequence[Column]:
        return [one for one in super().get_columns() if one.key not in ("state", "approved_total")]


def _type_label(claim: Claim) -> str:
    return str(ClaimType(claim.claim_type).label) if claim.claim_type in ClaimType.values else claim.claim_type


class Visits(_Named):
    """Service visits as far as dealerships share them, newest first."""

    title = gettext_lazy("Service visits")
    subtitle = gettext_lazy("Only what dealerships share; no visit names a customer.")
    template_name = "aftersales/visits.html"
    ordering = ("-event_at", "id")
    export_right = Right.SERVICE_READ
    export_name = "service-visits"
    empty_icon = "wrench"
    empty_title = gettext_lazy("No visit has been shared yet")
    empty_text = gettext_lazy("Dealerships decide themselves whether they share their visits.")

    def get_queryset(self) -> Any:
        return queries.visible_visits(self.request.user).defer("jobs")

    def get_columns(self) -> Sequence[Column]:
        return [
            Column("dealership", _("Dealership"), value=self.dealership, sort="dealership", phone="title"),
            Column("vin", _("VIN"), kind="vin", sort="vin", phone="subtitle", empty=_("Not shared")),
            Column("kind", pgettext_lazy("visit", "Reason"), sort="kind", phone="badge"),
            Column("event_at", pgettext("time", "Closed"), kind="datetime", sort="event_at"),
            Column("odometer_km", _("Mileage (km)"), kind="number", sort="odometer_km"),
            Column("labour_total", _("Labour"), kind="money", currency="currency", sort="labour_total", total=True),
            Column("parts_total", _("Parts"), kind="money", currency="currency", sort="parts_total", total=True),
            Column("level", _("Shared"), sort="level"),
        ]

    def get_filters(self) -> Sequence[Any]:
        return [
            IndexedSearch(fields=("vin",), placeholder=_("VIN")),
            Choice("kind", pgettext_lazy("visit", "Reason"), choices=Kind),
            Choice("dealership", _("Dealership"), choices=dealership_choices),
            Choice(
                "level",
                _("Shared"),
                choices=[(Level.PSEUDONYMOUS.value, Level.PSEUDONYMOUS.label), (Level.FULL.value, Level.FULL.label)],
            ),
            DateRange("event_at", pgettext("time", "Closed")),
        ]

    def row_url(self, row: ServiceVisit) -> str:
        return reverse("aftersales:visit", args=[row.pk])

    def extra_context(self) -> dict[str, Any]:
        counted = dict(
            queries.visible_visits(self.request.user)
            .order_by()
            .values_list("kind")
            .annotate(n=Count("id"))
            .values_list("kind", "n")
        )
        here = reverse("aftersales:visits")
        bars = [charts.Bar(one.label, counted[one], url=f"{here}?kind={one.value}") for one in Kind if one in counted]
        return {"chart": charts.horizontal_bars(_("Visits by reason"), bars) if bars else ""}


worklist = _CLAIMS(WorkList.as_view())
claims = _CLAIMS(Claims.as_view())
visits = _VISITS(Visits.as_view())


# -- a visit ---------------------------------------------------------------------------------------------------


@_VISITS
@require_safe
def visit(request: HttpRequest, id: str) -> HttpResponseBase:
    """One visit; what was not shared says so, with the reason."""
    found = queries.access_visit_for_reading(id, request.user)
    context = {
        "visit": found,
        "dealership": dealership_names([found.dealership]).get(found.dealership, "–"),
        "withheld": set(found.withheld),
        "not_shared": not_shared(found.level),
        "jobs": found.jobs or [],
        "crumbs": [(_("Service visits"), reverse("aftersales:visits"))],
        "pseudonymous": found.level != Level.FULL,
    }
    return render(request, "aftersales/visit.html", context)


# -- a claim ---------------------------------------------------------------------------------------------------


@_CLAIMS
@require_safe
def claim(request: HttpRequest, id: str) -> HttpResponseBase:
    """One claim with what the rules say about each line, and the place to decide it."""
    return _claim_page(request, queries.access_claim_for_reading(id, request.user))


def _claim_page(
    request: HttpRequest,
    found: Claim,
    *,
    typed: dict[str, dict[str, str]] | None = None,
    errors: dict[str, list[str]] | None = None,
    status: int = 200,
) -> HttpResponseBase:
    lines = queries.lines_of(found)
    pack = queries.pack_for(found)
    suggestions = queries.suggestions_for(found, lines, pack)
    decisions = queries.decisions_of(found)
    current = next((one for one in decisions if one.revision == found.revision), None)
    car = queries.known_car(found.vin, found.delivery_date)
    may_decide = request.user.has(Right.CLAIMS_DECIDE) and found.state == ClaimState.SUBMITTED
    context = {
        "claim": found,
        "dealership": dealership_names([found.dealership]).get(found.dealership, "–"),
        "rows": [
            _line_row(found, place, line, suggestion, current, typed or {}, errors or {})
            for place, (line, suggestion) in enumerate(zip(lines, suggestions, strict=True))
        ],
        "errors": [text for field, texts in (errors or {}).items() if field.count(".") < 2 for text in texts],
        "pack": pack,
        "car": car,
        "may_decide": may_decide,
        "all_approved": all(one.outcome == ClaimOutcome.APPROVED for one in suggestions),
        "decision": current,
        "history": [_history(one) for one in decisions],
        "type": _type_label(found),
        "reasons": ClaimReason.choices,
        "outcomes": Outcome.choices,
        "withheld": set(found.withheld),
        "not_shared": not_shared(found.level),
        "crumbs": [(_("Warranty claims"), reverse("aftersales:worklist"))],
    }
    return render(request, "aftersales/claim.html", context, status=status)


def _line_row(
    claim: Claim,
    place: int,
    line: ClaimLine,
    suggestion: Suggestion,
    decision: Decision | None,
    typed: dict[str, dict[str, str]],
    errors: dict[str, list[str]],
) -> dict[str, Any]:
    key = str(line.line_id)
    answer = next((one for one in decision.lines.all() if one.line_id == line.line_id), None) if decision else None
    given = typed.get(key) or {
        "outcome": str(suggestion.outcome),
        "approved_amount": str(suggestion.amount) if suggestion.outcome == ClaimOutcome.PARTLY_APPROVED else "",
        "reason_code": str(suggestion.reasons[0]) if suggestion.reasons else "",
        "reason_text": "",
    }
    wrong = {field.rsplit(".", 1)[1]: texts for field, texts in errors.items() if field.startswith(f"lines.{place}.")}
    return {
        "line": line,
        "key": key,
        "causal": bool(line.code) and line.code == claim.causal_part,
        "suggestion": suggestion,
        "suggested": Outcome(suggestion.outcome).label,
        "why": [reason.label for reason in suggestion.reasons],
        "given": given,
        "wrong": wrong,
        "answer": answer,
        "answer_reason": reason_label(answer.reason_code) if answer else "",
    }


def _history(decision: Decision) -> dict[str, Any]:
    icons = {
        "approved": "circle-check",
        "partly_approved": "circle-check",
        "sent_back": "undo-2",
        "refused": "circle-x",
    }
    text = _("Revision %(n)s · rules %(rules)s") % {"n": decision.revision, "rules": decision.rule_version}
    label = ClaimState(decision.outcome).label
    return {
        "icon": icons[decision.outcome],
        "title": label,
        "text": text,
        "at": decision.decided_at,
        "who": decision.decided_by_name,
    }


@_DECIDE
@require_POST
def decide(request: HttpRequest, id: str) -> HttpResponseBase:
    """Answer a claim: approve all, take the suggestions, or as entered line by line; then on to the next one."""
    found = queries.access_claim_for_deciding(id, request.user)
    lines = queries.lines_of(found)
    revision = request.POST.get("revision", "")
    way = request.POST.get("way", "")
    typed: dict[str, dict[str, str]] = {}
    if way == "approve_all":
        answers: list[dict[str, Any]] = [{"line_id": line.line_id, "outcome": "approved"} for line in lines]
    elif way == "suggested":
        answers = [_as_answer(one) for one in queries.suggestions_for(found, lines)]
    else:
        typed = {str(line.line_id): _typed(request, str(line.line_id)) for line in lines}
        answers = [{"line_id": key, **_relevant(given)} for key, given in typed.items()]
    try:
        actions.decide_claim(
            actor=Actor.of(request.user),
            claim_id=found.pk,
            lines=answers,
            revision=int(revision) if revision.isascii() and revision.isdigit() else 0,
        )
    except Conflict as refusal:
        messages.error(request, str(refusal.message))
        return redirect("aftersales:claim", found.pk)
    except Invalid as refusal:
        return _claim_page(request, found, typed=typed, errors=refusal.fields, status=422)
    messages.success(request, _("Claim %(number)s is decided.") % {"number": found.number})
    following = queries.next_waiting(request.user, found.pk)
    return redirect("aftersales:claim", following.pk) if following else redirect("aftersales:worklist")


def _as_answer(suggestion: Suggestion) -> dict[str, Any]:
    partly = suggestion.outcome == ClaimOutcome.PARTLY_APPROVED
    return {
        "line_id": suggestion.line_id,
        "outcome": str(suggestion.outcome),
        "approved_amount": suggestion.amount if partly else None,
        "reason_code": str(suggestion.reasons[0]) if suggestion.reasons else "",
    }


def _typed(request: HttpRequest, key: str) -> dict[str, str]:
    names = ("outcome", "approved_amount", "reason_code", "reason_text")
    return {name: request.POST.get(f"{name}-{key}", "").strip() for name in names}


def _relevant(given: dict[str, str]) -> dict[str, str]:
    """What counts of a line as entered: an amount only where it is approved in part, a reason only where it is not
    approved whole. The fields of the other answers stay filled in on the page and mean nothing."""
    whole = given["outcome"] == ClaimOutcome.APPROVED
    partly = given["outcome"] == ClaimOutcome.PARTLY_APPROVED
    return {
        **given,
        "approved_amount": given["approved_amount"] if partly else "",
        "reason_code": "" if whole else given["reason_code"],
    }
