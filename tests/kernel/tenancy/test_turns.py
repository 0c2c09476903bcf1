"""Dealerships take turns with the workers: however much one asks for, another's single job is soon done."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from tests.broker import messages

from kernel.tenancy import turns
from kernel.tenancy.bindings import Owner, bound, current
from kernel.tenancy.models import Limits
from kernel.tenancy.tasks import AGAIN, ask_later, dealer_task, ping, sweep_turns
from kernel.tenancy.tasks import turn as turn_task

seen: list[tuple[str, Any]] = []
left: list[int] = []


@dealer_task(name="tests.turns.note")
def note(dealer_id: str, what: Any = None) -> None:
    seen.append((dealer_id, what))
    assert current().login.startswith("d_")


@dealer_task(name="tests.turns.hurry", urgent=True)
def hurry(dealer_id: str) -> None:
    seen.append((dealer_id, "urgent"))


@dealer_task(name="tests.turns.fail")
def fail(dealer_id: str) -> None:
    seen.append((dealer_id, "failed"))
    raise RuntimeError("it broke")


@dealer_task(name="tests.turns.long")
def long(dealer_id: str) -> str | None:
    seen.append((dealer_id, "part"))
    left[0] -= 1
    return AGAIN if left[0] else None


@pytest.fixture(autouse=True)
def fresh(broker) -> Iterator[None]:
    seen.clear()
    yield
    seen.clear()


@pytest.fixture
def one_by_one(monkeypatch) -> None:
    """A turn is one job long."""
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.0)


def everything() -> None:
    """Work off whatever waits."""
    while turns.work(uuid4().hex):
        pass


# -- whose turn it is --------------------------------------------------------------------------------------------


def test_ten_thousand_jobs_of_one_dealership_keep_another_waiting_for_one_of_them(wall, north, south, one_by_one):
    turns._add([("tests.turns.note", [str(north.id), number]) for number in range(10_000)], urgent=False)
    note.delay(str(south.id), "mine")
    assert (turns.work("first"), turns.work("second")) == (1, 1)
    assert seen == [(str(north.id), 0), (str(south.id), "mine")]
    assert turns.backlog(north.id)["waiting"] == 9_999


def test_dealerships_take_turns_and_each_ones_jobs_keep_their_order(wall, north, south):
    for number in range(3):
        note.delay(str(north.id), number)
    for number in range(2):
        note.delay(str(south.id), number)
    everything()
    n, s = str(north.id), str(south.id)
    assert seen == [(n, 0), (s, 0), (n, 1), (s, 1), (n, 2)]


def test_the_same_job_asked_for_again_before_it_began_is_one_job(wall, north):
    for _ in range(5):
        note.delay(str(north.id), "x")
    assert turns.backlog(north.id)["waiting"] == 1
    everything()
    note.delay(str(north.id), "x")
    everything()
    assert seen == [(str(north.id), "x")] * 2


def test_an_urgent_job_comes_before_its_own_dealerships_others_and_not_before_anothers(wall, north, south):
    note.delay(str(south.id), "south")
    note.delay(str(north.id), "north")
    hurry.delay(str(north.id))
    everything()
    assert seen == [(str(south.id), "south"), (str(north.id), "urgent"), (str(north.id), "north")]


def test_a_job_with_more_to_do_goes_to_the_end_of_its_list(wall, north, south):
    left[:] = [3]
    long.delay(str(north.id))
    note.delay(str(north.id), "x")
    everything()
    assert [what for _who, what in seen] == ["part", "x", "part", "part"]
    assert turns.backlog(north.id) == {"waiting": 0, "in_flight": 0, "this_minute": 4}


def test_a_job_that_fails_is_told_of_and_holds_nothing_up(wall, north, caplog):
    fail.delay(str(north.id))
    note.delay(str(north.id), "x")
    everything()
    assert [what for _who, what in seen] == ["failed", "x"]
    assert "job tests.turns.fail" in caplog.text
    assert turns.backlog(north.id)["in_flight"] == 0


# -- limits ------------------------------------------------------------------------------------------------------


def test_a_dealership_has_so_many_jobs_in_flight_and_the_workers_turn_to_others(wall, north, south):
    for number in range(2):
        note.delay(str(north.id), number)
    note.delay(str(south.id), 0)
    first, second = turns.take("a"), turns.take("b")
    assert (first.dealer_id, second.dealer_id) == (str(north.id), str(south.id))
    assert turns.take("c") is None
    assert turns.backlog(north.id) == {"waiting": 1, "in_flight": 1, "this_minute": 1}
    turns.done("a")
    assert turns.take("c").arguments == [str(north.id), 1]


def test_a_dealership_may_have_more_in_flight_when_its_own_limit_says_so(committed, north):
    with bound(Owner()):
        Limits.objects.create(tenant_id=north.id, jobs_at_once=2)
    for number in range(3):
        note.delay(str(north.id), number)
    assert turns.take("a")
    assert turns.take("b") is None
    turns.sweep()  # the workers learn of the limits when they look for what was lost
    assert turns.take("b")
    assert turns.take("c") is None
    with bound(Owner()):
        Limits.objects.all().delete()
    turns.sweep()
    turns.done("a")
    assert turns.take("c") is None


def test_a_dealership_begins_so_many_jobs_a_minute(wall, north, south, settings):
    settings.DEALERSHIP_LIMITS = {**settings.DEALERSHIP_LIMITS, "jobs_per_minute": 2}
    for number in range(4):
        note.delay(str(north.id), number)
    note.delay(str(south.id), "x")
    everything()
    assert [what for who, what in seen if who == str(north.id)] == [0, 1]
    assert (str(south.id), "x") in seen
    assert turns.backlog(north.id)["waiting"] == 2
    for key in turns._client().scan_iter("turns:rate:*"):  # the next minute
        turns._client().delete(key)
    everything()
    assert turns.backlog(north.id)["waiting"] == 0


# -- turns in Celery's queue -------------------------------------------------------------------------------------


def test_few_turns_stand_in_the_queue_however_many_jobs_wait(wall, north):
    for number in range(50):
        note.delay(str(north.id), number)
    assert messages(turns.QUEUE) == [(turns.TURN,)] * turns.TURNS_AT_MOST


def test_a_turn_that_ends_before_the_work_asks_for_another_one(wall, north, one_by_one):
    for number in range(2):
        note.delay(str(north.id), number)
    messages(turns.QUEUE)
    assert turns.work("a") == 1
    assert messages(turns.QUEUE) == [(turns.TURN,)]
    assert turns.work("b") == 1
    assert messages(turns.QUEUE) == []


def test_a_turn_works_on_while_there_is_time(wall, north):
    for number in range(5):
        note.delay(str(north.id), number)
    assert turn_task.apply().result == 5


def test_a_job_for_later_is_asked_for_later(wall, north):
    note.apply_async([str(north.id), "x"], countdown=30)
    assert turns.backlog(north.id)["waiting"] == 0
    [(task, *arguments)] = messages(turns.QUEUE)
    assert (task, arguments) == (turns.LATER, ["tests.turns.note", [str(north.id)], ["x"], False])
    ask_later(*arguments)
    everything()
    assert seen == [(str(north.id), "x")]


def test_who_names_words_or_another_queue_gets_celerys_own(wall, north):
    note.apply_async([str(north.id)], {"what": "x"})
    assert messages(turns.QUEUE) == [("tests.turns.note", str(north.id))]
    note.apply_async([str(north.id)], queue="elsewhere")
    assert messages("elsewhere") == [("tests.turns.note", str(north.id))]
    assert turns.backlog(north.id)["waiting"] == 0


# -- what gets lost ----------------------------------------------------------------------------------------------


def test_a_turn_that_comes_again_after_its_worker_died_has_its_job_again(wall, north):
    note.delay(str(north.id), "x")
    assert turns.take("turn-1").arguments == [str(north.id), "x"]
    assert turns.take("turn-2") is None
    assert turns.work("turn-1") == 1
    assert seen == [(str(north.id), "x")]
    assert turns.backlog(north.id)["in_flight"] == 0


def test_a_job_over_which_workers_die_is_given_up(wall, north):
    note.delay(str(north.id), "deadly")
    note.delay(str(north.id), "well")
    for _ in range(turns.TRIES):
        assert turns.take("turn-1").arguments[1] == "deadly"
    assert turns.take("turn-1").arguments[1] == "well"
    assert turns.backlog(north.id) == {"waiting": 0, "in_flight": 1, "this_minute": 2}


def expire(lease: str) -> None:
    """Let a lease be over."""
    client = turns._client()
    dealer_id = json.loads(client.hget("turns:held", lease))[0]
    client.zadd("turns:leases", {lease: 1})
    client.zadd(f"turns:busy:{dealer_id}", {lease: 1})


def test_the_sweep_finds_a_job_whose_turn_never_came_again(wall, north, caplog):
    note.delay(str(north.id), "x")
    messages(turns.QUEUE)
    turns.take("lost")
    assert sweep_turns() == 0
    expire("lost")
    assert sweep_turns() == 1
    assert "1 jobs were lost with their workers" in caplog.text
    assert messages(turns.QUEUE) == [(turns.TURN,)]
    everything()
    assert seen == [(str(north.id), "x")]


def test_the_sweep_gives_up_a_job_over_which_workers_die(wall, north, caplog):
    note.delay(str(north.id), "x")
    for number in range(turns.TRIES):
        assert turns.take(f"lost-{number}")
        expire(f"lost-{number}")
        turns.sweep()
    assert turns.backlog(north.id) == {"waiting": 0, "in_flight": 0, "this_minute": 3}
    assert "job given up" in caplog.text


def test_the_sweep_sends_turns_when_the_broker_lost_them(wall, north):
    note.delay(str(north.id), "x")
    assert messages(turns.QUEUE) == [(turns.TURN,)]  # and it is lost
    assert turns.sweep() == 1
    assert messages(turns.QUEUE) == [(turns.TURN,)]


def test_a_broker_that_is_down_fails_nobody(wall, north, broken_broker, caplog):
    note.delay(str(north.id), "x")
    note.apply_async([str(north.id), "x"], countdown=5)
    assert caplog.text.count("hint not sent") == 2


def test_a_turn_that_cannot_be_sent_is_found_by_the_sweep(wall, north, one_by_one, monkeypatch, caplog):
    for number in range(2):
        note.delay(str(north.id), number)

    def down(*arguments: Any, **options: Any) -> None:
        raise ConnectionError("the broker has gone")

    with monkeypatch.context() as patched:
        patched.setattr(turns.current_app, "send_task", down)
        assert turns.work("a") == 1
    assert "turn not sent: the broker has gone" in caplog.text
    assert turns.sweep() == 1


# -- other brokers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broker_url", "client_url"),
    [
        ("redis://:x@db.example/0", "redis://:x@db.example/0"),
        ("rediss://db.example/0", "rediss://db.example/0"),
        ("redis+socket://:x@/run/valkey.sock?virtual_host=0", "unix://:x@/run/valkey.sock?db=0"),
        ("amqp://rabbit.example", ""),
        ("memory://", ""),
        (None, ""),
    ],
)
def test_turns_need_valkey_or_redis(broker_url, client_url):
    turns.current_app.conf.broker_url = broker_url  # the broker's fixture puts it back
    assert turns._url() == client_url
    assert turns.fair() == bool(client_url)


def test_with_another_broker_tasks_stand_in_celerys_queue(wall, north, monkeypatch):
    monkeypatch.setattr(turns, "fair", lambda: False)
    note.delay(str(north.id), "x")
    turns.ask("tests.turns.note", north.id, "y")
    turns.ask("tests.turns.hurry", north.id, urgent=True)
    assert messages(turns.QUEUE) == [("tests.turns.note", str(north.id), what) for what in "xy"]
    assert messages(turns.URGENT_QUEUE) == [("tests.turns.hurry", str(north.id))]
    left[:] = [2]
    long.apply([str(north.id)])
    assert messages(turns.QUEUE) == [("tests.turns.long", str(north.id))]
    long.apply([str(north.id)])
    assert messages(turns.QUEUE) == []
    assert turns.sweep() == 0
    assert turns.backlog(north.id) == {"waiting": 0, "in_flight": 0, "this_minute": 0}


def test_jobs_that_have_not_begun_can_be_taken_back(wall, north, south):
    for side in (north, south):
        for number in range(3):
            note.delay(str(side.id), number)
        hurry.delay(str(side.id))
    assert turns.withdraw(north.id) == 4
    everything()
    assert {who for who, _what in seen} == {str(south.id)}
    note.delay(str(north.id), 0)
    assert turns.work("again") == 1


def test_a_ping_tells_that_jobs_are_done(committed, north, south):
    ping.delay(str(north.id), "token", 2)
    everything()
    with north.bound():
        assert cache.get("ping:token") == 2
    with south.bound():
        assert cache.get("ping:token") is None


def test_jobs_are_counted(wall, north, caplog):
    caplog.set_level(logging.INFO)
    before = {what: turns.JOBS.labels(what)._value.get() for what in ("asked", "known", "done", "failed")}
    note.delay(str(north.id), "x")
    note.delay(str(north.id), "x")
    fail.delay(str(north.id))
    everything()
    after = {what: turns.JOBS.labels(what)._value.get() - before[what] for what in before}
    assert after == {"asked": 2, "known": 1, "done": 1, "failed": 1}
