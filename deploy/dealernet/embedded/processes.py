"""Processes of one running network: how they are marked, found and ended.

Every process that `dealernet up` starts carries the environment variable ``DEALERNET_RUN``, whose value is
the data folder. PostgreSQL and Valkey overwrite the memory that ``/proc/<pid>/environ`` shows when they set
their process title, so their processes are also recognised by their working directory, which lies in the
data folder, and by a marked ancestor. Linux only. Standard library only: the guard imports this module and
must stay small.
"""

import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

RUN_VARIABLE = "DEALERNET_RUN"
#: Where the package setproctitle is installed, Celery writes titles over the environment, and with it over the mark,
#: unless this is set.
KEEPS_ENVIRONMENT = {"SPT_NOENV": "1"}
DATABASE_PROGRAMS = frozenset({"postgres", "valkey-server"})


@dataclass(frozen=True, slots=True)
class Stat:
    """What ``/proc/<pid>/stat`` says. ``started`` (clock ticks since boot) tells a reused pid apart."""

    pid: int
    program: str
    state: str
    parent: int
    group: int
    started: int

    @property
    def alive(self) -> bool:
        """False for zombies and the dead: their pid still exists until somebody reaps it."""
        return self.state not in "ZXx"


def stat_of(pid: int) -> Stat | None:
    """The process' state, or None when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The program name stands in parentheses and may itself contain spaces and parentheses.
    program, _, rest = text.partition("(")[2].rpartition(")")
    fields = rest.split()
    return Stat(pid, program, fields[0], int(fields[1]), int(fields[2]), int(fields[19]))


def alive(pid: int) -> bool:
    """Whether the process runs. A zombie does not."""
    stat = stat_of(pid)
    return stat is not None and stat.alive


def _all() -> list[Stat]:
    pids = (int(name) for name in os.listdir("/proc") if name.isdigit())
    return [stat for stat in map(stat_of, pids) if stat is not None and stat.alive]


def carries(pid: int, name: str, value: str | Path) -> bool:
    """Whether the process was started with this environment variable (False when that is not ours to see)."""
    try:
        return f"{name}={value}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def members(group: int, run: str | Path) -> list[int]:
    """Living processes of a process group that belong to the network ``run``."""
    return [stat.pid for stat in _all() if stat.group == group and carries(stat.pid, RUN_VARIABLE, run)]


def working_directory(pid: int) -> Path | None:
    """The process' working directory, or None when it is gone, removed or not ours to see."""
    try:
        return Path(os.readlink(f"/proc/{pid}/cwd"))
    except OSError:
        return None


def servers_in(folder: Path) -> list[int]:
    """Pids of PostgreSQL and Valkey processes (also orphaned backends) whose working directory is ``folder``
    or lies below it."""
    folder = folder.resolve()
    found = []
    for stat in _all():
        if stat.program in DATABASE_PROGRAMS:
            place = working_directory(stat.pid)
            if place is not None and (place == folder or folder in place.parents):
                found.append(stat.pid)
    return found


def _ancestors(pid: int) -> set[int]:
    found: set[int] = set()
    while pid > 0 and pid not in found:
        found.add(pid)
        stat = stat_of(pid)
        pid = stat.parent if stat else 0
    return found


def find(run: str | Path) -> list[int]:
    """Pids of all living processes of the network with data folder ``run``, without the caller and its
    ancestors.

    Counts every process that carries the mark, every descendant of such a process and every database server
    process that works in the data folder.
    """
    own = _ancestors(os.getpid())
    everything = _all()
    found = {stat.pid for stat in everything if stat.pid not in own and carries(stat.pid, RUN_VARIABLE, run)}
    found.update(servers_in(Path(run)))
    children: dict[int, list[int]] = {}
    for stat in everything:
        children.setdefault(stat.parent, []).append(stat.pid)
    waiting = list(found)
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child not in found and child not in own:
                found.add(child)
                waiting.append(child)
    return sorted(found - own)


def send(pids: Iterable[int], signum: int) -> None:
    """Signal each process; one that is gone meanwhile is no error."""
    for pid in pids:
        try:
            os.kill(pid, signum)
        except (ProcessLookupError, PermissionError):
            continue


def ask_to_stop(pids: Iterable[int]) -> None:
    """SIGTERM, but SIGINT for PostgreSQL: there SIGTERM waits for clients, SIGINT is the fast shutdown."""
    for pid in pids:
        stat = stat_of(pid)
        if stat is not None:
            send([pid], signal.SIGINT if stat.program == "postgres" else signal.SIGTERM)


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Poll ``condition``, quickly first, until it holds (True) or the time is over (False)."""
    end = time.monotonic() + seconds
    pause = 0.005
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)
    return True


def end_all(
    search: Callable[[], list[int]], *, patience: float, database_patience: float = 15.0, limit: float = 25.0
) -> list[int]:
    """End every process that ``search`` names and goes on naming: ask, wait ``patience`` seconds, then
    kill.

    Databases are asked together with the others but have ``database_patience`` seconds, so that they can
    shut down cleanly while their clients disappear. Returns all pids that were seen. Raises TimeoutError,
    naming the pids, when some are left after ``limit`` seconds (they belong to somebody else, or hang in
    the kernel).
    """
    seen: set[int] = set()
    started = time.monotonic()
    while pids := search():
        ask_to_stop(set(pids) - seen)
        seen.update(pids)
        waited = time.monotonic() - started
        if waited > limit:
            raise TimeoutError(f"These processes could not be ended: {', '.join(map(str, pids))}.")
        databases = set(servers_among(pids))
        if waited > patience:
            send(set(pids) - databases, signal.SIGKILL)
        if waited > database_patience:
            send(databases, signal.SIGKILL)
        time.sleep(0.02 if waited < 1 else 0.1)
    return sorted(seen)


def servers_among(pids: Iterable[int]) -> list[int]:
    """Those of ``pids`` that run PostgreSQL or Valkey."""
    return [pid for pid in pids if (stat := stat_of(pid)) is not None and stat.program in DATABASE_PROGRAMS]
