"""Tasks run bound to the login they name, and go to the workers of their tier."""

from __future__ import annotations

from uuid import uuid4

import pytest
from celery import current_app

from kernel.tenancy.bindings import Owner, Portal, bound, current
from kernel.tenancy.models import State, Tenant
from kernel.tenancy.tasks import DEALERS_QUEUE, PORTAL_QUEUE, dealer_task, fan_out, portal_task

seen: list[object] = []


@portal_task(name="tests.portal_task")
def at_the_portal(word: str) -> None:
    seen.append((current(), word))


@dealer_task(name="tests.dealer_task")
def at_a_dealership(dealer_id: str, word: str = "") -> None:
    seen.append((current(), dealer_id, word))


@pytest.fixture(autouse=True)
def nothing_seen():
    seen.clear()


def waiting(queue: str) -> list[tuple[str, list]]:
    """Name and arguments of every task in a queue, which is empty afterwards."""
    found = []
    with current_app.connection() as broker, broker.SimpleQueue(queue) as box:
        while box.qsize():
            message = box.get_nowait()
            message.ack()
            found.append((message.headers["task"], message.payload[0]))
    return found


@pytest.fixture(autouse=True)
def empty_queues():
    waiting(PORTAL_QUEUE), waiting(DEALERS_QUEUE)


def test_a_task_runs_under_the_login_it_is_for(wall, north):
    at_the_portal("hello")
    at_a_dealership(str(north.id), word="hello")
    assert seen == [(Portal(), "hello"), (north.binding, str(north.id), "hello")]


def test_a_dealers_task_without_a_dealership_does_nothing(wall):
    for arguments in ([], ["north"], [None]):
        with pytest.raises((TypeError, ValueError, AttributeError)):
            at_a_dealership(*arguments)
    assert seen == []


def test_tasks_go_to_the_workers_of_their_tier(wall, north):
    at_the_portal.delay("a")
    at_a_dealership.delay(str(north.id))
    fan_out.delay("x")
    assert waiting(PORTAL_QUEUE) == [("tests.portal_task", ["a"])]
    assert waiting(DEALERS_QUEUE) == [("tests.dealer_task", [str(north.id)]), ("tenancy.fan_out", ["x"])]


def test_who_names_another_queue_gets_it(wall, north):
    name = f"test.{uuid4()}"
    at_a_dealership.apply_async([str(north.id)], queue=name)
    assert waiting(name) == [("tests.dealer_task", [str(north.id)])]


def test_a_task_for_all_goes_to_every_active_dealership_and_to_no_other_member(committed, north, south):
    assert fan_out("tests.dealer_task") == 2
    assert sorted(waiting(DEALERS_QUEUE)) == [("tests.dealer_task", [str(side.id)]) for side in (north, south)]
    with bound(Owner()):
        Tenant.objects.filter(id=south.id).update(state=State.RETIRED)
    assert fan_out("tests.dealer_task") == 1
    assert waiting(DEALERS_QUEUE) == [("tests.dealer_task", [str(north.id)])]
