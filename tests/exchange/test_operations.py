"""What operators ask of the exchange: who holds a message, and to send again what a receiver lost."""

from __future__ import annotations

from uuid import uuid4

from tests.exchange.test_courier import NOON, committed_superuser, counts, send

from exchange import courier, handlers, operations
from exchange.models import Inbox
from exchange.outbound import send_down
from exchange.testing import drain_exchange
from kernel.accounts.actors import SYSTEM
from kernel.contracts import Purpose


def test_a_message_is_found_at_whoever_received_it(committed, portal, north, arrived, monkeypatch):
    monkeypatch.setitem(handlers._handlers, (handlers.DEALER, "DailyCounts"), lambda messages: None)
    up = send(north, subject=uuid4())
    with portal.bound():
        down = send_down(
            counts(5), to=north.id, subject=uuid4(), purpose=Purpose.ANALYTICS, actor=SYSTEM, event_at=NOON
        )
    assert operations.holder_of(up.id) is None
    courier.sweep()
    assert operations.holder_of(up.id) == portal.binding
    assert operations.holder_of(down.id) == north.binding
    assert operations.holder_of(uuid4()) is None


def test_what_a_receiver_lost_is_delivered_again_and_applied(committed, portal, north, arrived):
    sent = [send(north, subject=uuid4(), day=day) for day in (1, 2)]
    drain_exchange()
    with committed_superuser(committed) as cursor:
        for table in ("exchange_inbox", "exchange_inboxpayload"):
            cursor.execute(f"DELETE FROM oem.{table} WHERE id = %s", [str(sent[1].id)])
    assert operations.replay() == 1
    drain_exchange()
    assert [message.record.day.day for message in arrived] == [1, 2, 2]
    with portal.bound():
        assert Inbox.objects.get(id=sent[1].id).state == "applied"
    assert operations.replay() == 0
    assert operations.reconcile()["differences"] == []
