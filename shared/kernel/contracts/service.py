"""Service: a visit of a car to a workshop."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, TypedDict
from uuid import UUID

from kernel.contracts.base import CURRENCY, FACT, UP, VIN, Contract, FieldClass, Purpose, contract, f, k


class VisitKind(StrEnum):
    MAINTENANCE = "maintenance"
    REPAIR = "repair"
    WARRANTY = "warranty"
    RECALL = "recall"
    ACCIDENT = "accident"


class PayType(StrEnum):
    CUSTOMER = "customer"
    WARRANTY = "warranty"
    INTERNAL = "internal"
    INSURANCE = "insurance"
    GOODWILL = "goodwill"


class VisitJob(TypedDict):
    """One complaint and what was done about it."""

    complaint: Annotated[str | None, k(FieldClass.TECHNICAL, "What the customer reported", free_text=True)]
    cause: Annotated[str | None, k(FieldClass.TECHNICAL, "What was found", free_text=True)]
    correction: Annotated[str | None, k(FieldClass.TECHNICAL, "What was done", free_text=True)]
    operation_codes: Annotated[list[str] | None, k(FieldClass.TECHNICAL, "Labour operations", max_length=40)]
    pay_types: Annotated[list[PayType] | None, k(FieldClass.COMMERCIAL, "Who pays for its lines")]
    labour_hours: Annotated[Decimal | None, k(FieldClass.TECHNICAL, "Labour, hours")]
    part_numbers: Annotated[list[str] | None, k(FieldClass.TECHNICAL, "Parts used", max_length=40)]


#: Satisfaction runs from 1, the worst, to this, the best.
BEST_SATISFACTION = 5


@contract("ServiceVisit", 1, kind=FACT, direction=UP, subject="vehicle", purposes=(Purpose.ANALYTICS,))
class ServiceVisit(Contract):
    """A closed repair order. It names no customer; what people typed stays at level pseudonymous."""

    visit_id: UUID = f(FieldClass.REFERENCE, "The dealership's id of the repair order.")
    vin: str = f(FieldClass.VEHICLE, "VIN.", pseudonymise=True, max_length=17, pattern=VIN)
    opened_at: datetime = f(FieldClass.TECHNICAL, "When the car was taken in.")
    closed_at: datetime = f(FieldClass.TECHNICAL, "When the repair order was closed.")
    odometer_km: int = f(FieldClass.VEHICLE, "Odometer at intake, km.", minimum=0)
    kind: VisitKind = f(FieldClass.TECHNICAL, "The main reason of the visit.")
    jobs: list[VisitJob] = f(FieldClass.TECHNICAL, "What was done, job by job.")
    labour_total: Decimal = f(FieldClass.COMMERCIAL, "Labour, in `currency`.")
    parts_total: Decimal = f(FieldClass.COMMERCIAL, "Parts, in `currency`.")
    currency: str = f(FieldClass.COMMERCIAL, "ISO 4217, in China CNY.", pattern=CURRENCY)
    promised_at: datetime | None = f(FieldClass.TECHNICAL, "When the car was promised.", default=None)
    satisfaction: int | None = f(
        FieldClass.TECHNICAL, "The customer's mark, 1 (worst) to 5 (best).", default=None, minimum=1
    )

    def problems(self) -> dict[str, str]:
        problems = {}
        if self.closed_at < self.opened_at:
            problems["closed_at"] = "must not lie before opened_at"
        if self.satisfaction is not None and self.satisfaction > BEST_SATISFACTION:
            problems["satisfaction"] = f"must be at most {BEST_SATISFACTION}"
        return problems
