"""Lists: one declarative view for every table of the product.

``ListPage`` filters, sorts, pages and exports a queryset (or a plain sequence of rows that a query has
already aggregated) with a constant number of queries: one for count and totals, one for the page. Its state
stands in the address, so that a list can be kept as a bookmark and sent to a colleague.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property, partial
from math import ceil
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet, Sum
from django.db.transaction import atomic
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.dateparse import parse_date
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View

from kernel.audit import exports
from kernel.ui import export
from kernel.ui.templatetags import ui

SIZES = (10, 25, 50, 100)
DEFAULT_SIZE = 25
SEARCH_LABEL = gettext_lazy("Search")
ANY_LABEL = gettext_lazy("All")
Row = Any


def read(row: Row, path: str) -> Any:
    """``read(order, "customer.name")``: attributes, mapping keys and methods without arguments.

    A missing link in the chain (``None``) gives ``None``; a wrong name raises AttributeError.
    """
    value = row
    for part in path.replace("__", ".").split("."):
        if value is None:
            return None
        value = value[part] if isinstance(value, Mapping) else getattr(value, part)
        if callable(value) and not isinstance(value, type):
            value = value()
    return value


@dataclass(frozen=True)
class Column:
    """One column.

    ``value``: attribute path or function of the row (default: ``key``). ``sort``: order-by fields or
    attribute path (default: not sortable). ``kind``: text, number, money, percent, date, datetime, ago,
    duration, state, temperature, phone, vin, bool, html (a function that returns safe HTML). ``currency``:
    path of the currency for money. ``phone``: place in the card on a phone: title, subtitle, badge, meta,
    call, act or hide. ``leaves``: which columns a table that is too wide for its card does without, the highest
    number first, 0 never (default: by kind and place). ``total``: sum it in the last line. ``export``: function of
    the row for CSV and XLSX (default: the raw value); ``export_only`` / ``screen_only`` say where it appears.
    ``empty``: what stands for nothing.
    """

    key: str
    label: Any
    value: str | Callable[[Row], Any] = ""
    sort: str | tuple[str, ...] = ()
    kind: str = "text"
    currency: str = ""
    phone: str = "meta"
    leaves: int | None = None
    total: bool = False
    export: Callable[[Row], Any] | None = None
    export_only: bool = False
    screen_only: bool = False
    empty: str = "–"
    tone_kind: str = ""
    unlabelled: bool = False
    nowrap: bool = False

    @property
    def path(self) -> str:
        return self.value if isinstance(self.value, str) and self.value else self.key

    def raw(self, row: Row) -> Any:
        return self.value(row) if callable(self.value) else read(row, self.path)

    @property
    def right(self) -> bool:
        return self.kind in ("number", "money", "percent", "duration")

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.sort,) if isinstance(self.sort, str) and self.sort else tuple(self.sort or ())

    @property
    def classes(self) -> str:
        parts = [f"c-{self.phone}"]
        if self.right:
            parts.append("r")
        if self.nowrap or self.kind in ("date", "ago", "phone", "vin"):
            parts.append("nowrap")
        elif self.kind == "text":
            parts.append("words")
        if self.unlabelled or self.phone != "meta" or self.kind in ("state", "temperature", "phone"):
            parts.append("unlabelled")
        return " ".join(parts)

    @property
    def leaving(self) -> int:
        """``leaves``, or what fits most lists: a VIN goes first, then facts; the car, the name, the state stay."""
        if self.leaves is not None:
            return self.leaves
        if self.phone in ("title", "badge", "act"):
            return 0
        if self.kind == "vin" or self.phone == "hide":
            return 3
        return 1 if self.total or self.phone in ("subtitle", "call") else 2

    def shown(self, row: Row) -> str | SafeString:
        """The cell as people read it (escaped by the template unless it is safe HTML)."""
        return self.display(self.raw(row), row)

    def display(self, value: Any, row: Row | None = None) -> str | SafeString:
        if value is None or value == "":
            return self.empty
        match self.kind:
            case "number":
                return ui.number(value)
            case "money":
                currency = read(row, self.currency) if self.currency and row is not None else ""
                return ui.money(value, currency or "CNY")
            case "percent":
                return ui.percent(value)
            case "duration":
                return ui.duration_text(value)
            case "date":
                return ui.moment(value, "date")
            case "datetime":
                return ui.moment(value)
            case "ago":
                return ui.moment(value, "relative")
            case "state":
                return ui.state_chip(value, self._choice_label(row), self.tone_kind)
            case "temperature":
                return ui.temperature_chip(value, self._choice_label(row))
            case "phone":
                return format_html(
                    '<a class="call" href="tel:{}">{}{}</a>', ui.tel(value), ui.icon("phone"), ui.phone_text(value)
                )
            case "vin":
                return ui.vin(value)
            case "bool":
                return _("Yes") if value else _("No")
            case "html":
                return value
        return str(self._choice_label(row) or value)

    def _choice_label(self, row: Row | None) -> Any:
        """The label of a model field with choices (``get_state_display``)."""
        if row is None or callable(self.value):
            return ""
        holder, _dot, name = self.path.replace("__", ".").rpartition(".")
        owner = read(row, holder) if holder else row
        getter = getattr(owner, f"get_{name}_display", None)
        return getter() if getter else ""

    def exported(self, row: Row) -> Any:
        """The typed value for a spreadsheet: number, date, datetime or text in the reader's language."""
        if self.export is not None:
            return self.export(row)
        value = self.raw(row)
        if self.kind in ("state", "temperature"):
            return str(self._choice_label(row) or getattr(value, "label", None) or value or "")
        if self.kind == "bool":
            return "" if value is None else _("Yes") if value else _("No")
        if isinstance(value, Decimal | int | float | date | datetime) or value is None:
            return value
        return str(self._choice_label(row) or value)


# --- filters --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Filter:
    """Base: ``key`` in the address, ``label`` beside the control, ``field`` or attribute path to compare."""

    key: str
    label: Any
    field: str = ""
    template: ClassVar[str] = ""

    @property
    def path(self) -> str:
        return self.field or self.key

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.key,)

    def bind(self, params: QueryDict) -> "Bound":
        raise NotImplementedError


@dataclass
class Bound:
    """A filter with what the address says: ``q`` for querysets, ``test`` for plain rows."""

    filter: Filter
    value: Any = ""
    shown: str = ""
    q: Q | None = None
    test: Callable[[Row], bool] | None = None
    problem: str = ""
    controls: dict[str, Any] = field(default_factory=dict)

    @property
    def active(self) -> bool:
        return self.q is not None or self.test is not None


@dataclass(frozen=True)
class Search(Filter):
    """One box over several text fields; every word must be found in one of them."""

    key: str = "q"
    label: Any = SEARCH_LABEL
    fields: tuple[str, ...] = ()
    placeholder: Any = ""
    lookup: str = "icontains"
    template: ClassVar[str] = "search"

    def bind(self, params: QueryDict) -> Bound:
        # NUL cannot be stored in PostgreSQL's text, so it cannot be searched for either.
        text = params.get(self.key, "").replace("\x00", "").strip()[:100]
        bound = Bound(self, value=text, shown=text)
        words = text.split()[:6]
        if words:
            condition = Q()
            for word in words:
                one = Q()
                for name in self.fields:
                    one |= Q(**{f"{name}__{self.lookup}": word})
                condition &= one
            bound.q = condition
            bound.test = lambda row: all(
                any(word.lower() in str(read(row, name) or "").lower() for name in self.fields) for word in words
            )
        return bound


@dataclass(frozen=True)
class Choice(Filter):
    """Select (or pills) with ``choices``: pairs, a ``TextChoices`` class or a function of nothing.

    ``where`` maps a choice to a Q when it is more than equality.
    """

    choices: Any = ()
    where: Callable[[str], Q] | None = None
    any_label: Any = ANY_LABEL
    template: ClassVar[str] = "choice"

    def pairs(self) -> list[tuple[str, Any]]:
        source = self.choices() if callable(self.choices) and not hasattr(self.choices, "choices") else self.choices
        return [(str(value), label) for value, label in getattr(source, "choices", source)]

    def bind(self, params: QueryDict) -> Bound:
        pairs = self.pairs()
        value = params.get(self.key, "")
        bound = Bound(self, controls={"pairs": pairs})
        label = dict(pairs).get(value)
        if value and label is None:
            bound.problem = _("Unknown choice; the filter was left out.")
        elif value:
            bound.value, bound.shown = value, str(label)
            bound.q = self.where(value) if self.where else Q(**{self.path: value})
            bound.test = lambda row: str(read(row, self.path)) == value
        return bound


@dataclass(frozen=True)
class Toggle(Filter):
    """A check box; ``where`` is the condition when it is set."""

    where: Q | None = None
    test: Callable[[Row], bool] | None = None
    template: ClassVar[str] = "toggle"

    def bind(self, params: QueryDict) -> Bound:
        bound = Bound(self)
        if params.get(self.key) in ("1", "on", "true"):
            bound.value, bound.shown = "1", _("Yes")
            bound.q = self.where or Q(**{self.path: True})
            bound.test = self.test or (lambda row: bool(read(row, self.path)))
        return bound


@dataclass(frozen=True)
class DateRange(Filter):
    """From and to day, both inclusive, in the current time zone; ``is_datetime`` for moments."""

    is_datetime: bool = True
    template: ClassVar[str] = "range"

    @property
    def keys(self) -> tuple[str, ...]:
        return (f"{self.key}_from", f"{self.key}_to")

    def bind(self, params: QueryDict) -> Bound:
        first, last = (self._day(params.get(key, "")) for key in self.keys)
        bound = Bound(self, controls={"first": params.get(self.keys[0], ""), "last": params.get(self.keys[1], "")})
        if first is False or last is False:
            bound.problem = _("Enter the date as year-month-day, for example 2026-11-03.")
            return bound
        if first and last and first > last:
            bound.problem = _("The first day is after the last day.")
            return bound
        if not first and not last:
            return bound
        low = self._edge(first) if first else None
        high = self._edge(last + timedelta(days=1)) if last else None
        bound.shown = f"{first or '…'} – {last or '…'}"
        bound.value = bound.shown
        condition = Q()
        if low is not None:
            condition &= Q(**{f"{self.path}__gte": low})
        if high is not None:
            condition &= Q(**{f"{self.path}__lt": high})
        bound.q = condition

        def within(row: Row) -> bool:
            value = read(row, self.path)
            return value is not None and (low is None or value >= low) and (high is None or value < high)

        bound.test = within
        return bound

    @staticmethod
    def _day(text: str) -> Any:
        """A date, ``None`` for nothing, ``False`` for what is no date."""
        if not text:
            return None
        try:
            return parse_date(text) or False
        except ValueError:
            return False

    def _edge(self, day: date) -> date | datetime:
        if not self.is_datetime:
            return day
        return timezone.make_aware(datetime.combine(day, time.min))


# --- the view -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    column: Column
    content: str | SafeString
    url: str = ""

    @property
    def classes(self) -> str:
        """Those of the column; a card on a phone leaves out what is not there."""
        nothing = self.column.phone != "title" and str(self.content).strip() in ("", self.column.empty)
        return f"{self.column.classes} nothing" if nothing else self.column.classes


@dataclass(frozen=True)
class Heading:
    column: Column
    url: str
    direction: str


class ListPage(View):
    """Set the class attributes, write ``get_queryset``, add the URL. See README for an example.

    ``export_right`` names the right for ``?export=csv|xlsx`` (``None``: no export). ``on_export`` is called
    with format and number of rows after the file is complete: write the audit row there.
    """

    title: Any = ""
    subtitle: Any = ""
    columns: Sequence[Column] = ()
    filters: Sequence[Filter] = ()
    ordering: str | Sequence[str] = ()
    page_size: int = DEFAULT_SIZE
    template_name = "ui/list_page.html"
    body_template_name = "ui/list_body.html"
    row_template_name = ""
    export_right: Any = None
    export_name = "list"
    empty_icon = "inbox"
    empty_title: Any = gettext_lazy("Nothing here yet")
    empty_text: Any = ""
    empty_action: Any = ""
    empty_url: Any = ""
    http_method_names = ["get", "head", "options"]

    # hooks ------------------------------------------------------------------------------------
    def get_queryset(self) -> QuerySet[Any] | Sequence[Row]:
        """The rows this person may see, unordered. Select related rows and defer big columns here."""
        raise NotImplementedError

    def row_url(self, row: Row) -> str:
        """The address behind a row; empty: the row is no link."""
        return ""

    def row_actions(self, row: Row) -> SafeString | str:
        """Buttons of a row (safe HTML)."""
        return ""

    @property
    def actions(self) -> Sequence[Mapping[str, Any]]:
        """Buttons of the page: ``{"label", "url", "icon", "variant"}``, the main one first."""
        return ()

    def get_columns(self) -> Sequence[Column]:
        return self.columns

    def get_filters(self) -> Sequence[Filter]:
        return self.filters

    def extra_context(self) -> dict[str, Any]:
        return {}

    def may_export(self) -> bool:
        user: Any = self.request.user
        return self.export_right is not None and user.has(self.export_right) and not user.is_guest

    def on_export(self, form: str, rows: int) -> None:
        """Called in the export's transaction when the file is complete."""

    # state from the address --------------------------------------------------------------------
    @cached_property
    def bound_filters(self) -> list[Bound]:
        return [one.bind(self.request.GET) for one in self.get_filters()]

    @cached_property
    def size(self) -> int:
        asked = self.request.GET.get("size", "")
        return int(asked) if asked.isascii() and asked.isdigit() and int(asked) in SIZES else self.page_size

    @cached_property
    def sorting(self) -> tuple[Column | None, bool]:
        """The column sorted by and whether downwards; only columns that allow it."""
        asked = self.request.GET.get("sort", "")
        key = asked.removeprefix("-")
        for column in self.get_columns():
            if column.fields and column.key == key:
                return column, asked.startswith("-")
        return None, False

    def order_fields(self) -> list[str]:
        column, down = self.sorting
        default = [self.ordering] if isinstance(self.ordering, str) and self.ordering else list(self.ordering)
        if column is None:
            return default
        chosen = [_flip(name) if down else name for name in column.fields]
        # The default order breaks ties, so that pages neither repeat nor lose rows.
        return chosen + [name for name in default if name.lstrip("-") not in {c.lstrip("-") for c in chosen}]

    # rows --------------------------------------------------------------------------------------
    @cached_property
    def source(self) -> "_Source":
        rows = self.get_queryset()
        kind = _QuerySource if isinstance(rows, QuerySet) else _SequenceSource
        return kind(rows, self.bound_filters, self.order_fields(), self.get_columns())

    @cached_property
    def totals(self) -> dict[str, Any]:
        """``count`` and the sums of the columns that have a total: one query."""
        return self.source.totals()

    @cached_property
    def number(self) -> int:
        """The page asked for; beyond the last one it is the last one."""
        asked = self.request.GET.get("page", "1")
        number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 8 else 1
        return max(1, min(number, self.pages))

    @property
    def count(self) -> int:
        return self.totals["count"]

    @property
    def pages(self) -> int:
        return max(1, ceil(self.count / self.size))

    @cached_property
    def rows(self) -> list[Row]:
        if not self.count:
            return []
        start = (self.number - 1) * self.size
        return self.source.slice(start, start + self.size)

    # for templates -----------------------------------------------------------------------------
    def screen_columns(self) -> list[Column]:
        return [column for column in self.get_columns() if not column.export_only]

    def headings(self) -> list[Heading]:
        sorted_by, down = self.sorting
        found = []
        for column in self.screen_columns():
            direction = ""
            if sorted_by is not None and column.key == sorted_by.key:
                direction = "descending" if down else "ascending"
            following = f"-{column.key}" if direction == "ascending" else column.key
            found.append(Heading(column, self.address(sort=following, page=None) if column.fields else "", direction))
        return found

    def table_rows(self) -> Iterator[dict[str, Any]]:
        columns = self.screen_columns()
        for row in self.rows:
            url = self.row_url(row)
            linked = next((c for c in columns if c.phone == "title"), columns[0] if columns else None)
            yield {
                "row": row,
                "url": url,
                "cells": [Cell(c, c.shown(row), url if c is linked else "") for c in columns],
                "actions": self.row_actions(row),
            }

    def total_cells(self) -> list[tuple[Column, str | SafeString]]:
        columns = self.screen_columns()
        if not self.count or not any(column.total for column in columns):
            return []
        cells: list[tuple[Column, str | SafeString]] = []
        for at, column in enumerate(columns):
            if column.total:
                cells.append((column, column.display(self.totals.get(f"total_{column.key}") or 0)))
            else:
                cells.append((column, _("Total") if at == 0 else ""))
        return cells

    def sort_choices(self) -> list[tuple[str, Any, bool]]:
        """For the phone, where the table has no head: value, label, chosen."""
        sorted_by, down = self.sorting
        asked = f"{'-' if down else ''}{sorted_by.key}" if sorted_by else ""
        found: list[tuple[str, Any, bool]] = []
        for column in self.screen_columns():
            if column.fields:
                found.append((column.key, f"{column.label} ↑", asked == column.key))
                found.append((f"-{column.key}", f"{column.label} ↓", asked == f"-{column.key}"))
        return found

    def applied(self) -> list[dict[str, str]]:
        """The filters in force, each with the address without it."""
        return [
            {
                "label": str(bound.filter.label),
                "shown": bound.shown,
                "url": self.address(**dict.fromkeys(bound.filter.keys), page=None),
            }
            for bound in self.bound_filters
            if bound.active
        ]

    @property
    def filtered(self) -> bool:
        return any(bound.active for bound in self.bound_filters)

    @property
    def search(self) -> Bound | None:
        return next((bound for bound in self.bound_filters if bound.filter.template == "search"), None)

    @property
    def other_filters(self) -> list[Bound]:
        return [bound for bound in self.bound_filters if bound.filter.template != "search"]

    @property
    def first(self) -> int:
        return (self.number - 1) * self.size + 1 if self.count else 0

    @property
    def last(self) -> int:
        return min(self.number * self.size, self.count)

    def page_links(self) -> list[tuple[str, str, bool]]:
        """Label, address and whether it is this page; "…" has no address."""
        wanted = sorted({1, self.number - 1, self.number, self.number + 1, self.pages} & set(range(1, self.pages + 1)))
        found: list[tuple[str, str, bool]] = []
        before = 0
        for page in wanted:
            if page - before > 1:
                found.append(("…", "", False))
            found.append((str(page), self.address(page=page), page == self.number))
            before = page
        return found

    @property
    def previous_url(self) -> str:
        return self.address(page=self.number - 1) if self.number > 1 else ""

    @property
    def next_url(self) -> str:
        return self.address(page=self.number + 1) if self.number < self.pages else ""

    def size_links(self) -> list[tuple[int, str, bool]]:
        return [(size, self.address(size=size, page=None), size == self.size) for size in SIZES]

    def clear_url(self) -> str:
        keys = [key for bound in self.bound_filters for key in bound.filter.keys]
        return self.address(**dict.fromkeys(keys), page=None)

    def export_links(self) -> list[tuple[str, str]]:
        if not self.may_export():
            return []
        return [("XLSX", self.address(export="xlsx", page=None)), ("CSV", self.address(export="csv", page=None))]

    def address(self, **changes: Any) -> str:
        """This list's address with ``changes`` to its query string (``None`` removes)."""
        params = self.request.GET.copy()
        params.pop("export", None)
        for key, value in changes.items():
            if value is None:
                params.pop(key, None)
            else:
                params[key] = str(value)
        return f"{self.request.path}?{params.urlencode()}" if params else self.request.path

    # answers -----------------------------------------------------------------------------------
    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        wanted = request.GET.get("export", "")
        if wanted:
            return self.export(wanted)
        htmx: Any = getattr(request, "htmx", None)
        # A page restored from history has no page around it yet, so it needs all of it.
        part = htmx and htmx.target == "list" and not htmx.history_restore_request
        template = self.body_template_name if part else self.template_name
        response = render(request, template, {"list": self, "title": self.title, **self.extra_context()})
        patch_vary_headers(response, ["HX-Request", "HX-Target"])
        # The same address answers with a page or a part of it, and rows are personal.
        patch_cache_control(response, private=True, no_store=True)
        return response

    def export(self, form: str) -> HttpResponseBase:
        """The filtered list, all pages, as a file.

        The file is written before the answer starts: rows read while an answer streams would be read
        after the request's binding to its tenant has ended.
        """
        if not self.may_export():
            raise PermissionDenied
        writer = export.WRITERS.get(form)
        if writer is None:
            return HttpResponse(_("Choose csv or xlsx."), status=400, content_type="text/plain; charset=utf-8")
        exports.check(self.request)
        columns = [column for column in self.get_columns() if not column.screen_only and column.kind != "html"]
        columns += [c for c in self.get_columns() if not c.screen_only and c.kind == "html" and c.export]
        with self.source.reading() as rows:
            values = ([column.exported(row) for column in columns] for row in rows)
            response, number = writer(self.export_name, [str(column.label) for column in columns], values)
            self.on_export(form, number)
        return response


def _flip(name: str) -> str:
    return name[1:] if name.startswith("-") else f"-{name}"


class _Source:
    def __init__(self, rows: Any, filters: list[Bound], order: list[str], columns: Sequence[Column]) -> None:
        self.filters = [bound for bound in filters if bound.active]
        self.order = order
        self.summed = [column for column in columns if column.total]
        self.rows = self.prepare(rows)

    def prepare(self, rows: Any) -> Any:
        raise NotImplementedError

    def totals(self) -> dict[str, Any]:
        raise NotImplementedError

    def slice(self, start: int, stop: int) -> list[Row]:
        return list(self.rows[start:stop])

    def reading(self) -> Any:
        raise NotImplementedError


class _Reading:
    """Rows for an export, in one transaction: server-side cursors live as long as it does."""

    def __init__(self, rows: Callable[[], Iterable[Row]], using: str | None) -> None:
        self.rows = rows
        self.block = atomic(using=using) if using else None

    def __enter__(self) -> Iterable[Row]:
        if self.block:
            self.block.__enter__()
        return self.rows()

    def __exit__(self, *problem: Any) -> None:
        if self.block:
            self.block.__exit__(*problem)


class _QuerySource(_Source):
    def prepare(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        for bound in self.filters:
            if bound.q is not None:
                rows = rows.filter(bound.q)
        return rows.order_by(*self.order) if self.order else rows

    def totals(self) -> dict[str, Any]:
        sums = {f"total_{column.key}": Sum(column.path.replace(".", "__")) for column in self.summed}
        if not sums:
            return {"count": self.rows.count()}
        return self.rows.order_by().aggregate(count=Count("pk", distinct=False), **sums)

    def reading(self) -> _Reading:
        return _Reading(lambda: self.rows.iterator(chunk_size=1000), self.rows.db)


class _SequenceSource(_Source):
    def prepare(self, rows: Sequence[Row]) -> list[Row]:
        found = [row for row in rows if all(bound.test(row) for bound in self.filters if bound.test)]
        for name in reversed(self.order):
            path = name.lstrip("-")
            found.sort(key=partial(_sort_value, path), reverse=name.startswith("-"))
        return found

    def totals(self) -> dict[str, Any]:
        sums = {f"total_{c.key}": sum((c.raw(row) or 0 for row in self.rows), start=0) for c in self.summed}
        return {"count": len(self.rows), **sums}

    def reading(self) -> _Reading:
        return _Reading(lambda: self.rows, None)


def _sort_value(path: str, row: Row) -> tuple[bool, Any]:
    """Nothing sorts after everything, as PostgreSQL does."""
    value = read(row, path)
    return (value is None, 0 if value is None else value)
