"""What departments to the right of the workshop show on the page of a repair order.

    panels.register("warranty.claims", claims_of, [Right.CLAIMS_READ], template="warranty/_order.html")

`claims_of(order, user)` gives the context of its template as `panel`, or None for nothing to show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from dealer.workshop.models import RepairOrder
from kernel.accounts.models import User
from kernel.accounts.roles import Right

Provider = Callable[[RepairOrder, User], dict[str, Any] | None]


@dataclass(frozen=True)
class Slot:
    """A registered panel."""

    name: str
    provider: Provider
    rights: frozenset[Right]
    template: str


_slots: dict[str, Slot] = {}


def register(name: str, provider: Provider, rights: Iterable[Right], *, template: str) -> None:
    """Add a panel for everyone with one of `rights`. The same name replaces. Aim for two queries."""
    _slots[name] = Slot(name, provider, frozenset(rights), template)


def panels_for(order: RepairOrder, user: User) -> list[dict[str, Any]]:
    """The panels of an order for one reader: `template` and `panel`."""
    found = []
    for slot in _slots.values():
        if any(user.has(right) for right in slot.rights):
            panel = slot.provider(order, user)
            if panel is not None:
                found.append({"template": slot.template, "panel": panel})
    return found
