"""The same person: what a manufacturer may learn about a lead that the dealership knew already."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from kernel.contracts.base import FACT, UP, Contract, FieldClass, Purpose, contract, f


class KnownBy(StrEnum):
    """What the dealership recognised: the number, the address, or the car that is offered in trade."""

    PHONE = "phone"
    EMAIL = "email"
    VIN = "vin"


@contract("KnownCustomer", 1, kind=FACT, direction=UP, subject="lead", purposes=(Purpose.LEAD_HANDLING,))
class KnownCustomer(Contract):
    """Whether a lead of the manufacturer was a customer of the dealership when it was offered.

    It is made for every accepted lead, known or not, so that its coming tells nothing; and for none that was not
    accepted. What it rests on stood still when the offer arrived: nothing that was entered later changes it. It names
    nobody.
    """

    lead_id: UUID = f(FieldClass.REFERENCE, "The lead's id.")
    fence: int = f(FieldClass.REFERENCE, "Fencing number of the offer.", minimum=0)
    at: datetime = f(FieldClass.REFERENCE, "When the lead was accepted, by the dealership's clock.")
    known: bool = f(FieldClass.COMMERCIAL, "Whether the dealership knew the person or the car.")
    by: list[str] = f(
        FieldClass.COMMERCIAL, "By what it was recognised: phone, email, vin.", reidentifies=True, max_length=10
    )
