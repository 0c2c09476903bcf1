"""The next release, as tests need it: one app's migrations with more of them."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any
from uuid import uuid4

_MORE = """
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [({label!r}, "0001_initial")]
    operations = [{operation}]
"""


def next_release(monkeypatch: Any, settings: Any, folder: Path, *, app: str, operation: str) -> None:
    """From here on the app (its import path) has a migration `0002_next` with this operation, as source text."""
    label = app.rpartition(".")[2]
    package = folder / f"next_{uuid4().hex}"  # imported modules are remembered by name
    package.mkdir()
    (package / "__init__.py").touch()
    first = importlib.import_module(f"{app}.migrations.0001_initial")
    (package / "0001_initial.py").write_text(Path(first.__file__ or "").read_text())
    (package / "0002_next.py").write_text(_MORE.format(label=label, operation=operation))
    monkeypatch.syspath_prepend(str(folder))
    settings.MIGRATION_MODULES = {**settings.MIGRATION_MODULES, label: package.name}
