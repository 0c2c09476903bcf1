"""The dealership's own figures of a month, as the comparison with the network needs them.

An app that knows the cases behind a figure registers how to find them:

    @measures(Figure.LEADS)
    def offers(since, until): return Number(…)

`since` and `until` are the first moments of the month and of the next one, in the dealership's time zone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from kernel.contracts import FLOOR, Figure


@dataclass(frozen=True)
class Number:
    """How many cases there were."""

    n: int

    @property
    def own(self) -> int | None:
        return self.n

    @property
    def given(self) -> int | None:
        """What may leave of it: nothing below the floor."""
        return self.n if self.n >= FLOOR else None


@dataclass(frozen=True)
class Middle:
    """The median of values, rounded to a whole number."""

    values: Sequence[float]

    @property
    def own(self) -> int | None:
        return round(median(self.values)) if self.values else None

    @property
    def given(self) -> int | None:
        return self.own if len(self.values) >= FLOOR else None


@dataclass(frozen=True)
class Share:
    """`part` of `whole` cases, in whole percent."""

    part: int
    whole: int

    @property
    def own(self) -> int | None:
        return round(100 * self.part / self.whole) if self.whole else None

    @property
    def given(self) -> int | None:
        """Nothing where fewer than five lie on either side: with the number of cases they could be worked out."""
        return self.own if min(self.part, self.whole - self.part) >= FLOOR else None


Cases = Number | Middle | Share
Measure = Callable[[datetime, datetime], Cases]
_measures: dict[Figure, Measure] = {}


def measures(figure: Figure) -> Callable[[Measure], Measure]:
    """Register how the cases behind a figure are found; the last one counts."""

    def register(measure: Measure) -> Measure:
        _measures[figure] = measure
        return measure

    return register


def bounds(month: date, time_zone: str) -> tuple[datetime, datetime]:
    """The first moment of a month and of the next one."""
    zone = ZoneInfo(time_zone)
    after = next_month(month)
    return datetime.combine(month, time.min, tzinfo=zone), datetime.combine(after, time.min, tzinfo=zone)


def next_month(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)


def last_closed(today: date) -> date:
    """The first day of the month before that of `today`."""
    return (today.replace(day=1) - timedelta(days=1)).replace(day=1)


def year_before(month: date) -> date:
    return month.replace(year=month.year - 1)


def figures_of(month: date, time_zone: str) -> dict[Figure, Cases]:
    """The cases of every figure in a month. A few queries for each."""
    since, until = bounds(month, time_zone)
    return {figure: _measures[figure](since, until) for figure in Figure if figure in _measures}
