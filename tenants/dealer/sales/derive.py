"""What follows from a prospect's own facts: temperature, missing items, the rhythm of contacts."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from dealer.customers.models import Customer, Kind
from dealer.organisation.queries import profile
from dealer.sales.models import Prospect, SalesPolicy
from kernel import clock
from kernel.automotive.names import split_name
from kernel.automotive.qualification import missing_items
from kernel.automotive.temperature import Temperature, temperature

#: Days until the next contact when a consultant plans none: warm and cold prospects keep being called (R-LEAD-08).
RHYTHM_DAYS = {Temperature.HOT: 3, Temperature.WARM: 14, Temperature.COLD: 45, Temperature.UNCLASSIFIED: 7}
#: Hot before warm before cold before unclassified: the order of work lists.
HEAT = {Temperature.HOT: 0, Temperature.WARM: 1, Temperature.COLD: 2, Temperature.UNCLASSIFIED: 3}


def today() -> date:
    """The day at the dealership, in its own time zone."""
    return clock.today(profile().time_zone)


def policy() -> SalesPolicy:
    """The dealership's rules of selling; the defaults while nobody has changed them."""
    return SalesPolicy.objects.filter(pk=1).first() or SalesPolicy()


def eleven_items(prospect: Prospect) -> dict[str, Any]:
    """The facts in the keys of `kernel.automotive.qualification`.

    For a company, sex and surname are those of its contact person (R-LEAD-36); the surname is read from his name.
    """
    customer: Customer = prospect.customer
    company = customer.kind == Kind.COMPANY
    surname = customer.surname or (split_name(customer.contact_person).surname if company else "")
    planned = prospect.next_contact_plan or prospect.next_contact_on
    return {
        "sales_consultant": prospect.consultant_id,
        "customer_type": prospect.customer_type,
        "customer_source": prospect.channel,
        "party_kind": customer.kind,
        "sex": customer.sex,
        "surname": surname,
        "phone": customer.phone,
        "present_brand": prospect.present_brand,
        "present_model": prospect.present_model,
        "no_present_vehicle": prospect.no_present_vehicle,
        "intended_on": prospect.intended_on,
        "wanted_series": prospect.series,
        "wanted_model": prospect.model or prospect.variant,
        "contact_result": prospect.contact_result,
        "next_contact_plan": planned,
    }


def refresh(prospect: Prospect, *, on: date, rules: SalesPolicy) -> set[str]:
    """Derive temperature and missing items anew; returns the names of the columns that changed. Does not save."""
    warmth = temperature(prospect.likes_brand, prospect.intended_on, on, rules.thresholds)
    missing = [str(item) for item in missing_items(eleven_items(prospect))]
    found = {
        "temperature": str(warmth),
        "heat": HEAT[warmth],
        "missing": missing,
        "qualified": not missing,
    }
    changed = {name for name, value in found.items() if getattr(prospect, name) != value}
    for name in changed:
        setattr(prospect, name, found[name])
    return changed


def next_contact(prospect: Prospect, on: date) -> date:
    """When to contact somebody again if nothing was agreed."""
    return on + timedelta(days=RHYTHM_DAYS[Temperature(prospect.temperature)])
