"""What this app holds on a customer, for a copy of it all (`subject_access`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from dealer.customers.models import Consent, Customer, Interaction, OdometerReading, Ownership, Vehicle
from dealer.customers.subject_access import PART, holds
from kernel.audit.models import Entry


def _trail(customer: Customer) -> Iterator[dict[str, Any]]:
    """Who of this dealership did what with the customer's record."""
    columns = ("at", "actor_name", "actor_role", "action", "before", "after", "note", "origin")
    found = Entry.objects.filter(object_type="customers.customer", object_id=str(customer.pk))
    yield from found.order_by("-number").values(*columns).iterator(chunk_size=PART)


#: A reading belongs to whoever was a party of the car on that day, not to those before and after.
_THEN = Q(on__gte=F("vehicle__ownerships__since")) & (
    Q(vehicle__ownerships__until=None) | Q(on__lte=F("vehicle__ownerships__until"))
)

holds(Customer, "id", _("You"), leave_out=("pinyin", "initials"))
holds(Ownership, "customer_id", _("Your part in cars"))
holds(Vehicle, "ownerships__customer_id", _("Cars"))
holds(OdometerReading, "vehicle__ownerships__customer_id", _("Mileage"), limited=_THEN)
holds(Consent, "customer_id", _("What you agreed to and refused"))
holds(Interaction, "customer_id", _("Contacts with you"))
holds(Entry, "", _("Who worked with your record"), rows=_trail)
