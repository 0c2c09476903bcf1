"""The kinds of data a dealership can share, in the words of the switchboard, and how each is counted.

One entry for each contract that may go up as events. `dimension` is the one cut of its daily counts: it is fixed,
because counts that are cut in two ways can be worked back to single people.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from dealer.customers.models import Customer, Vehicle
from kernel.contracts import Contract, LeadEvent, Level, Owner, VisitKind
from kernel.reference.queries import catalogue

#: One record of the dealership's own with its customer, newest first: what the preview is shown on.
Sample = tuple[Contract, Customer | None]
#: `(limit, since)`: at most so many, and only what happened since then (None: whenever).
Sampler = Callable[[int, datetime | None], Iterable[Sample]]


@dataclass(frozen=True)
class Flow:
    """A kind of data on the switchboard; `in_words` says what the manufacturer sees at each level. `cells` gives the
    values of `dimension` that are counted apart, fixed beforehand."""

    contract: str
    title: str | Promise
    what_for: str | Promise
    in_words: dict[Level, str | Promise]
    dimension: str
    cells: Callable[[], Collection[str]] = tuple
    icon: str = "circle"
    #: Whether level counts means daily counts; a record that is itself counts leaves as it is.
    counted: bool = True


def _series() -> Collection[str]:
    """Every series of the published catalogue, whether this dealership sells it or not."""
    return catalogue().series.keys()


_NOTHING = _("The manufacturer learns nothing of this.")

FLOWS: dict[str, Flow] = {
    "Owner": Flow(
        contract="Owner",
        title=_("Owners"),
        what_for=_("So that the manufacturer can look after the owners of its cars."),
        in_words={
            Level.NOTHING: _NOTHING,
            Level.COUNTS: _("How many owners changed on a day, by series. Fewer than five are not told."),
            Level.PSEUDONYMOUS: _("Each owner as a code, with province, city and kind. No name, no number, no VIN."),
            Level.FULL: _("Name, contact and car of those owners who agreed to it; of all others only the code."),
        },
        dimension="series",
        cells=_series,
        icon="users",
    ),
    "ServiceVisit": Flow(
        contract="ServiceVisit",
        title=_("Service visits"),
        what_for=_("So that the manufacturer sees how its cars do and which repairs they need."),
        in_words={
            Level.NOTHING: _NOTHING,
            Level.COUNTS: _("How many visits there were on a day, by kind. Fewer than five are not told."),
            Level.PSEUDONYMOUS: _("Each visit with operations, parts and sums. No VIN and nothing that people typed."),
            Level.FULL: _("Each visit whole, with VIN, complaint, cause and correction. Never the customer."),
        },
        dimension="kind",
        cells=lambda: list(VisitKind),
        icon="wrench",
    ),
    "VehicleSale": Flow(
        contract="VehicleSale",
        title=_("Sales and deliveries"),
        what_for=_("So that the warranty begins on the right day and the car is known as sold."),
        in_words={
            Level.NOTHING: _NOTHING,
            Level.COUNTS: _("How many cars were delivered on a day, by series. Fewer than five are not told."),
            Level.PSEUDONYMOUS: _("Each delivery with model, day and price. No VIN."),
            Level.FULL: _("Each delivery with VIN, model, day and price. Never the buyer's name."),
        },
        dimension="series",
        cells=_series,
        icon="car",
    ),
    "WarrantyClaim": Flow(
        contract="WarrantyClaim",
        title=_("Warranty claims"),
        what_for=_("So that the manufacturer can check a claim and pay for it."),
        in_words={
            Level.NOTHING: _NOTHING,
            Level.COUNTS: _("How many claims were made on a day, by type. Fewer than five are not told."),
            Level.PSEUDONYMOUS: _("Each claim with lines and sums. No VIN and nothing that people typed."),
            Level.FULL: _("Each claim whole, with VIN, complaint, cause, correction and lines. Never the customer."),
        },
        dimension="claim_type",
        icon="shield-check",
    ),
    "LeadOutcome": Flow(
        contract="LeadOutcome",
        title=_("Results of the manufacturer's leads"),
        what_for=_("So that the manufacturer knows that its leads are looked after, and by whom."),
        in_words={
            Level.NOTHING: _("The manufacturer learns nothing. Then none of its leads can be accepted here."),
            Level.COUNTS: _("Only numbers by day. Then none of its leads can be accepted here."),
            Level.PSEUDONYMOUS: _("Each step of each lead that came from the manufacturer, without your remarks."),
            Level.FULL: _("Each step of each lead that came from the manufacturer, with reasons in words."),
        },
        dimension="event",
        cells=lambda: list(LeadEvent),
        icon="inbox",
    ),
    "KnownCustomer": Flow(
        contract="KnownCustomer",
        title=_("Whether a lead was your customer already"),
        what_for=_("So that the manufacturer knows which of its leads are new. You see it in any case; it need not."),
        in_words={
            Level.NOTHING: _NOTHING,
            Level.COUNTS: _("How many accepted leads on a day you knew before. Fewer than five are not told."),
            Level.PSEUDONYMOUS: _("For each accepted lead: known before, yes or no. Never who it is."),
            Level.FULL: _("For each accepted lead: known before, and by what: phone, e-mail or car. Never who it is."),
        },
        dimension="known",
        cells=lambda: ["True"],
        icon="user-check",
    ),
    "BenchmarkFigures": Flow(
        contract="BenchmarkFigures",
        title=_("Figures for the comparison with the network"),
        what_for=_("So that you see the network's medians and your own place. Who gives no figures gets none."),
        in_words={
            Level.NOTHING: _("Your figures stay here, and you do not see those of the network."),
            Level.COUNTS: _("Five whole numbers a month, and you see the network's medians and your own place."),
            Level.PSEUDONYMOUS: _("The agreement does not ask for more than the numbers."),
            Level.FULL: _("The agreement does not ask for more than the numbers."),
        },
        dimension="",
        icon="chart-column",
        counted=False,
    ),
}
_samplers: dict[str, Sampler] = {}


def sample_with(contract: str) -> Callable[[Sampler], Sampler]:
    """Register where the preview finds a dealership's own records of a contract: `sampler(limit, since)`, newest
    first."""

    def register(sampler: Sampler) -> Sampler:
        _samplers[contract] = sampler
        return sampler

    return register


def samples(contract: str, limit: int, since: datetime | None = None) -> list[Sample]:
    """Up to `limit` of the dealership's own latest records of a contract, since a time; none when there are none."""
    sampler = _samplers.get(contract)
    return list(sampler(limit, since)) if sampler else []


def dimension_of(record: Contract) -> str:
    """The cell of the daily counts that a record falls into; "" when its dimension is not known."""
    flow = FLOWS[record.spec.name]
    if isinstance(record, Owner):
        # The contract itself does not say the series: it is the car's.
        return Vehicle.objects.filter(vin=record.vin).values_list("series", flat=True).first() or ""
    return str(getattr(record, flow.dimension, None) or "") if flow.dimension else ""


def label_of(record: Contract) -> str:
    """The subject in words that stands in the ledger: the claim's number, the VIN; "" for a lead."""
    return str(getattr(record, "number", None) or getattr(record, "vin", None) or "")


def record_id_of(record: Contract, subject: UUID) -> UUID:
    """The id of the dealership's own record behind a message; the subject's where the contract names none."""
    # A sale names the lead it came from too; its own id comes first.
    for name in ("sale_id", "visit_id", "claim_id", "lead_id"):
        value: Any = getattr(record, name, None)
        if isinstance(value, UUID):
            return value
    return subject
