"""Whether a recorded step can run while the last release serves customers: expand first, contract a release later.

The rules look at the statements that will really run, not at Django's operations. What a release reads and writes is
kept as a file (`Release`); tables that a later step made are nobody's yet, and free. What the rules stop and a person
found harmless carries the reason in the migration: `reviewed = "…"`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from kernel.tenancy.scripts import How, Step


@dataclass(frozen=True)
class Release:
    """What a release has: its migrations by kind of schema, and its tables with their columns and types."""

    name: str
    migrations: dict[str, frozenset[tuple[str, str]]]
    tables: dict[str, dict[str, str]]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file that was kept when the release was made."""
        found = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            found["release"],
            {kind: frozenset((app, name) for app, name in nodes) for kind, nodes in found["migrations"].items()},
            {table: entry["columns"] for table, entry in found["tables"].items()},
        )


_TABLE = r'(?:ONLY )?"?(?P<table>\w+)"?'
_ALTER = re.compile(rf"ALTER TABLE {_TABLE} (?P<what>.*)", re.DOTALL)
_CREATE_TABLE = re.compile(rf"CREATE TABLE (?:IF NOT EXISTS )?{_TABLE} ")
_CREATE_INDEX = re.compile(rf"CREATE (?:UNIQUE )?INDEX (?P<concurrently>CONCURRENTLY )?.*? ON {_TABLE}[ (]", re.DOTALL)
_DROP_TABLE = re.compile(rf"DROP TABLE (?:IF EXISTS )?{_TABLE}")
_ADD_COLUMN = re.compile(r'ADD (?:COLUMN )?(?:IF NOT EXISTS )?"?(?P<column>\w+)"? (?P<rest>.*)', re.DOTALL)
_WIDER = re.compile(r'ALTER COLUMN "(?P<column>\w+)" TYPE (?P<type>varchar\((?P<size>\d+)\)|text)(?: USING .*)?')
#: What Django and we write that takes no lock worth speaking of and changes nothing that the last release does.
_HARMLESS = (
    r'ALTER COLUMN "\w+" SET DEFAULT .*',
    r'ALTER COLUMN "\w+" DROP NOT NULL',
    r"VALIDATE CONSTRAINT .*",
    r"(ENABLE|DISABLE|FORCE) ROW LEVEL SECURITY",
    r"ADD CONSTRAINT .* NOT VALID",
    r"ADD CONSTRAINT .* UNIQUE USING INDEX .*",
)
_OTHER = (
    r"DROP INDEX CONCURRENTLY .*",
    r"COMMENT ON .*",
    r"CREATE POLICY .*",
    r"CREATE (OR REPLACE )?FUNCTION .*",
    r"(GRANT|REVOKE) .*",
    r"SET CONSTRAINTS .*",
    r"SELECT 1",
)
#: Defaults that PostgreSQL writes into a new column without rewriting the table: constants, and what is stable.
_STABLE_DEFAULT = re.compile(
    r"DEFAULT \(?('(?:[^']|'')*'(?:::\w+)?|-?[\d.]+|true|false|STATEMENT_TIMESTAMP\(\)|now\(\))\)?", re.IGNORECASE
)


def objections(kind: str, steps: Iterable[Step], release: Release) -> list[str]:
    """What speaks against carrying out the steps that came after `release` while it works. Nothing when all is well."""
    found = []
    made: set[str] = set()
    old = release.migrations.get(kind, frozenset())
    for step in steps:
        if step.node in old:
            continue
        for statement in step.statements:
            made |= {match["table"] for match in [_CREATE_TABLE.match(statement)] if match}
            if step.reviewed:
                continue
            for reason in _of_statement(statement, step.how, made, release):
                found.append(f"{step.app}.{step.name}: {reason}: {statement[:160]}")
    return found


def _of_statement(statement: str, how: How, made: set[str], release: Release) -> Iterator[str]:
    table = next((m["table"] for p in (_ALTER, _CREATE_INDEX, _DROP_TABLE) if (m := p.match(statement))), "")
    if _CREATE_TABLE.match(statement):
        return
    if how is How.CONCURRENT and "CONCURRENTLY" not in statement and "VALIDATE CONSTRAINT" not in statement:
        yield "outside a transaction only what can be repeated: concurrent indexes and validations"
    elif table in made:
        return
    elif match := _CREATE_INDEX.match(statement):
        if not match["concurrently"]:
            yield "an index on a table with rows stops those who write: AddIndexConcurrently, in a migration of its own"
    elif match := _DROP_TABLE.match(statement):
        if table in release.tables:
            yield f"{release.name} still reads this table: drop it one release later"
    elif match := _ALTER.match(statement):
        yield from _of_change(table, match["what"], release)
    elif not any(re.fullmatch(pattern, statement, re.DOTALL) for pattern in _OTHER):
        yield "nobody has thought about such a statement yet: say why it is harmless with `reviewed`"


def _of_change(table: str, what: str, release: Release) -> Iterator[str]:
    columns = release.tables.get(table, {})
    if what.startswith("DROP COLUMN"):
        column = what.split('"')[1]
        if column in columns:
            yield f"{release.name} still reads this column: drop it one release later"
    elif what.startswith("RENAME"):
        yield f"{release.name} knows the old name: add the new one, copy, and drop the old one a release later"
    elif what.endswith("SET NOT NULL"):
        yield "reads the whole table under a lock: add a NOT VALID check, validate it, then this with `reviewed`"
    elif what.endswith("DROP DEFAULT"):
        yield f"{release.name} does not fill this column: its inserts would fail without the default (use db_default)"
    elif match := _WIDER.fullmatch(what):
        if not _is_wider(columns.get(match["column"], ""), match["size"]):
            yield "rewrites the table, or cuts off what stands in it"
    elif re.match(r'ALTER COLUMN "\w+" TYPE ', what):
        yield "rewrites the table under a lock: add a new column, copy, and drop the old one a release later"
    elif any(re.fullmatch(pattern, what, re.DOTALL) for pattern in _HARMLESS):
        return
    elif what.startswith("ADD CONSTRAINT"):
        yield "looks at every row under a lock: NOT VALID first, validate in a migration of its own"
    elif match := _ADD_COLUMN.fullmatch(what):
        yield from _of_column(match["rest"], release)
    else:
        yield "nobody has thought about such a change yet: say why it is harmless with `reviewed`"


def _of_column(rest: str, release: Release) -> Iterator[str]:
    if "DEFAULT" in rest and not _STABLE_DEFAULT.search(rest):
        yield "a default that differs from row to row rewrites the table: add it empty, and fill it in a data step"
    elif "NOT NULL" in rest and "DEFAULT" not in rest and "GENERATED" not in rest:
        yield f"{release.name} does not fill this column: make it null, or give it a db_default"
    if "UNIQUE" in rest or "PRIMARY KEY" in rest:
        yield "builds an index under a lock: add the column, then a unique index concurrently"
    if "GENERATED" in rest:
        yield "rewrites the table under a lock"


def _is_wider(old: str, size: str | None) -> bool:
    match = re.fullmatch(r"varchar\((\d+)\)", old)
    return match is not None and (size is None or int(size) >= int(match[1]))
