"""A broker that other processes could read, as the product has one, and a receiver that writes down what came."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from celery import current_app

from dealernet.embedded.valkey import ValkeyServer
from exchange import handlers, hints
from exchange.handlers import Received, Refuse


@pytest.fixture(scope="session")
def valkey() -> Iterator[ValkeyServer]:
    folder = Path(tempfile.mkdtemp(prefix="dn-"))
    folder.chmod(0o755)
    with ValkeyServer(folder / "valkey", password="secret", run=str(folder)) as server:
        server.start()
        yield server
    shutil.rmtree(folder)


def _use(url: str | None) -> None:
    """Celery and the hints connect anew, to this broker."""
    hints._forget()
    current_app.conf.broker_url = url
    current_app._after_fork()


@pytest.fixture
def broker(valkey: ValkeyServer) -> Iterator[Callable[[str], list[Any]]]:
    """Celery and the hints speak through Valkey. `broker(queue)` takes everything out of a queue: arguments of tasks,
    bodies of other messages."""
    before = current_app.conf.broker_url

    def taken(queue: str) -> list[Any]:
        found = []
        with current_app.connection() as link, link.SimpleQueue(queue, no_ack=True) as box, suppress(Empty):
            while True:
                message = box.get_nowait()
                task = message.headers.get("task")
                found.append((task, *message.payload[0]) if task else message.payload)
        return found

    _use(valkey.broker_url)
    try:
        for queue in (hints.COURIER_QUEUE, hints.PORTAL_INBOX, hints.DEALERS_INBOX):
            taken(queue)
        yield taken
    finally:
        _use(before)


@pytest.fixture
def broken_broker(valkey: ValkeyServer) -> Iterator[None]:
    """The broker that is configured does not answer."""
    before = current_app.conf.broker_url
    _use(valkey.broker_url.replace("valkey.sock", "nobody.sock"))
    yield
    _use(before)


@pytest.fixture
def arrived(monkeypatch):
    """A receiver of daily counts in the portal that writes down what came, and refuses the 13th."""
    seen: list[Received] = []

    def receive(messages: list[Received]) -> None:
        for message in messages:
            if message.record.day.day == 13:
                raise Refuse("unlucky", "the thirteenth")
        seen.extend(messages)

    monkeypatch.setitem(handlers._handlers, (handlers.PORTAL, "DailyCounts"), receive)
    return seen
