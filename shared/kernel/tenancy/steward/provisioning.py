"""Provisioning: what makes a dealership ready to work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from psycopg2 import sql

from kernel.checkpoints import reached
from kernel.tenancy import rendering
from kernel.tenancy.bindings import Owner, bound, schema_of
from kernel.tenancy.models import Domain, Kind, State, Tenant
from kernel.tenancy.steward.logins import set_up_login
from kernel.tenancy.steward.progress import Progress
from kernel.tenancy.steward.schemas import bring_up

JoiningStep = Callable[[dict[str, Any]], None]
_joining_steps: list[tuple[str, JoiningStep]] = []


def joining_step(name: str) -> Callable[[JoiningStep], JoiningStep]:
    """Register what an app does when a dealership joins, in its `joining.py`. Runs as owner with the path of the new
    schema, with the request's arguments, and must be idempotent. Steps run in the order of their names."""

    def register(step: JoiningStep) -> JoiningStep:
        _joining_steps.append((name, step))
        _joining_steps.sort(key=lambda entry: entry[0])
        return step

    return register


def provision(arguments: dict[str, Any], progress: Progress = lambda step: None) -> Tenant:
    """Make a dealership ready to work.

    `arguments`: `id` (UUID as text), `slug`, `name`, and what joining steps read (`users`, `province`, …).
    Killed at any point and run again it ends in the same state. One that lives already is left as it is: the portal
    writes the arguments, and joining steps write into the house. Raises ValueError for a dealership that is retired.
    """
    dealer_id = UUID(arguments["id"])
    schema = schema_of(dealer_id)
    with bound(Owner()):
        _refuse_used_names(dealer_id, arguments["slug"])
        tenant, _ = Tenant.objects.get_or_create(
            id=dealer_id,
            defaults={
                "kind": Kind.DEALERSHIP,
                "slug": arguments["slug"],
                "name": arguments["name"],
                "schema_name": schema,
            },
        )
        if tenant.state == State.RETIRED:
            raise ValueError(f"{tenant.slug} is retired: its login stays locked")
        if tenant.state == State.DROPPED:
            raise ValueError(f"{tenant.slug} has left and its data is deleted: its id and names are not used again")
        if tenant.state == State.ACTIVE:
            return tenant
        reached("member")
        progress("login")
        with transaction.atomic(), connection.cursor() as cursor:
            set_up_login(cursor, schema, "dealer")
            cursor.execute(sql.SQL("GRANT dealerships TO {}").format(sql.Identifier(schema)))
        reached("login")
    with bound(Owner(schema)):
        progress("schema")
        bring_up(rendering.DEALERSHIP, schema)
        reached("schema")
        for name, step in _joining_steps:
            progress(name)
            with transaction.atomic():
                step(arguments)
            reached("joining step")
    with bound(Owner()):
        progress("domain")
        with transaction.atomic():
            Domain.objects.get_or_create(
                domain=f"{tenant.slug}.{settings.BASE_DOMAIN}",
                defaults={"tenant": tenant, "is_primary": True},
            )
            Tenant.objects.filter(id=dealer_id, state=State.JOINING).update(state=State.ACTIVE)
            tenant.refresh_from_db()
        reached("domain")
    return tenant


def _refuse_used_names(dealer_id: UUID, slug: str) -> None:
    """What once belonged to somebody else never belongs to another: cookies, links and backups still name it."""
    other = Tenant.objects.filter(slug=slug).exclude(id=dealer_id).first()
    if other is not None:
        raise ValueError(f"the address name {slug} belongs to another dealership, or did (it is {other.state})")
    other = Tenant.objects.filter(schema_name=schema_of(dealer_id)).exclude(id=dealer_id).first()
    if other is not None:
        raise ValueError(f"the schema name of {slug} belongs to {other.slug} already")
