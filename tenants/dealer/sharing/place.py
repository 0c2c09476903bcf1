"""Where this dealership is: its law counts."""

from __future__ import annotations

from dealer.organisation.queries import profile

#: Where a dealership is that never said.
DEFAULT = "CN"


def place() -> str:
    """The place as `kernel.contracts.laws` names it."""
    return str(getattr(profile(), "country", "") or DEFAULT)
