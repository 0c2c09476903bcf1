"""Asking a dealership to be let in, and what it answered."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.links import address_at
from kernel.accounts.roles import Right
from kernel.errors import Conflict, Invalid
from oem.network import queries as network
from oem.network.models import AT_WORK, Dealership
from oem.support import actions, queries
from oem.support.forms import AskForm

_ASK = requires(Right.SUPPORT_ASK)
#: Questions that a page shows.
SHOWN = 50


def address_of_code(request: HttpRequest, dealership: Dealership, code: str) -> str:
    """Where the asker comes in with the one-time code, once the dealership has let them."""
    port = request.get_host().partition(":")[2]
    host = network.host_of(dealership.slug, port=port)
    return address_at(host, f"/support/enter/{code}/", secure=request.is_secure())


@_ASK
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def asks(request: HttpRequest, slug: str) -> HttpResponseBase:
    """What was asked of a dealership, and the form that asks. The answer to it shows the one-time link, once."""
    dealership = network.access_dealership_for_reading(slug, request.user)
    form = AskForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            _ask, code = actions.ask_access(actor=Actor.of(request.user), dealership=dealership, **form.cleaned_data)
        except Invalid as refusal:
            refusal.add_to(form)
        except Conflict as refusal:
            form.add_error(None, str(refusal))
        else:
            link = address_of_code(request, dealership, code)
            return render(request, "oem_support/asked.html", {"link": link, **_frame(dealership)})
    context = {
        "form": form if dealership.state in AT_WORK else None,
        "asks": queries.asked_of(dealership, request.user)[:SHOWN],
        **_frame(dealership),
    }
    return render(request, "oem_support/asks.html", context, status=422 if form.errors else 200)


def _frame(dealership: Dealership) -> dict[str, Any]:
    return {
        "dealership": dealership,
        "crumbs": [
            (_("Dealerships"), reverse("network:list")),
            (dealership.short_name, reverse("network:dealership", args=[dealership.slug])),
        ],
    }


@_ASK
@require_POST
def withdraw(request: HttpRequest, slug: str, id: UUID) -> HttpResponseBase:
    """Take a question back, or leave before the time is over."""
    dealership = network.access_dealership_for_reading(slug, request.user)
    ask = queries.access_ask_for_withdrawing(dealership, id, request.user)
    actions.withdraw_ask(actor=Actor.of(request.user), ask=ask)
    messages.success(request, _("Taken back. The dealership is told."))
    return redirect("oem_support:asks", slug)
