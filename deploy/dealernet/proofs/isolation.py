"""`dealernet prove isolation`: who can see or change what, over HTTP and in the database."""

from __future__ import annotations

from uuid import uuid4

from django.core.cache import cache
from django.db import ProgrammingError, transaction

from dealernet.proofs import Result, attacks, http, tables
from dealernet.proofs.network import World
from kernel.accounts.models import User
from kernel.tenancy import steward
from kernel.tenancy.bindings import Owner, bound
from kernel.tenancy.models import RequestState, State, StewardRequest, Tenant
from kernel.testing.network import Network

DATABASE = "dealernet_proof"


def prove(host: str, *, port: str = "", seed: int = 0, sample: float = 1.0, only: str = "") -> Result:
    """Build the network on an empty server and try everything. `only` restricts it to some routes."""
    result = Result("isolation", figures={"seed": seed, "http_probes": 0, "privilege_cells": 0, "attempts": 0})
    world = World(Network(host=host, port=port, name=DATABASE))
    world.build()
    if only == "database":
        check_database(result, world, host=host, port=port)
        return result
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
        attacks.check(result, world, connect=connect, superuser=superuser)
    finally:
        superuser.close()
    _let_oneself_in(result, world)
    _close_a_living_one(result, world)
    _caches(result, world)


def _let_oneself_in(result: Result, world: World) -> None:
    """The manufacturer asks the steward to set up a dealership that lives already, with a person of its own in it."""
    north = world.network.north
    mallory = {"login": "mallory", "name": "Mallory", "role": "general_manager", "first_link": "known"}
    arguments = {"id": str(north.id), "slug": "north", "name": "North", "users": [mallory]}
    with world.network.portal.bound():
        request = StewardRequest.objects.create(verb="provision", arguments=arguments, requested_by="mallory")
    while steward.work_off_one():
        pass
    result.count("attempts")
    with world.network.portal.bound():
        request.refresh_from_db()
    if request.state != RequestState.DONE:
        result.violations.append(f"the steward did not work off a request: {request.error}")
    with north.bound():
        if User.objects.filter(login="mallory").exists():
            result.violations.append("the manufacturer got a person into a living dealership by a steward's request")


def _close_a_living_one(result: Result, world: World) -> None:
    """The manufacturer asks the steward to retire a living dealership, and signs that itself. The control: with the
    signature of the owner's login the same request is carried out."""
    gone = uuid4()
    slug = f"leaver-{gone.hex[:8]}"
    steward.provision({"id": str(gone), "slug": slug, "name": "Leaver Motors"})
    with world.network.portal.bound():
        asked = StewardRequest.objects.create(verb="retire", arguments={"slug": slug}, requested_by="mallory")
        result.count("attempts")
        try:
            with transaction.atomic():
                steward.sign(asked.id, by="mallory")
        except ProgrammingError:
            pass
        else:
            result.violations.append("the manufacturer gave the second signature itself")
    for signed, wanted in ((False, State.ACTIVE), (True, State.RETIRED)):
        with bound(Owner()):
            if signed:
                steward.sign(asked.id, by="the operator")
        while steward.work_off_one():
            pass
        result.count("attempts")
        with bound(Owner()):
            state = Tenant.objects.get(id=gone).state
        if state != wanted:
            how = "with" if signed else "without"
            result.violations.append(f"a living dealership is {state} after a request {how} the second signature")


def _caches(result: Result, world: World) -> None:
    """The same key kept by one member is not there for another."""
    sides = list(world.sides.values())
    for writer in sides:
        with writer.bound():
            cache.set("proof", writer.slug, 60)
            if cache.get("proof") != writer.slug:
                result.violations.append(f"the cache keeps nothing for {writer.slug}")
        for reader in sides:
            result.count("attempts")
            with reader.bound():
                found = cache.get("proof")
            if found not in (None, reader.slug):
                result.violations.append(f"{reader.slug} finds in the cache what {found} put there")
    cache.clear()
