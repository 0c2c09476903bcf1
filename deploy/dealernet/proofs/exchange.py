"""`dealernet prove exchange`: whatever is killed on a message's way, it arrives once, in order, and both sides agree.

At every numbered point from the action to its answer the process, its connection, its backend or the whole database is
struck; afterwards everything is carried and what came is compared with what was sent. The same with messages delivered
again, late commits, several couriers that are killed, no broker, a wrong clock, and a dealership that is fenced off.
With one precaution taken away the comparison must turn red, and planted differences must be found, all of them and
nothing else.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from celery import current_app

from dealernet.embedded.postgres import PostgresServer
from dealernet.embedded.valkey import ValkeyServer
from dealernet.proofs import Result
from dealernet.proofs.exchange_controls import CONTROLS, late_commit, rewritten
from dealernet.proofs.exchange_roles import PROCESS, ROLES, VICTIMS, Role, crowd, play
from dealernet.proofs.exchange_stage import LATER, Stage, hour_off, noting
from exchange import courier, hints, inbox, operations
from kernel.tenancy import rendering
from kernel.tenancy.bindings import Owner, bound
from kernel.tenancy.models import Tenant

#: Points that must be reached: one that is gone from the code is not quietly left out. Others are struck as well.
POINTS = frozenset(
    f"{where}.{what}"
    for where, points in {
        "release": "decided, numbered, written, payload written",
        "action": "written",
        "hint": "committed, sent",
        "stop": "locked, marked, payloads dropped",
        "counts": "locked, released, noted",
        "backfill": "locked, released, noted",
        "courier": "looked, locked, sealed, selected, inbox written, payloads written, marked, committed, "
        "receiver hinted, watermarked",
        "inbox": "turn taken, selected, handled, marked, answered, committed, parked, failure noted, refusal answered",
        "handler": "row written",
        "receipt": "marked",
        "retry": "marked",
        "skip": "marked, answered",
        "replay": "payloads written, written",
    }.items()
    for what in points.split(", ")
)
#: Differences planted for the reconciliation: so many of each kind.
PLANTED_EACH = 5


def prove(server: PostgresServer, *, seed: int = 0, sample: float = 1.0) -> Result:
    """Play on an empty server. `sample`: the part of the strikes that are made."""
    result = Result("exchange", figures={"seed": seed, "points": 0, "runs": 0, "died": 0})
    result.figures |= dict.fromkeys(("lost", "doubled", "disordered", "leaked", "unequal"), 0)
    result.machine = {"processors": os.cpu_count(), "load_before": os.getloadavg()[0]}
    chance = random.Random(seed)  # noqa: S311 - draws what is struck, guards nothing
    stage = Stage(server, os.environ["DEALERNET_KEY_SUPERUSER"])
    with tempfile.TemporaryDirectory(prefix="dealernet-proof-") as folder, ExitStack() as stack:
        Path(folder).chmod(0o755)
        broker = stack.enter_context(ValkeyServer(Path(folder) / "valkey", password=uuid4().hex, run=folder))
        broker.start()
        _listen_to(broker.broker_url)
        stage.build()
        _strikes(result, stage, chance, sample)
        _disturbances(result, stage, broker)
        for couriers in (2, 3):
            _crowd(result, stage, couriers, seconds=max(1.0, 6 * sample), kills=max(1, round(12 * sample)))
        result.figures["messages"] = _messages(stage)
        _controls(result, stage)
        _planted(result, stage)
        stage.let_go()
    result.machine["load_after"] = os.getloadavg()[0]
    return result


def _listen_to(url: str) -> None:
    hints._forget()
    current_app.conf.broker_url = url
    current_app._after_fork()


def _messages(stage: Stage) -> int:
    return sum(
        stage.ask(f"SELECT count(*) FROM {side.schema}.exchange_ledger WHERE state <> 'withheld'")[0][0]
        for side in stage.sides
    )


# -- strikes -------------------------------------------------------------------------------------------------------


def _strikes(result: Result, stage: Stage, chance: random.Random, sample: float) -> None:
    """Every role once without harm, to learn its points; then one strike after the other."""
    learnt: list[tuple[Role, str, int]] = []
    for role in ROLES.values():
        ending = play(stage, role)
        if ending.error:
            result.violations.append(ending.error[:2000])
        learnt += [(role, point, times) for point, times in ending.points.items()]
        _check(result, stage, f"{role.name} without a strike")
    missing = POINTS - {point for _role, point, _times in learnt}
    if missing:
        result.violations.append(f"nobody reaches {sorted(missing)} any more")
    plan = [(role, victim, point, 1) for role, point, _times in learnt for victim in VICTIMS]
    # A process costs little to kill: also where it comes a second time, in the middle of a batch.
    plan += [(role, PROCESS, point, chance.randint(2, times)) for role, point, times in learnt if times > 1]
    plan = plan if sample >= 1 else chance.sample(plan, max(8, round(len(plan) * sample)))
    chance.shuffle(plan)
    reached: Counter[str] = Counter()
    for role, victim, point, times in plan:
        _strike(result, stage, role, victim, point, times, reached)
    result.figures["points"] = len(reached)
    result.figures["reached"] = dict(sorted(reached.items()))


def _strike(
    result: Result, stage: Stage, role: Role, victim: str, point: str, times: int, reached: Counter[str]
) -> None:
    what = f"{victim} struck at {point} ({times}) of {role.name}"
    result.count("runs")
    with noting(result, what):
        ending = play(stage, role, victim=victim, point=point, times=times)
        if ending.error:
            result.violations.append(f"{what}: {ending.error}"[:2000])
        if ending.struck and ending.died:
            result.count("died")
            reached[f"{point} × {victim}"] += 1
        else:
            result.violations.append(f"{what}: it did not die there")
        stage.bring_back()
    _check(result, stage, what)


def _check(result: Result, stage: Stage, when: str) -> None:
    """Carry everything, then compare."""
    with noting(result, when):
        stage.settle()
        found = stage.compare()
        for name in ("lost", "doubled", "disordered", "leaked"):
            result.figures[name] = max(result.figures[name], getattr(found, name))
        result.figures["unequal"] = max(result.figures["unequal"], len(found.unequal))
        if not found.clean:
            result.violations.append(f"{when}: {found}")
        result.violations += [f"{when}: {difference}" for difference in stage.agrees()]


# -- disturbances --------------------------------------------------------------------------------------------------


def _disturbances(result: Result, stage: Stage, broker: ValkeyServer) -> None:
    north, south = stage.dealers
    courier_role, worker_role = ROLES["courier"], ROLES["worker"]

    def delivered(times: int) -> None:
        courier_role.prepare(stage)
        with rewritten(lambda sql: sql, times=times):
            courier.sweep()
        for _ in range(times):
            if operations.replay():
                result.violations.append(f"a replay, {times} times, delivered something anew")
            stage.drain(stage.network.portal)

    def in_small_batches() -> None:
        """One message at a time, members by turns, those behind a refused one too."""
        subject = uuid4()
        for kind in (LATER, "plain", "plain"):
            stage.send(north, subject, kind=kind)
        stage.repaired = False
        with patch.object(courier, "BATCH", 1), patch.object(inbox, "BATCH", 1):
            courier_role.prepare(stage)
            courier.sweep()
            for side in reversed(stage.sides):
                stage.drain(side)
            worker_role.prepare(stage)

    def broker_stopped() -> None:
        broker.stop()
        courier_role.prepare(stage)
        courier.sweep()
        stage.drain(stage.network.portal)
        broker.start()
        hints._forget()

    def clock_off(hours: int) -> None:
        with hour_off(hours):
            courier_role.prepare(stage)
            courier.sweep()
        with hour_off(-hours):
            stage.drain(stage.network.portal)
            courier_role.prepare(stage)

    def old_schema() -> None:
        """South is behind an upgrade that failed: its mail waits, others' goes on, and then it goes on too."""
        _fence(south.id, rendering.wanted(rendering.DEALERSHIP))
        held, free = stage.send(south, uuid4()), stage.send(north, uuid4())
        courier.sweep()
        states = {
            message: stage.ask(f"SELECT state FROM {side.schema}.exchange_ledger WHERE id = %s", str(message))[0][0]
            for side, message in ((south, held), (north, free))
        }
        if states != {held: "recorded", free: "delivered"}:
            result.violations.append(f"with one dealership fenced off the states were {sorted(states.values())}")
        _fence(south.id, "")

    for name, disturb in (
        ("delivered twice", lambda: delivered(2)),
        ("delivered ten times", lambda: delivered(10)),
        ("one at a time", in_small_batches),
        ("a late commit", lambda: late_commit(stage, courier.sweep)),
        ("no broker", broker_stopped),
        ("the clock an hour ahead", lambda: clock_off(1)),
        ("the clock an hour behind", lambda: clock_off(-1)),
        ("one dealership at an old schema", old_schema),
    ):
        with noting(result, name):
            disturb()
            result.count("disturbances")
        _check(result, stage, name)


def _fence(id_: Any, by: str) -> None:
    with bound(Owner()):
        Tenant.objects.filter(id=id_).update(fenced_by=by)


def _crowd(result: Result, stage: Stage, couriers: int, *, seconds: float, kills: int) -> None:
    what = f"{couriers} couriers at once"
    before = _messages(stage)
    with noting(result, what):
        ended = crowd(stage, couriers=couriers, seconds=seconds, kills=kills)
        for name, number in ended.items():
            if name.startswith("failed"):
                result.violations.append(f"{what}: {number} × {name}")
            else:
                result.count(f"killed_{name}s_at_work", number)
        stage.bring_back()
    _check(result, stage, what)
    result.figures[f"messages_with_{couriers}_couriers"] = _messages(stage) - before


# -- what must be seen ---------------------------------------------------------------------------------------------


def _controls(result: Result, stage: Stage) -> None:
    for control in CONTROLS:
        stage.reset()
        with noting(result, f"without a precaution ({control.name})"):
            stage.settle()
            green = stage.compare().clean
            control.play(stage)
            red = control.seen(stage.compare()) > 0
            result.guards.append({"name": control.name, "probe": "comparison", "green_with": green, "red_without": red})
            if not (green and red):
                result.violations.append(f"without a precaution ({control.name}) the comparison stays green")
    result.figures["controls"] = len(CONTROLS)
    result.figures["controls_red"] = sum(guard["red_without"] for guard in result.guards)


def _planted(result: Result, stage: Stage) -> None:
    """Differences of each kind in both directions: the reconciliation names exactly these."""
    stage.reset()
    for _ in range(12):
        for side in (*stage.dealers, stage.network.portal):
            stage.send(side, uuid4())
    stage.settle()
    if stage.agrees():
        result.violations.append("the reconciliation finds differences where there are none")
    pairs = [pair for pair in stage.pairs() if pair[1] is not stage.network.south]
    planted: set[tuple[str, str]] = set()
    for number, kind in enumerate(("missing_at_receiver", "altered", "not_answered", "unknown_at_sender")):
        for turn in range(PLANTED_EACH):
            sender, receiver = pairs[(number + turn) % len(pairs)]
            taken = [message for message, _kind in planted]
            (message,) = stage.ask(
                f"SELECT id::text FROM {sender.schema}.exchange_ledger WHERE receiver = %s AND contract <> 'Receipt' "
                "AND NOT id::text = ANY(%s) ORDER BY number LIMIT 1",
                str(receiver.id),
                taken,
            )[0]
            stage.ask(
                {
                    "missing_at_receiver": f"DELETE FROM {receiver.schema}.exchange_inbox WHERE id = %s",
                    "altered": f"UPDATE {receiver.schema}.exchange_inbox SET commitment = 'x' WHERE id = %s",
                    "not_answered": f"UPDATE {sender.schema}.exchange_ledger SET state = 'delivered' WHERE id = %s",
                    "unknown_at_sender": f"DELETE FROM {sender.schema}.exchange_ledger WHERE id = %s",
                }[kind],
                message,
            )
            planted.add((message, kind))
    found = [(d["message"], d["difference"]) for d in operations.reconcile()["differences"]]
    result.figures |= {
        "planted": len(planted),
        "planted_found": len(planted & set(found)),
        "planted_false": len(found) - len(planted & set(found)),
    }
    if sorted(found) != sorted(planted):
        result.violations.append(f"of {len(planted)} planted differences the reconciliation found {sorted(found)}")
