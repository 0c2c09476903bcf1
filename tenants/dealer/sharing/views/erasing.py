"""Erasing a customer: what would go, the typed confirmation, and the answer for the customer."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from dealer.customers import queries as customers
from dealer.customers.models import Customer
from dealer.organisation.queries import profile
from dealer.sharing import queries, words
from dealer.sharing.erasing import actions
from dealer.sharing.erasing.models import ErasureState
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.errors import Conflict
from kernel.tenancy.manufacturer import in_words

_ERASE = requires(Right.PERSONS_ERASE)


@_ERASE
@require_http_methods(["GET", "HEAD", "POST"])
def erase(request: HttpRequest, id: str) -> HttpResponseBase:
    """Show what would be erased and what a law keeps; with the number typed, do it."""
    customer = customers.access_customer_for_reading(id, request.user)
    done = queries.erasure_of(customer.pk)
    if done is not None:
        return redirect("sharing:erasure", done.pk)
    problem = ""
    if request.method == "POST":
        try:
            row = actions.erase_customer(
                actor=Actor.of(request.user),
                customer=customer,
                typed=request.POST.get("number", ""),
                asked=queries.erasure_asked(customer.pk),
            )
        except Conflict as refusal:
            problem = str(refusal)
        else:
            messages.success(request, _("Erased here. The manufacturer has been asked to do the same."))
            return redirect("sharing:erasure", row.pk)
    found = actions.preview(customer)
    context = {
        "customer": customer,
        "rows": words.tables_in_words(found.rows),
        "kept": words.kept_in_words(found.kept),
        "sent": found.sent,
        "problem": problem,
        "asked": queries.erasure_asked(customer.pk),
        "crumbs": [(_("Customers"), reverse("customers:list")), (customer.name, _card(customer))],
    }
    return render(request, "sharing/erase.html", context, status=409 if problem else 200)


def _card(customer: Customer) -> str:
    return reverse("customers:card", args=[customer.pk])


@_ERASE
@require_GET
def erasures(request: HttpRequest) -> HttpResponseBase:
    """Everybody who was erased, by number, and whom the manufacturer asks about."""
    rows = list(queries.visible_erasures(request.user)[:100])
    context = {
        "open": [row for row in rows if row.state == ErasureState.ASKED],
        "others": [row for row in rows if row.state != ErasureState.ASKED],
    }
    return render(request, "sharing/erasures.html", context)


@_ERASE
@require_GET
def erasure(request: HttpRequest, id: str) -> HttpResponseBase:
    """What was done, here and elsewhere, and the letter for the customer."""
    row = queries.access_erasure_for_reading(id, request.user)
    receipt: dict[str, Any] = row.receipts[-1] if row.receipts else {}
    context = {
        "row": row,
        "rows": words.tables_in_words(row.figures),
        "kept": words.kept_in_words(row.kept),
        "there": receipt,
        "there_at": words.moment_of(receipt.get("at")),
        "kept_there": words.kept_in_words(receipt.get("kept", [])),
        "dealer": profile(),
        "manufacturer": in_words(profile().manufacturer_name),
        "crumbs": [(_("Erasures"), reverse("sharing:erasures"))],
    }
    return render(request, "sharing/erasure.html", context)


@_ERASE
@require_POST
def decline(request: HttpRequest, id: str) -> HttpResponseBase:
    """Do not erase somebody whom the manufacturer asks about, and say why."""
    row = queries.access_erasure_for_reading(id, request.user)
    actions.decline(actor=Actor.of(request.user), erasure=row, reason=request.POST.get("reason", ""))
    messages.success(request, _("Declined. The manufacturer is told."))
    return redirect("sharing:erasure", row.pk)
