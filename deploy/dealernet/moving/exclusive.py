"""Being the only one who works at a dealership: its login locked, everybody else's connections ended, one left to us.

A session of the dealership's login is opened first; then the login is locked and the others are ended. What is done
through it is done under the dealership's own rights, and nobody comes in between, whatever it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import ParamSpec, TypeVar
from uuid import UUID

from django.db import connection

from dealernet.moving.owning import lock_login, owner
from exchange import inbox
from kernel.tenancy.bindings import Dealer, bound, schema_of

P = ParamSpec("P")
T = TypeVar("T")


class Session:
    """The one session of a dealership's login, in a thread of its own: a thread has one binding at a time."""

    def __init__(self, dealer_id: UUID) -> None:
        self._binding = Dealer(dealer_id)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="dealership")
        self._stack = ExitStack()

    def open(self) -> int:
        """Begin the session, holding the turn at the inbox; the server's number of it."""

        def begin() -> int:
            self._stack.enter_context(bound(self._binding))
            self._stack.callback(connection.close)  # never back into the pool
            inbox.hold_turn()
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                return int(cursor.fetchone()[0])

        return self._thread.submit(begin).result()

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function under the dealership's binding."""
        return self._thread.submit(function, *args, **kwargs).result()

    def close(self) -> None:
        """End the session."""
        try:
            self._thread.submit(self._stack.close).result()
        finally:
            self._thread.shutdown()


def _end(numbers: list[int]) -> None:
    with connection.cursor() as cursor:
        for number in numbers:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [number])


@contextmanager
def exclusively(dealer_id: UUID) -> Iterator[Session]:
    """Work as the only session of a dealership. Its login is locked afterwards: whoever calls lets it in again, or not.

    Called unbound, by whoever holds the owner's key and the dealerships'.
    """
    login = schema_of(dealer_id)
    with owner() as cursor:
        lock_login(cursor, login, locked=False)  # one that was killed here left it locked
    session = Session(dealer_id)
    try:
        mine = session.open()
        with owner() as cursor:
            lock_login(cursor, login, locked=True)
        with owner() as cursor:
            cursor.execute(
                "SELECT pid FROM pg_catalog.pg_stat_activity WHERE usename = %s AND pid <> %s", [login, mine]
            )
            others = [int(row[0]) for row in cursor.fetchall()]
        session.run(_end, others)
        yield session
    finally:
        session.close()


def let_in(dealer_id: UUID) -> None:
    """Unlock a dealership's login."""
    with owner() as cursor:
        lock_login(cursor, schema_of(dealer_id), locked=False)
