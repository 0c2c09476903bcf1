"""Sharing what was before: begin, follow, stop."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from dealer.organisation.queries import profile
from dealer.sharing import actions, queries, tasks
from dealer.sharing.forms import BackfillForm
from dealer.sharing.models import Backfill, BackfillState, Grant
from dealer.sharing.past import source_of
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.errors import Conflict, IllegalTransition, Invalid


def past_of(grant: Grant, request: HttpRequest) -> dict[str, Any]:
    """What a page about a grant says of its earlier records. One query."""
    rows = list(grant.backfills.all()[:5])
    running = next((row for row in rows if row.state == BackfillState.RUNNING), None)
    possible = source_of(grant.contract) is not None and grant.level in actions.SINGLE
    may = request.user.has(Right.SHARING_CHANGE)
    return {
        "grant": grant,
        "backfills": rows,
        "backfill": running,
        "backfill_possible": possible,
        "backfill_form": BackfillForm() if possible and may and running is None else None,
        "may_change": may,
    }


@requires(Right.SHARING_READ)
@require_GET
def progress(request: HttpRequest, id: str) -> HttpResponseBase:
    """The part of the page that says how far it is; asked for again while it goes on."""
    grant = queries.access_grant_for_reading(id, request.user)
    return render(request, "sharing/_backfill.html", past_of(grant, request))


@requires(Right.SHARING_CHANGE)
@require_POST
def start(request: HttpRequest, id: str) -> HttpResponseBase:
    """Begin to share the records since a day."""
    grant = queries.access_grant_for_changing(id, request.user)
    form = BackfillForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose the day from which earlier records are shared."))
        return redirect("sharing:flow", grant.pk)
    try:
        actions.start_backfill(actor=Actor.of(request.user), grant=grant, since=form.cleaned_data["since"])
    except (Conflict, Invalid) as refusal:
        messages.error(
            request, "; ".join(str(e.message) for e in refusal.errors) if isinstance(refusal, Invalid) else str(refusal)
        )
    else:
        tasks.ask_for_backfill(profile().id)
        messages.success(request, _("Earlier records are being shared in the background, behind what is new."))
    return redirect("sharing:flow", grant.pk)


@requires(Right.SHARING_CHANGE)
@require_POST
def stop(request: HttpRequest, id: str) -> HttpResponseBase:
    """End it where it is."""
    backfill: Backfill = queries.access_backfill_for_stopping(id, request.user)
    try:
        actions.stop_backfill(actor=Actor.of(request.user), backfill=backfill)
    except IllegalTransition:
        messages.info(request, _("It was over already."))
    else:
        messages.success(
            request, _("No further earlier records are shared. What has left stays with the manufacturer.")
        )
    return redirect("sharing:flow", backfill.grant_id)
