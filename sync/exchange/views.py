"""The exchange's health in plain words, and what a person must decide. The same pages on both tiers.

No page shows a payload: whoever repairs the exchange need not see customers.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext
from django.views.decorators.http import require_http_methods, require_POST

from exchange import failures, health, inbox, reconciling, words
from exchange.models import Inbox, InboxState, Ledger, Reconciliation
from kernel import audit
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.contracts import Purpose
from kernel.errors import Conflict
from kernel.ui import charts
from kernel.ui.forms import Form
from kernel.ui.lists import Choice, Column, DateRange, ListPage, Toggle
from kernel.ui.templatetags.ui import local_text

#: So many stuck messages stand on the health page; the list has them all.
SHOWN = 10
#: Who may read what a handler wrote about a message, because it may quote what people typed.
DETAIL = (Right.CUSTOMERS_READ, Right.OWNERS_READ, Right.LEADS_READ)


def may_see_detail(user: Any) -> bool:
    """Whether a person may read texts that could quote a customer's data."""
    return any(user.has(right) for right in DETAIL)


def detail_for(row: Inbox, user: Any) -> str:
    """What was said about a stuck message; for people who see no customers only the kind of failure."""
    if may_see_detail(user):
        return row.detail
    return row.detail.partition(":")[0] if row.reason == "failed" else ""


@requires(Right.EXCHANGE_READ)
@require_http_methods(["GET", "HEAD"])
def overview(request: HttpRequest) -> HttpResponseBase:
    """How it is, in sentences; what needs a decision; what moved in the last hour; on the portal also by dealership."""
    figures = health.health()
    hour = health.last_hour()
    names = health.names()
    portal = health.is_portal()
    members = health.members() if portal else []
    compared = health.comparisons()
    stuck = health.stuck_messages()[:SHOWN] if figures.stuck else []
    refused = health.refused_elsewhere()[:SHOWN] if figures.refused_there else []
    return render(
        request,
        "exchange/overview.html",
        {
            "health": figures,
            "stuck": [_row(row, words.reason(row.reason), names.get(row.sender)) for row in stuck],
            "refused": [_row(row, words.reason(row.reason), names.get(row.receiver)) for row in refused],
            "more_stuck": max(0, figures.stuck - SHOWN),
            "sent": _chart(_("Sent in the last hour"), hour["sent"]),
            "received": _chart(_("Received in the last hour"), hour["received"]),
            "members": members,
            "failures": failures.present(figures, members, compared),
            "freshness": freshness(figures),
            "stuck_reasons": _stuck_reasons() if figures.stuck > 1 else [],
            **_comparisons(compared, names),
            "portal": portal,
            "may_repair": request.user.has(Right.EXCHANGE_REPAIR),
        },
    )


def _row(row: Inbox | Ledger, reason: str, other: str | None) -> dict[str, Any]:
    return {
        "url": reverse("exchange:message", args=[row.id]),
        "title": words.contract_name(row.contract),
        "text": " · ".join(filter(None, [other, reason])),
        "at": row.event_at,
        "state": row.state,
        "state_label": row.get_state_display(),
    }


def _stuck_reasons() -> list[dict[str, Any]]:
    """Reasons that more than one message is stuck for, to try them all again at once."""
    return [
        {"code": code, "label": words.reason(code), "n": number}
        for code, number in health.stuck_by_reason().items()
        if number > 1
    ]


def freshness(figures: health.Health) -> str:
    """Up to when everything has arrived, in words."""
    if figures.incoming_since is not None:
        return _("Everything that arrived until %(moment)s was applied.") % {
            "moment": local_text(figures.incoming_since)
        }
    if figures.arrived_at is None:
        return _("Nothing has arrived yet.")
    return _("Everything that arrived was applied; the latest came at %(moment)s.") % {
        "moment": local_text(figures.arrived_at)
    }


def _comparisons(compared: list[Reconciliation], names: dict[UUID, str]) -> dict[str, Any]:
    """What the page says of the hourly comparison: the oldest, and each difference by its id."""
    lines = [
        {
            "member": row.member,
            "name": names.get(row.member, _("Manufacturer")),
            "row": row,
            "mendable": any(one["difference"] in failures.MENDED for one in row.differences),
            "differences": [
                {
                    **one,
                    "title": failures.FAILURES[one["difference"]].title,
                    "kind": words.contract_name(one["contract"]),
                }
                for one in row.differences[:SHOWN]
            ],
            "more": max(0, row.found - SHOWN),
        }
        for row in compared
        if row.found
    ]
    return {
        "compared_at": min((row.at for row in compared), default=None),
        "compared": sum(row.compared for row in compared),
        "comparisons": lines,
    }


def _chart(title: str, counts: dict[str, int]) -> Any:
    bars = [charts.Bar(words.contract_name(code), n) for code, n in counts.items()]
    return charts.horizontal_bars(title, bars, category_label=_("Kind"), value_label=_("Messages")) if bars else ""


def _reason(row: Inbox) -> str:
    return words.reason(row.reason) if row.reason else ""


class Messages(ListPage):
    """What arrived here, newest first. Without payloads."""

    title = gettext_lazy("Messages that arrived")
    subtitle = gettext_lazy("Contents are not shown here.")
    ordering = ("-number",)
    export_right = Right.EXCHANGE_REPAIR
    export_name = "messages"
    empty_title = gettext_lazy("Nothing has arrived yet")

    @cached_property
    def names(self) -> dict[UUID, str]:
        return health.names()

    def get_queryset(self) -> Any:
        return Inbox.objects.defer("detail")

    def row_url(self, row: Inbox) -> str:
        return reverse("exchange:message", args=[row.id])

    def get_columns(self) -> list[Column]:
        columns = [
            Column("contract", _("Kind"), value=lambda row: words.contract_name(row.contract), phone="title"),
            Column("state", _("State"), kind="state", phone="badge"),
            Column("reason", _("Reason"), value=_reason, empty="", unlabelled=True),
            Column("received_at", pgettext("message", "Arrived"), kind="datetime", sort="number", phone="subtitle"),
            Column("event_at", _("Happened"), kind="datetime", export_only=True),
            Column("applied_at", _("Applied"), kind="datetime", export_only=True),
            Column("id", _("Message"), export_only=True),
            Column("subject", _("Subject"), export_only=True),
            Column("seq", _("Place in its order"), kind="number", export_only=True),
        ]
        if health.is_portal():
            sender = Column(
                "sender", pgettext("message", "From"), value=lambda row: self.names.get(row.sender, str(row.sender))
            )
            columns.insert(1, sender)
        return columns

    def get_filters(self) -> list[Any]:
        found: list[Any] = [
            Choice("state", _("State"), choices=InboxState),
            Choice("contract", _("Kind"), choices=words.choices),
            DateRange("received_at", pgettext("message", "Arrived")),
            Toggle("stuck", _("Needs a decision"), where=health.is_stuck()),
        ]
        if health.is_portal():
            senders = sorted(((str(id_), name) for id_, name in self.names.items()), key=lambda pair: pair[1])
            found.insert(1, Choice("sender", pgettext("message", "From"), choices=senders))
        return found

    def on_export(self, form: str, rows: int) -> None:
        audit.record(
            actor=Actor.of(self.request.user),
            action="exchange.export",
            obj=self.request.user,
            after={"format": form, "rows": rows},
        )


class SkipForm(Form):
    """Why a message is left aside for good."""

    reason = forms.CharField(
        label=gettext_lazy("Why is it left aside?"),
        max_length=200,
        widget=forms.Textarea,
        help_text=gettext_lazy("The sender is told. This cannot be undone."),
    )
    wide = ("reason",)


def _message_page(request: HttpRequest, row: Inbox | Ledger, form: SkipForm) -> HttpResponseBase:
    names = health.names()
    stuck = row if isinstance(row, Inbox) and row.state in health.STUCK else None
    if isinstance(row, Inbox):
        other, moment = (pgettext("message", "From"), row.sender), (pgettext("message", "Arrived"), row.received_at)
    else:
        other, moment = (pgettext("message", "To"), row.receiver), (_("Recorded"), row.recorded_at)
    facts = [
        (_("Kind"), words.contract_name(row.contract)),
        (other[0], names.get(other[1], _("Manufacturer"))),
        (_("Purpose"), Purpose(row.purpose).label),
        (_("Happened"), local_text(row.event_at)),
        (moment[0], local_text(moment[1])),
        (_("Applied"), local_text(row.applied_at)),
        (_("Place in its order"), row.seq),
        (_("Message"), row.id),
        (_("Subject"), row.subject),
    ]
    context = {
        "row": row,
        "title": words.contract_name(row.contract),
        "crumbs": [(_("Exchange"), reverse("exchange:overview"))],
        "facts": facts,
        "stuck": stuck is not None,
        "reason": words.reason(row.reason) if row.reason else "",
        "detail": detail_for(stuck, request.user) if stuck else "",
        "attempts": stuck.attempts if stuck else 0,
        "behind": health.waiting_behind(stuck) if stuck else 0,
        "refused_there": isinstance(row, Ledger) and row.state == "refused",
        "may_repair": request.user.has(Right.EXCHANGE_REPAIR),
        "form": form,
    }
    return render(request, "exchange/message.html", context, status=422 if form.errors else 200)


@requires(Right.EXCHANGE_READ)
@require_http_methods(["GET", "HEAD"])
def message(request: HttpRequest, id: UUID) -> HttpResponseBase:
    """One message: what is known about it, and the decision when it needs one. Never its payload."""
    return _message_page(request, health.message(id), SkipForm())


@requires(Right.EXCHANGE_REPAIR)
@require_POST
def retry(request: HttpRequest, id: UUID) -> HttpResponseBase:
    """Let a stuck message be tried again."""
    try:
        inbox.retry(id, actor=Actor.of(request.user))
    except Conflict:
        messages.info(request, _("This message needs no decision any more."))
    else:
        messages.success(request, _("It will be tried again within seconds."))
    return redirect("exchange:message", id)


@requires(Right.EXCHANGE_REPAIR)
@require_POST
def skip(request: HttpRequest, id: UUID) -> HttpResponseBase:
    """Leave a stuck message aside, with a reason."""
    form = SkipForm(request.POST)
    if not form.is_valid():
        return _message_page(request, health.message(id), form)
    try:
        inbox.skip(id, reason=form.cleaned_data["reason"], actor=Actor.of(request.user))
    except Conflict:
        messages.info(request, _("This message needs no decision any more."))
    else:
        messages.success(request, _("It was left aside. What waited behind it goes on."))
    return redirect("exchange:message", id)


@requires(Right.EXCHANGE_REPAIR)
@require_POST
def replay(request: HttpRequest, member: UUID) -> HttpResponseBase:
    """Have exactly the differences with a member mended."""
    reconciling.ask_to_replay(member, actor=Actor.of(request.user))
    messages.success(request, _("What can be mended will be within seconds; then both sides are compared again."))
    return redirect("exchange:overview")


@requires(Right.EXCHANGE_REPAIR)
@require_POST
def retry_all(request: HttpRequest) -> HttpResponseBase:
    """Let every stuck message with a reason be tried again."""
    number = inbox.retry_all(reason=request.POST.get("reason", ""), actor=Actor.of(request.user))
    text = ngettext("%(n)s message will be tried again.", "%(n)s messages will be tried again.", number)
    messages.success(request, text % {"n": number})
    return redirect("exchange:overview")


arrived = requires(Right.EXCHANGE_READ)(Messages.as_view())
