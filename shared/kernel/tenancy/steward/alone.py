"""One at a time in the whole network, whichever node it runs on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kernel.tenancy.steward.logins import open_connection


@contextmanager
def alone() -> Iterator[None]:
    """Only one brings schemas forward: another waits here, and then finds nothing to do. The lock goes with its
    session, so one that is killed holds nobody up."""
    raw = open_connection()
    try:
        with raw.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(hashtextextended('dealernet fleet upgrade', 0))")
        yield
    finally:
        raw.close()
