"""What dealerships ask and answer about taking back and erasing."""

from __future__ import annotations

from exchange.handlers import Received, Refuse, receives
from exchange.models import InboxPayload
from kernel.contracts import ErasureReceipt, ErasureRequest, Withdrawal
from oem.privacy import actions


@receives(Withdrawal)
def withdrawals_arrive(messages: list[Received]) -> None:
    """Do what each dealership takes back, once."""
    for message in messages:
        assert isinstance(message.record, Withdrawal)
        actions.take_back(
            message.record, dealership=message.sender, purpose=message.purpose, message=message.message_id
        )


@receives(ErasureRequest)
def erasures_arrive(messages: list[Received]) -> None:
    """Erase each person, once."""
    for message in messages:
        assert isinstance(message.record, ErasureRequest)
        actions.erase_for(message.record, dealership=message.sender, message=message.message_id)


@receives(ErasureReceipt)
def answers_arrive(messages: list[Received]) -> None:
    """Keep what dealerships answer that were asked in turn."""
    for message in messages:
        assert isinstance(message.record, ErasureReceipt)
        try:
            actions.note_answer(message.record, dealership=message.sender)
        except LookupError:
            raise Refuse("unknown_erasure", str(message.record.erasure_id)) from None
    InboxPayload.objects.filter(id__in=[message.message_id for message in messages]).delete()
