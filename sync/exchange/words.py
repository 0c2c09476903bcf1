"""The exchange's codes in words, for people who did not build it."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

CONTRACTS = {
    "SalesLead": _("Leads"),
    "LeadOutcome": _("Results of leads"),
    "VehicleSale": _("Sales and deliveries"),
    "Owner": _("Owners"),
    "ServiceVisit": _("Service visits"),
    "WarrantyClaim": _("Warranty claims"),
    "ClaimDecision": _("Decisions on claims"),
    "DailyCounts": _("Daily counts"),
    "Receipt": _("Receipts"),
    "SupportAccess": _("Support access"),
    "ReadingReport": _("Who looked at what was shared"),
    "SharingProposal": _("Proposed agreements"),
    "SharingDecision": _("Answers to agreements"),
    "Withdrawal": _("Taking back"),
    "WithdrawalReceipt": _("Receipts of what was taken back"),
    "ErasureRequest": _("Erasure of a person"),
    "ErasureReceipt": _("Answers to erasures"),
}

#: Why a message is stuck, or did not go. Handlers name reasons of their own; those stand as they are.
REASONS = {
    "failed": _("It could not be applied, although it was tried several times."),
    "unknown_contract": _("This release does not know this kind of message. Upgrade, then try again."),
    "unknown_lead": _("It speaks of a lead that was never offered to its sender."),
    "not_yours": _("Only the other side can say this."),
    "skipped": _("A person left it aside."),
    "other_text": _("The text is not the one that its hash was made of."),
    "unknown_terms": _("It asks for something that this release does not know. Upgrade, then try again."),
    "withdrawn": _("Its sender took it back before it was applied."),
    "erased": _("The person it was about has been erased."),
    "unknown_withdrawal": _("It answers a request that was never made."),
    "unknown_erasure": _("It answers an erasure that was never asked for."),
}


def contract_name(code: str) -> str:
    """What a message is about."""
    return str(CONTRACTS.get(code, code))


def reason(code: str) -> str:
    """Why a message is stuck."""
    return str(REASONS.get(code, code))


def choices(table: dict[str, Any] = CONTRACTS) -> list[tuple[str, Any]]:
    """For filters."""
    return list(table.items())
