"""What every dealership's tables and files take. Only the owner can see: sizes are closed to dealerships, for they
would tell of others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from kernel import clock
from kernel.tenancy.bindings import Owner, bound
from kernel.tenancy.models import Kind, State, Tenant, Usage
from kernel.tenancy.steward.progress import Progress

_SIZES = """
SELECT t.id, coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint
FROM public.tenancy_tenant t
LEFT JOIN pg_namespace n ON n.nspname = t.schema_name
LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'm', 'p')
WHERE t.kind = %s AND t.state = %s GROUP BY t.id
"""


def measure(arguments: dict[str, Any], progress: Progress = lambda step: None) -> int:
    """Measure the storage of every active dealership and write it down; returns how many there are."""
    with bound(Owner()):
        with connection.cursor() as cursor:
            cursor.execute(_SIZES, [Kind.DEALERSHIP, State.ACTIVE])
            sizes: dict[UUID, int] = dict(cursor.fetchall())
        rows = [
            Usage(
                tenant=Tenant(id=id_),
                table_bytes=size,
                file_bytes=_file_bytes(Path(settings.MEDIA_ROOT) / str(id_)),
                measured_at=clock.now(),
            )
            for id_, size in sizes.items()
        ]
        with transaction.atomic():
            Usage.objects.bulk_create(
                rows,
                update_conflicts=True,
                unique_fields=["tenant"],
                update_fields=["table_bytes", "file_bytes", "measured_at"],
            )
    return len(rows)


def _file_bytes(folder: Path) -> int:
    total = 0
    for place, _folders, names in os.walk(folder):
        for name in names:
            total += os.lstat(os.path.join(place, name)).st_size
    return total
