"""What stands sealed in the tables is sealed anew when keys rotate: each app says how, beside what it seals."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kernel.tenancy.bindings import Portal, current

Reseal = Callable[[], int]
MANUFACTURER, DEALERSHIP, BOTH = "manufacturer", "dealership", "both"

_registered: dict[str, tuple[str, Reseal]] = {}


def resealing(name: str, *, tier: str) -> Callable[[Reseal], Reseal]:
    """Register how an app of a tier (`manufacturer`, `dealership`, `both`) seals anew what it keeps sealed, under the
    key of today. The function is called bound to a member, returns how many things it sealed, and is safe to repeat."""

    def register(function: Reseal) -> Reseal:
        _registered[name] = (tier, function)
        return function

    return register


def seals_of_this_member() -> Mapping[str, Reseal]:
    """What the member that is speaking keeps sealed, by name."""
    own = MANUFACTURER if isinstance(current(), Portal) else DEALERSHIP
    return {name: function for name, (tier, function) in _registered.items() if tier in (own, BOTH)}
