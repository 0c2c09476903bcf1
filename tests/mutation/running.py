"""One target's mutants against its tests: `python -m tests.mutation.running TARGET …`, started by `tests.mutation`.

The process collects the tests once, runs each to learn which lines it passes and how long it takes, and then forks for
every mutant: the child gives the imported functions the mutant's code and runs the tests that pass there, quickest
first, until one fails. A mutant outside of functions, or in one that runs while it is imported, needs a new process
that imports the mutated module (`tests.mutation.fresh`). The database server is shared; after each mutant that touched
it the database is made anew from its template.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import FunctionType
from typing import Any

import coverage
import pytest
from tests.mutation.fresh import settle_examples, wait
from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.settings import RESULTS, ROOT, Result, Target, append, known, load_targets
from tests.mutation.swapping import functions_of, swap

#: A mutant has as long as its tests took before, six times over and ten seconds more (an endless loop, a lock).
PATIENCE, MORE_SECONDS = 6.0, 10.0
#: After so many mutants each test that failed is run without any mutant.
BATCH = 20
NEW_PROCESS_SECONDS = 40.0


class NotGreen(Exception):
    """A test fails without a mutant: nothing it says counts."""


class _Elsewhere:
    """Stands for the next test where pytest asks for it: whatever belongs to the session alone stays set up."""

    def __init__(self, session: pytest.Session) -> None:
        self.session = session

    def listchain(self) -> list[Any]:
        return [self.session]


@dataclass(eq=False)
class Runner:
    """A pytest plugin that runs mutants in place of the tests."""

    target: Target
    wanted: int | None
    seed: int
    again: bool
    said: Any
    cover: coverage.Coverage
    failed: list[tuple[str, str]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    passing: dict[int, set[str]] = field(default_factory=dict)
    network: Any = None
    blocker: Any = None
    functions: list[FunctionType] = field(default_factory=list)
    at_import: set[int] = field(default_factory=set)

    # -- pytest's calls --------------------------------------------------------------------------------------

    def pytest_sessionstart(self) -> None:
        settle_examples()

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        value: Any = yield
        if fixturedef.argname == "database_network":
            self.network = value
        if fixturedef.argname == "django_db_blocker":
            self.blocker = value
        return value

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append((report.nodeid, report.longreprtext))

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        self._measure(session, list(items.values()))
        todo = self._chosen()
        batch: list[tuple[Mutant, Result]] = []
        for number, mutant in enumerate(todo, 1):
            batch.append((mutant, self._try(session, mutant, items)))
            if number % BATCH == 0 or number == len(todo):
                self._control(session, items, batch)
                self.say(
                    f"{number}/{len(todo)} mutants, {sum(r.outcome != 'survived' for _, r in batch)} of the last "
                    f"{len(batch)} killed"
                )
                batch = []
        return True

    def pytest_sessionfinish(self) -> None:
        if "_starter" in vars(self):
            self._starter.close()

    # -- before the mutants ----------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        print(f"{self.target.name}: {text}", file=self.said, flush=True)

    def _run(self, session: pytest.Session, items: Iterable[pytest.Item]) -> str:
        """Run tests until one fails; its name, else nothing."""
        self.failed.clear()
        after: Any = _Elsewhere(session)
        for item in items:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            if self.failed:
                return self.failed[0][0]
        return ""

    def _measure(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        first = [item for item in items if "database_network" in getattr(item, "fixturenames", ())][:1]
        self.cover.switch_context("first")
        self._green(self._run(session, first))  # sets the network up, which is no test of anything
        for item in items:
            self.cover.switch_context(item.nodeid)
            begun = time.monotonic()
            self._green(self._run(session, [item]))
            self.seconds[item.nodeid] = time.monotonic() - begun
        self.cover.stop()
        data = self.cover.get_data()
        for file in data.measured_files():
            for line, contexts in data.contexts_by_lineno(file).items():
                self.passing[line] = {name for name in contexts if name in self.seconds}
                if "import" in contexts:
                    self.at_import.add(line)
        self.say(f"{len(items)} tests, {sum(self.seconds.values()):.1f} s without a mutant")
        self.functions = functions_of(self.target.source)
        gc.freeze()  # a child that collects garbage would copy all of our memory
        self._green(self._in_child(session, None, items)[1])

    def _green(self, failed: str) -> None:
        if failed:
            raise NotGreen(f"{failed} fails without a mutant:\n{self.failed[0][1] if self.failed else ''}")

    def _chosen(self) -> list[Mutant]:
        every = mutants_of(self.target.source.read_text(encoding="utf-8"))
        taken = every
        if self.wanted is not None and self.wanted < len(every):
            order = random.Random(self.seed).sample(range(len(every)), self.wanted)
            taken = [every[index] for index in sorted(order)]
        before = known(self.target)
        kept = {"killed", "timed out"} if self.again else {"killed", "timed out", "survived"}
        todo = [mutant for mutant in taken if mutant.id not in before or before[mutant.id].outcome not in kept]
        todo.sort(key=lambda mutant: not mutant.in_function)  # the quick ones first
        self.say(f"{len(every)} mutants, {len(taken)} taken, {len(todo)} to try")
        return todo

    # -- a mutant --------------------------------------------------------------------------------------------

    def _try(self, session: pytest.Session, mutant: Mutant, items: dict[str, pytest.Item]) -> Result:
        begun = time.monotonic()
        quickest = sorted(items, key=lambda name: self.seconds[name])
        new_process = not mutant.in_function or not self.at_import.isdisjoint(mutant.lines)
        if not new_process:
            passing = set().union(*(self.passing.get(line, set()) for line in mutant.lines))
            names = [name for name in quickest if name in passing]
            outcome, by = self._in_child(session, mutant, [items[name] for name in names])
            new_process = outcome == "not living"
        if new_process:
            outcome, by = self._in_new_process(mutant.source, quickest)
        return Result(
            mutant.id,
            mutant.where,
            mutant.lines.start,
            mutant.was,
            mutant.became,
            outcome,
            by,
            round(time.monotonic() - begun, 2),
        )

    def _in_child(self, session: pytest.Session, mutant: Mutant | None, items: list[pytest.Item]) -> tuple[str, str]:
        """Fork, mutate, run. Outcome and the test that failed."""
        self._disconnect()
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            code = 99
            try:
                os.setsid()
                os.close(reading)
                if mutant is not None and not swap(self.functions, self.target.source, mutant.source):
                    code = 98
                else:
                    session.config.option.tbstyle = "no"
                    failed = self._run(session, items)
                    os.write(writing, failed.encode()[:4000])
                    code = 1 if failed else 0
            except BaseException as error:  # the child must not go on as if it were its parent
                os.write(writing, repr(error).encode()[:4000])
            finally:
                os._exit(code)
        os.close(writing)
        limit = MORE_SECONDS + PATIENCE * sum(self.seconds[item.nodeid] for item in items)
        status = wait(child, limit)
        with os.fdopen(reading, encoding="utf-8") as pipe:
            told = pipe.read() if status is not None else ""
        self._put_right(items)
        if status is None:
            return "timed out", ""
        match os.waitstatus_to_exitcode(status):
            case 0:
                return "survived", ""
            case 98:
                return "not living", ""
            case 99:
                # What the mutant did to pytest itself (a broken tear-down) is a failure that a person would see, too.
                return "killed", f"the run broke: {told}"
            case 1:
                return "killed", told
            case other:
                return "killed", f"the process ended with {other}"

    def _in_new_process(self, source: str, names: list[str]) -> tuple[str, str]:
        self._disconnect()
        told = {
            "path": str(self.target.source),
            "source": source,
            "tests": names,
            "limit": NEW_PROCESS_SECONDS + PATIENCE * sum(self.seconds[name] for name in names),
            "environment": {} if self.network is None else {"DEALERNET_TESTS_SERVER": self.network.host},
        }
        with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
            file = Path(folder) / "told.json"
            file.write_text(json.dumps(told))
            code = self._starter.ask(file)
            by = Path(folder) / "failed"
            failed = by.read_text() if by.exists() else ""
        self._put_right(None)
        if code == "late":
            return "timed out", ""
        return ("survived", "") if code == "0" else ("killed", failed or f"not importable ({code})")

    @cached_property
    def _starter(self) -> Starter:
        return Starter()

    def _disconnect(self) -> None:
        if self.network is not None:
            with self.blocker.unblock():
                self.network._disconnect()

    def _put_right(self, items: list[pytest.Item] | None) -> None:
        """The database as it was, whatever the mutant did to it."""
        touched = items is None or any("database_network" in getattr(item, "fixturenames", ()) for item in items)
        if self.network is None or not touched:
            return
        with self.blocker.unblock():
            if self.target.logins:
                self._logins_as_they_were()
            self.network.reset()

    def _logins_as_they_were(self) -> None:
        from kernel.tenancy.steward import logins

        with contextlib.closing(logins.superuser("postgres")) as admin, admin.cursor() as cursor:
            for login in ("owner", "frontdesk", "oem", "courier"):
                logins.set_up_login(cursor, login, login)
            for side in (self.network.north, self.network.south):
                logins.set_up_login(cursor, side.schema, "dealer")

    # -- whether what was said counts ------------------------------------------------------------------------

    def _control(
        self, session: pytest.Session, items: dict[str, pytest.Item], batch: list[tuple[Mutant, Result]]
    ) -> None:
        """Run the tests that failed without any mutant, and one process with the module as it is; then write down."""
        killers = [items[name] for name in dict.fromkeys(result.by for _, result in batch) if name in items]
        self._green(self._in_child(session, None, killers)[1])
        if "_starter" in vars(self):
            names = sorted(items, key=lambda name: self.seconds[name])[:10]
            outcome, by = self._in_new_process(self.target.source.read_text(encoding="utf-8"), names)
            if outcome != "survived":
                raise NotGreen(f"a new process does not run the module as it is: {outcome} {by}")
        append(self.target, [result for _, result in batch])


class Starter:
    """A process that has the libraries imported and forks for every mutant that needs a new import."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.mutation.fresh"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._say(",".join(sorted(sys.modules)))

    def _say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def ask(self, file: Path) -> str:
        """The exit code of the tests that the file names, or `late`."""
        assert self.process.stdout is not None
        self._say(str(file))
        answer = self.process.stdout.readline().strip()
        if not answer:
            raise NotGreen("the process that imports mutants has ended")
        return answer


def main(words: list[str]) -> int:
    told = json.loads(words[0])
    target = load_targets()[told["target"]]
    said = os.fdopen(os.dup(1), "w")
    RESULTS.mkdir(parents=True, exist_ok=True)
    with (RESULTS / f"{target.name}.log").open("wb") as log:  # what pytest prints
        os.dup2(log.fileno(), 1)
    cover = coverage.Coverage(
        data_file=None, config_file=False, branch=False, include=[str(target.source)], concurrency=["thread"]
    )
    cover.start()
    cover.switch_context("import")
    runner = Runner(target, told["sample"], told["seed"], told["again"], said, cover)
    code = pytest.main(["-q", "-p", "no:cacheprovider", "--no-header", *target.tests], plugins=[runner])
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
