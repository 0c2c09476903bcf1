"""Pages of sharing: switchboard, agreements, ledger."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy, ngettext, pgettext, pgettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from dealer.customers.models import Customer
from dealer.customers.queries import access_customer_for_reading
from dealer.organisation.queries import profile
from dealer.sharing import actions, previews, queries, words
from dealer.sharing.flows import FLOWS, Flow
from dealer.sharing.forms import SignForm
from dealer.sharing.models import AgreementState, For, Grant, How, LevelChange, Reading
from exchange.models import Ledger, LedgerState
from kernel import audit, clock
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.contracts import Level, Purpose, is_pseudonym
from kernel.errors import Conflict, Forbidden, Invalid
from kernel.tenancy.manufacturer import in_words
from kernel.ui.lists import Choice, Column, DateRange, ListPage, Search
from kernel.ui.templatetags import ui

page = require_http_methods(["GET", "HEAD", "POST"])
_READ = requires(Right.SHARING_READ)
#: Days that the numbers on the switchboard look back.
LOOK_BACK = 30


# -- switchboard


@dataclass(frozen=True)
class Choosable:
    """One of the four levels of a card."""

    level: Level
    words: Any
    current: bool
    possible: bool
    question: str
    lowers: bool


@dataclass(frozen=True)
class Card:
    """One kind of data on the switchboard."""

    grant: Grant
    flow: Flow
    choices: list[Choosable]
    sent: int
    kept: int
    latest: LevelChange | None
    why_fixed: Any
    #: Records that the manufacturer holds at a higher level than is in force now.
    stays: int

    @property
    def in_words(self) -> Any:
        return self.flow.in_words[self.grant.level]


def _question(flow: Flow, level: Level, lowers: bool) -> str:
    """What the confirmation says: what holds from the next second on."""
    parts = [_("From the next second on the manufacturer sees:"), str(flow.in_words[level])]
    if lowers:
        parts.append(_("What has not been delivered yet is stopped."))
        parts.append(_("What the manufacturer has received before stays there until it is withdrawn."))
    # Chinese sentences follow each other without a space.
    return ("" if (get_language() or "").startswith("zh") else " ").join(parts)


def _card(grant: Grant, numbers: Counter[tuple[str, str]], stays: int) -> Card:
    flow, now = FLOWS[grant.contract], grant.level
    choices = [
        Choosable(
            level=level,
            words=flow.in_words[level],
            current=level is now,
            possible=not grant.required and level <= Level(grant.template) and level is not now,
            question=_question(flow, level, level < now),
            lowers=level < now,
        )
        for level in Level
    ]
    return Card(
        grant=grant,
        flow=flow,
        choices=choices,
        sent=numbers[grant.contract, "sent"],
        kept=numbers[grant.contract, "kept"],
        latest=next(iter(vars(grant)["latest"]), None),
        why_fixed=actions.why_required(grant, grant.agreement.version) if grant.required else "",
        stays=stays,
    )


def _numbers() -> Counter[tuple[str, str]]:
    """How many records of each contract left, and stayed, in the last days. One query."""
    since = clock.now() - timedelta(days=LOOK_BACK)
    rows = Ledger.objects.filter(event_at__gte=since).order_by().values_list("contract", "state").annotate(Count("pk"))
    found: Counter[tuple[str, str]] = Counter()
    for contract, state, number in rows:
        found[contract, "kept" if state in (LedgerState.WITHHELD, LedgerState.STOPPED) else "sent"] += number
    return found


@_READ
@require_GET
def switchboard(request: HttpRequest) -> HttpResponseBase:
    """The whole of sharing on one page."""
    order = list(FLOWS)
    grants = [grant for grant in queries.switchboard() if grant.contract in FLOWS]
    numbers = _numbers()
    stays = queries.sent_at_higher_levels(grants)
    grants.sort(key=lambda grant: order.index(grant.contract))
    cards = [_card(grant, numbers, stays.get(grant.pk, 0)) for grant in grants]
    versions = list(queries.agreements())
    context = {
        "cards": cards,
        "agreement": next((one for one in versions if one.state == AgreementState.SIGNED), None),
        "proposed": next((one for one in versions if one.state == AgreementState.PROPOSED), None),
        "may_change": request.user.has(Right.SHARING_CHANGE),
        "manufacturer": in_words(profile().manufacturer_name),
        "days": LOOK_BACK,
    }
    return render(request, "sharing/switchboard.html", context)


@requires(Right.SHARING_CHANGE)
@require_POST
def change_level(request: HttpRequest, id: str) -> HttpResponseBase:
    """Set a level."""
    grant = queries.access_grant_for_changing(id, request.user)
    try:
        change = actions.change_level(
            actor=Actor.of(request.user),
            contract=grant.contract,
            purpose=grant.purpose,
            level=request.POST.get("level", ""),
        )
    except (Conflict, Invalid) as refusal:
        messages.error(
            request, "; ".join(str(e.message) for e in refusal.errors) if isinstance(refusal, Invalid) else str(refusal)
        )
        return redirect("sharing:switchboard")
    text = _("%(what)s: %(level)s from now on.") % {
        "what": words.contract_label(grant.contract),
        "level": Level(change.after).label,
    }
    if change.stopped:
        text += " " + ngettext(
            "%(n)d waiting message was stopped.", "%(n)d waiting messages were stopped.", change.stopped
        ) % {"n": change.stopped}
    messages.success(request, text)
    return redirect("sharing:switchboard")


@_READ
@require_GET
def flow(request: HttpRequest, id: str) -> HttpResponseBase:
    """One kind of data: what each level would let out of the dealership's own records, and the history."""
    grant = queries.access_grant_for_reading(id, request.user)
    asked = request.GET.get("level", "")
    level = Level(asked) if asked in Level.values else grant.level
    found = previews.preview(grant, level)
    context = {
        "grant": grant,
        "flow": FLOWS[grant.contract],
        "level": level,
        "words": FLOWS[grant.contract].in_words[level],
        "tabs": [
            {"label": one.label, "url": f"?level={one.value}", "current": one is level}
            for one in Level
            if one <= Level(grant.template)
        ],
        "preview": found,
        "changes": grant.changes.all()[:50],
        **_example(found, grant.contract, level),
    }
    return render(request, "sharing/flow.html", context)


@_READ
@require_GET
def preview(request: HttpRequest, id: str) -> HttpResponseBase:
    """The part of a card that shows the latest own record at the level in force."""
    grant = queries.access_grant_for_reading(id, request.user)
    asked = request.GET.get("level", "")
    level = Level(asked) if asked in Level.values else grant.level
    found = previews.preview(grant, level, limit=1)
    context = {"grant": grant, "level": level, "preview": found, **_example(found, grant.contract, level)}
    return render(request, "sharing/_preview.html", context)


def _example(found: Any, contract: str, level: Level) -> dict[str, Any]:
    decision = found.examples[0] if found.examples else None
    leave, stay = previews.static_fields(contract, level)
    return {
        "decision": decision,
        "lines": previews.decision_lines(decision) if decision else [],
        "explained": decision.explain() if decision else [],
        "leave": leave,
        "stay": stay,
    }


# -- agreements


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


# -- ledger


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
        Column("agreement_version", gettext_lazy("Agreement"), export_only=True),
        Column("delivered_at", gettext_lazy("Delivered at"), kind="datetime", export_only=True),
        Column("applied_at", gettext_lazy("Applied at"), kind="datetime", export_only=True),
        Column("commitment", gettext_lazy("Fingerprint"), export_only=True),
    ]
    filters = [
        Search(fields=("subject_label",), lookup="istartswith", placeholder=gettext_lazy("VIN or number")),
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

    def get_queryset(self) -> Any:
        return queries.visible_ledger(self.request.user).defer("path")

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
        "message": found,
        "what": words.contract_label(found.contract),
        "level": Level(found.level),
        "purpose": Purpose(found.purpose).label,
        "state": LedgerState(found.state),
        "why": words.stopped_label(found.reason) if found.reason else "",
        "lines": previews.lines(found.contract, body or dict.fromkeys(found.released), found.withheld),
        "payload": payload,
        "explained": words.path_in_words(found.path),
        "times": [
            {"title": title, "at": at, "text": text, "icon": "check", "tone": "success"}
            for title, at, text in times
            if at
        ],
    }
    return render(request, "sharing/message.html", context)


# -- who looked


def _about(row: Reading) -> SafeString | str:
    """What was seen: the one customer by name, the car, or how many owners."""
    named = vars(row).get("named", "")
    if named and len(row.owner_keys) == 1:
        return format_html(
            '<a class="underline" href="{}">{}</a>', reverse("customers:card", args=[row.owner_keys[0]]), named
        )
    if row.vin:
        return ui.vin(row.vin)
    return ngettext("%(n)d owner", "%(n)d owners", row.rows) % {"n": row.rows}


class ReadingsPage(ListPage):
    """Every time that somebody at the manufacturer looked at owners or cars that this dealership had shared."""

    title = gettext_lazy("Who looked at what we shared")
    subtitle = gettext_lazy(
        "The manufacturer reports its own reading, within minutes. It cannot be changed here or there."
    )
    columns = [
        Column("about", gettext_lazy("About"), value=_about, kind="html", phone="title"),
        Column("reader", pgettext_lazy("reading", "Who"), value=words.reader, phone="subtitle"),
        Column("reading_for", pgettext_lazy("reading", "For"), value=lambda row: row.get_reading_for_display()),
        Column("how", gettext_lazy("How"), value=lambda row: row.get_how_display(), sort="how", phone="badge"),
        Column("narrowed", gettext_lazy("Searched by"), value=words.narrowed),
        Column("rows", gettext_lazy("Records"), kind="number", sort="rows"),
        Column("at", gettext_lazy("When"), kind="datetime", sort=("at", "number")),
        Column("of", gettext_lazy("Kind"), value=lambda row: row.get_of_display(), export_only=True),
        Column("purpose", gettext_lazy("Shared for"), value=lambda row: row.get_purpose_display(), export_only=True),
        Column("vin", gettext_lazy("VIN"), export_only=True),
        Column("owners", gettext_lazy("Customers"), value=lambda row: " ".join(row.owner_keys), export_only=True),
        Column("reader_id", pgettext_lazy("reading", "Person"), value="reader", export_only=True),
    ]
    filters = [
        Choice("how", gettext_lazy("How"), choices=How),
        Choice("reading_for", pgettext_lazy("reading", "For"), choices=For),
        DateRange("at", gettext_lazy("When")),
    ]
    ordering = ("-at", "-number")
    export_right = Right.SHARING_READ
    export_name = "readings"
    empty_icon = "eye"
    empty_title = gettext_lazy("Nobody at the manufacturer has looked yet")

    def get_queryset(self) -> Any:
        customer = self.request.GET.get("customer", "")
        if customer:
            return queries.readings_of(access_customer_for_reading(customer, self.request.user).pk, self.request.user)
        return queries.visible_readings(self.request.user)

    @cached_property
    def rows(self) -> list[Any]:
        return _with_names(super().rows)

    def on_export(self, form: str, rows: int) -> None:
        after = {"format": form, "rows": rows, "filters": self.request.GET.urlencode()[:500]}
        audit.record(actor=Actor.of(self.request.user), action="sharing.export_readings", obj=profile(), after=after)


def _with_names(rows: list[Reading]) -> list[Reading]:
    """Put the customer's name to each row that is about one, as `named`. One query."""
    single = {row.owner_keys[0] for row in rows if len(row.owner_keys) == 1 and not is_pseudonym(row.owner_keys[0])}
    names = {str(id_): name for id_, name in Customer.objects.filter(pk__in=single).values_list("pk", "name")}
    for row in rows:
        vars(row)["named"] = names.get(row.owner_keys[0], "") if len(row.owner_keys) == 1 else ""
    return rows


readings = _READ(ReadingsPage.as_view())
