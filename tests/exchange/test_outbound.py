"""What is sent takes its place within its subject; what waits can be stopped, all of it or by message."""

from __future__ import annotations

from uuid import uuid4

from tests.exchange.test_courier import send

from exchange.models import Ledger, Payload
from exchange.outbound import pseudonymiser, stop_undelivered
from kernel.contracts import Level, Purpose


def test_places_count_by_subject_and_what_is_withheld_takes_none(wall, north):
    first, second = uuid4(), uuid4()
    rows = [
        send(north, subject=first),
        send(north, subject=first, level=Level.NOTHING),
        send(north, subject=second),
        send(north, subject=first),
    ]
    assert [row.seq for row in rows] == [1, None, 1, 2]
    assert str(rows[0]) == "DailyCounts day 1"


def test_named_messages_alone_are_stopped(wall, north):
    stopped, kept = send(north, subject=uuid4()), send(north, subject=uuid4())
    with north.bound():
        given = {"contract": "DailyCounts", "purpose": Purpose.ANALYTICS, "reason": "consent withdrawn"}
        assert stop_undelivered(**given, messages=[]) == 0
        assert stop_undelivered(**given, messages={stopped.id, uuid4()}) == 1
        states = dict(Ledger.objects.values_list("id", "state"))
        assert (states[stopped.id], states[kept.id]) == ("stopped", "recorded")
        assert set(Payload.objects.values_list("id", flat=True)) == {kept.id}
        assert stop_undelivered(**given) == 1


def test_the_key_of_pseudonyms_is_on_the_dealers_side(monkeypatch):
    word = pseudonymiser()("analytics", "LXHAB12C8RN000001")
    assert word == pseudonymiser()("analytics", "LXHAB12C8RN000001")
    monkeypatch.setenv("DEALERNET_KEY_DEALERS", "another key of a dealers' side")
    assert pseudonymiser()("analytics", "LXHAB12C8RN000001") != word
