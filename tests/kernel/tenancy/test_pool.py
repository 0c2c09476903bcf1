"""The pool keeps connections by login, gives out healthy ones only, and waits in turn where a limit is reached."""

from __future__ import annotations

import gc
import os
import resource
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import psycopg2
import pytest
from django.db import connection as django_connection
from prometheus_client import REGISTRY
from psycopg2 import sql

from kernel.tenancy import keys, steward
from kernel.tenancy.pool import Key, Pool, TooManyConnections, _Lease, kind_of
from kernel.tenancy.pool import pool as own_pool

FRONTDESK, COURIER = ("frontdesk", "public"), ("courier", "public")


def link(login: str = "frontdesk", **options: Any) -> Any:
    """A connection of our own to the test database."""
    raw = psycopg2.connect(
        host=django_connection.settings_dict["HOST"],
        dbname=django_connection.settings_dict["NAME"],
        **{"user": login, "password": keys.password(login), **options},
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


def never() -> Any:
    pytest.fail("nobody has to connect")


def figure(name: str, **labels: str) -> float:
    """A metric's present value."""
    return REGISTRY.get_sample_value(f"dealernet_pool_{name}", labels) or 0.0


def in_a_thread(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Begin work beside this thread; the list gets what it returned, or the error it ended with."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(work())
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcome


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.005)


# -- by login ----------------------------------------------------------------------------------------------------


def test_a_login_gets_its_own_connection_back_and_never_another_logins(pool):
    hits, misses = (figure(name, login="frontdesk") for name in ("hits_total", "misses_total"))
    desk = pool.take(FRONTDESK, link)
    courier = pool.take(COURIER, lambda: link("courier"))
    pool.put(FRONTDESK, desk)
    pool.put(COURIER, courier)
    assert pool.take(FRONTDESK, never) is desk
    other = pool.take(FRONTDESK, link)
    assert other not in (desk, courier)
    assert pool.take(COURIER, never) is courier
    assert figure("hits_total", login="frontdesk") == hits + 1
    assert figure("misses_total", login="frontdesk") == misses + 2
    for raw in (desk, other, courier):
        raw.close()


def test_the_same_login_with_another_path_gets_another_connection(pool):
    first = pool.take(("owner", "public"), lambda: link("owner"))
    pool.put(("owner", "public"), first)
    second = pool.take(("owner", "oem"), lambda: link("owner"))
    assert second is not first
    second.close()


def test_all_dealerships_are_one_kind_in_metrics():
    assert [kind_of(login) for login in ("oem", "frontdesk", "courier", "owner", "d_abcdefgh2345")] == [
        "oem", "frontdesk", "courier", "owner", "dealer"
    ]  # fmt: skip


def test_the_connection_used_last_is_given_out_first(pool):
    older, newer = link(), link()
    pool.put(FRONTDESK, older)
    pool.put(FRONTDESK, newer)
    assert pool.take(FRONTDESK, never) is newer
    newer.close()


# -- health ------------------------------------------------------------------------------------------------------


def aged(pool: Pool, raw: Any, seconds: float) -> None:
    """Let an idle connection idle for so much longer."""
    pool._idle[id(raw)].since -= seconds


def test_an_idle_connection_that_grew_old_is_closed_and_a_younger_one_serves(pool):
    young, old = link(), link()
    pool.put(FRONTDESK, young)
    pool.put(FRONTDESK, old)
    aged(pool, old, pool.max_idle_age)
    assert pool.take(FRONTDESK, never) is young
    assert old.closed
    young.close()


def test_what_idles_for_too_long_is_closed_when_anything_comes_back(pool):
    forgotten = link("courier")
    pool.put(COURIER, forgotten)
    aged(pool, forgotten, pool.max_idle_age)
    pool.put(FRONTDESK, link())
    assert forgotten.closed
    assert len(pool) == 1


@pytest.mark.parametrize("sudden", ["server", "client"])
def test_a_connection_that_ended_while_it_idled_is_not_given_out(pool, sudden):
    raw, fresh = link(), link()
    pool.put(FRONTDESK, raw)
    if sudden == "client":
        raw.close()
    else:
        end_session(raw)
    assert pool.take(FRONTDESK, lambda: fresh) is fresh
    assert len(pool) == 0
    assert raw.closed
    fresh.close()


def end_session(raw: Any) -> None:
    """The server ends a session."""
    admin = steward.superuser("postgres")
    assert ask(admin, f"SELECT pg_terminate_backend({raw.info.backend_pid}, 5000)")
    admin.close()


def test_a_connection_that_idled_for_minutes_is_asked_first(pool, monkeypatch):
    lost, well = link(), link()
    for raw in (well, lost):
        pool.put(FRONTDESK, raw)
        aged(pool, raw, pool.check_after)
    end_session(lost)
    # A firewall that forgot the connection says nothing on the socket.
    monkeypatch.setattr("kernel.tenancy.pool._is_quiet", lambda raw: True)
    assert pool.take(FRONTDESK, never) is well
    assert lost.closed
    well.close()


def test_a_connection_whose_socket_is_gone_is_not_given_out(pool):
    raw, fresh = link(), link()
    pool.put(FRONTDESK, raw)
    os.close(raw.fileno())
    assert pool.take(FRONTDESK, lambda: fresh) is fresh
    fresh.close()


def test_a_connection_is_closed_at_the_end_of_its_life(pool):
    pool.configure(max_life=0.0)
    raw = pool.take(FRONTDESK, link)
    pool.put(FRONTDESK, raw)
    assert raw.closed
    assert (len(pool), pool.busy()) == (0, 0)


def test_a_process_with_very_many_open_files_still_pools(pool):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    others = [os.dup(2) for _ in range(1024)]
    try:
        raw = link()
        assert raw.fileno() > 1023
        pool.put(FRONTDESK, raw)
        assert pool.take(FRONTDESK, never) is raw
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


# -- idle ones ---------------------------------------------------------------------------------------------------


def test_beyond_its_size_the_pool_closes_what_idled_longest(pool):
    raws = [link() for _ in range(5)]
    for raw in raws:
        pool.put(FRONTDESK, raw)
    assert [bool(raw.closed) for raw in raws] == [True, True, False, False, False]
    assert len(pool) == 3


def test_a_login_may_fill_its_part_of_the_pool_only(pool):
    pool.configure(max_idle_per_login=1)
    courier, first, second = link("courier"), link(), link()
    pool.put(COURIER, courier)
    pool.put(FRONTDESK, first)
    pool.put(FRONTDESK, second)
    assert [bool(raw.closed) for raw in (courier, first, second)] == [False, True, False]


def test_shedding_gives_the_older_half_back_to_the_server(pool):
    raws = [link() for _ in range(3)]
    for raw in raws:
        pool.put(FRONTDESK, raw)
    pool.shed()
    assert [bool(raw.closed) for raw in raws] == [True, True, False]


def test_a_limit_that_does_not_exist_is_not_set(pool):
    with pytest.raises(TypeError, match="max_bussy"):
        pool.configure(max_bussy=1)


# -- in use ------------------------------------------------------------------------------------------------------


def test_a_login_at_its_limit_waits_and_keeps_nobody_else_waiting(pool):
    pool.configure(max_busy_per_login=1, max_wait=20)
    busy = pool.take(FRONTDESK, link)
    thread, outcome = in_a_thread(lambda: pool.take(FRONTDESK, never))
    until(lambda: pool.waiting("frontdesk") == 1)
    other = pool.take(COURIER, lambda: link("courier"))
    assert outcome == []
    pool.put(FRONTDESK, busy)
    thread.join()
    assert outcome == [busy]
    assert (pool.busy("frontdesk"), pool.busy("courier"), pool.busy()) == (1, 1, 2)
    busy.close(), other.close()


def test_who_came_first_is_served_first_and_nobody_overtakes(pool):
    pool.configure(max_busy_per_login=1, max_wait=20)
    served: list[int] = []

    def work(number: int) -> None:
        raw = pool.take(FRONTDESK, never)
        served.append(number)
        pool.put(FRONTDESK, raw)

    busy = pool.take(FRONTDESK, link)
    threads = []
    for number in range(5):
        threads.append(in_a_thread(partial(work, number))[0])
        until(lambda number=number: pool.waiting("frontdesk") == number + 1)
    pool.put(FRONTDESK, busy)
    for thread in threads:
        thread.join()
    assert served == [0, 1, 2, 3, 4]
    assert pool.busy() == 0


def test_logins_that_wait_for_a_full_process_take_turns(pool):
    pool.configure(max_busy=1, max_wait=20)
    served: list[str] = []

    def work(key: Key) -> None:
        raw = pool.take(key, lambda: link(key[0]))
        served.append(key[0])
        pool.put(key, raw)

    busy = pool.take(FRONTDESK, link)
    threads = []
    for key in (FRONTDESK, FRONTDESK, FRONTDESK, COURIER):
        before = pool.waiting(key[0])
        threads.append(in_a_thread(partial(work, key))[0])
        until(lambda key=key, before=before: pool.waiting(key[0]) == before + 1)
    pool.put(FRONTDESK, busy)
    for thread in threads:
        thread.join()
    assert served == ["frontdesk", "courier", "frontdesk", "frontdesk"]


def test_waiting_in_the_process_ends_with_a_clear_error_and_leaves_no_trace(pool):
    pool.configure(max_busy_per_login=1)
    busy = pool.take(FRONTDESK, link)
    refusals = figure("refusals_total", login="frontdesk")
    first, one = in_a_thread(lambda: pool.take(FRONTDESK, never))
    second, two = in_a_thread(lambda: pool.take(FRONTDESK, never))
    first.join(), second.join()
    assert [type(error) for error in one + two] == [TooManyConnections] * 2
    assert "too many connections of this process are in use: no place for frontdesk within 0.1 s" in str(one[0])
    assert pool.waiting("frontdesk") == 0
    assert figure("refusals_total", login="frontdesk") == refusals + 2
    pool.put(FRONTDESK, busy)
    assert pool.take(FRONTDESK, never) is busy
    busy.close()


def test_a_failed_connect_takes_no_place(pool):
    pool.configure(max_busy_per_login=1)
    for _ in range(2):
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            pool.take(FRONTDESK, lambda: link(password="wrong"))
    assert pool.busy() == 0


def test_a_connection_that_its_user_closed_frees_its_place_once(pool):
    pool.configure(max_busy_per_login=1)
    raw = pool.take(FRONTDESK, link)
    raw.close()
    pool.discard(raw)
    pool.discard(raw)
    assert pool.busy() == 0
    raw = pool.take(FRONTDESK, link)
    assert pool.busy() == 1
    pool.put(FRONTDESK, raw)


def test_a_connection_that_was_dropped_frees_its_place(pool):
    pool.configure(max_busy_per_login=1, max_wait=20)
    held = [pool.take(FRONTDESK, link)]
    thread, outcome = in_a_thread(lambda: pool.take(FRONTDESK, link))
    until(lambda: pool.waiting("frontdesk") == 1)
    held.clear()
    gc.collect()
    thread.join()
    assert pool.busy() == 1
    outcome[0].close()
    pool.discard(outcome[0])
    assert pool.busy() == 0


def test_the_place_of_a_dropped_connection_is_freed_even_when_its_identity_is_used_again(pool):
    raw = pool.take(FRONTDESK, link)
    pool._places.occupy("frontdesk", most=9, wait=0)
    pool._lent[id(raw)] = gone = _Lease("frontdesk")  # of a connection that was at this address before
    pool._lend("frontdesk", raw)
    pool._dropped.append((id(raw), gone))
    assert pool.busy() == 1
    pool.put(FRONTDESK, raw)
    assert pool.busy() == 0


def test_a_thread_that_ends_without_a_word_gives_its_connection_back(committed, north):
    def work() -> None:
        with north.bound(), django_connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        with django_connection.cursor() as cursor:  # and it ends unbound, with the front desk's connection
            cursor.execute("SELECT 1")

    before = own_pool.busy("frontdesk")
    thread, _ = in_a_thread(work)
    thread.join()
    gc.collect()
    assert (own_pool.busy("frontdesk"), own_pool.busy(north.schema)) == (before, 0)


def test_a_closed_connection_of_django_frees_its_place(committed, north):
    with north.bound():
        with django_connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        assert own_pool.busy(north.schema) == 1
        django_connection.close()
        assert own_pool.busy(north.schema) == 0
        django_connection.close()


def test_unbound_work_may_give_its_connection_back_before_it_ends(committed):
    django_connection.ensure_connection()
    raw = django_connection.connection
    django_connection.give_back()
    assert own_pool.busy("frontdesk") == 0
    django_connection.give_back()
    django_connection.ensure_connection()
    assert django_connection.connection is raw


# -- the server's limit ------------------------------------------------------------------------------------------


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


def as_courier() -> Any:
    return link("courier")


def test_at_the_limit_idle_connections_make_room(pool, one_connection):
    waits = figure("waits_total", login="courier", **{"for": "server"})
    pool.put(("courier", "elsewhere"), link("courier"))
    raw = pool.take(COURIER, as_courier)
    assert ask(raw, "SELECT current_user::text") == "courier"
    assert figure("waits_total", login="courier", **{"for": "server"}) == waits + 1
    raw.close()


def test_at_the_limit_a_request_waits_for_the_one_before_it(pool, one_connection):
    pool.configure(max_wait=20)
    busy = link("courier")
    threading.Timer(0.2, busy.close).start()
    raw = pool.take(COURIER, as_courier)
    assert busy.closed
    raw.close()


def test_at_the_limit_waiting_ends_with_a_clear_error(pool, one_connection):
    busy = link("courier")
    begun = time.monotonic()
    with pytest.raises(TooManyConnections, match="too many connections"):
        pool.take(COURIER, as_courier)
    assert time.monotonic() - begun >= 0.1
    assert pool.busy() == 0
    busy.close()


def test_another_failure_to_connect_is_not_waited_for(pool):
    pool.configure(max_wait=60)
    with pytest.raises(psycopg2.OperationalError, match="does not exist") as caught:
        pool.take(FRONTDESK, lambda: link(options="-c search_path=public -c role=nobody"))
    assert not isinstance(caught.value, TooManyConnections)


# -- fork --------------------------------------------------------------------------------------------------------


def test_a_forked_child_neither_uses_nor_ends_its_parents_connections(pool):
    raw = link()
    pool.put(FRONTDESK, raw)
    child = os.fork()
    if child == 0:
        own = link()
        given = pool.take(FRONTDESK, lambda: own)
        os._exit(0 if given is own and not raw.closed and pool.busy() == 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert pool.take(FRONTDESK, never) is raw
    assert ask(raw, "SELECT 1") == 1
    raw.close()
