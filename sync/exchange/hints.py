"""Hints: messages through the broker that say "look now". Rows are the truth; a lost hint costs seconds, never data."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from celery import current_app
from django.db import connection, transaction
from kombu import Connection
from kombu.simple import SimpleQueue

from kernel.checkpoints import reached
from kernel.tenancy import turns
from kernel.tenancy.bindings import MANUFACTURER_ID

log = logging.getLogger(__name__)

COURIER_QUEUE = "courier.hints"
#: The manufacturer's inbox has a queue of its own, so that a flood of other work never holds up what arrived.
PORTAL_INBOX = "portal.inbox"
#: Senders the courier is told of at once.
AT_ONCE = 1000
DRAIN_PORTAL = "exchange.drain_portal"
DRAIN_DEALER = "exchange.drain_dealer"

#: One try, and a short one: whoever waits for a hint waits in a request.
ONE_TRY = {"max_retries": 0, "socket_timeout": 2, "socket_connect_timeout": 2}

_local = threading.local()


def usable() -> bool:
    """Whether there is a broker that other processes read."""
    return not str(current_app.conf.broker_url or "memory://").startswith("memory:")


def _link() -> Connection:
    if not hasattr(_local, "link"):
        _local.link = Connection(current_app.conf.broker_url, transport_options=ONE_TRY)
    return _local.link


def _queue() -> SimpleQueue:
    if not hasattr(_local, "queue"):
        _local.queue = _link().SimpleQueue(COURIER_QUEUE, no_ack=True)
    return _local.queue


def _forget() -> None:
    """Connect anew next time; a connection that broke may still wait for hints that nobody would read from it."""
    turns.forget()
    _link().release()
    _local.__dict__.clear()


def _quietly(send: Callable[[], Any]) -> None:
    try:
        send()
    except Exception as error:  # a broker that is down must not fail the work: the sweeper finds the row
        _forget()
        log.warning("hint not sent: %s", error)


def send_task(name: str, *arguments: str, queue: str) -> None:
    """Hint by a task: one that cannot be sent at once is logged and never fails, nor holds up, the work it follows."""
    if usable():
        _quietly(lambda: current_app.send_task(name, arguments, queue=queue, retry=False, connection=_link()))


@dataclass(frozen=True)
class _WakeCourier:
    """Tells the courier that a sender has mail."""

    sender: UUID

    def __call__(self) -> None:
        reached("hint.committed")
        _quietly(lambda: _queue().put({"sender": str(self.sender)}, serializer="json"))
        reached("hint.sent")


def after_commit_wake_courier(sender: UUID) -> None:
    """When the present transaction commits, tell the courier that `sender` has mail. Once a transaction."""
    wake = _WakeCourier(sender)
    if usable() and wake not in [entry[1] for entry in connection.run_on_commit]:
        transaction.on_commit(wake)


def wake_receiver(receiver: UUID) -> None:
    """Tell the workers of a member that its inbox has mail. A dealership's inbox comes before its other work."""
    if receiver == MANUFACTURER_ID:
        send_task(DRAIN_PORTAL, queue=PORTAL_INBOX)
    elif usable():
        turns.ask(DRAIN_DEALER, receiver, urgent=True)


def wait_for_senders(timeout: float) -> set[UUID]:
    """Wait up to `timeout` seconds for hints and return the senders they name. Used by the courier."""
    if not usable():
        time.sleep(timeout)
        return set()
    found: set[UUID] = set()
    try:
        queue = _queue()
        found.add(UUID(queue.get(timeout=timeout).payload["sender"]))
        while len(found) < AT_ONCE:
            found.add(UUID(queue.get_nowait().payload["sender"]))
    except SimpleQueue.Empty:
        pass
    except Exception as error:
        _forget()
        log.warning("hints not readable: %s", error)
        time.sleep(timeout)
    return found
