"""Counts: no number below the floor can be read or worked out."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.counts import Counts, daily_counts, display, display_cell
from kernel.contracts import FLOOR, DailyCounts


def count(*numbers: int) -> Counts:
    """Counts of rows whose kinds a, b, … are as many as told; the last number is that of other kinds."""
    keys = "abcdefg"[: len(numbers) - 1]
    rows = [{"kind": key} for key, number in zip(f"{keys}?", numbers, strict=True) for _ in range(number)]
    return daily_counts(rows, "kind", keys=list(keys))


def test_numbers_at_the_floor_and_above_are_told() -> None:
    assert count(9, 5, 7) == Counts({"a": 9, "b": 5, "other": 7}, 21)


def test_small_numbers_are_hidden_under_cover_of_middling_ones() -> None:
    assert count(2, 20, 7) == Counts({"a": None, "b": 20, "other": None}, 29)
    assert count(4, 9, 10) == Counts({"a": None, "b": None, "other": 10}, 23)


def test_every_cell_is_hidden_if_the_total_would_betray_a_small_one() -> None:
    assert count(2, 20, 10) == Counts({"a": None, "b": None, "other": None}, 32)
    assert count(2, 20, 2) == Counts({"a": None, "b": None, "other": None}, 24)
    assert count(2, 20, 3) == Counts({"a": None, "b": 20, "other": None}, 25)


def test_a_total_below_the_floor_is_hidden() -> None:
    assert count(2, 2) == Counts({"a": None, "other": None}, None)
    assert count(5, 0).total == 5
    assert count(0) == Counts({"other": None}, None)


@pytest.mark.parametrize("row", [{}, {"kind": None}, {"kind": ""}, {"kind": "unheard"}])
def test_rows_with_another_value_or_none_have_a_cell(row: dict[str, str | None]) -> None:
    rows = [row] * 5 + [{"kind": 0}] * 6
    assert daily_counts(rows, "kind", keys=["0"]) == Counts({"0": 6, "other": 5}, 11)


@pytest.mark.parametrize(("cells", "up_to"), [(1, 20), (2, 20), (3, 14), (4, 11)])
def test_no_hidden_number_below_the_floor_can_be_worked_out(cells: int, up_to: int) -> None:
    """Whoever knows the rules and sees the answer still finds two possible numbers for every small one."""
    worlds: dict[str, list[tuple[int, ...]]] = defaultdict(list)
    for numbers in product(range(up_to), repeat=cells):
        worlds[repr(count(*numbers))].append(numbers)
    for possible in worlds.values():
        for position in range(cells):
            numbers = {world[position] for world in possible}
            assert min(numbers) >= FLOOR or len(numbers) > 1, possible
    assert len(worlds) > cells


@given(st.lists(st.integers(0, 30), min_size=1, max_size=7))
def test_what_is_told_is_true_and_fits_the_contract(numbers: list[int]) -> None:
    counts = count(*numbers)
    assert all(told in (None, number) for told, number in zip(counts.cells.values(), numbers, strict=True))
    assert counts.total in (None, sum(numbers))
    DailyCounts(of="Owner", day=date(2026, 3, 4), dimension="kind", cells=counts.cells, total=counts.total)


@pytest.mark.parametrize(("number", "shown"), [(None, "< 5"), (5, "5"), (1200, "1200")])
def test_hidden_totals_read_as_fewer_than_five(number: int | None, shown: str) -> None:
    assert display(number) == shown


@pytest.mark.parametrize(("number", "shown"), [(None, "–"), (5, "5"), (1200, "1200")])
def test_hidden_cells_do_not_claim_to_be_fewer_than_five(number: int | None, shown: str) -> None:
    assert display_cell(number) == shown
