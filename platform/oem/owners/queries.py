"""Reading what was shared about cars and owners. Owners are shown for the purpose they were received for."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from kernel.accounts.access import find
from kernel.accounts.roles import Right
from kernel.automotive import phone
from kernel.errors import Missing
from oem.owners.models import DailyCount, Owner, Sale


def owners_for(user: Any) -> QuerySet[Owner]:
    """Owners a person of the portal may see."""
    return Owner.objects.all() if user.has(Right.OWNERS_READ) else Owner.objects.none()


def access_owner_for_reading(owner_id: UUID, user: Any) -> Owner:
    """One owner. Raises Missing."""
    return find(owners_for(user), owner_id)


def found_owners(owners: QuerySet[Owner], *, text: str = "") -> QuerySet[Owner]:
    """Narrow by name, VIN or phone."""
    text = text.strip()
    if not text:
        return owners
    condition = Q(name__startswith=text) | Q(company_name__startswith=text) | Q(vin=text.upper())
    reached = phone.normalise(text).e164
    if reached:
        condition |= Q(phone=reached)
    return owners.filter(condition)


def vehicle(vin: str, user: Any) -> dict[str, Any]:
    """What was shared about one car: its sale, and its owners if the person may see owners. Raises Missing."""
    sale = Sale.objects.filter(vin=vin).first()
    owners = list(owners_for(user).filter(vin=vin))
    if sale is None and not owners:
        raise Missing()
    return {"vin": vin, "sale": sale, "owners": owners}


def delivered_on(vin: str) -> date | None:
    """The day a car was delivered, as its dealership reported it: the start of its warranty."""
    return Sale.objects.filter(vin=vin).values_list("delivered_on", flat=True).first()


def counts(of: str, *, since: date, until: date) -> QuerySet[DailyCount]:
    """Daily counts of one contract between two days, both included."""
    return DailyCount.objects.filter(of=of, day__gte=since, day__lte=until)
