"""The one clock of event times. Aware datetimes in UTC; nothing else may say what "now" is.

The demo's generator lives through two past years with the product's own actions, and a restore lives through the time
since its backup again; they alone may set this clock (the testing kit too). Everyone else reads it. Columns that hold
the *recording* time use the database's clock (`db_default=Now()`), which nothing here can move.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, tzinfo
from zoneinfo import ZoneInfo

_at: ContextVar[datetime | None] = ContextVar("kernel_clock_at", default=None)

_HOLDERS = ("dealernet.demo", "dealernet.moving", "kernel.testing")


class ClockError(RuntimeError):
    """Someone without a permit tried to set the clock, or set it to a naive time."""


class HistoryPermit:
    """The right to set the clock. Made by `allow_history()` only."""

    __slots__ = ("holder",)

    def __init__(self, holder: str) -> None:
        self.holder = holder


_permits: dict[str, HistoryPermit] = {}


def allow_history() -> HistoryPermit:
    """Hand out the permit to set the clock; one object for each holder module.

    Callable only from inside `dealernet.demo`, `dealernet.moving` and `kernel.testing` (and their submodules).
    Raises ClockError for every other caller.
    """
    caller = sys._getframe(1).f_globals.get("__name__", "")
    for holder in _HOLDERS:
        if caller == holder or caller.startswith(holder + "."):
            return _permits.setdefault(holder, HistoryPermit(holder))
    raise ClockError(f"{caller} may not set the clock")


@contextmanager
def history(at: datetime, permit: HistoryPermit) -> Iterator[None]:
    """Let `now()` answer `at` inside the block (this thread and context only); nests.

    Raises ClockError for a permit not handed out by `allow_history()` and for a naive `at`.
    """
    if not isinstance(permit, HistoryPermit) or _permits.get(permit.holder) is not permit:
        raise ClockError("the clock can be set with a permit of allow_history() only")
    if at.tzinfo is None:
        raise ClockError("the clock takes aware times only")
    mark = _at.set(at.astimezone(UTC))
    try:
        yield
    finally:
        _at.reset(mark)


def in_history() -> bool:
    """Say whether the clock is set right now."""
    return _at.get() is not None


def now() -> datetime:
    """Return the present time, aware, in UTC."""
    return _at.get() or datetime.now(UTC)


def today(tz: str | tzinfo) -> date:
    """Return the calendar day in a time zone (IANA name or tzinfo)."""
    return now().astimezone(ZoneInfo(tz) if isinstance(tz, str) else tz).date()
