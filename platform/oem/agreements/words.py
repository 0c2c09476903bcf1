"""Contracts in the words of the manufacturer's people."""

from __future__ import annotations

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from kernel.contracts import Level
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
