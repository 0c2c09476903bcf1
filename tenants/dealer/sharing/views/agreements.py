"""The versions of the agreement: what one would change, shown on the dealership's own data; signing and ending."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.forms.boundfield import BoundField
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from dealer.organisation.queries import profile
from dealer.sharing import actions, previews, queries, words
from dealer.sharing.forms import SignForm
from dealer.sharing.models import Agreement, AgreementState, EndReason
from kernel import clock
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.contracts import Level
from kernel.contracts.agreements import Term
from kernel.contracts.comparing import Difference, compare, counted, kept_for
from kernel.contracts.laws import Rule, packs_for
from kernel.errors import Forbidden, Invalid, Missing

page = require_http_methods(["GET", "HEAD", "POST"])
_READ = requires(Right.SHARING_READ)


@dataclass(frozen=True)
class Line:
    """One line of a version that waits: what it would change, and where its ceiling is chosen."""

    title: str
    difference: Difference
    field: BoundField | None
    #: The level that the preview begins with.
    level: Level
    ceilings: list[Level]

    @property
    def id(self) -> str:
        return "/".join(self.difference.key)


@_READ
@require_GET
def agreements(request: HttpRequest) -> HttpResponseBase:
    """Every version."""
    return render(request, "sharing/agreements.html", {"agreements": queries.agreements()})


@_READ
@page
def agreement(request: HttpRequest, id: str) -> HttpResponseBase:
    """The text of one version with its terms; for one that waits the difference to today, and the place to sign."""
    found = queries.access_agreement_for_reading(id, request.user)
    if request.method == "POST" and not request.user.has(Right.SHARING_CHANGE):
        raise Forbidden(Right.SHARING_CHANGE)
    grants = queries.switchboard()
    form = None
    if found.can_be_signed and request.user.has(Right.SHARING_CHANGE):
        present = {(grant.contract, grant.purpose): grant.ceiling for grant in grants}
        form = SignForm(found, present, request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                actions.sign_agreement(
                    actor=Actor.of(request.user),
                    agreement=found,
                    ceilings=form.ceilings,
                    text_hash=form.cleaned_data["text_hash"],
                )
            except Invalid as refusal:
                refusal.add_to(form)
            else:
                messages.success(request, _("The agreement is signed and in force."))
                return redirect("sharing:switchboard")
    status = 422 if form is not None and form.is_bound and form.errors else 200
    differences = compare([grant.term for grant in grants], found.asked) if found.can_be_signed else []
    in_force = queries.current_agreement()
    context = {
        "agreement": found,
        "terms": [_shown(term) for term in found.asked],
        "lines": [_line(difference, form) for difference in differences],
        "counted": counted(differences),
        "form": form,
        "in_force": in_force,
        "days_left": in_force.days_left(clock.now()) if in_force else None,
        "may_end": found.state == AgreementState.SIGNED and request.user.has(Right.SHARING_CHANGE),
        "ended_by_us": found.end_reason == EndReason.DEALERSHIP,
        "own_days_left": found.days_left(clock.now()),
        "notice_days": actions.notice_days(found),
        "law": _law(),
    }
    return render(request, "sharing/agreement.html", context, status=status)


def _line(difference: Difference, form: SignForm | None) -> Line:
    after = difference.after
    ceilings = [level for level in Level if after and level <= after.level]
    return Line(
        title=words.contract_label(difference.contract),
        difference=difference,
        field=form.field_of(after) if form and after else None,
        level=after.level if after else Level.NOTHING,
        ceilings=[after.level] if after and after.required else ceilings,
    )


def _shown(term: Term) -> dict[str, Any]:
    return {
        "what": words.contract_label(term.contract),
        "purpose": term.purpose.label,
        "level": term.level,
        "required": term.required,
        "denied": [words.field_label(path) for path in term.fields_denied],
        "kept": kept_for(term.retention_days),
        "recipients": term.recipients,
    }


def _law() -> list[tuple[str, list[Rule]]]:
    """The law of the dealership's country that is in force today, by pack."""
    now = clock.now()
    return [(pack.words, list(pack.in_force(now))) for pack in packs_for(profile().country, now)]


@_READ
@require_GET
def term_preview(request: HttpRequest, id: str) -> HttpResponseBase:
    """The part of a line that shows what it would have let out of the last 90 days, at one ceiling."""
    found = queries.access_agreement_for_reading(id, request.user)
    term = _term_of(found, request.GET.get("line", ""))
    asked = request.GET.get("level", "")
    level = min(Level(asked), term.level) if asked in Level.values else term.level
    if term.required:
        level = term.level
    context = {
        "agreement": found,
        "term": term,
        "level": level,
        "preview": previews.preview_of_term(found, term, level),
    }
    return render(request, "sharing/_term_preview.html", context)


def _term_of(agreement: Agreement, line: str) -> Term:
    """A line by its name, ``Owner/customer_care``. Raises Missing."""
    found = next((term for term in agreement.asked if "/".join(term.key) == line), None)
    if found is None:
        raise Missing()
    return found


@requires(Right.SHARING_CHANGE)
@require_POST
def end_agreement(request: HttpRequest, id: str) -> HttpResponseBase:
    """Give notice."""
    found = queries.access_agreement_for_signing(id, request.user)
    note = request.POST.get("note", "")
    actions.end_agreement(actor=Actor.of(request.user), agreement=found, note=note[:300])
    messages.success(request, _("Notice is given. What is not required has ended already."))
    return redirect("sharing:agreement", found.pk)


@requires(Right.SHARING_CHANGE)
@require_POST
def keep_agreement(request: HttpRequest, id: str) -> HttpResponseBase:
    """Take the notice back."""
    found = queries.access_agreement_for_signing(id, request.user)
    actions.keep_agreement(actor=Actor.of(request.user), agreement=found)
    messages.success(request, _("The notice is taken back. Raise the levels that you want again."))
    return redirect("sharing:agreement", found.pk)
