"""Whatever the code does with bindings, threads, tasks, late queries, streams, hooks: nobody reads another's rows."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from dealernet.proofs.contexts import Contexts, WrongError
from kernel.tenancy import bindings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800), pytest.mark.xdist_group("proofs")]

#: Runs of at most fifty moves; PROOF_RUNS=200 makes ten thousand.
RUNS = int(os.environ.get("PROOF_RUNS") or 12)


class Machine(RuleBasedStateMachine):
    """Hypothesis chooses the moves; each judges what it read."""

    world: ClassVar[Any]

    def __init__(self) -> None:
        super().__init__()
        self.contexts = Contexts(self.world)

    def teardown(self) -> None:
        self.contexts.close()

    @rule(which=st.integers(0, 2))
    def enter(self, which: int) -> None:
        self.contexts.enter(which)

    @rule(which=st.integers(0, 2))
    def switch(self, which: int) -> None:
        self.contexts.switch(which)

    @rule(which=st.integers(0, 1))
    def task(self, which: int) -> None:
        self.contexts.task(which)

    @rule(which=st.integers(0, 2))
    def stream(self, which: int) -> None:
        self.contexts.stream(which)

    @rule(copied=st.booleans())
    def thread(self, copied: bool) -> None:
        self.contexts.thread(copied)

    @rule(
        move=st.sampled_from(
            "leave begin read read_and_fail prepare evaluate astray remember recall pour hook after_hooks".split()
        )
    )
    def move(self, move: str) -> None:
        getattr(self.contexts, move)()


def run(world: Any, *, runs: int = RUNS) -> None:
    machine = type("MachineOfTheWorld", (Machine,), {"world": world})
    checks = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=runs,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=checks,
            database=None,
            report_multiple_bugs=False,
        ),
    )


def test_nobody_reads_another_members_rows_whatever_the_code_does(world):
    run(world)


def test_a_hole_in_the_wall_is_found_and_shrunk(world, monkeypatch):
    monkeypatch.setattr(bindings, "Unbound", object)  # any binding may be entered inside any other
    with pytest.raises(WrongError, match="turned to"):
        run(world, runs=60)
