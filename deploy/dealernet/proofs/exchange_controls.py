"""What the exchange would be without one of its precautions: faulty on purpose, put in its place at run time.

Each must turn the comparison of `dealernet prove exchange` red; one that does not shows that the proof sees nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

from django.db import connection, transaction

from dealernet.proofs.exchange_roles import PROCESS, Role, play
from dealernet.proofs.exchange_stage import Comparison, Stage
from exchange import courier, outbound
from exchange.gate import decide
from kernel.checkpoints import reached
from kernel.contracts import Level

_COLUMNS = courier._COLUMNS


@dataclass(frozen=True)
class Control:
    """One precaution taken away: `play(stage)` does what then goes wrong; `seen` is the figure that must not be 0."""

    name: str
    play: Callable[[Stage], None]
    seen: Callable[[Comparison], int]


@contextmanager
def rewritten(change: Callable[[str], str], *, times: int = 1) -> Iterator[None]:
    """Every statement changed, and those that write to an inbox done so often."""

    def execute(run: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        sql = change(sql)
        repeats = times if sql.startswith("INSERT INTO") and ".exchange_inbox" in sql else 1
        for _ in range(repeats):
            done = run(sql, params, many, context)
        return done

    with connection.execute_wrapper(execute):
        yield


def _no_dedupe(stage: Stage) -> None:
    """Inboxes forget what they have, and take everything."""
    for side in stage.sides:
        stage.ask(f"ALTER TABLE {side.schema}.exchange_inbox DROP CONSTRAINT exchange_inbox_pkey")
        stage.ask(f"ALTER TABLE {side.schema}.exchange_inbox DROP CONSTRAINT exchange_inbox_place")
    stage.send(stage.network.north, uuid4())

    def change(sql: str) -> str:
        return sql.replace("ON CONFLICT (id) DO NOTHING", "") if ".exchange_inbox (" in sql else sql

    with rewritten(change, times=2):
        courier.sweep()
        stage.drain(stage.network.portal)


def _carry_faulty(select: Callable[[Any, courier.Party], list[tuple[UUID, UUID]]], *, mark_first: bool) -> Any:
    def carry(sender: courier.Party, everyone: dict[UUID, courier.Party]) -> tuple[int, set[UUID], bool]:
        with connection.cursor() as cursor:
            rows = select(cursor, sender)
            if mark_first:
                _mark(cursor, sender, rows)
                reached("control.marked")
            for message, to in rows:
                receiver = everyone[to]
                cursor.execute(
                    f'INSERT INTO "{receiver.schema}".exchange_inbox (sender, {_COLUMNS}) SELECT %s, {_COLUMNS} '
                    f'FROM "{sender.schema}".exchange_ledger WHERE id = %s ON CONFLICT (id) DO NOTHING',
                    [sender.id, message],
                )
                cursor.execute(
                    f'INSERT INTO "{receiver.schema}".exchange_inboxpayload (id, body) SELECT id, body '
                    f'FROM "{sender.schema}".exchange_payload WHERE id = %s ON CONFLICT (id) DO NOTHING',
                    [message],
                )
            if not mark_first:
                _mark(cursor, sender, rows)
        return len(rows), {to for _message, to in rows}, False

    return carry


def _mark(cursor: Any, sender: courier.Party, rows: list[tuple[UUID, UUID]]) -> None:
    cursor.execute(
        f"UPDATE \"{sender.schema}\".exchange_ledger SET state = 'delivered', delivered_at = clock_timestamp() "
        "WHERE id = ANY(%s)",
        [[message for message, _to in rows]],
    )


def _waiting(cursor: Any, sender: courier.Party) -> list[tuple[UUID, UUID]]:
    cursor.execute(
        f"SELECT id, receiver FROM \"{sender.schema}\".exchange_ledger WHERE state = 'recorded' ORDER BY number"
    )
    return list(cursor.fetchall())


def _mark_first(stage: Stage) -> None:
    """A courier marks what it is about to carry, and dies."""
    faulty = _carry_faulty(_waiting, mark_first=True)
    role = Role("courier", lambda on: on.send(on.network.north, uuid4()), lambda on, _given: _sweep_with(faulty))
    play(stage, role, victim=PROCESS, point="control.marked")
    stage.bring_back()
    courier.sweep()
    stage.drain(stage.network.portal)


def _sweep_with(carry: Any) -> None:
    with patch.object(courier, "_carry_batch", carry):
        courier.sweep()


def _poll_by_number(stage: Stage) -> None:
    """A courier remembers the last number it saw; an action that began earlier commits later."""
    last: dict[UUID, int] = {}

    def select(cursor: Any, sender: courier.Party) -> list[tuple[UUID, UUID]]:
        cursor.execute(
            f'SELECT id, receiver, number FROM "{sender.schema}".exchange_ledger '
            "WHERE number > %s AND state = 'recorded' ORDER BY number",
            [last.get(sender.id, 0)],
        )
        rows = cursor.fetchall()
        if rows:
            last[sender.id] = rows[-1][2]
        return [row[:2] for row in rows]

    faulty = _carry_faulty(select, mark_first=False)
    with patch.object(courier, "_carry_batch", faulty):
        late_commit(stage, courier.sweep)
        courier.sweep()
        stage.drain(stage.network.portal)


def late_commit(stage: Stage, meanwhile: Callable[[], Any]) -> None:
    """An action of the north waits before its commit while another of it begins later, is committed and carried."""
    stage.let_go()
    told, tell = os.pipe()
    go, say = os.pipe()
    child = os.fork()
    if child == 0:
        with stage.network.north.bound(), transaction.atomic():
            stage.send(stage.network.north, uuid4())
            os.write(tell, b".")
            os.read(go, 1)
        os._exit(0)
    try:
        os.read(told, 1)
        stage.send(stage.network.north, uuid4())
        meanwhile()
    finally:  # or it would wait for ever
        os.write(say, b".")
        os.waitpid(child, 0)
        for end in (told, tell, go, say):
            os.close(end)


def _no_gate(stage: Stage) -> None:
    """Everything leaves, whatever the level."""

    def everything(record: Any, policy: Any, consent: Any, **rest: Any) -> Any:
        return decide(record, replace(policy, template=Level.FULL, ceiling=Level.FULL), consent, **rest)

    with patch.object(outbound, "decide", everything):
        stage.send(stage.network.north, uuid4(), allowed=False)
    stage.settle()


CONTROLS = (
    Control("no dedupe", _no_dedupe, lambda found: found.doubled),
    Control("mark first", _mark_first, lambda found: found.lost),
    Control("poll by number", _poll_by_number, lambda found: found.lost),
    Control("gate skipped", _no_gate, lambda found: found.leaked),
)
