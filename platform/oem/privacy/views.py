"""Pages for the privacy officer: what dealerships took back, who was erased, what is kept and until when."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from exchange.words import contract_name
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.contracts import Purpose
from kernel.errors import Conflict
from oem.network.models import Dealership
from oem.privacy import actions, queries
from oem.privacy.models import Kept, Request
from oem.privacy.words import kept_in_words, outcome_in_words

PAGE = 50


def _names(requests: list[Request]) -> dict[str, str]:
    ids = {str(one.dealership) for one in requests if one.dealership} | {id_ for one in requests for id_ in one.asked}
    return {str(one.pk): one.short_name for one in Dealership.objects.filter(pk__in=ids)}


def _shown(one: Request, names: dict[str, str]) -> dict[str, Any]:
    return {
        "row": one,
        "dealership": names.get(str(one.dealership), ""),
        "what": contract_name(one.contract) if one.contract else one.get_kind_display(),
        "purpose": Purpose(one.purpose).label if one.purpose else "",
    }


@requires(Right.SHARING_READ)
@require_GET
def overview(request: HttpRequest) -> HttpResponseBase:
    """Every request, newest first, and what is kept until when; a lead's number leads to the erasure of its person."""
    wanted = request.GET.get("lead", "").strip().lstrip("#")
    lead = queries.lead_to_erase(wanted, request.user) if wanted else None
    if lead is not None:
        return redirect("privacy:erase", lead.pk)
    page = Paginator(queries.requests_for(request.user), PAGE).get_page(request.GET.get("page"))
    rows = list(page.object_list)
    names = _names(rows)
    context = {
        "page": page,
        "rows": [_shown(one, names) for one in rows],
        "due": Kept.objects.filter(deleted_at=None).order_by("until").first(),
        "kept": Kept.objects.filter(deleted_at=None).count(),
        "may_erase": request.user.has(Right.PERSONS_ERASE),
        "unknown": wanted,
    }
    return render(request, "privacy/overview.html", context)


@requires(Right.SHARING_READ)
@require_GET
def request_page(request: HttpRequest, id: UUID) -> HttpResponseBase:
    """One request: what was deleted, what is kept by which law, and what other dealerships answered."""
    found = queries.access_request_for_reading(id, request.user)
    names = _names([found])
    context = {
        **_shown(found, names),
        "kept": kept_in_words(queries.kept_lines(found)),
        "answers": [
            {"dealership": names.get(id_, id_), **outcome_in_words(found.answers.get(id_))} for id_ in found.asked
        ],
        "crumbs": [(_("Taken back and erased"), reverse("privacy:overview"))],
    }
    return render(request, "privacy/request.html", context)


@requires(Right.PERSONS_ERASE)
@require_http_methods(["GET", "HEAD", "POST"])
def erase(request: HttpRequest, id: UUID) -> HttpResponseBase:
    """Erase the person of a lead who asked the manufacturer, after its number was typed."""
    lead = queries.access_lead_for_erasing(id, request.user)
    problem = ""
    if request.method == "POST":
        try:
            made = actions.erase_lead(actor=Actor.of(request.user), lead=lead, typed=request.POST.get("number", ""))
        except Conflict as refusal:
            problem = str(refusal)
        else:
            messages.success(request, _("Erased here. Every dealership that had the person has been asked."))
            return redirect("privacy:request", made.pk)
    context = {"lead": lead, "problem": problem, "found": actions.preview(lead)}
    return render(request, "privacy/erase.html", context, status=409 if problem else 200)
