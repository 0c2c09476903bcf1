"""Pages of owners and cars: what dealerships shared, what they did not, and why."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from exchange.counts import display
from kernel import clock
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.contracts import Level, Purpose, is_pseudonym
from kernel.reference.queries import CALENDAR, car_name
from kernel.ui import charts
from kernel.ui.lists import Bound, Choice, Column, ListPage, Search
from kernel.ui.templatetags import ui
from oem.agreements.queries import LastSeen, last_seen
from oem.agreements.words import contract_name
from oem.network.models import AT_WORK, Dealership, DealershipState
from oem.network.queries import dealership_choices, dealerships_for, region_name
from oem.owners import actions, queries, words
from oem.owners.models import Owner, Sale
from oem.owners.sections import Milestone

LEVELS = [(Level.FULL.value, Level.FULL.label), (Level.PSEUDONYMOUS.value, Level.PSEUDONYMOUS.label)]


# -- what stands where something was not shared ----------------------------------------------------------------


def missing_note(text: str, why: str = "") -> SafeString:
    """The words that stand in place of a value, with the reason for whoever asks."""
    if not why:
        return format_html('<span class="text-muted">{}</span>', text)
    return format_html('<span class="text-muted" title="{}">{}<span class="sr-only"> {}</span></span>', why, text, why)


def cell(record: Any, name: str, shown: Any = None) -> SafeString | str:
    """A field of a received record as people read it: its value, "not shared" with the reason, or "no entry"."""
    value, missing = words.value_or_why(record, name, shown)
    if value:
        return shown if isinstance(shown, SafeString) else value
    withheld = name in record.withheld
    return missing_note(missing, words.why_withheld(record.level) if withheld else "")


def code_text(value: str) -> SafeString:
    """A pseudonym, short enough for a cell."""
    return format_html(
        '<code translate="no" title="{}">{}…</code><span class="sr-only">{}</span>', value, value[:10], _("Code")
    )


def name_cell(owner: Owner) -> SafeString | str:
    """The owner's name, with the role where it is another than owner; the code and the reason where none was shared."""
    if owner.name or owner.company_name:
        shown: SafeString | str = words.shown_name(owner)
    elif is_pseudonym(owner.owner_key):
        shown = format_html(
            '{}<span class="block text-sm font-normal text-muted" title="{}">{} {}</span>',
            code_text(owner.owner_key),
            words.why_withheld(owner.level),
            _("Name not shared."),
            words.ONLY_A_CODE,
        )
    else:
        shown = cell(owner, "name")
    if owner.role == words.Role.OWNER:
        return shown
    role = words.role_name(owner.role)
    return format_html('{} <span class="text-sm font-normal text-muted">{}</span>', shown, role)


def vin_cell(vin: str) -> SafeString | str:
    """A VIN, or the code that stands for it."""
    if is_pseudonym(vin):
        return format_html(
            "{} {}", code_text(vin), missing_note(_("VIN not shared"), words.why_withheld("pseudonymous"))
        )
    return ui.vin(vin)


def phone_cell(owner: Owner) -> SafeString | str:
    if not owner.phone:
        return cell(owner, "phone")
    return format_html(
        '<a class="call" href="tel:{}">{}{}</a>', ui.tel(owner.phone), ui.icon("phone"), ui.phone_text(owner.phone)
    )


def _exported(name: str) -> Any:
    def export(owner: Owner) -> str:
        value, missing = words.value_or_why(owner, name)
        return value or missing

    return export


# -- the list --------------------------------------------------------------------------------------------------


class OwnerSearch(Search):
    """One box: name, telephone number, VIN or its end, code."""

    def bind(self, params: Any) -> Bound:
        bound = super().bind(params)
        if bound.value:
            bound.q = queries.text_condition(bound.value)
        return bound


class OwnerList(ListPage):
    """Owners of the whole network, as far as dealerships and customers share them."""

    title = gettext_lazy("Owners")
    subtitle = gettext_lazy("Received for customer care, and shown for nothing else.")
    template_name = "owners/list.html"
    ordering = ("-event_at", "id")
    export_right = Right.OWNERS_READ
    export_name = "owners"
    empty_icon = "users"
    empty_title = gettext_lazy("No owner has been shared yet")
    empty_text = gettext_lazy("Dealerships share owners by opt-in, and customers by consent.")

    @cached_property
    def names(self) -> dict[UUID, str]:
        return {one.id: one.shown_name for one in self.dealerships}

    @cached_property
    def dealerships(self) -> list[Any]:
        return list(dealerships_for(self.request.user))

    def get_queryset(self) -> QuerySet[Owner]:
        return queries.owners_for(self.request.user)

    def row_url(self, row: Owner) -> str:
        return reverse("owners:owner", args=[row.id])

    def get_columns(self) -> list[Column]:
        return [
            Column(
                "name",
                _("Owner"),
                value=name_cell,
                kind="html",
                sort="name",
                phone="title",
                export=self._take,
            ),
            Column("dealership", _("Dealership"), value=lambda row: self.names.get(row.dealership), phone="subtitle"),
            Column("level", _("Shared"), value="level", kind="state", tone_kind="level", sort="level", phone="badge"),
            Column("vin", _("VIN"), value=lambda row: vin_cell(row.vin), kind="html", export=lambda row: row.vin),
            Column(
                "place",
                _("Place"),
                value=self._place,
                kind="html",
                sort=("province", "city"),
                export=_exported("province"),
            ),
            Column("role", _("Role"), value=lambda row: words.role_name(row.role), export_only=True),
            Column("city", _("City"), export=_exported("city"), export_only=True),
            Column("email", _("E-mail"), export=_exported("email"), export_only=True),
            Column("since", _("Since"), kind="date", export_only=True),
            Column("event_at", _("Last change"), kind="date", sort=("event_at", "id")),
            Column("phone", _("Phone"), value=phone_cell, kind="html", phone="call", export=_exported("phone")),
        ]

    @cached_property
    def searched_by(self) -> list[str]:
        """What the list is narrowed by, without the words."""
        return [bound.filter.key for bound in self.bound_filters if bound.active]

    @cached_property
    def taken(self) -> list[Owner]:
        """The owners that the file names so far."""
        return []

    def _take(self, row: Owner) -> str:
        self.taken.append(row)
        return words.shown_name(row)

    @staticmethod
    def _place(row: Owner) -> SafeString | str:
        names = [region_name(part) for part in (row.province, row.city) if part]
        if not names:
            return cell(row, "province")
        chinese = all(not name.isascii() for name in names)
        return "".join(dict.fromkeys(names)) if chinese else ", ".join(reversed(names))

    def get_filters(self) -> list[Any]:
        return [
            OwnerSearch(fields=("name", "phone", "vin"), placeholder=_("Name, phone or VIN")),
            Choice("dealership", _("Dealership"), choices=dealership_choices),
            Choice("level", _("Shared"), choices=LEVELS),
            Choice("province", _("Province"), choices=queries.province_choices),
            Choice("role", _("Role"), choices=words.Role),
        ]  # fmt: skip

    def extra_context(self) -> dict[str, Any]:
        asked = self.request.GET.urlencode()
        actions.note_listing(
            actor=Actor.of(self.request.user),
            reader=self.request.user,
            asked=asked,
            rows=self.rows,
            searched_by=self.searched_by,
        )
        if self.request.headers.get("HX-Target") == "list":
            return {}
        sharing = queries.sharing_of_owners(one for one in self.dealerships if one.state in AT_WORK)
        return {
            "cards": [sharing_card(one) for one in sharing if one.last and one.last.level is Level.COUNTS],
            "silent": [one.dealership for one in sharing if one.last is None],
        }

    def on_export(self, form: str, rows: int) -> None:
        actions.note_export(
            actor=Actor.of(self.request.user),
            reader=self.request.user,
            asked=self.request.GET.urlencode(),
            form=form,
            rows=self.taken,
            searched_by=self.searched_by,
        )


def sharing_card(one: queries.SharingOfOwners) -> dict[str, Any]:
    """A dealership that shares counts only (now), as a card."""
    assert one.last is not None
    chart = None
    if one.days:
        bars = [
            charts.Bar(ui.local_text(day, "day"), total, note=_("Owners who were new or changed"))
            for day, total in one.days
        ]
        chart = charts.vertical_bars(
            _("Owners new or changed, by day"), bars, value_label=_("Owners"), category_label=_("Day"), height=160
        )
    return {
        "dealership": one.dealership,
        "silent": one.last.silent(clock.now()),
        "first": None if one.begun else timezone.localtime(one.last.at).date() + timedelta(days=1),
        "last": one.last.at,
        "rows": one.rows,
        "chart": chart,
        "today": display(one.days[-1][1]) if one.days else "",
        "day": one.days[-1][0] if one.days else None,
        "months": [(month, str(tally)) for month, tally in reversed(one.months)],
    }


# -- one owner -------------------------------------------------------------------------------------------------


@requires(Right.OWNERS_READ)
@require_GET
def owner(request: HttpRequest, owner_id: UUID) -> HttpResponseBase:
    """One owner: every field with its value or why it is not there. Reading a named one is audited."""
    found = queries.access_owner_for_reading(owner_id, request.user)
    others = list(queries.other_roles(found, request.user)[:20])
    actions.note_reading(actor=Actor.of(request.user), owners=[found])
    dealership = Dealership.objects.get(id=found.dealership)
    company = found.kind == "company"
    shown = [
        *([("company_name", None)] if company else []),
        ("name", None),
        ("phone", phone_cell(found) if found.phone else None),
        ("email", None),
        *([] if company else [("sex", words.SEXES.get(found.sex)), ("birthday", _day(found.birthday))]),
        ("province", region_name(found.province)),
        ("city", region_name(found.city)),
        ("district", None),
        ("address", None),
    ]
    context: dict[str, Any] = {
        "owner": found,
        "heading": words.shown_name(found),
        "named": bool(found.name or found.company_name),
        "dealership": dealership,
        "person": [(words.field_name(name), cell(found, name, value or None)) for name, value in shown],
        "vehicle": [
            (_("Role"), words.role_name(found.role)),
            (_("Person or company"), words.kind_name(found.kind) if found.kind else cell(found, "kind")),
            (_("Since"), cell(found, "since", _day(found.since))),
            (_("Until"), _day(found.until) or _("Still in this role")),
        ],
        "vin_cell": vin_cell(found.vin),
        "stays": stays(found, dealership, queries.owners_last_seen()),
        "what_stays": words.WHAT_STAYS,
        "reason": words.why_withheld(found.level) if found.withheld else "",
        "withheld": [words.field_name(name) for name in found.withheld],
        "sharing": [
            (_("Purpose"), Purpose(found.purpose).label),
            (_("Level"), Level(found.level).label),
            (_("Agreement"), found.agreement_version),
            (_("Consent text"), cell(found, "consent_version")),
            (_("Last change"), ui.local_text(found.event_at)),
            (_("Received"), ui.local_text(found.recorded_at)),
        ],
        "others": [(one, words.role_name(one.role), vin_cell(one.vin)) for one in others],
        "crumbs": [(_("Owners"), reverse("owners:list"))],
    }
    return render(request, "owners/owner.html", context)


def stays(owner: Owner, dealership: Dealership, shares: dict[UUID, LastSeen]) -> str:
    """Why an owner still stands here whose dealership shares less by now; "" where it shares as much as before."""
    now = shares.get(owner.dealership)
    if dealership.state == DealershipState.RETIRED:
        sentence = words.HAS_LEFT
    elif now is not None and now.level < Level(owner.level):
        sentence = words.SHARES_LESS[now.level]
    else:
        return ""
    return str(sentence % {"name": dealership.short_name})


def _day(value: date | None) -> str | None:
    return ui.local_text(value, "date") if value else None


# -- one car ---------------------------------------------------------------------------------------------------


@requires(*queries.VEHICLE_RIGHTS)
@require_GET
def vehicle(request: HttpRequest, vin: str) -> HttpResponseBase:
    """One car for its whole life, as far as it was shared; each missing part says who does not share it."""
    found = queries.vehicle(vin, request.user)
    actions.note_vehicle(actor=Actor.of(request.user), found=found)
    dealerships = {one.id: one for one in Dealership.objects.all()}
    names = {id_: one.shown_name for id_, one in dealerships.items()}
    seen = last_seen(["VehicleSale", "Owner", *[part.section.contract for part in found.parts]])
    shares = queries.owners_last_seen() if found.owners else {}
    kept = [stays(one, dealerships[one.dealership], shares) for one in found.owners]
    context = {
        "vin": vin,
        "coded": is_pseudonym(vin),
        "car": _car(found.sale),
        "sale": _sale(found.sale, names) if found.sale else None,
        "sale_missing": _not_shared("VehicleSale", found, names, seen),
        "may_see_owners": request.user.has(Right.OWNERS_READ),
        "owners": [
            {
                "owner": one,
                "name": name_cell(one),
                "text": f"{words.role_name(one.role)} · {_period(one)} · {names.get(one.dealership, '')}",
                "url": reverse("owners:owner", args=[one.id]),
            }
            for one in found.owners
        ],
        "what_stays": list(dict.fromkeys(filter(None, kept))),
        "owners_missing": _not_shared("Owner", found, names, seen),
        "parts": [
            {
                "section": part.section,
                "purpose": part.section.purpose.label,
                "allowed": part.allowed,
                "rows": [
                    {"milestone": milestone, "dealership": names.get(milestone.dealership, "")}
                    for milestone in part.milestones
                ],
                "missing": _not_shared(part.section.contract, found, names, seen),
            }
            for part in found.parts
        ],
        "timeline": _timeline(found, names),
        "crumbs": [(_("Owners"), reverse("owners:list"))] if request.user.has(Right.OWNERS_READ) else [],
    }
    return render(request, "owners/vehicle.html", context)


def _car(sale: Sale | None) -> str:
    if sale is None:
        return ""
    return car_name(brand=sale.brand, series=sale.series, model=sale.model, variant=sale.variant)


def _period(one: Owner) -> str:
    since = _day(one.since) or "…"
    return f"{since} – {_day(one.until)}" if one.until else _("since %(day)s") % {"day": since}


def _sale(sale: Sale, names: dict[UUID, str]) -> list[tuple[Any, Any]]:
    price = ui.money(sale.invoice_total, sale.currency) if sale.invoice_total is not None else None
    return [
        (_("Dealership"), names.get(sale.dealership, "")),
        (_("Car"), _car(sale)),
        (_("Contract signed on"), cell(sale, "contract_signed_on", _day(sale.contract_signed_on))),
        (_("Delivered on"), _day(sale.delivered_on)),
        (_("Invoice total"), cell(sale, "invoice_total", price)),
        (_("Buyer"), cell(sale, "buyer_kind", words.kind_name(sale.buyer_kind) if sale.buyer_kind else None)),
        (_("Province"), cell(sale, "province", region_name(sale.province) or None)),
    ]


def _not_shared(
    contract: str, found: queries.Vehicle, names: dict[UUID, str], seen: dict[tuple[UUID, str, str], LastSeen]
) -> str:
    """Who does not share a kind of record of this car, as a sentence."""
    known = [id_ for id_ in found.dealerships if id_ in names]
    if not known:
        return _("Not shared by any dealership.")
    if len(known) > 1:
        return _("Not shared by %(names)s.") % {"names": ", ".join(names[id_] for id_ in known)}
    level = next((one.level for key, one in seen.items() if key[0] == known[0] and key[1] == contract), None)
    values = {"name": names[known[0]], "what": contract_name(contract)}
    match level:
        case None:
            return _("Not shared by %(name)s: nothing of the kind “%(what)s” has come from there.") % values
        case Level.COUNTS:
            return _("Not shared by %(name)s: of the kind “%(what)s” only daily numbers come from there.") % values
        case Level.PSEUDONYMOUS:
            return _("Not shared by %(name)s with the VIN: “%(what)s” come with codes, which match no car.") % values
    return _("Not shared by %(name)s: no record of the kind “%(what)s” names this car.") % values


def _moment(value: datetime | date) -> datetime:
    if isinstance(value, datetime):
        return value
    return datetime.combine(value, time.min, tzinfo=ZoneInfo(CALENDAR))


def _timeline(found: queries.Vehicle, names: dict[UUID, str]) -> list[dict[str, Any]]:
    """Everything that happened to the car, newest first."""
    happened = [one for part in found.parts for one in part.milestones]
    for sale in found.sales:
        if sale.contract_signed_on:
            happened.append(Milestone(sale.contract_signed_on, _("Contract signed"), sale.dealership, "file-check"))
        happened.append(Milestone(sale.delivered_on, _("Delivered"), sale.dealership, "car", "success"))
    for one in found.owners:
        role = words.role_name(one.role)
        if one.since:
            title = _("%(role)s: begins") % {"role": role}
            happened.append(Milestone(one.since, title, one.dealership, "user-check", "info"))
        if one.until:
            happened.append(Milestone(one.until, _("%(role)s: ends") % {"role": role}, one.dealership, "log-out"))
    happened.sort(key=lambda one: _moment(one.at), reverse=True)
    return [
        {
            "icon": one.icon,
            "title": one.title,
            "text": one.text,
            "at": one.at,
            "who": names.get(one.dealership, ""),
            "tone": one.tone,
            "url": one.url,
        }
        for one in happened
    ]


def list_address(**chosen: Any) -> str:
    """The list of owners with filters set."""
    return reverse("owners:list") + ("?" + urlencode(chosen) if chosen else "")
