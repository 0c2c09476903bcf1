"""The stage on which `dealernet prove exchange` plays: a network whose members note what they did and what came.

Every member has two tables beside its own, made by the owner: `proof_sent`, written in the transaction of the action
that sends, and `proof_came`, written by the handler. Neither refuses anything twice: what the exchange lets through a
second time is seen. What should have arrived is compared with what did by SQL of the stage's own, as superuser.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg2
from django.db import connection, transaction

from dealer.sharing import actions as sharing
from dealer.sharing.models import Backfill, BackfillState
from dealernet.embedded.postgres import PostgresServer
from dealernet.proofs import Result
from exchange import courier, handlers, inbox, operations, outbound
from exchange.gate import Policy
from exchange.handlers import Received, Refuse
from exchange.models import Inbox
from kernel import clock
from kernel.accounts.actors import SYSTEM
from kernel.checkpoints import reached
from kernel.contracts import DailyCounts, Level, Owner, Purpose
from kernel.tenancy import bindings, directory, steward
from kernel.tenancy.bindings import MANUFACTURER_ID, Courier, bound
from kernel.tenancy.pool import pool
from kernel.testing.network import Network, Side

DATABASE = "dealernet_proof"
#: What the handler does with a message, by its `dimension`: `later` and `broken` go in once somebody repaired.
PLAIN, LATER, BROKEN, ASIDE = "plain", "later", "broken", "aside"
#: Seconds within which everything must have arrived after a strike.
PATIENCE = 30.0

_TABLES = """
CREATE TABLE {schema}.proof_sent (message uuid PRIMARY KEY, receiver uuid, subject uuid, n bigint, allowed bool);
CREATE TABLE {schema}.proof_came (number bigint GENERATED ALWAYS AS IDENTITY, message uuid, sender uuid, subject uuid,
  seq bigint, n bigint);
GRANT SELECT, INSERT ON {schema}.proof_sent, {schema}.proof_came TO {login};
"""


@dataclass
class Comparison:
    """What arrived, beside what should have. All zero and empty is how it must be."""

    lost: int = 0
    doubled: int = 0
    disordered: int = 0
    leaked: int = 0
    unequal: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.disordered or self.leaked or self.unequal)

    def __str__(self) -> str:
        numbers = f"{self.lost} lost, {self.doubled} doubled, {self.disordered} disordered, {self.leaked} leaked"
        return "; ".join([numbers, *self.unequal[:3]])


class Stage:
    """The network on its server. `repaired`: whether handlers take what they refused before."""

    def __init__(self, server: PostgresServer, password: str) -> None:
        self.server, self.password = server, password
        self.network = Network(host=server.host, name=DATABASE)
        self.repaired = True
        self.known = True
        self._raw: Any = None

    @property
    def dealers(self) -> tuple[Side, Side]:
        return self.network.north, self.network.south

    @property
    def sides(self) -> tuple[Side, ...]:
        return (*self.dealers, self.network.portal)

    def build(self) -> None:
        """Bootstrap and keep the empty stage as a template; take the handler's place."""
        self.network.build(lambda _network: self._prepare())
        for tier in (handlers.PORTAL, handlers.DEALER):
            for contract in (DailyCounts, Owner):
                handlers._handlers[tier, contract.spec.name] = self._came

    def _prepare(self) -> None:
        for side in self.sides:
            with bound(bindings.Owner(side.schema)), connection.cursor() as cursor:
                cursor.execute(_TABLES.format(schema=side.schema, login=side.binding.login))
        for side in self.dealers:
            with side.bound():
                sharing.change_level(
                    actor=SYSTEM, contract="ServiceVisit", purpose=Purpose.ANALYTICS, level=Level.COUNTS
                )

    def reset(self) -> None:
        """Begin anew from the template."""
        self.let_go()
        self.network.reset()

    # -- connections ---------------------------------------------------------------------------------------------

    @property
    def raw(self) -> Any:
        """A superuser's connection, which only looks and plants."""
        if self._raw is None or self._raw.closed:
            self._raw = steward.superuser(DATABASE)
        return self._raw

    def ask(self, statement: str, *values: Any) -> list[Any]:
        """Rows of a statement as superuser."""
        with self.raw.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def let_go(self) -> None:
        """Close every connection of this process: before it forks, and after the database died."""
        with suppress(psycopg2.Error):
            connection.close()
        pool.clear()
        if self._raw is not None:
            self._raw.close()
            self._raw = None

    def bring_back(self) -> None:
        """Start the database again if it died, and wait until it takes connections and the dead hold none."""
        self.let_go()
        process = self.server.process
        assert process is not None
        if process.poll() is not None:
            self.server.start(self.password)
        end = time.monotonic() + PATIENCE
        while True:
            try:
                if not self.ask(
                    "SELECT 1 FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
                ):
                    return
            except psycopg2.Error:  # it recovers from a crash
                self.let_go()
            if time.monotonic() > end:
                raise RuntimeError("the database did not come back")
            time.sleep(0.02)

    # -- acting --------------------------------------------------------------------------------------------------

    def send(self, side: Side, subject: UUID, *, kind: str = PLAIN, allowed: bool = True) -> UUID:
        """One business action of a member: its own row and the message in one transaction. Returns the message's id."""
        n = time.monotonic_ns() // 1000
        record = DailyCounts(
            of="ServiceVisit", day=clock.today("Asia/Shanghai"), dimension=kind, cells={"n": n}, total=None
        )
        up = side is not self.network.portal
        receiver = MANUFACTURER_ID if up else self.network.north.id
        with side.bound(), transaction.atomic():
            if up:
                row = outbound.release(
                    record,
                    to=receiver,
                    subject=subject,
                    purpose=Purpose.ANALYTICS,
                    policy=policy(Level.FULL if allowed else Level.NOTHING),
                    actor=SYSTEM,
                    event_at=clock.now(),
                )
            else:
                row = outbound.send_down(
                    record,
                    to=receiver,
                    subject=subject,
                    purpose=Purpose.ANALYTICS,
                    actor=SYSTEM,
                    event_at=clock.now(),
                )
            with connection.cursor() as cursor:
                cursor.execute(
                    "INSERT INTO proof_sent (message, receiver, subject, n, allowed) VALUES (%s, %s, %s, %s, %s)",
                    [row.id, receiver, subject, n, allowed],
                )
            reached("action.written")
        return row.id

    def _came(self, messages: list[Received]) -> None:
        if not self.known:
            raise RuntimeError("nobody should have asked")
        with connection.cursor() as cursor:
            for message in messages:
                record = message.record
                if not isinstance(record, DailyCounts):  # an owner's: it has no number
                    record = DailyCounts(of="Owner", day=clock.today("Asia/Shanghai"), dimension=PLAIN, cells={})
                if not self.repaired and record.dimension in (LATER, ASIDE):
                    raise Refuse("unlucky", "not today")
                if not self.repaired and record.dimension == BROKEN:
                    raise ZeroDivisionError("broken")
                cursor.execute(
                    "INSERT INTO proof_came (message, sender, subject, seq, n) VALUES (%s, %s, %s, %s, %s)",
                    [message.message_id, message.sender, message.subject, message.seq, record.cells.get("n")],
                )
                reached("handler.row written")

    def drain(self, side: Side) -> int:
        """What a worker of a member does."""
        with side.bound():
            return inbox.drain()

    def settle(self) -> None:
        """Carry, repair and apply until nothing waits. Raises RuntimeError when something still does."""
        end = time.monotonic() + PATIENCE
        self.repaired = True
        directory.forget()
        while True:
            self._go_on_backfilling()
            courier.sweep(watermarks=False)
            for side in self.sides:
                with side.bound():
                    for row in Inbox.objects.filter(state__in=("refused", "parked")):
                        inbox.retry(row.id, actor=SYSTEM)
                    inbox.drain()
            waiting = self.waiting()
            if not waiting:
                return
            if time.monotonic() > end:
                raise RuntimeError(f"still waiting: {waiting}")

    def _go_on_backfilling(self) -> None:
        with self.network.north.bound():
            for one in Backfill.objects.filter(state=BackfillState.RUNNING):
                sharing.go_on_backfilling(actor=SYSTEM, backfill_id=one.pk)

    def waiting(self) -> dict[str, int]:
        """What is on its way, by member."""
        found = {}
        for side in self.sides:
            (n,) = self.ask(
                f"SELECT (SELECT count(*) FROM {side.schema}.exchange_ledger WHERE state IN ('recorded', 'refused') "
                f"OR (state = 'delivered' AND contract <> 'Receipt')) + (SELECT count(*) "
                f"FROM {side.schema}.exchange_inbox WHERE state IN ('received', 'refused', 'parked'))"
            )[0]
            if n:
                found[side.slug] = n
        (n,) = self.ask(f"SELECT count(*) FROM {self.network.north.schema}.sharing_backfill WHERE state = 'running'")[0]
        if n:
            found["backfills"] = n
        return found

    # -- comparing -----------------------------------------------------------------------------------------------

    def pairs(self) -> list[tuple[Side, Side]]:
        """Who sends to whom."""
        portal = self.network.portal
        return [(side, portal) for side in self.dealers] + [(portal, side) for side in self.dealers]

    def compare(self) -> Comparison:
        """What the members noted of sending beside what came, and each ledger beside the inbox it wrote to."""
        found = Comparison()
        for sender, receiver in self.pairs():
            names = {"s": sender.schema, "r": receiver.schema}
            values = {"sender": str(sender.id), "receiver": str(receiver.id)}
            with self.raw.cursor() as cursor:
                cursor.execute(
                    _ARRIVED.format(**names, counts=_COUNTS.format(**names) if sender in self.dealers else ""), values
                )
                lost, doubled, leaked, invented = cursor.fetchone()
                cursor.execute(_ORDER.format(**names), values)
                (disordered,) = cursor.fetchone()
                cursor.execute(_EQUAL.format(**names), values)
                unequal = [f"{sender.slug} → {receiver.slug}: {message} {what}" for message, what in cursor.fetchall()]
            found.lost += lost
            found.doubled += doubled
            found.disordered += disordered
            found.leaked += leaked
            found.unequal += unequal
            if sender in self.dealers:
                lost, doubled = self.ask(_BACKFILLED.format(**names))[0]
                found.lost += lost
                found.doubled += doubled
            if invented:
                found.unequal.append(f"{sender.slug} → {receiver.slug}: {invented} came that nobody sent")
        return found

    def agrees(self) -> list[str]:
        """The product's own reconciliation, which must find nothing either."""
        return [f"{d['sender']} → {d['receiver']}: {d['difference']}" for d in operations.reconcile()["differences"]]

    def everyone(self) -> dict[UUID, courier.Party]:
        """The members as the courier sees them."""
        with bound(Courier()):
            return courier.parties()


#: Reports of counts are business actions of the product's own.
_COUNTS = (
    "UNION ALL SELECT c.ledger_id, l.subject, true FROM {s}.sharing_countreport c "
    "JOIN {s}.exchange_ledger l ON l.id = c.ledger_id WHERE l.state <> 'withheld' "
    "UNION ALL SELECT id, subject, true FROM {s}.exchange_ledger WHERE contract = 'Owner' AND state <> 'withheld'"
)
#: Every owner of the stage is one that a backfill shares, once.
_BACKFILLED = """
SELECT count(*) FILTER (WHERE n = 0), coalesce(sum(n - 1) FILTER (WHERE n > 1), 0) FROM (
  SELECT o.id, count(l.id) AS n FROM {s}.customers_ownership o
  LEFT JOIN {s}.sharing_disclosure d ON d.record_id = o.vehicle_id AND d.contract = 'Owner'
  LEFT JOIN {s}.exchange_ledger l ON l.id = d.id AND l.state NOT IN ('withheld', 'stopped') GROUP BY 1) x
"""
_ARRIVED = """
WITH sent AS (SELECT message, subject, allowed FROM {s}.proof_sent WHERE receiver = %(receiver)s {counts}),
came AS (SELECT message, count(*) AS times FROM {r}.proof_came WHERE sender = %(sender)s GROUP BY 1)
SELECT count(*) FILTER (WHERE sent.allowed AND came.message IS NULL AND l.state IS DISTINCT FROM 'stopped'
                          AND l.state IS DISTINCT FROM 'skipped'),
       coalesce(sum(came.times - 1), 0)
         + count(*) FILTER (WHERE came.message IS NOT NULL AND l.state IN ('stopped', 'skipped')),
       count(*) FILTER (WHERE NOT sent.allowed AND came.message IS NOT NULL),
       count(*) FILTER (WHERE sent.message IS NULL)
FROM sent FULL JOIN came USING (message) LEFT JOIN {s}.exchange_ledger l ON l.id = message
"""
_ORDER = """
SELECT count(*) FROM (
  SELECT seq, n, lag(seq) OVER w AS seq_before, lag(n) OVER w AS n_before
  FROM {r}.proof_came WHERE sender = %(sender)s WINDOW w AS (PARTITION BY subject ORDER BY number)) x
WHERE seq < seq_before OR n < n_before
"""
_EQUAL = """
SELECT coalesce(l.id, i.id)::text, CASE
    WHEN i.id IS NULL THEN 'is unknown at the receiver' WHEN l.id IS NULL THEN 'is unknown at the sender'
    WHEN p.body IS DISTINCT FROM b.body THEN 'has another body' ELSE l.state || ' here, ' || i.state || ' there' END
FROM (SELECT * FROM {s}.exchange_ledger WHERE receiver = %(receiver)s AND state NOT IN ('withheld', 'stopped')) l
FULL JOIN (SELECT * FROM {r}.exchange_inbox WHERE sender = %(sender)s) i ON i.id = l.id
LEFT JOIN {s}.exchange_payload p ON p.id = l.id LEFT JOIN {r}.exchange_inboxpayload b ON b.id = i.id
WHERE i.id IS NULL OR l.id IS NULL OR l.commitment <> i.commitment OR p.body IS DISTINCT FROM b.body
   OR l.seq <> i.seq OR (l.contract <> 'Receipt' AND l.state <> i.state) OR i.state NOT IN ('applied', 'skipped')
"""


def policy(level: Level) -> Policy:
    """The agreement of the stage's own messages."""
    return Policy(
        contract="DailyCounts",
        purpose=Purpose.ANALYTICS,
        template=Level.FULL,
        ceiling=level,
        required=False,
        agreement_version="1",
    )


@contextmanager
def noting(result: Result, what: str) -> Iterator[None]:
    """An error inside the block is a violation of the proof, not its end."""
    try:
        yield
    except Exception as error:
        result.violations.append(f"{what}: {type(error).__name__}: {error}"[:500])


def hour_off(hours: int) -> Any:
    """The kernel's clock, wrong by so many hours."""
    from kernel.testing import clocks

    return clocks.at(clock.now() + timedelta(hours=hours))
