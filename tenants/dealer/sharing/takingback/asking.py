"""What the manufacturer still holds from before, and asking the general manager about it."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db.models import QuerySet

from dealer.sharing.models import Disclosure, Grant
from dealer.sharing.takingback.models import Withdrawal, WithdrawalState, WithdrawalWhy
from exchange.models import Ledger, LedgerState
from exchange.takingback import WITHDRAWN
from kernel import clock
from kernel.contracts import Level

#: What the receiver has, or may have before it reads the request.
THERE = (LedgerState.DELIVERED, LedgerState.APPLIED, LedgerState.REFUSED)


def held(contract: str, purpose: str, levels: Collection[str]) -> QuerySet[Ledger]:
    """The messages of a contract and purpose at these levels that are with the manufacturer and not taken back."""
    sent = Ledger.objects.filter(contract=contract, purpose=purpose, level__in=list(levels), state__in=THERE)
    return sent.exclude(reason=WITHDRAWN)


def levels_above(grant: Grant | None) -> list[str]:
    """The levels at which records leave as such, above the one that is in force; all of them when nothing is."""
    now = grant.level if grant else Level.NOTHING
    return [str(level) for level in Level if level > now and level > Level.COUNTS]


def held_of(customer_id: UUID, purpose: str) -> dict[str, list[UUID]]:
    """By contract: the messages that named one customer in full for a purpose and are with the manufacturer."""
    about = Disclosure.objects.filter(customer_id=customer_id, purpose=purpose)
    rows = Ledger.objects.filter(id__in=about.values("id"), level=Level.FULL, state__in=THERE).exclude(reason=WITHDRAWN)
    found: dict[str, list[UUID]] = {}
    for contract, id_ in rows.order_by("number").values_list("contract", "id"):
        found.setdefault(contract, []).append(id_)
    return found


def ask_about_earlier(grant: Grant) -> Withdrawal | None:
    """Have the general manager asked about what went at a higher level than is in force now; None when there is
    nothing, or the question stands already. Belongs inside the transaction that lowers the level."""
    records = held(grant.contract, grant.purpose, levels_above(grant)).count()
    if not records:
        return None
    open_question = Withdrawal.objects.filter(
        contract=grant.contract, purpose=grant.purpose, state=WithdrawalState.ASKED, customer_id=None
    )
    if open_question.update(records=records):
        return None
    return Withdrawal.objects.create(
        contract=grant.contract,
        purpose=grant.purpose,
        why=WithdrawalWhy.LOWERED,
        records=records,
        asked_at=clock.now(),
    )
