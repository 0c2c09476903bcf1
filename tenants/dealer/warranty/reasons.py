"""What the manufacturer's reasons mean for the dealership: the name of each, and what to do about it."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from kernel.automotive.warranty import ClaimReason

REMEDIES: dict[ClaimReason, Promise] = {
    ClaimReason.OUT_OF_TIME: _("Ask for goodwill, or charge the customer."),
    ClaimReason.OUT_OF_DISTANCE: _("Ask for goodwill, or charge the customer."),
    ClaimReason.START_UNKNOWN: _("Enter the day of delivery of the car and send the claim again."),
    ClaimReason.HOURS_OVER_STANDARD: _("Claim the standard time, or explain in the correction why more was needed."),
    ClaimReason.RATE_OVER_AGREED: _("Claim the agreed labour rate."),
    ClaimReason.PRICE_OVER_LIST: _("Claim the list price."),
    ClaimReason.UNKNOWN_OPERATION: _("Choose the operation from the catalogue."),
    ClaimReason.UNKNOWN_PART: _("Choose the part from the catalogue."),
    ClaimReason.CAUSAL_PART_MISSING: _("Mark the part that failed."),
    ClaimReason.DUPLICATE_LINE: _("Remove the line that stands twice."),
    ClaimReason.WEAR_PART: _("Wear parts have a shorter warranty. Charge the customer, or ask for goodwill."),
    ClaimReason.WRONG_AMOUNT: _("Correct quantity or price."),
    ClaimReason.SUBLET_OVER_LIMIT: _("Explain the sublet work and send its invoice."),
    ClaimReason.EVIDENCE_MISSING: _("Add what is asked for and send the claim again."),
    ClaimReason.CAUSE_UNCLEAR: _("Write down more exactly what was found and done."),
    ClaimReason.NOT_A_DEFECT: _("Not a matter of warranty. Charge the customer, or ask for goodwill."),
    ClaimReason.GOODWILL_SHARE: _("The rest is borne by the dealership or the customer."),
    ClaimReason.OTHER: _("Read the remark of the manufacturer."),
}

if set(REMEDIES) != set(ClaimReason):
    raise AssertionError("every reason needs its remedy")


def label_of(code: str) -> str | Promise:
    """The name of a reason; a code that this release does not know stands as it is."""
    return ClaimReason(code).label if code in ClaimReason.values else code


def remedy_of(code: str) -> str | Promise:
    """What to do about a reason; "" for a code that this release does not know."""
    return REMEDIES[ClaimReason(code)] if code in ClaimReason.values else ""
