"""Pages of figures: the network, its parts, and one dealership beside it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from exchange.health import health
from kernel.accounts.access import requires
from kernel.accounts.roles import Right
from kernel.contracts import Level
from kernel.errors import Missing
from kernel.reference.queries import brand_choices
from kernel.ui.numbers import grouped
from kernel.ui.templatetags import ui
from oem.agreements.queries import LastSeen, last_seen
from oem.agreements.words import CONTRACTS, seen_in_words
from oem.insight import figures, indicators, periods
from oem.insight.figures import Reader
from oem.insight.indicators import Claims, Leads
from oem.insight.periods import Scope
from oem.network.models import Dealership
from oem.network.queries import dealerships_for
from oem.owners.queries import Tally

#: Records that name no brand: the brand filter cannot narrow their figures.
WITHOUT_BRAND = frozenset({"overview", "owners", "service", "claims", "dealership"})


def _reader(request: HttpRequest, dealership: Dealership | None = None) -> tuple[Reader, dict[str, Any]]:
    """What the address asks for, and the controls that show it. One query."""
    all_of_them = {one.id: one for one in dealerships_for(request.user)}
    period, scope = periods.scope_for(request.GET.get("period", ""))
    brands = brand_choices()
    brand = request.GET.get("brand", "")
    brand = brand if brand in dict(brands) else ""
    slugs = {one.slug: one.id for one in all_of_them.values()}
    chosen = dealership.id if dealership else slugs.get(request.GET.get("dealership", ""))
    reader = Reader(request.user, Scope(scope.since, scope.until, brand, chosen), period, all_of_them)
    controls = {
        "period": period,
        "periods": periods.choices(),
        "brand": brand,
        "brands": brands,
        "dealership": next((slug for slug, id_ in slugs.items() if id_ == chosen), ""),
        "dealerships": [] if dealership else [(one.slug, one.shown_name) for one in all_of_them.values()],
        "since": scope.since,
        "until": scope.until,
    }
    return reader, controls


def _tabs(request: HttpRequest, current: str) -> list[dict[str, Any]]:
    query = f"?{request.GET.urlencode()}" if request.GET else ""
    labels = {
        "overview": _("Overview"),
        "leads": _("Leads"),
        "owners": _("Sales and owners"),
        "service": _("Service"),
        "claims": _("Claims"),
    }
    return [
        {"label": label, "url": reverse(f"insight:{name}") + query, "current": name == current}
        for name, label in labels.items()
    ]


def _page(request: HttpRequest, name: str, controls: dict[str, Any], **context: Any) -> HttpResponseBase:
    notes = []
    if controls["brand"] and name in WITHOUT_BRAND:
        notes.append(_("The brand narrows leads and sales only: owners, visits and claims name no brand."))
    context = {"tabs": _tabs(request, name), "controls": controls, "page_notes": notes, **context}
    return render(request, "insight/figures.html", context)


def _exchange(user: Any) -> dict[str, Any]:
    """The exchange's health in one sentence, and its page for those who may open it. Four queries."""
    figures_ = health()
    url = ""
    if user.has(Right.EXCHANGE_READ):
        try:
            url = reverse("exchange:overview")
        except NoReverseMatch:
            url = ""
    return {"tone": figures_.tone, "sentence": figures_.sentences()[0], "url": url}


# -- tiles -----------------------------------------------------------------------------------------------------


def _share(value: float | None) -> str:
    return "–" if value is None else figures.percent_form(value)


def _days(value: float | None) -> str:
    return "–" if value is None else _("%(n)s days") % {"n": figures.days_form(value)}


def _plus(records: int, told: Tally) -> str:
    """A number of records with what daily counts add to it: "120", or "120–128" where days are hidden."""
    known = records + told.known
    return f"{grouped(known)}–{grouped(known + told.highest - told.known)}" if told.hidden else grouped(known)


def _lead_tiles(reader: Reader, found: Leads, network: Leads | None = None) -> list[dict[str, Any]]:
    times = indicators.answer_time(found)
    share = indicators.conversion(found).get("")
    tiles = [
        {"label": _("Leads received"), "value": grouped(found.total), "href": reader.leads()},
        {
            "label": _("Answer time, median"),
            "value": ui.duration_text(times.p50),
            "note": _("90 %% mark: %(time)s") % {"time": ui.duration_text(times.p90)},
        },
        {"label": _("Conversion"), "value": _share(share), "note": ""},
    ]
    if network is not None:
        tiles[0]["note"] = _("Network: %(value)s") % {"value": grouped(network.total)}
        whole = indicators.answer_time(network).p50
        tiles[1]["note"] = _("Network: %(value)s") % {"value": ui.duration_text(whole)}
        tiles[2]["note"] = _("Network: %(value)s") % {"value": _share(indicators.conversion(network).get(""))}
    return tiles


def _claim_tiles(reader: Reader, found: Claims, network: Claims | None = None) -> list[dict[str, Any]]:
    waiting = indicators.tallied(found.cells, "key")[figures.ClaimState.SUBMITTED]
    times = indicators.days_to_decision(found)
    tiles = [
        {"label": _("Claims to be decided"), "value": grouped(waiting), "href": reader.claims(state="submitted")},
        {
            "label": _("Claims accepted"),
            "value": _share(indicators.claim_acceptance(found.cells)),
            "note": _accepted(found),
        },
        {"label": _("Money approved"), "value": _share(indicators.amount_approved(found)), "note": _money(found)},
        {
            "label": _("Days to the decision, median"),
            "value": _days(times.p50),
            "note": _("90 %% mark: %(time)s") % {"time": _days(times.p90)},
        },
    ]
    if network is not None:
        share = indicators.claim_acceptance(network.cells)
        tiles[1]["note"] = _("Network: %(value)s") % {"value": _share(share)}
        tiles[2]["note"] = _("Network: %(value)s") % {"value": _share(indicators.amount_approved(network))}
        whole = indicators.days_to_decision(network).p50
        tiles[3]["note"] = _("Network: %(value)s") % {"value": _days(whole)}
    return tiles


def _accepted(found: Claims) -> str:
    numbers = indicators.tallied(found.cells, "key")
    final = sum(numbers[state] for state in indicators.FINAL)
    if not final:
        return ""
    accepted, partly = sum(numbers[one] for one in indicators.ACCEPTED), numbers[figures.ClaimState.PARTLY_APPROVED]
    words = {"n": grouped(accepted), "final": grouped(final), "partly": grouped(partly)}
    return _("%(n)s of %(final)s decided claims, %(partly)s of them in part") % words


def _money(found: Claims) -> str:
    if found.asked is None or found.approved is None:
        return ""
    amounts = {"approved": ui.money(found.approved, found.currency), "asked": ui.money(found.asked, found.currency)}
    return _("%(approved)s of %(asked)s") % amounts


# -- pages -----------------------------------------------------------------------------------------------------


@requires(Right.INSIGHT_READ)
@require_GET
def overview(request: HttpRequest) -> HttpResponseBase:
    """The network at a glance: what matters of each part, and how the exchange is."""
    reader, controls = _reader(request)
    context = _glance(reader)
    return _page(request, "overview", controls, title=_("Figures"), exchange=_exchange(request.user), **context)


def _glance(reader: Reader, *, compare: bool = False) -> dict[str, Any]:
    """Tiles and main charts of a scope; with `compare` the network's own figures beside it."""
    scope = reader.scope
    leads, claims = indicators.leads(scope), indicators.claims(scope)
    sales, visits = indicators.sales(scope), indicators.service_visits(scope)
    owners, told = indicators.owners(scope), indicators.counted(scope)
    network = (indicators.leads(scope.whole_network), indicators.claims(scope.whole_network)) if compare else None
    waiting, _share_of_claims, money, *_rest = _claim_tiles(reader, claims, network[1] if network else None)
    tiles = [
        *_lead_tiles(reader, leads, network[0] if network else None),
        {"label": _("Cars sold"), "value": _plus(sum(c.n for c in sales), told.of("VehicleSale"))},
        {
            "label": _("Owners new or changed"),
            "value": _plus(sum(c.n for c in owners), told.of("Owner")),
            "href": reader.owners(),
        },
        {
            "label": _("Service visits"),
            "value": _plus(sum(c.n for c in visits), told.of("ServiceVisit")),
            "href": reader.visits(),
        },
        waiting,
        money,
    ]
    shown = [
        figures.funnel(reader, leads),
        figures.sales_over_time(reader, sales),
        figures.visits_over_time(reader, visits, told),
        figures.claim_states(reader, claims),
    ]
    return {"tiles": tiles, "figures": shown}


@requires(Right.INSIGHT_READ)
@require_GET
def leads(request: HttpRequest) -> HttpResponseBase:
    """The lead funnel by state, channel and dealership, with answer times and conversion."""
    reader, controls = _reader(request)
    found = indicators.leads(reader.scope)
    shown = [
        figures.funnel(reader, found),
        figures.lead_states(reader, found),
        figures.lead_dealerships(reader, found),
        figures.conversion_by(reader, found, "dealership"),
        *figures.answer_times(reader, found),
        figures.lead_channels(reader, found),
        figures.conversion_by(reader, found, "channel"),
        *figures.answer_times_by_channel(found),
    ]
    return _page(request, "leads", controls, title=_("Leads"), tiles=_lead_tiles(reader, found), figures=shown)


@requires(Right.INSIGHT_READ)
@require_GET
def owners(request: HttpRequest) -> HttpResponseBase:
    """Cars sold by month and brand, and owners by how much of them is shared."""
    reader, controls = _reader(request)
    scope = reader.scope
    sold, held, told = indicators.sales(scope), indicators.owners(scope), indicators.counted(scope)
    seen = last_seen(["Owner", "VehicleSale"])
    by_level = indicators.tallied(held, "key")
    tiles = [
        {"label": _("Cars sold"), "value": _plus(sum(c.n for c in sold), told.of("VehicleSale"))},
        {"label": _("Owners by name"), "value": grouped(by_level["full"]), "href": reader.owners(level="full")},
        {
            "label": _("Owners by code"),
            "value": grouped(by_level["pseudonymous"]),
            "href": reader.owners(level="pseudonymous"),
        },
        {"label": _("Changes known as counts only"), "value": str(told.of("Owner"))},
    ]
    shown = [
        figures.sales_over_time(reader, sold),
        figures.sales_by_dealership(reader, sold, told, seen),
        figures.owners_by_level(reader, held, told, seen),
    ]
    return _page(request, "owners", controls, title=_("Sales and owners"), tiles=tiles, figures=shown)


@requires(Right.INSIGHT_READ)
@require_GET
def service(request: HttpRequest) -> HttpResponseBase:
    """Service visits by month and reason, and by dealership as far as each shares them."""
    reader, controls = _reader(request)
    visits, told = indicators.service_visits(reader.scope), indicators.counted(reader.scope)
    seen = last_seen(["ServiceVisit"])
    tiles = [
        {
            "label": _("Service visits"),
            "value": _plus(sum(c.n for c in visits), told.of("ServiceVisit")),
            "href": reader.visits(),
        },
        {"label": _("Visits known as counts only"), "value": str(told.of("ServiceVisit"))},
    ]
    shown = [
        figures.visits_over_time(reader, visits, told),
        figures.visit_kinds(reader, visits),
        figures.visits_by_dealership(reader, visits, told, seen),
    ]
    return _page(request, "service", controls, title=_("Service"), tiles=tiles, figures=shown)


@requires(Right.INSIGHT_READ)
@require_GET
def claims(request: HttpRequest) -> HttpResponseBase:
    """Claims by state and dealership, acceptance and the time to the decision."""
    reader, controls = _reader(request)
    found = indicators.claims(reader.scope)
    shown = [
        figures.claim_states(reader, found),
        figures.claims_by_dealership(reader, found),
        figures.acceptance(reader, found),
        figures.amounts(reader, found),
        *figures.decision_times(reader, found),
    ]
    return _page(request, "claims", controls, title=_("Claims"), tiles=_claim_tiles(reader, found), figures=shown)


@requires(Right.INSIGHT_READ)
@require_GET
def dealership(request: HttpRequest, slug: str) -> HttpResponseBase:
    """One dealership, its rates beside the network's."""
    found = dealerships_for(request.user).filter(slug=slug).first()
    if found is None:
        raise Missing()
    reader, controls = _reader(request, found)
    seen = {key[1]: one for key, one in last_seen().items() if key[0] == found.id}
    return _page(
        request,
        "dealership",
        controls,
        title=found.shown_name,
        member=found,
        crumbs=[(_("Figures"), reverse("insight:overview"))],
        absent=_absent(seen),
        **_glance(reader, compare=True),
    )


def _absent(seen: dict[str, LastSeen]) -> list[str]:
    """Kinds of data that this dealership does not share, or only as numbers, as sentences."""
    return [
        _("%(what)s: %(how)s") % {"what": title, "how": seen_in_words(seen.get(code))}
        for code, title in CONTRACTS.items()
        if code not in seen or seen[code].level <= Level.COUNTS
    ]
