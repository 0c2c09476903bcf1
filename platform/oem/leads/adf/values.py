"""Single values: enumerations, dates, numbers, amounts, countries. Each reader returns None for nonsense."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from email.utils import parsedate_to_datetime

from kernel.money import AmountError, parse_money

INTERESTS = ("buy", "lease", "sell", "trade-in", "test-drive")
INTEREST_SYNONYMS = {
    "": "buy",
    "purchase": "buy",
    "buying": "buy",
    "购买": "buy",
    "購買": "buy",
    "购车": "buy",
    "tradein": "trade-in",
    "trade": "trade-in",
    "置换": "trade-in",
    "置換": "trade-in",
    "testdrive": "test-drive",
    "试驾": "test-drive",
    "試駕": "test-drive",
    "租赁": "lease",
    "租賃": "lease",
    "出售": "sell",
}
VEHICLE_STATUSES = ("new", "used")
VEHICLE_STATUS_SYNONYMS = {
    "": "new",
    "preowned": "used",
    "certified": "used",
    "cpo": "used",
    "certifiedpreowned": "used",
    "demo": "used",
    "新车": "new",
    "新車": "new",
    "二手车": "used",
    "二手車": "used",
    "中古車": "used",
}
LEAD_STATUSES = ("new", "resend")
LEAD_STATUS_SYNONYMS = {"": "new", "resent": "resend"}
PHONE_TYPES = ("voice", "mobile", "home", "work", "fax", "pager")
PHONE_SYNONYMS = {
    "": "voice",
    "phone": "voice",
    "telephone": "voice",
    "main": "voice",
    "primary": "voice",
    "other": "voice",
    "电话": "voice",
    "電話": "voice",
    "cellphone": "mobile",
    "cell": "mobile",
    "cellular": "mobile",
    "mobilephone": "mobile",
    "手机": "mobile",
    "手機": "mobile",
    "residence": "home",
    "homephone": "home",
    "business": "work",
    "office": "work",
    "workphone": "work",
    "公司": "work",
    "住宅": "home",
    "传真": "fax",
    "傳真": "fax",
}
TIMES = ("morning", "afternoon", "evening", "day", "nopreference")
TIME_SYNONYMS = {"": "", "any": "nopreference", "anytime": "nopreference", "daytime": "day", "night": "evening"}
ODOMETER_UNITS = ("km", "mi")
UNIT_SYNONYMS = {
    "": "",
    "miles": "mi",
    "mile": "mi",
    "kms": "km",
    "kilometers": "km",
    "kilometres": "km",
    "kilometer": "km",
    "kilometre": "km",
    "公里": "km",
    "千米": "km",
    "英里": "mi",
}
COUNTRIES = {
    "USA": "US", "U.S.A.": "US", "U.S.": "US", "UNITED STATES": "US", "UNITED STATES OF AMERICA": "US",
    "CANADA": "CA", "CAN": "CA", "MEXICO": "MX", "MEX": "MX",
    "CHINA": "CN", "CHN": "CN", "P.R. CHINA": "CN", "PRC": "CN", "P.R.C.": "CN",
    "PEOPLE'S REPUBLIC OF CHINA": "CN", "中国": "CN", "中國": "CN", "中华人民共和国": "CN",
    "HONG KONG": "HK", "HKG": "HK", "香港": "HK", "MACAO": "MO", "MACAU": "MO", "MAC": "MO", "澳门": "MO",
    "澳門": "MO", "TAIWAN": "TW", "TWN": "TW", "台湾": "TW", "台灣": "TW", "臺灣": "TW",
    "GERMANY": "DE", "DEU": "DE", "DEUTSCHLAND": "DE", "UNITED KINGDOM": "GB", "GBR": "GB", "UK": "GB",
    "GREAT BRITAIN": "GB", "FRANCE": "FR", "FRA": "FR", "JAPAN": "JP", "JPN": "JP", "SINGAPORE": "SG",
    "SGP": "SG", "AUSTRALIA": "AU", "AUS": "AU", "CZECH REPUBLIC": "CZ", "CZECHIA": "CZ", "CZE": "CZ",
}  # fmt: skip
EMAIL = re.compile(r"[^\s@<>\"'(),;:\\]{1,64}@[^\s@<>\"'(),;:\\]{1,190}\.[^\s@<>\"'(),;:\\.\d]{2,63}")
FIRST_YEAR, LAST_YEAR = 1900, 2100

_ISO = re.compile(
    r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})"
    r"(?:[T\s]+(?P<time>.+))?",
    re.IGNORECASE,
)
_COMPACT = re.compile(
    r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})(?:T?(?P<H>\d{2})(?P<M>\d{2})(?P<S>\d{2})?(?P<zone>Z|[+-]\d{2}:?\d{2})?)?"
)
_CHINESE = re.compile(r"(?P<y>\d{4})\s*年\s*(?P<m>\d{1,2})\s*月\s*(?P<d>\d{1,2})\s*[日号號]?\s*(?P<time>.+)?")
_AMERICAN = re.compile(r"(?P<a>\d{1,2})[/.-](?P<b>\d{1,2})[/.-](?P<y>\d{4})(?:,?[T\s]+(?P<time>.+))?", re.IGNORECASE)
_NAMED = re.compile(
    r"(?:[a-z]{3,9},?\s+)?(?:(?P<mon1>[a-z]{3,9})\.?\s+(?P<d1>\d{1,2})(?:st|nd|rd|th)?|(?P<d2>\d{1,2})\s+(?P<mon2>[a-z]{3,9})\.?)"
    r",?\s+(?P<y>\d{4})(?:,?\s+(?:at\s+)?(?P<time>.+))?",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"(?P<half1>上午|下午|早上|中午|晚上)?\s*(?P<H>\d{1,2})\s*[:时時点點]\s*(?:(?P<M>\d{1,2})\s*分?)?"
    r"(?:\s*:\s*(?P<S>\d{1,2})|(?P<S2>\d{1,2})\s*秒)?(?:[.,]\d{1,9})?\s*(?P<half2>[ap]\.?m\.?)?\s*"
    r"(?P<zone>Z|UTC|GMT|[+-]\d{1,2}(?::?\d{2})?)?",
    re.IGNORECASE,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def choose(value: str, allowed: tuple[str, ...], synonyms: Mapping[str, str]) -> str | None:
    """The member of `allowed` that `value` means, in any case and with any separators; None when none."""
    key = value.strip().casefold()
    if key in allowed:
        return key
    key = re.sub(r"[\s_\-]", "", key)
    return synonyms.get(key) if key in synonyms else next((a for a in allowed if a.replace("-", "") == key), None)


def read_datetime(text: str, zone: tzinfo) -> tuple[datetime | None, list[str]]:
    """A moment in UTC and the codes of the liberties taken; a time without offset is in `zone`.

    Read are ISO 8601 with its careless relatives, compact, American (06/03/2024 10:41AM; day first where the
    first figure is over 12), Chinese (2024年6月3日 下午3:15), named months, and the dates of e-mail.
    """
    text = re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)).strip()
    if not text or len(text) > 64:
        return None, []
    notes: list[str] = []
    try:
        moment = _from_patterns(text, notes) or _from_mail(text)
        if moment is None:
            return None, []
        if moment.tzinfo is None:
            notes.append("no_offset")
            moment = moment.replace(tzinfo=zone)
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None, []
    return (moment, notes) if FIRST_YEAR <= moment.year <= LAST_YEAR else (None, [])


def read_date(text: str) -> tuple[date | None, list[str]]:
    """A calendar day, without any zone: of a moment, the day it is written with."""
    text = re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)).strip()
    if not text or len(text) > 64:
        return None, []
    notes: list[str] = []
    try:
        moment = _from_patterns(text, notes) or _from_mail(text)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None, []
    if moment is None or not FIRST_YEAR <= moment.year <= LAST_YEAR:
        return None, []
    return moment.date(), notes


def _from_patterns(text: str, notes: list[str]) -> datetime | None:
    if match := _COMPACT.fullmatch(text):
        parts = match.groupdict()
        moment = datetime(int(parts["y"]), int(parts["m"]), int(parts["d"]), tzinfo=_zone(parts["zone"]))
        # added as the clock on the wall goes, within one zone
        return moment + timedelta(
            hours=int(parts["H"] or 0), minutes=int(parts["M"] or 0), seconds=int(parts["S"] or 0)
        )
    if match := _ISO.fullmatch(text) or _CHINESE.fullmatch(text):
        return _at(date(int(match["y"]), int(match["m"]), int(match["d"])), match["time"])
    if match := _AMERICAN.fullmatch(text):
        first, second = int(match["a"]), int(match["b"])
        if first > 12:
            first, second = second, first
        elif second <= 12 and first != second:
            notes.append("date_order_assumed")
        return _at(date(int(match["y"]), first, second), match["time"])
    if match := _NAMED.fullmatch(text):
        month = (match["mon1"] or match["mon2"]).casefold()[:3]
        if month in _MONTHS:
            return _at(date(int(match["y"]), _MONTHS.index(month) + 1, int(match["d1"] or match["d2"])), match["time"])
    return None


def _at(day: date, text: str | None) -> datetime | None:
    if not text or not text.strip():
        return datetime.combine(day, time())
    match = _TIME.fullmatch(text.strip())
    if not match:
        return None
    hour = int(match["H"])
    half = (match["half1"] or match["half2"] or "").casefold()
    if half[:1] in ("p", "下", "晚") and hour < 12:
        hour += 12
    elif half[:1] in ("a", "上", "早") and hour == 12:
        hour = 0
    clock = time(hour, int(match["M"] or 0), int(match["S"] or match["S2"] or 0), tzinfo=_zone(match["zone"]))
    return datetime.combine(day, clock)


def _zone(text: str | None) -> tzinfo | None:
    if not text:
        return None
    if text.upper() in ("Z", "UTC", "GMT"):
        return UTC
    digits = text[1:].replace(":", "")
    hours, minutes = (int(digits[:-2]), int(digits[-2:])) if len(digits) > 2 else (int(digits), 0)
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def _from_mail(text: str) -> datetime | None:
    # "-0000" says that the zone is not known; the parser gives a naive time for it.
    return parsedate_to_datetime(text) if re.match(r"(?:[A-Za-z]{3},\s*)?\d{1,2}\s[A-Za-z]{3}\s\d{4}\s", text) else None


def read_integer(text: str) -> int | None:
    """A whole number with any thousands separators and trailing unit ("90,000 km", "9万公里")."""
    match = re.match(
        r"\s*([-+]?\d[\d,' ]*(?:\.\d+)?)\s*([万萬]|[wk](?![A-Za-z]))?",
        unicodedata.normalize("NFKC", text),
        re.IGNORECASE,
    )
    if not match:
        return None
    digits = re.sub(r"[,' ]", "", match[1])
    if len(digits) > 15:
        return None
    factor = {"": 1, "k": 1000}.get((match[2] or "").lower(), 10_000)
    return int(Decimal(digits) * factor)


def read_year(text: str) -> int | None:
    """A model year of four digits, also with words around it ("MY2024", "2024款")."""
    match = re.search(r"(?<!\d)(19[0-9]{2}|20[0-9]{2})(?!\d)", unicodedata.normalize("NFKC", text))
    return int(match[1]) if match else None


def read_amount(text: str, currency: str) -> tuple[Decimal | None, str]:
    """Amount and currency; the sign in the text counts where the attribute `currency` is empty."""
    try:
        money = parse_money(text, currency=currency or "XXX")
    except AmountError:
        return None, currency
    return money.amount, currency or ("" if money.currency == "XXX" else money.currency)


def read_country(text: str) -> str | None:
    """ISO 3166-1 alpha-2; any two letters are believed."""
    key = unicodedata.normalize("NFKC", text).strip().upper()
    return key if re.fullmatch("[A-Z]{2}", key) and key != "UK" else COUNTRIES.get(key)


def is_postcode(text: str) -> bool:
    return bool(re.fullmatch(r"\d{4,6}(?:-\d{3,4})?", text.strip()))


def excerpt(text: str, *, personal: bool) -> str:
    """What may be written into logs: codes, figures and dates as they are, anything else as its shape.

    In the shape letters are x and digits 9. `personal` text always shows its shape; other text does as soon as
    it has a blank, an @, a Chinese character, five digits in a row or more than 20 characters.
    """
    short = text.strip()
    if not personal and re.fullmatch(r"[A-Za-z0-9._/:+\-]{0,20}", short) and not re.search(r"\d{5}", short):
        return short
    shape = "".join("9" if c.isdigit() else "x" if c.isalpha() else c if c in " @.-/:+()" else "." for c in short[:24])
    return shape + ("…" if len(short) > 24 else "")
