"""Plain connections of the owner's login, beside Django's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from django.db import connection
from psycopg2 import sql

from kernel.moving.snapshots import PLAIN
from kernel.tenancy import keys


def parameters() -> dict[str, str]:
    """Where the network's database is, as libpq names it, for the owner."""
    found = connection.settings_dict
    return {
        "host": found["HOST"] or "",
        "port": str(found["PORT"] or ""),
        "dbname": found["NAME"],
        "user": "owner",
        "password": keys.password("owner"),
    }


@contextmanager
def owner() -> Iterator[Any]:
    """A cursor in one transaction of the owner: committed when the block ends well, else rolled back."""
    raw = psycopg2.connect(**{key: value for key, value in parameters().items() if value})
    try:
        with raw, raw.cursor() as cursor:
            cursor.execute(f"{PLAIN}; SET LOCAL lock_timeout = '15s'")
            yield cursor
    finally:
        raw.close()


def lock_login(cursor: Any, login: str, *, locked: bool) -> None:
    """Let a login in, or not."""
    word = sql.SQL("NOLOGIN" if locked else "LOGIN")
    cursor.execute(sql.SQL("ALTER ROLE {} {}").format(sql.Identifier(login), word))


def schema_exists(cursor: Any, schema: str) -> bool:
    """Whether there is a schema of this name."""
    cursor.execute("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %s", [schema])
    return cursor.fetchone() is not None


def login_exists(cursor: Any, login: str) -> bool:
    """Whether there is a login of this name."""
    cursor.execute("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = %s", [login])
    return cursor.fetchone() is not None


def count_on(cursor: Any, schema: str, *, beyond: str = "") -> None:
    """Set every sequence of a schema after the highest number in its column, and after that of the schema `beyond`."""
    cursor.execute(
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE table_schema = %s AND is_identity = 'YES' ORDER BY 1, 2",
        [schema],
    )
    for table, column in cursor.fetchall():
        cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [f'"{schema}"."{table}"', column])
        sequence = cursor.fetchone()[0]
        cursor.execute(f'SELECT coalesce(max("{column}"), 0) FROM "{schema}"."{table}"')
        last = cursor.fetchone()[0]
        if beyond:
            cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [f'"{beyond}"."{table}"', column])
            cursor.execute(f"SELECT last_value FROM {cursor.fetchone()[0]}")
            last = max(last, cursor.fetchone()[0])
        if last:
            cursor.execute("SELECT setval(%s, %s)", [sequence, last])
