"""CSV and XLSX files from rows of typed values, written with constant memory."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from tempfile import SpooledTemporaryFile
from typing import IO, Any

import xlsxwriter
from django.http import FileResponse
from django.utils import timezone

from kernel import clock

# Files above this size lie on disk while they are written.
MEMORY_BYTES = 1 << 20
# OWASP "CSV injection": a spreadsheet takes text that begins so for a formula.
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
# XLSX: 1,048,576 rows a sheet, one of them the headings; 32,767 characters a cell.
XLSX_ROWS = 1_048_575
XLSX_TEXT = 32_767

Writer = Callable[[str, Sequence[str], Iterable[Sequence[Any]]], tuple[FileResponse, int]]


def safe_text(value: str) -> str:
    """``value`` so that no spreadsheet runs it: an apostrophe before what looks like a formula."""
    return f"'{value}" if value.startswith(DANGEROUS) else value


def csv_value(value: Any) -> Any:
    """Numbers and dates stay typed (plain, ISO 8601 in local time); text is made safe."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | date):
        return safe_text(str(value))
    if isinstance(value, datetime):
        local = timezone.localtime(value) if timezone.is_aware(value) else value
        return local.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return value


def _answer(file: IO[bytes], name: str, suffix: str, content_type: str) -> FileResponse:
    file.seek(0)
    filename = f"{name}-{timezone.localtime(clock.now()):%Y%m%d-%H%M}.{suffix}"
    response = FileResponse(file, as_attachment=True, filename=filename, content_type=content_type)
    response["Cache-Control"] = "private, no-store"
    return response


def write_csv(name: str, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> tuple[FileResponse, int]:
    """UTF-8 with a byte order mark, so that Excel reads Chinese; returns the answer and the number of rows."""
    file = SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115 - closed by the response
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow([safe_text(heading) for heading in headings])
    number = 0
    for row in rows:
        writer.writerow([csv_value(value) for value in row])
        number += 1
    text.flush()
    text.detach()
    return _answer(file, name, "csv", "text/csv; charset=utf-8"), number


def write_xlsx(name: str, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> tuple[FileResponse, int]:
    """One sheet with fixed headings, real numbers and dates; text is never read as a formula or link."""
    file = SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115 - closed by the response
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(file, options)
    sheet = book.add_worksheet()
    head = book.add_format({"bold": True, "bg_color": "#EEF1F5", "bottom": 1})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
    money = book.add_format({"num_format": "#,##0.00"})
    sheet.freeze_panes(1, 0)
    for at, heading in enumerate(headings):
        sheet.set_column(at, at, min(max(len(heading) * 2, 12), 40))
        sheet.write_string(0, at, heading, head)
    number = 0
    for row in rows:
        if number == XLSX_ROWS:
            break
        number += 1
        for at, value in enumerate(row):
            match value:
                case None | "":
                    pass
                case bool():
                    sheet.write_boolean(number, at, value)
                case Decimal():
                    sheet.write_number(number, at, float(value), money)
                case int() | float():
                    sheet.write_number(number, at, value)
                case datetime():
                    local = timezone.localtime(value) if timezone.is_aware(value) else value
                    sheet.write_datetime(number, at, local.replace(tzinfo=None), moment)
                case date():
                    sheet.write_datetime(number, at, datetime.combine(value, time.min), day)
                case _:
                    sheet.write_string(number, at, str(value)[:XLSX_TEXT])
    sheet.autofilter(0, 0, number, max(len(headings) - 1, 0))
    book.close()
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return _answer(file, name, "xlsx", kind), number


WRITERS: dict[str, Writer] = {"csv": write_csv, "xlsx": write_xlsx}
