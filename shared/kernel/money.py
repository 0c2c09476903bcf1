"""Amounts of money: read from what people type, rounded and written by their currency.

A `Money` is a Decimal with an ISO 4217 code, never a float. "¥" means CNY here; write JPY out.
"""

import re
import unicodedata
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

DEFAULT_CURRENCY = "CNY"
# ISO 4217 minor units where they are not two.
EXPONENTS = {
    "JPY": 0,
    "KRW": 0,
    "VND": 0,
    "CLP": 0,
    "ISK": 0,
    "UGX": 0,
    "KWD": 3,
    "BHD": 3,
    "OMR": 3,
    "JOD": 3,
    "TND": 3,
}
SYMBOLS = {
    "CNY": "¥",
    "HKD": "HK$",
    "TWD": "NT$",
    "MOP": "MOP$",
    "USD": "US$",
    "EUR": "€",
    "GBP": "£",
    "JPY": "JP¥",
}
MAX_DIGITS = 12
WAN = Decimal(10_000)
YI = Decimal(100_000_000)

_CURRENCY_WORDS = {
    "HK$": "HKD", "NT$": "TWD", "US$": "USD", "MOP$": "MOP", "JP¥": "JPY", "CN¥": "CNY", "RMB": "CNY",
    "¥": "CNY", "$": "USD", "€": "EUR", "£": "GBP", "人民币": "CNY", "人民幣": "CNY", "港元": "HKD",
    "港币": "HKD", "港幣": "HKD", "美元": "USD", "新台币": "TWD", "新台幣": "TWD", "欧元": "EUR",
    "歐元": "EUR", "元整": "CNY", "元": "CNY", "圆": "CNY",
}  # fmt: skip
_UNITS = {"万": WAN, "萬": WAN, "亿": YI, "億": YI, "k": Decimal(1000), "w": WAN}
_NUMBER = re.compile(r"[-+]?[\d.,'\s]*\d[\d.,'\s]*")


@dataclass(frozen=True)
class Money:
    amount: Decimal
    currency: str = DEFAULT_CURRENCY


class AmountError(ValueError):
    """Text that is no amount. `code` is stable, `message` is for the reader."""

    def __init__(self, code: str, message: str | Promise):
        super().__init__(code)
        self.code = code
        self.message = message


def exponent(currency: str) -> int:
    """Digits after the point that `currency` has."""
    return EXPONENTS.get(currency, 2)


def round_money(amount: Decimal, currency: str = DEFAULT_CURRENCY) -> Decimal:
    """`amount` rounded half up to the currency's smallest unit."""
    return amount.quantize(Decimal(1).scaleb(-exponent(currency)), rounding=ROUND_HALF_UP)


def parse_money(text: str, *, currency: str = DEFAULT_CURRENCY) -> Money:
    """Read "¥168,800.00", "16.88万元", "USD 26995", "26.995,00 €", "１６８８００"; rounded to the currency.

    Without a sign the amount is in `currency`. Where point and comma both stand, the last is the decimal one;
    alone, a comma is decimal only with one or two digits after it, a point unless it stands more than once.
    Raises AmountError: amount_empty, amount_not_a_number, amount_too_large.
    """
    rest = unicodedata.normalize("NFKC", text).strip()
    if not rest:
        raise AmountError("amount_empty", _("Enter an amount."))
    if len(rest) > 64:
        raise AmountError("amount_not_a_number", _NOT_A_NUMBER)
    negative = rest.startswith("(") and rest.endswith(")")
    rest, found = _take_currency(rest.strip("()"))
    rest, unit = _take_unit(rest)
    if not _NUMBER.fullmatch(rest):
        raise AmountError("amount_not_a_number", _NOT_A_NUMBER)
    amount = Decimal(_plain(rest)) * unit
    if abs(amount) >= Decimal(10) ** MAX_DIGITS:
        raise AmountError("amount_too_large", _("This amount is too large. Check the number of digits."))
    currency = found or currency
    return Money(round_money(-amount if negative else amount, currency), currency)


def format_money(amount: Decimal, currency: str = DEFAULT_CURRENCY) -> str:
    """ "¥168,800.00": the currency's sign, thousands and all its digits; the minus stands first."""
    rounded = round_money(amount, currency)
    sign = "-" if rounded < 0 else ""
    return f"{sign}{SYMBOLS.get(currency, currency + ' ')}{abs(rounded):,.{exponent(currency)}f}"


def format_short(amount: Decimal, currency: str = DEFAULT_CURRENCY, *, language: str) -> str:
    """For tables and charts: Chinese in 万 and 亿 (萬, 億), "¥16.88万"; other languages whole, "¥168,800"."""
    sign = "-" if amount < 0 else ""
    symbol = SYMBOLS.get(currency, currency + " ")
    if not language.lower().startswith("zh"):
        return f"{sign}{symbol}{abs(amount).quantize(Decimal(1), rounding=ROUND_HALF_UP):,}"
    traditional = language.lower() in ("zh-hant", "zh-tw", "zh-hk", "zh-mo")
    for unit, word in ((YI, "億" if traditional else "亿"), (WAN, "萬" if traditional else "万")):
        # Rounded first: 99,999,999 is 1亿, not 10,000万.
        if round_money(abs(amount) / (unit / WAN), "CNY") >= WAN:
            scaled = (abs(amount) / unit).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
            return f"{sign}{symbol}{_trim(scaled)}{word}"
    return f"{sign}{symbol}{_trim(round_money(abs(amount), currency))}"


def _take_currency(text: str) -> tuple[str, str | None]:
    upper = text.upper()
    for word, code in _CURRENCY_WORDS.items():
        if word in upper:
            at = upper.index(word)
            rest = text[:at] + text[at + len(word) :]
            return rest.replace("元", "").strip(), code
    if match := re.search(r"(?<![A-Za-z])([A-Za-z]{3})(?![A-Za-z])", text):
        return (text[: match.start()] + text[match.end() :]).strip(), match[1].upper()
    return text, None


def _take_unit(text: str) -> tuple[str, Decimal]:
    unit = _UNITS.get(text[-1:].lower())
    return (text[:-1].strip(), unit) if unit else (text, Decimal(1))


def _plain(number: str) -> str:
    """Separators resolved: only digits, one sign and at most one point are left."""
    number = re.sub(r"[\s']", "", number)
    last_comma, last_point = number.rfind(","), number.rfind(".")
    if last_comma >= 0 and last_point >= 0:
        decimal = "," if last_comma > last_point else "."
    elif last_comma >= 0:
        decimal = "," if number.count(",") == 1 and len(number) - last_comma - 1 in (1, 2) else ""
    else:
        decimal = "." if number.count(".") == 1 else ""
    whole, point, fraction = number.rpartition(decimal) if decimal else (number, "", "")
    digits = re.sub(r"[.,]", "", whole) if point else re.sub(r"[.,]", "", number)
    if not re.fullmatch(r"[-+]?\d*", digits) or not re.fullmatch(r"\d*", fraction):
        raise AmountError("amount_not_a_number", _NOT_A_NUMBER)
    return f"{digits or '0'}.{fraction or '0'}" if digits not in ("-", "+") else f"{digits}0.{fraction or '0'}"


def _trim(amount: Decimal) -> str:
    text = f"{amount:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


_NOT_A_NUMBER = _("This is not an amount. Enter a number, as in 168800 or 16.88万.")
