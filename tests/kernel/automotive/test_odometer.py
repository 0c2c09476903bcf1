from datetime import date

import pytest

from kernel.automotive.odometer import check_reading

MARCH, JUNE = date(2026, 3, 1), date(2026, 6, 1)


@pytest.mark.parametrize(
    ("previous", "on", "km", "codes"),
    [
        ([], MARCH, 0, []),
        ([], MARCH, -1, ["odometer_range"]),
        ([], MARCH, 2_000_001, ["odometer_range"]),
        ([(MARCH, 10_000)], JUNE, 15_000, []),
        ([(MARCH, 10_000)], JUNE, 10_000, []),
        ([(MARCH, 10_000)], JUNE, 9_999, ["odometer_going_back"]),
        ([(MARCH, 10_000)], MARCH, 10_200, []),
        ([(MARCH, 10_000)], MARCH, 11_501, ["odometer_implausible"]),
        ([(MARCH, 10_000)], date(2026, 3, 3), 13_000, []),
        ([(MARCH, 10_000)], date(2026, 3, 3), 13_001, ["odometer_implausible"]),
        # A repair order of spring entered in summer.
        ([(JUNE, 20_000)], MARCH, 15_000, []),
        ([(JUNE, 20_000)], MARCH, 20_001, ["odometer_above_later"]),
        ([(JUNE, 20_000), (MARCH, 12_000)], date(2026, 4, 1), 11_000, ["odometer_going_back"]),
        # The highest earlier reading counts, not the latest.
        ([(date(2026, 1, 1), 12_000), (MARCH, 11_000)], JUNE, 11_500, ["odometer_going_back"]),
    ],
)
def test_readings(previous, on, km, codes):
    assert [problem.code for problem in check_reading(previous, on, km)] == codes


def test_only_the_implausible_is_a_warning():
    warning = check_reading([(MARCH, 0)], MARCH, 5_000)
    error = check_reading([(MARCH, 10)], JUNE, 5)
    assert [problem.severity for problem in warning + error] == ["warning", "error"]


def test_limit_per_day_can_be_set():
    assert check_reading([(MARCH, 0)], MARCH, 5_000, max_km_per_day=6_000) == []
