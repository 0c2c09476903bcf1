"""What dealerships tell about leads."""

from collections.abc import Collection, Iterable
from datetime import date
from uuid import UUID

from django.utils import timezone

from exchange.handlers import Received, Refuse, receives
from exchange.models import InboxPayload
from exchange.takingback import takes_back
from kernel.accounts.actors import EXCHANGE
from kernel.contracts import KnownCustomer, LeadOutcome
from oem.leads.actions import apply_outcome
from oem.leads.models import Event, Offer
from oem.privacy.queries import erased_leads


@receives(LeadOutcome)
def outcomes_arrive(messages: list[Received]) -> None:
    """Move each lead along; what a dealership tells about a lead it never held is refused.

    What is told of a lead whose person was erased moves nothing, and its words are not kept.
    """
    erased = erased_leads(message.subject for message in messages)
    for message in messages:
        record = message.record
        assert isinstance(record, LeadOutcome)
        if record.lead_id in erased:
            InboxPayload.objects.filter(id=message.message_id).delete()
            continue
        try:
            apply_outcome(record, sender=message.sender, message=message.message_id, actor=EXCHANGE)
        except LookupError:
            raise Refuse("unknown_lead", f"{record.lead_id}") from None


@takes_back("LeadOutcome")
class Outcomes:
    """What a dealership told of leads. The lead is the manufacturer's own and stays, and so does where it stands."""

    def rows(self, dealership: UUID, messages: Collection[UUID]) -> Iterable[tuple[UUID, date]]:
        found = Event.objects.filter(dealership=dealership, message__in=list(messages))
        return [(id_, timezone.localdate(at)) for id_, at in found.values_list("id", "at")]

    def delete(self, dealership: UUID, ids: Collection[UUID]) -> int:
        told = Event.objects.filter(dealership=dealership, id__in=list(ids))
        Offer.objects.filter(dealership=dealership, lead__events__in=told).update(reason="", reason_text="")
        return told.delete()[0]


@receives(KnownCustomer)
def known_customers_arrive(messages: list[Received]) -> None:
    """Note with the offer whether the dealership knew the person; nothing of a lead whose person was erased."""
    erased = erased_leads(message.subject for message in messages)
    for message in messages:
        record = message.record
        assert isinstance(record, KnownCustomer)
        if record.lead_id in erased:
            InboxPayload.objects.filter(id=message.message_id).delete()
            continue
        offers = Offer.objects.filter(lead_id=record.lead_id, dealership=message.sender, fence=record.fence)
        if not offers.update(known=record.known, known_by=record.by, known_message=message.message_id):
            raise Refuse("unknown_lead", f"{record.lead_id}")


@takes_back("KnownCustomer")
class Known:
    """Whether a dealership knew the person of a lead. The offer itself is the manufacturer's own and stays."""

    def rows(self, dealership: UUID, messages: Collection[UUID]) -> Iterable[tuple[UUID, date]]:
        found = Offer.objects.filter(dealership=dealership, known_message__in=list(messages))
        return [(id_, timezone.localdate(at)) for id_, at in found.values_list("id", "offered_at")]

    def delete(self, dealership: UUID, ids: Collection[UUID]) -> int:
        told = Offer.objects.filter(dealership=dealership, id__in=list(ids))
        return told.update(known=None, known_by=None, known_message=None)
