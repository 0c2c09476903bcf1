"""Upgrades of the whole fleet: the same recorded text in every schema, a canary first, several connections.

Where a schema stands is said by the ledger (`SchemaState`), so that nothing to do is one query. A schema that lacks SQL
alone is brought forward in one round trip and one transaction, with the rows of `django_migrations`, the rights and its
ledger row: it is wholly at the old release or wholly at the new one, whatever is killed. Other steps go through
`stepping`. One that fails is fenced off with its reason while the rest go on; the fence falls when it is brought up.
"""

from __future__ import annotations

import functools
import logging
import queue
import random
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from psycopg2 import errors

from kernel import clock
from kernel.checkpoints import reached
from kernel.release import RELEASE
from kernel.tenancy import rendering, structure
from kernel.tenancy.bindings import PUBLIC_SCHEMA, Owner, bound
from kernel.tenancy.models import FleetUpgrade, Kind, SchemaState, Tenant, UpgradeState
from kernel.tenancy.rendering import PLACEHOLDER, Script
from kernel.tenancy.steward import stepping
from kernel.tenancy.steward.alone import alone
from kernel.tenancy.steward.ledger import (
    applied_in,
    fence,
    mark,
    noted,
    noted_as,
    rights_checksum,
    states_behind,
    unfencing,
)
from kernel.tenancy.steward.logins import open_connection
from kernel.tenancy.steward.progress import Progress
from kernel.tenancy.steward.schemas import making

log = logging.getLogger(__name__)

#: Connections that an upgrade uses beside the steward's own (the owner may have 8), one for each MANY dealerships.
CONNECTIONS, MANY = 4, 100
#: Dealerships that go in one round trip, each in a transaction of its own.
TOGETHER = 10
#: How often a schema is tried that somebody holds a lock in, and the first pause in seconds (doubled each time, at most
#: LONGEST_PAUSE, with a random part so that several do not meet again).
TRIES, PAUSE, LONGEST_PAUSE = 8, 0.1, 5.0
#: Seconds between two notes of how far an upgrade is.
NOTE_EVERY = 0.5
#: SQLSTATE with which a leap ends in a schema that is not where the ledger says: it divides by their number.
ELSEWHERE = "22012"

_CREATED = re.compile(r'^CREATE TABLE "(\w+)"')
_ON_TABLE = re.compile(rf' ON "{PLACEHOLDER}"\."(\w+)"')
#: The sequences of new tables; the rest is as it was.
_IN_GENERAL = [f'GRANT USAGE ON ALL SEQUENCES IN SCHEMA "{PLACEHOLDER}" TO "{PLACEHOLDER}"']


class CanaryFailed(RuntimeError):
    """The first dealership could not be brought to this release, or came out unlike a new one."""


@dataclass
class Tally:
    """How far a run is."""

    schemas: int
    done: int = 0
    failed: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, *, done: bool) -> None:
        with self._lock:
            self.done += done
            self.failed += not done


@dataclass(frozen=True)
class Leap:
    """What brings every schema with the same ledger checksum forward: one text, with a placeholder for its name."""

    kind: str
    text: str

    def of(self, state: SchemaState) -> str:
        """The text for one schema, to its end; where there is a fence, it falls in the same transaction."""
        end = f";\n{unfencing(state.schema_name)};\nCOMMIT" if state.error else ";\nCOMMIT"
        return self.text.replace(PLACEHOLDER, state.schema_name) + end


def upgrade(arguments: dict[str, Any], progress: Progress = lambda step: None) -> dict[str, int]:
    """Bring every schema to this release; one query when nothing is to do.

    `arguments`: `canary` (slug of the dealership that goes first), `connections` (at most CONNECTIONS). Returns how
    many schemas were behind, upgraded and failed. Raises CanaryFailed when the first dealership fails; then
    no other was touched.
    """
    with bound(Owner()):
        behind = states_behind()
    if not behind:
        return {"schemas": 0, "upgraded": 0, "failed": 0}
    with alone():
        return _upgrade(arguments, progress)


def _upgrade(arguments: dict[str, Any], progress: Progress) -> dict[str, int]:
    with bound(Owner()):
        behind = states_behind()
    tally = Tally(len(behind))
    first = [one for one in behind if one.kind != rendering.DEALERSHIP]
    for state in sorted(first, key=lambda one: one.schema_name != PUBLIC_SCHEMA):  # the ledger itself is in public
        if state.kind == rendering.PUBLIC:  # nothing goes on without the directory
            _step(state.kind, state.schema_name)
            tally.count(done=True)
        else:
            with bound(Owner()):
                how = leap(state)
            _carefully(functools.partial(bring_forward, state, how), state, tally)
        progress(f"{tally.done + tally.failed}/{tally.schemas}")
    run = _Run(arguments, [one for one in behind if one.kind == rendering.DEALERSHIP], tally, progress)
    run.go()
    return {"schemas": tally.schemas, "upgraded": tally.done, "failed": tally.failed}


class _Run:
    """The dealerships' part of an upgrade."""

    def __init__(self, arguments: dict[str, Any], behind: list[SchemaState], tally: Tally, progress: Progress) -> None:
        self.tally = tally
        self.progress = progress
        self.connections = min(int(arguments.get("connections") or 0), CONNECTIONS)
        with bound(Owner()):
            slugs = dict(Tenant.objects.filter(kind=Kind.DEALERSHIP).values_list("schema_name", "slug"))
            self.slugs = slugs
            # A schema whose dealership is gone, or still being made, is not ours to bring forward.
            self.behind = sorted((s for s in behind if s.schema_name in slugs), key=lambda s: slugs[s.schema_name])
            self.canary = self._chosen(arguments.get("canary") or settings.FLEET_CANARY)
            self.note = FleetUpgrade.objects.create(
                release=RELEASE,
                canary=slugs[self.canary.schema_name] if self.canary else "",
                schemas=tally.schemas,
                done=tally.done,
                failed=tally.failed,
            )
            self.leaps = self._leaps()

    def _chosen(self, slug: str) -> SchemaState | None:
        for state in self.behind:
            if self.slugs[state.schema_name] == slug:
                return state
        # One that failed before says nothing about the release: it is tried again with the rest.
        return next((state for state in self.behind if not state.error), None)

    def _leaps(self) -> dict[tuple[str, str], Leap | None]:
        """By the checksum of where schemas stand: what brings them forward at once; None where steps are needed."""
        found: dict[tuple[str, str], Leap | None] = {}
        for state in self.behind:
            key = (state.kind, state.checksum)
            if key not in found:
                found[key] = leap(state)
        return found

    def go(self) -> None:
        try:
            if self.canary:
                self._try_canary(self.canary)
            self._all([one for one in self.behind if one is not self.canary])
        except CanaryFailed as error:
            self._finish(UpgradeState.STOPPED, str(error))
            raise
        self._finish(UpgradeState.FAILED if self.tally.failed else UpgradeState.DONE)

    def _try_canary(self, state: SchemaState) -> None:
        name = self.slugs[state.schema_name]
        problem = bring_forward(state, self.leaps[state.kind, state.checksum])
        if not problem:
            problem = "; ".join(unlike_a_new_one(state.kind, state.schema_name)[:5])
        if problem:
            with bound(Owner()):
                SchemaState.objects.filter(pk=state.pk).update(error=problem[:2000])
            raise CanaryFailed(
                f"{name} went first and could not be brought to {RELEASE}; no other dealership was touched. {problem}"
            )
        self.tally.count(done=True)
        self._say()

    def _all(self, states: list[SchemaState]) -> None:
        waiting: queue.SimpleQueue[list[SchemaState]] = queue.SimpleQueue()
        by_leap: dict[tuple[str, str], list[SchemaState]] = defaultdict(list)
        for state in states:
            by_leap[state.kind, state.checksum].append(state)
        for key, same in by_leap.items():
            together = TOGETHER if self.leaps[key] else 1
            for begin in range(0, len(same), together):
                waiting.put(same[begin : begin + together])
        wanted = self.connections or min(CONNECTIONS, 1 + len(states) // MANY)
        threads = [threading.Thread(target=self._work, args=(waiting,), daemon=True) for _ in range(wanted)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            threads[0].join(NOTE_EVERY)
            threads = [thread for thread in threads if thread.is_alive()] or threads[:1]
            self._say()

    def _work(self, waiting: queue.SimpleQueue[list[SchemaState]]) -> None:
        while True:
            try:
                states = waiting.get_nowait()
            except queue.Empty:
                return
            how = self.leaps[states[0].kind, states[0].checksum]
            done = leap_together(states, how) if how and len(states) > 1 else set()
            for state in states:
                if state.schema_name in done:
                    self.tally.count(done=True)
                else:
                    _carefully(functools.partial(bring_forward, state, how), state, self.tally)

    def _say(self) -> None:
        with bound(Owner()):
            FleetUpgrade.objects.filter(pk=self.note.pk).update(
                done=self.tally.done, failed=self.tally.failed, seen_at=clock.now()
            )
        self.progress(f"{self.tally.done + self.tally.failed}/{self.tally.schemas}")

    def _finish(self, state: UpgradeState, error: str = "") -> None:
        with bound(Owner()):
            FleetUpgrade.objects.filter(pk=self.note.pk).update(
                done=self.tally.done,
                failed=self.tally.failed,
                state=state,
                error=error[:2000],
                seen_at=clock.now(),
                finished_at=clock.now(),
            )
            # What an earlier, killed run left: this one has done its work.
            FleetUpgrade.objects.filter(state=UpgradeState.RUNNING).update(
                state=UpgradeState.STOPPED, finished_at=clock.now()
            )


def _carefully(act: Callable[[], str], state: SchemaState, tally: Tally) -> None:
    """Do one schema; what goes wrong fences it off and stops nobody else."""
    try:
        problem = act()
    except Exception as error:
        log.exception("upgrade of %s failed", state.schema_name)
        problem = f"{type(error).__name__}: {error}"
    tally.count(done=not problem)
    if problem:
        fence(state.kind, state.schema_name, problem)


def bring_forward(state: SchemaState, how: Leap | None) -> str:
    """Bring one schema to this release. Returns what went wrong, or nothing. Waits for those who hold locks."""
    left, pause = TRIES, PAUSE
    while True:
        left -= 1
        try:
            if how is None or not _leap(state, how):
                _step(state.kind, state.schema_name)
        except (DatabaseError, InterfaceError) as error:
            if not left or not _passing(error):
                return str(error).strip()
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads retries, guards nothing
            pause = min(pause * 2, LONGEST_PAUSE)
        else:
            return ""


def _passing(error: Exception) -> bool:
    """Whether an error passes by itself: a lock held by somebody, a deadlock, a connection that went away."""
    if isinstance(error.__cause__, (errors.LockNotAvailable, errors.DeadlockDetected)):
        return True
    return isinstance(error, (OperationalError, InterfaceError)) and connection.connection is None


def leap_together(states: list[SchemaState], how: Leap) -> set[str]:
    """Carry a text out in several schemas in one round trip, in each in a transaction of its own. Returns the schemas
    where it is done; the first that fails ends the trip, and the rest have to be tried one by one."""
    with bound(Owner()), connection.cursor() as cursor:
        try:
            cursor.execute(";\n".join(how.of(state) for state in states))
        except (DatabaseError, InterfaceError):
            _undo(cursor)
            names = [state.schema_name for state in states]
            current = SchemaState.objects.filter(pk__in=names, checksum=rendering.wanted(how.kind))
            return set(current.values_list("schema_name", flat=True))
    reached("leapt")
    return {state.schema_name for state in states}


def _leap(state: SchemaState, how: Leap) -> bool:
    """Carry a text out in one round trip. False when the schema is not where the ledger says."""
    with bound(Owner()), connection.cursor() as cursor:
        try:
            cursor.execute(how.of(state))
        except DatabaseError as error:
            _undo(cursor)
            if getattr(error.__cause__, "pgcode", "") == ELSEWHERE:
                return False
            raise
    reached("leapt")
    return True


def _undo(cursor: Any) -> None:
    """End the transaction that a text began; a connection that went away has ended it itself."""
    if connection.connection is not None and not connection.connection.closed:
        cursor.execute("ROLLBACK")
    else:
        connection.close()


def leap(state: SchemaState) -> Leap | None:
    """What brings forward every schema that stands where this one does; None when it takes more than one transaction.
    Runs bound to the owner."""
    applied = applied_in(state.schema_name)
    script = rendering.render(state.kind, applied=applied)
    if not applied or not script.at_once:
        return None
    with connection.cursor() as cursor:
        names = ([app for app, _name in applied], [name for _app, name in applied])
        cursor.execute(f"SELECT {_STANDS} FROM unnest(%s::text[], %s::text[]) AS x(app, name)", names)
        stands = cursor.fetchone()[0]
    # The ledger row first: under its lock a second steward waits, and then finds the schema elsewhere.
    moved = noted_as(state.kind, PLACEHOLDER, from_checksum=state.checksum)
    out = [
        f"BEGIN; SET LOCAL lock_timeout = '{stepping.LOCK_TIMEOUT}'; SET LOCAL search_path = \"{PLACEHOLDER}\", public",
        f"{moved} AND (SELECT {_STANDS} FROM django_migrations) = {stands}",
        mark(
            script.migrations,
            # Ends in ELSEWHERE when the row did not move.
            when="1 = (SELECT 1 / count(*) FROM public.tenancy_schemastate "
            f"WHERE schema_name = '{PLACEHOLDER}' AND applied_at = now())",
        ),
        *(statement for step in script.steps for statement in step.statements),
        *_rights(state, script),
    ]
    return Leap(state.kind, ";\n".join(out))


#: Which migrations stand, as a number that does not depend on their order.
_STANDS = "coalesce(sum(hashtext(app || '.' || name)), 0)"


def _rights(state: SchemaState, script: Script) -> list[str]:
    """The rights that have to be given: none when the schema has them, those on new tables when all others stay."""
    had = SchemaState.objects.values_list("rights", flat=True).get(pk=state.pk)
    if not script.steps:  # the rights are what differs
        return list(rendering.rights(state.kind))
    made = {name for step in script.steps for statement in step.statements for name in _CREATED.findall(statement)}
    if had == rights_checksum(rendering.rights(state.kind)):
        return _IN_GENERAL if made else []
    new: list[str] = []
    old: list[str] = []
    for statement in rendering.rights(state.kind):
        table = _ON_TABLE.search(statement)
        (new if table and table[1] in made else old).append(statement)
    return new + _IN_GENERAL if had == rights_checksum(old) else list(rendering.rights(state.kind))


def _step(kind: str, schema: str) -> None:
    """Bring one schema forward step by step."""
    with bound(Owner(schema)):
        script = rendering.render(kind, applied=applied_in(schema))
        if script.steps or noted(schema) != script.checksum:
            stepping.go(kind, schema, script)


# -- what is equal ---------------------------------------------------------------------------------------------


class _Undo(Exception):
    pass


def of_a_new_one(kind: str, script: Script | None = None) -> frozenset[str]:
    """The structure that a new schema of a kind has: one is made (of `script`, or as recorded), read and undone."""
    scratch = "d_aaaaaaaaaaaa"
    lines: frozenset[str] = frozenset()
    try:
        with bound(Owner()), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f'CREATE ROLE "{scratch}" NOLOGIN')
            cursor.execute(making(kind, scratch, script or rendering.render(kind), note=False))
            cursor.execute("SET LOCAL search_path = public")  # definitions name what is not on it
            lines = structure.lines(cursor, [scratch])[scratch]
            raise _Undo
    except _Undo:
        return lines


def unlike_a_new_one(kind: str, schema: str) -> list[str]:
    """What a schema has more (+) or less (-) than a new one of its kind; nothing when they are equal."""
    with bound(Owner()), connection.cursor() as cursor:
        own = structure.lines(cursor, [schema]).get(schema, frozenset())
    if structure.digest(own) == rendering.structure_of(kind):
        return []
    # Another version of the server says some things in other words than the one that recorded: ask this one.
    new = of_a_new_one(kind)
    return [f"+ {line}" for line in sorted(own - new)] + [f"- {line}" for line in sorted(new - own)]


def verify() -> dict[str, list[str]]:
    """By schema, what every dealership has more or less than a new one: nothing stands in it when all are equal."""
    new = of_a_new_one(rendering.DEALERSHIP)
    found = {}
    with bound(Owner()):
        schemas = list(
            SchemaState.objects.filter(kind=rendering.DEALERSHIP).values_list("schema_name", flat=True).order_by("pk")
        )
    for begin in range(0, len(schemas), MANY):
        # A connection of its own for each hundred: the server's process remembers every definition it has shown.
        raw = open_connection()
        try:
            with raw.cursor() as cursor:
                made = structure.lines(cursor, schemas[begin : begin + MANY])
        finally:
            raw.close()
        for schema, own in made.items():
            if own != new:
                found[schema] = [f"+ {line}" for line in sorted(own - new)] + [
                    f"- {line}" for line in sorted(new - own)
                ]
    return found
