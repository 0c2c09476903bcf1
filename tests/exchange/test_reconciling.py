"""Both sides are compared every hour by themselves, and what differs is shown by its id and mended when wanted."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from tests.exchange.test_courier import committed_superuser, passes, send
from tests.exchange.test_views import page_of, speaking

from exchange import courier, failures, handlers, inbox, metrics, reconciling
from exchange.models import Inbox, Ledger, Reconciliation
from exchange.testing import drain_exchange
from kernel import clock
from kernel.audit.models import Entry
from kernel.errors import Forbidden, Missing
from kernel.tenancy.bindings import MANUFACTURER_ID
from kernel.testing.clocks import at


@pytest.fixture
def differing(committed, portal, north, arrived, monkeypatch):
    """One message of each kind of difference between the north and the portal, by the kind."""
    monkeypatch.setattr(reconciling, "GRACE", 0.0)
    sent = [send(north, subject=uuid4(), day=day) for day in range(1, 6)]
    drain_exchange()
    with committed_superuser(committed) as cursor:
        cursor.execute("DELETE FROM oem.exchange_inbox WHERE id = %s", [str(sent[0].id)])
        cursor.execute("UPDATE oem.exchange_inbox SET commitment = 'x' WHERE id = %s", [str(sent[1].id)])
        back = f'UPDATE "{north.schema}".exchange_ledger SET state = %s WHERE id = %s'
        cursor.execute(back, ["delivered", str(sent[2].id)])
        cursor.execute(f'DELETE FROM "{north.schema}".exchange_ledger WHERE id = %s', [str(sent[3].id)])
    kinds = ("missing_at_receiver", "altered", "not_answered", "unknown_at_sender")
    return {kind: str(row.id) for kind, row in zip(kinds, sent, strict=False)}


def seen_by(side, member):
    with side.bound():
        return Reconciliation.objects.get(member=member)


def test_both_sides_read_the_same_differences_by_id(differing, portal, north, south):
    assert reconciling.go_on() == 2
    here, there = seen_by(portal, north.id), seen_by(north, MANUFACTURER_ID)
    assert {one["difference"]: one["message"] for one in here.differences} == differing
    assert {one["difference"]: one["message"] for one in there.differences} == differing
    assert {one["way"] for one in here.differences} == {"received"}
    assert {one["way"] for one in there.differences} == {"sent"}
    assert (here.found, there.found, here.compared > 0) == (4, 4, True)
    assert seen_by(portal, south.id).found == 0


def test_a_comparison_is_made_once_an_hour(committed, portal, north, south):
    assert reconciling.go_on(most=1) == 1
    assert reconciling.go_on(most=5) == 1
    assert reconciling.go_on() == 0
    with at(clock.now() + timedelta(hours=2)):
        assert reconciling.go_on() == 2


def test_what_can_be_mended_is_and_nothing_else(differing, portal, north, arrived):
    reconciling.go_on()
    admin = portal.actor("network_admin")
    with portal.bound():
        reconciling.ask_to_replay(north.id, actor=admin)
        assert Entry.objects.filter(action="exchange.replay").exists()
    assert reconciling.go_on() == 1
    drain_exchange()
    with at(clock.now() + timedelta(hours=2)):
        reconciling.go_on()
    row = seen_by(portal, north.id)
    left = {one["difference"] for one in row.differences}
    assert left == {"altered", "unknown_at_sender"}
    assert (row.replayed, row.wanted_at) == (2, None)
    assert row.replayed_at is not None
    with portal.bound():
        assert Inbox.objects.get(id=differing["missing_at_receiver"]).state == "applied"
    with north.bound():
        assert Ledger.objects.get(id=differing["not_answered"]).state == "applied"


def test_a_dealership_may_want_it_too(differing, portal, north):
    reconciling.go_on()
    page = page_of(speaking(north, "crm_manager"))
    assert differing["missing_at_receiver"] in page
    assert "Deliver exactly these again" in page
    client = speaking(north, "crm_manager")
    assert client.post(f"/exchange/comparisons/{MANUFACTURER_ID}/replay/").status_code == 302
    assert "They are being mended." in page_of(client)
    assert reconciling.go_on() == 1
    assert seen_by(north, MANUFACTURER_ID).replayed == 2


def test_only_who_may_repair_may_want_it(differing, portal, north):
    reconciling.go_on()
    with north.bound(), pytest.raises(Forbidden):
        reconciling.ask_to_replay(MANUFACTURER_ID, actor=north.actor("sales_consultant"))
    admin = portal.actor("network_admin")
    with portal.bound(), pytest.raises(Missing):
        reconciling.ask_to_replay(uuid4(), actor=admin)
    manager = speaking(north, "general_manager")
    assert "Deliver exactly these again" not in page_of(manager)


def test_another_courier_that_compares_is_left_to_it(committed, portal, north):
    with committed_superuser(committed) as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended('reconciling', 0))")
        assert reconciling.go_on() == 0
    assert reconciling.go_on() == 2


def test_without_a_manufacturer_there_is_nothing_to_compare(committed, monkeypatch):
    monkeypatch.setattr(reconciling, "parties", dict)
    assert reconciling.go_on() == 0


def test_the_loop_outlives_a_pass_that_fails(committed, portal, monkeypatch, caplog):
    monkeypatch.setattr(reconciling, "PAUSE", 0.0)
    real, tries = reconciling.go_on, []

    def fails_first():
        tries.append(1)
        if len(tries) == 1:
            raise ZeroDivisionError
        return real()

    monkeypatch.setattr(reconciling, "go_on", fails_first)
    reconciling.run_forever(passes(3))
    assert "reconciling: pass failed" in caplog.text
    with portal.bound():
        assert Reconciliation.objects.count() == 2


def test_the_api_says_what_differs_what_is_wrong_and_what_to_do(differing, portal, north):
    reconciling.go_on()
    client = portal.client("network_admin")
    status = client.get("/api/v1/exchange/status").json()
    assert {one["code"] for one in status["failures"]} >= set(differing)
    assert all(one["what_to_do"] for one in status["failures"])
    (row,) = [row for row in status["comparisons"] if row["found"]]
    assert {one["message"] for one in row["differences"]} == set(differing.values())
    asked = client.post(f"/api/v1/exchange/comparisons/{north.id}/replay")
    assert asked.status_code == 202
    assert client.post(f"/api/v1/exchange/comparisons/{uuid4()}/replay").status_code == 404


def test_every_failure_has_its_paragraph_for_operators():
    text = (Path(__file__).parents[2] / "docs" / "operate" / "exchange.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == set(failures.FAILURES)


def test_freshness_is_said_in_words(committed, portal, north, arrived):
    client = speaking(portal, "network_admin")
    assert "Nothing has arrived yet." in page_of(client)
    send(north, subject=uuid4())
    courier.sweep()
    assert "Everything that arrived until" in page_of(client)
    drain_exchange()
    assert "the latest came at" in page_of(client)


def test_all_messages_with_one_reason_are_tried_again_at_once(committed, portal, north, arrived, monkeypatch):
    for _ in range(2):
        send(north, subject=uuid4(), day=13)
    drain_exchange()
    assert "Try 2 messages again" in page_of(speaking(portal, "network_admin"))
    with portal.bound(), pytest.raises(Forbidden):
        inbox.retry_all(reason="unlucky", actor=portal.actor("lead_desk"))
    monkeypatch.setitem(handlers._handlers, (handlers.PORTAL, "DailyCounts"), arrived.extend)
    client = speaking(portal, "network_admin")
    assert client.post("/exchange/messages/retry/", {"reason": "another"}).status_code == 302
    drain_exchange()
    assert arrived == []
    assert client.post("/exchange/messages/retry/", {"reason": "unlucky"}).status_code == 302
    drain_exchange()
    assert [message.record.day.day for message in arrived] == [13, 13]
    with portal.bound():
        assert Entry.objects.filter(action="exchange.retry").count() == 2


def test_the_figures_for_monitoring_say_lag_age_and_differences(differing, portal, north):
    reconciling.go_on()
    send(north, subject=uuid4())
    courier.sweep()
    with portal.bound():
        lines = metrics.exposition().splitlines()
    figures = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert figures['dealernet_exchange_waiting{where="arrived"}'] == "1.0"
    assert float(figures['dealernet_exchange_oldest_seconds{where="arrived"}']) >= 0
    assert figures["dealernet_exchange_differences"] == "4.0"
    assert {"dealernet_exchange_lag_seconds", "dealernet_exchange_stuck"} <= set(figures)
