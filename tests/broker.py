"""A broker that other processes could read, as the product has one. Fixtures, loaded by the root conftest."""

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
from exchange import hints
from kernel.tenancy import turns


@pytest.fixture(scope="session")
def valkey() -> Iterator[ValkeyServer]:
    folder = Path(tempfile.mkdtemp(prefix="dn-"))
    folder.chmod(0o755)
    with ValkeyServer(folder / "valkey", password="secret", run=str(folder)) as server:
        server.start()
        yield server
    shutil.rmtree(folder)


def use(url: str | None) -> None:
    """Celery, the hints and the turns connect anew, to this broker."""
    hints._forget()
    current_app.conf.broker_url = url
    current_app._after_fork()


@pytest.fixture
def broker(valkey: ValkeyServer) -> Iterator[Callable[[str], list[Any]]]:
    """Celery and the hints speak through an empty Valkey. `broker(queue)` takes everything out of a queue: arguments of
    tasks (for "dealers" those of all dealerships' jobs, as they would take turns), bodies of other messages."""
    before = current_app.conf.broker_url

    def taken(queue: str) -> list[Any]:
        found: list[Any] = []
        while queue == turns.QUEUE and (job := turns.take("test")):
            found.append((job.task, *job.arguments))
            turns.done("test")
        return found + [message for message in messages(queue) if message != (turns.TURN,)]

    use(valkey.broker_url)
    turns._client().flushdb()
    try:
        yield taken
    finally:
        use(before)


def messages(queue: str) -> list[Any]:
    """What stands in a queue of the present broker, which is empty afterwards."""
    found: list[Any] = []
    with current_app.connection() as link, link.SimpleQueue(queue, no_ack=True) as box, suppress(Empty):
        while True:
            message = box.get_nowait()
            task = message.headers.get("task")
            found.append((task, *message.payload[0]) if task else message.payload)
    return found


@pytest.fixture
def broken_broker(valkey: ValkeyServer) -> Iterator[None]:
    """The broker that is configured does not answer."""
    before = current_app.conf.broker_url
    use(valkey.broker_url.replace("valkey.sock", "nobody.sock"))
    yield
    use(before)
