"""A lead that is a customer already: recognised when its offer arrives, shown before acceptance, told by agreement.

The dealership's worker recognises, by blind marks of its own (`dealer.customers.marks`); the portal, which has no key,
takes no part. What was found is fixed with the offer: it does not change with what is entered later, so nobody can try
numbers against an offer whose number he must not see yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from dealer.customers import marks
from dealer.sales.models import Lead
from dealer.sharing.actions import share
from dealer.sharing.flows import Sample, sample_with
from kernel.accounts.actors import Actor
from kernel.contracts import KnownBy, KnownCustomer, SalesLead

#: Cars of these interests are the person's own (ADF 1.0, `vehicle/@interest`); any other is a car that is wanted.
OWN_CAR = frozenset({"trade-in", "sell"})


def recognise(offer: SalesLead) -> list[str]:
    """By what the person of an offer is a customer here already. Two queries, found or not."""
    cars = [line["vin"] for line in offer.lines or [] if line["interest"] in OWN_CAR and line["vin"]]
    return [str(kind) for kind in marks.known_by(phone_number=offer.phone or "", email=offer.email or "", vins=cars)]


def tell(lead: Lead, *, actor: Actor, at: datetime) -> None:
    """Let the manufacturer know of an accepted lead whether it was known, as far as the agreement goes: by default not.

    The same is done for a lead that was known and for one that was not.
    """
    if lead.known_by is not None:
        share(record(lead, at), subject=lead.id, customer=None, actor=actor, event_at=at, label=lead.car)


def record(lead: Lead, at: datetime) -> KnownCustomer:
    """The contract's record, whole: the gate decides what of it leaves."""
    found = [kind for kind in KnownBy if kind in (lead.known_by or ())]
    return KnownCustomer(
        lead_id=lead.id, fence=lead.fence, at=at, known=bool(found), by=[str(kind) for kind in found]
    )  # fmt: skip


@sample_with("KnownCustomer")
def latest_known(limit: int, since: datetime | None) -> Iterable[Sample]:
    """The latest accepted leads, as the preview of the switchboard shows them."""
    rows = Lead.objects.filter(known_by__isnull=False).exclude(answered_at=None).exclude(prospect=None)
    rows = rows.filter(answered_at__gte=since) if since else rows
    return [(record(lead, lead.answered_at or lead.offered_at), None) for lead in rows.order_by("-answered_at")[:limit]]
