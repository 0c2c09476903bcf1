"""Schemas: made, and brought to this release."""

from __future__ import annotations

from django.conf import settings
from django.db import connection, transaction

from kernel.tenancy import rendering
from kernel.tenancy.bindings import MANUFACTURER_ID, PORTAL_SCHEMA, PUBLIC_SCHEMA, Owner, bound
from kernel.tenancy.models import Domain, Kind, SchemaState, State, Tenant
from kernel.tenancy.steward.logins import create_roles_and_database
from kernel.tenancy.steward.progress import Progress


def bootstrap(progress: Progress = lambda line: None) -> None:
    """Make an empty cluster a network: logins, database, closed catalogues, schemas `public` and `oem`."""
    create_roles_and_database()
    progress("logins and database are ready")
    bring_up_public()
    progress("the directory is up to date")
    bring_up_portal()
    progress("the manufacturer's schema is up to date")


def bring_up_public() -> None:
    """Bring the schema `public` up to date."""
    with bound(Owner()):
        replay(rendering.PUBLIC, PUBLIC_SCHEMA)


def bring_up_portal() -> None:
    """Bring the manufacturer's schema up to date, with its row and host in the directory."""
    with bound(Owner()):
        _manufacturer()
    with bound(Owner(PORTAL_SCHEMA)):
        replay(rendering.MANUFACTURER, PORTAL_SCHEMA)


def _manufacturer() -> None:
    tenant, _ = Tenant.objects.get_or_create(
        schema_name=PORTAL_SCHEMA,
        defaults={
            "id": MANUFACTURER_ID,
            "kind": Kind.MANUFACTURER,
            "slug": "portal",
            "name": settings.MANUFACTURER_NAME,
            "state": State.ACTIVE,
        },
    )
    Domain.objects.get_or_create(
        domain=f"portal.{settings.BASE_DOMAIN}", defaults={"tenant": tenant, "is_primary": True}
    )


def replay(kind: str, schema: str) -> bool:
    """Bring one schema up to date in one transaction. Runs bound to `Owner(schema)`. True when it had work."""
    state = SchemaState.objects.filter(schema_name=schema).first() if _exists("tenancy_schemastate") else None
    applied = _applied(schema)
    script = rendering.render(kind, applied=applied)
    if state and state.checksum == script.checksum and not script.migrations:
        return False
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '5s'")
        if schema != PUBLIC_SCHEMA:
            cursor.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
            cursor.execute(f'REVOKE ALL ON SCHEMA "{schema}" FROM PUBLIC')
        cursor.execute(f'SET LOCAL search_path = "{schema}", public')
        if not applied:
            cursor.execute(rendering.MIGRATIONS_TABLE.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1))
        if script.statements:
            cursor.execute(script.text())
        for app, name in script.migrations:
            cursor.execute("INSERT INTO django_migrations (app, name, applied) VALUES (%s, %s, now())", [app, name])
        cursor.execute(";\n".join(rendering.grant_statements(kind, schema)))
        SchemaState.objects.update_or_create(
            schema_name=schema, defaults={"kind": kind, "checksum": script.checksum, "error": ""}
        )
    return True


def _exists(table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [f"public.{table}"])
        return cursor.fetchone()[0] is not None


def _applied(schema: str) -> set[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [f'"{schema}".django_migrations'])
        if cursor.fetchone()[0] is None:
            return set()
        cursor.execute(f'SELECT app, name FROM "{schema}".django_migrations')
        return {(app, name) for app, name in cursor.fetchall()}
