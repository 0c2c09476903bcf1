"""Whether an odometer reading (km) fits the readings before and after it."""

from collections.abc import Iterable
from datetime import date

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from kernel.automotive.problem import Problem

# A taxi in two shifts stays below 800 km a day; a long day on the motorway is about 1,200 km.
MAX_KM_PER_DAY = 1_500
MAX_KM = 2_000_000


def check_reading(
    previous: Iterable[tuple[date, int]], on: date, km: int, *, max_km_per_day: int = MAX_KM_PER_DAY
) -> list[Problem]:
    """Problems of a reading of `km` taken `on` a day, against `previous` (day, km) in any order.

    Errors: negative or absurd figure, less than an earlier reading, more than a later one (a paper entered
    late). Warning: more than `max_km_per_day` since the latest earlier reading. Equal readings are fine.
    """
    if not 0 <= km <= MAX_KM:
        return [Problem("odometer_range", _("The mileage must be between 0 and 2,000,000 km. Check the figure."))]
    readings = list(previous)
    before = [(day, value) for day, value in readings if day <= on]
    after = [value for day, value in readings if day > on]
    problems = []
    if before and km < max(value for _day, value in before):
        day, value = max(before, key=lambda reading: reading[1])
        problems.append(
            Problem(
                "odometer_going_back",
                format_lazy(
                    _("On {day} the mileage was already {km} km. Check the figure and the date."),
                    day=day.isoformat(),
                    km=value,
                ),
            )
        )
    elif before:
        day, value = max(before)
        if km - value > max_km_per_day * max((on - day).days, 1):
            problems.append(
                Problem(
                    "odometer_implausible",
                    format_lazy(
                        _("That is {km} km since {day}, more than a car can drive. Check the figure."),
                        km=km - value,
                        day=day.isoformat(),
                    ),
                    "warning",
                )
            )
    if after and km > min(after):
        problems.append(Problem("odometer_above_later", _("A later reading is lower. Check the figure and the date.")))
    return problems
