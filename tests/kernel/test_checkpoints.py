"""Points where a proof may strike."""

from __future__ import annotations

import os
import signal

import pytest

from kernel import checkpoints


@pytest.fixture
def watched():
    seen: list[str] = []
    checkpoints.watch(seen.append)
    yield seen
    checkpoints.watch(None)


def test_who_watches_is_told_of_every_point(watched):
    for name in ("one", "two", "one"):
        checkpoints.reached(name)
    assert watched == ["one", "two", "one"]


def test_nobody_watches_in_production():
    checkpoints.reached("one")


def test_a_process_ends_at_the_point_it_was_told_to_die_at_and_at_no_other():
    child = os.fork()
    if child == 0:  # what follows runs in a process of its own
        os.environ[checkpoints.VARIABLE] = "two:2"
        for name in ("one", "two", "one", "two"):
            checkpoints.reached(name)
        os._exit(0)
    _pid, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL
