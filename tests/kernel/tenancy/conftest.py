"""What tests of the wall share: the next release, one app's migrations with more of them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from kernel.tenancy import recording, rendering
from kernel.tenancy.steward import stepping

_MORE = """
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

class Migration(migrations.Migration):
    atomic = {atomic}
    dependencies = [({label!r}, {latest!r})]
    operations = [{operations}]
"""


@pytest.fixture
def next_release(monkeypatch: Any, settings: Any, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """`next_release(app, operation, …)`: from here on the app (its import path) has a migration `9999_next` with these
    operations, as source text."""

    def release(app: str, *operations: str, atomic: bool = True) -> None:
        label = app.rpartition(".")[2]
        package = tmp_path / f"next_{uuid4().hex}"  # imported modules are remembered by name
        package.mkdir()
        (package / "__init__.py").touch()
        first = importlib.import_module(f"{app}.migrations.0001_initial")
        latest = "0001_initial"
        for path in sorted(Path(first.__file__ or "").parent.glob("0*.py")):
            (package / path.name).write_text(path.read_text())
            latest = path.stem
        text = _MORE.format(label=label, operations=", ".join(operations), latest=latest, atomic=atomic)
        (package / "9999_next.py").write_text(text)
        monkeypatch.syspath_prepend(str(tmp_path))
        settings.MIGRATION_MODULES = {**settings.MIGRATION_MODULES, label: package.name}
        _record(settings, tmp_path / "schemas")

    yield release
    rendering.forget()
    stepping.forget()


def _record(settings: Any, folder: Path) -> None:
    """What `make schemas` does, into a folder of the test."""
    folder.mkdir(exist_ok=True)
    texts = {kind: recording.record_file(kind, rendering.steps(kind)) for kind in rendering.KINDS}
    settings.SCHEMAS_FOLDER = folder
    for kind, text in texts.items():
        rendering.file_of(kind).write_text(text, encoding="utf-8")
    rendering.forget()
    stepping.forget()
