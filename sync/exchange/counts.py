"""Counts: the aggregate that leaves at level counts, made so that no small number can be read or worked out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kernel.contracts import FLOOR

#: The cell of rows whose value is not one of the keys, or that have none.
OTHER = "other"
#: Where a small number must be protected, every number below this is hidden with it.
COVER = 2 * FLOOR


@dataclass(frozen=True)
class Counts:
    """Number of rows by cell, and in all; None where the number is below the floor or would betray one that is."""

    cells: dict[str, int | None]
    total: int | None


def daily_counts(
    rows: Iterable[Mapping[str, Any]], dimension: str, *, keys: Collection[str], steady: bool = True
) -> Counts:
    """Count the rows of one day by their value of `dimension`, in the cells `keys` and `other`.

    `steady` is false for a day that another report, or what left record by record, covers in part only: the difference
    of the two would be a cut of its own, so nothing at all is told of that day.

    The cells are fixed beforehand, so that which of them exist tells nothing. If any is below the floor of 5 (zero
    too), all below 10 are hidden; if the total would still give those away (only one is hidden, or they are below
    the floor together), every cell is hidden. The total is hidden below the floor.

    Who knows these rules still finds at least two possible numbers for every one below the floor: hidden cells are
    treated alike, so they could stand in any order, and where they are all equal one row could belong to the next.
    """
    numbers: Counter[str] = Counter(dict.fromkeys([*keys, OTHER], 0))
    for row in rows:
        value = row.get(dimension)
        numbers[str(value) if value is not None and str(value) in keys else OTHER] += 1
    hidden = {key for key, number in numbers.items() if number < COVER}
    if not steady:
        return Counts(dict.fromkeys(numbers, None), None)
    if all(number >= FLOOR for number in numbers.values()):
        hidden = set()
    elif sum(numbers[key] for key in hidden) < FLOOR:  # as the only one that is hidden always is
        hidden = set(numbers)
    cells = {key: None if key in hidden else number for key, number in numbers.items()}
    return Counts(cells, numbers.total() if numbers.total() >= FLOOR else None)


def display(total: int | None) -> str:
    """A total as people read it: ``< 5`` where it is hidden, for then it is below the floor."""
    return f"< {FLOOR}" if total is None else str(total)


def display_cell(number: int | None) -> str:
    """A cell as people read it: ``–`` where it is hidden, for it may be below the floor or its cover."""
    return "–" if number is None else str(number)
