"""Step by step through what a schema with rows lacks: for one that came from a backup, and for steps that are more than
SQL for one transaction. Every step is done wholly or not at all, or can be repeated; killed anywhere, the next run goes
on behind the last row of the schema's own `django_migrations`."""

from __future__ import annotations

import functools
import re
import threading
from typing import Any

from django.db import connection, transaction
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from kernel.checkpoints import reached
from kernel.tenancy import rendering, routers
from kernel.tenancy.rendering import Script
from kernel.tenancy.scripts import How, Step
from kernel.tenancy.steward.ledger import mark, noting

#: How long a step waits for a lock while others queue up behind it, and how long a concurrent one waits for
#: transactions that began before it (a dealership's last 20 seconds).
LOCK_TIMEOUT, PATIENCE = "2s", "60s"
_CREATE_INDEX = re.compile(r'CREATE (?:UNIQUE )?INDEX CONCURRENTLY (?:IF NOT EXISTS )?"?(\w+)"? ON ')

_one_at_a_time = threading.Lock()


def go(kind: str, schema: str, script: Script) -> None:
    """Bring one schema to where `script` leads. Runs bound to `Owner(schema)`, outside a transaction."""
    carry_out(script)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        cursor.execute(";\n".join(rendering.grant_statements(kind, schema)))
        cursor.execute(noting(kind, schema))
    reached("noted")


def carry_out(script: Script) -> None:
    """The steps alone, for a schema that no login is named like. Runs bound to `Owner(schema)`."""
    for step in script.steps:
        {How.SQL: _sql, How.CONCURRENT: _concurrent, How.DATA: _data}[step.how](step)
        reached("step")


def _sql(step: Step) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}';\n{step.text}{mark((step.node,))}")


def _concurrent(step: Step) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{PATIENCE}'")
        try:
            for statement in step.statements:
                made = _CREATE_INDEX.match(statement)
                if made and _stands(cursor, made[1]):
                    continue
                if made:  # a killed run leaves an index that is not valid
                    cursor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{made[1]}"')
                cursor.execute(statement)
                reached("concurrent statement")
        finally:
            cursor.execute("RESET lock_timeout")
        cursor.execute(mark((step.node,)))


def _stands(cursor: Any, index: str) -> bool:
    """Whether a valid index of this name stands in the schema."""
    cursor.execute(
        "SELECT i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
        "WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = %s",
        [index],
    )
    found = cursor.fetchone()
    return bool(found and found[0])


def _data(step: Step) -> None:
    migration, state = _before(step.node)
    with connection.cursor() as cursor, routers.rendering():
        with connection.schema_editor(atomic=migration.atomic) as editor:
            migration.apply(state, editor)
            if migration.atomic:
                cursor.execute(mark((step.node,)))
        if not migration.atomic:
            cursor.execute(mark((step.node,)))


@functools.cache
def _graph() -> MigrationLoader:
    return MigrationLoader(None)


def _before(node: tuple[str, str]) -> tuple[Migration, ProjectState]:
    """A migration, and a state of its own of the models before it: states are changed by those who use them."""
    with _one_at_a_time:
        loader = _graph()
        return loader.graph.nodes[node], _state_before(node).clone()


@functools.cache
def _state_before(node: tuple[str, str]) -> ProjectState:
    state = _graph().project_state(node, at_end=False)
    assert state.apps  # rendering the models is what costs
    return state


def forget() -> None:
    """Read the migrations anew (tests with migrations of their own)."""
    _graph.cache_clear()
    _state_before.cache_clear()
