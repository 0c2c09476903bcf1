"""Warranty: a claim for work done, and the manufacturer's decision on it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, TypedDict
from uuid import UUID

from kernel.contracts.base import CURRENCY, DOWN, FACT, UP, VIN, Contract, FieldClass, Purpose, contract, f, k


class ClaimLineKind(StrEnum):
    LABOUR = "labour"
    PART = "part"
    SUBLET = "sublet"


class ClaimOutcome(StrEnum):
    """Of a whole claim and of each of its lines."""

    APPROVED = "approved"
    PARTLY_APPROVED = "partly_approved"
    SENT_BACK = "sent_back"
    REFUSED = "refused"


class ClaimLine(TypedDict):
    """Money asked for one piece of work."""

    line_id: Annotated[UUID, k(FieldClass.REFERENCE, "The line's id")]
    kind: Annotated[ClaimLineKind, k(FieldClass.TECHNICAL, "Labour, part or sublet")]
    code: Annotated[str | None, k(FieldClass.TECHNICAL, "Labour operation or part number", max_length=40)]
    description: Annotated[str | None, k(FieldClass.TECHNICAL, "What it is, in words", free_text=True)]
    quantity: Annotated[Decimal, k(FieldClass.TECHNICAL, "Hours, or pieces")]
    unit_price: Annotated[Decimal, k(FieldClass.COMMERCIAL, "Price of one, in the claim's currency")]
    amount: Annotated[Decimal, k(FieldClass.COMMERCIAL, "Amount asked, in the claim's currency")]


class DecisionLine(TypedDict):
    """The answer to one line."""

    line_id: Annotated[UUID, k(FieldClass.REFERENCE, "The line's id")]
    outcome: Annotated[ClaimOutcome, k(FieldClass.REFERENCE, "The answer")]
    approved_amount: Annotated[Decimal, k(FieldClass.COMMERCIAL, "Amount approved, in the claim's currency")]
    reason_code: Annotated[str | None, k(FieldClass.TECHNICAL, "Code of the reason", max_length=40)]
    reason_text: Annotated[str | None, k(FieldClass.TECHNICAL, "The reason in words", free_text=True)]


def _line_problems(lines: Sequence[Any]) -> dict[str, str]:
    if not lines:
        return {"lines": "must have at least one entry"}
    if len({line["line_id"] for line in lines}) < len(lines):
        return {"lines": "must not name a line_id twice"}
    return {}


@contract("WarrantyClaim", 1, kind=FACT, direction=UP, subject="claim", purposes=(Purpose.WARRANTY,))
class WarrantyClaim(Contract):
    """One revision of a warranty claim. It names no customer.

    The three Cs are technical; people type them, a name might slip in, so they stay at level pseudonymous.
    """

    claim_id: UUID = f(FieldClass.REFERENCE, "The claim's id, the same on both sides.")
    revision: int = f(FieldClass.REFERENCE, "Grows each time the claim is sent again.", minimum=1)
    number: str = f(FieldClass.REFERENCE, "The dealership's number of the claim.", max_length=40)
    vin: str = f(FieldClass.VEHICLE, "VIN.", pseudonymise=True, max_length=17, pattern=VIN)
    claim_type: str = f(FieldClass.TECHNICAL, "Code of the type of claim.", max_length=40)
    delivery_date: date | None = f(FieldClass.VEHICLE, "Day the warranty began.", default=None)
    repair_opened_on: date = f(FieldClass.TECHNICAL, "Day the repair began.")
    repair_closed_on: date | None = f(FieldClass.TECHNICAL, "Day the repair ended.", default=None)
    odometer_km: int = f(FieldClass.VEHICLE, "Odometer at intake, km.", minimum=0)
    complaint: str = f(FieldClass.TECHNICAL, "What the customer reported.", free_text=True)
    cause: str = f(FieldClass.TECHNICAL, "What was found.", free_text=True)
    correction: str = f(FieldClass.TECHNICAL, "What was done.", free_text=True)
    fault_code: str | None = f(FieldClass.TECHNICAL, "Fault code.", default=None, max_length=40)
    causal_part: str | None = f(FieldClass.TECHNICAL, "Number of the part that failed.", default=None, max_length=40)
    lines: list[ClaimLine] = f(FieldClass.COMMERCIAL, "What is asked, line by line.")
    total: Decimal = f(FieldClass.COMMERCIAL, "Amount asked in all, in `currency`.")
    currency: str = f(FieldClass.COMMERCIAL, "ISO 4217, in China CNY.", pattern=CURRENCY)
    repair_order_number: str | None = f(
        FieldClass.TECHNICAL, "The dealership's number of the repair order.", default=None, max_length=40
    )

    def problems(self) -> dict[str, str]:
        return _line_problems(self.lines)


@contract("ClaimDecision", 1, kind=FACT, direction=DOWN, subject="claim", purposes=(Purpose.WARRANTY,))
class ClaimDecision(Contract):
    """The manufacturer's answer to one revision of a claim, line by line, with reason and rule."""

    claim_id: UUID = f(FieldClass.REFERENCE, "The claim's id.")
    revision: int = f(FieldClass.REFERENCE, "The revision that was decided.", minimum=1)
    decided_at: datetime = f(FieldClass.REFERENCE, "When it was decided.")
    outcome: ClaimOutcome = f(FieldClass.REFERENCE, "The answer to the whole claim.")
    lines: list[DecisionLine] = f(FieldClass.COMMERCIAL, "The answer, line by line.")
    approved_total: Decimal = f(FieldClass.COMMERCIAL, "Amount approved in all, in `currency`.")
    currency: str = f(FieldClass.COMMERCIAL, "ISO 4217, that of the claim.", pattern=CURRENCY)
    rule_version: str = f(FieldClass.TECHNICAL, "Version of the rules it was decided by.")
    decided_by_role: str = f(FieldClass.TECHNICAL, "Role of who decided; no name crosses.", max_length=40)

    def problems(self) -> dict[str, str]:
        return _line_problems(self.lines)
