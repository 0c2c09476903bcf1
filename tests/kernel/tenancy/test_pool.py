"""The pool keeps connections by login, gives out healthy ones only, and waits politely at the server's limit."""

from __future__ import annotations

import os
import resource
import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest
from django.db import connection
from psycopg2 import sql

from kernel.tenancy import keys, steward
from kernel.tenancy.pool import Pool, TooManyConnections

FRONTDESK, COURIER = ("frontdesk", "public"), ("courier", "public")


def link(login: str = "frontdesk", **options: Any) -> Any:
    """A connection of our own to the test database."""
    raw = psycopg2.connect(
        host=connection.settings_dict["HOST"],
        dbname=connection.settings_dict["NAME"],
        user=login,
        password=keys.password(login),
        **options,
    )
    raw.autocommit = True
    return raw


def ask(raw: Any, query: str) -> Any:
    with raw.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]


@pytest.fixture
def pool(wall) -> Iterator[Pool]:
    made = Pool(max_idle=3, max_wait=0.1)
    yield made
    made.clear()


def test_a_login_gets_its_own_connection_back_and_never_another_logins(pool):
    desk, courier = link(), link("courier")
    pool.put(FRONTDESK, desk)
    pool.put(COURIER, courier)
    assert pool.get(FRONTDESK) is desk
    assert pool.get(FRONTDESK) is None
    assert pool.get(COURIER) is courier
    assert (pool.hits, pool.misses) == (2, 1)
    desk.close(), courier.close()


def test_the_connection_used_last_is_given_out_first(pool):
    older, newer = link(), link()
    pool.put(FRONTDESK, older)
    pool.put(FRONTDESK, newer)
    assert pool.get(FRONTDESK) is newer
    newer.close()


def test_an_idle_connection_that_grew_old_is_closed_and_a_younger_one_serves(pool):
    old, young = link(), link()
    pool.put(FRONTDESK, young)
    pool.put(FRONTDESK, old)
    ident = id(old)
    key, raw, since = pool._idle[ident]
    pool._idle[ident] = (key, raw, since - pool.max_age)
    assert pool.get(FRONTDESK) is young
    assert old.closed
    young.close()


@pytest.mark.parametrize("sudden", ["server", "client"])
def test_a_connection_that_ended_while_it_idled_is_not_given_out(pool, sudden):
    raw = link()
    pool.put(FRONTDESK, raw)
    if sudden == "client":
        raw.close()
    else:
        admin = steward.superuser("postgres")
        assert ask(admin, f"SELECT pg_terminate_backend({raw.info.backend_pid}, 5000)")
        admin.close()
    assert pool.get(FRONTDESK) is None
    assert len(pool) == 0
    assert raw.closed


def test_a_connection_whose_socket_is_gone_is_not_given_out(pool):
    raw = link()
    pool.put(FRONTDESK, raw)
    os.close(raw.fileno())
    assert pool.get(FRONTDESK) is None


def test_a_process_with_very_many_open_files_still_pools(pool):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    others = [os.dup(2) for _ in range(1024)]
    try:
        raw = link()
        assert raw.fileno() > 1023
        pool.put(FRONTDESK, raw)
        assert pool.get(FRONTDESK) is raw
        raw.close()
    finally:
        for other in others:
            os.close(other)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_an_open_transaction_is_never_pooled(pool):
    raw = link()
    raw.autocommit = False
    ask(raw, "SELECT 1")
    pool.put(FRONTDESK, raw)
    assert raw.closed
    assert len(pool) == 0


def test_beyond_its_size_the_pool_closes_what_idled_longest(pool):
    raws = [link() for _ in range(5)]
    for raw in raws:
        pool.put(FRONTDESK, raw)
    assert [bool(raw.closed) for raw in raws] == [True, True, False, False, False]
    assert len(pool) == 3


def test_shedding_gives_the_older_half_back_to_the_server(pool):
    raws = [link() for _ in range(3)]
    for raw in raws:
        pool.put(FRONTDESK, raw)
    pool.shed()
    assert [bool(raw.closed) for raw in raws] == [True, True, False]


@pytest.fixture
def one_connection(wall) -> Iterator[None]:
    """The login `courier` may connect once."""
    admin = steward.superuser("postgres")
    with admin.cursor() as cursor:
        cursor.execute("ALTER ROLE courier CONNECTION LIMIT 1")
        yield
        cursor.execute(
            sql.SQL("ALTER ROLE courier CONNECTION LIMIT {}").format(sql.Literal(steward.CONNECTION_LIMITS["courier"]))
        )
    admin.close()


def test_at_the_limit_idle_connections_make_room(pool, one_connection):
    pool.put(COURIER, link("courier"))
    raw = pool.connect(link, {"login": "courier"})
    assert ask(raw, "SELECT current_user::text") == "courier"
    raw.close()


def test_at_the_limit_a_request_waits_for_the_one_before_it(pool, one_connection):
    pool.max_wait = 5
    busy = link("courier")
    threading.Timer(0.2, busy.close).start()
    raw = pool.connect(link, {"login": "courier"})
    assert busy.closed
    raw.close()


def test_at_the_limit_waiting_ends_with_a_clear_error(pool, one_connection):
    busy = link("courier")
    begun = time.monotonic()
    with pytest.raises(TooManyConnections, match="too many connections"):
        pool.connect(link, {"login": "courier"})
    assert 0.1 <= time.monotonic() - begun < 3
    busy.close()


def test_another_failure_to_connect_is_not_waited_for(pool):
    pool.max_wait = 60
    with pytest.raises(psycopg2.OperationalError, match="does not exist") as caught:
        pool.connect(link, {"login": "frontdesk", "options": "-c search_path=public -c role=nobody"})
    assert not isinstance(caught.value, TooManyConnections)


def test_a_forked_child_neither_uses_nor_ends_its_parents_connections(pool):
    raw = link()
    pool.put(FRONTDESK, raw)
    child = os.fork()
    if child == 0:
        given = pool.get(FRONTDESK)
        os._exit(0 if given is None and not raw.closed else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert pool.get(FRONTDESK) is raw
    assert ask(raw, "SELECT 1") == 1
    raw.close()
