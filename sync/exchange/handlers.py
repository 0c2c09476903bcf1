"""What arrives: handlers by contract, and the exchange's own handler for receipts.

A handler gets a batch of one contract, in order, inside the transaction that marks the messages applied. It must
be idempotent, and says `raise Refuse("code", "words")` for a message that a person must look at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.db.models.functions import Now

from exchange.models import Ledger, LedgerState
from kernel.checkpoints import reached
from kernel.contracts import Contract, Level, Purpose, Receipt, ReceiptOutcome
from kernel.tenancy.bindings import Portal, current

PORTAL, DEALER, BOTH = "portal", "dealer", "both"


class Refuse(Exception):
    """The receiver cannot apply a message. `code` is stable, `detail` is for the person who looks at it."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True)
class Received:
    """A message as a handler sees it. Fields of `record` that the sender's gate kept back are None."""

    record: Contract
    message_id: UUID
    sender: UUID
    subject: UUID
    seq: int
    purpose: Purpose
    level: Level
    event_at: datetime
    agreement_version: str


Handler = Callable[[list[Received]], None]
AnyHandler = TypeVar("AnyHandler", bound=Handler)
_handlers: dict[tuple[str, str], Handler] = {}


def receives(contract: type[Contract]) -> Callable[[AnyHandler], AnyHandler]:
    """Register the handler of a contract for the tier in whose code it stands."""

    def register(handler: AnyHandler) -> AnyHandler:
        root = handler.__module__.partition(".")[0]
        tier = {"oem": PORTAL, "dealer": DEALER}.get(root, BOTH)
        key = (tier, contract.spec.name)
        if key in _handlers:
            raise RuntimeError(f"{contract.spec.name} has two handlers in the {tier} tier")
        _handlers[key] = handler
        return handler

    return register


def handler_of(contract: str) -> Handler | None:
    """The handler of a contract in the tier that is speaking."""
    tier = PORTAL if isinstance(current(), Portal) else DEALER
    return _handlers.get((tier, contract)) or _handlers.get((BOTH, contract))


_STATE_OF = {
    ReceiptOutcome.APPLIED: LedgerState.APPLIED,
    ReceiptOutcome.REFUSED: LedgerState.REFUSED,
    ReceiptOutcome.SKIPPED: LedgerState.SKIPPED,
}


@receives(Receipt)
def receipts_arrive(messages: list[Received]) -> None:
    """Mark the messages that the receiver answered. A later answer to a refused one supersedes; others stand."""
    for message in messages:
        receipt = message.record
        assert isinstance(receipt, Receipt)
        open_states = [LedgerState.DELIVERED, LedgerState.REFUSED]
        Ledger.objects.filter(id__in=receipt.message_ids, receiver=message.sender, state__in=open_states).update(
            state=_STATE_OF[receipt.outcome],
            reason=receipt.reason or "",
            applied_at=Now() if receipt.outcome == ReceiptOutcome.APPLIED else None,
        )
        reached("receipt.marked")
