"""Places are taken, waited for in turn, and given back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from kernel.tenancy.places import Full, Places


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.005)


def waiting(places: Places, name: str, *, most: int = 9) -> tuple[threading.Thread, list[str]]:
    """Somebody who waits under a name until a place is free; the list says how it ended."""
    outcome: list[str] = []

    def wait() -> None:
        try:
            places.occupy(name, most=most, wait=20)
            outcome.append("in")
        except Full:
            outcome.append("full")

    before = places.waiting(name)
    thread = threading.Thread(target=wait)
    thread.start()
    until(lambda: places.waiting(name) == before + 1)
    return thread, outcome


def test_a_place_costs_no_wait_while_there_are_any():
    places = Places(2)
    assert [places.occupy("a", most=2, wait=0) for _ in range(2)] == [0.0, 0.0]
    assert (places.taken("a"), places.taken()) == (2, 2)
    with pytest.raises(Full, match="no place for b within 0 s"):
        places.occupy("b", most=2, wait=0)
    assert places.waiting("b") == 0
    places.free("a")
    places.occupy("b", most=2, wait=0)
    assert (places.taken("a"), places.taken("b")) == (1, 1)


def test_who_waits_behind_its_own_limit_keeps_nobody_else_out():
    places = Places(3)
    places.occupy("a", most=1, wait=0)
    thread, outcome = waiting(places, "a", most=1)
    places.occupy("b", most=1, wait=0)
    places.free("b")
    assert outcome == []
    places.free("a")
    thread.join()
    assert outcome == ["in"]


def test_nobody_overtakes_those_who_wait_under_the_same_name():
    places = Places(2)
    places.occupy("a", most=1, wait=0)
    thread, _ = waiting(places, "a", most=1)
    with pytest.raises(Full):
        places.occupy("a", most=2, wait=0)
    places.free("a")
    thread.join()


def test_only_so_many_may_wait():
    places = Places(1)
    places.occupy("a", most=1, wait=0)
    thread, _ = waiting(places, "a", most=1)
    with pytest.raises(Full, match="1 of a wait already"):
        places.occupy("a", most=1, wait=20, queue=1)
    places.free("a")
    thread.join()


def test_one_who_gives_up_leaves_the_others_waiting():
    places = Places(1)
    places.occupy("a", most=1, wait=0)
    thread, outcome = waiting(places, "a")
    with pytest.raises(Full):
        places.occupy("a", most=9, wait=0.01)
    assert places.waiting("a") == 1
    places.free("a")
    thread.join()
    assert outcome == ["in"]


def test_a_place_that_comes_in_the_last_moment_is_taken():
    places = Places(1)
    places.occupy("a", most=1, wait=0)
    # While the wait has run out but is not yet ended, the place is given back.
    places._look = lambda: places.free("a") if places.taken("a") else None
    assert places.occupy("b", most=1, wait=0) > 0
    assert (places.taken("a"), places.taken("b")) == (0, 1)
