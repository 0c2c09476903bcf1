"""Reads of what was taken back and who was erased."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from django.db.models import Count, Max, Q, QuerySet

from kernel.accounts.access import find
from kernel.accounts.models import User
from kernel.accounts.roles import Right
from kernel.contracts import KeptLine
from kernel.errors import Missing
from oem.leads.models import Lead
from oem.privacy.models import Kept, Kind, Request

#: A longer number is none that a lead could have.
LONGEST_NUMBER = 18


def requests_for(user: User) -> QuerySet[Request]:
    """Withdrawals and erasures that a person of the portal may see."""
    return Request.objects.all() if user.has(Right.SHARING_READ) else Request.objects.none()


def access_request_for_reading(id: UUID, user: User) -> Request:
    """One request. Raises Missing."""
    return find(requests_for(user), id)


def access_lead_for_erasing(id: UUID, user: User) -> Lead:
    """One lead whose person asked to be erased. Raises Missing."""
    if not user.has(Right.PERSONS_ERASE):
        raise Missing()
    return find(Lead.objects.all(), id)


def lead_to_erase(number: str, user: User) -> Lead | None:
    """The lead of a number, for those who may erase its person."""
    may = user.has(Right.PERSONS_ERASE) and number.isascii() and number.isdigit() and len(number) < LONGEST_NUMBER
    return Lead.objects.filter(number=int(number)).first() if may else None


def kept_lines(request: Request) -> list[KeptLine]:
    """What is still kept of a request, by rule, as receipts say it."""
    rows = (
        Kept.objects.filter(request=request, deleted_at=None)
        .order_by("law")
        .values_list("law", "article")
        .annotate(Max("until"), Count("pk"))
    )
    return [KeptLine(law=law, article=article, until=until, records=n) for law, article, until, n in rows]


def _erased(field: str, values: Collection[str]) -> set[str]:
    wanted = Q()
    for value in values:
        wanted |= Q(**{f"{field}__contains": [value]})
    if not values:
        return set()
    found = Request.objects.filter(wanted, kind=Kind.ERASURE).values_list(field, flat=True)
    return {str(one) for row in found for one in row} & set(values)


def erased_owners(keys: Iterable[str]) -> set[str]:
    """Those of these owners' keys whose person was erased: nothing of them is kept again. One query."""
    return _erased("owner_keys", {key for key in keys if key})


def erased_leads(leads: Iterable[UUID]) -> set[UUID]:
    """Those of these leads whose person was erased. One query."""
    return {UUID(one) for one in _erased("lead_ids", {str(lead) for lead in leads})}
