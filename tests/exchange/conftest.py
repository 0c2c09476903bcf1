"""A receiver that writes down what came."""

from __future__ import annotations

import pytest

from exchange import handlers
from exchange.handlers import Received, Refuse


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
