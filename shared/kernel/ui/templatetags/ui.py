"""Template tags of the UI kit; built into every template (no ``{% load %}`` needed)."""

import json
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

from django import template
from django.forms import BaseForm, BoundField, CheckboxSelectMultiple, RadioSelect, Textarea
from django.forms.boundfield import BoundWidget
from django.http import QueryDict
from django.template.context import Context
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext, ngettext, pgettext
from django.utils.translation import gettext_lazy as _

from kernel import clock
from kernel.automotive import phone as phones
from kernel.money import DEFAULT_CURRENCY, format_money
from kernel.ui import charts, states
from kernel.ui.forms import choice_options, control_html, field_kind, summary_of
from kernel.ui.numbers import grouped

register = template.Library()


@cache
def icons() -> dict[str, str]:
    """Inner SVG of every vendored icon (Lucide, ISC licence) by name."""
    return json.loads((Path(__file__).parent.parent / "icons.json").read_text(encoding="utf-8"))


@register.simple_tag
def icon(name: str, classes: str = "", label: str = "") -> SafeString:
    """``{% icon "phone" %}``; decorative unless ``label`` is given. An unknown name draws a circle."""
    inner = icons().get(str(name)) or icons()["circle"]
    tail = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html(
        '<svg class="icon {}" viewBox="0 0 24 24" {}>{}</svg>',
        classes,
        tail,
        mark_safe(inner),  # noqa: S308 - our own file
    )


@register.filter
def money(value: Any, currency: str = "CNY") -> str:
    """``¥168,800`` or ``¥168,800.50``; an empty value is a dash."""
    if value is None or value == "":
        return "–"
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    text = format_money(amount, currency or DEFAULT_CURRENCY)
    whole, point, cents = text.rpartition(".")
    return whole if point and not cents.strip("0") else text


@register.filter
def number(value: Any, places: int | None = None) -> str:
    """Grouped number; ``None`` is a dash. ``places`` digits after the point."""
    if value is None or value == "":
        return "–"
    return grouped(value, places)


@register.filter
def count_or_few(value: Any) -> str:
    """A shared count: ``None`` means fewer than five and is shown so."""
    return "< 5" if value is None else number(value)


@register.filter
def percent(value: Any, places: int = 0) -> str:
    """A share between 0 and 1 as ``42 %``; ``None`` is a dash."""
    if value is None or value == "":
        return "–"
    return f"{Decimal(str(value)) * 100:.{places}f}%"


def duration_text(seconds: float | timedelta | None) -> str:
    """``45 s``, ``12 min``, ``3 h 20 min``, ``4 days`` in the reader's language."""
    if seconds is None:
        return "–"
    if isinstance(seconds, timedelta):
        seconds = seconds.total_seconds()
    whole = max(0, int(seconds))
    if whole < 60:
        return gettext("%(n)s s") % {"n": whole}
    if whole < 3600:
        return gettext("%(n)s min") % {"n": whole // 60}
    if whole < 86400:
        hours, minutes = whole // 3600, whole % 3600 // 60
        if minutes:
            return gettext("%(h)s h %(m)s min") % {"h": hours, "m": minutes}
        return gettext("%(h)s h") % {"h": hours}
    days = whole // 86400
    return ngettext("%(n)s day", "%(n)s days", days) % {"n": days}


@register.filter
def duration(value: Any) -> str:
    return duration_text(value)


def relative_text(moment: datetime, now: datetime | None = None) -> str:
    """``just now``, ``8 min ago``, ``in 2 h``; dates beyond a week are written out."""
    seconds = ((now or clock.now()) - moment).total_seconds()
    size = abs(seconds)
    if size < 60:
        return pgettext("time", "just now")
    if size >= 7 * 86400:
        return local_text(moment, "date")
    if size >= 3600:  # whole hours and days: minutes say nothing here
        size = size // 86400 * 86400 if size >= 86400 else size // 3600 * 3600
    text = duration_text(size)
    return (gettext("%(span)s ago") if seconds > 0 else gettext("in %(span)s")) % {"span": text}


def local_text(value: date | datetime | None, form: str = "datetime") -> str:
    """Local date and time: ``2026年11月3日 14:05`` in Chinese, ``3 Nov 2026, 14:05`` in English.

    ``form`` is datetime, date, time, day (without the year) or long (``Tuesday 3 November 2026``,
    ``2026年11月3日 星期二``). Datetimes are shown in the current time zone.
    """
    if value is None or value == "":
        return "–"
    if isinstance(value, datetime) and timezone.is_aware(value):
        value = timezone.localtime(value)
    chinese = (get_language() or "").startswith("zh")
    patterns = {
        "date": "Y年n月j日" if chinese else "j M Y",
        "day": "n月j日" if chinese else "j M",
        "long": "Y年n月j日 l" if chinese else "l j F Y",
        "time": "H:i",
    }
    if form == "datetime" and isinstance(value, datetime):
        return f"{date_format(value, patterns['date'])} {date_format(value, 'H:i')}"
    return date_format(value, patterns.get(form, patterns["date"]))


@register.filter
def local(value: Any, form: str = "datetime") -> str:
    return local_text(value, form)


@register.simple_tag
def moment(value: datetime | date | None, form: str = "datetime") -> SafeString | str:
    """``<time>`` element; ``form`` is datetime, date, time, day, long or relative."""
    if value is None or value == "":
        return "–"
    if form == "relative" and isinstance(value, datetime):
        return format_html(
            '<time datetime="{}" title="{}" data-relative data-now="{}">{}</time>',
            value.isoformat(),
            local_text(value),
            pgettext("time", "just now"),
            relative_text(value),
        )
    if form == "datetime" and isinstance(value, datetime):
        # Where there is little room the line breaks between the day and the time only.
        return format_html(
            '<time datetime="{}"><span class="nowrap">{}</span> {}</time>',
            value.isoformat(),
            local_text(value, "date"),
            local_text(value, "time"),
        )
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), local_text(value, form))


@register.simple_tag
def today() -> SafeString:
    """``<time>`` element of the present day with its weekday, in the current time zone."""
    now = timezone.localtime(clock.now())
    return format_html('<time datetime="{}">{}</time>', now.date().isoformat(), local_text(now, "long"))


@register.simple_tag
def deadline(value: datetime | None, soon: int = 900) -> SafeString | str:
    """Time left until ``value``, counting down; amber below ``soon`` seconds, red when over."""
    if value is None:
        return ""
    left = (value - clock.now()).total_seconds()
    late = gettext("Overdue")
    tone = "late" if left <= 0 else "soon" if left < int(soon) else ""
    return format_html(
        '<span class="deadline {}">{}<span class="sr-only">{}</span>'
        '<time datetime="{}" title="{}" data-deadline="{}" data-late="{}">{}</time></span>',
        tone,
        icon("timer", "icon-sm"),
        gettext("Time left"),
        value.isoformat(),
        local_text(value),
        soon,
        late,
        duration_text(left) if left > 0 else late,
    )


@register.simple_tag
def state_chip(value: Any, label: Any = "", kind: str = "") -> SafeString:
    """Chip for a state: ``TextChoices`` member or plain value; colour from ``kernel.ui.states``."""
    if value is None or value == "":
        return mark_safe("")
    text = label or getattr(value, "label", None) or str(value)
    return format_html('<span class="chip tone-{}">{}</span>', states.tone(value, kind), text)


@register.filter
def state_tone(value: Any, kind: str = "") -> str:
    return states.tone(value, kind)


@register.simple_tag
def vin(value: str | None) -> SafeString | str:
    """VIN with its last six digits emphasised, as people in the workshop read it out."""
    if not value:
        return "–"
    return format_html('<span class="vin" translate="no">{}<b>{}</b></span>', value[:-6], value[-6:])


@register.filter
def tel(value: str | None) -> str:
    """Value of a ``tel:`` link: digits and a leading plus."""
    text = str(value or "")
    return ("+" if text.strip().startswith("+") else "") + "".join(c for c in text if c.isdigit())


@register.filter
def phone_text(value: str | None) -> str:
    """E.164 as people read it: ``138 1234 5678``, ``010 8888 6666``; foreign numbers keep their country code."""
    return phones.display(str(value or ""))


@register.filter
def control(field: BoundField) -> SafeString:
    """A form field's widget with the kit's classes, keyboard and autofill hints."""
    return control_html(field)


@register.filter
def get(mapping: Any, key: Any) -> Any:
    """``mapping[key]`` or empty."""
    try:
        return mapping[key]
    except (KeyError, IndexError, TypeError):
        return ""


@register.simple_tag(takes_context=True)
def query(context: Context, **changes: Any) -> str:
    """The current query string with ``changes``; an empty value removes the key."""
    request = context.get("request")
    params = request.GET.copy() if request else QueryDict(mutable=True)
    for key, value in changes.items():
        if value is None or value == "":
            params.pop(key, None)
        else:
            params[key] = value
    encoded = params.urlencode()
    return f"?{encoded}" if encoded else "?"


@register.filter(name="field_kind")
def field_kind_filter(field: BoundField) -> str:
    return field_kind(field)


@register.filter
def is_wide(field: BoundField) -> bool:
    """Whether a field takes the form's full width: text areas, choices, and what the form calls wide."""
    if field.name in getattr(field.form, "wide", ()):
        return True
    return isinstance(field.field.widget, Textarea | RadioSelect | CheckboxSelectMultiple)


@register.filter
def options(field: BoundField) -> list[BoundWidget]:
    """The single radio buttons or check boxes of a choice field, without the empty choice of radios."""
    return [option for option in choice_options(field) if option.data.get("value") not in ("", None)]


@register.inclusion_tag("ui/forms/summary.html")
def form_summary(form: BaseForm) -> dict[str, Any]:
    """What is wrong in a form, on top of it, linked to the fields; takes the focus."""
    return {"problems": summary_of(form) if form.is_bound else []}


TEMPERATURE_ICONS = {"hot": "flame", "warm": "sun", "cold": "snowflake"}
TEMPERATURE_LABELS = {
    "hot": _("Hot"),
    "warm": _("Warm"),
    "cold": _("Cold"),
    "unclassified": _("Not classified"),
}


@register.simple_tag
def temperature_chip(value: Any, label: Any = "") -> SafeString:
    """Chip for a prospect's temperature (hot, warm, cold, unclassified)."""
    key = str(getattr(value, "value", value) or "unclassified")
    text = label or getattr(value, "label", None) or TEMPERATURE_LABELS.get(key, key)
    symbol = icon(TEMPERATURE_ICONS.get(key, "circle-help"))
    return format_html('<span class="chip tone-{}">{}{}</span>', states.tone(key), symbol, text)


@register.simple_tag
def trend(change: float | Decimal | str, good: str = "up") -> SafeString:
    """A change against the period before, as a share (0.12 = +12 %); ``good`` is up, down or none."""
    value = Decimal(str(change))
    if value == 0:
        tone, symbol = "", "minus"
    else:
        up = value > 0
        tone = "" if good == "none" else "good" if (good == "up") == up else "bad"
        symbol = "trending-up" if up else "trending-down"
    sign = "+" if value > 0 else "−" if value < 0 else "±"
    text = f"{sign}{abs(value) * 100:.0f}%"
    return format_html('<span class="trend {}">{}{}</span>', tone, icon(symbol, "icon-sm"), text)


@register.simple_tag
def sparkline(points: Any, title: Any = "") -> SafeString:
    """Tiny line of a few numbers; ``points`` is a list (or comma-separated text)."""
    values = points.split(",") if isinstance(points, str) else points
    return charts.sparkline([float(value) for value in values if value is not None], title=title)


@register.filter
def skeleton(lines: Any) -> list[str]:
    widths = ("w-2/3", "w-full", "w-1/2", "w-full", "w-1/3")
    return [widths[at % len(widths)] for at in range(int(lines or 3))]


@register.filter
def in_list(value: Any, values: Any) -> bool:
    """``{{ forloop.counter0|in_list:"1,2" }}``; also lists."""
    if isinstance(values, str):
        return str(value) in [part.strip() for part in values.split(",")]
    return value in (values or ())
