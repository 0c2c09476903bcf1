"""A request is bound to the member whose host it names, or answered before any schema is touched."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client, RequestFactory

from kernel.accounts.models import User
from kernel.tenancy import directory, steward
from kernel.tenancy.bindings import UNBOUND, current
from kernel.tenancy.middleware import HostMiddleware
from kernel.tenancy.pool import pool


def ask(host: str) -> HttpResponse:
    return Client(headers={"host": host}, raise_request_exception=False).get("/sign-in/")


@pytest.mark.parametrize(
    ("host", "status", "said"),
    [
        ("portal.localhost", 200, "<!doctype html>"),
        ("north.localhost:8000", 200, "<!doctype html>"),
        ("NORTH.localhost", 200, "<!doctype html>"),
        ("nowhere.localhost", 404, "Nothing is served under this host name.\n"),
        ("localhost", 404, "Nothing is served under this host name.\n"),
        ("no_rth.localhost", 400, "This host name cannot be read.\n"),
        ("north.localhost:80x", 400, "This host name cannot be read.\n"),
        ("north.localhost:800000", 400, "This host name cannot be read.\n"),
        ("", 400, "This host name cannot be read.\n"),
    ],
)
def test_only_a_members_host_is_served(wall, north, host, status, said):
    answer = ask(host)
    assert answer.status_code == status
    assert answer.content.decode().startswith(said)
    assert current() is UNBOUND


@pytest.mark.parametrize(("key", "refused", "served"), [("PORTAL", "portal", "north"), ("DEALERS", "north", "portal")])
def test_a_process_answers_for_the_tier_whose_key_it_holds_and_no_other(wall, monkeypatch, key, refused, served):
    monkeypatch.delenv(f"DEALERNET_KEY_{key}")
    assert ask(f"{refused}.localhost").status_code == 421
    assert ask(f"{served}.localhost").status_code == 200


@pytest.fixture
def full(request, committed) -> Iterator[None]:
    """The server has no connection left for one login; nobody waits long for one."""
    login = getattr(committed, request.param).schema if request.param == "north" else request.param
    patience, pool.max_wait = pool.max_wait, 0.1
    admin = steward.superuser("postgres")
    pool.clear()
    directory.forget()
    with admin.cursor() as cursor:
        cursor.execute(f'ALTER ROLE "{login}" CONNECTION LIMIT 0')
        yield
        cursor.execute(f'ALTER ROLE "{login}" CONNECTION LIMIT 20')
    admin.close()
    pool.max_wait = patience


@pytest.mark.parametrize("full", ["north", "frontdesk"], indirect=True)
def test_a_database_at_its_limit_asks_to_come_back(full, north):
    answer = ask(north.host)
    assert answer.status_code == 503
    assert answer["Retry-After"] == "2"


@pytest.mark.parametrize("full", ["north"], indirect=True)
def test_one_dealership_at_its_limit_leaves_the_others_alone(full, south):
    assert ask(south.host).status_code == 200


def test_a_stream_goes_on_under_the_login_of_its_request(wall, north):
    def names() -> Iterator[str]:
        for user in User.objects.order_by("email"):
            yield user.email

    middleware = HostMiddleware(lambda request: StreamingHttpResponse(names()))
    answer = middleware(RequestFactory(headers={"host": north.host}).get("/"))
    assert current() is UNBOUND
    streamed = b"".join(answer.streaming_content).decode()
    assert streamed.count("@north.example") == 13
    assert "@south" not in streamed
    assert current() is UNBOUND
    assert connection.schema_name == "public"
