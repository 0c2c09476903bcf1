"""What dealerships tell about leads."""

from exchange.handlers import Received, Refuse, receives
from kernel.accounts.actors import EXCHANGE
from kernel.contracts import LeadOutcome
from oem.leads.actions import apply_outcome


@receives(LeadOutcome)
def outcomes_arrive(messages: list[Received]) -> None:
    """Move each lead along; what a dealership tells about a lead it never held is refused."""
    for message in messages:
        record = message.record
        assert isinstance(record, LeadOutcome)
        try:
            apply_outcome(record, sender=message.sender, message=message.message_id, actor=EXCHANGE)
        except LookupError:
            raise Refuse("unknown_lead", f"{record.lead_id}") from None
