"""The workers apply what arrived, in turns, under the login of the inbox they were woken for."""

from __future__ import annotations

from uuid import uuid4

from tests.exchange.test_courier import NOON, counts, send

from exchange import courier, handlers, hints, inbox, tasks
from exchange.models import Inbox, InboxState
from exchange.outbound import send_down
from kernel.accounts.actors import SYSTEM
from kernel.contracts import Purpose
from kernel.tenancy import turns
from kernel.tenancy.tasks import DEALERS_QUEUE


def received(side) -> int:
    """How many messages wait to be applied."""
    with side.bound():
        return Inbox.objects.filter(state=InboxState.RECEIVED).count()


def test_what_arrived_at_the_manufacturer_is_applied_there(committed, portal, north, arrived, broker):
    send(north, subject=uuid4(), day=3)
    courier.sweep()
    assert broker(hints.PORTAL_INBOX) == [("exchange.drain_portal",)]
    tasks.drain_portal()
    assert [message.record.day.day for message in arrived] == [3]
    assert broker(hints.PORTAL_INBOX) == []


def test_what_arrived_at_a_dealership_is_applied_there_and_nowhere_else(
    committed, portal, north, south, broker, monkeypatch
):
    monkeypatch.setitem(handlers._handlers, (handlers.DEALER, "DailyCounts"), lambda messages: None)
    with portal.bound():
        for side in (north, south):
            send_down(counts(5), to=side.id, subject=uuid4(), purpose=Purpose.ANALYTICS, actor=SYSTEM, event_at=NOON)
    courier.sweep()
    tasks.drain_dealer(str(north.id))
    assert (received(north), received(south)) == (0, 1)
    tasks.drain_dealer(str(south.id))
    assert received(south) == 0


def test_a_backlog_longer_than_a_turn_asks_for_another_one(
    committed, portal, north, arrived, broker, monkeypatch
):  # fmt: skip
    monkeypatch.setattr(inbox, "BATCH", 2)
    monkeypatch.setattr(tasks, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.0)
    monkeypatch.setitem(handlers._handlers, (handlers.DEALER, "DailyCounts"), lambda messages: None)
    for _ in range(3):
        send(north, subject=uuid4())
        with portal.bound():
            send_down(counts(5), to=north.id, subject=uuid4(), purpose=Purpose.ANALYTICS, actor=SYSTEM, event_at=NOON)
    courier.sweep()
    broker(hints.PORTAL_INBOX)
    tasks.drain_portal()
    assert turns.work("first") == 1
    assert (received(portal), received(north)) == (1, 1)
    assert broker(hints.PORTAL_INBOX) == [("exchange.drain_portal",)]
    assert turns.backlog(north.id)["waiting"] == 1
    tasks.drain_portal()
    assert turns.work("second") == 1
    assert (received(portal), received(north)) == (0, 0)
    assert (broker(hints.PORTAL_INBOX), broker(DEALERS_QUEUE)) == ([], [])
