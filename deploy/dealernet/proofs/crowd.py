"""Many at once: threads hop over dealerships, with one pool of connections and one cache, and nobody sees another's.

Each thread asks for pages, for the API, for a stream and for what a task reads, at a dealership chosen anew each time.
Every answer must show the canary of that dealership, and no other.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.client import ClientHandler

from dealernet.proofs import Result
from dealernet.proofs.network import World, canary
from dealernet.proofs.traces import CANARY
from kernel.accounts.models import User
from kernel.tenancy import directory, steward
from kernel.tenancy.bindings import Dealer
from kernel.testing.network import Side


@dataclass(frozen=True)
class House:
    """One dealership of the crowd: where it is, and who asks."""

    side: Side
    cookie: str
    bearer: str


def provisioned(number: int) -> list[Side]:
    """So many more dealerships with a manager whose name is a canary, by the steward; those that are there are kept."""
    sides = []
    for index in range(number):
        slug = f"more{chr(97 + index // 26)}{chr(97 + index % 26)}"
        dealer_id = UUID(int=0xB000 + index, version=4)
        manager = {"login": "boss", "name": canary(slug, "accounts_user", "name"), "role": "general_manager"}
        steward.provision({"id": str(dealer_id), "slug": slug, "name": slug.title(), "users": [manager]})
        sides.append(Side(slug, Dealer(dealer_id)))
    directory.forget()
    return sides


def moved_in(side: Side) -> House:
    """A sign-in and a token of the manager."""
    from kernel.accounts.actions import create_token
    from kernel.accounts.actors import Actor
    from kernel.accounts.scopes import scopes_for
    from kernel.accounts.testing import open_session

    with side.bound():
        manager = User.objects.get(role="general_manager")
        key = open_session(manager, tenant_id=side.id)[1]
        scopes = scopes_for(manager.role)
        token = create_token(actor=Actor.of(manager), user=manager, name="crowd", scopes=scopes)[1]
    return House(side, key, token)


def check(
    result: Result, world: World, *, requests: int, threads: int = 8, dealerships: int = 10, seed: int = 0
) -> None:
    """So many requests in all. North and south are two of the dealerships; the rest is provisioned."""
    sides = [world.network.north, world.network.south, *provisioned(dealerships - 2)]
    houses = [moved_in(side) for side in sides]
    handler = ClientHandler()
    handler.load_middleware()
    wrong: list[str] = []
    answered: list[int] = []

    def work(number: int) -> None:
        chance = random.Random(seed * 1000 + number)  # noqa: S311 - picks houses, no secret
        count = 0
        try:
            for _turn in range(requests // threads):
                house = chance.choice(houses)
                seen = str(chance.choice(ASKED)(house, handler))
                slugs = {slug for slug, _mark in CANARY.findall(seen)}
                if slugs != {house.side.slug}:
                    wrong.append(f"crowd: at {house.side.slug} there was {sorted(slugs) or seen[:80]}")
                count += 1
        except Exception as error:
            wrong.append(f"crowd: {type(error).__name__} {error}")
        finally:
            answered.append(count)
            connection.close()

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    result.violations += sorted(set(wrong))[:20]
    result.figures |= {"crowd_requests": sum(answered), "crowd_threads": threads, "crowd_dealerships": len(houses)}
    cache.clear()


def _client(house: House, handler: ClientHandler) -> Client:
    client = Client(headers={"host": house.side.host})
    client.handler = handler
    return client


def _page(house: House, handler: ClientHandler) -> str:
    client = _client(house, handler)
    client.cookies["__Host-sid"] = house.cookie
    return client.get("/account/").text


def _by_token(house: House, handler: ClientHandler) -> str:
    """The API by token, and the page of people beside it: the API's answer has no name in it."""
    client = _client(house, handler)
    answer = client.get("/api/v1/exchange/status", headers={"authorization": f"Bearer {house.bearer}"})
    return f"{answer.text if answer.status_code == 200 else answer.status_code} {_task(house, handler)}"


def _task(house: House, handler: ClientHandler) -> str:
    """What a worker's task reads."""
    from dealernet.proofs.contexts import read_names_of

    return read_names_of(house.side.id)


def _remembered(house: House, handler: ClientHandler) -> str:
    """The same key of the cache for all."""
    with house.side.bound():
        found = cache.get("crowd")
        if found is None:
            found = User.objects.get(role="general_manager").name
            cache.set("crowd", found, 60)
        return str(found)


#: What is asked, by weight.
ASKED: tuple[Callable[[House, Any], str], ...] = (_page, _page, _page, _by_token, _task, _remembered)
