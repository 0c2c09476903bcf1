"""The ledger of the fleet: which migrations stand in a schema, and where each schema stands."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.db import connection
from django.db.models import Q
from psycopg2 import sql

from kernel.release import RELEASE
from kernel.tenancy import rendering, scripts
from kernel.tenancy.bindings import Owner, bound
from kernel.tenancy.models import SchemaState, Tenant

_PLAIN = re.compile(r"[\w.+:-]*")


def mark(migrations: tuple[tuple[str, str], ...], *, when: str = "true") -> str:
    """The rows of `django_migrations`, in the schema of the search path. `when`: a condition that is looked at once."""
    if not migrations:
        return f"SELECT 1 WHERE {when}"
    rows = ", ".join(f"({_text(app)}, {_text(name)})" for app, name in migrations)
    return (
        "INSERT INTO django_migrations (app, name, applied) "
        f"SELECT a, n, now() FROM (VALUES {rows}) AS x(a, n) WHERE {when}"
    )


def noting(kind: str, schema: str) -> str:
    """The statements that note in the ledger that a schema is up to date, and take its fence away."""
    values = ", ".join(map(_text, (schema, kind, *_standing(kind))))
    return (
        "INSERT INTO public.tenancy_schemastate (schema_name, kind, checksum, rights, release, applied_at, error) "
        f"VALUES ({values}, now(), '') ON CONFLICT (schema_name) DO UPDATE SET kind = EXCLUDED.kind, "
        "checksum = EXCLUDED.checksum, rights = EXCLUDED.rights, release = EXCLUDED.release, applied_at = now(), "
        f"error = '';\n{unfencing(schema)}"
    )


def noted_as(kind: str, schema: str, *, from_checksum: str) -> str:
    """The same for a schema that the ledger has at `from_checksum`; does nothing to one that stands elsewhere."""
    checksum, rights, release = map(_text, _standing(kind))
    return (
        f"UPDATE public.tenancy_schemastate SET checksum = {checksum}, rights = {rights}, release = {release}, "
        f"applied_at = now(), error = '' WHERE schema_name = {_text(schema)} AND checksum = {_text(from_checksum)}"
    )


def unfencing(schema: str) -> str:
    """The statement that takes a schema's fence away."""
    return f"UPDATE public.tenancy_tenant SET fenced_by = '' WHERE schema_name = {_text(schema)} AND fenced_by <> ''"


def _standing(kind: str) -> tuple[str, str, str]:
    return rendering.wanted(kind), rights_checksum(rendering.rights(kind)), RELEASE


def rights_checksum(rights: Sequence[str]) -> str:
    """The checksum of rights alone."""
    return scripts.checksum((), rights)


def noted(schema: str) -> str:
    """The checksum that the ledger has for a schema; empty without one. Reads what the first release wrote, too."""
    with connection.cursor() as cursor:
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


def fence(kind: str, schema: str, problem: str) -> None:
    """Keep a schema from being served by this release, and say why."""
    with bound(Owner()):
        SchemaState.objects.filter(schema_name=schema).update(error=problem[:2000])
        Tenant.objects.filter(schema_name=schema).update(fenced_by=rendering.wanted(kind))


def _text(value: str) -> str:
    """A name of ours as a literal."""
    assert _PLAIN.fullmatch(value), value
    return f"'{value}'"
