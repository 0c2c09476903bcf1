"""Servers that are as they were after each test, and a folder for every dealership's files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.kernel.tenancy.conftest import next_release, release

from kernel.tenancy import steward

__all__ = ["committed", "files", "next_release", "release"]


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> Path:
    """Every dealership's files lie in a folder of this test."""
    settings.MEDIA_ROOT = tmp_path / "files"
    return tmp_path / "files"


@pytest.fixture
def committed(committed: Any) -> Iterator[Any]:
    """Logins are the server's and outlive the database, which is made anew after each test: what earlier tests left is
    cleared away first, and what this one leaves afterwards."""
    _clear_logins(committed)
    yield committed
    _clear_logins(committed)


def _clear_logins(network: Any) -> None:
    mine = [network.north.schema, network.south.schema]
    admin = steward.superuser(network.name)
    with admin.cursor() as cursor:
        cursor.execute("SELECT rolname FROM pg_roles WHERE rolname ~ '^d_[a-z2-7]{12}$' AND rolname <> ALL(%s)", [mine])
        for (login,) in cursor.fetchall():
            cursor.execute(f'DROP SCHEMA IF EXISTS "{login}" CASCADE')
            cursor.execute(f'DROP OWNED BY "{login}"')
            cursor.execute(f'DROP ROLE "{login}"')
        for login in mine:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [login])
            if cursor.fetchone():
                cursor.execute(f'ALTER ROLE "{login}" LOGIN')
    admin.close()
