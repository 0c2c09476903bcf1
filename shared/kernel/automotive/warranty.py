"""What both tiers must read the same way about warranty: whether a car is covered, and the reasons of a decision."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

#: SAMR order 43, art. 18: the warranty of a family car lasts at least three years or 60,000 km, first reached.
STATUTORY_MONTHS = 36
STATUTORY_KM = 60_000


@dataclass(frozen=True)
class Reason:
    """Why a car is (or is not) covered: a stable code and a sentence; `against` says that it speaks against cover."""

    code: str
    message: str | Promise
    against: bool = True


@dataclass(frozen=True)
class Coverage:
    """Whether a repair on one day at one mileage is covered; `until` is the last day, `until_km` 0 without limit."""

    covered: bool
    reasons: tuple[Reason, ...]
    until: date | None = None
    until_km: int = 0


def last_day(begins_on: date, months: int) -> date:
    """The last day of a period of months: the day of the same number, or the last of a shorter month.

    PRC Civil Code, arts. 201 and 202: the day it begins does not count, the corresponding day is the last.
    """
    year, month = divmod(begins_on.year * 12 + begins_on.month - 1 + months, 12)
    month += 1
    return date(year, month, min(begins_on.day, calendar.monthrange(year, month)[1]))


def coverage(*, begins_on: date | None, months: int, km_limit: int, on: date, km: int) -> Coverage:
    """Judge a repair `on` a day at `km` under a warranty of `months` or `km_limit` km, first reached (0: no limit).

    `begins_on` is the day of delivery (SAMR order 43, art. 18: of the invoice, or of delivery when they differ).
    """
    if begins_on is None:
        return Coverage(False, (Reason("start_unknown", _("The day of delivery is not known.")),), None, km_limit)
    until = last_day(begins_on, months)
    reasons = []
    if on < begins_on:
        reasons.append(Reason("before_start", _("The repair lies before the day of delivery.")))
    if on > until:
        message = format_lazy(_("The warranty ended on {day}."), day=until.isoformat())
        reasons.append(Reason("time_over", message))
    if km_limit and km > km_limit:
        reasons.append(Reason("km_over", format_lazy(_("The warranty ended at {km} km."), km=km_limit)))
    covered = not reasons
    if covered:
        message = format_lazy(_("The warranty lasts until {day}."), day=until.isoformat())
        if km_limit:
            text = _("The warranty lasts until {day} or {km} km, whichever comes first.")
            message = format_lazy(text, day=until.isoformat(), km=km_limit)
        reasons.append(Reason("in_force", message, against=False))
    return Coverage(covered, tuple(reasons), until, km_limit)


class ClaimReason(TextChoices):
    """Why a line of a claim was not approved as asked. The codes travel in `ClaimDecision`; each tier reads them in
    its own language."""

    OUT_OF_TIME = "out_of_time", _("The warranty had ended by date")
    OUT_OF_DISTANCE = "out_of_distance", _("The warranty had ended by mileage")
    START_UNKNOWN = "start_unknown", _("The day of delivery is missing")
    HOURS_OVER_STANDARD = "hours_over_standard", _("More hours than the standard time")
    RATE_OVER_AGREED = "rate_over_agreed", _("Labour rate above the agreed one")
    PRICE_OVER_LIST = "price_over_list", _("Price above the list price")
    UNKNOWN_OPERATION = "unknown_operation", _("Labour operation not in the catalogue")
    UNKNOWN_PART = "unknown_part", _("Part not in the catalogue")
    CAUSAL_PART_MISSING = "causal_part_missing", _("The part that failed is not named")
    DUPLICATE_LINE = "duplicate_line", _("Claimed twice")
    WEAR_PART = "wear_part", _("Wear part after its own warranty")
    WRONG_AMOUNT = "wrong_amount", _("Amount is not quantity times price")
    SUBLET_OVER_LIMIT = "sublet_over_limit", _("Sublet work above the limit")
    EVIDENCE_MISSING = "evidence_missing", _("Evidence is missing")
    CAUSE_UNCLEAR = "cause_unclear", _("Complaint, cause and correction do not fit together")
    NOT_A_DEFECT = "not_a_defect", _("Not a defect of material or workmanship")
    GOODWILL_SHARE = "goodwill_share", _("Shared as goodwill")
    OTHER = "other", _("Other reason")
