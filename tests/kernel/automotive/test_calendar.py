from datetime import date

import pytest

from kernel.automotive import calendar


@pytest.mark.parametrize(
    ("day", "working"),
    [
        (date(2026, 1, 1), False),
        (date(2026, 1, 4), True),  # a Sunday worked in exchange
        (date(2026, 1, 5), True),
        (date(2026, 2, 17), False),
        (date(2025, 10, 1), False),
        (date(2025, 9, 28), True),
        (date(2024, 6, 1), False),
        (date(2027, 1, 1), True),  # no notice yet: a Friday counts
        (date(2027, 1, 2), False),
    ],
)
def test_working_days(day, working):
    assert calendar.is_working_day(day) is working


def test_years_with_a_notice():
    assert calendar.years_with_notice() == frozenset({2022, 2023, 2024, 2025, 2026})


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        (date(2026, 6, 1), 0, date(2026, 6, 1)),
        (date(2026, 6, 1), 1, date(2026, 6, 2)),
        (date(2026, 6, 5), 1, date(2026, 6, 8)),
        (date(2025, 12, 31), 1, date(2026, 1, 4)),
        # Spring Festival 2026: 15 to 23 February off, 14 and 28 February worked.
        (date(2026, 2, 13), 10, date(2026, 3, 5)),
    ],
)
def test_add(start, days, end):
    assert calendar.add_working_days(start, days) == end
    assert calendar.working_days_between(start, end) == days


def test_negative_days_are_refused():
    with pytest.raises(ValueError, match="negative"):
        calendar.add_working_days(date(2026, 1, 1), -1)


def test_nothing_between_when_the_end_is_earlier():
    assert calendar.working_days_between(date(2026, 6, 2), date(2026, 6, 1)) == 0
