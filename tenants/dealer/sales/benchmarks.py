"""What sales gives to the comparison with the network: offers, the time to the first contact, conversion."""

from __future__ import annotations

from datetime import datetime

from dealer.sales.models import Lead, LeadMilestone
from dealer.sharing.benchmarks import Middle, Number, Share, measures
from kernel.contracts import Figure, LeadEvent


@measures(Figure.LEADS)
def leads(since: datetime, until: datetime) -> Number:
    """Leads of the manufacturer whose (latest) offer came in the month."""
    return Number(Lead.objects.filter(offered_at__gte=since, offered_at__lt=until).count())


@measures(Figure.RESPONSE)
def response(since: datetime, until: datetime) -> Middle:
    """Minutes from the offer to the first contact, of leads offered in the month (R-SALES-25)."""
    rows = Lead.objects.filter(offered_at__gte=since, offered_at__lt=until, first_contact_at__isnull=False)
    times = rows.values_list("offered_at", "first_contact_at")
    return Middle([(contact - offered).total_seconds() / 60 for offered, contact in times if contact is not None])


@measures(Figure.CONVERSION)
def conversion(since: datetime, until: datetime) -> Share:
    """Leads won, of those won, lost or given back in the month. What is still open has no say yet."""
    ended = LeadMilestone.objects.filter(
        at__gte=since, at__lt=until, event__in=[LeadEvent.WON, LeadEvent.LOST, LeadEvent.RETURNED]
    )
    found = dict.fromkeys(ended.order_by("at").values_list("lead_id", flat=True), "")
    found |= dict(ended.order_by("at").values_list("lead_id", "event"))
    return Share(sum(event == LeadEvent.WON for event in found.values()), len(found))
