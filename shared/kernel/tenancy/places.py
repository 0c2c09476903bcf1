"""Places: so many at once, so many of them for one name, and a fair wait for the rest."""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field


class Full(Exception):
    """No place within the time, or too many wait already."""


@dataclass(slots=True, eq=False)
class _Waiter:
    most: int
    granted: bool = False
    woken: threading.Event = field(default_factory=threading.Event)


class Places:
    """`total` places of one process. Those who wait under one name are served in the order of coming; the names take
    turns. `look` is called now and then while somebody waits: the chance to find places that nobody gave back."""

    def __init__(self, total: int, *, look: Callable[[], None] = lambda: None) -> None:
        self.total = total
        self._look = look
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[_Waiter]] = OrderedDict()

    def occupy(self, name: str, *, most: int, wait: float, queue: int | None = None) -> float:
        """Take a place; returns the seconds waited, 0 when there was no need to.

        `most`: places of this name at once; `wait`: seconds; `queue`: how many of this name may wait. Raises Full.
        """
        with self._lock:
            if name not in self._waiting and self._fits(name, most):
                self._taken[name] += 1
                return 0.0
            if queue is not None and len(self._waiting.get(name, ())) >= queue:
                raise Full(f"{queue} of {name} wait already")
            waiter = _Waiter(most)
            self._waiting.setdefault(name, deque()).append(waiter)
        begun = time.monotonic()
        deadline = begun + wait
        while not waiter.woken.wait(max(0.0, min(0.25, deadline - time.monotonic()))):
            self._look()
            if time.monotonic() >= deadline and self._gave_up(name, waiter):
                raise Full(f"no place for {name} within {wait:g} s")
        return time.monotonic() - begun

    def free(self, name: str) -> None:
        """Give a place back: the longest waiting of the name whose turn it is gets it."""
        with self._lock:
            self._taken[name] -= 1
            if not self._taken[name]:
                del self._taken[name]
            for waiting in list(self._waiting):
                if not self._fits(waiting, self._waiting[waiting][0].most):
                    continue
                waiter = self._waiting[waiting].popleft()
                self._taken[waiting] += 1
                waiter.granted = True
                waiter.woken.set()
                if self._waiting[waiting]:
                    self._waiting.move_to_end(waiting)
                else:
                    del self._waiting[waiting]

    def taken(self, name: str | None = None) -> int:
        """How many are taken: by one name, or by all."""
        with self._lock:
            return self._taken[name] if name else self._taken.total()

    def waiting(self, name: str) -> int:
        """How many wait under a name."""
        with self._lock:
            return len(self._waiting.get(name, ()))

    def _fits(self, name: str, most: int) -> bool:
        return self._taken[name] < most and self._taken.total() < self.total

    def _gave_up(self, name: str, waiter: _Waiter) -> bool:
        """Whether the wait ended without a place; in the last moment there may have been one."""
        with self._lock:
            if waiter.granted:
                return False
            self._waiting[name].remove(waiter)
            if not self._waiting[name]:
                del self._waiting[name]
            return True
