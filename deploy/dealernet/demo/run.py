"""Making a part of the demo, and remembering what it was begun with."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from django.db import connection

from dealer.sales.actions import refresh_temperatures
from dealernet.demo import plan, present, setup
from dealernet.demo.engine import World, say
from dealernet.demo.plan import READY, REST
from dealernet.demo.times import at
from kernel.audit.models import Entry, Origin
from kernel.tenancy.bindings import bound

PLAN = "demo.json"
#: Seconds that the people at work get between two days of the past.
PAUSE = 0.05

__all__ = ["READY", "REST", "make"]


def make(
    part: str,
    *,
    data: Path,
    seed: int,
    scale: float,
    steward_works: Callable[[], Any] | None = None,
) -> dict[str, Any]:
    """Make one part of the demo in the running network; returns its figures. Called unbound.

    Seed, scale and the day on which the past ends are kept in `demo.json`: started again, it goes on with those. A
    part that is finished is not looked at again.
    """
    kept = _kept(data, seed, scale)
    if part in kept["finished"]:
        return {"part": part, "steps": 0, "finished": True}
    began = time.monotonic()
    world = World(seed=kept["seed"], scale=kept["scale"], today=datetime.fromisoformat(kept["today"]))
    if part == READY:
        setup.prepare(seed=world.seed, since=at(world.first_day, 8), say=say, steward_works=steward_works)
        setup.write_sign_ins(data)
    world.open()
    _write_without_waiting(world)
    audited = _audited(world)
    stories = plan.stories(world, part)
    tell = _Progress(world, part)
    world.live(stories, progress=tell, pause=PAUSE if part == REST else 0.0)
    if part == READY:
        present.make(world)
    for side in world.dealers:
        with bound(side.binding):
            refresh_temperatures()
    kept["finished"].append(part)
    _write(data, kept)
    return _figures(world, part, len(stories), _audited(world) - audited, time.monotonic() - began)


def _kept(data: Path, seed: int, scale: float) -> dict[str, Any]:
    path = data / PLAN
    if path.exists():
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return kept
    kept = {"seed": seed, "scale": scale, "today": datetime.now(UTC).isoformat(timespec="seconds"), "finished": []}
    _write(data, kept)
    return kept


def _write(data: Path, kept: dict[str, Any]) -> None:
    draft = data / f"{PLAN}.part"
    draft.write_text(json.dumps(kept), encoding="utf-8")
    draft.replace(data / PLAN)


def _write_without_waiting(world: World) -> None:
    """Do not wait for the disk at each commit: after a crash the last steps are missing, whole and in order, and are
    done again."""
    for side in world.sides.values():
        with bound(side.binding), connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit = off")


class _Progress:
    """Says now and then how far the past has been lived."""

    def __init__(self, world: World, part: str) -> None:
        self.world, self.part = world, part
        self.began = self.said = time.monotonic()

    def __call__(self, day: date, steps: int) -> None:
        now = time.monotonic()
        if now - self.said > (10 if self.part == READY else 30):
            self.said = now
            first = self.world.window if self.part == READY else self.world.first_day
            share = max((day - first).days, 0) / max((self.world.last_day - first).days, 1)
            rate = steps / (now - self.began)
            say(f"Demo history: {day} ({share:.0%}), {steps} events, {rate:.0f} a second")


def _audited(world: World) -> int:
    """How many rows of the audit trail are the demo's."""
    rows = 0
    for side in world.sides.values():
        with bound(side.binding):
            rows += Entry.objects.filter(origin=Origin.DEMO).count()
    return rows


def _figures(world: World, part: str, stories: int, audited: int, seconds: float) -> dict[str, Any]:
    figures = world.figures
    say(
        f"Demo data ({part}): {stories} stories, {figures.steps} events, {audited} audited actions, "
        f"{figures.messages} messages applied, {seconds:.1f} s, {audited / seconds:.0f} audited actions a second"
    )
    for line in figures.refused[:20]:
        say(f"  refused: {line}")
    return {
        "part": part,
        "stories": stories,
        "steps": figures.steps,
        "known": figures.known,
        "audited": audited,
        "messages": figures.messages,
        "refused": figures.refused,
        "seconds": round(seconds, 1),
        "finished": True,
    }
