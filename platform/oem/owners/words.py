"""Owners in words: roles, fields, and why something is not shown."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from kernel.contracts import BuyerKind, Level, OwnerRole, Sex, is_pseudonym
from oem.owners.models import Owner


class Role(models.TextChoices):
    OWNER = OwnerRole.OWNER, _("Owner")
    DRIVER = OwnerRole.DRIVER, _("Driver")
    LESSEE = OwnerRole.LESSEE, _("Lessee")


class Kind(models.TextChoices):
    INDIVIDUAL = BuyerKind.INDIVIDUAL, _("Person")
    COMPANY = BuyerKind.COMPANY, _("Company")


SEXES: dict[str, Any] = {Sex.MALE: _("Male"), Sex.FEMALE: _("Female"), Sex.UNKNOWN: _("Unknown")}

FIELDS = {
    "name": _("Name"),
    "company_name": _("Company name"),
    "kind": _("Person or company"),
    "sex": _("Sex"),
    "birthday": _("Birthday"),
    "phone": _("Phone"),
    "email": _("E-mail"),
    "province": _("Province"),
    "city": _("City"),
    "district": _("District"),
    "address": _("Address"),
    "role": _("Role"),
    "since": _("Since"),
    "until": _("Until"),
    "vin": _("VIN"),
    "owner_key": _("Code of the owner"),
    "consent_version": _("Consent text"),
    "contract_signed_on": _("Contract signed on"),
    "delivered_on": _("Delivered on"),
    "invoice_total": _("Invoice total"),
    "channel": _("Channel"),
    "buyer_kind": _("Person or company"),
    "lead_id": _("Lead"),
    "brand": _("Brand"),
    "series": _("Series"),
    "model": _("Model"),
    "variant": _("Variant"),
    "currency": _("Currency"),
}

NOT_SHARED = _("Not shared")
ONLY_A_CODE = _("Only a code was released.")
NOT_KNOWN = _("The dealership has no entry")


def field_name(name: str) -> str:
    """A field of a contract in words; an unknown one by its name."""
    return str(FIELDS.get(name, name))


def role_name(code: str) -> str:
    return str(Role(code).label) if code in Role.values else code


def kind_name(code: str) -> str:
    return str(Kind(code).label) if code in Kind.values else code


def why_withheld(level: str) -> str:
    """Why a field of a record stayed at its dealership, as far as the manufacturer can know: by the record's level."""
    if level == Level.PSEUDONYMOUS:
        return gettext("Only a code was released: the dealership or the customer allows no more.")
    return gettext("The agreement or the law keeps this field back.")


#: Why an owner still stands here, by what the dealership shares now.
SHARES_LESS: dict[Level, Any] = {
    Level.COUNTS: _(
        "%(name)s shares counts only by now. What it sent before stays here until it is withdrawn, and does not "
        "change any more."
    ),
    Level.PSEUDONYMOUS: _(
        "%(name)s sends codes in place of names by now. What it sent before stays here until it is withdrawn, and does "
        "not change any more."
    ),
}
HAS_LEFT = _(
    "%(name)s has left the network. What it sent before stays here until it is withdrawn, and does not change any more."
)
WHAT_STAYS = _("What was received stays here until it is withdrawn, also when a dealership shares less from then on.")


def is_named(owner: Owner) -> bool:
    """Whether the owner is more than a code."""
    return not is_pseudonym(owner.owner_key) or owner.names_somebody


def shown_name(owner: Owner) -> str:
    """The owner's name for headings and files; the code where no name was shared."""
    return owner.company_name or owner.name or (owner.owner_key if is_pseudonym(owner.owner_key) else str(NOT_KNOWN))


def value_or_why(record: Any, name: str, value: Any = None) -> tuple[str, str]:
    """What stands for a field: (text, why not). Exactly one of the two is filled."""
    value = getattr(record, name) if value is None else value
    if value not in (None, ""):
        return str(value), ""
    return "", str(NOT_SHARED if name in record.withheld else NOT_KNOWN)
