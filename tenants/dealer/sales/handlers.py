"""What arrives from the manufacturer: offers of leads and their recall."""

from dealer.sales.actions.leads import apply_offer, apply_recall
from dealer.sales.assignment import Desk
from exchange.handlers import Received, receives
from exchange.models import InboxPayload
from kernel.contracts import LeadStage, SalesLead


@receives(SalesLead)
def leads_arrive(messages: list[Received]) -> None:
    """Take offers and recalls in their order; the same message again, or an older fence, has no effect.

    The payload of an offer names a person whom nobody here may read before acceptance: once its envelope is sealed,
    the payload is dropped.
    """
    desk: Desk | None = None
    for message in messages:
        record = message.record
        assert isinstance(record, SalesLead)
        if record.stage is LeadStage.OFFER:
            desk = desk or Desk()
            apply_offer(record, desk=desk)
        else:
            apply_recall(record)
    InboxPayload.objects.filter(id__in=[message.message_id for message in messages]).delete()
