"""Indicators as charts: each with its table, its meaning, and the list behind it as far as the reader may see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from kernel.accounts.roles import Right
from kernel.automotive.channel import channel_name
from kernel.contracts import Level
from kernel.reference.queries import brand_name
from kernel.ui import charts
from kernel.ui.templatetags.ui import duration_text
from oem.aftersales.models import ClaimState, Kind
from oem.agreements.queries import Key, LastSeen
from oem.insight import indicators
from oem.insight.indicators import INDICATORS, Cell, Claims, Counted, Indicator, Leads
from oem.insight.periods import Scope
from oem.leads.models import LeadState
from oem.network.models import AT_WORK, Dealership
from oem.owners.queries import Tally

#: Tones that a state keeps in every chart.
CLAIM_TONES = {
    ClaimState.SUBMITTED: "s0",
    ClaimState.APPROVED: "s-good",
    ClaimState.PARTLY_APPROVED: "s1",
    ClaimState.SENT_BACK: "s3",
    ClaimState.REFUSED: "s-bad",
}


def percent_form(value: float) -> str:
    return f"{value * 100:.0f}%"


def days_form(value: float) -> str:
    return charts.plain(round(value, 1))


@dataclass(frozen=True)
class Figure:
    """One card. `chart` None: nothing in this period. `link` leads to the records behind it."""

    about: Indicator
    chart: SafeString | None = None
    notes: Sequence[str] = ()
    link: str = ""
    link_label: str = ""


@dataclass(frozen=True)
class Reader:
    """Who looks, at what: addresses lead only where this person may go."""

    user: Any
    scope: Scope
    period: str
    dealerships: dict[UUID, Dealership]

    def name(self, id_: UUID | None) -> str:
        if id_ is None:
            return _("Given to nobody")
        found = self.dealerships.get(id_)
        return found.shown_name if found else str(id_)

    def shown(self) -> list[Dealership]:
        """The dealerships that figures compare: the one chosen, or all."""
        chosen = self.scope.dealership
        return [one for id_, one in self.dealerships.items() if chosen is None or id_ == chosen]

    def address(self, right: Right, name: str, **chosen: Any) -> str:
        """A list with filters set; "" where there is none or it is not for this person."""
        if not self.user.has(right):
            return ""
        try:
            url = reverse(name)
        except NoReverseMatch:
            return ""
        given = {key: value for key, value in chosen.items() if value not in ("", None)}
        return f"{url}?{urlencode(given)}" if given else url

    def leads(self, **chosen: Any) -> str:
        given = {"brand": self.scope.brand, "dealership": self.scope.dealership, **chosen}
        return self.address(Right.LEADS_READ, "leads:leads", **given, **self._days("received_at"))

    def owners(self, **chosen: Any) -> str:
        return self.address(Right.OWNERS_READ, "owners:list", **{"dealership": self.scope.dealership, **chosen})

    def visits(self, **chosen: Any) -> str:
        given = {"dealership": self.scope.dealership, **chosen, **self._days("event_at")}
        return self.address(Right.SERVICE_READ, "aftersales:visits", **given)

    def claims(self, **chosen: Any) -> str:
        given = {"dealership": self.scope.dealership, **chosen, **self._days("submitted_at")}
        return self.address(Right.CLAIMS_READ, "aftersales:claims", **given)

    def dealership(self, id_: UUID | None) -> str:
        found = self.dealerships.get(id_) if id_ else None
        if found is None or self.scope.dealership:
            return ""
        asked = {"period": self.period} | ({"brand": self.scope.brand} if self.scope.brand else {})
        return f"{reverse('insight:dealership', args=[found.slug])}?{urlencode(asked)}"

    def _days(self, name: str) -> dict[str, Any]:
        return {f"{name}_from": self.scope.since, f"{name}_to": self.scope.until}


def _figure(key: str, chart: SafeString | None, **given: Any) -> Figure:
    return Figure(INDICATORS[key], chart, **given)


def _ranked(
    key: str, bars: Sequence[charts.Bar], *, category: str, form: Any = charts.plain, title: Any = "", **given: Any
) -> Figure:
    """A ranking. Numbers that are all zero are nothing to draw; a share of 0 % is."""
    about = INDICATORS[key]
    chart = None
    if any(bar.value is None or bar.value or form is not charts.plain for bar in bars):
        chart = charts.horizontal_bars(
            title or about.title, bars, value_label=about.unit, category_label=category, form=form
        )
    return _figure(key, chart, **given)


# -- leads -----------------------------------------------------------------------------------------------------


def funnel(reader: Reader, found: Leads) -> Figure:
    """Stages from received to won."""
    bars = [
        charts.Bar(stage.label, n, url=reader.leads() if stage == LeadState.RECEIVED else "")
        for stage, n in indicators.lead_funnel(found)
    ]
    about = INDICATORS["lead_funnel"]
    chart = charts.funnel(about.title, bars, value_label=about.unit) if found.total else None
    return _figure("lead_funnel", chart, link=reader.leads(), link_label=_("Show these leads"))


def lead_states(reader: Reader, found: Leads) -> Figure:
    bars = [
        charts.Bar(state.label, n, url=reader.leads(state=state)) for state, n in indicators.leads_by_state(found)
    ]  # fmt: skip
    return _ranked("leads_by_state", bars, category=_("State"))


def lead_channels(reader: Reader, found: Leads) -> Figure:
    bars = [
        charts.Bar(channel_name(channel) or _("Not named"), n, url=reader.leads(channel=channel) if channel else "")
        for channel, n in indicators.leads_by_channel(found)
    ]
    return _ranked("leads_by_channel", bars, category=_("Channel"))


def lead_dealerships(reader: Reader, found: Leads) -> Figure:
    numbers = indicators.leads_by_dealership(found)
    bars = [charts.Bar(d.shown_name, numbers.get(d.id, 0), url=reader.dealership(d.id)) for d in reader.shown()]
    nobody = found.by("dealership")[None]
    if nobody:
        bars.append(charts.Bar(reader.name(None), nobody))
    bars.sort(key=lambda bar: -(bar.value or 0))
    return _ranked("leads_by_dealership", bars, category=_("Dealership"))


def answer_times(reader: Reader, found: Leads) -> list[Figure]:
    """Median and 90 % mark by dealership, the fastest first."""
    rows = [(d.shown_name, indicators.answer_time(found, d.id), reader.dealership(d.id)) for d in reader.shown()]
    titles = (_("Answer time by dealership: median"), _("Answer time by dealership: 90 % mark"))
    return _two_marks("answer_time", rows, duration_text, _("Dealership"), titles)


def answer_times_by_channel(found: Leads) -> list[Figure]:
    """Median and 90 % mark by channel, the fastest first."""
    rows = [(channel_name(code) or _("Not named"), times, "") for code, times in found.answers_by_channel.items()]
    titles = (_("Answer time by channel: median"), _("Answer time by channel: 90 % mark"))
    return _two_marks("answer_time", rows, duration_text, _("Channel"), titles)


def _two_marks(
    key: str,
    rows: Iterable[tuple[str, indicators.Quantiles, str]],
    form: Any,
    category: str,
    titles: tuple[str, str],
) -> list[Figure]:
    """Two charts in the same order; one empty card when there is no value at all."""
    told = sorted((row for row in rows if row[1].p50 is not None), key=lambda row: row[1].p50 or 0)
    if not told:
        return [_figure(key, None)]
    medians = [charts.Bar(label, one.p50, url=url) for label, one, url in told]
    marks = [charts.Bar(label, one.p90, url=url, tone="s3") for label, one, url in told]
    return [
        _ranked(key, bars, category=category, form=form, title=title)
        for bars, title in zip((medians, marks), titles, strict=True)
    ]


def conversion_by(reader: Reader, found: Leads, name: str) -> Figure:
    """Share of won leads by dealership or channel."""
    shares = sorted(indicators.conversion(found, name).items(), key=lambda row: -row[1])
    if name == "dealership":
        bars = [charts.Bar(reader.name(k), v, url=reader.dealership(k)) for k, v in shares if k is not None]
        return _ranked("conversion", bars, category=_("Dealership"), form=percent_form,
                       title=_("Conversion by dealership"))  # fmt: skip
    bars = [charts.Bar(channel_name(k) or _("Not named"), v) for k, v in shares]
    return _ranked("conversion", bars, category=_("Channel"), form=percent_form, title=_("Conversion by channel"))


# -- figures over time -----------------------------------------------------------------------------------------


def _over_time(
    reader: Reader, key: str, cells: Sequence[Cell], labels: dict[str, str], told: dict[Any, Tally], **given: Any
) -> Figure:
    """Stacked by what the cells are told apart by; daily counts as a part of their own, hidden days hatched."""
    scope, about = reader.scope, INDICATORS[key]
    buckets = scope.buckets()
    numbers = indicators.tallied(cells, "bucket key")
    keys = [name for name in labels if any(numbers[bucket, name] for bucket in buckets)]
    series = [charts.Series(labels[name], [numbers[bucket, name] for bucket in buckets]) for name in keys]
    tallies = [told.get(bucket, Tally()) for bucket in buckets]
    notes = list(given.pop("notes", ()))
    if any(tally.known for tally in tallies):
        series.append(charts.Series(_("Known as counts only"), [tally.known for tally in tallies], tone="s6"))
    if any(tally.hidden for tally in tallies):
        hidden = [None if tally.hidden else 0 for tally in tallies]
        series.append(charts.Series(_("Days below five"), hidden, tone="s5"))
        days = sum(tally.hidden for tally in tallies)
        text = ngettext(
            "Hatched: %(n)s daily count was below five and is not told.",
            "Hatched: %(n)s daily counts were below five and are not told.",
            days,
        )
        notes.append(text % {"n": days})
    chart = None
    if series:
        category = _("Month") if scope.monthly else _("Week from")
        chart = charts.stacked_bars(about.title, [scope.label(b) for b in buckets], series, category_label=category)
    return _figure(key, chart, notes=notes, **given)


def sales_over_time(reader: Reader, cells: Sequence[Cell]) -> Figure:
    labels = {code: brand_name(code) for code in sorted({cell.key for cell in cells})}
    return _over_time(reader, "sales", cells, labels, {})


def visits_over_time(reader: Reader, cells: Sequence[Cell], told: Counted) -> Figure:
    labels = {str(kind): str(kind.label) for kind in Kind} | {"": _("Reason not shared")}
    mine = {bucket: tally for (name, bucket), tally in told.by_bucket.items() if name == "ServiceVisit"}
    return _over_time(
        reader, "service_visits", cells, labels, mine, link=reader.visits(), link_label=_("Show these visits")
    )  # fmt: skip


# -- dealerships compared --------------------------------------------------------------------------------------


def _compared(
    reader: Reader,
    key: str,
    contract: str,
    numbers: dict[Any, int],
    told: Counted,
    seen: dict[Key, LastSeen],
    **given: Any,
) -> Figure:
    """One bar a dealership: records, else counts, else "not shared" as a sentence below."""
    shared_by = {key_[0] for key_ in seen if key_[1] == contract}
    bars, absent, ranges = [], [], []
    for one in reader.shown():
        tally = told.by_dealership.get((contract, one.id), Tally())
        if one.id not in shared_by and not numbers.get(one.id) and tally == Tally():
            absent += [one.shown_name] if one.state in AT_WORK else []
            continue
        records = numbers.get(one.id, 0)
        sum_ = Tally(records + tally.known, tally.hidden)
        if sum_.hidden:
            ranges.append(f"{one.shown_name} {sum_}")
        only_few = sum_.known == 0 and sum_.hidden == 1
        bars.append(charts.Bar(one.shown_name, None if only_few else sum_.known, url=reader.dealership(one.id)))
    bars.sort(key=lambda bar: -(bar.value or 0))
    notes = list(given.pop("notes", ()))
    if ranges:
        notes.append(_("Counts only, with days below five: %(ranges)s.") % {"ranges": ", ".join(ranges)})
    if absent:
        notes.append(_("Not shared by: %(names)s.") % {"names": ", ".join(absent)})
    figure = _ranked(key, bars, category=_("Dealership"), **given)
    return replace(figure, notes=notes)


def visits_by_dealership(reader: Reader, cells: Sequence[Cell], told: Counted, seen: dict[Key, LastSeen]) -> Figure:
    numbers = indicators.tallied(cells, "dealership")
    return _compared(reader, "service_visits", "ServiceVisit", numbers, told, seen,
                     title=_("Service visits by dealership"))  # fmt: skip


def sales_by_dealership(reader: Reader, cells: Sequence[Cell], told: Counted, seen: dict[Key, LastSeen]) -> Figure:
    numbers = indicators.tallied(cells, "dealership")
    return _compared(reader, "sales", "VehicleSale", numbers, told, seen, title=_("Cars sold by dealership"))


def visit_kinds(reader: Reader, cells: Sequence[Cell]) -> Figure:
    numbers = indicators.tallied(cells, "key")
    bars = [charts.Bar(k.label, numbers[k], url=reader.visits(kind=k)) for k in Kind if numbers[k]]
    bars.sort(key=lambda bar: -(bar.value or 0))
    return _ranked("service_visits", bars, category=pgettext("visit", "Reason"), title=_("Service visits by reason"))


def owners_by_level(reader: Reader, cells: Sequence[Cell], told: Counted, seen: dict[Key, LastSeen]) -> Figure:
    """Stacked by dealership: by name, by code, as counts only; hidden days hatched."""
    numbers = indicators.tallied(cells, "dealership key")
    held = {cell.dealership for cell in cells}
    shared_by = {key[0] for key in seen if key[1] == "Owner"}
    shown: list[Dealership] = []
    absent: list[Dealership] = []
    for one in reader.shown():
        some = one.id in held or one.id in shared_by or ("Owner", one.id) in told.by_dealership
        if some or one.state in AT_WORK:
            (shown if some else absent).append(one)
    tallies = [told.by_dealership.get(("Owner", one.id), Tally()) for one in shown]
    levels = [(level, level.label) for level in indicators.RECORD_LEVELS]
    series = [charts.Series(label, [numbers[one.id, level] for one in shown]) for level, label in levels]
    if any(tally.known for tally in tallies):
        series.append(charts.Series(Level.COUNTS.label, [tally.known for tally in tallies], tone="s6"))
    notes = []
    if any(tally.hidden for tally in tallies):
        series.append(
            charts.Series(_("Days below five"), [None if tally.hidden else 0 for tally in tallies], tone="s5")
        )
        ranges = [f"{one.shown_name} {tally}" for one, tally in zip(shown, tallies, strict=True) if tally.hidden]
        notes.append(_("Counts only, with days below five: %(ranges)s.") % {"ranges": ", ".join(ranges)})
    if absent:
        notes.append(_("Not shared by: %(names)s.") % {"names": ", ".join(one.shown_name for one in absent)})
    chart = None
    if shown and any(value is None or value for one in series for value in one.values):
        about = INDICATORS["owners"]
        labels = [one.shown_name for one in shown]
        urls = [reader.owners(dealership=one.id) or reader.dealership(one.id) for one in shown]
        chart = charts.stacked_bars(about.title, labels, series, urls=urls, category_label=_("Dealership"))
    return _figure("owners", chart, notes=notes, link=reader.owners(), link_label=_("Show these owners"))


# -- claims ----------------------------------------------------------------------------------------------------


def claim_states(reader: Reader, found: Claims) -> Figure:
    numbers = indicators.tallied(found.cells, "key")
    bars = [
        charts.Bar(state.label, numbers[state], url=reader.claims(state=state), tone=CLAIM_TONES[state])
        for state in ClaimState
        if numbers[state]
    ]
    return _ranked(
        "claims_by_state", bars, category=_("State"), link=reader.claims(), link_label=_("Show these claims")
    )  # fmt: skip


def claims_by_dealership(reader: Reader, found: Claims) -> Figure:
    numbers = indicators.tallied(found.cells, "dealership key")
    shown = reader.shown()
    series = [
        charts.Series(state.label, [numbers[one.id, state] for one in shown], tone=CLAIM_TONES[state])
        for state in ClaimState
        if any(numbers[one.id, state] for one in shown)
    ]
    chart = None
    if series:
        chart = charts.stacked_bars(
            _("Claims by dealership"),
            [one.shown_name for one in shown],
            series,
            urls=[reader.dealership(one.id) for one in shown],
            category_label=_("Dealership"),
        )
    return _figure("claims_by_state", chart)


def acceptance(reader: Reader, found: Claims) -> Figure:
    cells = {one.id: [cell for cell in found.cells if cell.dealership == one.id] for one in reader.shown()}
    return _shares("claim_acceptance", reader, lambda id: indicators.claim_acceptance(cells[id]))


def amounts(reader: Reader, found: Claims) -> Figure:
    return _shares("amount_approved", reader, lambda id: indicators.amount_approved(found, id))


def _shares(key: str, reader: Reader, share_of: Callable[[UUID], float | None]) -> Figure:
    """A share of each dealership that has one, the greatest first."""
    bars = []
    for one in reader.shown():
        share = share_of(one.id)
        if share is not None:
            bars.append(charts.Bar(one.shown_name, share, url=reader.dealership(one.id)))
    bars.sort(key=lambda bar: -(bar.value or 0))
    return _ranked(key, bars, category=_("Dealership"), form=percent_form)


def decision_times(reader: Reader, found: Claims) -> list[Figure]:
    """Median and 90 % mark of the days to the decision by dealership, the fastest first."""
    rows = [(d.shown_name, indicators.days_to_decision(found, d.id), reader.dealership(d.id)) for d in reader.shown()]
    titles = (_("Days to the decision: median"), _("Days to the decision: 90 % mark"))
    return _two_marks("days_to_decision", rows, days_form, _("Dealership"), titles)
