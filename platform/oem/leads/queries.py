"""Reading leads, and what routing needs to know."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from kernel import clock
from kernel.accounts.access import find
from kernel.accounts.roles import Right
from kernel.automotive import phone
from kernel.reference.queries import CALENDAR
from oem.leads import routing
from oem.leads.models import WORKED, Lead, LeadState, OfferState
from oem.network.models import Dealership, DealershipState
from oem.network.queries import with_capabilities


def leads_for(user: Any) -> QuerySet[Lead]:
    """The leads a person of the portal may see: all with the right to read leads, else none."""
    return Lead.objects.all() if user.has(Right.LEADS_READ) else Lead.objects.none()


def access_lead_for_reading(lead_id: UUID, user: Any) -> Lead:
    """A lead with its lines, offers, routings and events. Raises Missing."""
    return find(leads_for(user).select_related("intake", "duplicate_of").prefetch_related("lines", "offers"), lead_id)


def access_lead_for_routing(lead_id: UUID, user: Any) -> Lead:
    """A lead for whoever may route. Raises Missing."""
    return find(Lead.objects.all() if user.has(Right.LEADS_ROUTE) else Lead.objects.none(), lead_id)


def wish_of(lead: Lead) -> routing.Wish:
    """What of a lead decides its routing."""
    return routing.Wish(
        brand=lead.brand,
        series=lead.series,
        province=lead.province,
        city=lead.city,
        vendor_name=lead.vendor_name,
    )


class Market:
    """Every active dealership as routing sees it today, read once for as many leads as one transaction routes."""

    def __init__(self) -> None:
        today = clock.today(CALENDAR)
        dealerships = with_capabilities(Dealership.objects.filter(state=DealershipState.ACTIVE), on=today)
        self._load = open_leads_by_dealership()
        self._candidates = [
            routing.Candidate(
                id=str(d.id),
                slug=d.slug,
                names=(d.name, d.short_name_zh_hans, d.short_name_zh_hant, d.short_name_en),
                province=d.province,
                city=d.city,
                brands=tuple(sorted(c.brand for c in d.current_capabilities if c.sells and not c.series)),
                series=tuple(sorted(c.series for c in d.current_capabilities if c.sells and c.series)),
                territories=tuple((t.region, t.rank) for t in d.territories.all()),
                open_leads=0,
            )
            for d in cast("Iterable[Any]", dealerships.prefetch_related("territories"))
        ]

    def offered(self, dealership: UUID) -> None:
        """Count a lead that was offered since the market was read."""
        self._load[dealership] = self._load.get(dealership, 0) + 1

    def candidates_for(self, lead: Lead) -> list[routing.Candidate]:
        """The candidates with the leads each has open now and what it answered to this lead before."""
        earlier = {}
        if lead.fence:  # without an offer there is no answer
            offers = lead.offers.filter(state__in=[OfferState.DECLINED, OfferState.EXPIRED])
            earlier = {offer.dealership: str(offer.state) for offer in offers}
        return [
            replace(candidate, open_leads=self._load.get(id_, 0), earlier=earlier.get(id_, ""))
            for candidate in self._candidates
            for id_ in [UUID(candidate.id)]
        ]


def candidates_for(lead: Lead) -> list[routing.Candidate]:
    """Every active dealership as routing sees it for one lead today."""
    return Market().candidates_for(lead)


def open_leads_by_dealership() -> dict[UUID, int]:
    """Leads offered to or worked by each dealership."""
    rows = Lead.objects.filter(state__in=[LeadState.OFFERED, *WORKED]).values("dealership").annotate(n=Count("id"))
    return {row["dealership"]: row["n"] for row in rows.order_by() if row["dealership"]}


def text_condition(text: str) -> Q:
    """Condition on Lead: part of a name, a phone number, the end of one, an e-mail address or a lead's number."""
    text = text.replace("\x00", "").strip()[:100]
    if not text:
        return Q()
    bare = text.lstrip("#")
    condition = Q(name__contains=text) | Q(email__iexact=text)
    reached = phone.normalise(text).e164
    if reached:
        condition |= Q(phone=reached)
    if bare.isascii() and bare.isdigit() and len(bare) < 12:
        condition |= Q(number=int(bare)) | Q(phone__endswith=bare)
    return condition


def filtered(leads: QuerySet[Lead], *, dealership: str = "", text: str = "") -> QuerySet[Lead]:
    """Narrow a list of leads; `dealership` is a slug, `text` as in `text_condition`."""
    if dealership:
        leads = leads.filter(dealership__in=Dealership.objects.filter(slug=dealership).values("id"))
    return leads.filter(text_condition(text))


def same_number(lead: Lead, *, limit: int = 5) -> QuerySet[Lead]:
    """Other leads with the telephone number of this one, newest first; none without a number."""
    if not lead.phone:
        return Lead.objects.none()
    return Lead.objects.filter(phone=lead.phone).exclude(id=lead.id)[:limit]
