"""Ledgers with a chain."""

from __future__ import annotations

import pytest
from tests.exchange.chain.scenes import anchor, send

from exchange import handlers
from exchange.testing import drain_exchange
from kernel.contracts import Level


@pytest.fixture
def heads(settings, tmp_path):
    """The folder of the signed heads."""
    settings.LEDGER_HEADS = tmp_path / "ledger-heads"
    return settings.LEDGER_HEADS


@pytest.fixture
def taken(monkeypatch):
    """Both sides take daily counts."""
    for tier in (handlers.PORTAL, handlers.DEALER):
        monkeypatch.setitem(handlers._handlers, (tier, "DailyCounts"), lambda messages: None)


@pytest.fixture
def chained(committed, portal, north, taken, heads):
    """A dealership with three batches of three, anchored and signed; the manufacturer with its receipts."""
    for batch in range(3):
        for day in (1, 2):
            send(north, day=3 * batch + day)
        send(north, day=3 * batch + 3, level=Level.NOTHING)
        drain_exchange()
    anchor()
    return committed
