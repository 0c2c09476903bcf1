"""Owners: who stands behind a car. The only contract going up that names people."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from kernel.contracts.base import STATE, UP, VIN, Contract, FieldClass, Purpose, contract, f
from kernel.contracts.sales import BuyerKind


class OwnerRole(StrEnum):
    OWNER = "owner"
    DRIVER = "driver"
    LESSEE = "lessee"


class Sex(StrEnum):
    MALE = "male"
    FEMALE = "female"
    UNKNOWN = "unknown"


@contract("Owner", 1, kind=STATE, direction=UP, subject="vehicle", purposes=(Purpose.CUSTOMER_CARE,))
class Owner(Contract):
    """The present state of one party's role on one car; a higher `version` supersedes.

    It leaves in full only with the customer's consent for the purpose and the recipient; without it the party
    is a keyed hash and nothing that names or reaches a person leaves.
    """

    version: int = f(FieldClass.REFERENCE, "Grows with every change of this role on this car.", minimum=0)
    owner_key: str = f(
        FieldClass.IDENTITY,
        "The dealership's id of the customer; the source of the pseudonym.",
        pseudonymise=True,
        max_length=64,
    )
    vin: str = f(FieldClass.VEHICLE, "VIN.", pseudonymise=True, max_length=17, pattern=VIN)
    role: OwnerRole = f(FieldClass.VEHICLE, "Owner, driver or lessee.")
    since: date | None = f(FieldClass.VEHICLE, "First day of the role.", default=None)
    until: date | None = f(FieldClass.VEHICLE, "Last day of the role, once it has ended.", default=None)
    kind: BuyerKind = f(FieldClass.COMMERCIAL, "A person or a company.")
    name: str | None = f(FieldClass.IDENTITY, "The person's full name, or the contact person's.", default=None)
    sex: Sex | None = f(FieldClass.IDENTITY, "Sex.", default=None)
    birthday: date | None = f(FieldClass.IDENTITY, "Birthday.", default=None)
    phone: str | None = f(FieldClass.CONTACT, "Telephone, E.164.", default=None, max_length=40)
    email: str | None = f(FieldClass.CONTACT, "E-mail address.", default=None, max_length=254)
    province: str | None = f(FieldClass.COMMERCIAL, "Province.", default=None)
    city: str | None = f(FieldClass.COMMERCIAL, "City.", default=None)
    district: str | None = f(FieldClass.CONTACT, "District.", default=None)
    address: str | None = f(FieldClass.CONTACT, "Street and number.", default=None, max_length=500)
    company_name: str | None = f(FieldClass.IDENTITY, "The company's name.", default=None)
    consent_version: str | None = f(
        FieldClass.REFERENCE, "Version of the consent text that the customer agreed to.", default=None
    )
