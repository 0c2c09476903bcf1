"""What happens to ledgers with a chain."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, date, datetime
from uuid import uuid4

from exchange import courier
from exchange.chain import anchors
from exchange.gate import Policy
from exchange.outbound import release, send_down
from kernel.accounts.actors import SYSTEM
from kernel.contracts import DailyCounts, Level, Purpose
from kernel.tenancy import steward
from kernel.tenancy.bindings import MANUFACTURER_ID, Courier, bound

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def record(day=1):
    return DailyCounts(of="ServiceVisit", day=date(2026, 5, day), dimension="series", cells={"电车": 7}, total=None)


def send(side, *, day=1, level=Level.FULL, subject=None):
    """A message of a dealership's, or of the manufacturer's to one."""
    policy = Policy(
        contract="DailyCounts",
        purpose=Purpose.ANALYTICS,
        template=Level.FULL,
        ceiling=level,
        required=False,
        agreement_version="2026-1",
    )
    with side.bound():
        return release(
            record(day),
            to=MANUFACTURER_ID,
            subject=subject or uuid4(),
            purpose=Purpose.ANALYTICS,
            policy=policy,
            actor=SYSTEM,
            event_at=NOON,
            label=f"day {day}",
        )


def send_to(portal, dealer):
    with portal.bound():
        return send_down(
            record(), to=dealer.id, subject=uuid4(), purpose=Purpose.ANALYTICS, actor=SYSTEM, event_at=NOON
        )


def parties():
    with bound(Courier()):
        return courier.parties()


def anchor():
    """What the courier does once a minute; returns how many chains were anchored."""
    with bound(Courier()):
        return anchors.anchor_what_is_due(courier.parties())


@contextmanager
def owner(network):
    """A cursor of whoever owns the database, each statement committed."""
    raw = steward.superuser(network.name)
    raw.autocommit = True
    try:
        yield raw.cursor()
    finally:
        raw.close()
