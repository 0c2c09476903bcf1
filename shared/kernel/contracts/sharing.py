"""Agreements on sharing as they cross: what the manufacturer proposes, and what a dealership decides on it.

Neither carries a name: who signed stands at the dealership.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, TypedDict
from uuid import UUID

from kernel.contracts.base import DOWN, FACT, UP, Contract, FieldClass, Purpose, contract, f, k

_HASH = "[0-9a-f]{64}"
#: An agreement concerns every purpose; its messages name this one, which each agreement so far has served.
AGREEMENT_PURPOSE = Purpose.SALE_AND_DELIVERY


class ProposalStep(StrEnum):
    """What the manufacturer does: lay a version before a dealership, take it back unsigned, end a signed one."""

    PROPOSED = "proposed"
    WITHDRAWN = "withdrawn"
    ENDED = "ended"


class DecisionStep(StrEnum):
    """What the dealership did, or what its clock did."""

    SIGNED = "signed"
    #: A level was changed under an agreement in force.
    CHANGED = "changed"
    #: Notice was given, by either side, or a later version waits: the agreement ends at `ends_at`.
    ENDING = "ending"
    #: The notice was taken back.
    KEPT = "kept"
    ENDED = "ended"


class Words(TypedDict):
    """Title and text in one language."""

    language: Annotated[str, k(FieldClass.REFERENCE, "zh-hans, zh-hant or en", max_length=8)]
    title: Annotated[str, k(FieldClass.TECHNICAL, "The title", max_length=120)]
    text: Annotated[str, k(FieldClass.TECHNICAL, "The text that is signed", max_length=20000)]


class AskedTerm(TypedDict):
    """What is asked for one contract and purpose."""

    contract: Annotated[str, k(FieldClass.REFERENCE, "The contract", max_length=40)]
    purpose: Annotated[str, k(FieldClass.REFERENCE, "The purpose", max_length=20)]
    level: Annotated[str, k(FieldClass.REFERENCE, "The most that is asked for", max_length=12)]
    required: Annotated[bool, k(FieldClass.REFERENCE, "Whether it can be lowered while the agreement is in force")]
    fields_denied: Annotated[list[str], k(FieldClass.REFERENCE, "Fields that are not asked for")]
    retention_days: Annotated[int | None, k(FieldClass.REFERENCE, "How long it is kept, in days", minimum=1)]
    recipients: Annotated[list[str], k(FieldClass.REFERENCE, "Who works with it beside the manufacturer")]


class Ceiling(TypedDict):
    """What a dealership allows for one contract and purpose."""

    contract: Annotated[str, k(FieldClass.REFERENCE, "The contract", max_length=40)]
    purpose: Annotated[str, k(FieldClass.REFERENCE, "The purpose", max_length=20)]
    ceiling: Annotated[str, k(FieldClass.REFERENCE, "The dealership's ceiling", max_length=12)]
    level: Annotated[str, k(FieldClass.REFERENCE, "The level in force, before consent and law", max_length=12)]
    refused: Annotated[bool, k(FieldClass.REFERENCE, "Whether the dealership refused this line")]


@contract("SharingProposal", 1, kind=FACT, direction=DOWN, subject="agreement", purposes=tuple(Purpose))
class SharingProposal(Contract):
    """One step of the manufacturer on a version of the sharing agreement.

    `text_hash` is the digest of `kernel.contracts.agreements`; a dealership refuses a text that has another one.
    """

    proposal_id: UUID = f(FieldClass.REFERENCE, "The proposal's id, the same on both sides.")
    step: ProposalStep = f(FieldClass.REFERENCE, "What happened.")
    at: datetime = f(FieldClass.REFERENCE, "When, by the manufacturer's clock.")
    version: str = f(FieldClass.REFERENCE, "The version it is about.", max_length=40)
    text_hash: str | None = f(FieldClass.REFERENCE, "Digest.", default=None, max_length=64, pattern=_HASH)
    published_on: date | None = f(FieldClass.REFERENCE, "The day on which it was proposed.", default=None)
    valid_from: date | None = f(
        FieldClass.REFERENCE, "Until this day the version before stays, unless the new one is signed.", default=None
    )
    notice_days: int | None = f(FieldClass.REFERENCE, "Its notice period in days.", default=None, minimum=0)
    words: list[Words] | None = f(FieldClass.TECHNICAL, "Title and text by language.", default=None)
    terms: list[AskedTerm] | None = f(FieldClass.REFERENCE, "What is asked, line by line.", default=None)

    def problems(self) -> dict[str, str]:
        needed: tuple[str, ...] = ()
        if self.step is ProposalStep.PROPOSED:
            needed = ("text_hash", "published_on", "valid_from", "notice_days", "words", "terms")
        return {name: f"is missing when it is {self.step}" for name in needed if getattr(self, name) is None}


@contract("SharingDecision", 1, kind=FACT, direction=UP, subject="agreement", purposes=tuple(Purpose))
class SharingDecision(Contract):
    """What a dealership has signed and allows, whole, each time that it changes: the latest one counts."""

    step: DecisionStep = f(FieldClass.REFERENCE, "What happened.")
    at: datetime = f(FieldClass.REFERENCE, "When, by the dealership's clock.")
    version: str = f(FieldClass.REFERENCE, "The version it is about.", max_length=40)
    text_hash: str = f(FieldClass.REFERENCE, "Digest of what was signed.", max_length=64, pattern=_HASH)
    signed_at: datetime | None = f(FieldClass.REFERENCE, "When it was signed.", default=None)
    ends_at: datetime | None = f(FieldClass.REFERENCE, "When it ends, or ended.", default=None)
    end_reason: str | None = f(FieldClass.REFERENCE, "Code of why it ends.", default=None, max_length=20)
    ceilings: list[Ceiling] = f(FieldClass.REFERENCE, "Every line in force.")
