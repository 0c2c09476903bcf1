"""When things happen: seasons, opening hours, how long people take. Times are aware; days are those of China."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from math import exp, log
from random import Random
from zoneinfo import ZoneInfo

LOCAL = ZoneInfo("Asia/Shanghai")
#: How many leads come in a month, in shares of the average. The new year's festival has a dip of its own; golden
#: September, silver October and the end of the year are high.
MONTHS = (0.85, 0.75, 0.98, 0.92, 1.0, 1.02, 0.9, 0.95, 1.2, 1.16, 1.08, 1.34)
#: First days of the lunar year (public holiday calendars of the State Council).
NEW_YEARS = (date(2024, 2, 10), date(2025, 1, 29), date(2026, 2, 17), date(2027, 2, 6), date(2028, 1, 26))
OPENS, CLOSES = time(9, 0), time(19, 30)


def chance(*parts: object) -> Random:
    """A source of chance of its own for whatever the parts name: the same for the same parts, whatever came before."""
    return Random("/".join(map(str, parts)))  # noqa: S311 - invented data, no secrets


def season(day: date) -> float:
    """The share of the average that falls on a day."""
    share = MONTHS[day.month - 1] * (1.25 if day.weekday() >= 5 else 0.93)
    if any(-6 <= (day - first).days <= 7 for first in NEW_YEARS):
        share *= 0.22
    return share


def count(rng: Random, expected: float) -> int:
    """A whole number around `expected`, Poisson distributed (Knuth's way; `expected` is small)."""
    limit, product, n = exp(-expected), rng.random(), 0
    while product > limit:
        product *= rng.random()
        n += 1
    return n


def lasting(rng: Random, median: float, spread: float = 0.8) -> float:
    """A duration around its median, log-normal: most are short, a few are very long."""
    return rng.lognormvariate(log(median), spread)


def at(day: date, hour: float) -> datetime:
    """A time of a day in China."""
    return datetime(day.year, day.month, day.day, tzinfo=LOCAL) + timedelta(hours=hour)


def arrival(rng: Random, day: date) -> datetime:
    """When a lead comes in: at noon and in the evening most."""
    hour = rng.choices(
        (rng.uniform(8, 11.5), rng.uniform(11.5, 14), rng.uniform(14, 18), rng.uniform(18, 21.9)),
        weights=(22, 26, 24, 28),
    )[0]
    return at(day, hour) + timedelta(seconds=rng.randint(0, 59))


def working(rng: Random, moment: datetime) -> datetime:
    """The moment itself in opening hours, else some time of the next opening."""
    local = moment.astimezone(LOCAL)
    if local.time() > CLOSES:
        local = at(local.date() + timedelta(days=1), 9.1 + rng.random() * 2)
    elif local.time() < OPENS:
        local = at(local.date(), 9.1 + rng.random() * 2)
    while any(-1 <= (local.date() - first).days <= 4 for first in NEW_YEARS):
        local = at(local.date() + timedelta(days=1), 9.1 + rng.random() * 4)
    return local


def later(rng: Random, moment: datetime, days: float) -> datetime:
    """Some time in opening hours about so many days later."""
    day = (moment + timedelta(days=days)).astimezone(LOCAL).date()
    return max(working(rng, at(day, rng.uniform(9.2, 18.8))), working(rng, moment + timedelta(minutes=20)))
