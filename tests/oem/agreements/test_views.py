"""The manufacturer's view of the sharing agreements: texts, terms, and levels as last seen."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape
from django.utils.timezone import localtime
from tests.oem.sharedrows import NOW, VIN, counts

from exchange.gate import Policy
from exchange.outbound import release
from exchange.testing import exchange_drained
from kernel.accounts.actors import SYSTEM
from kernel.accounts.roles import PORTAL_ROLES, RIGHTS, Right
from kernel.contracts import Level, Purpose, VehicleSale
from kernel.contracts.agreements import agreements, default_agreement
from kernel.tenancy.bindings import MANUFACTURER_ID
from kernel.testing.clocks import at
from oem.agreements.queries import LastSeen, Seen, combined

PAGES = ["/agreements/", f"/agreements/{default_agreement().version}/"]
HERE = uuid4()


def seen(level: Level, days_ago: float, version: str = "2026-1") -> Seen:
    return Seen(HERE, "Owner", "customer_care", level, NOW - timedelta(days=days_ago), version)


@pytest.mark.parametrize(
    ("messages", "level", "mixed"),
    [
        ([seen(Level.FULL, 3)], Level.FULL, False),
        # One customer without consent does not lower a dealership's level …
        ([seen(Level.FULL, 3), seen(Level.PSEUDONYMOUS, 1)], Level.FULL, True),
        # … but codes alone for longer than the window do.
        ([seen(Level.FULL, 60), seen(Level.PSEUDONYMOUS, 1)], Level.PSEUDONYMOUS, False),
        ([seen(Level.FULL, 3), seen(Level.COUNTS, 1)], Level.COUNTS, False),
        # Raised again after counts: what stood before the counts says nothing.
        ([seen(Level.FULL, 9), seen(Level.COUNTS, 3), seen(Level.PSEUDONYMOUS, 1)], Level.PSEUDONYMOUS, False),
        ([seen(Level.COUNTS, 3), seen(Level.FULL, 1)], Level.FULL, False),
    ],
)
def test_the_level_last_seen_follows_from_the_messages(messages, level, mixed):
    (found,) = combined(messages).values()
    assert (found.level, found.mixed) == (level, mixed)
    assert found.at == max(one.at for one in messages)


def test_only_counts_fall_silent():
    old = NOW - timedelta(days=4)
    assert LastSeen(Level.COUNTS, old, "1").silent(NOW)
    assert not LastSeen(Level.COUNTS, NOW - timedelta(days=2), "1").silent(NOW)
    assert not LastSeen(Level.FULL, old, "1").silent(NOW)


@pytest.mark.parametrize("role", sorted(PORTAL_ROLES))
@pytest.mark.parametrize("path", [*PAGES, "/api/v1/agreements"])
def test_rights_decide_who_reads_agreements(wall, portal, role, path):
    assert portal.client(role).get(path).status_code == (200 if Right.SHARING_READ in RIGHTS[role] else 403)


def test_nobody_signed_in_sees_any_and_a_dealership_has_no_such_page(wall, portal, north):
    assert portal.client().get("/agreements/").status_code == 302
    assert north.client("general_manager").get("/agreements/").status_code == 404
    assert portal.client("auditor").get("/agreements/1999-9/").status_code == 404


@pytest.mark.parametrize(
    ("language", "title"), [("zh-hans", "数据共享协议"), ("zh-hant", "資料共享協議"), ("en", "Data sharing")]
)
def test_an_agreement_shows_its_text_and_digest(wall, portal, language, title):
    with portal.bound():
        user = portal.user("auditor")
        user.language = language
        user.save(update_fields=["language"])
    page = portal.client("auditor").get(PAGES[1]).content.decode()
    assert title in page
    assert default_agreement().digest in page
    assert escape(default_agreement().text[language].splitlines()[0]) in page


def test_counts_show_as_the_level_last_seen_on_all_pages(wall, portal, north):
    with at(NOW), portal.bound():
        user = portal.user("network_manager")
        user.language = "en"
        user.save(update_fields=["language"])
        counts(north.id, date(2026, 5, 18), 7)
    with at(NOW):
        client = portal.client("network_manager")
        page = client.get("/agreements/").content.decode()
        assert "Only numbers by day are shared; fewer than five are not told." in page
        assert page.count("Nothing has been shared so far.") == 2 * len(default_agreement().terms) - 1
        panel = client.get("/network/north/").content.decode()
        assert "Only numbers by day are shared" in panel
        terms = client.get("/api/v1/agreements").json()["dealerships"][0]["terms"]
    owner = next(term for term in terms if term["contract"] == "Owner")
    assert owner["last_seen"]["level"] == "counts"
    assert next(term for term in terms if term["contract"] == "VehicleSale")["last_seen"] is None


def test_what_arrived_shows_its_level_and_agreement(committed, portal, north):
    policy = Policy(
        contract="VehicleSale",
        purpose=Purpose.SALE_AND_DELIVERY,
        template=Level.FULL,
        ceiling=Level.FULL,
        required=True,
        agreement_version="2026-1",
    )
    sold = VehicleSale(sale_id=uuid4(), vin=VIN, brand="XH", delivered_on=date(2026, 5, 1))
    with exchange_drained(), north.bound():
        release(
            sold,
            to=MANUFACTURER_ID,
            subject=uuid4(),
            purpose=Purpose.SALE_AND_DELIVERY,
            policy=policy,
            actor=SYSTEM,
            event_at=NOW,
            label=VIN,
        )
    answer = portal.client("auditor").get("/api/v1/agreements").json()
    assert [one["digest"] for one in answer["results"]] == [one.digest for one in agreements()][::-1]
    north_row = next(one for one in answer["dealerships"] if one["dealership"] == "north")
    assert north_row["version"] == "2026-1"
    term = next(term for term in north_row["terms"] if term["contract"] == "VehicleSale")
    assert term["last_seen"] == {"level": "full", "at": localtime(NOW).isoformat(), "agreement_version": "2026-1"}


def test_a_proposal_cannot_be_sent_yet(wall, portal):
    answer = portal.client("network_manager").post("/api/v1/agreements", {}, content_type="application/json")
    assert answer.status_code in (403, 405)


def test_the_page_costs_few_queries(wall, portal):
    client = portal.client("auditor")
    client.get("/agreements/")
    with CaptureQueriesContext(connection) as captured:
        assert client.get("/agreements/").status_code == 200
    assert len(captured) <= 8
