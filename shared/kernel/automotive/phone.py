"""Telephone numbers as people write them, to E.164 and back to what may be shown.

Chinese mobile, landline, 400/800 and international numbers; full-width digits, extensions ("转802") and
several numbers in one field are understood. Since number portability (2019-12-01) the carrier cannot be told
from a number, so it is not asked.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

import phonenumbers
from django.utils.translation import gettext_lazy as _
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType

from kernel.automotive.problem import Problem

Kind = Literal["mobile", "landline", "toll_free", "other"]

MAX_LENGTH = 64
_GREATER_CHINA = frozenset({86, 852, 853, 886})
_KINDS: dict[int, Kind] = {
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE: "landline",
    # North America does not tell its mobiles from landlines.
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "landline",
    PhoneNumberType.TOLL_FREE: "toll_free",
    PhoneNumberType.SHARED_COST: "toll_free",
    PhoneNumberType.UAN: "toll_free",
}
_EXTENSION = re.compile(r"(?:ext\.?|extension|分机|分機|转|轉|x|#)\s*[:.]?\s*(\d{1,6})\s*$", re.IGNORECASE)
# 021-55551234-802: a third group after a Chinese area code and number is the extension.
_CN_DASH_EXTENSION = re.compile(r"^(\(?0\d{2,3}\)?[\s-]*\d{7,8})-(\d{1,6})$")
_CN_MOBILE = re.compile(r"^\+86(1\d{2})(\d{4})(\d{4})$")
_SEVERAL = re.compile(r"[;,/、，；]|\bor\b|或")


@dataclass(frozen=True)
class PhoneReport:
    """`e164` is None when the text is no number that can be dialled from abroad; `problems` says why."""

    raw: str
    e164: str | None
    kind: Kind | None
    extension: str
    problems: tuple[Problem, ...]

    @property
    def is_valid(self) -> bool:
        return self.e164 is not None


def normalise(text: str, *, region: str = "CN") -> PhoneReport:
    """Read `text`; a number without country code belongs to `region` (ISO 3166-1 alpha-2). Never raises.

    Of several numbers in one field the first that is valid counts.
    """
    raw = text.strip()
    if not raw:
        return _failed(raw, "phone_empty", _("Enter a telephone number."))
    if len(raw) > MAX_LENGTH:
        return _failed(raw, "phone_too_long", _("This is too long for a telephone number. Enter one number."))
    candidates = [part for part in _SEVERAL.split(unicodedata.normalize("NFKC", raw)) if part.strip()]
    reports = [_normalise_one(raw, part.strip(), region) for part in candidates]
    if not reports:
        return _failed(raw, "phone_not_a_number", _NOT_A_NUMBER)
    return next((report for report in reports if report.is_valid), reports[0])


def mask_phone(text: str, *, region: str = "CN") -> str:
    """`text` with its middle hidden, for people who may not see it: "138****5678", "021****34".

    What is not understood as a number shows its last two digits at most.
    """
    report = normalise(text, region=region)
    if report.e164 is None:
        digits = re.sub(r"\D", "", text)
        return "****" + (digits[-2:] if len(digits) >= 7 else "")
    number = phonenumbers.parse(report.e164)
    national = phonenumbers.national_significant_number(number)
    if number.country_code == 86 and report.kind == "mobile":
        return f"{national[:3]}****{national[-4:]}"
    area = national[: phonenumbers.length_of_geographical_area_code(number) or 3]
    if number.country_code != 86:
        return f"+{number.country_code} {area}****{national[-2:]}"
    return f"{'0' if report.kind == 'landline' else ''}{area}****{national[-2:]}"


def display(e164: str) -> str:
    """A number in E.164 as people write it; foreign ones with their country code. Other text unchanged."""
    if match := _CN_MOBILE.match(e164):  # nearly every number of a list, so without the library's tables
        return " ".join(match.groups())
    try:
        number = phonenumbers.parse(e164)
    except NumberParseException:
        return e164
    if number.country_code != 86:
        return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    return phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)


def _normalise_one(raw: str, text: str, region: str) -> PhoneReport:
    text, extension = _split_extension(text)
    text = re.sub(r"^[^+(\d]*", "", text)
    try:
        number = _parse(text, region)
    except NumberParseException:
        return _failed(raw, "phone_not_a_number", _NOT_A_NUMBER)
    if phonenumbers.is_valid_number(number) and not _is_foreign_style(number, text):
        e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
        kind = _KINDS.get(phonenumbers.number_type(number), "other")
        return PhoneReport(raw, e164, kind, extension, ())
    return _failed(raw, *_reason(number, text))


def _parse(text: str, region: str) -> PhoneNumber:
    number = phonenumbers.parse(text, region)
    if phonenumbers.is_valid_number(number) or text.startswith("+"):
        return number
    # "85223456789": the country code of a neighbour without its plus.
    with_plus = phonenumbers.parse("+" + re.sub(r"\D", "", text), region)
    if with_plus.country_code in _GREATER_CHINA and phonenumbers.is_valid_number(with_plus):
        return with_plus
    return number


def _split_extension(text: str) -> tuple[str, str]:
    if match := _CN_DASH_EXTENSION.match(text):
        return match[1], match[2]
    if match := _EXTENSION.search(text):
        return text[: match.start()].rstrip(" -("), match[1]
    return text, ""


def _is_foreign_style(number: PhoneNumber, text: str) -> bool:
    """ "393-999-3922" would pass for a landline of Puyang, but in China an area code is written with its 0."""
    kind = phonenumbers.number_type(number)
    written_as_area = text.startswith(("+", "00", "0", "(0", "86"))
    return number.country_code == 86 and kind == PhoneNumberType.FIXED_LINE and not written_as_area


def _reason(number: PhoneNumber, text: str) -> tuple[str, object]:
    national = str(number.national_number)
    is_local = len(national) in (7, 8) and not national.startswith(("1", "95", "400"))
    if number.country_code == 86 and (is_local or _is_foreign_style(number, text)):
        return "phone_area_code", _("The area code is missing. Enter it with its 0, as in 021-55551234.")
    if number.country_code == 86 and national.startswith("1") and len(national) == 11:
        return "phone_unknown_prefix", _("No Chinese mobile number begins like this. Check the first digits.")
    if number.country_code == 86 and national.startswith("1") and len(national) == 13:
        return "phone_machine", _("This is the number of a machine. Enter the number of a person.")
    if number.country_code == 86 and national.startswith("1") and 9 <= len(national) <= 12:
        return "phone_length", _("A Chinese mobile number has 11 digits. Count them and enter all of them.")
    return "phone_not_valid", _("This number cannot be dialled. Check it, with area or country code.")


def _failed(raw: str, code: str, message) -> PhoneReport:
    return PhoneReport(raw, None, None, "", (Problem(code, message),))


_NOT_A_NUMBER = _("This is not a telephone number. Enter digits, as in 13800138000.")
