"""What belongs to nobody, and members that lack something: nothing, whatever was killed."""

from __future__ import annotations

from django.db import connection

from kernel.tenancy.bindings import Owner, bound, is_dealer_schema
from kernel.tenancy.models import Domain, Kind, SchemaState, State, Tenant


def orphans() -> list[str]:
    """Sentences, one for each schema, login, ledger row or host without its dealership, and for each active dealership
    without one of them. Needs the owner's key."""
    with bound(Owner()), connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace")
        schemas = {name for (name,) in cursor.fetchall() if is_dealer_schema(name)}
        cursor.execute("SELECT rolname FROM pg_roles")
        logins = {name for (name,) in cursor.fetchall() if is_dealer_schema(name)}
        members = {one.schema_name: one for one in Tenant.objects.filter(kind=Kind.DEALERSHIP)}
        noted = set(SchemaState.objects.filter(kind=Kind.DEALERSHIP).values_list("schema_name", flat=True))
        hosts = dict(Domain.objects.values_list("domain", "tenant__schema_name"))
    found = [f"schema {name} has no dealership" for name in sorted(schemas - set(members))]
    found += [f"login {name} has no dealership" for name in sorted(logins - set(members))]
    found += [f"the ledger knows {name}, which has no dealership" for name in sorted(noted - set(members))]
    for schema, member in sorted(members.items()):
        led = [host for host, name in hosts.items() if name == schema]
        if member.state != State.ACTIVE:
            found += [f"{host} leads to {member.slug}, which is {member.state}" for host in led]
            continue
        for what, there in (
            ("schema", schema in schemas),
            ("login", schema in logins),
            ("ledger row", schema in noted),
        ):
            if not there:
                found.append(f"{member.slug} has no {what}")
        if not led:
            found.append(f"{member.slug} has no host")
    return found
