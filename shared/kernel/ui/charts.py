"""Small charts as SVG from the server: readable without script, each with its numbers as a table.

Colours come from CSS classes (``s0`` … ``s6``, ``s-good``, ``s-bad``), never from style attributes, so they
follow a dealership's theme and the Content-Security-Policy. A value of ``None`` means "fewer than five":
it is drawn hatched, at a height that says nothing, and written ``< 5``.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from django.template.loader import render_to_string
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from kernel.ui.numbers import grouped

Number = float | int
Format = Callable[[Number], str]

_ids = count(1)
FEW = 5


@dataclass(frozen=True)
class Bar:
    """One bar; ``value`` ``None`` stands for "fewer than five". ``url`` drills down."""

    label: Any
    value: Number | None
    url: str = ""
    tone: str = ""
    note: Any = ""


@dataclass(frozen=True)
class Series:
    """One line, or one part of stacked bars: ``values`` matches the chart's labels."""

    label: Any
    values: Sequence[Number | None]
    tone: str = ""


@dataclass
class Table:
    headers: list[Any]
    rows: list[list[Any]] = field(default_factory=list)


def plain(value: Number) -> str:
    """Grouped number, at most one digit after the point."""
    return grouped(value, 0 if float(value).is_integer() else 1)


def shown(value: Number | None, form: Format = plain) -> str:
    return f"< {FEW}" if value is None else form(value)


def nice_top(value: float) -> float:
    """The top of a scale with four round steps, not below ``value``."""
    if value <= 4:
        return 4.0
    raw = value / 4
    size = 10 ** math.floor(math.log10(raw))
    for factor in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10):
        step = factor * size
        if step >= raw and (float(step).is_integer() or value < 4):
            return step * 4
    return math.ceil(raw) * 4.0


def text_width(text: Any, size: float = 13) -> float:
    """Estimated width in user units: Chinese characters are square, Latin ones about half as wide."""
    return sum(size if ord(char) > 0x2E7F else size * 0.56 for char in str(text))


def shorten(text: Any, width: float, size: float = 13) -> str:
    """``text`` cut with an ellipsis to an estimated ``width``."""
    full = str(text)
    if text_width(full, size) <= width:
        return full
    cut = ""
    for char in full:
        if text_width(cut + char, size) > width - size * 0.7:
            break
        cut += char
    return cut + "…"


def _n(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")


def _text(x: float, y: float, content: Any, classes: str = "", anchor: str = "") -> str:
    more = f' class="{classes}"' if classes else ""
    more += f' text-anchor="{anchor}"' if anchor else ""
    return f'<text x="{_n(x)}" y="{_n(y)}"{more}>{escape(content)}</text>'


def _rect(x: float, y: float, w: float, h: float, classes: str, *, rx: float = 3, hatch: str = "") -> str:
    fill = f' fill="url(#{hatch})"' if hatch else ""
    return (
        f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(max(w, 0))}" height="{_n(max(h, 0))}" rx="{_n(rx)}"'
        f' class="{classes}"{fill}/>'
    )


def _link(inner: str, url: str, label: str) -> str:
    title = f"<title>{escape(label)}</title>"
    if url:
        return f'<a href="{escape(url)}" aria-label="{escape(label)}">{title}{inner}</a>'
    return f"<g>{title}{inner}</g>"


def _hatch(mark: str, tone: str = "s0") -> str:
    return (
        f'<defs><pattern id="{mark}" width="6" height="6" patternUnits="userSpaceOnUse"'
        f' patternTransform="rotate(45)"><path d="M0 0V6" class="hatch {tone}"/></pattern></defs>'
    )


def _figure(
    title: Any,
    description: str,
    svg: str,
    size: tuple[float, float],
    table: Table,
    *,
    keys: Sequence[tuple[Any, str]] = (),
    few: bool = False,
    links: bool = False,
) -> SafeString:
    mark = f"c{next(_ids)}"
    # Links inside an image would be hidden from screen readers, so a chart that drills down is a group.
    role = "group" if links else "img"
    drawing = format_html(
        '<svg viewBox="0 0 {} {}" role="{}" aria-labelledby="{mark}t {mark}d">'
        '<title id="{mark}t">{}</title><desc id="{mark}d">{}</desc>{}</svg>',
        *(_n(size[0]), _n(size[1]), role, title, description),
        mark_safe(svg),  # noqa: S308 - put together here, of numbers and escaped labels
        mark=mark,
    )
    context = {"title": title, "drawing": drawing, "table": table, "keys": keys, "few": few}
    return render_to_string("ui/parts/chart.html", context)


def _describe(pairs: Sequence[tuple[Any, str]]) -> str:
    return "; ".join(f"{label}: {value}" for label, value in pairs)


def horizontal_bars(
    title: Any,
    bars: Sequence[Bar],
    *,
    value_label: Any = "",
    category_label: Any = "",
    form: Format = plain,
    width: float = 420,
) -> SafeString:
    """Ranking: label left, bar, number at its end. The chart for anything with names (channels, dealers)."""
    mark = f"h{next(_ids)}"
    top = max([bar.value for bar in bars if bar.value is not None] + [1])
    left = min(max([text_width(bar.label) for bar in bars] + [40]) + 12, width * 0.36)
    right = max([text_width(shown(bar.value, form)) for bar in bars] + [24]) + 12
    space, row, thick = width - left - right, 32, 18
    parts = [_hatch(mark)]
    few = False
    for at, bar in enumerate(bars):
        y = at * row
        tone = bar.tone or "s0"
        if bar.value is None:
            few = True
            length = min(space * 0.08, 28)
            shape = _rect(left, y + 6, length, thick, "hatched s0", hatch=mark)
        else:
            length = max(space * bar.value / top, 2 if bar.value else 0)
            shape = _rect(left, y + 6, length, thick, f"mark {tone}")
        inner = (
            _text(left - 10, y + 19, shorten(bar.label, left - 12), "l", "end")
            + _rect(left, y + 6, space, thick, "track")
            + shape
            + _text(left + length + 8, y + 19, shown(bar.value, form), "v")
        )
        parts.append(_link(inner, bar.url, f"{bar.label}: {shown(bar.value, form)} {bar.note}".strip()))
    return _figure(
        title,
        _describe([(bar.label, shown(bar.value, form)) for bar in bars]),
        "".join(parts),
        (width, max(len(bars) * row, row)),
        _bar_table(bars, category_label, value_label, form),
        few=few,
        links=any(bar.url for bar in bars),
    )


def _bar_table(bars: Sequence[Bar], category: Any, value: Any, form: Format) -> Table:
    return Table(
        [category or pgettext("thing", "Name"), value or pgettext("quantity", "Number")],
        [[bar.label, shown(bar.value, form)] for bar in bars],
    )


def _frame(width: float, height: float, top: float, form: Format, left: float) -> tuple[str, float, float]:
    """Four grid lines with their numbers; returns the SVG, the height and base of the plot."""
    base, ceiling = height - 24, 10
    parts = []
    for step in range(5):
        y = base - (base - ceiling) * step / 4
        parts.append(f'<path d="M{_n(left)} {_n(y)}H{_n(width)}" class="{"grid" if step else "axis"}"/>')
        parts.append(_text(left - 6, y + 4, form(top * step / 4), "", "end"))
    return "".join(parts), base - ceiling, base


def _every(labels: Sequence[Any], slot: float) -> int:
    """Show every n-th label so that they do not touch."""
    widest = max([text_width(label) for label in labels] + [1]) + 8
    return max(1, math.ceil(widest / slot))


def vertical_bars(
    title: Any,
    bars: Sequence[Bar],
    *,
    value_label: Any = "",
    category_label: Any = "",
    form: Format = plain,
    width: float = 420,
    height: float = 220,
) -> SafeString:
    """Columns over time or ordered classes."""
    mark = f"v{next(_ids)}"
    top = nice_top(max([bar.value for bar in bars if bar.value is not None] + [0]))
    left = text_width(form(top)) + 10
    frame, plot, base = _frame(width, height, top, form, left)
    slot = (width - left) / max(len(bars), 1)
    thick, every = min(slot * 0.64, 44), _every([bar.label for bar in bars], slot)
    few = any(bar.value is None for bar in bars)
    parts = [_hatch(mark), frame]
    for at, bar in enumerate(bars):
        x = left + slot * at + (slot - thick) / 2
        if bar.value is None:
            inner = _rect(x, base - 14, thick, 14, "hatched s0", hatch=mark)
        else:
            tall = plot * bar.value / top
            inner = _rect(x, base - tall, thick, tall, f"mark {bar.tone or 's0'}")
        if at % every == 0:
            inner += _text(x + thick / 2, height - 6, bar.label, "", "middle")
        parts.append(_link(inner, bar.url, f"{bar.label}: {shown(bar.value, form)} {bar.note}".strip()))
    return _figure(
        title,
        _describe([(bar.label, shown(bar.value, form)) for bar in bars]),
        "".join(parts),
        (width, height),
        _bar_table(bars, category_label, value_label, form),
        few=few,
        links=any(bar.url for bar in bars),
    )


def _series_table(labels: Sequence[Any], series: Sequence[Series], category: Any, form: Format) -> Table:
    return Table(
        [category or pgettext("thing", "Name"), *[one.label for one in series]],
        [[label, *[shown(one.values[at], form) for one in series]] for at, label in enumerate(labels)],
    )


def stacked_bars(
    title: Any,
    labels: Sequence[Any],
    series: Sequence[Series],
    *,
    urls: Sequence[str] = (),
    category_label: Any = "",
    form: Format = plain,
    width: float = 420,
    height: float = 240,
) -> SafeString:
    """Columns made of parts; unknown small parts ("< 5") are hatched on top."""
    mark = f"k{next(_ids)}"
    totals = [sum(one.values[at] or 0 for one in series) for at in range(len(labels))]
    top = nice_top(max([*totals, 0]))
    left = text_width(form(top)) + 10
    frame, plot, base = _frame(width, height, top, form, left)
    slot = (width - left) / max(len(labels), 1)
    thick, every = min(slot * 0.64, 44), _every(labels, slot)
    few = any(value is None for one in series for value in one.values)
    parts = [_hatch(mark, "s4"), frame]
    for at, label in enumerate(labels):
        x, y = left + slot * at + (slot - thick) / 2, base
        inner = ""
        for rank, one in enumerate(series):
            value = one.values[at]
            if value:
                h = plot * value / top
                y -= h
                inner += _rect(x, y, thick, max(h - 1, 0.5), f"mark {one.tone or f's{rank % 7}'}", rx=2)
        for one in series:
            if one.values[at] is None:
                y -= 7
                inner += _rect(x, y, thick, 6, "hatched s4", rx=2, hatch=mark)
        if at % every == 0:
            inner += _text(x + thick / 2, height - 6, label, "", "middle")
        told = _describe([(one.label, shown(one.values[at], form)) for one in series])
        parts.append(_link(inner, urls[at] if at < len(urls) else "", f"{label} – {told}"))
    keys = [(one.label, one.tone or f"s{rank % 7}") for rank, one in enumerate(series)]
    return _figure(
        title,
        _describe([(label, form(totals[at])) for at, label in enumerate(labels)]),
        "".join(parts),
        (width, height),
        _series_table(labels, series, category_label, form),
        keys=keys,
        few=few,
        links=bool(urls),
    )


def lines(
    title: Any,
    labels: Sequence[Any],
    series: Sequence[Series],
    *,
    area: bool = True,
    category_label: Any = "",
    form: Format = plain,
    width: float = 420,
    height: float = 220,
) -> SafeString:
    """Development over time. A "< 5" breaks the line and is marked hatched at the base."""
    mark = f"l{next(_ids)}"
    known = [value for one in series for value in one.values if value is not None]
    top = nice_top(max([*known, 0]))
    left = text_width(form(top)) + 10
    frame, plot, base = _frame(width, height, top, form, left)
    step = (width - left - 16) / max(len(labels) - 1, 1)
    every = _every(labels, step)
    few = len(known) < sum(len(one.values) for one in series)
    parts = [_hatch(mark), frame]
    for rank, one in enumerate(series):
        tone = one.tone or f"s{rank % 7}"
        run: list[tuple[float, float]] = []
        runs = [run]
        for at, value in enumerate(one.values):
            x = left + 8 + step * at
            if value is None:
                parts.append(_rect(x - 4, base - 10, 8, 10, f"hatched {tone}", rx=1, hatch=mark))
                run = []
                runs.append(run)
            else:
                run.append((x, base - plot * value / top))
        for points in (points for points in runs if points):
            path = "L".join(f"{_n(x)} {_n(y)}" for x, y in points)
            if area and len(series) == 1 and len(points) > 1:
                parts.append(
                    f'<path d="M{_n(points[0][0])} {_n(base)}L{path}'
                    f'L{_n(points[-1][0])} {_n(base)}Z" class="area {tone}"/>'
                )
            parts.append(f'<path d="M{path}" class="line {tone}"/>')
            x, y = points[-1]
            parts.append(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="3.5" class="dot {tone}"/>')
    for at, label in enumerate(labels):
        if at % every == 0:
            parts.append(_text(left + 8 + step * at, height - 6, label, "", "middle"))
    keys = [(one.label, one.tone or f"s{rank % 7}") for rank, one in enumerate(series)]
    described = [
        (one.label, f"{shown(one.values[0], form)} → {shown(one.values[-1], form)}") for one in series if one.values
    ]
    return _figure(
        title,
        _describe(described),
        "".join(parts),
        (width, height),
        _series_table(labels, series, category_label, form),
        keys=keys if len(series) > 1 else (),
        few=few,
    )


def funnel(
    title: Any,
    stages: Sequence[Bar],
    *,
    value_label: Any = "",
    category_label: Any = "",
    form: Format = plain,
    width: float = 420,
) -> SafeString:
    """Stages from first to last: centred bars and the share of the stage before."""
    mark = f"f{next(_ids)}"
    top = max([stage.value for stage in stages if stage.value is not None] + [1])
    left = min(max([text_width(stage.label) for stage in stages] + [40]) + 12, width * 0.32)
    right, row, thick = 64.0, 40, 30
    space = width - left - right
    few = any(stage.value is None for stage in stages)
    parts = [_hatch(mark)]
    rows: list[list[Any]] = []
    before: Number | None = None
    for at, stage in enumerate(stages):
        y = at * row
        value = stage.value
        length = 28 if value is None else max(space * value / top, 3)
        x = left + (space - length) / 2
        share = f"{value / before:.0%}" if before and value is not None else ""
        text = shown(value, form)
        inside = text_width(text) + 12 < length and value is not None
        shape = (
            _rect(x, y + 4, length, thick, "hatched s0", rx=5, hatch=mark)
            if value is None
            else _rect(x, y + 4, length, thick, f"mark {stage.tone or 's0'}", rx=5)
        )
        number = (
            _text(left + space / 2, y + 24, text, "on", "middle")
            if inside
            else _text(x + length + 6, y + 24, text, "v")
        )
        inner = _text(left - 10, y + 24, shorten(stage.label, left - 12), "l", "end") + shape + number
        if share:
            inner += _text(width, y + 24, share, "", "end")
        parts.append(_link(inner, stage.url, f"{stage.label}: {text} {share}".strip()))
        rows.append([stage.label, text, share or "–"])
        before = value
    table = Table(
        [category_label or _("Stage"), value_label or pgettext("quantity", "Number"), _("Of the stage before")], rows
    )
    return _figure(
        title,
        _describe([(row[0], row[1]) for row in rows]),
        "".join(parts),
        (width, max(len(stages) * row, row)),
        table,
        few=few,
        links=any(stage.url for stage in stages),
    )


def heat_strip(
    title: Any,
    labels: Sequence[Any],
    rows: Sequence[Series],
    *,
    category_label: Any = "",
    form: Format = plain,
    width: float = 420,
) -> SafeString:
    """Rows of cells, darker for more: weekdays × hours, dealers × months."""
    mark = f"m{next(_ids)}"
    known = [value for one in rows for value in one.values if value is not None]
    top = max([*known, 1])
    left = min(max([text_width(one.label) for one in rows] + [30]) + 10, width * 0.3)
    slot, tall = (width - left) / max(len(labels), 1), 26
    every = _every(labels, slot)
    parts = [_hatch(mark, "s4")]
    for rank, one in enumerate(rows):
        y = rank * tall
        parts.append(_text(left - 8, y + 17, shorten(one.label, left - 10), "l", "end"))
        for at, value in enumerate(one.values):
            x = left + slot * at
            told = f"{one.label}, {labels[at]}: {shown(value, form)}"
            if value is None:
                shape = _rect(x + 1, y + 2, slot - 2, tall - 4, "hatched s4", hatch=mark)
            else:
                level = 0 if not value else min(4, 1 + int(value / top * 3.999))
                shape = _rect(x + 1, y + 2, slot - 2, tall - 4, f"heat{level}")
            parts.append(_link(shape, "", told))
    for at, label in enumerate(labels):
        if at % every == 0:
            parts.append(_text(left + slot * at + slot / 2, len(rows) * tall + 14, label, "", "middle"))
    return _figure(
        title,
        _describe([(one.label, ", ".join(shown(value, form) for value in one.values)) for one in rows]),
        "".join(parts),
        (width, len(rows) * tall + 20),
        _series_table(labels, [Series(one.label, one.values) for one in rows], category_label, form),
        few=len(known) < sum(len(one.values) for one in rows),
    )


def sparkline(values: Sequence[Number], *, title: Any = "", tone: str = "s0") -> SafeString:
    """A line of 96 × 28 units for a figure's development; described by its first and last value."""
    if not values:
        return mark_safe("")
    low, high = min(values), max(values)
    extent = (high - low) or 1
    step = 92 / max(len(values) - 1, 1)
    points = [(2 + step * at, 25 - 22 * (value - low) / extent) for at, value in enumerate(values)]
    path = "L".join(f"{_n(x)} {_n(y)}" for x, y in points)
    change = f"{plain(values[0])} → {plain(values[-1])}"
    label = f"{title}: {change}" if title else change
    first, last = points[0], points[-1]
    return format_html(
        '<svg class="spark" viewBox="0 0 96 28" role="img" aria-label="{label}">'
        '<path d="M{} 28L{path}L{} 28Z" class="area {tone}"/><path d="M{path}" class="line {tone}"/>'
        '<circle cx="{}" cy="{}" r="2.5" class="mark {tone}"/></svg>',
        *(_n(first[0]), _n(last[0]), _n(last[0]), _n(last[1])),
        label=label,
        path=path,
        tone=tone,
    )
