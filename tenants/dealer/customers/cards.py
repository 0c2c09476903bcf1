"""What other departments show on a customer's card.

An app says in its `navigation.py`:

    cards.register("sales.leads", leads_of, [Right.SALES_READ], title=_("Leads"), template="sales/_card.html")

`leads_of(customer, user)` gives the context of its template, or None for nothing to show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from dealer.customers.models import Customer
from kernel.accounts.models import User
from kernel.accounts.roles import Right

Provider = Callable[[Customer, User], dict[str, Any] | None]


@dataclass(frozen=True)
class Slot:
    """A registered section. `template` is included with `section` (what the provider gave) and `customer`."""

    name: str
    provider: Provider
    rights: frozenset[Right]
    title: Any
    template: str
    order: int


@dataclass(frozen=True)
class Shown:
    """A section for one customer and reader."""

    slot: Slot
    section: dict[str, Any]


_slots: dict[str, Slot] = {}


def register(
    name: str, provider: Provider, rights: Iterable[Right], *, title: Any, template: str, order: int = 100
) -> None:
    """Add a section for everyone with one of `rights`. The same name replaces. Aim for one query."""
    _slots[name] = Slot(name, provider, frozenset(rights), title, template, order)


def unregister(name: str) -> None:
    _slots.pop(name, None)


def sections_for(customer: Customer, user: User) -> list[Shown]:
    """The sections of a customer's card for one reader, in order."""
    found = []
    for slot in sorted(_slots.values(), key=lambda one: (one.order, one.name)):
        if any(user.has(right) for right in slot.rights):
            section = slot.provider(customer, user)
            if section is not None:
                found.append(Shown(slot, section))
    return found
