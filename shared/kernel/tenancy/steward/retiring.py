"""The end of a dealership: closed at once, its data kept for a time, then deleted. Its names are never used again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from psycopg2 import sql

from kernel import clock
from kernel.checkpoints import reached
from kernel.tenancy.bindings import Owner, bound
from kernel.tenancy.models import Domain, Kind, Move, SchemaState, State, Tenant
from kernel.tenancy.steward import domains
from kernel.tenancy.steward.progress import Progress


class TooEarly(Exception):
    """The data of a dealership may not be deleted yet."""


def close_host(slug: str) -> Tenant:
    """Let a dealership's hosts answer nobody any more: nobody signs in. Names of its own stay kept for it. Unbound."""
    with bound(Owner()), transaction.atomic():
        tenant = Tenant.objects.get(slug=slug, kind=Kind.DEALERSHIP)
        domains.end_all(tenant)
        Domain.objects.filter(tenant=tenant).delete()
    return tenant


def retire(arguments: dict[str, Any], progress: Progress = lambda step: None) -> None:
    """Close a dealership: its host stops answering and its login is locked. The schema stays until it is dropped.

    `arguments`: `slug`; `drop_after_days`, how long its data is kept at least (DROP_AFTER_DAYS without it).
    """
    progress("domain")
    tenant = close_host(arguments["slug"])
    days = int(arguments.get("drop_after_days") or settings.DROP_AFTER_DAYS)
    with bound(Owner()), transaction.atomic(), connection.cursor() as cursor:
        Tenant.objects.filter(id=tenant.id).exclude(state=State.DROPPED).update(state=State.RETIRED)
        _begin_keeping(tenant, days)
        cursor.execute("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = %s", [tenant.schema_name])
        if cursor.fetchone():
            cursor.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(tenant.schema_name)))


def _begin_keeping(tenant: Tenant, days: int) -> None:
    """Note when a dealership left and until when its data is kept. Noted once: a second run changes nothing."""
    now = clock.now()
    Tenant.objects.filter(id=tenant.id, retired_at=None).update(retired_at=now, drop_after=now + timedelta(days=days))
    tenant.refresh_from_db()


def drop(arguments: dict[str, Any], progress: Progress = lambda step: None) -> None:
    """Delete the schemas and the login of a retired dealership, in one transaction; its row in the directory stays.

    Raises TooEarly before its time, ValueError for one that is not retired. Again it changes nothing.
    """
    with bound(Owner()):
        tenant = Tenant.objects.get(slug=arguments["slug"], kind=Kind.DEALERSHIP)
        if tenant.state == State.DROPPED:
            return
        if tenant.state != State.RETIRED:
            raise ValueError(f"{tenant.slug} is not retired: retire it first")
        _begin_keeping(tenant, settings.DROP_AFTER_DAYS)  # one that the first release retired has no dates yet
        assert tenant.drop_after is not None
        if clock.now() < tenant.drop_after:
            raise TooEarly(f"the data of {tenant.slug} is kept until {tenant.drop_after:%Y-%m-%d}")
        progress("schema")
        kept = Move.objects.filter(tenant=tenant, dropped_at=None).exclude(kept_schema="")
        schemas = [tenant.schema_name, *kept.values_list("kept_schema", flat=True)]
        with transaction.atomic(), connection.cursor() as cursor:
            for schema in schemas:
                cursor.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))
            cursor.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(tenant.schema_name)))
            SchemaState.objects.filter(schema_name__in=schemas).delete()
            kept.update(dropped_at=clock.now())
            Tenant.objects.filter(id=tenant.id).update(state=State.DROPPED, dropped_at=clock.now())
            reached("schema dropped")
        reached("drop committed")


def drop_kept(arguments: dict[str, Any], progress: Progress = lambda step: None) -> int:
    """Delete the tables that restores of a dealership (`slug`) set aside; how many schemas that were."""
    dropped = 0
    with bound(Owner()):
        kept = Move.objects.filter(tenant__slug=arguments["slug"], dropped_at=None).exclude(kept_schema="")
        for move in kept.exclude(settled_at=None):
            progress(move.kept_schema)
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(move.kept_schema)))
                Move.objects.filter(id=move.id).update(dropped_at=clock.now())
            dropped += 1
    return dropped
