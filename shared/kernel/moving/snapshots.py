"""One moment of one schema, read under the login in force, however long the reading takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

#: How rows are written down must not depend on the server's settings: hashes compare it.
PLAIN = "SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL extra_float_digits = 1"
#: It only reads, so it may take longer than a login's transactions otherwise may.
_PATIENT = (
    "SET LOCAL statement_timeout = '30min'; SET LOCAL transaction_timeout = 0; "
    "SET LOCAL idle_in_transaction_session_timeout = '10min'"
)


@contextmanager
def snapshot() -> Iterator[Any]:
    """A plain cursor in a read-only REPEATABLE READ transaction on a connection of its own, so that the caller's can
    write progress. Bound to whose data it is."""
    raw = connection.get_new_connection(connection.get_connection_params())
    try:
        raw.autocommit = True
        with raw.cursor() as cursor:
            cursor.execute(f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {PLAIN}; {_PATIENT}")
            yield cursor
            cursor.execute("COMMIT")
    finally:
        raw.close()
