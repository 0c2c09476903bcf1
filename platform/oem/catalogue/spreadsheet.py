"""The catalogue's entries as CSV: out for editing in a spreadsheet, and back in.

The first line holds the names of the fields; entries are known by their codes. Written as UTF-8 with a byte order mark;
read as UTF-8 or, as Chinese spreadsheets write it, GB 18030, with comma, semicolon or tab.
"""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from django.db.models import Model
from django.http import FileResponse
from django.utils.translation import gettext as _

from kernel.errors import Invalid
from kernel.ui import export
from oem.catalogue.nouns import Noun

MAX_BYTES = 2 * 1024 * 1024
MAX_ROWS = 20_000
FIELD = "file"


def read(noun: Noun, content: bytes) -> list[dict[str, str]]:
    """The rows of a file by field name; empty lines are left out. Raises Invalid for field `file`, saying why."""
    rows = csv.reader(io.StringIO(_text(content), newline=""), _dialect(content), strict=True)
    try:
        head = [name.strip().lower() for name in next(rows, [])]
        _check_head(noun, head)
        found: list[dict[str, str]] = []
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) > len(head) or len(found) == MAX_ROWS:
                raise _wrong(_("Line %(line)s has more cells than the first line.") % {"line": rows.line_num})
            found.append({name: _plain(cell) for name, cell in zip(head, row, strict=False)})
    except csv.Error:
        raise _wrong(_("Line %(line)s cannot be read.") % {"line": rows.line_num}) from None
    if not found:
        raise _wrong(_("The file has no entries."))
    return found


def _wrong(message: str) -> Invalid:
    return Invalid({FIELD: message}, code="file_unreadable")


def _text(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise _wrong(_("The file is larger than 2 MB. Divide it."))
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise _wrong(_("This is not a CSV file."))


def _dialect(content: bytes) -> type[csv.Dialect]:
    first = content.partition(b"\n")[0]
    separator = max(b",;\t".decode(), key=lambda one: first.count(one.encode()))

    class Dialect(csv.excel):
        delimiter = separator

    return Dialect


def _check_head(noun: Noun, head: list[str]) -> None:
    unknown = [name for name in head if name not in noun.fields]
    if noun.code not in head:
        raise _wrong(_("The first line must name the fields, with %(code)s among them.") % {"code": noun.code})
    if unknown:
        raise _wrong(_("There is no field %(name)s.") % {"name": unknown[0][:40]})
    if len(set(head)) < len(head):
        raise _wrong(_("The first line names a field twice."))


def _plain(cell: str) -> str:
    """A cell without the apostrophe that keeps a spreadsheet from taking it for a formula."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(export.DANGEROUS) else cell


def write(noun: Noun, entries: Any) -> tuple[FileResponse, int]:
    """All fields of entries as a file that `read` understands, and how many there are."""
    return export.write_csv(
        noun.key, noun.fields, ([_cell(noun, entry, name) for name in noun.fields] for entry in entries)
    )


def _cell(noun: Noun, entry: Model, name: str) -> Any:
    value = getattr(entry, noun.field(name).attname)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "fits":
        return " ".join(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
