"""Whether a repair is covered: by date and mileage, first reached."""

from __future__ import annotations

from datetime import date

import pytest

from kernel.automotive.warranty import ClaimReason, coverage, last_day

BEGAN = date(2024, 2, 29)


@pytest.mark.parametrize(
    ("begins_on", "months", "last"),
    [
        (date(2024, 1, 15), 36, date(2027, 1, 15)),
        (date(2024, 2, 29), 36, date(2027, 2, 28)),
        (date(2024, 2, 29), 48, date(2028, 2, 29)),
        (date(2024, 8, 31), 6, date(2025, 2, 28)),
        (date(2024, 12, 1), 1, date(2025, 1, 1)),
        (date(2024, 11, 30), 1, date(2024, 12, 30)),
    ],
)
def test_a_period_ends_on_the_corresponding_day(begins_on, months, last):
    assert last_day(begins_on, months) == last


@pytest.mark.parametrize(
    ("on", "km", "covered", "codes"),
    [
        (date(2024, 2, 29), 0, True, ["in_force"]),
        (date(2027, 2, 28), 100_000, True, ["in_force"]),
        (date(2027, 3, 1), 100_000, False, ["time_over"]),
        (date(2027, 2, 28), 100_001, False, ["km_over"]),
        (date(2027, 3, 1), 100_001, False, ["time_over", "km_over"]),
        (date(2024, 2, 28), 5, False, ["before_start"]),
    ],
)
def test_what_is_reached_first_ends_it(on, km, covered, codes):
    found = coverage(begins_on=BEGAN, months=36, km_limit=100_000, on=on, km=km)
    assert found.covered is covered
    assert [reason.code for reason in found.reasons] == codes
    assert all(reason.against is not covered for reason in found.reasons)
    assert (found.until, found.until_km) == (date(2027, 2, 28), 100_000)
    assert all(str(reason.message) for reason in found.reasons)


def test_without_a_limit_mileage_does_not_end_it():
    assert coverage(begins_on=BEGAN, months=36, km_limit=0, on=date(2025, 1, 1), km=900_000).covered


def test_without_the_day_of_delivery_nothing_is_covered():
    found = coverage(begins_on=None, months=36, km_limit=0, on=date(2025, 1, 1), km=1)
    assert (found.covered, found.until) == (False, None)
    assert [reason.code for reason in found.reasons] == ["start_unknown"]


def test_codes_of_reasons_fit_the_contract():
    assert all(len(code) <= 40 for code in ClaimReason.values)
