"""Sessions that keep from others what all share are ended from outside, and no other is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest
from django.db import connection

from kernel.tenancy import keys, steward
from kernel.tenancy.steward import watching

UNLIMITED = "SET statement_timeout = 0; SET transaction_timeout = 0; SET idle_in_transaction_session_timeout = 0"
LOCKS = "SELECT count(pg_try_advisory_lock(n)) FROM generate_series(1, {}) n"


@pytest.fixture
def session(committed) -> Iterator[Any]:
    """Opens a session as a login, outside of the product."""
    opened = []

    def start(login: str) -> Any:
        raw = psycopg2.connect(
            host=connection.settings_dict["HOST"],
            dbname=connection.settings_dict["NAME"],
            user=login,
            password=keys.password(login),
        )
        raw.autocommit = True
        opened.append(raw)
        return raw

    yield start
    for raw in opened:
        raw.close()


def run(raw: Any, statement: str) -> Any:
    with raw.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else None


def ended(raw: Any) -> bool:
    try:
        run(raw, "SELECT 1")
    except psycopg2.OperationalError:
        return True
    return False


def test_a_session_with_very_many_locks_is_ended(session, north, south):
    greedy, modest = session(north.schema), session(south.schema)
    run(greedy, LOCKS.format(watching.MOST_LOCKS + 1))
    run(modest, "SELECT pg_try_advisory_lock(-1)")
    assert steward.end_overdue_sessions() == ["too many locks"]
    assert ended(greedy)
    assert not ended(modest)


@pytest.mark.parametrize("login", ["north", "portal"])
def test_a_transaction_without_end_is_ended(session, committed, login, monkeypatch):
    raw = session(getattr(committed, login).schema)
    run(raw, UNLIMITED)
    run(raw, "BEGIN; SELECT 1")
    assert steward.end_overdue_sessions() == []
    monkeypatch.setattr(watching, "LONGEST", {"frontdesk": 0, "dealer": 0, "oem": 0})
    time.sleep(0.01)
    assert steward.end_overdue_sessions() == ["too long a transaction"]
    assert ended(raw)


def test_a_lock_held_without_work_is_ended(session, north, south, monkeypatch):
    idle, plain = session(north.schema), session(south.schema)
    run(idle, "SELECT pg_try_advisory_lock(7)")
    run(plain, "SELECT 1")
    assert steward.end_overdue_sessions() == []
    monkeypatch.setattr(watching, "IDLE_WITH_LOCK", 0)
    assert steward.end_overdue_sessions() == ["a lock without work"]
    assert ended(idle)
    assert not ended(plain)


def test_a_session_that_grew_old_is_ended_when_it_rests(session, north, monkeypatch):
    resting, working = session(north.schema), session(north.schema)
    run(working, "BEGIN; SELECT 1")
    assert steward.end_overdue_sessions() == []
    monkeypatch.setattr(watching, "LONGEST_SESSION", 0)
    assert "grown old" in steward.end_overdue_sessions()
    assert (ended(resting), ended(working)) == (True, False)


def test_the_steward_watches_as_it_goes(session, north):
    greedy = session(north.schema)
    run(greedy, LOCKS.format(watching.MOST_LOCKS + 1))
    passes = iter([False, False, True])
    steward.run_forever(lambda: next(passes), pause=0.01, repair_every=60.0, watch_every=0.0)
    assert ended(greedy)
