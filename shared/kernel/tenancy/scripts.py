"""The SQL of a kind of schema as a file: what provisioning and upgrades replay, and what administrators can read.

The file is recorded from the migrations (`kernel.tenancy.recording`, `make schemas`) and committed; a test records anew
and compares. Names in it are not qualified: the search path says which schema it makes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class How(StrEnum):
    """How a migration is carried out: `sql` in one transaction; `concurrent` statement by statement outside one, each
    safe to repeat; `data` by its Python code, as owner, bound to one schema."""

    SQL = "sql"
    CONCURRENT = "concurrent"
    DATA = "data"


@dataclass(frozen=True)
class Step:
    """One migration of one app with the statements that it ran. `reviewed`: why a person let it through that the rules
    of `kernel.tenancy.expanding` would stop."""

    app: str
    name: str
    how: How
    statements: tuple[str, ...] = ()
    reviewed: str = ""

    @property
    def node(self) -> tuple[str, str]:
        return self.app, self.name

    @property
    def text(self) -> str:
        """The statements as one text; for an empty schema also those that would run concurrently elsewhere."""
        return "".join(f"{statement};\n" for statement in self.statements)


class UnreadableScript(ValueError):
    """A file of statements that nobody recorded."""


_HEAD = """-- Every schema of the kind "{kind}", migration by migration.
-- Recorded from the migrations by `make schemas`; not written by hand.
-- migrations {fingerprint}
-- structure {structure}
"""
_STEP = re.compile(r"-- migration (?P<app>\w+)\.(?P<name>\w+) (?P<how>\w+)(?: \((?P<reviewed>[^\n]*)\))?\n")
_HEADER = re.compile(r"^-- migrations ([0-9a-f]{64})\n-- structure ([0-9a-f]{64})$", re.MULTILINE)
_NEXT = "-- next\n"


@dataclass(frozen=True)
class Recording:
    """A file: the steps, the fingerprint of the migrations they were recorded from, and the digest of the structure
    (`kernel.tenancy.structure`) that a schema has in which all of them ran and the rights were given."""

    kind: str
    steps: tuple[Step, ...]
    fingerprint: str
    structure: str


def write(recording: Recording) -> str:
    """The text of a file."""
    head = {"kind": recording.kind, "fingerprint": recording.fingerprint, "structure": recording.structure}
    out = [_HEAD.format(**head)]
    for step in recording.steps:
        reviewed = f" ({step.reviewed})" if step.reviewed else ""
        out.append(f"\n-- migration {step.app}.{step.name} {step.how}{reviewed}\n")
        out.append(_NEXT.join(f"{statement};\n" for statement in step.statements))
    return "".join(out)


def read(kind: str, text: str) -> Recording:
    """What stands in a file's text. Raises UnreadableScript."""
    found = _HEADER.search(text)
    if not found:
        raise UnreadableScript("There is no line `-- migrations …`: record the schemas anew with `make schemas`.")
    marks = list(_STEP.finditer(text))
    steps = []
    for mark, end in zip(marks, [*(mark.start() for mark in marks[1:]), len(text)], strict=True):
        body = text[mark.end() : end].strip("\n")
        statements = tuple(part.strip("\n").removesuffix(";") for part in body.split(_NEXT)) if body else ()
        steps.append(Step(mark["app"], mark["name"], How(mark["how"]), statements, mark["reviewed"] or ""))
    return Recording(kind, tuple(steps), found[1], found[2])


def checksum(steps: Sequence[Step], rights: Sequence[str]) -> str:
    """SHA-256 over the steps and the rights on their tables: two schemas with the same one are the same."""
    text = repr([(step.app, step.name, str(step.how), step.statements) for step in steps] + [list(rights)])
    return hashlib.sha256(text.encode()).hexdigest()


def fingerprint(files: Iterable[Path]) -> str:
    """SHA-256 over the names and bytes of migration files: whether a recording is of today's migrations."""
    digest = hashlib.sha256()
    for path in sorted(files, key=lambda path: (path.parent.parent.name, path.name)):
        digest.update(f"{path.parent.parent.name}/{path.name}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
