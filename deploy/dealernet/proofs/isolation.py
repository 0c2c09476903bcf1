"""`dealernet prove isolation`: who can see or change what, over HTTP and in the database."""

from __future__ import annotations

import os
import platform
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dealernet.proofs import (
    Result,
    attacks,
    bounded,
    contexts,
    crowd,
    failures,
    guards,
    hosts,
    http,
    probes,
    tables,
    traces,
)
from dealernet.proofs.network import World
from dealernet.proofs.probes import Env
from kernel.tenancy import steward
from kernel.testing.network import Network

DATABASE = "dealernet_proof"


@dataclass(frozen=True)
class Extent:
    """How much is tried. The full proof of `dealernet prove isolation`; `sampled` is what every test run tries."""

    refusals: int | None = None
    sample: float = 1.0
    dealerships: int = 50
    tables_each: int | None = 200
    hosts: int | None = None
    steps: int = 10_000
    requests: int = 10_000
    error_pages: int | None = None


def prove(host: str, *, port: str = "", seed: int = 0, sample: float = 1.0, only: str = "") -> Result:
    """Build the network on an empty server and try everything. `only` restricts it to some routes."""
    result = Result("isolation", figures={"seed": seed, "http_probes": 0, "privilege_cells": 0, "attempts": 0})
    result.machine = machine()
    world = World(Network(host=host, port=port, name=DATABASE))
    extent = Extent(sample=sample)
    with traces.watching(world) as seen:
        world.build()
        if only and only != "database":
            http.check(result, world, seed=seed, sample=sample, only=lambda row: only in row.name)
            return result
        with environment(world, host=host, port=port) as env:
            check_database(result, env)
            if only:
                return result
            check_people(result, env, seen, extent=extent, seed=seed)
            check_crowd(result, env, extent=extent, seed=seed)
            guards.check(result, env)
            check_many(result, env, extent=extent, seed=seed)
            result.figures["guards_removed"] = len(result.guards)
            result.figures["guards_caught"] = sum(guard["red_without"] for guard in result.guards)
    result.machine |= {"load_after": os.getloadavg()[0]}
    return result


def machine() -> dict[str, Any]:
    """What it ran on, for whoever compares seconds."""
    return {
        "processors": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


@contextmanager
def environment(world: World, *, host: str, port: str = "") -> Iterator[Env]:
    """Where a world's probes work: connections as any login, and one of the server's superuser."""
    superuser = steward.superuser(world.network.name)
    try:
        yield Env(world, tables.connector(host, port, world.network.name), superuser)
    finally:
        superuser.close()


def check_database(result: Result, env: Env) -> None:
    """The tables, the attacks, the catalogues, what cannot be taken away, and what the steward may be asked for."""
    world = env.world
    tables.check(result, connect=env.connect, superuser=env.superuser, schemas=env.kinds())
    attacks.check(result, world, connect=env.connect, superuser=env.superuser)
    probes.check_catalogues(result, env)
    bounded.check(result, env.bench())
    probes.let_oneself_in(result, world)
    probes.close_a_living_one(result, world)
    probes.caches(result, world)


def check_people(result: Result, env: Env, seen: traces.Traces, *, extent: Extent, seed: int) -> None:
    """Everybody at every route and host, what fails, and what is left behind."""
    world, book = env.world, http.read()
    http.check(result, world, limit=extent.refusals, seed=seed, sample=extent.sample, traces=seen)
    prober = http.Prober(result, world, book, traces=seen)
    rows = [row for row in book.rows if row.path in http.prober_routes(row.tier)]
    if extent.error_pages is not None:
        rows = random.Random(seed).sample(rows, extent.error_pages)  # noqa: S311 - picks probes, no secret
    failures.check(result, prober, book, rows=rows)
    hosts.check(result, world, limit=extent.hosts, seed=seed)
    probes.files(result, world)
    probes.guessing(result, world)
    probes.keys_by_process(result, world)
    contexts.check(result, world, steps=extent.steps, seed=seed)
    seen.report(result, world, env.superuser, book.shared)


def check_crowd(result: Result, env: Env, *, extent: Extent, seed: int) -> None:
    """Threads that hop over dealerships."""
    crowd.check(result, env.world, requests=extent.requests, seed=seed)


def check_many(result: Result, env: Env, *, extent: Extent, seed: int) -> None:
    """The rights of many dealerships, each against each."""
    more = crowd.provisioned(extent.dealerships - 2)
    kinds = env.kinds() | {side.schema: "dealership" for side in more}
    tables.check(
        result,
        connect=env.connect,
        superuser=env.superuser,
        schemas=kinds,
        tried=extent.tables_each,
        seed=seed,
    )
    result.figures["dealerships"] = len(more) + 2
