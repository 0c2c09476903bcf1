"""What somebody can work out who knows the rules of `exchange.counts` and sees every report: for tests and proofs.

A day is parted by changes of level into *spans*. In each span records of a contract happened, and each purpose that the
agreement names for the contract had one level: nothing, counts, or the records themselves left. `view` is all that the
manufacturer sees of such a day; `pinned` names the numbers below the floor that are the same in every day with that
view. Every record is counted on one day only, so what is known of sixty days is what is known of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from random import Random

from exchange.counts import OTHER, Counts, daily_counts
from kernel.contracts import FLOOR, Level

#: How far from the true numbers other possible ones are looked for.
FAR = 2 * FLOOR + 2


@dataclass(frozen=True)
class Span:
    """A part of a day: the level of each purpose, and the number of records by cell."""

    levels: tuple[Level, ...]
    numbers: tuple[int, ...]

    @property
    def visible(self) -> bool:
        """Whether the records left one by one for some purpose: then their number is no secret."""
        return any(level >= Level.PSEUDONYMOUS for level in self.levels)


Day = Sequence[Span]
#: A level is switched to and fro among these.
LEVELS = (Level.NOTHING, Level.COUNTS, Level.FULL)


def any_day(rng: Random, *, purposes: int, cells: int) -> Day:
    """A day with up to two changes of level and small numbers, drawn from `rng`."""
    return [
        Span(
            tuple(rng.choice(LEVELS) for _purpose in range(purposes)),
            tuple(rng.choice((rng.randint(0, FLOOR), rng.randint(0, 3 * FLOOR))) for _cell in range(cells)),
        )
        for _span in range(rng.randint(1, 3))
    ]


def view(day: Day, keys: Sequence[str], *, steady_rule: bool = True) -> tuple[tuple[Counts, ...], tuple[object, ...]]:
    """The report of each purpose that was at counts at any time, and the spans whose records were seen one by one.

    Without `steady_rule` days are counted as if two purposes never covered each other in part: the control, which an
    attacker must be able to beat.
    """
    purposes = range(len(day[0].levels))
    steady = len(purposes) < 2 or all(span.levels == day[0].levels for span in day) or not steady_rule
    told = []
    for purpose in purposes:
        counted = [span for span in day if span.levels[purpose] is Level.COUNTS]
        if counted:
            rows = [
                {"cell": name}
                for span in counted
                for name, number in zip((*keys, OTHER), span.numbers, strict=True)
                for _one in range(number)
            ]
            told.append(daily_counts(rows, "cell", keys=keys, steady=steady))
    return tuple(told), tuple((place, span.numbers) for place, span in enumerate(day) if span.visible)


def pinned(day: Day, keys: Sequence[str], *, steady_rule: bool = True) -> list[tuple[int, int]]:
    """The numbers below the floor, as (span, cell), that can be worked out: of which no other day has the same view.

    What left record by record is left out: it is known by itself.
    """
    seen = view(day, keys, steady_rule=steady_rule)
    small = [
        (place, cell)
        for place, span in enumerate(day)
        for cell, number in enumerate(span.numbers)
        if number < FLOOR and not span.visible
    ]
    return [one for one in small if not _could_be_otherwise(day, keys, one, seen, steady_rule)]


def _could_be_otherwise(day: Day, keys: Sequence[str], one: tuple[int, int], seen: object, steady_rule: bool) -> bool:
    return any(view(other, keys, steady_rule=steady_rule) == seen for other in _days_near(day, one))


def _days_near(day: Day, one: tuple[int, int]) -> Iterator[Day]:
    """Days in which this number is another, by itself or with one other number that makes up for it."""
    others = [
        (place, cell)
        for place, span in enumerate(day)
        for cell in range(len(span.numbers))
        if (place, cell) != one and not span.visible
    ]
    steps = [step for far in range(1, FAR) for step in (far, -far)]
    for step in steps:
        yield from _with(day, {one: step})
    for step, other in product(steps, others):
        yield from _with(day, {one: step, other: -step})
    mine = day[one[0]].numbers[one[1]]
    differing = [(other, n - mine) for other in others if (n := day[other[0]].numbers[other[1]]) != mine]
    for other, exchanged in differing:
        yield from _with(day, {one: exchanged, other: -exchanged})


def _with(day: Day, changes: dict[tuple[int, int], int]) -> Iterator[Day]:
    """The day with these numbers changed, if none falls below zero."""
    changed = [list(span.numbers) for span in day]
    for (place, cell), step in changes.items():
        changed[place][cell] += step
    if min(min(numbers) for numbers in changed) >= 0:
        yield [Span(span.levels, tuple(numbers)) for span, numbers in zip(day, changed, strict=True)]
