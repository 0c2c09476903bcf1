"""Support: letting somebody of the manufacturer in for a time, and telling a dealership who read what it shared."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, TypedDict
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kernel.contracts.base import BOTH, DOWN, FACT, Contract, FieldClass, Purpose, contract, f, k

#: Nobody is let in for longer, in hours: three days.
MOST_HOURS = 72
#: A request that nobody answers within so many hours is void: a week.
ANSWER_HOURS = 168


class SupportStep(StrEnum):
    """The first two are the manufacturer's, the others the dealership's."""

    ASKED = "asked"
    WITHDRAWN = "withdrawn"
    APPROVED = "approved"
    REFUSED = "refused"
    ENDED = "ended"
    LAPSED = "lapsed"


class SupportMay(StrEnum):
    """What may be done: looking only, or working too."""

    READ = "read"
    WORK = "work"


class SupportArea(StrEnum):
    """Where: everything that a support role sees, or nothing that names a customer."""

    TECHNICAL = "technical"
    EVERYTHING = "everything"


MAY_WORDS = {
    SupportMay.READ: pgettext_lazy("support", "Look only"),
    SupportMay.WORK: pgettext_lazy("support", "Look and work"),
}
AREA_WORDS = {
    SupportArea.TECHNICAL: _("Stock, exchange and settings, without customers"),
    SupportArea.EVERYTHING: _("Everything, customers too"),
}
STEP_WORDS = {
    SupportStep.ASKED: pgettext_lazy("support", "Waits for an answer"),
    SupportStep.WITHDRAWN: pgettext_lazy("support", "Withdrawn"),
    SupportStep.APPROVED: pgettext_lazy("support", "Let in"),
    SupportStep.REFUSED: pgettext_lazy("support", "Refused"),
    SupportStep.ENDED: pgettext_lazy("support", "Ended"),
    SupportStep.LAPSED: pgettext_lazy("support", "Not answered in time"),
}


@contract("SupportAccess", 1, kind=FACT, direction=BOTH, subject="support", purposes=tuple(Purpose))
class SupportAccess(Contract):
    """One step of a support access: asked for or withdrawn by the manufacturer, answered or ended by the dealership.

    It serves the purpose that the difficulty is about. No name crosses: the manufacturer knows its own people by id.
    `code_hash` is the SHA-256 of a one-time code that only the asker has; nothing that crosses lets anybody in.
    """

    access_id: UUID = f(FieldClass.REFERENCE, "The access's id, the same on both sides.")
    step: SupportStep = f(FieldClass.REFERENCE, "What happened.")
    at: datetime = f(FieldClass.REFERENCE, "When, by the sender's clock.")
    hours: int | None = f(FieldClass.REFERENCE, "Asked for so many hours.", default=None, minimum=1)
    may: SupportMay | None = f(FieldClass.REFERENCE, "What was asked for, or allowed.", default=None)
    area: SupportArea | None = f(FieldClass.REFERENCE, "What was asked for, or allowed.", default=None)
    reason: str | None = f(FieldClass.TECHNICAL, "Why, in the asker's words.", default=None, free_text=True)
    person: UUID | None = f(FieldClass.REFERENCE, "The asker, by the manufacturer's own id.", default=None)
    role: str | None = f(FieldClass.TECHNICAL, "The asker's role; no name crosses.", default=None, max_length=40)
    code_hash: str | None = f(
        FieldClass.REFERENCE,
        "SHA-256 of the asker's one-time code.",
        default=None,
        max_length=64,
        pattern="[0-9a-f]{64}",
    )
    until: datetime | None = f(FieldClass.REFERENCE, "Let in until then, by the dealership's clock.", default=None)

    def problems(self) -> dict[str, str]:
        needed = {
            SupportStep.ASKED: ("hours", "may", "area", "reason", "person", "role", "code_hash"),
            SupportStep.APPROVED: ("may", "area", "until"),
        }.get(self.step, ())
        return {name: f"is missing when it is {self.step}" for name in needed if getattr(self, name) is None}


class ReadingHow(StrEnum):
    """How somebody at the manufacturer came to see it."""

    OPENED = "opened"
    LISTED = "listed"
    EXPORTED = "exported"


class ReadingOf(StrEnum):
    OWNERS = "owners"
    VEHICLE = "vehicle"


class ReadingFor(StrEnum):
    """What the reader's role reads for."""

    CUSTOMER_CARE = "customer_care"
    WARRANTY = "warranty"
    DATA_PROTECTION = "data_protection"


class Looked(TypedDict):
    """One time that somebody looked."""

    reading_id: Annotated[UUID, k(FieldClass.REFERENCE, "Its id; the same never counts twice")]
    at: Annotated[datetime, k(FieldClass.REFERENCE, "When, by the manufacturer's clock")]
    reader: Annotated[UUID, k(FieldClass.REFERENCE, "Who, by the manufacturer's own id of the person")]
    reader_role: Annotated[str, k(FieldClass.TECHNICAL, "The reader's role; no name crosses", max_length=40)]
    reading_for: Annotated[ReadingFor, k(FieldClass.REFERENCE, "What the reader's role reads for")]
    how: Annotated[ReadingHow, k(FieldClass.REFERENCE, "Opened, seen in a list, or taken away as a file")]
    of: Annotated[ReadingOf, k(FieldClass.REFERENCE, "Owners, or a car with all that belongs to it")]
    rows: Annotated[int, k(FieldClass.COUNT, "Records of this dealership that were seen", minimum=1)]
    searched_by: Annotated[list[str], k(FieldClass.REFERENCE, "What a list was narrowed by; never the words typed")]
    vin: Annotated[str | None, k(FieldClass.VEHICLE, "The car, as the dealership gave it", max_length=28)]
    owner_keys: Annotated[list[str], k(FieldClass.REFERENCE, "Owners, by the keys that the dealership gave")]


@contract("ReadingReport", 1, kind=FACT, direction=DOWN, subject="reading", purposes=tuple(Purpose))
class ReadingReport(Contract):
    """Who at the manufacturer looked at what a dealership had shared. It serves the purpose it was shared for.

    It tells the dealership nothing of a person that the dealership did not send itself.
    """

    times: list[Looked] = f(FieldClass.REFERENCE, "Each time that somebody looked, in order.")

    def problems(self) -> dict[str, str]:
        return {} if self.times else {"times": "must have at least one entry"}
