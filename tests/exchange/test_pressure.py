"""Whoever does not work off its mail gets no more of it; senders are told, and nobody else is held up."""

from __future__ import annotations

from uuid import uuid4

import pytest
from tests.exchange.test_courier import counts, send, state_of
from tests.exchange.test_views import page_of, speaking

from exchange import courier, handlers, health, pressure
from exchange.models import Holdup, Inbox, InboxState
from exchange.outbound import send_down
from exchange.testing import drain_exchange
from kernel import clock
from kernel.accounts.actors import SYSTEM
from kernel.contracts import Purpose


@pytest.fixture
def small(monkeypatch):
    """An inbox is full with four messages, and a batch is two."""
    monkeypatch.setattr(pressure, "FULL", 4)
    monkeypatch.setattr(courier, "BATCH", 2)


def down(portal, side):
    with portal.bound():
        return send_down(
            counts(5), to=side.id, subject=uuid4(), purpose=Purpose.ANALYTICS, actor=SYSTEM, event_at=clock.now()
        )


def waiting_at(side) -> int:
    with side.bound():
        return Inbox.objects.filter(state=InboxState.RECEIVED).count()


def test_a_receiver_that_does_not_keep_up_gets_no_more_than_a_bounded_number(committed, portal, north, arrived, small):
    for _ in range(12):
        send(north, subject=uuid4())
    for _ in range(3):
        courier.sweep()
    assert waiting_at(portal) == 4
    with north.bound():
        assert Holdup.objects.get().receiver == portal.id
        figures = health.health()
        assert (figures.held_up, figures.outgoing) == (1, 8)
        assert "takes no more" in " ".join(figures.sentences())
    assert "The other side takes no more for now" in page_of(speaking(north, "crm_manager"))
    drain_exchange()
    assert len(arrived) == 12
    with north.bound():
        assert not Holdup.objects.exists()


def test_nobody_else_is_held_up_by_a_full_receiver(committed, portal, north, south, small, monkeypatch):
    monkeypatch.setitem(handlers._handlers, (handlers.DEALER, "DailyCounts"), lambda messages: None)
    for _ in range(9):
        down(portal, north)
    free = [down(portal, south) for _ in range(3)]
    courier.sweep()
    assert waiting_at(north) == 4
    assert {state_of(portal, row) for row in free} == {"delivered"}


def test_order_is_kept_when_a_receiver_takes_messages_again(committed, portal, north, arrived, small):
    subject = uuid4()
    for day in range(1, 12):
        send(north, subject=subject, day=day)
    drain_exchange()
    assert [message.record.day.day for message in arrived if message.record.day.day < 13] == list(range(1, 12))
