"""Where the search box of the page's head leads: to the first list that the person may open."""

from __future__ import annotations

from dataclasses import dataclass

from kernel.accounts.models import User
from kernel.accounts.roles import Right


@dataclass(frozen=True)
class Target:
    """A list page that takes `?q=`."""

    right: Right
    url_name: str
    order: int


_targets: list[Target] = []


def register(right: Right, url_name: str, *, order: int = 100) -> None:
    """Offer a list to the search box for everyone with `right`; the lowest order wins."""
    target = Target(right, url_name, order)
    if target not in _targets:
        _targets.append(target)
        _targets.sort(key=lambda one: one.order)


def target_for(user: User) -> str | None:
    """The URL name of the list that this person searches, or None."""
    return next((target.url_name for target in _targets if user.has(target.right)), None)
