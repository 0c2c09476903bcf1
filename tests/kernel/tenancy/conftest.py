"""What tests of the wall share: the next release, one app's migrations with more of them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from kernel.tenancy import rendering

_MORE = """
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [({label!r}, "0001_initial")]
    operations = [{operation}]
"""


@pytest.fixture
def next_release(monkeypatch: Any, settings: Any, tmp_path: Path) -> Iterator[Callable[[str, str], None]]:
    """`next_release(app, operation)`: from here on the app (its import path) has a migration `0002_next` with this
    operation, as source text."""

    def release(app: str, operation: str) -> None:
        label = app.rpartition(".")[2]
        package = tmp_path / f"next_{uuid4().hex}"  # imported modules are remembered by name
        package.mkdir()
        (package / "__init__.py").touch()
        first = importlib.import_module(f"{app}.migrations.0001_initial")
        (package / "0001_initial.py").write_text(Path(first.__file__ or "").read_text())
        (package / "0002_next.py").write_text(_MORE.format(label=label, operation=operation))
        monkeypatch.syspath_prepend(str(tmp_path))
        settings.MIGRATION_MODULES = {**settings.MIGRATION_MODULES, label: package.name}
        rendering.rendered.cache_clear()

    yield release
    rendering.rendered.cache_clear()
