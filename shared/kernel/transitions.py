"""States are an enum with one table beside it; this moves a record along the table."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from kernel.errors import IllegalTransition


def may_move(old: str, new: str, table: Mapping[Any, AbstractSet[Any]]) -> bool:
    """Say whether the table lets `new` follow `old`. Staying is a move only if the table says so."""
    return new in table.get(old, frozenset())


def move(obj: Any, field: str, new: str, table: Mapping[Any, AbstractSet[Any]]) -> str:
    """Set `obj.<field>` to `new` if the table allows it, and return the state before. Does not save.

    Raises IllegalTransition otherwise; the object is then unchanged. Lock the row first where two may compete.
    """
    old = getattr(obj, field)
    if not may_move(old, new, table):
        raise IllegalTransition(obj, old, new)
    setattr(obj, field, new)
    return str(old)
