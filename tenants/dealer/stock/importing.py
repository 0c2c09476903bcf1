"""Cars from a spreadsheet: read leniently, checked row by row, and nothing of it lost (R-INV-05).

CSV with a heading line, comma, semicolon or tab, in UTF-8 or GB 18030; headings in Chinese or English, in any order.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from dealer.stock import actions
from dealer.stock.models import StockVehicle, VehicleState
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.automotive import vin as vins
from kernel.automotive.problem import Problem
from kernel.errors import Conflict, FieldError, Invalid
from kernel.money import AmountError, parse_money
from kernel.reference.queries import match_car

MAX_BYTES = 1_000_000
MAX_ROWS = 2_000

#: What people call the columns, folded (small letters, no spaces and signs).
HEADINGS: dict[str, tuple[str, ...]] = {
    "vin": ("vin", "vin码", "vin碼", "车架号", "車架號", "vehiclenumber", "车辆识别代号"),
    "brand": ("brand", "make", "品牌"),
    "series": ("series", "车系", "車系"),
    "model": ("model", "车型", "車型"),
    "variant": ("variant", "trim", "款型"),
    "colour": ("colour", "color", "颜色", "顏色"),
    "list_price": ("listprice", "price", "指导价", "指導價", "价格", "價格"),
    "arrived_on": ("arrivedon", "arrived", "入库日期", "入庫日期", "到店日期"),
    "location": ("location", "库位", "庫位", "位置"),
}
_FIELD_OF = {word: name for name, words in HEADINGS.items() for word in words}
REQUIRED = ("vin", "brand")


@dataclass
class Row:
    """One line of the file: its number there, its cells as they came, what they mean, and what is wrong with them."""

    number: int
    cells: list[str]
    values: dict[str, Any] = field(default_factory=dict)
    errors: list[FieldError] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not self.errors

    @property
    def vin(self) -> str:
        return self.values.get("vin", "")


@dataclass
class Sheet:
    """A file read and checked. `problem` says why it cannot be read at all."""

    headings: list[str]
    rows: list[Row]
    problem: Any = ""

    @property
    def good(self) -> list[Row]:
        return [row for row in self.rows if row.is_good]

    @property
    def bad(self) -> list[Row]:
        return [row for row in self.rows if not row.is_good]


def decode(data: bytes) -> str:
    """The text of a file from any spreadsheet program. Raises Invalid (file) for what is no text or too large."""
    if len(data) > MAX_BYTES:
        raise Invalid([FieldError("file", "too_large", _("This file is too large. Split it into parts of 1 MB."))])
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    message = _("This is no CSV file. Save the table as CSV and choose that file.")
    raise Invalid([FieldError("file", "not_text", message)])


def read(text: str) -> Sheet:
    """Read and check every row against the rules and the stock; writes nothing. Two queries whatever its length."""
    lines = _lines(text)
    if not lines:
        return Sheet([], [], _("This file is empty."))
    headings = lines[0][1]
    fields = [_FIELD_OF.get(_fold(heading), "") for heading in headings]
    missing = [name for name in REQUIRED if name not in fields]
    if missing:
        return Sheet(headings, [], _("The first line must name the columns, VIN and brand among them."))
    if len(lines) > MAX_ROWS + 1:
        return Sheet(headings, [], _("These are too many rows. Split the file into parts of 2,000."))
    rows = [_row(number, cells, fields) for number, cells in lines[1:]]
    _compare(rows)
    return Sheet(headings, rows)


def _lines(text: str) -> list[tuple[int, list[str]]]:
    """Lines with something in them, by their number in the file."""
    first = text.lstrip("\ufeff\r\n").split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    try:
        found = list(csv.reader(io.StringIO(text.lstrip("\ufeff")), delimiter=delimiter))
    except csv.Error:
        return []
    return [(number, cells) for number, cells in enumerate(found, start=1) if any(cell.strip() for cell in cells)]


def _fold(heading: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKC", heading).casefold() if c.isalnum())


def _row(number: int, cells: list[str], fields: list[str]) -> Row:
    row = Row(number, cells)
    given = {name: cell.strip() for name, cell in zip(fields, cells, strict=False) if name}
    report = vins.inspect(given.get("vin", ""))
    row.values["vin"] = report.vin
    row.errors += [FieldError("vin", problem.code, problem.message) for problem in report.errors]
    row.warnings += report.warnings
    _car(row, given)
    for name, limit in (("colour", 40), ("location", 80)):
        _text(row, name, given.get(name, ""), limit)
    if given.get("list_price"):
        try:
            money = parse_money(given["list_price"])
            row.values["list_price"], row.values["currency"] = money.amount, money.currency
            if money.amount < 0:
                row.errors.append(FieldError("list_price", "negative", _("The price must not be below zero.")))
        except AmountError as problem:
            row.errors.append(FieldError("list_price", problem.code, problem.message))
    if given.get("arrived_on"):
        day = _day(given["arrived_on"])
        if day is None:
            message = _("Write the day as year-month-day, for example 2026-05-04.")
            row.errors.append(FieldError("arrived_on", "date", message))
        row.values["arrived_on"] = day
    return row


def _car(row: Row, given: dict[str, str]) -> None:
    """Catalogue codes for what the file calls the car; words that are none stay as they are."""
    found = match_car(brand=given.get("brand", ""), series=given.get("series", ""), model=given.get("model", ""))
    for name, code, limit in (("brand", found.brand, 40), ("series", found.series, 40), ("model", found.model, 60)):
        _text(row, name, code or given.get(name, ""), limit)
    _text(row, "variant", given.get("variant", ""), 60)
    if not row.values["brand"]:
        row.errors.append(FieldError("brand", "required", _("Enter the brand of the car.")))


def _text(row: Row, name: str, value: str, limit: int) -> None:
    row.values[name] = value
    if len(value) > limit or "\x00" in value:
        row.errors.append(FieldError(name, "too_long", _("This is too long. Shorten it.")))


def _day(text: str) -> date | None:
    parts = re.fullmatch(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?", text)
    if parts is None:
        return None
    try:
        return date(int(parts[1]), int(parts[2]), int(parts[3]))
    except ValueError:
        return None


def _compare(rows: Iterable[Row]) -> None:
    """Find VINs that stand twice in the file or in stock already."""
    rows = list(rows)
    seen: dict[str, int] = {}
    stocked = set(
        StockVehicle.objects.filter(vin__in=[row.vin for row in rows])
        .exclude(state=VehicleState.IN_TRANSIT)
        .values_list("vin", flat=True)
    )
    for row in rows:
        if not row.vin:
            continue
        if row.vin in seen:
            row.errors.append(FieldError("vin", "twice", _("This VIN stands in the file twice.")))
        elif row.vin in stocked:
            row.errors.append(FieldError("vin", "vehicle_exists", _("A car with this VIN is in stock already.")))
        seen.setdefault(row.vin, row.number)


def take_in(*, actor: Actor, sheet: Sheet) -> list[StockVehicle]:
    """Take the good rows into stock, each by itself; one that fails now joins the bad ones. Returns the cars."""
    actor.require(Right.STOCK_WRITE)
    taken = []
    for row in sheet.good:
        try:
            with transaction.atomic():
                taken.append(actions.receive_vehicle(actor=actor, **row.values))
        except Invalid as problem:
            row.errors += problem.errors
        except Conflict as problem:
            row.errors.append(FieldError("vin", problem.code, problem.message))
    return taken


def as_text(headings: list[str], rows: Iterable[Row]) -> str:
    """The heading line and some rows as CSV again, to be corrected and sent once more."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(headings)
    writer.writerows(row.cells for row in rows)
    return out.getvalue()
