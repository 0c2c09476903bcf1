"""Pages of the sharing agreements: what is asked of dealerships, and what each was last seen to share."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from kernel import clock
from kernel.accounts.access import requires
from kernel.accounts.roles import Right
from kernel.contracts import Level
from kernel.contracts.agreements import AgreementText
from oem.agreements import queries, words
from oem.agreements.queries import DealershipTerm


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
            "denied": term.fields_denied,
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
            "current": one.version == versions[0].version,
            "terms": [shown_term(term) for term in one.terms],
        }
        for one in queries.terms_at_dealerships(request.user)
    ]
    context = {
        "versions": [(one, queries.in_words(one.title)) for one in versions],
        "terms": shown_terms(versions[0]),
        "members": members,
    }
    return render(request, "agreements/overview.html", context)


@requires(Right.SHARING_READ)
@require_GET
def agreement(request: HttpRequest, version: str) -> HttpResponseBase:
    """One version: its text, its digest and its terms."""
    found = queries.access_agreement_for_reading(version, request.user)
    context = {
        "agreement": found,
        "title": queries.in_words(found.title),
        "text": queries.in_words(found.text),
        "terms": shown_terms(found),
        "crumbs": [(_("Agreements"), reverse("agreements:overview"))],
    }
    return render(request, "agreements/agreement.html", context)
