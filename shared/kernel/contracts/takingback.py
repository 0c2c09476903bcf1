"""Taking back what was shared, and erasing a person: requests and the receipts that answer them.

They are the exchange's own bookkeeping. None of them carries a name, a number by which somebody is reached, or a VIN.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, TypedDict
from uuid import UUID

from kernel.contracts.base import BOTH, DOWN, FACT, UP, Contract, FieldClass, Purpose, contract, f, k

#: ISO 3166-1 or -2, as `kernel.contracts.laws` names places.
PLACE = r"[A-Z]{2}(-[A-Z0-9]{1,3})?"
#: Messages that one request names at most; more are asked for by kind.
MOST_MESSAGES = 2000


class KeptLine(TypedDict):
    """What a law makes the receiver keep."""

    law: Annotated[str, k(FieldClass.REFERENCE, "Id of the rule in the law packs", max_length=60)]
    article: Annotated[str, k(FieldClass.REFERENCE, "The article, as it is cited", max_length=120)]
    until: Annotated[date, k(FieldClass.REFERENCE, "Last day on which the latest of them must be kept")]
    records: Annotated[int, k(FieldClass.TECHNICAL, "How many records", minimum=1)]


@contract("Withdrawal", 1, kind=FACT, direction=UP, subject="withdrawal", purposes=tuple(Purpose))
class Withdrawal(Contract):
    """A dealership takes back what it shared earlier for the purpose that this message serves.

    Meant is everything of the contract and purpose that was sent before this message at one of the levels, and
    happened before `until`; with `message_ids` only these messages.
    """

    withdrawal_id: UUID = f(FieldClass.REFERENCE, "The dealership's id of the request.")
    contract: str = f(FieldClass.REFERENCE, "Name of the contract.", max_length=40)
    levels: list[str] = f(FieldClass.REFERENCE, "The levels at which it was shared.", max_length=16)
    message_ids: list[UUID] | None = f(FieldClass.REFERENCE, "Only these messages.", default=None)
    until: datetime | None = f(FieldClass.REFERENCE, "Only what happened before.", default=None)
    place: str = f(FieldClass.REFERENCE, "Where the dealership is; its law counts.", max_length=6, pattern=PLACE)


@contract("WithdrawalReceipt", 1, kind=FACT, direction=DOWN, subject="withdrawal", purposes=tuple(Purpose))
class WithdrawalReceipt(Contract):
    """What the manufacturer did with a withdrawal: how much is deleted, and what a law makes it keep until when.

    When that time is over a further receipt follows, with nothing kept.
    """

    withdrawal_id: UUID = f(FieldClass.REFERENCE, "The request it answers.")
    at: datetime = f(FieldClass.REFERENCE, "When it was done.")
    deleted: int = f(FieldClass.TECHNICAL, "Records deleted, in all so far.", minimum=0)
    kept: list[KeptLine] = f(FieldClass.REFERENCE, "What is kept, by rule.")


class ErasureOutcome(StrEnum):
    """`nobody`: the person is not known here. `asked`: a person must decide first; another receipt follows."""

    DONE = "done"
    NOBODY = "nobody"
    ASKED = "asked"
    DECLINED = "declined"


@contract("ErasureRequest", 1, kind=FACT, direction=BOTH, subject="erasure", purposes=tuple(Purpose))
class ErasureRequest(Contract):
    """One person has asked to be erased; sent to everybody to whom the sender had given something about the person."""

    erasure_id: UUID = f(FieldClass.REFERENCE, "The request's id, the same for everybody.")
    owner_keys: list[str] = f(
        FieldClass.REFERENCE, "The person's keys, as the dealership gave them: ids and codes.", max_length=64
    )
    lead_ids: list[UUID] = f(FieldClass.REFERENCE, "Leads that were the person's.")
    message_ids: list[UUID] = f(FieldClass.REFERENCE, "Messages of the sender about the person.")
    place: str = f(FieldClass.REFERENCE, "Where it was asked; the law there counts.", max_length=6, pattern=PLACE)


@contract("ErasureReceipt", 1, kind=FACT, direction=BOTH, subject="erasure", purposes=tuple(Purpose))
class ErasureReceipt(Contract):
    """What the receiver of an `ErasureRequest` did."""

    erasure_id: UUID = f(FieldClass.REFERENCE, "The request it answers.")
    at: datetime = f(FieldClass.REFERENCE, "When it was done.")
    outcome: ErasureOutcome = f(FieldClass.REFERENCE, "What came of it.")
    records: int = f(FieldClass.TECHNICAL, "Records that were erased or emptied, in all so far.", minimum=0)
    kept: list[KeptLine] = f(FieldClass.REFERENCE, "What is kept without naming the person, by rule.")
