"""Taking back what went earlier: the question in plain words, and every request with its receipt."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from dealer.sharing import queries, words
from dealer.sharing.takingback import actions
from dealer.sharing.takingback.models import Withdrawal, WithdrawalState
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.contracts import Purpose

#: Requests that the page shows.
SHOWN = 100


def shown(row: Withdrawal, user: Any) -> dict[str, Any]:
    """A request as templates draw it."""
    receipt = row.receipt or {}
    return {
        "row": row,
        "what": words.contract_label(row.contract),
        "purpose": Purpose(row.purpose).label,
        "kept": words.kept_in_words(receipt.get("kept", [])),
        "deleted": receipt.get("deleted", 0),
        "at": words.moment_of(receipt.get("at")),
        "may_decide": row.state in (WithdrawalState.ASKED, WithdrawalState.LEFT) and user.has(Right.SHARING_CHANGE),
    }


@requires(Right.SHARING_READ)
@require_GET
def withdrawals(request: HttpRequest) -> HttpResponseBase:
    """What waits for an answer, and what was taken back, newest first."""
    rows = [shown(row, request.user) for row in queries.visible_withdrawals(request.user)[:SHOWN]]
    context = {
        "open": [one for one in rows if one["row"].state == WithdrawalState.ASKED],
        "others": [one for one in rows if one["row"].state != WithdrawalState.ASKED],
        "choices": [
            (grant, words.contract_label(grant.contract), takes_back)
            for grant, takes_back in queries.standing_choices(request.user)
        ],
        "may_change": request.user.has(Right.SHARING_CHANGE),
    }
    return render(request, "sharing/withdrawals.html", context)


@requires(Right.SHARING_CHANGE)
@require_POST
def decide(request: HttpRequest, id: str) -> HttpResponseBase:
    """Leave it, or take it back."""
    row = queries.access_withdrawal_for_deciding(id, request.user)
    if request.POST.get("answer") == "take_back":
        actions.take_back(actor=Actor.of(request.user), withdrawal=row)
        messages.success(request, _("Taken back. The manufacturer deletes it and answers with a receipt."))
    else:
        actions.leave_it(actor=Actor.of(request.user), withdrawal=row)
        messages.success(request, _("Left with the manufacturer. You can take it back later."))
    return redirect("sharing:withdrawals")


@requires(Right.SHARING_CHANGE)
@require_POST
def choose(request: HttpRequest, id: str) -> HttpResponseBase:
    """Set what happens by itself when a customer withdraws a consent."""
    grant = queries.access_grant_for_changing(id, request.user)
    actions.choose(
        actor=Actor.of(request.user),
        contract=grant.contract,
        purpose=grant.purpose,
        takes_back=request.POST.get("takes_back") == "yes",
    )
    messages.success(request, _("Saved."))
    return redirect("sharing:withdrawals")
