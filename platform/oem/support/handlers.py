"""What dealerships answer."""

from __future__ import annotations

from exchange.handlers import Received, Refuse, receives
from kernel.contracts import SupportAccess, SupportStep
from oem.support import actions


@receives(SupportAccess)
def answers_arrive(messages: list[Received]) -> None:
    """Note each answer, once."""
    for message in messages:
        record = message.record
        assert isinstance(record, SupportAccess)
        if record.step in (SupportStep.ASKED, SupportStep.WITHDRAWN):
            raise Refuse("not_yours", "a dealership answers; it does not ask")
        actions.note_answer(dealership=message.sender, record=record)
