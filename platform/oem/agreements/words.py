"""Contracts in the words of the manufacturer's people."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from kernel.contracts import Level, Purpose
from kernel.contracts.agreements import LANGUAGES
from kernel.errors import FieldError
from oem.agreements.queries import LastSeen

CONTRACTS = {
    "LeadOutcome": _("Results of leads"),
    "VehicleSale": _("Sales and deliveries"),
    "Owner": _("Owners"),
    "ServiceVisit": _("Service visits"),
    "WarrantyClaim": _("Warranty claims"),
    "KnownCustomer": _("Whether a lead was a customer already"),
    "BenchmarkFigures": _("Figures for the comparison"),
}


def contract_name(code: str) -> str:
    """A contract in words; an unknown one by its name."""
    return str(CONTRACTS.get(code, code))


ENDS = {
    "later_version": _("a later version was not signed yet"),
    "dealership": _("the dealership has ended it"),
    "manufacturer": _("you have ended it"),
}
_FIELDS = {"terms": _("Terms"), "notice_days": _("Notice in days"), "title": _("Title"), "text": _("Text")}


def end_in_words(code: str) -> str:
    """Why an agreement ends, seen from the manufacturer; "" for none."""
    return str(ENDS.get(code, code))


def problems_in_words(errors: Iterable[FieldError]) -> list[tuple[str, str]]:
    """What stands in the way of proposing: where, and what."""
    return [(_where(error.field), str(error.message)) for error in errors]


def _where(field: str) -> str:
    contract, _slash, purpose = field.partition("/")
    if purpose:
        return f"{contract_name(contract)} · {Purpose(purpose).label}"
    part, _line, language = field.partition("_")
    if language in LANGUAGES:
        return f"{_FIELDS[part]} ({language})"
    return str(_FIELDS.get(field, field))


def seen_in_words(seen: LastSeen | None) -> str:
    """What a level last seen means for whoever reads what was shared."""
    if seen is None:
        return gettext("Nothing has been shared so far.")
    match seen.level:
        case Level.COUNTS:
            return gettext("Only numbers by day are shared; fewer than five are not told.")
        case Level.PSEUDONYMOUS:
            return gettext("Records are shared with a code in place of person and VIN.")
        case Level.FULL if seen.mixed:
            return gettext("Records are shared whole; some with a code only, as their customers wish.")
        case Level.FULL:
            return gettext("Records are shared whole.")
    return gettext("Nothing is shared.")
