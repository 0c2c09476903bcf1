"""Pages of the sharing agreements: what is asked of dealerships, and what each was last seen to share."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from kernel import clock
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.contracts import Level
from kernel.contracts.agreements import AgreementText
from kernel.contracts.comparing import compare, counted, kept_for
from kernel.contracts.words import field_label
from kernel.errors import Invalid
from oem.agreements import actions, queries, words
from oem.agreements.forms import ProposalForm, ProposeForm
from oem.agreements.models import Proposal, ProposalState
from oem.agreements.queries import DealershipTerm
from oem.network.models import AT_WORK
from oem.network.queries import access_dealership_for_reading, dealerships_for

_PROPOSE = requires(Right.SHARING_PROPOSE)


def shown_term(one: DealershipTerm) -> dict[str, Any]:
    """A term at a dealership as the templates draw it."""
    seen = one.seen
    return {
        "contract": words.contract_name(one.term.contract),
        "purpose": one.purpose.label,
        "asked": one.term.level.label,
        "required": one.term.required,
        "level": str(seen.level) if seen else "unknown",
        "label": seen.level.label if seen else _("Nothing arrived yet"),
        "text": words.seen_in_words(seen),
        "at": seen.at if seen else None,
        "silent": bool(seen and seen.silent(clock.now())),
        "told": one.told,
        "odd": bool(seen and one.told and seen.level > one.told.level and not seen.silent(clock.now())),
    }


def shown_terms(agreement: AgreementText) -> list[dict[str, Any]]:
    """The terms of an agreement as the templates draw them."""
    return [
        {
            "contract": words.contract_name(term.contract),
            "purpose": term.purpose.label,
            "level": term.level.label,
            "code": str(term.level),
            "required": term.required,
            "joining": Level(term.joining_ceiling).label,
            "denied": [field_label(path) for path in term.fields_denied],
            "kept": kept_for(term.retention_days),
            "recipients": term.recipients,
        }
        for term in agreement.terms
    ]


@requires(Right.SHARING_READ)
@require_GET
def overview(request: HttpRequest) -> HttpResponseBase:
    """The versions of the agreement, and each dealership's levels as last seen."""
    versions = queries.versions()
    members = [
        {
            "dealership": one.dealership,
            "version": one.version,
            "current": not one.waiting,
            "waiting": one.waiting,
            "decision": one.decision,
            "ending": bool(one.decision and one.decision.ends_at and one.decision.step != "ended"),
            "ended": bool(one.decision and one.decision.step == "ended"),
            "why": words.end_in_words(one.decision.end_reason) if one.decision else "",
            "terms": [shown_term(term) for term in one.terms],
        }
        for one in queries.terms_at_dealerships(request.user)
    ]
    context = {
        "versions": [(one, queries.in_words(one.title)) for one in versions],
        "terms": shown_terms(versions[0]),
        "members": members,
        "drafts": queries.open_drafts(),
        "may_propose": request.user.has(Right.SHARING_PROPOSE),
    }
    return render(request, "agreements/overview.html", context)


@requires(Right.SHARING_READ)
@require_GET
def agreement(request: HttpRequest, version: str) -> HttpResponseBase:
    """One version: its text, its digest and its terms."""
    found = queries.access_agreement_for_reading(version, request.user)
    proposal = queries.proposal_of(version)
    context = {
        "agreement": found,
        "title": queries.in_words(found.title),
        "text": queries.in_words(found.text),
        "terms": shown_terms(found),
        "crumbs": [(_("Agreements"), reverse("agreements:overview"))],
        "proposal": proposal,
        "asked": queries.asked_of(proposal) if proposal else [],
        "may_propose": request.user.has(Right.SHARING_PROPOSE),
    }
    return render(request, "agreements/agreement.html", context)


@_PROPOSE
@require_POST
def new(request: HttpRequest) -> HttpResponseBase:
    """Begin a version from the one that was chosen, or from the newest."""
    base = request.POST.get("base") or queries.versions()[0].version
    made = actions.draft_proposal(actor=Actor.of(request.user), base=base)
    return redirect("agreements:edit", made.pk)


@_PROPOSE
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, id: str) -> HttpResponseBase:
    """The editor: save as often as you like; the difference in words, what stands in the way, and then whom to ask."""
    proposal = queries.access_proposal_for_editing(id, request.user)
    if proposal.state != ProposalState.DRAFT:
        return redirect("agreements:agreement", proposal.version)
    form = ProposalForm(proposal, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            actions.edit_proposal(
                actor=Actor.of(request.user),
                proposal=proposal,
                title=form.by_language("title"),
                text=form.by_language("text"),
                terms=form.terms,
                notice_days=form.cleaned_data["notice_days"],
                valid_from=form.cleaned_data["valid_from"],
                version=form.cleaned_data["version"],
            )
        except Invalid as refusal:
            refusal.add_to(form)
        else:
            messages.success(request, _("Saved. Nobody has been asked yet."))
            return redirect("agreements:edit", proposal.pk)
    return _editor(request, proposal, form, ProposeForm(_members(request)))


def _editor(request: HttpRequest, proposal: Proposal, form: ProposalForm, propose_form: ProposeForm) -> HttpResponse:
    base = queries.text_of(proposal.base)
    differences = compare(base.terms if base else (), proposal.asked)
    context = {
        "proposal": proposal,
        "form": form,
        "propose_form": propose_form,
        "problems": words.problems_in_words(actions.check_proposal(proposal)),
        "differences": [(words.contract_name(line.contract), line) for line in differences],
        "counted": counted(differences),
        "crumbs": [(_("Agreements"), reverse("agreements:overview"))],
    }
    wrong = form.errors or propose_form.errors
    return render(request, "agreements/edit.html", context, status=422 if wrong else 200)


def _members(request: HttpRequest) -> list[tuple[str, str]]:
    """Dealerships that can be asked, by slug and name."""
    found = dealerships_for(request.user).filter(state__in=AT_WORK)
    return [(one.slug, one.shown_name) for one in found]


@_PROPOSE
@require_POST
def propose(request: HttpRequest, id: str) -> HttpResponseBase:
    """Ask the dealerships that were chosen."""
    proposal = queries.access_proposal_for_editing(id, request.user)
    form = ProposeForm(_members(request), request.POST)
    if form.is_valid():
        chosen = list(dealerships_for(request.user).filter(slug__in=form.cleaned_data["dealerships"]))
        try:
            actions.propose(actor=Actor.of(request.user), proposal=proposal, dealerships=chosen)
        except Invalid:
            messages.error(request, _("Something still stands in the way. It is named below."))
            return redirect("agreements:edit", proposal.pk)
        messages.success(
            request,
            ngettext("%(n)d dealership is asked to sign.", "%(n)d dealerships are asked to sign.", len(chosen))
            % {"n": len(chosen)},
        )
        return redirect("agreements:agreement", proposal.version)
    return _editor(request, proposal, ProposalForm(proposal), form)


@_PROPOSE
@require_POST
def withdraw(request: HttpRequest, id: str) -> HttpResponseBase:
    """Drop a draft, or take a version back where it was not signed."""
    proposal = queries.access_proposal_for_editing(id, request.user)
    actions.withdraw_proposal(actor=Actor.of(request.user), proposal=proposal)
    messages.success(request, _("Taken back. Where it was signed it stays in force."))
    return redirect("agreements:overview")


@_PROPOSE
@require_POST
def end(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Give a dealership notice."""
    dealership = access_dealership_for_reading(slug, request.user)
    actions.end_agreement(actor=Actor.of(request.user), dealership=dealership, note=request.POST.get("note", "")[:300])
    messages.success(request, _("Notice is given. The agreement ends there when its notice period is over."))
    return redirect("agreements:overview")
