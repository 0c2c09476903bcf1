"""Names, in the reader's language, of what stands in contracts and in the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from dealer.sharing.flows import FLOWS
from dealer.sharing.models import Reading
from exchange.gate import Reason, Step
from kernel.accounts.roles import Role

Text = str | Promise

#: Every field and key of the contracts that go up, by its own name.
FIELDS: dict[str, Text] = {
    "address": _("Address"),
    "amount": _("Amount"),
    "at": _("When"),
    "birthday": _("Birthday"),
    "brand": _("Brand"),
    "buyer_kind": _("Person or company"),
    "causal_part": _("Causal part"),
    "cause": _("Cause"),
    "cells": _("Numbers by kind"),
    "channel": _("Channel"),
    "city": _("City"),
    "claim_id": _("Claim"),
    "claim_type": _("Type of claim"),
    "closed_at": _("Closed at"),
    "code": _("Code"),
    "company_name": _("Company"),
    "complaint": _("Complaint"),
    "consent_version": _("Version of the consent text"),
    "contract_signed_on": _("Contract signed on"),
    "correction": _("Correction"),
    "currency": _("Currency"),
    "day": _("Day"),
    "delivered_on": _("Delivered on"),
    "delivery_date": _("Delivery date"),
    "description": _("Description"),
    "dimension": _("Counted by"),
    "district": _("District"),
    "email": _("E-mail"),
    "event": pgettext_lazy("field", "What happened"),
    "fault_code": _("Fault code"),
    "fence": _("Number of the offer"),
    "first_response_seconds": _("Time to the first contact"),
    "invoice_total": _("Invoice total"),
    "jobs": _("Jobs"),
    "kind": _("Kind"),
    "labour_hours": _("Labour hours"),
    "labour_total": _("Labour total"),
    "lead_id": _("Lead"),
    "line_id": _("Line"),
    "lines": _("Lines"),
    "model": _("Model"),
    "name": _("Name"),
    "number": _("Number"),
    "odometer_km": _("Mileage in km"),
    "of": _("What is counted"),
    "opened_at": _("Opened at"),
    "operation_codes": _("Labour operations"),
    "owner_key": _("Code of the customer"),
    "part_numbers": _("Part numbers"),
    "parts_total": _("Parts total"),
    "pay_types": _("Who pays"),
    "phone": _("Phone"),
    "promised_at": _("Promised for"),
    "province": _("Province"),
    "quantity": _("Quantity"),
    "reason": _("Reason"),
    "reason_text": _("Reason in words"),
    "repair_closed_on": _("Repair closed on"),
    "repair_opened_on": _("Repair opened on"),
    "repair_order_number": _("Number of the repair order"),
    "revision": _("Revision"),
    "role": _("Role"),
    "sale_id": _("Sale"),
    "satisfaction": _("Satisfaction"),
    "series": _("Series"),
    "sex": _("Sex"),
    "since": _("Since"),
    "temperature": _("Temperature"),
    "total": _("Total"),
    "unit_price": _("Unit price"),
    "until": _("Until"),
    "variant": _("Variant"),
    "version": _("Version"),
    "vin": _("VIN"),
    "visit_id": _("Service visit"),
}

#: Why a message was stopped or refused (codes of the ledger's `reason`).
STOPPED: dict[str, Text] = {
    "level_lowered": _("The level was lowered before it was delivered."),
    "consent_withdrawn": _("The customer withdrew the consent before it was delivered."),
}
#: Kinds of message that the switchboard has no level for.
OTHERS: dict[str, Text] = {"DailyCounts": _("Daily counts"), "SupportAccess": _("Support access")}


def field_label(path: str) -> str:
    """A field's name; a key of an entry with that of its list: "Jobs: complaint"."""
    whole, _dot, key = path.partition("[].")
    label = str(FIELDS.get(whole, whole))
    return f"{label}: {FIELDS.get(key, key)}" if key else label


def contract_label(contract: str) -> str:
    """What kind of data a contract carries."""
    return str(FLOWS[contract].title if contract in FLOWS else OTHERS.get(contract, contract))


def reason_label(code: str) -> str:
    """Why a field stayed."""
    return str(Reason(code).label) if code in Reason.values else code


def stopped_label(code: str) -> str:
    """Why a message did not arrive; a receiver's own code stands as it is."""
    return str(STOPPED.get(code, code))


def withheld_in_words(withheld: Mapping[str, str]) -> list[tuple[str, str]]:
    """Fields that stayed with their reasons, by name."""
    return [(field_label(path), reason_label(code)) for path, code in sorted(withheld.items())]


def path_in_words(path: Iterable[Mapping[str, object]]) -> list[str]:
    """The rules by which the gate decided, worked out again from what the ledger keeps."""
    return [Step.from_json(step).explain() for step in path]


def reader(row: Reading) -> str:
    """Who looked: the role, and the beginning of the manufacturer's own id of the person."""
    role = Role(row.reader_role).label if row.reader_role in Role.values else row.reader_role
    return gettext("%(role)s at the manufacturer (person %(person)s)") % {"role": role, "person": str(row.reader)[:8]}


#: What a list at the manufacturer can be narrowed by.
NARROWED: dict[str, Text] = {
    "q": _("name, phone or VIN"),
    "dealership": pgettext_lazy("narrowed by", "dealership"),
    "level": pgettext_lazy("narrowed by", "level"),
    "province": pgettext_lazy("narrowed by", "province"),
    "role": pgettext_lazy("narrowed by", "role"),
    "vin": pgettext_lazy("narrowed by", "VIN"),
}


def narrowed(row: Reading) -> str:
    """What the list was narrowed by, in words; "" for all."""
    return ", ".join(str(NARROWED.get(key, key)) for key in row.searched_by)
