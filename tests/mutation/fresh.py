"""Tests in a new process in which one module is imported with another source: `python -m tests.mutation.fresh FILE`.

Exit code 0: all passed. Beside FILE stands then `failed` with the name of the test that did not.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from tests.mutation.swapping import MutatedImport


def settle_examples() -> None:
    """The same examples in every run, none remembered; the first that fails is enough."""
    from hypothesis import Phase, settings

    settings.register_profile(
        "mutation",
        settings.get_profile("dealernet"),
        derandomize=True,
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


def main(file: Path) -> int:
    told = json.loads(file.read_text())
    sys.meta_path.insert(0, MutatedImport(Path(told["path"]), told["source"]))
    files = list(dict.fromkeys(name.partition("::")[0] for name in told["tests"]))
    plugin = Only(told["tests"], file.with_name("failed"))
    return int(pytest.main(["-x", "-q", "--tb=no", "-p", "no:cacheprovider", *files], plugins=[plugin]))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
