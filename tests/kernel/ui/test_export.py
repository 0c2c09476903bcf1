import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal

import openpyxl
import pytest
from django.utils import timezone

from kernel.ui.export import csv_value, safe_text, write_csv, write_xlsx

ROW = ["=1+1", "王小明", Decimal("-12.50"), 7, date(2026, 11, 3), datetime(2026, 11, 3, 2, 5, tzinfo=UTC), None]
HEADINGS = ["Text", "姓名", "Amount", "Number", "Day", "Moment", "Empty"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(start):
    assert safe_text(f"{start}HYPERLINK()") == f"'{start}HYPERLINK()"


@pytest.mark.parametrize("text", ["王小明", "a=b", "12-3", ""])
def test_other_text_stays_as_it_is(text):
    assert safe_text(text) == text


def content(response):
    body = b"".join(response.streaming_content)
    response.close()
    return body


def test_negative_numbers_stay_numbers():
    assert csv_value(Decimal("-12.50")) == "-12.50"
    assert csv_value(-3) == -3


def test_csv_is_read_by_excel_and_carries_typed_values():
    with timezone.override("Asia/Shanghai"):
        response, rows = write_csv("contracts", HEADINGS, [ROW])
    body = content(response)
    assert rows == 1
    assert body.startswith(b"\xef\xbb\xbf")
    head, first = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    assert head == HEADINGS
    assert first == ["'=1+1", "王小明", "-12.50", "7", "2026-11-03", "2026-11-03 10:05:00", ""]
    assert response["Content-Disposition"].startswith('attachment; filename="contracts-')


def test_xlsx_has_numbers_dates_and_no_formulas():
    with timezone.override("Asia/Shanghai"):
        response, rows = write_xlsx("contracts", HEADINGS, [ROW])
    sheet = openpyxl.load_workbook(io.BytesIO(content(response))).active
    head, first = list(sheet.iter_rows())
    assert rows == 1
    assert [cell.value for cell in head] == HEADINGS
    assert first[0].value == "=1+1"
    assert first[0].data_type == "s"
    assert first[2].value == -12.5
    assert first[3].value == 7
    assert first[4].value == datetime(2026, 11, 3)
    assert first[5].value == datetime(2026, 11, 3, 10, 5)
    assert first[6].value is None
    assert sheet.freeze_panes == "A2"


def test_an_export_does_not_hold_its_rows_in_memory():
    def rows():
        for at in range(20_000):
            yield [f"row {at}", at]

    for writer in (write_csv, write_xlsx):
        response, number = writer("many", ["a", "b"], rows())
        assert number == 20_000
        response.close()
