import contextlib
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.money import AmountError, Money, format_money, format_short, parse_money, round_money


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("168800", "168800.00", "CNY"),
        ("¥168,800.00", "168800.00", "CNY"),
        ("￥168，800", "168800.00", "CNY"),
        ("１６８８００", "168800.00", "CNY"),
        ("16.88万", "168800.00", "CNY"),
        ("16.88萬元", "168800.00", "CNY"),
        ("人民币 100 元", "100.00", "CNY"),
        ("RMB 168800", "168800.00", "CNY"),
        ("$26,995", "26995.00", "USD"),
        ("USD 26995", "26995.00", "USD"),
        ("26995 usd", "26995.00", "USD"),
        ("HK$ 1,000", "1000.00", "HKD"),
        ("26.995,00 €", "26995.00", "EUR"),
        ("1,234", "1234.00", "CNY"),
        ("1,23", "1.23", "CNY"),
        ("1.234.567", "1234567.00", "CNY"),
        ("12 345.60", "12345.60", "CNY"),
        ("-100", "-100.00", "CNY"),
        ("(100)", "-100.00", "CNY"),
        (".5", "0.50", "CNY"),
        ("0.005", "0.01", "CNY"),
        ("JPY 100.5", "101", "JPY"),
    ],
)
def test_parse(text, amount, currency):
    parsed = parse_money(text)
    assert parsed == Money(Decimal(amount), currency)
    assert str(parsed.amount) == amount


def test_currency_of_the_field_counts_without_a_sign():
    assert parse_money("100", currency="HKD") == Money(Decimal("100.00"), "HKD")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "amount_empty"),
        ("  ", "amount_empty"),
        ("abc", "amount_not_a_number"),
        ("NaN", "amount_not_a_number"),
        ("Infinity", "amount_not_a_number"),
        ("1e5", "amount_not_a_number"),
        ("1-2", "amount_not_a_number"),
        ("¥", "amount_not_a_number"),
        ("1" * 65, "amount_not_a_number"),
        ("9" * 13, "amount_too_large"),
        ("99999万亿", "amount_not_a_number"),
    ],
)
def test_what_is_no_amount_is_refused(text, code):
    with pytest.raises(AmountError) as refused:
        parse_money(text)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("168800", "CNY", "¥168,800.00"),
        ("-0.5", "CNY", "-¥0.50"),
        ("1234.5", "USD", "US$1,234.50"),
        ("1234.5", "JPY", "JP¥1,235"),
        ("1", "CHF", "CHF 1.00"),
    ],
)
def test_format(amount, currency, text):
    assert format_money(Decimal(amount), currency) == text


@pytest.mark.parametrize(
    ("amount", "language", "text"),
    [
        ("168800", "zh-hans", "¥16.88万"),
        ("168800", "zh-hant", "¥16.88萬"),
        ("168800", "en", "¥168,800"),
        ("9999.5", "zh-hans", "¥9,999.5"),
        ("10000", "zh-hans", "¥1万"),
        ("100000000", "zh-hans", "¥1亿"),
        ("99999999.999", "zh-hans", "¥1亿"),
        ("99990000", "zh-hans", "¥9,999万"),
        ("-250000000", "zh-hant", "-¥2.5億"),
        ("0", "zh-hans", "¥0"),
    ],
)
def test_short_format(amount, language, text):
    assert format_short(Decimal(amount), language=language) == text


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [("0.005", "CNY", "0.01"), ("2.5", "JPY", "3"), ("1.0005", "KWD", "1.001"), ("-0.005", "CNY", "-0.01")],
)
def test_rounding_is_half_up_by_currency(amount, currency, rounded):
    assert str(round_money(Decimal(amount), currency)) == rounded


@settings(deadline=None)
@given(st.decimals("-999999999.99", "999999999.99", places=2))
def test_what_is_written_can_be_read(amount):
    assert parse_money(format_money(amount)).amount == amount


@settings(deadline=None)
@given(st.text(max_size=70) | st.from_regex(r"[-+¥$ ]?[0-9.,' ]{1,14}[万kw元]?", fullmatch=True))
def test_any_text_is_an_amount_or_refused(text):
    with contextlib.suppress(AmountError):
        assert parse_money(text).amount.is_finite()
