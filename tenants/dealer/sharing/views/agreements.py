"""The versions of the agreement; the place where one is signed."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from dealer.sharing import actions, queries, words
from dealer.sharing.forms import SignForm
from dealer.sharing.models import AgreementState
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.contracts import Level, Purpose
from kernel.errors import Forbidden, Invalid

page = require_http_methods(["GET", "HEAD", "POST"])
_READ = requires(Right.SHARING_READ)


@_READ
@require_GET
def agreements(request: HttpRequest) -> HttpResponseBase:
    """Every version."""
    return render(request, "sharing/agreements.html", {"agreements": queries.agreements()})


@_READ
@page
def agreement(request: HttpRequest, id: str) -> HttpResponseBase:
    """The text of one version with its terms; the place where it is signed."""
    found = queries.access_agreement_for_reading(id, request.user)
    if request.method == "POST" and not request.user.has(Right.SHARING_CHANGE):
        raise Forbidden(Right.SHARING_CHANGE)
    form = None
    if found.state == AgreementState.PROPOSED and request.user.has(Right.SHARING_CHANGE):
        present = {grant.contract: grant.ceiling for grant in queries.switchboard()}
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
    terms = [
        {
            "what": words.contract_label(term["contract"]),
            "purpose": Purpose(term["purpose"]).label,
            "level": Level(term["level"]),
            "required": term["required"],
        }
        for term in found.terms
    ]
    status = 422 if form is not None and form.is_bound and form.errors else 200
    return render(request, "sharing/agreement.html", {"agreement": found, "terms": terms, "form": form}, status=status)
