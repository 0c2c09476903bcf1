"""A process-wide pool of database connections, kept by login.

A hit costs nothing but a look at the socket; a miss is a connect (3–6 ms). Because a connection never changes
its login, it never has to be reset, and a server process only ever loads the catalogue of one dealership.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections import OrderedDict
from typing import Any

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from psycopg2.extensions import connection as RawConnection  # noqa: N812 - a class, whatever psycopg2 calls it

Key = tuple[str, str]


class TooManyConnections(psycopg2.OperationalError):
    """The server, or the login's limit, had no connection left within the time we wait."""


#: What the server says when a login's, the database's or its own limit is reached (SQLSTATE 53300).
_LIMIT_MESSAGES = ("too many connections", "remaining connection slots", "sorry, too many clients")


class Pool:
    """Idle connections by login, oldest thrown out first.

    `max_idle`: idle connections kept in this process; `max_wait`: seconds to wait when the server is full;
    `max_age`: seconds after which an idle connection is not used again.
    """

    def __init__(self, *, max_idle: int = 24, max_wait: float = 5.0, max_age: float = 300.0) -> None:
        self.max_idle = max_idle
        self.max_wait = max_wait
        self.max_age = max_age
        self._lock = threading.Lock()
        self._idle: OrderedDict[int, tuple[Key, RawConnection, float]] = OrderedDict()
        self._pid = os.getpid()
        self._inherited: list[Any] = []
        self.hits = 0
        self.misses = 0

    def _after_fork(self) -> None:
        # A child must neither use nor close its parent's sockets: closing one would end the parent's session.
        if self._pid != os.getpid():
            self._inherited.extend(self._idle.values())
            self._idle = OrderedDict()
            self._pid = os.getpid()

    def get(self, key: Key) -> RawConnection | None:
        """The most recently used healthy idle connection of a login, or None."""
        with self._lock:
            self._after_fork()
            for ident, (owner, raw, since) in reversed(list(self._idle.items())):
                if owner != key:
                    continue
                del self._idle[ident]
                if time.monotonic() - since < self.max_age and _is_quiet(raw):
                    self.hits += 1
                    return raw
                raw.close()
            self.misses += 1
            return None

    def put(self, key: Key, raw: RawConnection) -> None:
        """Give a connection back. One that is closed or inside a transaction is closed instead."""
        if raw.closed or raw.info.transaction_status != TRANSACTION_STATUS_IDLE or not raw.autocommit:
            raw.close()
            return
        evicted = []
        with self._lock:
            self._after_fork()
            self._idle[id(raw)] = (key, raw, time.monotonic())
            while len(self._idle) > self.max_idle:
                evicted.append(self._idle.popitem(last=False)[1][1])
        for old in evicted:
            old.close()

    def connect(self, connect: Any, params: dict[str, Any]) -> RawConnection:
        """Open a new connection; near the server's limit give back idle ones and wait, then raise."""
        deadline = time.monotonic() + self.max_wait
        pause = 0.02
        while True:
            try:
                return connect(**params)
            except psycopg2.OperationalError as error:
                if not any(text in str(error) for text in _LIMIT_MESSAGES):
                    raise
                if time.monotonic() > deadline:
                    raise TooManyConnections(str(error)) from error
            self.shed()
            time.sleep(pause)
            pause = min(pause * 2, 0.5)

    def shed(self) -> None:
        """Close the older half of what idles, so that others can connect."""
        with self._lock:
            self._after_fork()
            old = [self._idle.popitem(last=False)[1][1] for _ in range((len(self._idle) + 1) // 2)]
        for raw in old:
            raw.close()

    def clear(self) -> None:
        """Close every idle connection of this process."""
        with self._lock:
            self._after_fork()
            entries, self._idle = list(self._idle.values()), OrderedDict()
        for _key, raw, _since in entries:
            raw.close()

    def __len__(self) -> int:
        return len(self._idle)


def _is_quiet(raw: RawConnection) -> bool:
    """Whether an idle connection is usable: open, and the server has not said anything (such as good-bye)."""
    if raw.closed:
        return False
    poller = select.poll()  # not select(), which refuses file numbers over 1023
    poller.register(raw.fileno(), select.POLLIN)
    return not poller.poll(0)


pool = Pool()
