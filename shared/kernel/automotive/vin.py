"""Vehicle identification numbers: form, check digit, maker and model year.

Form after ISO 3779/3780; check digit and year code after 49 CFR 565 and GB 16735. Where the check digit
binds (North America, WMI 1-5, and China, WMI L) a wrong one is an error; elsewhere makers use position 9
and 10 as they like, so it is a warning.
"""

import re
import unicodedata
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _
from vininfo.dicts import WMI

from kernel.automotive.problem import Problem, Severity
from kernel.errors import FieldError, Invalid

LENGTH = 17
# Numbers before 1981 had no common form: 5 to 13 letters and digits.
PRE_1981 = re.compile(r"[A-Z0-9]{5,13}")
ALPHABET = "0123456789ABCDEFGHJKLMNPRSTUVWXYZ"
WELL_FORMED = re.compile(f"[{ALPHABET}]{{{LENGTH}}}")
BINDING_FIRST_CHARACTERS = frozenset("12345L")

_VALUES = {c: int(c) for c in "0123456789"} | {
    c: value
    for letters, first in (("ABCDEFGH", 1), ("JKLMN", 1), ("P", 7), ("R", 9), ("STUVWXYZ", 2))
    for value, c in enumerate(letters, first)
}
_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
# 30 years from 1980 on; I, O, Q, U, Z and 0 are never used.
_YEAR_CODES = "ABCDEFGHJKLMNPRSTVWXY123456789"
_FIRST_YEAR, _CYCLE = 1980, 30
_UPPER = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")


@dataclass(frozen=True)
class VinReport:
    """What a VIN says. `vin` is the normalised text; `wmi` and `maker` are None when it is not well formed,
    `maker` also when the code is unknown. `model_years` are all years its code can stand for, ascending."""

    vin: str
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    wmi: str | None = None
    maker: str | None = None
    model_years: tuple[int, ...] = ()

    @property
    def is_acceptable(self) -> bool:
        return not self.errors


def normalise(text: str) -> str:
    """Upper case, full-width characters made ASCII, spaces and hyphens taken out; nothing else is guessed.

    Only ASCII letters change case: `str.upper()` would turn "ß" into two characters and "ſ" into "S".
    """
    half_width = "".join(
        unicodedata.normalize("NFKC", c) if "\uff01" <= c <= "\uff5e" or c == "\u3000" else c for c in text
    )
    return re.sub(r"[\s\-]", "", half_width).translate(_UPPER)


def check_digit(vin: str) -> str:
    """The digit 0-9 or X that belongs in position 9 of a well-formed `vin`; what stands there is ignored."""
    remainder = sum(_VALUES[c] * weight for c, weight in zip(vin, _WEIGHTS, strict=True)) % 11
    return "X" if remainder == 10 else str(remainder)


def model_years(code: str) -> tuple[int, ...]:
    """Years from 1980 to 2039 that the position 10 `code` stands for; empty when it is no year code."""
    index = _YEAR_CODES.find(code) if len(code) == 1 else -1
    return () if index < 0 else (_FIRST_YEAR + index, _FIRST_YEAR + index + _CYCLE)


def wmi_of(vin: str) -> str:
    """World manufacturer identifier; small makers have 9 in third place and go on in positions 12-14."""
    return vin[:3] + vin[11:14] if vin[2] == "9" else vin[:3]


def inspect(vin: str, *, allow_pre_1981: bool = False) -> VinReport:
    """Judge `vin` by the policy of the module's docstring. Never raises."""
    vin = normalise(vin)
    if not WELL_FORMED.fullmatch(vin):
        if allow_pre_1981 and PRE_1981.fullmatch(vin):
            return VinReport(vin, warnings=(_problem("vin_pre_1981", _PRE_1981_MESSAGE, "warning"),))
        return VinReport(vin, errors=(_form_problem(vin),))
    severity: Severity = "error" if vin[0] in BINDING_FIRST_CHARACTERS else "warning"
    problems = []
    if check_digit(vin) != vin[8]:
        problems.append(_problem("vin_check_digit", _CHECK_DIGIT_MESSAGE, severity))
    years = model_years(vin[9])
    if not years:
        problems.append(_problem("vin_year_code", _YEAR_MESSAGE, severity))
    wmi = wmi_of(vin)
    return VinReport(
        vin,
        errors=tuple(p for p in problems if p.severity == "error"),
        warnings=tuple(p for p in problems if p.severity == "warning"),
        wmi=wmi,
        maker=_maker(wmi) or _maker(vin[:3]) or _maker(vin[:2]),
        model_years=years,
    )


def is_acceptable(vin: str) -> bool:
    """True unless `vin` has an error; warnings are acceptable. Numbers from before 1981 are not."""
    return inspect(vin).is_acceptable


def checked(text: str, *, field: str = "vin") -> str:
    """The normalised VIN, as it is stored; a warning passes. Raises Invalid for one with an error, naming `field`."""
    report = inspect(text)
    if report.errors:
        raise Invalid([FieldError(field, problem.code, problem.message) for problem in report.errors])
    return report.vin


def make_vin(wmi: str, vds: str, year: int, plant: str, serial: int | str) -> str:
    """Build a VIN with its check digit, for generators.

    `wmi` 3, `vds` 5 (positions 4-8), `plant` 1 character; `year` 1980-2039; `serial` up to 6 characters,
    padded with zeros. Raises ValueError for a part of another size or with I, O, Q.
    """
    serial = str(serial).zfill(6)
    parts = {"wmi": (wmi, 3), "vds": (vds, 5), "plant": (plant, 1), "serial": (serial, 6)}
    for name, (part, size) in parts.items():
        if len(part) != size or not set(part) <= set(ALPHABET):
            raise ValueError(f"{name} must be {size} characters of a VIN, not {part!r}")
    if not _FIRST_YEAR <= year < _FIRST_YEAR + 2 * _CYCLE:
        raise ValueError(f"no year code for {year}")
    code = _YEAR_CODES[(year - _FIRST_YEAR) % _CYCLE]
    draft = f"{wmi}{vds}0{code}{plant}{serial}"
    return f"{draft[:8]}{check_digit(draft)}{draft[9:]}"


def _maker(code: str) -> str | None:
    # Some makers are objects that also decode, with their name in `title`.
    maker = WMI.get(code)
    return getattr(maker, "title", maker) if not isinstance(maker, str) else maker


def _problem(code: str, message, severity: Severity) -> Problem:
    return Problem(code, message, severity)


def _form_problem(vin: str) -> Problem:
    if not vin:
        return Problem("vin_empty", _("Enter the vehicle identification number (VIN)."))
    if not re.fullmatch(r"[A-Z0-9]*", vin) or set(vin) & set("IOQ"):
        return Problem(
            "vin_characters",
            _("A VIN has only digits and the letters A to Z without I, O and Q. Check for 1 and 0."),
        )
    return Problem("vin_length", _("A VIN has 17 characters. Count them and enter all of them."))


_PRE_1981_MESSAGE = _("This VIN has the short form used before 1981 and cannot be checked.")
_CHECK_DIGIT_MESSAGE = _("The check digit (9th character) does not fit. Compare the VIN with the vehicle.")
_YEAR_MESSAGE = _("The model year code (10th character) is not valid. Compare the VIN with the vehicle.")
