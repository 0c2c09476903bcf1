"""Retiring: how a dealership ends."""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction
from psycopg2 import sql

from kernel.tenancy.bindings import Owner, bound
from kernel.tenancy.models import Domain, Kind, State, Tenant
from kernel.tenancy.steward.progress import Progress


def retire(arguments: dict[str, Any], progress: Progress = lambda step: None) -> None:
    """Close a dealership: its host stops answering and its login is locked. The schema stays until it is dropped."""
    with bound(Owner()):
        tenant = Tenant.objects.get(slug=arguments["slug"], kind=Kind.DEALERSHIP)
        progress("domain")
        with transaction.atomic(), connection.cursor() as cursor:
            Domain.objects.filter(tenant=tenant).delete()
            Tenant.objects.filter(id=tenant.id).update(state=State.RETIRED)
            cursor.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(tenant.schema_name)))
