"""The next release, invented: apps with one more migration, recorded as `make schemas` would record it."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from uuid import uuid4

from django.conf import settings

from kernel.tenancy import recording, rendering
from kernel.tenancy.steward import stepping

NAME = "9999_next"
_MORE = """
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

class Migration(migrations.Migration):
    atomic = {atomic}
    dependencies = [({label!r}, {latest!r})]
    operations = [{operations}]
"""


class NextRelease:
    """Migrations and recorded schemas in a folder, used by this process from the first `add` until `end`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules: dict[str, str] = {}
        self._before = (settings.MIGRATION_MODULES, settings.SCHEMAS_FOLDER)

    def add(self, app: str, *operations: str, atomic: bool = True) -> None:
        """From here on the app (its import path) has one more migration with these operations, as source text.

        Needs a server: the migration is recorded. Raises recording.MixedMigration.
        """
        label = app.rpartition(".")[2]
        package = self.folder / f"next_{uuid4().hex}"  # imported modules are remembered by name
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        known = importlib.import_module(self.modules.get(label, f"{app}.migrations"))
        latest = ""
        for path in sorted(Path(known.__file__ or "").parent.glob("[0-9]*.py")):
            (package / path.name).write_text(path.read_text())
            latest = path.stem
        more = len(list(package.glob(f"{NAME}*")))
        name = f"{NAME}_{more}" if more else NAME
        text = _MORE.format(label=label, operations=", ".join(operations), latest=latest, atomic=atomic)
        (package / f"{name}.py").write_text(text)
        self.modules[label] = package.name
        self._use()
        folder = self.folder / f"schemas_{package.name}"
        folder.mkdir()
        texts = {kind: recording.record_file(kind, rendering.steps(kind)) for kind in rendering.KINDS}
        settings.SCHEMAS_FOLDER = folder
        for kind, recorded in texts.items():
            rendering.file_of(kind).write_text(recorded, encoding="utf-8")
        _forget()

    def _use(self) -> None:
        if str(self.folder) not in sys.path:
            sys.path.insert(0, str(self.folder))
        importlib.invalidate_caches()
        settings.MIGRATION_MODULES = {**self._before[0], **self.modules}

    def told(self) -> str:
        """What another process has to be told to be of this release: see `of_release`."""
        return json.dumps(
            {"folder": str(self.folder), "modules": self.modules, "schemas": str(settings.SCHEMAS_FOLDER)}
        )

    def end(self) -> None:
        """Be of today's release again."""
        settings.MIGRATION_MODULES, settings.SCHEMAS_FOLDER = self._before
        if str(self.folder) in sys.path:
            sys.path.remove(str(self.folder))
        _forget()


def of_release(told: str) -> None:
    """Make this process one of an invented release (`NextRelease.told`)."""
    found = json.loads(told)
    sys.path.insert(0, found["folder"])
    settings.MIGRATION_MODULES = {**settings.MIGRATION_MODULES, **found["modules"]}
    settings.SCHEMAS_FOLDER = found["schemas"]
    _forget()


def _forget() -> None:
    rendering.forget()
    stepping.forget()
