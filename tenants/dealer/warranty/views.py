"""Pages of warranty: the claims, one claim with the manufacturer's answer, its corrections."""

from __future__ import annotations

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

from dealer.warranty import actions, queries
from dealer.warranty.forms import ClaimForm, ClaimLineForm
from dealer.warranty.models import EDITABLE, Claim, ClaimState, ClaimType, Decision
from dealer.warranty.reasons import label_of, remedy_of
from dealer.workshop.models import LineKind, RepairOrder
from dealer.workshop.queries import title_of
from dealer.workshop.views.steps import form_page, page, step, succeeded
from kernel import audit
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.reference.queries import fault_code
from kernel.ui.lists import Bound, Choice, Column, DateRange, ListPage, Search, Toggle

_READ = requires(Right.CLAIMS_READ)
_WRITE = requires(Right.CLAIMS_WRITE)


class ClaimSearch(Search):
    """One box for the claim's number and for what finds its repair order."""

    def bind(self, params: Any) -> Bound:
        bound = super().bind(params)
        if bound.value:
            bound.q = _claim_condition(bound.value)
        return bound


def _claim_condition(text: str) -> Q:
    compact = text.replace(" ", "").upper()
    found = Q(repair_order__vehicle__plate__startswith=compact.replace("·", ""))
    if len(compact) >= 4:
        found |= Q(repair_order__vehicle__vin_reversed__startswith=compact[::-1])
    digits = compact.removeprefix("WC").removeprefix("RO")
    if digits.isascii() and digits.isdigit() and len(digits) <= 12:
        found |= Q(repair_order__number=int(digits)) if compact.startswith("RO") else Q(number=int(digits))
    return found


class ClaimList(ListPage):
    """Warranty claims, newest first."""

    title = gettext_lazy("Warranty claims")
    columns = [
        Column("number", gettext_lazy("Claim"), value=str, sort="number", phone="title"),
        Column("car", gettext_lazy("Car"), value=lambda claim: title_of(claim.repair_order.vehicle), phone="subtitle"),
        Column("vin", gettext_lazy("VIN"), value="repair_order.vehicle.vin", kind="vin"),
        Column("state", gettext_lazy("State"), kind="state", sort="state", phone="badge"),
        Column("claim_type", gettext_lazy("Type"), sort="claim_type"),
        Column("order", gettext_lazy("Repair order"), value=lambda claim: str(claim.repair_order)),
        Column("submitted_at", gettext_lazy("Submitted"), kind="datetime", sort="submitted_at"),
        Column("decided_at", gettext_lazy("Decided"), kind="datetime", sort="decided_at"),
        Column("total", gettext_lazy("Asked"), kind="money", currency="currency", sort="total", total=True),
        Column(
            "approved_total",
            gettext_lazy("Approved"),
            kind="money",
            currency="currency",
            sort="approved_total",
            total=True,
        ),
    ]
    filters = [
        ClaimSearch(fields=("number",), placeholder=gettext_lazy("Number, plate or VIN")),
        Choice("state", gettext_lazy("State"), choices=ClaimState),
        Choice("claim_type", gettext_lazy("Type"), choices=ClaimType),
        DateRange("submitted_at", gettext_lazy("Submitted")),
        Toggle("ours", gettext_lazy("Waiting for us"), where=Q(state__in=EDITABLE)),
    ]
    ordering = ("-created_at", "id")
    export_right = Right.CLAIMS_READ
    export_name = "warranty-claims"
    empty_icon = "shield-check"
    empty_title = gettext_lazy("No warranty claim yet")
    empty_text = gettext_lazy("Claims are made of the warranty lines of closed repair orders.")

    def get_queryset(self) -> Any:
        return queries.visible_claims(self.request.user)

    def row_url(self, row: Claim) -> str:
        return reverse("warranty:claim", args=[row.pk])

    def on_export(self, form: str, rows: int) -> None:
        audit.record(
            actor=Actor.of(self.request.user),
            action="warranty.export",
            obj=self.request.user,
            after={"form": form, "rows": rows},
        )


listing = _READ(ClaimList.as_view())


@_READ
@require_safe
def claim(request: HttpRequest, id: str) -> HttpResponseBase:
    """One claim: what is asked, what the manufacturer answered line by line, and what to do now."""
    found = queries.access_claim_for_reading(id, request.user)
    order = found.repair_order
    decisions = list(found.decisions.all())
    current = next((one for one in decisions if one.counts), None)
    may_write = request.user.has(Right.CLAIMS_WRITE) and found.state in EDITABLE
    known_code = fault_code(found.fault_code) if found.fault_code else None
    context = {
        "claim": found,
        "order": order,
        "car": title_of(order.vehicle),
        "lines": [_line_row(one) for one in queries.answered_lines(found, current)],
        "decision": current,
        "history": [_history(one) for one in decisions],
        "problems": actions.check_claim(found).errors if may_write else [],
        "coverage": queries.coverage_at(order),
        "fault_name": known_code.name if known_code else "",
        "may_write": may_write,
        "to_do": _to_do(current) if found.state == ClaimState.SENT_BACK and current else [],
        "crumbs": [(_("Warranty claims"), reverse("warranty:claims"))],
    }
    return render(request, "warranty/claim.html", context)


def _line_row(answered: queries.AnsweredLine) -> dict[str, Any]:
    answer = answered.answer or {}
    outcome = answer.get("outcome", "")
    return {
        "line": answered.line,
        "outcome": outcome,
        "outcome_label": ClaimState(outcome).label if outcome in ClaimState.values else outcome,
        "approved": answer.get("approved_amount"),
        "reason": label_of(answer.get("reason_code") or ""),
        "remark": answer.get("reason_text") or "",
    }


def _to_do(decision: Decision) -> list[str]:
    """What to put right before the claim is sent again, each remedy once."""
    codes = [line["reason_code"] for line in decision.lines if line["outcome"] == ClaimState.SENT_BACK]
    return list(dict.fromkeys(str(remedy_of(code or "")) for code in codes if remedy_of(code or "")))


def _history(decision: Decision) -> dict[str, Any]:
    text = _("Revision %(n)s · rules %(rules)s") % {"n": decision.revision, "rules": decision.rule_version}
    if not decision.counts:
        text += " · " + _("An answer to an older revision; it changes nothing.")
    icons = {
        "approved": "circle-check",
        "partly_approved": "circle-check",
        "sent_back": "undo-2",
        "refused": "circle-x",
    }
    return {
        "icon": icons.get(decision.outcome, "circle"),
        "title": decision.get_outcome_display(),
        "text": text,
        "at": decision.decided_at,
    }


@_WRITE
@require_POST
def submit(request: HttpRequest, id: str) -> HttpResponseBase:
    """Send the claim up."""
    found = queries.access_claim_for_writing(id, request.user)
    return step(
        request,
        lambda: actions.submit_claim(actor=Actor.of(request.user), claim=found),
        back=reverse("warranty:claim", args=[found.pk]),
        done=_("The claim is on its way to the manufacturer."),
    )


@_WRITE
@require_POST
def cancel(request: HttpRequest, id: str) -> HttpResponseBase:
    """Ask for nothing."""
    found = queries.access_claim_for_writing(id, request.user)
    return step(
        request,
        lambda: actions.cancel_claim(actor=Actor.of(request.user), claim=found),
        back=reverse("warranty:claim", args=[found.pk]),
        done=_("The claim is cancelled."),
    )


@_WRITE
@page
def edit(request: HttpRequest, id: str) -> HttpResponseBase:
    """Correct type, three Cs and fault code."""
    found = queries.access_claim_for_writing(id, request.user)
    names = ("claim_type", "complaint", "cause", "correction", "fault_code")
    form = ClaimForm(request.POST or None, initial={name: getattr(found, name) for name in names})
    if succeeded(request, form, lambda **data: actions.update_claim(actor=Actor.of(request.user), claim=found, **data)):
        messages.success(request, _("Saved."))
        return redirect("warranty:claim", found.pk)
    return _claim_form(request, found, form, heading=_("Correct the claim"))


@_WRITE
@page
def edit_line(request: HttpRequest, id: str) -> HttpResponseBase:
    """Correct one line."""
    line = queries.access_line_for_writing(id, request.user)
    names = ("description", "quantity", "unit_price", "causal")
    form = ClaimLineForm(request.POST or None, initial={name: getattr(line, name) for name in names})
    if line.kind != LineKind.PART:
        del form.fields["causal"]
    if succeeded(
        request, form, lambda **data: actions.update_claim_line(actor=Actor.of(request.user), line=line, **data)
    ):
        messages.success(request, _("Saved."))
        return redirect("warranty:claim", line.claim_id)
    return _claim_form(request, line.claim, form, heading=line.code or line.description)


def _claim_form(request: HttpRequest, found: Claim, form: Any, *, heading: str) -> HttpResponseBase:
    back = reverse("warranty:claim", args=[found.pk])
    crumbs = [(_("Warranty claims"), reverse("warranty:claims")), (str(found), back)]
    return form_page(request, "workshop/form.html", form, heading=heading, submit=_("Save"), cancel=back, crumbs=crumbs)


@_WRITE
@require_POST
def remove_line(request: HttpRequest, id: str) -> HttpResponseBase:
    """Ask no more for one line."""
    line = queries.access_line_for_writing(id, request.user)
    return step(
        request,
        lambda: actions.remove_claim_line(actor=Actor.of(request.user), line=line),
        back=reverse("warranty:claim", args=[line.claim_id]),
    )


def panel_of(order: RepairOrder, user: Any) -> dict[str, Any] | None:
    """The claims of an order with the manufacturer's answers, for the order's page."""
    found = queries.claims_of_order(order, user)
    rows = []
    for one in found:
        one.repair_order = order
        current = queries.newest_decision(one)
        rows.append(
            {
                "claim": one,
                "decision": current if one.state != ClaimState.SUBMITTED else None,
                "reasons": list(
                    dict.fromkeys(
                        str(label_of(line["reason_code"]))
                        for line in (current.lines if current else [])
                        if line["reason_code"]
                    )
                ),
                "ours": one.state in EDITABLE and user.has(Right.CLAIMS_WRITE),
            }
        )
    return {"rows": rows} if rows else None
