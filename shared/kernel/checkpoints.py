"""Numbered points of work that may be killed anywhere. In production they do nothing.

With `DEALERNET_KILL_AT=<name>:<n>` in its environment a process ends itself with SIGKILL when it reaches the point
`<name>` for the n-th time (`*` is any point): how `dealernet prove` shows that nothing is lost whatever dies where.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable

VARIABLE = "DEALERNET_KILL_AT"

_lock = threading.Lock()
_reached: Counter[str] = Counter()
_watcher: Callable[[str], None] | None = None


def watch(watcher: Callable[[str], None] | None) -> None:
    """Have every point that this process reaches told to `watcher`, which may strike something else there: a
    connection, the database. None ends it."""
    global _watcher
    _watcher = watcher


def reached(name: str) -> None:
    """Say that this point is reached; does not return when it is the one to die at."""
    if _watcher is not None:
        _watcher(name)
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return
    point, _, times = wanted.rpartition(":")
    with _lock:
        _reached[name] += 1
        count = _reached.total() if point == "*" else _reached[name]
    if point in ("*", name) and count == int(times):
        os.kill(os.getpid(), signal.SIGKILL)
