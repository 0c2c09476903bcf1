"""`make mutate`: run the mutants of the targets and report. See docs/mutation.md."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.mutation.mutants import mutants_of
from tests.mutation.settings import RESULTS, ROOT, Result, Target, known, load_harmless, load_targets

#: The part of the mutants that must be killed, of each module.
WANTED = 0.9


def run(target: Target, *, sample: int | None, seed: int, again: bool) -> int:
    """The target's mutants, in a process of its own. Its exit code."""
    told = {"target": target.name, "sample": sample, "seed": seed, "again": again}
    command = [sys.executable, "-m", "tests.mutation.running", json.dumps(told)]
    environment = {name: value for name, value in os.environ.items() if name != "DEALERNET_TESTS_SERVER"}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def report(target: Target, harmless: dict[str, str]) -> dict[str, Any]:
    """Figures of what is known of the target's source as it is now, and the survivors."""
    present = {mutant.id for mutant in mutants_of(target.source.read_text(encoding="utf-8"))}
    results = [result for result in known(target).values() if result.id in present]
    killed = sum(result.outcome == "killed" for result in results)
    late = sum(result.outcome == "timed out" for result in results)
    survivors = [result for result in results if result.outcome == "survived"]
    dead = {result.id for result in results if result.outcome != "survived"}
    return {
        "target": target.name,
        "source": str(target.source.relative_to(ROOT)),
        "mutants": len(present),
        "tried": len(results),
        "killed": killed,
        "timed_out": late,
        "harmless": sum(result.id in harmless for result in survivors),
        "rate": round((killed + late) / len(results), 4) if results else None,
        "survivors": [_told(result, harmless.get(result.id)) for result in survivors],
        "listed_but_gone": sorted(harmless.keys() - present),
        "listed_but_killed": sorted(harmless.keys() & dead),
    }


def _told(result: Result, why: str | None) -> dict[str, Any]:
    return {
        "id": result.id, "where": result.where, "line": result.line, "was": result.was, "became": result.became,
        "harmless": why,
    }  # fmt: skip


def show(reports: list[dict[str, Any]]) -> None:
    print(f"{'module':<48}{'mutants':>8}{'tried':>7}{'killed':>8}{'late':>6}{'left':>6}{'harmless':>10}{'rate':>8}")
    for told in reports:
        rate = "–" if told["rate"] is None else f"{told['rate']:.1%}"
        figures = f"{told['mutants']:>8}{told['tried']:>7}{told['killed']:>8}{told['timed_out']:>6}"
        print(f"{told['source']:<48}{figures}{len(told['survivors']):>6}{told['harmless']:>10}{rate:>8}")
    for told in reports:
        for one in told["survivors"]:
            if not one["harmless"]:
                print(f"\n{told['source']}:{one['line']} {one['where']} [{one['id']}]")
                print(f"  - {one['was']}\n  + {one['became']}")
        for word, what in (("listed_but_gone", "does not exist any more"), ("listed_but_killed", "is killed now")):
            for name in told[word]:
                print(f"\nharmless.toml, {told['target']}: {name} {what}; take it out.")


def is_good(told: dict[str, Any]) -> bool:
    """Enough killed, and nothing stands in the list of the harmless that does not belong there."""
    return (told["rate"] or 0) >= WANTED and not told["listed_but_gone"] and not told["listed_but_killed"]


def main() -> int:
    targets = load_targets()
    parser = argparse.ArgumentParser(prog="make mutate", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(targets)}; all by default")
    parser.add_argument("--sample", type=int, help="so many mutants of each target, drawn by --seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="targets at once")
    parser.add_argument("--again", action="store_true", help="try survivors of earlier runs again (after a new test)")
    parser.add_argument("--report", action="store_true", help="run nothing; show what is known")
    told = parser.parse_args()
    if unknown := set(told.targets) - targets.keys():
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    chosen = [targets[name] for name in told.targets or targets]
    failed = 0
    if not told.report:
        with ThreadPoolExecutor(told.jobs) as pool:
            codes = pool.map(lambda t: run(t, sample=told.sample, seed=told.seed, again=told.again), chosen)
            failed = sum(code != 0 for code in codes)
    harmless = load_harmless()
    reports = [report(target, harmless.get(target.name, {})) for target in chosen]
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "report.json").write_text(json.dumps(reports, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    show(reports)
    if failed:
        print(f"\n{failed} of {len(chosen)} runs broke off.")
    return 0 if not failed and all(map(is_good, reports)) else 1


if __name__ == "__main__":
    sys.exit(main())
