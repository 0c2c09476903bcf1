"""Counts: no number below the floor can be read or worked out."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dealernet.proofs.attacking import LEVELS, Span, any_day, pinned, view
from exchange.counts import Counts, daily_counts, display, display_cell
from kernel.contracts import FLOOR, DailyCounts, Level


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


def test_a_key_that_reads_like_nothing_counts_no_rows_without_a_value() -> None:
    assert daily_counts([{"kind": None}] * 5 + [{"kind": "None"}] * 6, "kind", keys=["None"]).cells["other"] == 5


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


# -- an attacker who knows the rules and sees everything that leaves


@st.composite
def days(draw: st.DrawFn) -> list[Span]:
    """A day with up to two changes of level, to and fro, for one purpose or two."""
    numbers = st.tuples(*[st.integers(0, 13)] * draw(st.integers(1, 3)))
    levels = st.tuples(*[st.sampled_from(LEVELS)] * draw(st.integers(1, 2)))
    return draw(st.lists(st.builds(Span, levels, numbers), min_size=1, max_size=3))


@given(day=days())
def test_no_day_pins_a_number_below_the_floor(day: list[Span]) -> None:
    assert pinned(day, "abc"[: len(day[0].numbers) - 1]) == []


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), purposes=st.integers(1, 2), cells=st.integers(1, 3))
def test_sixty_days_of_reports_pin_no_number_below_the_floor(seed: int, purposes: int, cells: int) -> None:
    rng = Random(seed)
    for _day in range(60):
        assert pinned(any_day(rng, purposes=purposes, cells=cells), "abc"[: cells - 1]) == []


def test_without_the_rule_of_steady_days_a_change_at_noon_is_worked_out() -> None:
    """The control: 12 under one purpose less 9 under the other are the 3 of the afternoon."""
    morning = Span((Level.COUNTS, Level.COUNTS), (9,))
    afternoon = Span((Level.COUNTS, Level.NOTHING), (3,))
    assert pinned([morning, afternoon], "", steady_rule=False) == [(1, 0)]
    assert pinned([morning, afternoon], "") == []


@pytest.mark.parametrize("morning", [Level.NOTHING, Level.FULL, Level.COUNTS])
def test_that_nothing_happened_is_no_more_told_than_that_little_did(morning: Level) -> None:
    day = [Span((Level.COUNTS, morning), (0,)), Span((Level.COUNTS, Level.COUNTS), (12,))]
    assert pinned(day, "") == []
    steady = [Span((Level.COUNTS,), (4, 9))]
    assert view(steady, "a")[0] == (daily_counts([{"cell": "a"}] * 4 + [{}] * 9, "cell", keys="a"),)


def test_two_that_are_alike_tell_nothing_more_together_than_one() -> None:
    both = Span((Level.COUNTS, Level.COUNTS), (12, 3))
    (first, second), seen = view([both], "a")
    assert (first, seen) == (second, ())
    assert pinned([both], "a") == []


def test_what_left_record_by_record_is_no_secret() -> None:
    assert view([Span((Level.FULL,), (3, 1))], "a") == ((), ((0, (3, 1)),))
    assert pinned([Span((Level.FULL,), (3, 1))], "a") == []


def test_a_day_that_is_not_steady_tells_nothing() -> None:
    rows = [{"kind": "a"}] * 50
    assert daily_counts(rows, "kind", keys=["a"], steady=False) == Counts({"a": None, "other": None}, None)
