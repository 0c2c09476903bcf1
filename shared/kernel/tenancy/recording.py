"""Recording: every migration of a kind runs once on a scratch schema, and what it said to the database is kept.

Needs a server and the owner's login (`make schemas`, tests). Nothing of the product calls it at run time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from django.db import connection
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import RunPython, SeparateDatabaseAndState

from kernel.tenancy import rendering, routers, scripts, structure
from kernel.tenancy.bindings import Owner, bound
from kernel.tenancy.rendering import Script
from kernel.tenancy.scripts import How, Recording, Step
from kernel.tenancy.steward import fleet


class MixedMigration(RuntimeError):
    """A migration does what belongs into two: data steps and concurrent statements are migrations of their own."""


def record(kind: str, known: Sequence[Step] = ()) -> tuple[Step, ...]:
    """The steps of a kind, in the order of their dependencies. Runs unbound; raises MixedMigration.

    `known`: steps that were recorded before; their statements are taken as they are and not asked for anew.
    """
    scratch = f"recording_{uuid4().hex[:12]}"
    try:
        with bound(Owner()), connection.cursor() as cursor:
            cursor.execute(f'CREATE SCHEMA "{scratch}"')
        with bound(Owner(scratch)):
            return tuple(_record(kind, {step.node: step for step in known}))
    finally:
        with bound(Owner()), connection.cursor() as cursor:
            cursor.execute(f'DROP SCHEMA IF EXISTS "{scratch}" CASCADE')


def record_file(kind: str, known: Sequence[Step] = ()) -> str:
    """The text of the file of a kind."""
    steps = record(kind, known)
    found = scripts.fingerprint(rendering.migration_files(kind))
    # Of `public` there is one in a network: nothing to compare it with.
    lines = fleet.of_a_new_one(kind, Script(kind, steps, "")) if kind != rendering.PUBLIC else ()
    digest = structure.digest(lines)
    return scripts.write(Recording(kind, steps, found, digest))


def _record(kind: str, known: dict[tuple[str, str], Step]) -> list[Step]:
    loader = MigrationLoader(None)
    labels = set(rendering.labels_of(kind))
    targets = [node for node in loader.graph.leaf_nodes() if node[0] in labels]
    plans = [node for target in targets for node in loader.graph.forwards_plan(target) if node[0] in labels]
    state = loader.project_state((), at_end=False)
    found = []
    for node in dict.fromkeys(plans):
        migration = loader.graph.nodes[node]
        if node in known:
            state = migration.mutate_state(state, preserve=False)
            with connection.cursor() as cursor:
                cursor.execute(Script(kind, (known[node],), "").text() or "SELECT 1")
            found.append(known[node])
            continue
        how = how_of(migration)
        if how is How.DATA:
            state = migration.mutate_state(state, preserve=False)
            found.append(Step(node[0], node[1], how))
            continue
        editor = _editor(atomic=how is How.SQL)
        with routers.rendering(), editor:
            state = migration.apply(state, editor)
        found.append(Step(node[0], node[1], how, tuple(editor.recorded), getattr(migration, "reviewed", "")))
    return found


def how_of(migration: Migration) -> How:
    """How a migration is carried out. Raises MixedMigration."""
    python = [isinstance(operation, RunPython) for operation in migration.operations]
    name = f"{migration.app_label}.{migration.name}"
    if any(isinstance(operation, SeparateDatabaseAndState) for operation in migration.operations):
        raise MixedMigration(f"{name}: what state and database do apart cannot be recorded.")
    if any(python):
        if not all(python):
            raise MixedMigration(f"{name}: data steps are migrations of their own.")
        return How.DATA
    return How.SQL if migration.atomic else How.CONCURRENT


def _editor(*, atomic: bool) -> Any:
    """A schema editor that carries statements out and keeps them with their parameters put in."""

    class Recorder(connection.SchemaEditorClass):  # type: ignore[name-defined]  # the class follows the connection
        recorded: list[str]

        def execute(self, sql: Any, params: Any = ()) -> None:
            text = str(sql)
            if params is not None:
                with connection.cursor() as cursor:
                    text = cursor.mogrify(text, params).decode()
            self.recorded.append(text.rstrip("; \n"))
            super().execute(sql, params)

    editor = Recorder(connection, atomic=atomic)
    editor.recorded = []
    return editor
