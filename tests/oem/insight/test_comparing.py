"""The comparison's rules: no median of few, and no two months that tell of one dealership by their difference."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.contracts import FigureState
from oem.insight.comparing import FOR_QUARTILES, QUARTER, choose, tell


def ids(*numbers):
    return frozenset(UUID(int=number) for number in numbers)


def values(*numbers):
    return {UUID(int=number): 10 * number for number in numbers}


def first(of, n):
    return list(of)[:n]


def test_fewer_than_the_floor_are_not_told():
    assert tell(values(1, 2, 3, 4), [], floor=5).state == FigureState.TOO_FEW
    told = tell(values(1, 2, 3, 4, 5), [], floor=5)
    assert (told.state, told.median, told.counted) == (FigureState.TOLD, 30, ids(1, 2, 3, 4, 5))


def test_quartiles_are_told_where_they_stand_for_two():
    assert (tell(values(*range(1, 8)), [], floor=5).lower, tell(values(*range(1, 8)), [], floor=5).upper) == (None,) * 2
    told = tell(values(*range(1, 10)), [], floor=5)
    assert (told.lower, told.median, told.upper) == (30, 50, 70)


def test_values_are_told_to_two_digits():
    assert tell(dict.fromkeys(ids(1, 2, 3, 4, 5), 1234), [], floor=5).median == 1200
    assert tell(dict.fromkeys(ids(1, 2, 3, 4, 5), 0), [], floor=5).median == 0


def test_new_ones_wait_until_they_are_as_many_as_the_floor():
    before = ids(1, 2, 3, 4, 5)
    assert tell(values(1, 2, 3, 4, 5, 6, 7, 8, 9), [before], floor=5).counted == before
    assert tell(values(*range(1, 11)), [before], floor=5).counted == ids(*range(1, 11))


def test_with_one_who_went_others_are_left_out():
    before = ids(*range(1, 13))
    told = tell(values(*range(2, 13)), [before], floor=5, pick=first)
    assert told.counted == ids(*range(6, 13))


def test_where_too_few_would_remain_it_is_held_back():
    assert tell(values(1, 2, 3, 4, 5), [ids(1, 2, 3, 4, 5, 6)], floor=5).state == FigureState.HELD_BACK


@given(st.lists(st.frozensets(st.integers(1, 16)), min_size=2, max_size=14), st.integers(5, 7))
def test_no_two_months_that_are_told_differ_by_a_few(months, floor):
    """An attacker who knows the rules and sees every month can tell nobody apart, or as many as the floor."""
    told: dict[int, frozenset[UUID]] = {}
    for month, giving in enumerate(ids(*one) for one in months):
        before = [told[one] for one in range(month - 1, month - QUARTER - 1, -1) if one in told]
        counted = choose(giving, before, floor=floor, pick=first)
        if counted is not None:
            assert counted <= giving
            assert len(counted) >= floor
            told[month] = counted
    for month, counted in told.items():
        for other in range(month + 1, month + QUARTER + 1):
            assert not 0 < len(counted ^ told.get(other, counted)) < floor


@given(st.dictionaries(st.uuids(), st.integers(0, 10**6), min_size=5, max_size=30))
def test_what_is_told_lies_between_the_least_and_the_most(given_):
    told = tell(given_, [], floor=5)
    low, high = min(given_.values()), max(given_.values())
    for value in (told.lower, told.median, told.upper):
        assert value is None or low * 0.9 - 1 <= value <= high * 1.1 + 1
    assert (told.lower is None) == (len(given_) < FOR_QUARTILES)


@pytest.mark.parametrize("floor", [5, 9])
def test_a_higher_floor_holds_for_quartiles_too(floor):
    assert (tell(values(*range(1, 9)), [], floor=floor).lower is None) == (floor == 9)
