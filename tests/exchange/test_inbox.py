"""Applying: in batches where that works, one by one where it does not; what cannot be applied waits for a person."""

from __future__ import annotations

import logging
import threading
import time
from uuid import uuid4

import pytest
from django.db import connection, transaction
from tests.exchange.test_courier import committed_superuser, send

from exchange import courier, handlers, inbox
from exchange.handlers import Refuse
from exchange.models import Inbox, InboxState, Ledger
from exchange.testing import drain_exchange
from kernel.errors import Missing


@pytest.fixture
def taken(monkeypatch):
    """A receiver at the portal that can be told by day of the month what to fail on. Gives `(calls, fails)`: the days
    of every call, and the errors by day."""
    calls: list[list[int]] = []
    fails: dict[int, Exception] = {}

    def receive(messages):
        days = [message.record.day.day for message in messages]
        calls.append(days)
        for day in days:
            if day in fails:
                raise fails[day]

    monkeypatch.setitem(handlers._handlers, (handlers.PORTAL, "DailyCounts"), receive)
    return calls, fails


def states(side) -> dict[int, str]:
    """State by day of the counts that arrived."""
    with side.bound():
        rows = Inbox.objects.filter(contract="DailyCounts").order_by("number")
        return dict(enumerate(rows.values_list("state", flat=True), start=1))


def test_a_failure_in_a_batch_costs_only_the_message_that_failed_and_those_behind_it(committed, portal, north, taken):
    calls, fails = taken
    fails[2] = Refuse("unlucky")
    failing = uuid4()
    for day, subject in ((1, uuid4()), (2, failing), (3, failing), (4, uuid4())):
        send(north, subject=subject, day=day)
    courier.sweep()
    with portal.bound():
        assert inbox.drain() == 2
    assert calls == [[1, 2, 3, 4], [1], [2], [4]]
    assert states(portal) == {1: "applied", 2: "refused", 3: "received", 4: "applied"}


def test_nothing_of_a_batch_that_failed_is_left_behind(committed, portal, north, monkeypatch):
    def half(messages):
        Ledger.objects.filter(contract="Receipt").first()
        with connection.cursor() as cursor:
            cursor.execute("UPDATE exchange_subject SET last = last + 1000")
        raise Refuse("half way")

    monkeypatch.setitem(handlers._handlers, (handlers.PORTAL, "DailyCounts"), half)
    for _ in range(2):
        send(north, subject=uuid4())
    courier.sweep()
    with portal.bound():
        inbox.drain()
        with connection.cursor() as cursor:
            cursor.execute("SELECT max(last) FROM exchange_subject")
            assert cursor.fetchone()[0] < 1000


@pytest.mark.parametrize("broken", ["version", "body", "no_body"])
def test_what_this_release_cannot_read_is_parked_with_all_that_follows_it(
    committed, portal, north, taken, broken, caplog
):
    subject, free = uuid4(), uuid4()
    first, _behind, _other = (send(north, subject=s, day=d) for d, s in ((1, subject), (2, subject), (3, free)))
    courier.sweep()
    with committed_superuser(committed) as cursor:
        if broken == "version":
            cursor.execute("UPDATE oem.exchange_inbox SET version = 99 WHERE id = %s", [str(first.id)])
        elif broken == "body":
            body = '{"of": 7}'
            cursor.execute("UPDATE oem.exchange_inboxpayload SET body = %s WHERE id = %s", [body, str(first.id)])
        else:
            cursor.execute("DELETE FROM oem.exchange_inboxpayload WHERE id = %s", [str(first.id)])
    with portal.bound(), caplog.at_level(logging.CRITICAL):
        assert inbox.drain() == 1
        row = Inbox.objects.get(id=first.id)
    assert (row.state, row.reason) == (InboxState.PARKED, "unknown_contract")
    assert row.detail
    assert states(portal) == {1: "parked", 2: "received", 3: "applied"}
    assert taken[0] == [[3]]


def test_a_contract_that_nobody_here_takes_is_parked_not_dropped(committed, portal, north, monkeypatch, caplog):
    monkeypatch.delitem(handlers._handlers, (handlers.PORTAL, "DailyCounts"))
    sent = [send(north, subject=uuid4()) for _ in range(2)]
    courier.sweep()
    with portal.bound(), caplog.at_level(logging.CRITICAL):
        assert inbox.drain() == 0
        rows = Inbox.objects.filter(id__in=[row.id for row in sent])
        assert {(row.state, row.detail) for row in rows} == {("parked", "no handler in this tier")}


def test_a_parked_message_goes_in_once_this_release_knows_it(committed, portal, north, arrived, caplog):
    known = handlers._handlers.pop((handlers.PORTAL, "DailyCounts"))
    sent = send(north, subject=uuid4(), day=4)
    with caplog.at_level(logging.CRITICAL):
        drain_exchange()
    handlers._handlers[(handlers.PORTAL, "DailyCounts")] = known
    admin = portal.actor("network_admin")
    with portal.bound():
        inbox.retry(sent.id, actor=admin)
    drain_exchange()
    assert [message.record.day.day for message in arrived] == [4]


def test_a_backlog_is_applied_to_its_end(committed, portal, north, taken, monkeypatch):
    monkeypatch.setattr(inbox, "BATCH", 2)
    for day in range(1, 6):
        send(north, subject=uuid4(), day=day)
    courier.sweep()
    with portal.bound():
        assert inbox.drain() == 5
    assert taken[0] == [[1, 2], [3, 4], [5]]


def test_messages_that_cannot_be_applied_do_not_keep_a_worker_busy_for_ever(
    committed, portal, north, taken, monkeypatch, caplog
):
    monkeypatch.setattr(inbox, "BATCH", 2)
    _calls, fails = taken
    fails[1] = ZeroDivisionError()
    for _ in range(2):
        send(north, subject=uuid4(), day=1)
    courier.sweep()
    with portal.bound(), caplog.at_level(logging.CRITICAL):
        assert inbox.drain() == 0
        assert inbox.take_a_turn(60.0) is False
        assert set(Inbox.objects.values_list("attempts", flat=True)) == {2}


def test_while_somebody_else_applies_an_inbox_nobody_interferes(committed, portal, north, taken):
    send(north, subject=uuid4())
    courier.sweep()
    with committed_superuser(committed) as cursor:
        cursor.connection.autocommit = False
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"inbox {portal.id}"])
        with portal.bound():
            assert inbox.drain() == 0
            with transaction.atomic():
                assert not inbox.take_turn()
        cursor.connection.rollback()
    with portal.bound():
        assert inbox.drain() == 1


def test_who_holds_the_turn_is_waited_for_and_keeps_it_over_transactions(committed, portal, north, taken):
    send(north, subject=uuid4())
    courier.sweep()
    with committed_superuser(committed) as cursor:
        lock = f"inbox {portal.id}"
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [lock])

        def leave() -> None:
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [lock])

        left = threading.Timer(0.2, leave)
        begun = time.monotonic()
        left.start()
        with portal.bound():
            inbox.hold_turn()
            assert time.monotonic() - begun >= 0.15
            left.join()
            assert inbox.drain() == 1  # the turn is ours
            cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [lock])
            assert cursor.fetchone() == (False,)
            inbox.give_turn_back()
            cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [lock])
            assert cursor.fetchone() == (True,)


def test_messages_of_others_cannot_be_decided(wall, portal):
    admin = portal.actor("network_admin")
    with portal.bound():
        for decide in (inbox.retry, lambda id_, actor: inbox.skip(id_, reason="x", actor=actor)):
            with pytest.raises(Missing):
                decide(uuid4(), actor=admin)


def test_whether_anything_of_a_sender_can_be_applied(committed, portal, north, south, taken):
    _calls, fails = taken
    fails[1] = Refuse("unlucky")
    failing = uuid4()
    with portal.bound():
        assert not inbox.can_apply(north.id)
    send(north, subject=failing, day=1)
    courier.sweep()
    with portal.bound():
        assert inbox.can_apply(north.id)
        assert not inbox.can_apply(south.id)
        inbox.drain()
    send(north, subject=failing, day=2)
    courier.sweep()
    with portal.bound():
        # It waits behind one that a person must look at.
        assert not inbox.can_apply(north.id)
