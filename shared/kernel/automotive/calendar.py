"""Working days in China, for legal clocks counted in 工作日.

Public holidays and make-up working days by the yearly notice of the State Council (`data/holidays/*.json`).
A year without a notice yet counts Monday to Friday.
"""

import json
from datetime import date, timedelta
from functools import cache
from pathlib import Path

HOLIDAYS = Path(__file__).parent / "data" / "holidays"


@cache
def _exceptions() -> dict[date, bool]:
    """Days that the notices name: True = off, False = working although on a weekend."""
    days = {}
    for path in sorted(HOLIDAYS.glob("*.json")):
        for day in json.loads(path.read_text(encoding="utf-8"))["days"]:
            days[date.fromisoformat(day["date"])] = day["isOffDay"]
    return days


@cache
def years_with_notice() -> frozenset[int]:
    """Years whose holidays are known; for all others `is_working_day` falls back to Monday to Friday."""
    return frozenset(int(path.stem) for path in HOLIDAYS.glob("*.json"))


def is_working_day(day: date) -> bool:
    """Whether offices in China work on `day`."""
    off = _exceptions().get(day)
    return day.weekday() < 5 if off is None else not off


def add_working_days(start: date, days: int) -> date:
    """The `days`-th working day after `start`; `start` itself never counts. 0 gives `start`.

    Raises ValueError for negative `days`.
    """
    if days < 0:
        raise ValueError("days must not be negative")
    day = start
    while days:
        day += timedelta(days=1)
        days -= is_working_day(day)
    return day


def working_days_between(start: date, end: date) -> int:
    """Working days after `start` up to and including `end`; 0 when `end` is not later."""
    return sum(is_working_day(start + timedelta(days=n)) for n in range(1, (end - start).days + 1))
