"""Hints say "look now". They are sent after the commit and once; losing one never fails the work it follows."""

from __future__ import annotations

import logging
import time
from uuid import uuid4

import pytest
from django.db import transaction
from tests.exchange.test_courier import send

from exchange import hints
from exchange.models import Ledger
from kernel.tenancy.bindings import MANUFACTURER_ID
from kernel.tenancy.tasks import DEALERS_QUEUE


def test_the_courier_is_woken_once_a_transaction_and_after_it(committed, north, broker):
    with north.bound(), transaction.atomic():
        for _ in range(3):
            send(north, subject=uuid4())
        assert broker(hints.COURIER_QUEUE) == []
    assert broker(hints.COURIER_QUEUE) == [{"sender": str(north.id)}]


def test_work_that_is_undone_wakes_nobody(committed, north, broker):
    with north.bound(), pytest.raises(ZeroDivisionError), transaction.atomic():
        send(north, subject=uuid4())
        raise ZeroDivisionError
    assert broker(hints.COURIER_QUEUE) == []


def test_without_a_broker_of_its_own_a_process_sends_no_hints_and_the_work_is_done(committed, north):
    assert not hints.usable()
    sent = send(north, subject=uuid4())
    hints.wake_receiver(north.id)
    with north.bound():
        assert Ledger.objects.filter(id=sent.id).exists()
    begun = time.monotonic()
    assert hints.wait_for_senders(0.05) == set()
    assert time.monotonic() - begun >= 0.05


def test_a_broker_that_is_down_neither_fails_nor_holds_up_any_work(committed, north, broken_broker, caplog):
    begun = time.monotonic()
    with caplog.at_level(logging.WARNING, "exchange.hints"):
        sent = send(north, subject=uuid4())
        hints.wake_receiver(north.id)
        hints.wake_receiver(MANUFACTURER_ID)
    assert time.monotonic() - begun < 5  # whoever sent waits in a request
    assert [record.message.partition(":")[0] for record in caplog.records] == ["hint not sent"] * 3
    with north.bound():
        assert Ledger.objects.filter(id=sent.id).exists()


def test_a_broker_that_is_down_is_waited_for(broken_broker, caplog):
    begun = time.monotonic()
    with caplog.at_level(logging.WARNING, "exchange.hints"):
        assert hints.wait_for_senders(0.05) == set()
    assert time.monotonic() - begun >= 0.05
    assert "hints not readable" in caplog.text


def test_the_courier_hears_of_every_sender_at_once(committed, portal, north, south, broker, caplog):
    for side in (north, south, north):
        send(side, subject=uuid4())
    begun = time.monotonic()
    with caplog.at_level(logging.WARNING, "exchange.hints"):
        assert hints.wait_for_senders(20.0) == {north.id, south.id}
        assert time.monotonic() - begun < 10
        assert hints.wait_for_senders(0.2) == set()
    assert caplog.records == []


def test_a_flood_of_hints_does_not_keep_the_courier_from_carrying(committed, north, south, broker, monkeypatch):
    monkeypatch.setattr(hints, "AT_ONCE", 1)
    for side in (north, south):
        send(side, subject=uuid4())
    assert [hints.wait_for_senders(20.0), hints.wait_for_senders(20.0)] == [{north.id}, {south.id}]


def test_each_tiers_inbox_is_worked_off_by_its_own_workers(north, broker):
    hints.wake_receiver(MANUFACTURER_ID)
    hints.wake_receiver(north.id)
    assert broker(hints.PORTAL_INBOX) == [("exchange.drain_portal",)]
    assert broker(DEALERS_QUEUE) == [("exchange.drain_dealer", str(north.id))]
