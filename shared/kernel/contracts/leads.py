"""Leads: what the manufacturer hands down to a dealership, and what became of it."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, TypedDict
from uuid import UUID

from kernel.contracts.base import (
    CURRENCY,
    DOWN,
    FACT,
    UP,
    Contract,
    FieldClass,
    Purpose,
    contract,
    f,
    k,
)


class LeadStage(StrEnum):
    OFFER = "offer"
    RECALL = "recall"


class LeadEvent(StrEnum):
    ACCEPTED = "accepted"
    DECLINED = "declined"
    CONTACTED = "contacted"
    APPOINTMENT = "appointment"
    TEST_DRIVE = "test_drive"
    QUOTED = "quoted"
    CONTRACTED = "contracted"
    WON = "won"
    LOST = "lost"
    RETURNED = "returned"


#: Events by which somebody of the dealership has spoken to the person. The first of them is the first response.
SPOKEN = frozenset(
    {
        LeadEvent.CONTACTED,
        LeadEvent.APPOINTMENT,
        LeadEvent.TEST_DRIVE,
        LeadEvent.QUOTED,
        LeadEvent.CONTRACTED,
        LeadEvent.WON,
    }
)


class Temperature(StrEnum):
    """Hot within 3 months, warm within 12, cold later (R-LEAD-05…07)."""

    HOT = "hot"
    WARM = "warm"
    COLD = "cold"
    UNCLASSIFIED = "unclassified"


class LeadLine(TypedDict):
    """A car wanted, offered in trade, or to be test-driven; ADF 1.0 `vehicle`."""

    interest: Annotated[str | None, k(FieldClass.COMMERCIAL, "buy, lease, sell, trade-in or test-drive")]
    status: Annotated[str | None, k(FieldClass.VEHICLE, "new or used")]
    brand: Annotated[str | None, k(FieldClass.VEHICLE, "Brand")]
    series: Annotated[str | None, k(FieldClass.VEHICLE, "Series")]
    model: Annotated[str | None, k(FieldClass.VEHICLE, "Model")]
    variant: Annotated[str | None, k(FieldClass.VEHICLE, "Variant or trim")]
    year: Annotated[int | None, k(FieldClass.VEHICLE, "Model year as received")]
    vin: Annotated[str | None, k(FieldClass.VEHICLE, "VIN as received; may be wrong", max_length=40)]
    stock_number: Annotated[str | None, k(FieldClass.VEHICLE, "Stock number as received")]
    colour: Annotated[str | None, k(FieldClass.VEHICLE, "Colour wish")]
    odometer_km: Annotated[int | None, k(FieldClass.VEHICLE, "Odometer as received, km")]
    price: Annotated[Decimal | None, k(FieldClass.COMMERCIAL, "Price named, in `currency`")]
    currency: Annotated[str | None, k(FieldClass.COMMERCIAL, "ISO 4217", pattern=CURRENCY)]
    comment: Annotated[str | None, k(FieldClass.TECHNICAL, "What was written about this car", free_text=True)]


@contract("SalesLead", 1, kind=FACT, direction=DOWN, subject="lead", purposes=(Purpose.LEAD_HANDLING,))
class SalesLead(Contract):
    """A lead offered to one dealership, or taken back from it.

    An offer (`stage` offer) is valid until `respond_before` by the dealership's own clock; a later `fence`
    supersedes an earlier one. The name, telephone and e-mail address travel with the offer in an envelope
    that the dealership opens on acceptance and blanks on decline, expiry or recall, so that acceptance
    needs no live portal; until then it reads the masked name. A recall carries no personal data.
    """

    lead_id: UUID = f(FieldClass.REFERENCE, "The lead's id, the same on both sides.")
    fence: int = f(FieldClass.REFERENCE, "Fencing number; a later offer of the same lead has a higher one.", minimum=0)
    stage: LeadStage = f(FieldClass.REFERENCE, "An offer, or its recall.")
    offered_at: datetime | None = f(FieldClass.REFERENCE, "When it was offered. Required in an offer.", default=None)
    respond_before: datetime | None = f(
        FieldClass.REFERENCE, "Acceptance is final before this time. Required in an offer.", default=None
    )
    channel: str | None = f(FieldClass.COMMERCIAL, "Channel the lead came by.", default=None)
    brand: str | None = f(FieldClass.VEHICLE, "Brand wanted.", default=None)
    series: str | None = f(FieldClass.VEHICLE, "Series wanted.", default=None)
    model: str | None = f(FieldClass.VEHICLE, "Model wanted.", default=None)
    interest: str | None = f(FieldClass.COMMERCIAL, "buy, lease, sell, trade-in or test-drive (ADF 1.0).", default=None)
    wish_text: str | None = f(
        FieldClass.TECHNICAL,
        "The wish in the sender's words; read before acceptance.",
        default=None,
        free_text=True,
    )
    province: str | None = f(FieldClass.COMMERCIAL, "Province.", default=None)
    city: str | None = f(FieldClass.COMMERCIAL, "City.", default=None)
    district: str | None = f(FieldClass.CONTACT, "District, for people to read.", default=None)
    budget: Decimal | None = f(FieldClass.COMMERCIAL, "Budget, in `budget_currency`.", default=None)
    budget_currency: str | None = f(FieldClass.COMMERCIAL, "ISO 4217.", default=None, pattern=CURRENCY)
    window_from: date | None = f(FieldClass.COMMERCIAL, "First day of the intended purchase.", default=None)
    window_to: date | None = f(FieldClass.COMMERCIAL, "Last day of the intended purchase.", default=None)
    masked_name: str | None = f(FieldClass.IDENTITY, "The name with all but its first character hidden.", default=None)
    name: str | None = f(FieldClass.IDENTITY, "The name. In the envelope.", default=None)
    phone: str | None = f(
        FieldClass.CONTACT,
        "Telephone, E.164 where it could be read. In the envelope.",
        default=None,
        max_length=40,
    )
    email: str | None = f(FieldClass.CONTACT, "E-mail address. In the envelope.", default=None, max_length=254)
    preferred_time: str | None = f(FieldClass.COMMERCIAL, "When the person likes to be called.", default=None)
    lines: list[LeadLine] | None = f(FieldClass.COMMERCIAL, "The cars spoken of.", default=None)
    consent_basis: str | None = f(
        FieldClass.REFERENCE, "Consent or legal basis under which it was collected.", default=None
    )
    consent_text_version: str | None = f(FieldClass.REFERENCE, "Version of the consent text.", default=None)
    source: str | None = f(FieldClass.COMMERCIAL, "Who collected it: website, provider, campaign.", default=None)
    collected_at: datetime | None = f(FieldClass.REFERENCE, "When it was collected.", default=None)

    def problems(self) -> dict[str, str]:
        if self.stage is LeadStage.RECALL:
            personal = [name for name, field in self.spec.fields.items() if field.mark.personal]
            return {name: "must not travel with a recall" for name in personal if getattr(self, name)}
        missing = [name for name in ("offered_at", "respond_before") if getattr(self, name) is None]
        return dict.fromkeys(missing, "is required in an offer")


#: Fields of `SalesLead` that a dealership keeps sealed until it has accepted.
ENVELOPE = ("name", "phone", "email")


@contract("LeadOutcome", 1, kind=FACT, direction=UP, subject="lead", purposes=(Purpose.LEAD_HANDLING,))
class LeadOutcome(Contract):
    """One thing that happened to a lead of the manufacturer at the dealership that holds it. Names nobody.

    The first response is the first contact of the dealership with the person, not its answer to the offer
    (R-SALES-25). So `first_response_seconds` counts with the events after a contact (contacted, appointment,
    test_drive, quoted, contracted, won): the first one of an offer carries it, the others leave it out. With any other
    event it means nothing and is not read.
    """

    lead_id: UUID = f(FieldClass.REFERENCE, "The lead's id.")
    fence: int = f(FieldClass.REFERENCE, "Fencing number of the offer it answers.", minimum=0)
    event: LeadEvent = f(FieldClass.REFERENCE, "What happened.")
    at: datetime = f(FieldClass.REFERENCE, "When it happened, by the dealership's clock.")
    reason: str | None = f(FieldClass.TECHNICAL, "Code of the reason, for declined, lost and returned.", default=None)
    reason_text: str | None = f(FieldClass.TECHNICAL, "The reason in words.", default=None, free_text=True)
    first_response_seconds: int | None = f(
        FieldClass.TECHNICAL,
        "Seconds from the offer to the first contact with the person, with the event that shows it.",
        default=None,
        minimum=0,
    )
    temperature: Temperature | None = f(FieldClass.COMMERCIAL, "How soon the person will buy.", default=None)
