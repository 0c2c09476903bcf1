"""Writing everything of this dealership into one file, under its own login.

The file lies among the dealership's files, outside every export, until its time is over.
"""

from __future__ import annotations

import importlib.metadata
import logging
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from dealer.organisation import logos
from dealer.organisation.models import EXPORT_TRANSITIONS, Export, ExportState
from dealer.organisation.queries import profile
from exchange import hints
from kernel import audit, clock
from kernel.accounts.actors import SYSTEM
from kernel.moving import bundles
from kernel.moving.bundles import About, Progress
from kernel.moving.snapshots import snapshot
from kernel.tenancy.bindings import current
from kernel.tenancy.tasks import DEALERS_QUEUE
from kernel.transitions import move

log = logging.getLogger(__name__)

FOLDER = "exports"
MAKE_EXPORT = "organisation.make_export"
#: How long a finished file can be fetched.
KEPT_FOR = timedelta(days=settings.EXPORT_KEPT_DAYS)
#: After so long without a word from the worker that writes an export, another begins it anew.
SILENT_FOR = timedelta(minutes=2)


def own_files(dealer_id: UUID) -> list[tuple[str, Path]]:
    """Names and paths of a dealership's files, without exports and drafts."""
    folder = logos.folder(dealer_id)
    found = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return [(str(path.relative_to(folder)), path) for path in found if path.relative_to(folder).parts[0] != FOLDER]


def write(target: Path, progress: Progress = lambda done, of, rows: None) -> dict[str, Any]:
    """Write everything of the bound dealership to `target`; the manifest, with `sha256` and `bytes` of the file."""
    mine = profile()
    with snapshot() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations ORDER BY app, name")
        about = About(
            id=str(mine.id),
            slug=mine.slug,
            name=mine.name,
            manufacturer=mine.manufacturer_name,
            release=importlib.metadata.version("dealernet"),
            migrations=[list(row) for row in cursor.fetchall()],
            made_at=clock.now(),
        )
        files = own_files(mine.id)
        return bundles.write(
            target, cursor=cursor, schema=current().schema, about=about, files=files, progress=progress
        )


def hint(export: Export) -> None:
    """Have a worker write it. Losing the hint costs minutes: the sweep finds the row."""
    hints.send_task(MAKE_EXPORT, str(profile().id), str(export.pk), queue=DEALERS_QUEUE)


def make(export_id: UUID) -> bool:
    """Write an export that was asked for; False when there is nothing to do or another worker is at it.

    One that a killed worker left is written from the start. What goes wrong is kept on the row, in words.
    """
    dealer_id = profile().id
    export = _claimed(export_id)
    if export is None:
        return False
    move(export, "state", ExportState.RUNNING, EXPORT_TRANSITIONS)
    export.save(update_fields=["state"])
    name = f"dealernet-{profile().slug}-{clock.now():%Y%m%d-%H%M%S}-{secrets.token_hex(4)}.zip"
    folder = logos.folder(dealer_id) / FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)

    def progress(done: int, of: int, rows: int) -> None:
        Export.objects.filter(pk=export_id).update(tables=of, tables_done=done, rows=rows, worked_at=clock.now())

    try:
        made = write(folder / name, progress)
    except Exception as problem:
        log.exception("export %s failed", export_id)
        _finish(export, ExportState.FAILED, problem=f"{type(problem).__name__}: {problem}"[:300])
        return True
    _finish(
        export, ExportState.DONE, file=name, sha256=made["sha256"], bytes=made["bytes"], rows=made["rows"],
        expires_at=clock.now() + KEPT_FOR,
    )  # fmt: skip
    return True


def _claimed(export_id: UUID) -> Export | None:
    """The export, when this worker is the one to write it: nobody else was heard of at it for a while. One statement,
    so that of two only one has it; a lock of the session would not hold behind a pooler."""
    now = clock.now()
    free = Q(worked_at=None) | Q(worked_at__lt=now - SILENT_FOR)
    unfinished = Export.objects.filter(pk=export_id, state__in=(ExportState.WAITING, ExportState.RUNNING))
    return unfinished.get() if unfinished.filter(free).update(worked_at=now) else None


@transaction.atomic
def _finish(export: Export, state: ExportState, **found: Any) -> None:
    export.refresh_from_db()
    move(export, "state", state, EXPORT_TRANSITIONS)
    export.finished_at = clock.now()
    for name, value in found.items():
        setattr(export, name, value)
    export.save()
    after = {"state": state, "rows": export.rows, "bytes": export.bytes, "sha256": export.sha256}
    audit.record(actor=SYSTEM, action="organisation.make_export", obj=export, after=after, note=export.problem)


def path_of(export: Export) -> Path:
    """Where a finished export lies."""
    return logos.folder(profile().id) / FOLDER / export.file


def tidy() -> int:
    """Delete files whose time is over, and hint again at what waits or was left; returns how many were deleted."""
    late = Export.objects.filter(state=ExportState.DONE, expires_at__lte=clock.now())
    deleted = 0
    for export in late:
        path_of(export).unlink(missing_ok=True)
        move(export, "state", ExportState.EXPIRED, EXPORT_TRANSITIONS)
        export.save(update_fields=["state"])
        audit.record(actor=SYSTEM, action="organisation.delete_export", obj=export, after={"file": export.file})
        deleted += 1
    for export in Export.objects.filter(state__in=(ExportState.WAITING, ExportState.RUNNING)):
        hint(export)
    return deleted
