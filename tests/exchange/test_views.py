"""The exchange's health in words, and a person's decisions, on both tiers. Contents are never shown."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.exchange.test_courier import send

from exchange import courier, handlers
from exchange.models import Inbox, InboxState, Ledger, LedgerState
from exchange.testing import drain_exchange
from kernel import clock
from kernel.accounts.models import User
from kernel.accounts.roles import DEALERSHIP_ROLES, PORTAL_ROLES, RIGHTS, Right
from kernel.audit.models import Entry
from kernel.testing.clocks import at

SECRET = "Grandmother Zhang, 13800138000"


def speaking(side, role: str, language: str = "en"):
    """A client of the person with this role, who reads the pages in this language."""
    user = side.user(role)
    with side.bound():
        User.objects.filter(pk=user.pk).update(language=language)
    return side.client(user)


def page_of(client, path: str = "/exchange/") -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def stuck(committed, portal, north, arrived):
    """The 13th stands refused at the portal, the 14th of the same subject waits behind it."""
    subject = uuid4()
    refused = send(north, subject=subject, day=13)
    send(north, subject=subject, day=14)
    drain_exchange()
    return refused


@pytest.mark.parametrize("role", sorted(PORTAL_ROLES | DEALERSHIP_ROLES))
def test_pages_open_for_those_with_the_right_and_for_nobody_else(wall, portal, north, role):
    side = portal if role in PORTAL_ROLES else north
    client = side.client(str(role))
    expected = 200 if Right.EXCHANGE_READ in RIGHTS[role] else 403
    for path in ("/exchange/", "/exchange/messages/", "/api/v1/exchange/status"):
        assert client.get(path).status_code == expected, path


@pytest.mark.parametrize("role", sorted(PORTAL_ROLES | DEALERSHIP_ROLES))
def test_only_those_who_may_repair_may_decide(wall, portal, north, role):
    side = portal if role in PORTAL_ROLES else north
    client = side.client(str(role))
    may = Right.EXCHANGE_REPAIR in RIGHTS[role]
    for step in ("retry", "skip"):
        page = client.post(f"/exchange/messages/{uuid4()}/{step}/", {"reason": "x"})
        api = client.post(f"/api/v1/exchange/messages/{uuid4()}/{step}", '{"reason": "x"}', "application/json")
        assert page.status_code == (404 if may else 403)
        assert api.status_code == (404 if may and step == "retry" else api.status_code)
        assert api.status_code in ((403, 404, 422) if may else (403,))


def test_everything_has_arrived(wall, portal, north):
    for side, role in ((portal, "network_admin"), (north, "crm_manager")):
        assert "Everything has arrived." in page_of(speaking(side, role))
        status = side.client(role).get("/api/v1/exchange/status").json()
        assert (status["well"], status["outgoing"]["waiting"], status["incoming"]["stuck"]) == (True, 0, 0)


def test_what_waits_is_said_with_its_age(wall, portal, north):
    send(north, subject=uuid4())
    send(north, subject=uuid4())
    client = speaking(north, "crm_manager")
    with at(clock.now() + timedelta(minutes=2, seconds=5)):
        html = page_of(client)
        status = client.get("/api/v1/exchange/status").json()
    assert "2 messages wait to be delivered, the oldest since 2 min." in html
    assert status["well"] is False
    assert status["outgoing"]["waiting"] == 2
    assert 120 <= status["outgoing"]["oldest_seconds"] < 180


def test_a_dealership_sees_itself_alone(wall, portal, north):
    assert north.client("crm_manager").get("/api/v1/exchange/status").json()["members"] == []
    assert "Southgate" not in page_of(speaking(north, "crm_manager"))
    members = portal.client("network_admin").get("/api/v1/exchange/status").json()["members"]
    assert [member["slug"] for member in members] == ["north", "south"]
    assert "Southgate" in page_of(speaking(portal, "network_admin"))


def test_a_stuck_message_is_shown_on_both_sides_and_its_contents_on_neither(stuck, portal, north):
    html = page_of(speaking(portal, "network_admin"))
    assert "1 message needs a decision." in html
    assert "1 message waits behind one that needs a decision." in html
    assert f"/exchange/messages/{stuck.id}/" in html
    detail = page_of(portal.client("network_admin"), f"/exchange/messages/{stuck.id}/")
    assert "unlucky" in detail
    assert "cells" not in detail
    assert "the thirteenth" not in detail
    there = page_of(speaking(north, "it_admin"))
    assert "1 message was refused by its receiver." in there
    assert "unlucky" in page_of(north.client("it_admin"), f"/exchange/messages/{stuck.id}/")


def test_a_failure_that_quotes_a_customer_is_told_to_those_only_who_may_read_customers(
    committed, portal, north, monkeypatch
):
    def broken(messages):
        raise ValueError(SECRET)

    monkeypatch.setitem(handlers._handlers, (handlers.PORTAL, "DailyCounts"), broken)
    monkeypatch.setattr("exchange.inbox.TRIES", 1)
    sent = send(north, subject=uuid4())
    drain_exchange()
    path = f"/exchange/messages/{sent.id}/"
    admin = speaking(portal, "network_admin")
    assert "ValueError" in page_of(admin, path)
    assert SECRET not in page_of(admin, path)
    assert SECRET not in admin.get("/api/v1/exchange/status").content.decode()
    assert SECRET in page_of(speaking(portal, "privacy_officer"), path)


def test_trying_again_lets_it_through_and_leaves_a_trace(stuck, portal, north, arrived, monkeypatch):
    monkeypatch.setitem(handlers._handlers, (handlers.PORTAL, "DailyCounts"), arrived.extend)
    client = speaking(portal, "network_admin")
    assert client.post(f"/exchange/messages/{stuck.id}/retry/").status_code == 302
    drain_exchange()
    assert [m.record.day.day for m in arrived] == [13, 14]
    with portal.bound():
        assert Entry.objects.filter(action="exchange.retry", object_id=str(stuck.id)).exists()
    assert "Everything has arrived." in page_of(client)
    again = client.post(f"/exchange/messages/{stuck.id}/retry/", follow=True)
    assert "needs no decision any more" in again.content.decode()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_leaving_aside_needs_a_reason_that_the_sender_reads(stuck, portal, north, arrived, language):
    client = speaking(portal, "network_admin", language)
    too_long = "a reason " * 40
    for wrong in ("", too_long):
        answer = client.post(f"/exchange/messages/{stuck.id}/skip/", {"reason": wrong})
        assert answer.status_code == 422
        assert 'id="id_reason_error"' in answer.content.decode()
        assert wrong in answer.content.decode()
    assert client.post(f"/exchange/messages/{stuck.id}/skip/", {"reason": "A test row."}).status_code == 302
    drain_exchange()
    assert [m.record.day.day for m in arrived] == [14]
    with portal.bound():
        assert Inbox.objects.get(id=stuck.id).state == InboxState.SKIPPED
        assert Entry.objects.get(action="exchange.skip").note == "A test row."
    with north.bound():
        row = Ledger.objects.get(id=stuck.id)
    assert (row.state, row.reason) == (LedgerState.SKIPPED, "A test row.")


def test_the_api_decides_and_says_when_there_is_nothing_to_decide(stuck, portal, north):
    client = portal.client("network_admin")
    address = f"/api/v1/exchange/messages/{stuck.id}"
    (listed,) = client.get("/api/v1/exchange/status").json()["stuck"]
    assert (listed["id"], listed["reason"], listed["seq"], listed["attempts"]) == (str(stuck.id), "unlucky", 1, 1)
    assert client.post(f"{address}/skip", "{}", "application/json").status_code == 422
    skipped = client.post(f"{address}/skip", json.dumps({"reason": "x"}), "application/json")
    assert (skipped.status_code, skipped.json()["state"]) == (200, "skipped")
    assert client.post(f"{address}/retry", "{}", "application/json").status_code == 409
    assert north.client("crm_manager").post(f"{address}/retry", "{}", "application/json").status_code == 404


def test_messages_of_others_do_not_exist(stuck, south):
    assert south.client("crm_manager").get(f"/exchange/messages/{stuck.id}/").status_code == 404


def test_pages_cost_the_same_queries_however_many_messages(committed, portal, north, arrived):
    client = portal.client("network_admin")

    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path).status_code == 200
        return len(captured)

    def refuse(number: int) -> None:
        for _one in range(number):
            send(north, subject=uuid4(), day=13)
        drain_exchange()

    refuse(2)
    pages = ("/exchange/", "/exchange/messages/")
    [queries(path) for path in pages]  # the session's own upkeep happens once
    few = [queries(path) for path in pages]
    refuse(15)
    assert [queries(path) for path in pages] == few
    assert max(few) <= 19


def test_the_list_of_messages_is_filtered_and_exported(stuck, portal):
    client = portal.client("network_admin")
    for query, found in (
        ("stuck=1", True),
        ("state=applied", False),
        ("contract=Owner", False),
        ("contract=DailyCounts", True),
    ):
        assert (str(stuck.id) in page_of(client, f"/exchange/messages/?{query}")) is found
    answer = client.get("/exchange/messages/?export=csv")
    body = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert str(stuck.id) in body
    assert "cells" not in body
    with portal.bound():
        assert Entry.objects.get(action="exchange.export").after == {"format": "csv", "rows": 2}


def test_last_heard_comes_from_the_watermark(committed, portal, north):
    admin = portal.client("network_admin")

    def heard() -> list[bool]:
        members = admin.get("/api/v1/exchange/status").json()["members"]
        return [member["heard_at"] is not None for member in members]

    assert heard() == [False, False]
    courier.sweep()
    assert heard() == [True, True]


def test_what_arrived_and_is_not_applied_is_said(committed, portal, north):
    send(north, subject=uuid4())
    courier.sweep()
    assert "1 message has arrived and waits to be applied, since" in page_of(speaking(portal, "network_admin"))
    there = page_of(speaking(north, "crm_manager"))
    assert "1 message was delivered and waits to be applied there, since" in there


def test_the_api_lets_a_stuck_message_be_tried_again(stuck, portal, arrived, monkeypatch):
    monkeypatch.setitem(handlers._handlers, (handlers.PORTAL, "DailyCounts"), arrived.extend)
    answer = portal.client("network_admin").post(f"/api/v1/exchange/messages/{stuck.id}/retry")
    assert (answer.status_code, answer.json()["state"], answer.json()["attempts"]) == (200, "received", 0)
    drain_exchange()
    assert [m.record.day.day for m in arrived] == [13, 14]


def test_leaving_aside_what_somebody_decided_meanwhile_changes_nothing(stuck, portal, arrived):
    client = speaking(portal, "network_admin")
    client.post(f"/exchange/messages/{stuck.id}/skip/", {"reason": "first"})
    again = client.post(f"/exchange/messages/{stuck.id}/skip/", {"reason": "second"}, follow=True)
    assert "This message needs no decision any more." in again.content.decode()
    with portal.bound():
        assert Inbox.objects.get(id=stuck.id).detail == "first"
