"""What the peer does, timed: `python -m dealernet.bench.peer.run create|clone|noop|migrate|memory …` prints JSON.

Each in a process of its own, so that it is the peer's own code that runs and nothing of ours is loaded but the apps.
Times of commands are of `call_command` alone, without the start of Python and Django.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any


def main(what: str, *words: str) -> None:
    """Print one JSON document."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "dealernet.bench.peer.settings"
    import django

    django.setup()
    print(json.dumps(globals()[what](*words)))


def shared() -> dict[str, Any]:
    """Its public schema."""
    from django.core.management import call_command

    call_command("migrate_schemas", shared=True, verbosity=0)
    return {}


def create(first: str, number: str) -> dict[str, Any]:
    """Make tenants as its tutorial does: `save()` creates the schema (by migrations, or as a clone of
    TENANT_BASE_SCHEMA), then the domain. Seconds of each."""
    from dealernet.bench.peer.models import Client, Domain

    seconds = []
    for n in range(int(first), int(first) + int(number)):
        began = time.perf_counter()
        tenant = Client(schema_name=f"peer_{n:04}", name=f"Peer {n}")
        tenant.save(verbosity=0)
        Domain.objects.create(domain=f"peer-{n}.localhost", tenant=tenant, is_primary=True)
        seconds.append(time.perf_counter() - began)
    return {"seconds": seconds}


def migrate(executor: str) -> dict[str, Any]:
    """`migrate_schemas` for the tenants; with nothing to do, or with the migrations that MIGRATION_MODULES adds."""
    from django.core.management import call_command

    began = time.perf_counter()
    call_command("migrate_schemas", tenant=True, executor=executor, verbosity=0)
    return {"seconds": time.perf_counter() - began}


def memory() -> dict[str, Any]:
    """One connection that serves every tenant: a query of each table. The backend's pid, for who measures it; waits."""
    from django.apps import apps
    from django.db import connection
    from django_tenants.utils import schema_context  # noqa: TID251 - the peer's own way

    from dealernet.bench.peer import settings
    from dealernet.bench.peer.models import Client

    labels = {app.label for app in apps.get_app_configs() if app.name in settings.TENANT_APPS}
    models = [m for m in apps.get_models(include_auto_created=True) if m._meta.app_label in labels]
    schemas = list(Client.objects.exclude(schema_name="public").values_list("schema_name", flat=True))
    for schema in schemas:
        with schema_context(schema), connection.cursor() as cursor:
            for model in models:
                cursor.execute(f'SELECT 1 FROM "{model._meta.db_table}" LIMIT 1')
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        print(json.dumps({"pid": cursor.fetchone()[0], "tenants": len(schemas)}), flush=True)
    sys.stdin.readline()
    return {}


if __name__ == "__main__":
    main(*sys.argv[1:])
