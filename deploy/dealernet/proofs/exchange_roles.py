"""Who works on a message's way, and how each is struck: `dealernet prove exchange` lets them die at every point.

A role prepares what it needs, then plays in a forked process of its own. There every point it reaches is counted, and
at one of them something is struck: the process itself, the connection's backend (told to end, or killed, upon which
PostgreSQL ends all others), or the whole database.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.db import Error as DatabaseError
from django.db import connection

from dealer.customers import actions as customers
from dealer.sharing import actions as sharing
from dealer.sharing.models import Backfill, Grant
from dealernet.proofs.exchange_stage import ASIDE, BROKEN, LATER, PLAIN, Stage
from exchange import courier, handlers, inbox, operations, outbound
from kernel import checkpoints, clock
from kernel.accounts.actors import SYSTEM
from kernel.automotive.vin import make_vin
from kernel.contracts import DailyCounts, Level, Purpose
from kernel.tenancy import steward

PROCESS, BACKEND, CRASH, DATABASE = "process", "backend", "crash", "database"
VICTIMS = (PROCESS, BACKEND, CRASH, DATABASE)
#: How a process ends that lost its database, as the product's own processes notice it: an error, and a next try.
LOST_DATABASE = 3
#: Seconds that a role may take.
LIMIT = 60


@dataclass(frozen=True)
class Role:
    """`prepare(stage)` gives what `play(stage, given)` needs, which runs in a process of its own."""

    name: str
    prepare: Callable[[Stage], Any]
    play: Callable[[Stage, Any], None]


@dataclass(frozen=True)
class Ending:
    """How a role ended: the points it reached, whether it was struck, and how its process went."""

    points: Counter[str]
    struck: bool
    #: The process died of the signal it was struck with, or its database's end was noticed or came too late for it.
    died: bool
    error: str = ""


def play(stage: Stage, role: Role, *, victim: str = "", point: str = "", times: int = 1) -> Ending:
    """Let a role play in a process of its own; with a victim, that is struck when `point` is reached so often."""
    given = role.prepare(stage)
    postmaster = stage.server.process.pid if stage.server.process else 0
    stage.let_go()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _child(stage, role, given, writing, _striker(victim, postmaster), point, times)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    _pid, status = os.waitpid(child, 0)
    lines = said.splitlines()
    points = Counter(line[1:] for line in lines if line.startswith("."))
    struck = "!" in lines
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -1
    if victim == PROCESS:
        died, well = killed, killed or code == 0
    else:
        died, well = struck and code in (0, LOST_DATABASE), code == 0 or (struck and code == LOST_DATABASE)
    error = "" if well else f"{role.name} ended with {status}: " + "\n".join(said.splitlines()[-12:])
    return Ending(points, struck, struck and died, error)


def _child(
    stage: Stage, role: Role, given: Any, writing: int, strike: Callable[[], None], point: str, times: int
) -> None:
    """Never returns. Tells of every point by a line in the pipe, of the strike by `!`."""
    seen: Counter[str] = Counter()

    def watcher(name: str) -> None:
        os.write(writing, f".{name}\n".encode())
        seen[name] += 1
        if name == point and seen[name] == times:
            os.write(writing, b"!\n")
            strike()

    code = 1
    try:
        signal.alarm(LIMIT)
        checkpoints.watch(watcher)
        role.play(stage, given)
        code = 0
    except DatabaseError:
        code = LOST_DATABASE
        os.write(writing, traceback.format_exc().encode())
    except BaseException:
        os.write(writing, traceback.format_exc().encode())
    finally:
        sys.stdout.flush()
        os._exit(code)


def _striker(victim: str, postmaster: int) -> Callable[[], None]:
    """What strikes: called in the role's process, in the middle of its work."""

    def process() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def backend() -> None:
        _of_ours(lambda pid, raw: raw.cursor().execute("SELECT pg_terminate_backend(%s, 5000)", [pid]))

    def crash() -> None:
        _of_ours(lambda pid, _raw: os.kill(pid, signal.SIGKILL))

    def database() -> None:
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        os.kill(postmaster, signal.SIGKILL)
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)

    return {"": lambda: None, PROCESS: process, BACKEND: backend, CRASH: crash, DATABASE: database}[victim]


def _of_ours(strike: Callable[[int, Any], None]) -> None:
    """Strike the backend of the connection in use, or, between two uses, the one that idles for the next."""
    raw = steward.superuser(connection.settings_dict["NAME"])
    try:
        if connection.connection is not None:
            strike(connection.connection.info.backend_pid, raw)
            return
        with raw.cursor() as cursor:
            cursor.execute(
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() "
                "ORDER BY state_change DESC LIMIT 1"
            )
            row = cursor.fetchone()
        if row:
            strike(row[0], raw)
    finally:
        raw.close()


# -- the roles -----------------------------------------------------------------------------------------------------


def _subjects(number: int) -> list[UUID]:
    return [uuid4() for _ in range(number)]


def _send_some(stage: Stage, subjects: list[UUID]) -> None:
    """Actions of all members, several about one subject."""
    north, south = stage.dealers
    first, second = subjects[:2]
    for side, subject in (
        (north, first),
        (north, first),
        (north, second),
        (south, first),
        (stage.network.portal, second),
    ):
        stage.send(side, subject)
    stage.send(north, second, allowed=False)


def _sent(stage: Stage) -> list[UUID]:
    subjects = _subjects(2)
    _send_some(stage, subjects)
    return subjects


def _delivered(stage: Stage) -> None:
    _sent(stage)
    courier.sweep()


def _applied(stage: Stage) -> None:
    """What the manufacturer applied is answered, and the answers are on their way."""
    _delivered(stage)
    stage.drain(stage.network.portal)
    courier.sweep()


def _stop(stage: Stage, messages: list[UUID]) -> None:
    with stage.network.north.bound():
        outbound.stop_undelivered(
            contract="DailyCounts", purpose=Purpose.ANALYTICS, reason="level_lowered", messages=messages
        )


def _to_refuse(stage: Stage) -> None:
    north = stage.network.north
    subjects = _subjects(3)
    for kind, subject in zip((LATER, BROKEN, PLAIN), subjects, strict=True):
        stage.send(north, subject, kind=kind)
        stage.send(north, subject)
    courier.sweep()


def _refuse(stage: Stage, _given: None) -> None:
    stage.repaired = False
    for _try in range(inbox.TRIES):
        stage.drain(stage.network.portal)


def _park(stage: Stage, _given: None) -> None:
    handlers._handlers.pop((handlers.PORTAL, DailyCounts.spec.name))
    stage.drain(stage.network.portal)


def _refused(stage: Stage) -> tuple[UUID, UUID]:
    north = stage.network.north
    again = stage.send(north, uuid4(), kind=LATER)
    subject = uuid4()
    aside = stage.send(north, subject, kind=ASIDE)
    stage.send(north, subject)
    courier.sweep()
    stage.repaired = False
    stage.drain(stage.network.portal)
    stage.repaired = True
    return again, aside


def _repair(stage: Stage, given: tuple[UUID, UUID]) -> None:
    again, aside = given
    with stage.network.portal.bound():
        inbox.retry(again, actor=SYSTEM)
        inbox.skip(aside, reason="not needed", actor=SYSTEM)


def _count(stage: Stage, days: int) -> None:
    with stage.network.north.bound():
        day = clock.today("Asia/Shanghai") - timedelta(days=2 + days)
        sharing.send_counts(actor=SYSTEM, contract="ServiceVisit", purpose=Purpose.ANALYTICS, day=day)


def _days_counted(stage: Stage) -> int:
    """So many days were counted before: each is counted once for ever."""
    (n,) = stage.ask(f"SELECT count(*) FROM {stage.network.north.schema}.sharing_countreport")[0]
    return int(n)


def _to_backfill(stage: Stage) -> UUID:
    """Three owners who were not told of when their level was nothing, and the wish to share them."""
    with stage.network.north.bound():
        _set_owners(Level.NOTHING)
        begun = clock.now()
        for n in range(3):
            serial = time.monotonic_ns() // 1000 % 900_000 + n
            person = customers.create_customer(actor=SYSTEM, name=f"Owner {serial}", phone="13800138000")
            car = customers.register_vehicle(
                actor=SYSTEM, vin=make_vin("LXH", "AB12C", 2024, "N", serial), brand="XH", series="XH-HF"
            )
            customers.set_party(actor=SYSTEM, vehicle=car, customer=person)
        _set_owners(Level.FULL)
        since = clock.today("UTC") - timedelta(days=1)
        backfill = sharing.start_backfill(actor=SYSTEM, grant=Grant.objects.get(contract="Owner"), since=since)
        # Those of earlier runs were shared then.
        Backfill.objects.filter(pk=backfill.pk).update(place_at=begun, place_id=UUID(int=0))
        return backfill.pk


def _set_owners(level: Level) -> None:
    grant = Grant.objects.get(contract="Owner")
    if grant.level is not level:
        sharing.change_level(actor=SYSTEM, contract=grant.contract, purpose=grant.purpose, level=level)


def _backfill(stage: Stage, backfill: UUID) -> None:
    with stage.network.north.bound():
        sharing.go_on_backfilling(actor=SYSTEM, backfill_id=backfill)


#: By name, in the order of a message's way.
_ROLES = (
    Role("action", lambda stage: _subjects(2), lambda stage, given: _send_some(stage, given)),
    Role("stop", lambda stage: [stage.send(stage.network.north, uuid4()) for _ in range(3)], _stop),
    Role("counts", _days_counted, _count),
    Role("backfill", _to_backfill, _backfill),
    Role("courier", _sent, lambda stage, _given: _sweep()),
    Role("watermarks", lambda stage: stage.send(stage.network.north, uuid4()), lambda stage, _given: _sweep()),
    Role("worker", _delivered, lambda stage, _given: _work(stage)),
    Role("answers", _applied, lambda stage, _given: _work(stage)),
    Role("refusal", _to_refuse, _refuse),
    Role("parking", _delivered, _park),
    Role("repair", _refused, _repair),
    Role("replay", _applied, lambda stage, _given: _replay()),
)
ROLES = {role.name: role for role in _ROLES}


def _sweep() -> None:
    courier.sweep()


def _work(stage: Stage) -> None:
    for side in stage.sides:
        stage.drain(side)


def _replay() -> None:
    operations.replay()


# -- many at once --------------------------------------------------------------------------------------------------


def crowd(
    stage: Stage, *, couriers: int, workers: int = 2, senders: int = 2, seconds: float, kills: int
) -> Counter[str]:
    """Several couriers, workers and senders at once for so long, of whom one is killed again and again and begun anew.

    Returns how many of each were killed, and `failed` with what ended by an error.
    """
    stage.let_go()
    end = time.monotonic() + seconds
    alive: dict[int, tuple[str, Callable[[], None]]] = {}
    ended: Counter[str] = Counter()

    def begin(name: str, step: Callable[[], None]) -> None:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                while time.monotonic() < end:
                    step()
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        alive[child] = (name, step)

    def sender() -> Callable[[], None]:
        subjects = _subjects(3)  # of its own: who sends about one subject at once has no order to keep
        return lambda: _send_some(stage, subjects)

    for _ in range(senders):
        begin("sender", sender())
    for _ in range(couriers):
        begin("courier", _sweep)
    for _ in range(workers):
        begin("worker", lambda: _work(stage))
    pause = seconds / (kills + 1)
    for number in range(kills):
        time.sleep(pause)
        mobile = [pid for pid, (name, _step) in alive.items() if name != "sender"] or list(alive)
        pid = mobile[number % len(mobile)]
        name, step = alive.pop(pid)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        ended[name] += 1
        begin(name, step)
    for pid, (name, _step) in alive.items():
        _pid, status = os.waitpid(pid, 0)
        if status:
            ended[f"failed {name}"] += 1
    return ended
