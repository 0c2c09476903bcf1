"""Bookkeeping of the exchange itself."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from kernel.contracts.base import BOTH, FACT, Contract, FieldClass, Purpose, contract, f

#: Contracts of the exchange's own: they speak of messages and requests, go through no gate and stand on no switchboard.
BOOKKEEPING = frozenset(
    {
        "Receipt",
        "SupportAccess",
        "ReadingReport",
        "SharingProposal",
        "SharingDecision",
        "Withdrawal",
        "WithdrawalReceipt",
        "ErasureRequest",
        "ErasureReceipt",
    }
)


class ReceiptOutcome(StrEnum):
    APPLIED = "applied"
    REFUSED = "refused"
    SKIPPED = "skipped"


@contract("Receipt", 1, kind=FACT, direction=BOTH, subject="receipt", purposes=tuple(Purpose))
class Receipt(Contract):
    """What a receiver did with messages; it serves the purpose of the messages it answers."""

    outcome: ReceiptOutcome = f(FieldClass.REFERENCE, "Applied, refused, or skipped by a person.")
    message_ids: list[UUID] = f(FieldClass.REFERENCE, "The messages it answers.")
    reason: str | None = f(FieldClass.REFERENCE, "Code of the reason, for refused and skipped.", default=None)
