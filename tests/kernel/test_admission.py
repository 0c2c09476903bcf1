"""A web process works on so many requests of one dealership at once; others wait in turn or are asked to come again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory

from kernel import admission
from kernel.admission import AdmissionMiddleware
from kernel.tenancy import directory
from kernel.tenancy.bindings import Owner, bound
from kernel.tenancy.middleware import HostMiddleware
from kernel.tenancy.models import Limits
from kernel.tenancy.pool import pool


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.005)


class Slow:
    """A view that answers when it is told to, and writes down who came."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun: list[str] = []
        self.answers: list[tuple[str, int]] = []
        self.middleware = HostMiddleware(AdmissionMiddleware(self))

    def __call__(self, request: Any) -> HttpResponse:
        self.begun.append(request.tenant.slug)
        self.go.wait(20)
        return HttpResponse("done")

    def ask(self, side: Any) -> threading.Thread:
        """A request from a thread of its own."""

        def work() -> None:
            request = RequestFactory(headers={"host": side.host}).get("/")
            self.answers.append((side.slug, self.middleware(request).status_code))
            connection.close()

        thread = threading.Thread(target=work)
        thread.start()
        return thread


@pytest.fixture
def slow(committed) -> Iterator[Slow]:
    view = Slow()
    yield view
    view.go.set()


def test_a_noisy_dealership_never_takes_all_places_and_the_quiet_one_is_served_at_once(slow, north, south, settings):
    allowed, queue = settings.DEALERSHIP_LIMITS["requests"], settings.WEB_WAITING
    assert allowed < settings.WEB_AT_ONCE
    flood = [slow.ask(north) for _ in range(allowed)]
    until(lambda: len(slow.begun) == allowed)
    flood += [slow.ask(north) for _ in range(queue)]
    until(lambda: admission.places.waiting(str(north.id)) == queue)
    beyond = [slow.ask(north) for _ in range(3)]
    for thread in beyond:
        thread.join()
    assert slow.answers == [("north", 503)] * 3
    quiet = slow.ask(south)
    until(lambda: slow.begun[-1] == "south")
    slow.go.set()
    for thread in [quiet, *flood]:
        thread.join()
    assert sorted(slow.answers[3:]) == [("north", 200)] * (allowed + queue) + [("south", 200)]
    assert admission.places.taken() == 0


def test_who_waits_holds_no_connection(slow, north, settings):
    directory.forget()
    threads = [slow.ask(north) for _ in range(settings.DEALERSHIP_LIMITS["requests"] + 2)]
    until(lambda: admission.places.waiting(str(north.id)) == 2)
    assert pool.busy("frontdesk") == 0
    assert pool.busy(north.schema) == settings.DEALERSHIP_LIMITS["requests"]
    slow.go.set()
    for thread in threads:
        thread.join()


def test_a_dealership_may_have_more_places_when_its_own_limit_says_so(slow, north):
    with bound(Owner()):
        Limits.objects.create(tenant_id=north.id, requests=3)
    threads = [slow.ask(north) for _ in range(3)]
    until(lambda: len(slow.begun) == 3)
    slow.go.set()
    for thread in threads:
        thread.join()


def test_the_manufacturer_may_take_every_place_of_its_process(slow, portal, settings):
    threads = [slow.ask(portal) for _ in range(settings.WEB_AT_ONCE)]
    until(lambda: len(slow.begun) == settings.WEB_AT_ONCE)
    slow.go.set()
    for thread in threads:
        thread.join()


@pytest.fixture
def full(wall, north, settings) -> Iterator[None]:
    """Every place of north is taken, and nobody waits."""
    settings.WEB_WAITING = 0
    for _ in range(settings.DEALERSHIP_LIMITS["requests"]):
        admission.places.occupy(str(north.id), most=99, wait=0)
    yield
    for _ in range(settings.DEALERSHIP_LIMITS["requests"]):
        admission.places.free(str(north.id))


def test_a_page_asks_to_come_again_in_the_readers_language(full, north):
    answer = north.client().get("/sign-in/?next=/today/", headers={"accept-language": "zh-hans"})
    assert (answer.status_code, answer["Retry-After"], answer["Cache-Control"]) == (503, "2", "no-store")
    assert "script-src" in answer["Content-Security-Policy"]
    assert '<html lang="zh-' in answer.content.decode()
    assert 'href="/sign-in/?next=/today/"' in answer.content.decode()


def test_what_was_typed_is_there_to_be_sent_again(full, north):
    answer = north.client("sales_consultant").post("/leads/new/", {"name": '李"雷', "phone": "13800138000"})
    text = answer.content.decode()
    assert answer.status_code == 503
    assert '<form method="post" action="/leads/new/">' in text
    assert '<input type="hidden" name="name" value="李&quot;雷">' in text
    assert '<input type="hidden" name="phone" value="13800138000">' in text


def test_a_part_of_a_page_gets_a_word_and_the_page_stays(full, north):
    answer = north.client().post("/sign-in/", {"login": "x", "password": "y"}, headers={"hx-request": "true"})
    assert answer.status_code == 503
    assert answer["X-Message"].startswith("The system is busy")
    assert "<form" not in answer.content.decode().partition("<main")[2].partition("</main>")[0]


def test_a_program_gets_a_problem(full, north):
    answer = north.client().get("/api/v1/leads", headers={"accept-language": "en"})
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "/api/problems/unavailable"


def test_others_are_served_meanwhile(full, south, portal):
    for side in (south, portal):
        assert Client(headers={"host": side.host}).get("/sign-in/").status_code == 200
