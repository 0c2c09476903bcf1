"""The ledger of the fleet: which migrations stand in a schema, and where each schema stands."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.db import connection
from django.db.models import Q
from psycopg2 import sql

from kernel.release import RELEASE
from kernel.tenancy import rendering, scripts
from kernel.tenancy.models import SchemaState

_PLAIN = re.compile(r"[\w.+:-]*")


def mark(migrations: tuple[tuple[str, str], ...]) -> str:
    """The rows of `django_migrations`, in the schema of the search path."""
    if not migrations:
        return "SELECT 1"
    rows = ", ".join(f"({_text(app)}, {_text(name)}, now())" for app, name in migrations)
    return f"INSERT INTO django_migrations (app, name, applied) VALUES {rows}"


def noting(kind: str, schema: str) -> str:
    """The statement that notes in the ledger that a schema is up to date, and takes its fence away."""
    values = ", ".join(
        map(_text, (schema, kind, rendering.wanted(kind), rights_checksum(rendering.rights(kind)), RELEASE))
    )
    return (
        "INSERT INTO public.tenancy_schemastate (schema_name, kind, checksum, rights, release, applied_at, error) "
        f"VALUES ({values}, now(), '') ON CONFLICT (schema_name) DO UPDATE SET kind = EXCLUDED.kind, "
        "checksum = EXCLUDED.checksum, rights = EXCLUDED.rights, release = EXCLUDED.release, applied_at = now(), "
        "error = '';\n"
        f"UPDATE public.tenancy_tenant SET fenced_by = '' WHERE schema_name = {_text(schema)} AND fenced_by <> ''"
    )


def rights_checksum(rights: Sequence[str]) -> str:
    """The checksum of rights alone."""
    return scripts.checksum((), rights)


def noted(schema: str) -> str:
    """The checksum that the ledger has for a schema; empty without one. Reads what the first release wrote, too."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.tenancy_schemastate')")
        if cursor.fetchone()[0] is None:
            return ""
        cursor.execute("SELECT checksum FROM public.tenancy_schemastate WHERE schema_name = %s", [schema])
        found = cursor.fetchone()
        return found[0] if found else ""


def applied_in(schema: str) -> set[tuple[str, str]]:
    """The migrations that stand in a schema; none when it does not exist."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [f'"{schema}".django_migrations'])
        if cursor.fetchone()[0] is None:
            return set()
        cursor.execute(sql.SQL("SELECT app, name FROM {}.django_migrations").format(sql.Identifier(schema)))
        return {(app, name) for app, name in cursor.fetchall()}


def states_behind() -> list[SchemaState]:
    """The schemas that are not at this release, by the ledger alone: one query."""
    current = Q()
    for kind in rendering.KINDS:
        current |= Q(kind=kind, checksum=rendering.wanted(kind))
    return list(SchemaState.objects.exclude(current).defer("rights", "release"))


def _text(value: str) -> str:
    """A name of ours as a literal."""
    assert _PLAIN.fullmatch(value), value
    return f"'{value}'"
