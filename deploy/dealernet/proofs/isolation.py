"""`dealernet prove isolation`: who can see or change what, over HTTP and in the database."""

from __future__ import annotations

from dealernet.proofs import Result, attacks, http, tables
from dealernet.proofs.network import World
from kernel.tenancy import steward
from kernel.testing.network import Network

DATABASE = "dealernet_proof"


def prove(host: str, *, port: str = "", seed: int = 0, sample: float = 1.0, only: str = "") -> Result:
    """Build the network on an empty server and try everything. `only` restricts it to some routes."""
    result = Result("isolation", figures={"seed": seed, "http_probes": 0, "privilege_cells": 0, "attempts": 0})
    world = World(Network(host=host, port=port, name=DATABASE))
    world.build()
    if only:
        http.check(result, world, seed=seed, sample=sample, only=lambda row: only in row.name)
        return result
    check_database(result, world, host=host, port=port)
    http.check(result, world, seed=seed, sample=sample)
    return result


def check_database(result: Result, world: World, *, host: str, port: str = "") -> None:
    """The tables and the attacks."""
    connect = tables.connector(host, port, world.network.name)
    kinds = {"public": "public", "oem": "manufacturer"}
    kinds |= {side.schema: "dealership" for side in (world.network.north, world.network.south)}
    superuser = steward.superuser(world.network.name)
    try:
        tables.check(result, connect=connect, superuser=superuser, schemas=kinds)
    finally:
        superuser.close()
    attacks.check(result, world, connect=connect)
