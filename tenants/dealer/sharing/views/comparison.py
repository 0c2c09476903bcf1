"""The comparison with the network: the dealership's own figures beside the medians, or why there are none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from django.views.decorators.http import require_GET

from dealer.organisation.queries import profile
from dealer.sharing.actions.comparing import CONTRACT, OPEN_DAYS
from dealer.sharing.benchmarks import figures_of, last_closed
from dealer.sharing.models import Comparison, Grant
from kernel import clock
from kernel.accounts.access import requires
from kernel.accounts.roles import Right
from kernel.contracts import FLOOR, Figure, FigureState, Level, Purpose
from kernel.ui import charts
from kernel.ui.templatetags.ui import duration_text

Text = str | Promise
MONTHS = 12


def _minutes(value: charts.Number) -> str:
    return duration_text(float(value) * 60)


def _percent(value: charts.Number) -> str:
    return f"{value:.0f}%"


@dataclass(frozen=True)
class About:
    """A figure in words. `more_is_better` is false where little is good."""

    title: Text
    meaning: Text
    form: Callable[[charts.Number], str]
    more_is_better: bool = True


ABOUT: dict[Figure, About] = {
    Figure.LEADS: About(
        gettext_lazy("Leads received"), gettext_lazy("Leads that the manufacturer offered in the month."), charts.plain
    ),
    Figure.RESPONSE: About(
        gettext_lazy("Time to the first contact"),
        gettext_lazy("Median from the offer of a lead to the first talk with the customer."),
        _minutes,
        more_is_better=False,
    ),
    Figure.CONVERSION: About(
        gettext_lazy("Conversion"), gettext_lazy("Of the leads that ended in the month, those that were won."), _percent
    ),
    Figure.RETENTION: About(
        gettext_lazy("Cars that come again"),
        gettext_lazy("Of the cars in the workshop in this month a year ago, those that came again since."),
        _percent,
    ),
    Figure.ACCEPTANCE: About(
        gettext_lazy("Claims accepted"),
        gettext_lazy("Of the claims decided in the month, those approved wholly or partly."),
        _percent,
    ),
}


@dataclass(frozen=True)
class Card:
    """One figure of the month shown. `chart` is None where there is no number; `place` the own place in words."""

    about: About
    chart: SafeString | None
    place: str
    tone: str
    why_not: str


@requires(Right.SHARING_READ)
@require_GET
def comparison(request: HttpRequest) -> HttpResponseBase:
    """The latest month that is told, or else the last closed one with the own figures; earlier months as a table."""
    mine = profile()
    grant = Grant.objects.filter(contract=CONTRACT, purpose=Purpose.BENCHMARK).first()
    gives = grant is not None and grant.level >= Level.COUNTS
    rows = list(Comparison.objects.all()[:MONTHS])
    row = next((one for one in rows if one.network is not None), rows[0] if rows else None)
    if row is None:
        month = last_closed(clock.today(mine.time_zone))
        found = figures_of(month, mine.time_zone)
        row = Comparison(month=month, own={str(figure): cases.own for figure, cases in found.items()})
    context = {
        "month": row.month,
        "gives": gives,
        "grant": grant,
        "may_change": request.user.has(Right.SHARING_CHANGE),
        "waiting": gives and row.network is None,
        "open_days": OPEN_DAYS,
        "floor": row.floor or FLOOR,
        "cards": [_card(figure, row, gives=gives) for figure in Figure],
        "earlier": _table(rows) if len(rows) > 1 else None,
    }
    return render(request, "sharing/comparison.html", context)


def _card(figure: Figure, row: Comparison, *, gives: bool) -> Card:
    about, own, line = ABOUT[figure], row.own.get(figure), (row.network or {}).get(figure) or {}
    told = line.get("state") == FigureState.TOLD
    bars = [charts.Bar(pgettext("comparison", "You"), own)] if own is not None else []
    if told:
        names = {
            "lower": _("Lower quartile"),
            "median": _("Median of the network"),
            "upper": _("Upper quartile"),
        }
        bars += [
            charts.Bar(name, line[key], tone="s1" if key == "median" else "s6")
            for key, name in names.items()
            if line[key] is not None
        ]
    chart = None
    if bars:
        chart = charts.horizontal_bars(
            about.title,
            bars,
            value_label=about.title,
            category_label=pgettext("comparison", "Whose"),
            form=about.form,
        )
    place, tone = _place(about, own, line) if told and own is not None else ("", "")
    return Card(about, chart, place, tone, "" if told else _why_not(row, line, gives=gives))


def _place(about: About, own: int, line: dict[str, Any]) -> tuple[str, str]:
    """Where the own figure stands, in words, and the tone that goes with it."""
    lower, middle, upper = line["lower"], line["median"], line["upper"]
    if not about.more_is_better:
        own, lower, middle, upper = -own, upper and -upper, -middle, lower and -lower
    if upper is not None and own >= upper:
        return _("You are in the best quarter of the network."), "success"
    if lower is not None and own <= lower:
        return _("You are in the last quarter of the network."), "warning"
    if own == middle:
        return _("You stand at the median of the network."), "info"
    if own > middle:
        return _("You are better than the median of the network."), "success"
    return _("You are behind the median of the network."), "warning"


def _why_not(row: Comparison, line: dict[str, Any], *, gives: bool) -> str:
    """Why there is no figure of the network."""
    floor = row.floor or FLOOR
    if line.get("state") == FigureState.TOO_FEW:
        return _("Fewer than %(n)s dealerships gave this figure: a median of so few would tell of single ones.") % {
            "n": floor
        }
    if line.get("state") == FigureState.HELD_BACK:
        return _(
            "Held back this month: fewer than %(n)s dealerships came or went, and the difference would tell of them."
        ) % {"n": floor}
    if not gives:
        return _("Here the median of the network would stand, and your place.")
    return _("The figures of the network have not come yet.")


def _table(rows: list[Comparison]) -> dict[str, Any]:
    """Own figure and median of every month, in words."""
    lines = []
    for row in rows:
        cells = []
        for figure, about in ABOUT.items():
            own, line = row.own.get(figure), (row.network or {}).get(figure) or {}
            cells.append((_word(about, own), _word(about, line.get("median"))))
        lines.append((row.month, cells))
    return {"titles": [about.title for about in ABOUT.values()], "lines": lines}


def _word(about: About, value: int | None) -> str:
    return "–" if value is None else about.form(value)
