"""The page of the comparison: the network's medians by month. What a dealership gave is nowhere on it."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.contracts import FLOOR, Figure, FigureState
from kernel.errors import Invalid
from kernel.ui import charts
from kernel.ui.forms import Form
from kernel.ui.templatetags.ui import duration_text
from oem.insight import actions
from oem.insight.models import Benchmark, BenchmarkRule, Contribution, Names, States

MONTHS = 12


class FloorForm(Form):
    """From how many dealerships on a figure is told."""

    floor = forms.IntegerField(
        label=gettext_lazy("Told from so many dealerships on"), min_value=FLOOR, max_value=actions.HIGHEST_FLOOR
    )


def _minutes(value: charts.Number) -> str:
    return duration_text(float(value) * 60)


def _percent(value: charts.Number) -> str:
    return f"{value:.0f}%"


FORMS = {
    Figure.LEADS: charts.plain,
    Figure.RESPONSE: _minutes,
    Figure.CONVERSION: _percent,
    Figure.RETENTION: _percent,
    Figure.ACCEPTANCE: _percent,
}


@requires(Right.INSIGHT_READ, Right.NETWORK_WRITE)
@require_GET
def medians(request: HttpRequest) -> HttpResponseBase:
    """The medians of the last months. Three queries."""
    rule = BenchmarkRule.objects.first() or BenchmarkRule()
    return _page(request, rule, FloorForm(initial={"floor": rule.floor}))


@requires(Right.NETWORK_WRITE)
@require_POST
def set_floor(request: HttpRequest) -> HttpResponseBase:
    """Change the floor."""
    form = FloorForm(request.POST)
    if form.is_valid():
        try:
            actions.set_floor(actor=Actor.of(request.user), floor=form.cleaned_data["floor"])
        except Invalid as refusal:
            refusal.add_to(form)
        else:
            messages.success(request, _("Saved. It counts from the next month on."))
            return redirect("insight:benchmarks")
    return _page(request, BenchmarkRule.objects.first() or BenchmarkRule(), form, status=422)


def _page(request: HttpRequest, rule: BenchmarkRule, form: FloorForm, status: int = 200) -> HttpResponseBase:
    rows: dict[date, dict[str, Benchmark]] = defaultdict(dict)
    for row in Benchmark.objects.all()[: MONTHS * len(Figure)]:
        rows[row.month][row.figure] = row
    gave = dict(
        Contribution.objects.order_by("-month").values_list("month").annotate(Count("id")).order_by("-month")[:MONTHS]
    )
    context = {
        "cards": [_card(figure, rows) for figure in Figure],
        "months": [(month, _gave(gave.get(month, 0))) for month in rows],
        "rule": rule,
        "form": form,
        "may_change": request.user.has(Right.NETWORK_WRITE),
    }
    return render(request, "insight/benchmarks.html", context, status=status)


def _gave(n: int) -> str:
    return ngettext("%(n)s dealership gave its figures", "%(n)s dealerships gave their figures", n) % {"n": n}


def _card(figure: Figure, rows: dict[date, dict[str, Benchmark]]) -> dict[str, Any]:
    """The medians of a figure by month, the oldest first; a month that is not told says why."""
    found = [line[figure] for line in rows.values() if figure in line]
    told = [row for row in reversed(found) if row.state == FigureState.TOLD]
    title = Names(figure).label
    chart = None
    if told:
        bars = [charts.Bar(f"{row.month:%Y-%m}", row.median) for row in told]
        chart = charts.horizontal_bars(
            title, bars, value_label=_("Median"), category_label=_("Month"), form=FORMS[figure]
        )
    silent = [f"{row.month:%Y-%m}: {States(row.state).label}" for row in found if row.state != FigureState.TOLD]
    return {"title": title, "chart": chart, "silent": silent}
