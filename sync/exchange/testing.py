"""How tests move data between the tiers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from exchange import courier, inbox
from kernel.tenancy.bindings import Courier, Dealer, Portal, bound


def drain_exchange(*, rounds: int = 20) -> int:
    """Carry and apply until nothing moves any more; returns the number of messages applied. Called unbound."""
    applied = 0
    for _round in range(rounds):
        moved = courier.sweep()
        with bound(Courier()):
            members = list(courier.parties().values())
        for member in members:
            with bound(Portal() if member.is_portal else Dealer(member.id)):
                done = inbox.drain()
            applied += done
            moved += done
        if not moved:
            return applied
    raise AssertionError("the exchange does not come to rest")


@contextmanager
def exchange_drained() -> Iterator[None]:
    """On leaving, everything that was sent has been delivered, applied and answered."""
    yield
    drain_exchange()
