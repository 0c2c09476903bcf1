"""Names, in the reader's language, of the fields that contracts carry up."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Text = str | Promise

#: Every field and key of the contracts that go up, by its own name.
FIELDS: dict[str, Text] = {
    "address": _("Address"),
    "amount": _("Amount"),
    "at": _("When"),
    "birthday": _("Birthday"),
    "brand": _("Brand"),
    "by": pgettext_lazy("field", "Recognised by"),
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
    "figures": _("Figures"),
    "first_response_seconds": _("Time to the first contact"),
    "invoice_total": _("Invoice total"),
    "jobs": _("Jobs"),
    "kind": _("Kind"),
    "known": pgettext_lazy("field", "Known before"),
    "labour_hours": _("Labour hours"),
    "labour_total": _("Labour total"),
    "lead_id": _("Lead"),
    "line_id": _("Line"),
    "lines": _("Lines"),
    "model": _("Model"),
    "month": _("Month"),
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


def field_label(path: str) -> str:
    """A field's name; a key of an entry with that of its list: "Jobs: complaint"."""
    whole, _dot, key = path.partition("[].")
    label = str(FIELDS.get(whole, whole))
    return f"{label}: {FIELDS.get(key, key)}" if key else label
