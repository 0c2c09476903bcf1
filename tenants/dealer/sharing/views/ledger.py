"""The ledger: what left, what stayed, and why."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import cached_property
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext
from django.views.decorators.http import require_GET

from dealer.customers.models import Customer
from dealer.customers.queries import access_customer_for_reading, matching
from dealer.organisation.queries import profile
from dealer.sharing import previews, queries, words
from dealer.sharing.flows import FLOWS
from dealer.sharing.models import Disclosure
from exchange.chain import queries as chain
from exchange.models import Ledger, LedgerState
from exchange.takingback import WITHDRAWN
from kernel import audit
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.contracts import Level, Purpose
from kernel.ui.lists import Bound, Choice, Column, DateRange, ListPage, Search
from kernel.ui.templatetags import ui

_READ = requires(Right.SHARING_READ)
#: Customers whose messages are looked for when a search finds many.
MOST_FOUND = 500


def _kinds() -> list[tuple[str, Any]]:
    return [*((name, flow.title) for name, flow in FLOWS.items()), *words.OTHERS.items()]


def _kind(row: Ledger) -> str:
    return words.contract_label(row.contract)


def _subject(row: Ledger) -> str:
    return row.subject_label


def _names(row: Ledger) -> str:
    return ", ".join(map(words.field_label, row.released))


def _left(row: Ledger) -> str:
    return ngettext("%(n)d field", "%(n)d fields", len(row.released)) % {"n": len(row.released)}


def _stayed(row: Ledger) -> str:
    """How many fields stayed, and the commonest reason."""
    if not row.withheld:
        return "–"
    (code, _number), *_rest = Counter(row.withheld.values()).most_common()
    return f"{len(row.withheld)} · {words.reason_label(code)}"


def _state(row: Ledger) -> str:
    label = str(LedgerState(row.state).label)
    return f"{label}: {words.stopped_label(row.reason)}" if row.reason else label


def _taken_back(row: Ledger) -> str:
    return str(_("Taken back, with receipt")) if row.reason == WITHDRAWN else ""


def _entered_later(row: Ledger) -> bool:
    """Whether somebody wrote down what had happened on an earlier day."""
    return row.recorded_at - row.event_at >= timedelta(days=1)


def _when(row: Ledger) -> SafeString | str:
    """When it happened, and when it was recorded where that was later."""
    happened = ui.moment(row.event_at)
    if not _entered_later(row):
        return happened
    recorded = _("recorded %(day)s") % {"day": ui.local_text(row.recorded_at, "date")}
    return format_html('{}<br><span class="nowrap text-sm text-muted">{}</span>', happened, recorded)


class AboutSearch(Search):
    """What the messages were about: the beginning of a label (VIN, number), or a customer as in every search box."""

    def bind(self, params: QueryDict) -> Bound:
        bound = super().bind(params)
        if bound.q is not None:
            people = Customer.objects.filter(matching(str(bound.value))).values_list("pk", flat=True)[:MOST_FOUND]
            about = Disclosure.objects.filter(customer_id__in=list(people)).values("id")
            bound.q = Q(subject_label__istartswith=bound.value) | Q(id__in=about)
        return bound


class LedgerPage(ListPage):
    """Every message about this dealership's data: what left, what stayed, and why."""

    title = gettext_lazy("Ledger")
    subtitle = gettext_lazy("What left this dealership, what stayed, and why")
    columns = [
        Column("about", gettext_lazy("About"), value=lambda row: row.about, export=_subject, phone="title"),
        Column(
            "contract",
            gettext_lazy("Kind"),
            value=lambda row: words.contract_label(row.contract),
            sort="contract",
            phone="subtitle",
        ),
        Column("when", gettext_lazy("When"), value=_when, kind="html", sort="event_at", screen_only=True),
        Column("event_at", gettext_lazy("When"), kind="datetime", export_only=True),
        Column("recorded_at", gettext_lazy("Recorded at"), kind="datetime", export_only=True),
        Column("purpose", gettext_lazy("Purpose")),
        Column("level", gettext_lazy("Level"), kind="state"),
        Column(
            "left",
            gettext_lazy("Left"),
            value=_left,
            export=_names,
        ),
        Column(
            "stayed",
            gettext_lazy("Stayed"),
            value=_stayed,
            export=lambda row: "; ".join(f"{name}: {why}" for name, why in words.withheld_in_words(row.withheld)),
        ),
        Column("state", gettext_lazy("State"), kind="state", sort="state", phone="badge", export=_state),
        Column("taken_back", gettext_lazy("Taken back"), value=_taken_back),
        Column("agreement_version", gettext_lazy("Agreement"), export_only=True),
        Column("delivered_at", gettext_lazy("Delivered at"), kind="datetime", export_only=True),
        Column("applied_at", gettext_lazy("Applied at"), kind="datetime", export_only=True),
        Column("commitment", gettext_lazy("Fingerprint"), export_only=True),
    ]
    filters = [
        AboutSearch(fields=("subject_label",), placeholder=gettext_lazy("Customer, VIN or number")),
        Choice(
            "contract",
            gettext_lazy("Kind"),
            choices=_kinds,
        ),
        Choice("purpose", gettext_lazy("Purpose"), choices=Purpose),
        Choice("level", gettext_lazy("Level"), choices=Level),
        Choice("state", gettext_lazy("State"), choices=LedgerState),
        DateRange("event_at", gettext_lazy("When")),
    ]
    ordering = "-number"
    export_right = Right.SHARING_READ
    export_name = "sharing-ledger"
    empty_icon = "share-2"
    empty_title = gettext_lazy("Nothing has left this dealership yet")
    template_name = "sharing/ledger.html"

    @cached_property
    def customer(self) -> Customer | None:
        """The one customer that the address asks for."""
        asked = self.request.GET.get("customer", "")
        return access_customer_for_reading(asked, self.request.user) if asked else None

    def get_queryset(self) -> Any:
        if self.customer:
            return queries.messages_about(self.customer.pk, self.request.user).defer("path")
        return queries.visible_ledger(self.request.user).defer("path")

    @property
    def actions(self) -> list[dict[str, Any]]:
        one = f"?customer={self.customer.pk}" if self.customer else ""
        url = reverse("sharing:statutory_list") + one
        return [{"label": _("List by law"), "url": url, "icon": "scale", "variant": "plain"}]

    def extra_context(self) -> dict[str, Any]:
        days = chain.signed_days()
        return {"check": chain.last_check(), "signed_day": days[0] if days else None, "customer": self.customer}

    @cached_property
    def rows(self) -> list[Any]:
        return _with_subjects(super().rows)

    def row_url(self, row: Ledger) -> str:
        return reverse("sharing:message", args=[row.pk])

    def on_export(self, form: str, rows: int) -> None:
        after = {"format": form, "rows": rows, "filters": self.request.GET.urlencode()[:500]}
        audit.record(actor=Actor.of(self.request.user), action="sharing.export_ledger", obj=profile(), after=after)


def _with_subjects(rows: list[Ledger]) -> list[Ledger]:
    """Put the subject in words to each row as `about`: the label, and the customer where one is named. Two queries."""
    known = queries.disclosures_of(row.pk for row in rows)
    ids = {one.customer_id for one in known.values() if one.customer_id}
    names = dict(Customer.objects.filter(pk__in=ids).values_list("pk", "name")) if ids else {}
    for row in rows:
        about = known.get(row.pk)
        name = names.get(about.customer_id) if about and about.customer_id else None
        named = " · ".join(part for part in (row.subject_label, name) if part)
        vars(row).update(about=named or words.contract_label(row.contract), disclosure=about)
    return rows


ledger = _READ(LedgerPage.as_view())


@_READ
@require_GET
def message(request: HttpRequest, id: str) -> HttpResponseBase:
    """One line of the ledger, with what left, as it left."""
    found = queries.access_message_for_reading(id, request.user)
    _with_subjects([found])
    payload = queries.payload_of(found)
    body = payload.body if payload else {}
    later = _("Entered afterwards, for the day on which it happened.") if _entered_later(found) else ""
    times = [
        (_("Happened"), found.event_at, ""),
        (_("Decided and written down"), found.recorded_at, later),
        (pgettext("message", "Delivered"), found.delivered_at, ""),
        (_("Applied by the receiver"), found.applied_at, ""),
    ]
    context = {
        "place": chain.place_of(found),
        "message": found,
        "what": words.contract_label(found.contract),
        "level": Level(found.level),
        "purpose": Purpose(found.purpose).label,
        "state": LedgerState(found.state),
        "why": words.stopped_label(found.reason) if found.reason else "",
        "lines": previews.lines(found.contract, body or dict.fromkeys(found.released), found.withheld),
        "payload": payload,
        "taken_back": queries.withdrawal_of(found) if found.reason == WITHDRAWN else None,
        "explained": words.path_in_words(found.path),
        "times": [
            {"title": title, "at": at, "text": text, "icon": "check", "tone": "success"}
            for title, at, text in times
            if at
        ],
    }
    return render(request, "sharing/message.html", context)


@_READ
@require_GET
def signed_head(request: HttpRequest, day: str) -> HttpResponseBase:
    """The signed head of this ledger on a day, as a file to keep elsewhere."""
    found = chain.signed_head(day)
    answer = HttpResponse(found.document, content_type="text/plain; charset=us-ascii")
    name = f"ledger-{profile().slug}-{found.day:%Y-%m-%d}.txt"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
