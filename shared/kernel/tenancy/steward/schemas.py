"""Schemas: made, and brought to this release one by one. Upgrades of many are in `fleet`."""

from __future__ import annotations

import logging

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction

from kernel.tenancy import rendering
from kernel.tenancy.bindings import MANUFACTURER_ID, PORTAL_SCHEMA, PUBLIC_SCHEMA, Owner, bound
from kernel.tenancy.models import Domain, Kind, State, Tenant
from kernel.tenancy.rendering import Script
from kernel.tenancy.steward import stepping
from kernel.tenancy.steward.alone import alone
from kernel.tenancy.steward.ledger import applied_in, fence, mark, noted, noting
from kernel.tenancy.steward.logins import create_roles_and_database
from kernel.tenancy.steward.progress import Progress

log = logging.getLogger(__name__)


def bootstrap(progress: Progress = lambda line: None) -> None:
    """Make an empty cluster a network: logins, database, closed catalogues, schemas `public` and `oem`.

    Several nodes may start at once: they take turns. A manufacturer's schema that has rows and cannot be brought
    forward is fenced off with its reason, and the dealerships go on without it.
    """
    create_roles_and_database()
    progress("logins and database are ready")
    with alone():
        bring_up_public()
        progress("the directory is up to date")
        problem = _bring_up_portal_or_fence()
    progress(
        f"the manufacturer's schema is fenced off: {problem}" if problem else "the manufacturer's schema is up to date"
    )


def _bring_up_portal_or_fence() -> str:
    try:
        bring_up_portal()
    except (DatabaseError, InterfaceError) as error:
        with bound(Owner()):
            lives = bool(applied_in(PORTAL_SCHEMA))
        if not lives:  # a network that has none yet is not one
            raise
        log.exception("the manufacturer's schema could not be brought up")
        fence(rendering.MANUFACTURER, PORTAL_SCHEMA, str(error).strip())
        return str(error).strip()
    return ""


def bring_up_public() -> None:
    """Bring the schema `public` up to date."""
    with bound(Owner()):
        bring_up(rendering.PUBLIC, PUBLIC_SCHEMA)


def bring_up_portal() -> None:
    """Bring the manufacturer's schema up to date, with its row and host in the directory."""
    with bound(Owner()):
        _manufacturer()
    with bound(Owner(PORTAL_SCHEMA)):
        bring_up(rendering.MANUFACTURER, PORTAL_SCHEMA)


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


def bring_up(kind: str, schema: str) -> bool:
    """Bring one schema up to date. Runs bound to `Owner(schema)`. True when it had work.

    An empty one is made in one transaction; one with rows goes through what it lacks step by step.
    """
    applied = applied_in(schema)
    script = rendering.render(kind, applied=applied)
    if applied and not script.steps and noted(schema) == script.checksum:
        return False
    if applied:
        stepping.go(kind, schema, script)
        return True
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(making(kind, schema, script))
    return True


def making(kind: str, schema: str, script: Script, *, note: bool = True) -> str:
    """What makes an empty schema whole, for one transaction and in one round trip.

    Data steps are for rows that older releases left and do nothing here; what a new dealership needs comes with the
    joining steps. `note`: write into the ledger where the schema stands.
    """
    out = ["SET LOCAL lock_timeout = '5s'"]
    if schema != PUBLIC_SCHEMA:
        out += [f'CREATE SCHEMA IF NOT EXISTS "{schema}"', f'REVOKE ALL ON SCHEMA "{schema}" FROM PUBLIC']
    out.append(f'SET LOCAL search_path = "{schema}", public')
    out.append(rendering.MIGRATIONS_TABLE.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1))
    out.append(script.text())
    out.append(mark(script.migrations))
    out += rendering.grant_statements(kind, schema, fresh=True)
    if note:
        out.append(noting(kind, schema))
    return ";\n".join(out)
