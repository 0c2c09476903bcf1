"""What the manufacturer asks by way of the exchange."""

from __future__ import annotations

from dealer.support import actions
from exchange.handlers import Received, Refuse, receives
from kernel.contracts import SupportAccess, SupportStep


@receives(SupportAccess)
def requests_arrive(messages: list[Received]) -> None:
    """Keep what is asked, and end what is withdrawn. Nobody is let in by a message."""
    for message in messages:
        record = message.record
        assert isinstance(record, SupportAccess)
        if record.step == SupportStep.ASKED:
            actions.receive_request(record, purpose=message.purpose)
        elif record.step == SupportStep.WITHDRAWN:
            actions.receive_withdrawal(record.access_id)
        else:
            raise Refuse("not_yours", f"only this dealership says that an access is {record.step}")
