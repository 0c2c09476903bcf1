"""Single probes of the isolation proof, each of one promise that no matrix holds."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.cache import cache
from django.db import ProgrammingError, transaction
from django.test import Client

from dealernet.proofs import Result, catalogues
from dealernet.proofs.bounded import Bench
from dealernet.proofs.hosts import noted
from dealernet.proofs.network import World
from kernel.accounts import throttle
from kernel.accounts.models import User
from kernel.tenancy import directory, steward
from kernel.tenancy.bindings import Owner, bound
from kernel.tenancy.models import RequestState, State, StewardRequest, Tenant
from kernel.tenancy.pool import pool


@dataclass(frozen=True)
class Env:
    """A world, connections as any login of it, and an open one of the server's superuser, in autocommit."""

    world: World
    connect: Callable[[str], Any]
    superuser: Any

    def kinds(self) -> dict[str, str]:
        """The schemas of the world by what they are."""
        network = self.world.network
        dealerships = {side.schema: "dealership" for side in (network.north, network.south)}
        return {"public": "public", "oem": "manufacturer"} | dealerships

    def bench(self) -> Bench:
        network = self.world.network
        return Bench(self.connect, self.superuser, network.north.schema, network.south.schema, network.name)

    def as_superuser(self, statement: str) -> None:
        with self.superuser.cursor() as cursor:
            cursor.execute(statement)


def check_catalogues(result: Result, env: Env) -> None:
    """What the server's catalogues and functions tell each kind of login of another member. Not the courier's: it has
    to name the mailboxes of every schema."""
    network = env.world.network
    logins = [network.north.schema, "oem", "frontdesk"]
    catalogues.check(result, connect=env.connect, superuser=env.superuser, logins=logins, other=network.south.schema)


def let_oneself_in(result: Result, world: World) -> None:
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


def close_a_living_one(result: Result, world: World) -> None:
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


def caches(result: Result, world: World) -> None:
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


def files(result: Result, world: World) -> None:
    """A file of one member, by its exact name and by ways around, is at no other member's host."""
    for side in (world.network.north, world.network.south):
        name = world.living[side.slug]["logo"]
        ways = (name, f"..%2f{side.id}%2f{name}", f"../{side.id}/{name}", f"%2e%2e/{side.id}/{name}", f"/{name}")
        for host in world.sides.values():
            for way in ways:
                answer = Client(headers={"host": host.host}, raise_request_exception=False).get(f"/logo/{way}")
                result.count("file_requests")
                if (answer.status_code == 200) != (host is side and way == name):
                    result.violations.append(f"the file {way} of {side.slug} gets {answer.status_code} at {host.slug}")
    for path in Path(settings.MEDIA_ROOT).rglob("*"):
        if path.stat().st_mode & 0o007 and path.is_dir():
            result.violations.append(f"everybody on the machine may open {path}")


def guessing(result: Result, world: World) -> None:
    """Passwords are not guessed: after so many tries the sign-in page asks to wait, at this member alone."""
    cache.clear()
    for slug, wanted in (("north", 429), ("south", 200)):
        client = Client(headers={"host": f"{slug}.localhost"}, raise_request_exception=False)
        for number in range(throttle.SIGN_IN_PAIR.times + 2 if slug == "north" else 1):
            answer = client.post("/sign-in/", {"login": "general_manager", "password": f"guess {number}"})
            result.count("guesses")
        if (answer.status_code == 429) != (wanted == 429):
            result.violations.append(f"guessing: after its tries {slug} answers {answer.status_code}")
    cache.clear()


def keys_by_process(result: Result, world: World) -> None:
    """A process without the dealers' key answers for no dealership and reaches none, and the same for the portal."""
    for key, side in (("DEALERS", world.network.north), ("PORTAL", world.network.portal)):
        pool.clear()
        directory.forget()
        held = os.environ.pop(f"DEALERNET_KEY_{key}")
        try:
            with noted() as used:
                answer = Client(headers={"host": side.host}, raise_request_exception=False).get("/sign-in/")
        finally:
            os.environ[f"DEALERNET_KEY_{key}"] = held
        result.count("attempts")
        if answer.status_code != 421 or side.schema in used:
            result.violations.append(f"a process without the key {key} answers {answer.status_code} at {side.slug}")
