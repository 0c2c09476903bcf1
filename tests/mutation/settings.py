"""Targets, results and what is known to be harmless: the files around a run."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
#: Not in version control.
RESULTS = ROOT / "artifacts" / "mutation"


@dataclass(frozen=True)
class Target:
    """A module that is mutated, and the tests that have to notice."""

    name: str
    source: Path
    tests: tuple[str, ...]
    logins: bool = False


@dataclass(frozen=True)
class Result:
    """What became of one mutant. `outcome`: killed, timed out, survived. `by`: the test that failed."""

    id: str
    where: str
    line: int
    was: str
    became: str
    outcome: str
    by: str
    seconds: float


def load_targets() -> dict[str, Target]:
    told = tomllib.loads((HERE / "targets.toml").read_text(encoding="utf-8"))
    return {
        name: Target(name, ROOT / entry["source"], tuple(entry["tests"]), entry.get("logins", False))
        for name, entry in told.items()
    }


def load_harmless() -> dict[str, dict[str, str]]:
    """Reason by id of the mutant, by target."""
    told = tomllib.loads((HERE / "harmless.toml").read_text(encoding="utf-8"))
    return {target: {entry["id"]: entry["why"] for entry in entries} for target, entries in told.items()}


def _file(target: Target) -> Path:
    return RESULTS / f"{target.name}.jsonl"


def _digest(target: Target) -> str:
    return hashlib.sha256(target.source.read_bytes()).hexdigest()[:16]


def known(target: Target) -> dict[str, Result]:
    """Results of earlier runs for the source as it is now, by mutant."""
    file, digest = _file(target), _digest(target)
    if not file.exists():
        return {}
    lines = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
    found = (Result(**line["result"]) for line in lines if line["source"] == digest)
    return {result.id: result for result in found}


def append(target: Target, results: list[Result]) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    with _file(target).open("a", encoding="utf-8") as file:
        for result in results:
            file.write(json.dumps({"source": _digest(target), "result": asdict(result)}, ensure_ascii=False) + "\n")
