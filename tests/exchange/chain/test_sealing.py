"""Every row of a ledger gets a place in its chain before anything of it leaves."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.db import connection, transaction
from tests.exchange.chain.scenes import owner, parties, send, send_to

from exchange import courier, hints
from exchange.chain import sealing
from exchange.models import Inbox, Ledger, LedgerState, Seal
from exchange.testing import drain_exchange
from kernel.contracts import Level
from kernel.tenancy.bindings import Courier, bound

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment):
    return (moment - EPOCH) // (datetime.resolution)


def text_of(value):
    """JSON as PostgreSQL writes jsonb: a space after each comma and colon, keys by length and then by bytes."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
        return "{" + ", ".join(f"{text_of(key)}: {text_of(value[key])}" for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(text_of(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def leaf_of(row):
    """A leaf, computed as docs/operate/ledger.md says and without the database."""
    said = [getattr(row, name) for name in sealing.DIGESTED]
    plain = [micros(one) if isinstance(one, datetime) else one for one in said]
    text = text_of([one if isinstance(one, int | list | dict | None) else str(one) for one in plain])
    return row.id.bytes + hashlib.sha256(text.encode()).digest()


def test_a_chain_can_be_computed_without_the_database(committed, north, taken):
    rows = [send(north, day=1), send(north, day=2, level=Level.NOTHING)]
    drain_exchange()
    with north.bound():
        batch = Seal.objects.get()
        sealed = list(Ledger.objects.order_by("number"))
    assert [row.id for row in sealed] == [row.id for row in rows]
    assert bytes(batch.leaves) == b"".join(map(leaf_of, sealed))
    assert (batch.number, batch.first, batch.last, batch.rows) == (1, 1, 2, 2)
    assert batch.hash == sealing.batch_hash(
        previous=sealing.GENESIS,
        number=1,
        first=1,
        last=2,
        sealed_at=micros(batch.sealed_at),
        leaves=bytes(batch.leaves),
    )


def test_batches_follow_on_one_another_and_what_was_withheld_has_its_place_too(committed, north, taken):
    send(north, day=1)
    drain_exchange()
    withheld = send(north, day=2, level=Level.NOTHING)
    drain_exchange()
    with north.bound():
        one, two = Seal.objects.order_by("number")
        assert Ledger.objects.get(id=withheld.id).seal == two.number
    assert (two.first, two.last, two.previous) == (2, 2, one.hash)
    assert str(two) == "2-2"


def test_nothing_is_delivered_without_its_place(committed, portal, north, taken, monkeypatch):
    sent = send(north)
    with monkeypatch.context() as broken:
        broken.setattr(sealing, "seal_batch", lambda cursor, schema: (0, None))
        assert courier.sweep() == 0
    with portal.bound():
        assert not Inbox.objects.filter(id=sent.id).exists()
    with north.bound():
        assert Ledger.objects.get(id=sent.id).state == LedgerState.RECORDED
    assert courier.sweep() == 1
    with portal.bound():
        assert Inbox.objects.filter(id=sent.id).exists()


def test_a_ledger_from_before_is_sealed_in_the_first_pass_in_batches(committed, portal, north, taken, monkeypatch):
    monkeypatch.setattr(sealing, "BATCH", 4)
    monkeypatch.setattr(courier, "BATCH", 4)
    rows = [send(north, day=day, level=Level.NOTHING if day % 2 else Level.FULL) for day in range(1, 12)]
    with owner(committed) as cursor:  # as the release before had left it: delivered without a place
        cursor.execute(f"UPDATE \"{north.schema}\".exchange_ledger SET state = 'delivered' WHERE state = 'recorded'")
    courier.sweep()
    with north.bound():
        assert list(Seal.objects.order_by("number").values_list("first", "last")) == [(1, 4), (5, 8), (9, 11)]
        assert not Ledger.objects.filter(seal=None).exists()
        assert [row.seal for row in Ledger.objects.order_by("number")] == [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3]
    assert len(rows) == 11


def test_what_changes_later_is_no_part_of_the_chain(committed, north, taken):
    send(north, day=1)
    courier.sweep()
    with north.bound():
        before = bytes(Seal.objects.get(number=1).leaves)
    drain_exchange()
    with north.bound():
        Ledger.objects.update(subject_label="")  # erasure
        row = Ledger.objects.get(seal=1)
    assert row.state == LedgerState.APPLIED
    assert leaf_of(row) == before


def test_members_can_neither_seal_nor_unseal(wall, north):
    send(north)
    statements = (
        "UPDATE exchange_ledger SET seal = 1",
        "INSERT INTO exchange_seal VALUES (1, 1, 1, '', '', '', now())",
        "DELETE FROM exchange_seal",
        "UPDATE exchange_anchor SET hash = ''",
        "INSERT INTO exchange_check (began_at, number, rows, payloads, anchors, findings) VALUES (now(),1,1,1,1,'[]')",
    )
    for statement in statements:
        with north.bound(), pytest.raises(Exception, match="permission denied"), transaction.atomic():
            connection.cursor().execute(statement)


def test_two_sealers_at_one_ledger_give_no_place_twice(committed, north, taken):
    send(north)
    with bound(Courier()), connection.cursor() as cursor:
        assert sealing.seal_batch(cursor, north.schema)[0] == 1
        assert sealing.seal_batch(cursor, north.schema) == (0, None)
        with pytest.raises(Exception, match="duplicate key"), transaction.atomic():
            cursor.execute(
                f"INSERT INTO \"{north.schema}\".exchange_seal VALUES (1, 1, 1, '', '', '', clock_timestamp())"
            )


def test_an_action_pays_nothing_for_the_chain(committed, north, taken, django_assert_num_queries):
    subject = uuid4()
    send(north, subject=subject)
    with north.bound(), django_assert_num_queries(5):  # savepoint, place, row, payload, end: as without a chain
        send(north, subject=subject, day=2)


def test_what_is_withheld_wakes_the_courier_too(committed, north, monkeypatch):
    woken = []
    monkeypatch.setattr(hints, "after_commit_wake_courier", woken.append)
    send(north, level=Level.NOTHING)
    assert woken == [north.id]


def test_the_manufacturers_ledger_has_a_chain_of_its_own(committed, portal, north, south, taken):
    for dealer in (north, south):
        send_to(portal, dealer)
    courier.sweep()
    with portal.bound():
        assert Seal.objects.get().rows == 2
    assert len(parties()) == 3
