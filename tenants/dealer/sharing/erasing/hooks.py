"""What other apps do before one of their customers is erased.

`dealer.sharing` stands before them in the order of imports; so they say here what is to run, inside the transaction,
with the customer locked. `check` raises Conflict while something is unfinished that the person is needed for; `close`
ends what is left open.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from kernel.accounts.actors import Actor

Check = Callable[[UUID], None]
Close = Callable[[UUID, Actor], None]
_checks: list[Check] = []
_closes: list[Close] = []


def check_before_erasure(check: Check) -> Check:
    """Register `check(customer_id)`."""
    if check not in _checks:
        _checks.append(check)
    return check


def close_before_erasure(close: Close) -> Close:
    """Register `close(customer_id, actor)`."""
    if close not in _closes:
        _closes.append(close)
    return close


def check(customer_id: UUID) -> None:
    """Raise Conflict while an app needs the person."""
    for one in _checks:
        one(customer_id)


def close(customer_id: UUID, actor: Actor) -> None:
    """End what is open."""
    for one in _closes:
        one(customer_id, actor)
