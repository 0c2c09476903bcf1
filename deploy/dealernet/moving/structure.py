"""A dealership's schema at the state of the migrations that something was made by, and from there to this release."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from kernel.tenancy import rendering
from kernel.tenancy.bindings import Owner, bound
from kernel.tenancy.rendering import DEALERSHIP, Script
from kernel.tenancy.steward import stepping
from kernel.tenancy.steward.ledger import applied_in, mark


class UnknownMigration(Exception):
    """What was brought was made by a release that knows more than this one."""


def check_known(migrations: Collection[tuple[str, str]]) -> None:
    """Raises UnknownMigration naming what this release does not know."""
    more = sorted(set(migrations) - {step.node for step in rendering.steps(DEALERSHIP)})
    if more:
        raise UnknownMigration(f"it was made by a newer release (migration {more[0][0]}.{more[0][1]} is unknown here)")


def build(cursor: Any, schema: str, migrations: Collection[tuple[str, str]]) -> None:
    """Make an empty schema whose tables are those of `migrations`, in the transaction of an owner's cursor."""
    steps = tuple(step for step in rendering.steps(DEALERSHIP) if step.node in migrations)
    script = Script(DEALERSHIP, steps, "")
    cursor.execute(f'CREATE SCHEMA "{schema}"')
    cursor.execute(f'REVOKE ALL ON SCHEMA "{schema}" FROM PUBLIC')
    cursor.execute(f'SET LOCAL search_path = "{schema}", public')
    cursor.execute(f"{rendering.MIGRATIONS_TABLE};\n{script.text()}{mark(script.migrations)}")


def applied(cursor: Any, schema: str) -> set[tuple[str, str]]:
    """The migrations that stand in a schema."""
    cursor.execute(f'SELECT app, name FROM "{schema}".django_migrations')
    return {(app, name) for app, name in cursor.fetchall()}


def bring_up(schema: str) -> int:
    """Carry out what is missing in a schema beside a living one; how many steps that were. Unbound.

    Raises UnknownMigration when it stands at a newer release.
    """
    with bound(Owner(schema)):
        done = applied_in(schema)
        check_known(done)
        script = rendering.render(DEALERSHIP, applied=done)
        stepping.carry_out(script)
    return len(script.steps)
