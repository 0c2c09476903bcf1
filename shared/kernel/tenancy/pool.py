"""A process-wide pool of database connections, kept by login.

A hit costs nothing but a look at the socket; a miss is a connect (3–6 ms). Because a connection never changes
its login, it never has to be reset, and a server process only ever loads the catalogue of one dealership.

A process has at most so many connections in use, and a login at most its part of them. Who finds no place waits: in
the order of coming for one login, the logins taking turns, so that a noisy login keeps nobody but itself waiting. When
the server itself has no connection left, idle ones are given back and the wait goes on. After `max_wait` seconds it
ends in TooManyConnections.
"""

from __future__ import annotations

import os
import random
import select
import threading
import time
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg2
from prometheus_client import Counter, Gauge, Histogram
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from psycopg2.extensions import connection as RawConnection  # noqa: N812 - a class, whatever psycopg2 calls it

from kernel.tenancy.places import Full, Places

#: Login and schema: what two connections must have in common to stand in for each other.
Key = tuple[str, str]

HITS = Counter("dealernet_pool_hits", "Connections taken from those that idled", ["login"])
MISSES = Counter("dealernet_pool_misses", "Connections newly made", ["login"])
WAITS = Counter("dealernet_pool_waits", "Times that work waited for a connection", ["login", "for"])
WAITED = Histogram("dealernet_pool_wait_seconds", "How long work waited for a connection", ["login"])
REFUSALS = Counter("dealernet_pool_refusals", "Waits that ended without a connection", ["login"])
CLOSED = Counter("dealernet_pool_closed", "Connections that the pool closed", ["login", "why"])
BUSY = Gauge("dealernet_pool_busy", "Connections in use", ["login"], multiprocess_mode="livesum")
IDLE = Gauge("dealernet_pool_idle", "Connections that idle", ["login"], multiprocess_mode="livesum")

_KINDS = frozenset({"frontdesk", "oem", "courier", "owner"})

#: What the server, or a pooler in front of it, says when a limit is reached (SQLSTATE 53300, PgBouncer's own words).
_LIMIT_MESSAGES = (
    "too many connections",
    "remaining connection slots",
    "sorry, too many clients",
    "no more connections allowed",
)


class TooManyConnections(psycopg2.OperationalError):
    """The process, the server or the login's limit had no connection left within the time we wait."""


def kind_of(login: str) -> str:
    """The label of a login in metrics: dealerships are one kind, for there may be a thousand of them."""
    return login if login in _KINDS else "dealer"


@dataclass(slots=True)
class _Idle:
    key: Key
    raw: RawConnection
    since: float


@dataclass(slots=True, eq=False)
class _Lease:
    """A connection in use. `ref` notices one that was dropped without being given back."""

    login: str
    ref: weakref.ref[Any] | None = None


class Pool:
    """Connections of one process. All times in seconds.

    `max_busy`, `max_busy_per_login`: in use at once; `max_idle`, `max_idle_per_login`: kept for later; `max_wait`: how
    long work waits for a connection; `max_idle_age`: an idle connection that is older is closed; `check_after`: one
    that idled longer is asked before it is used; `max_life`: an older connection is closed when it is given back (less
    up to a tenth, so that they do not all end together).
    """

    def __init__(
        self,
        *,
        max_busy: int = 100,
        max_busy_per_login: int = 20,
        max_idle: int = 24,
        max_idle_per_login: int = 8,
        max_wait: float = 5.0,
        max_idle_age: float = 300.0,
        max_life: float = 3600.0,
        check_after: float = 60.0,
    ) -> None:
        self.max_busy, self.max_busy_per_login = max_busy, max_busy_per_login
        self.max_idle, self.max_idle_per_login = max_idle, max_idle_per_login
        self.max_wait, self.max_idle_age = max_wait, max_idle_age
        self.max_life, self.check_after = max_life, check_after
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._inherited: list[Any] = []
        self._begin()

    def configure(self, **limits: float) -> None:
        """Set limits by the names of the constructor; those not named stay."""
        for name, value in limits.items():
            if not hasattr(self, name):
                raise TypeError(f"the pool has no limit {name!r}")
            setattr(self, name, value)
        self._places.total = self.max_busy

    def _begin(self) -> None:
        self._idle: OrderedDict[int, _Idle] = OrderedDict()
        self._lent: dict[int, _Lease] = {}
        self._places = Places(self.max_busy, look=self._count_dropped)
        #: Leases whose connection was dropped; filled by the garbage collector, which may take no lock.
        self._dropped: deque[tuple[int, _Lease]] = deque()
        #: When connections end their life, by identity; goes with them.
        self._ends: weakref.WeakKeyDictionary[Any, float] = weakref.WeakKeyDictionary()

    def _after_fork(self) -> None:
        # A child must neither use nor close its parent's sockets: closing one would end the parent's session.
        if self._pid != os.getpid():
            self._inherited.extend([*self._idle.values(), self._lent, self._ends])
            self._begin()
            self._pid = os.getpid()

    # -- taking and giving back ----------------------------------------------------------------------------

    def take(self, key: Key, connect: Callable[[], RawConnection]) -> RawConnection:
        """A healthy connection of this login: the one used last, or a new one.

        Raises TooManyConnections when there is none within `max_wait`, and what `connect` raises.
        """
        deadline = time.monotonic() + self.max_wait
        self._occupy(key[0])
        try:
            raw = self._from_idle(key) or self._made(key, connect, deadline)
        except BaseException:
            self._free(key[0])
            raise
        with self._lock:
            self._lend(key[0], raw)
        return raw

    def put(self, key: Key, raw: RawConnection) -> None:
        """Give a connection back. One that is closed, old or inside a transaction is closed instead."""
        usable = not raw.closed and raw.info.transaction_status == TRANSACTION_STATUS_IDLE and raw.autocommit
        now = time.monotonic()
        doomed: list[tuple[str, RawConnection, str]] = []
        with self._lock:
            self._after_fork()
            self._end_lease(raw)
            if usable and self._ends.get(raw, now + 1) > now:
                self._idle[id(raw)] = _Idle(key, raw, now)
                IDLE.labels(kind_of(key[0])).inc()
                doomed += self._surplus(key[0], now)
            else:
                doomed.append((key[0], raw, "old" if usable else "unusable"))
        self._close(doomed)

    def discard(self, raw: RawConnection) -> None:
        """A connection in use was closed by its user and does not come back. Saying it again does no harm."""
        with self._lock:
            self._after_fork()
            self._end_lease(raw)

    def shed(self) -> None:
        """Close the older half of what idles, so that others can connect."""
        with self._lock:
            self._after_fork()
            old = [self._out(next(iter(self._idle)), "shed") for _ in range((len(self._idle) + 1) // 2)]
        self._close(old)

    def clear(self) -> None:
        """Close every idle connection of this process."""
        with self._lock:
            self._after_fork()
            all_of_them = [self._out(ident, "clear") for ident in list(self._idle)]
        self._close(all_of_them)

    def __len__(self) -> int:
        """How many idle."""
        return len(self._idle)

    def busy(self, login: str | None = None) -> int:
        """How many are in use: of one login, or of all."""
        with self._lock:
            self._after_fork()
        self._count_dropped()
        return self._places.taken(login)

    def waiting(self, login: str) -> int:
        """How much work of a login waits for a connection."""
        return self._places.waiting(login)

    # -- places --------------------------------------------------------------------------------------------

    def _occupy(self, login: str) -> None:
        with self._lock:
            self._after_fork()
        self._count_dropped()
        try:
            waited = self._places.occupy(login, most=self.max_busy_per_login, wait=self.max_wait)
        except Full as full:
            WAITS.labels(kind_of(login), "process").inc()
            REFUSALS.labels(kind_of(login)).inc()
            raise TooManyConnections(f"too many connections of this process are in use: {full}") from None
        if waited:
            WAITS.labels(kind_of(login), "process").inc()
            WAITED.labels(kind_of(login)).observe(waited)
        BUSY.labels(kind_of(login)).inc()

    def _free(self, login: str) -> None:
        BUSY.labels(kind_of(login)).dec()
        self._places.free(login)

    def _lend(self, login: str, raw: RawConnection) -> None:
        ident, lease = id(raw), _Lease(login)
        dropped = self._dropped
        lease.ref = weakref.ref(raw, lambda _ref: dropped.append((ident, lease)))
        if ident in self._lent:  # a dropped connection whose identity was used again
            self._free(self._lent.pop(ident).login)
        self._lent[ident] = lease

    def _end_lease(self, raw: RawConnection) -> None:
        lease = self._lent.pop(id(raw), None)
        if lease:
            self._free(lease.login)

    def _count_dropped(self) -> None:
        with self._lock:
            while self._dropped:
                ident, lease = self._dropped.popleft()
                if self._lent.get(ident) is lease:
                    del self._lent[ident]
                    self._free(lease.login)

    # -- connections ---------------------------------------------------------------------------------------

    def _from_idle(self, key: Key) -> RawConnection | None:
        """The most recently used healthy idle connection of a login, or None."""
        while True:
            with self._lock:
                ident = next((i for i, idle in reversed(self._idle.items()) if idle.key == key), None)
                if ident is None:
                    return None
                idle = self._idle.pop(ident)
                IDLE.labels(kind_of(key[0])).dec()
            age = time.monotonic() - idle.since
            if age < self.max_idle_age and _is_quiet(idle.raw) and (age < self.check_after or _answers(idle.raw)):
                HITS.labels(kind_of(key[0])).inc()
                return idle.raw
            self._close([(key[0], idle.raw, "aged" if age >= self.max_idle_age else "broken")])

    def _made(self, key: Key, connect: Callable[[], RawConnection], deadline: float) -> RawConnection:
        """A new connection; near the server's limit idle ones are given back and it waits, then raises."""
        pause = 0.02
        while True:
            try:
                raw = connect()
                break
            except psycopg2.OperationalError as error:
                if not any(text in str(error) for text in _LIMIT_MESSAGES):
                    raise
                if time.monotonic() > deadline:
                    REFUSALS.labels(kind_of(key[0])).inc()
                    raise TooManyConnections(str(error)) from error
            WAITS.labels(kind_of(key[0]), "server").inc()
            self.shed()
            time.sleep(pause)
            pause = min(pause * 2, 0.5)
        MISSES.labels(kind_of(key[0])).inc()
        jitter = random.uniform(0.9, 1.0)  # noqa: S311 - spreads work, keeps no secret
        with self._lock:
            self._ends[raw] = time.monotonic() + self.max_life * jitter
        return raw

    def _surplus(self, login: str, now: float) -> list[tuple[str, RawConnection, str]]:
        """What idles for too long, or is too much; taken out."""
        found = []
        while self._idle and now - next(iter(self._idle.values())).since >= self.max_idle_age:
            found.append(self._out(next(iter(self._idle)), "aged"))
        own = [ident for ident, idle in self._idle.items() if idle.key[0] == login]
        found += [self._out(ident, "login's limit") for ident in own[: max(0, len(own) - self.max_idle_per_login)]]
        while len(self._idle) > self.max_idle:
            found.append(self._out(next(iter(self._idle)), "limit"))
        return found

    def _out(self, ident: int, why: str) -> tuple[str, RawConnection, str]:
        idle = self._idle.pop(ident)
        IDLE.labels(kind_of(idle.key[0])).dec()
        return idle.key[0], idle.raw, why

    @staticmethod
    def _close(doomed: list[tuple[str, RawConnection, str]]) -> None:
        for login, raw, why in doomed:
            CLOSED.labels(kind_of(login), why).inc()
            raw.close()


def _is_quiet(raw: RawConnection) -> bool:
    """Whether an idle connection is usable: open, and the server has not said anything (such as good-bye)."""
    if raw.closed:
        return False
    poller = select.poll()  # not select(), which refuses file numbers over 1023
    poller.register(raw.fileno(), select.POLLIN)
    return not poller.poll(0)


def _answers(raw: RawConnection) -> bool:
    """Whether the server still answers; a firewall may have forgotten a connection that idled for long."""
    try:
        with raw.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error:
        return False
    return True


pool = Pool()
