"""Sales: a new car delivered by a dealership."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from kernel.contracts.base import CURRENCY, FACT, UP, VIN, Contract, FieldClass, Purpose, contract, f


class BuyerKind(StrEnum):
    INDIVIDUAL = "individual"
    COMPANY = "company"


@contract("VehicleSale", 1, kind=FACT, direction=UP, subject="vehicle", purposes=(Purpose.SALE_AND_DELIVERY,))
class VehicleSale(Contract):
    """A car sold and delivered. It names no buyer: `Owner` does, under a purpose of its own."""

    sale_id: UUID = f(FieldClass.REFERENCE, "The dealership's id of the sale.")
    vin: str = f(FieldClass.VEHICLE, "VIN.", pseudonymise=True, max_length=17, pattern=VIN)
    brand: str = f(FieldClass.VEHICLE, "Brand.")
    series: str | None = f(FieldClass.VEHICLE, "Series.", default=None)
    model: str | None = f(FieldClass.VEHICLE, "Model.", default=None)
    variant: str | None = f(FieldClass.VEHICLE, "Variant.", default=None)
    contract_signed_on: date | None = f(FieldClass.COMMERCIAL, "Day the sales contract was signed.", default=None)
    delivered_on: date = f(FieldClass.VEHICLE, "Day of delivery; the warranty begins.")
    invoice_total: Decimal | None = f(FieldClass.COMMERCIAL, "Invoice with tax, in `currency`.", default=None)
    currency: str | None = f(FieldClass.COMMERCIAL, "ISO 4217.", default=None, pattern=CURRENCY)
    channel: str | None = f(FieldClass.COMMERCIAL, "Channel the buyer came by.", default=None)
    lead_id: UUID | None = f(
        FieldClass.COMMERCIAL,
        "The manufacturer's lead that led to it; the manufacturer knows that lead's person.",
        default=None,
        reidentifies=True,
    )
    buyer_kind: BuyerKind | None = f(FieldClass.COMMERCIAL, "A person or a company.", default=None)
    province: str | None = f(FieldClass.COMMERCIAL, "Province of the buyer.", default=None)
