"""Tests in a process in which one module is imported with another source.

`python -m tests.mutation.fresh` imports the libraries once, whose names its first line of input gives, and nothing of
the product. For every further line, the path of a file, it forks a child that imports the product and runs the tests
that the file names. Beside that file stands then `failed` with the name of the test that did not pass.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.mutation.swapping import MutatedImport

#: What is imported anew for every mutant: the product, and libraries that look at its settings.
_OURS = ("kernel", "exchange", "oem", "dealer", "tests", "django.contrib", "django_", "rest_framework", "drf_", "__")


def settle_examples() -> None:
    """The same 25 examples of each property in every run, none remembered; the first that fails is enough."""
    from hypothesis import Phase, settings

    settings.register_profile(
        "mutation",
        settings.get_profile("dealernet"),
        derandomize=True,
        max_examples=25,
        database=None,
        phases=(Phase.explicit, Phase.generate),
    )
    settings.load_profile("mutation")


class Only:
    """A pytest plugin: these tests in this order, until one fails."""

    def __init__(self, names: list[str], failed: Path) -> None:
        self.place = {name: at for at, name in enumerate(names)}
        self.failed = failed

    def pytest_sessionstart(self) -> None:
        settle_examples()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        found = {item.nodeid for item in items}
        if missing := self.place.keys() - found:
            raise RuntimeError(f"tests that are gone: {sorted(missing)[:3]}")
        items[:] = sorted((i for i in items if i.nodeid in self.place), key=lambda item: self.place[item.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.write_text(report.nodeid)


def run(told: dict[str, Any], failed: Path) -> int:
    """Import the module mutated and run the tests. pytest's exit code."""
    sys.meta_path.insert(0, MutatedImport(Path(told["path"]), told["source"]))
    os.environ.update(told["environment"])
    files = list(dict.fromkeys(name.partition("::")[0] for name in told["tests"]))
    known = "ignore::pytest.PytestAssertRewriteWarning"  # plugins are imported already, which is what this is for
    words = ["-x", "-q", "--tb=no", "-W", known, "-p", "no:cacheprovider", *files]
    return int(pytest.main(words, plugins=[Only(told["tests"], failed)]))


def serve() -> None:
    """For every line, a file: fork, do what it says, answer with the exit code, or `late`."""
    answers = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    for name in map(str.strip, sys.stdin.readline()[:-1].split(",")):
        if not name.startswith(_OURS):
            with contextlib.suppress(Exception):  # some cannot be imported before Django is set up
                importlib.import_module(name)
    gc.freeze()
    for line in sys.stdin:
        file = Path(line.strip())
        told = json.loads(file.read_text())
        child = os.fork()
        if child == 0:
            code = 99
            try:
                os.setsid()
                os.dup2(nowhere, 0)
                code = run(told, file.with_name("failed"))
            finally:
                os._exit(code)
        status = wait(child, told["limit"])
        print("late" if status is None else os.waitstatus_to_exitcode(status), file=answers, flush=True)


def wait(child: int, limit: float) -> int | None:
    """The child's status; None when it had to be ended after so many seconds. What it started ends with it."""
    end = time.monotonic() + limit
    pause = 0.002
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            _end_group(child)
            return status
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    _end_group(child)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _end_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


if __name__ == "__main__":
    serve()
