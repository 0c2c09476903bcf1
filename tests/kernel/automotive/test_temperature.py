from datetime import date, timedelta

import pytest

from kernel.automotive.temperature import Temperature, add_months, temperature

TODAY = date(2026, 1, 31)


@pytest.mark.parametrize(
    ("intended_on", "expected"),
    [
        (TODAY, Temperature.HOT),
        (TODAY - timedelta(days=400), Temperature.HOT),
        (date(2026, 4, 30), Temperature.HOT),
        (date(2026, 5, 1), Temperature.WARM),
        (date(2027, 1, 31), Temperature.WARM),
        (date(2027, 2, 1), Temperature.COLD),
        (None, Temperature.UNCLASSIFIED),
    ],
)
def test_temperature_by_intended_date(intended_on, expected):
    assert temperature(True, intended_on, TODAY) is expected


@pytest.mark.parametrize("likes_brand", [False, None])
def test_without_liking_the_brand_nobody_is_classified(likes_brand):
    assert temperature(likes_brand, TODAY, TODAY) is Temperature.UNCLASSIFIED


def test_a_cold_prospect_becomes_warm_and_hot_as_time_passes():
    intended_on = date(2027, 6, 15)
    seen = [temperature(True, intended_on, day) for day in (date(2026, 6, 14), date(2026, 6, 15), date(2027, 3, 15))]
    assert seen == [Temperature.COLD, Temperature.WARM, Temperature.HOT]


def test_thresholds_are_the_brands_own():
    assert temperature(True, date(2026, 3, 1), TODAY, (1, 6)) is Temperature.WARM
    assert temperature(True, date(2026, 8, 1), TODAY, (1, 6)) is Temperature.COLD


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2023, 11, 30), 3, date(2024, 2, 29)),
        (date(2024, 11, 30), 3, date(2025, 2, 28)),
        (date(2026, 12, 1), 1, date(2027, 1, 1)),
        (date(2026, 5, 15), 12, date(2027, 5, 15)),
    ],
)
def test_add_months(day, months, expected):
    assert add_months(day, months) == expected
