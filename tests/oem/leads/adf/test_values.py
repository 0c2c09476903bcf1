from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from oem.leads.adf import values

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("text", "moment", "notes"),
    [
        ("2000-03-30T15:30:20-08:00", datetime(2000, 3, 30, 23, 30, 20, tzinfo=UTC), []),
        ("2026-03-02 09:15", datetime(2026, 3, 2, 1, 15, tzinfo=UTC), ["no_offset"]),
        ("2026-03-02", datetime(2026, 3, 1, 16, tzinfo=UTC), ["no_offset"]),
        ("2026/3/2 9:15:30", datetime(2026, 3, 2, 1, 15, 30, tzinfo=UTC), ["no_offset"]),
        ("2014-04-07T4:35:52 PM", datetime(2014, 4, 7, 8, 35, 52, tzinfo=UTC), ["no_offset"]),
        ("2024-06-03T12:05 AM", datetime(2024, 6, 2, 16, 5, tzinfo=UTC), ["no_offset"]),
        ("2024-06-03T07:30:20.123456+0200", datetime(2024, 6, 3, 5, 30, 20, tzinfo=UTC), []),
        ("2024-06-03T07:30:20+08", datetime(2024, 6, 2, 23, 30, 20, tzinfo=UTC), []),
        ("02/08/2021 10:41AM", datetime(2021, 2, 8, 2, 41, tzinfo=UTC), ["date_order_assumed", "no_offset"]),
        ("05/05/2024", datetime(2024, 5, 4, 16, tzinfo=UTC), ["no_offset"]),
        ("31/12/2024", datetime(2024, 12, 30, 16, tzinfo=UTC), ["no_offset"]),
        ("２０２４年６月３日　下午３点１５分", datetime(2024, 6, 3, 7, 15, tzinfo=UTC), ["no_offset"]),
        ("2024年6月3日 上午12:00", datetime(2024, 6, 2, 16, tzinfo=UTC), ["no_offset"]),
        ("2024年6月3日", datetime(2024, 6, 2, 16, tzinfo=UTC), ["no_offset"]),
        ("20240603", datetime(2024, 6, 2, 16, tzinfo=UTC), ["no_offset"]),
        ("Mon, 03 Jun 2024 10:41:00 +0800", datetime(2024, 6, 3, 2, 41, tzinfo=UTC), []),
        ("3 June 2024 15:15", datetime(2024, 6, 3, 7, 15, tzinfo=UTC), ["no_offset"]),
    ],
)
def test_moments(text, moment, notes):
    assert values.read_datetime(text, SHANGHAI) == (moment, notes)


@pytest.mark.parametrize(
    "text",
    ["", "soon", "2024-13-01", "2024-02-30", "2024-06-03T25:00", "2024-06-03T10:00+99:99", "0001-01-01T00:00:00Z",
     "99999999", "1717400000", "2024-06-03T10:00 EST nonsense", "x" * 65],
)  # fmt: skip
def test_what_is_no_moment(text):
    assert values.read_datetime(text, SHANGHAI) == (None, [])


def test_a_day_is_the_one_written_whatever_the_zone():
    assert values.read_date("2026-03-10T23:59:00-12:00") == (date(2026, 3, 10), [])
    assert values.read_date("2026-02-30") == (None, [])
    assert values.read_date("after the holidays") == (None, [])


@pytest.mark.parametrize(
    ("text", "number"),
    [("90,000", 90_000), ("12,000 km", 12_000), ("9.2万公里", 92_000), ("12k miles", 12_000), ("-5", -5),
     ("many", None), ("9" * 20, None), ("", None)],
)  # fmt: skip
def test_integers(text, number):
    assert values.read_integer(text) == number


@pytest.mark.parametrize(
    ("text", "year"), [("2024", 2024), ("MY2024", 2024), ("2024款", 2024), ("24", None), ("20245", None), ("", None)]
)
def test_years(text, year):
    assert values.read_year(text) == year


@pytest.mark.parametrize(
    ("text", "attribute", "expected"),
    [
        ("26995", "USD", (Decimal("26995.00"), "USD")),
        ("$26,995", "", (Decimal("26995.00"), "USD")),
        ("16.88万", "", (Decimal("168800.00"), "")),
        ("¥168,800", "", (Decimal("168800.00"), "CNY")),
        ("call us", "USD", (None, "USD")),
    ],
)
def test_amounts(text, attribute, expected):
    assert values.read_amount(text, attribute) == expected


@pytest.mark.parametrize(
    ("text", "country"),
    [("us", "US"), ("USA", "US"), ("UK", "GB"), ("中国", "CN"), ("臺灣", "TW"), ("Atlantis", None), ("98002", None)],
)
def test_countries(text, country):
    assert values.read_country(text) == country


@pytest.mark.parametrize(
    ("written", "interest"),
    [("buy", "buy"), ("TRADE-IN", "trade-in"), ("trade_in", "trade-in"), ("Test Drive", "test-drive"),
     ("置换", "trade-in"), ("", "buy"), ("loan", None)],
)  # fmt: skip
def test_enumerations(written, interest):
    assert values.choose(written, values.INTERESTS, values.INTEREST_SYNONYMS) == interest


@pytest.mark.parametrize(
    ("text", "personal", "shown"),
    [
        ("loan", False, "loan"),
        ("06/03/2024", False, "06/03/2024"),
        ("13800138000", False, "99999999999"),
        ("Smith", True, "xxxxx"),
        ("a.b@example", False, "x.x@xxxxxxx"),
        ("王小明", False, "xxx"),
        ("<b>", True, ".x."),
        ("x" * 30, False, "x" * 24 + "…"),
    ],
)
def test_excerpts_show_no_personal_data(text, personal, shown):
    assert values.excerpt(text, personal=personal) == shown
