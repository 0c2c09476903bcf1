"""What dealerships tell of their agreements."""

from __future__ import annotations

from exchange.handlers import Received, receives
from kernel.contracts import SharingDecision
from oem.agreements import actions


@receives(SharingDecision)
def decisions_arrive(messages: list[Received]) -> None:
    """Keep each, once, in the order in which the dealership made them."""
    for message in messages:
        assert isinstance(message.record, SharingDecision)
        actions.note_decision(dealership=message.sender, message=message.message_id, record=message.record)
