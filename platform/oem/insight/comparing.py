"""The rules of the comparison: over which dealerships a month's figure is counted, and what is told of it. Pure.

Nobody may lay two months side by side and be left with one dealership. So between any two months that are told less
than a quarter apart, the dealerships counted are the same, or at least as many as the floor came and went:

- those who are new wait until they are as many as the floor, and then join together;
- where fewer than the floor have gone, others are left out with them, at random, as far as enough remain;
- where not enough remain, the figure is held back; after a quarter it begins anew with whoever gives it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from statistics import quantiles
from uuid import UUID

from kernel.contracts import FigureState

#: Months after which nothing is held against what was told before.
QUARTER = 3
#: From so many dealerships on quartiles are told: below, a quarter of them would be one.
FOR_QUARTILES = 8

Pick = Callable[[Sequence[UUID], int], Sequence[UUID]]


@dataclass(frozen=True)
class Told:
    """One figure of one month. The quartiles are None where they would stand for one dealership."""

    state: FigureState
    lower: int | None = None
    median: int | None = None
    upper: int | None = None
    counted: frozenset[UUID] = field(default_factory=frozenset)


def tell(given: Mapping[UUID, int], before: Sequence[frozenset[UUID]], *, floor: int, pick: Pick | None = None) -> Told:
    """What is told of a month's figure. `given` are the values by dealership, `before` the sets it was counted over in
    the quarter before, the latest first. `pick(of, n)` chooses at random who is left out."""
    counted = choose(frozenset(given), before, floor=floor, pick=pick or secrets.SystemRandom().sample)
    if counted is None:
        return Told(FigureState.TOO_FEW if len(given) < floor else FigureState.HELD_BACK)
    values = sorted(given[dealership] for dealership in counted)
    lower, middle, upper = (_rounded(value) for value in quantiles(values, n=4, method="inclusive"))
    if len(values) < max(FOR_QUARTILES, floor):
        return Told(FigureState.TOLD, None, middle, None, counted)
    return Told(FigureState.TOLD, lower, middle, upper, counted)


def choose(
    giving: frozenset[UUID], before: Sequence[frozenset[UUID]], *, floor: int, pick: Pick
) -> frozenset[UUID] | None:
    """Over whom it is counted; None where it cannot be told.

    Everyone who gives, else those of them who were counted before, else everyone but some chosen at random, as few as
    will do.
    """
    fewer = (giving - frozenset(pick(sorted(giving), n)) for n in range(1, len(giving) - floor + 1))
    for candidate in chain([giving], (earlier & giving for earlier in before), fewer):
        changes = [len(candidate ^ earlier) for earlier in before]
        if len(candidate) >= floor and all(n == 0 or n >= floor for n in changes):
            return candidate
    return None


def _rounded(value: float) -> int:
    """To two significant digits, so that a median that is one dealership's own number is not told to the last digit."""
    whole = round(value)
    size = 10 ** max(0, len(str(abs(whole))) - 2)
    return round(whole / size) * size
