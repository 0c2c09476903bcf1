"""The manufacturer's view of the sharing agreements: texts, terms, and levels as last seen."""

from __future__ import annotations

from dataclasses import replace
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
from kernel.contracts import DecisionStep, Level, Purpose, SharingDecision, VehicleSale
from kernel.contracts.agreements import agreements, default_agreement
from kernel.tenancy.bindings import MANUFACTURER_ID
from kernel.testing.clocks import at
from oem.agreements import actions
from oem.agreements.models import Proposal
from oem.agreements.queries import LastSeen, Seen, combined

PAGES = ["/agreements/", f"/agreements/{default_agreement().version}/"]
HERE = uuid4()
#: What a dealership signs on joining.
NOW_SIGNED = default_agreement().version


def seen(level: Level, days_ago: float, version: str = NOW_SIGNED) -> Seen:
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
        agreement_version=NOW_SIGNED,
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
    assert north_row["version"] == NOW_SIGNED
    term = next(term for term in north_row["terms"] if term["contract"] == "VehicleSale")
    assert term["last_seen"] == {"level": "full", "at": localtime(NOW).isoformat(), "agreement_version": NOW_SIGNED}


# -- drawing up and proposing


def english(portal, role="network_manager"):
    with portal.bound():
        user = portal.user(role)
        user.language = "en"
        user.save(update_fields=["language"])
    return portal.client(role)


def typed(client, id, **changes):
    """What the editor's form holds, with some of it changed; keys are names of fields with `__` for `/`."""
    form = client.get(f"/agreements/drafts/{id}/").context["form"]
    data = {}
    for field in form:
        value = field.value()
        if value not in (None, False, ""):
            data[field.html_name] = "on" if value is True else value
    return data | {name.replace("__", "/"): value for name, value in changes.items()}


def begin(client):
    answer = client.post("/agreements/new/")
    assert answer.status_code == 302
    return answer.headers["Location"].strip("/").split("/")[-1]


def test_drawn_up_compared_proposed_and_shown(wall, portal):
    client = english(portal)
    assert "Draw up a new version" in client.get("/agreements/").content.decode()
    id = begin(client)
    page = client.get(f"/agreements/drafts/{id}/").content.decode()
    assert f"As today: {len(default_agreement().terms)}" in page
    assert "Propose it" in page
    data = typed(
        client,
        id,
        Owner__customer_care__level="counts",
        Owner__customer_care__recipients="Call centre, Print shop",
        WarrantyClaim__warranty__retention="730",
    )
    assert client.post(f"/agreements/drafts/{id}/", data).status_code == 302
    page = client.get(f"/agreements/drafts/{id}/").content.decode()
    assert "At most “Counts only”, until now “Full”." in page
    assert "It is kept 730 days." in page
    assert "Call centre, Print shop" in page
    answer = client.post(f"/agreements/drafts/{id}/propose/", {"dealerships": ["north"]}, follow=True)
    page = answer.content.decode()
    assert "1 dealership is asked to sign." in page
    assert "Waits for a signature" in page
    assert "waits there for a signature" in client.get("/agreements/").content.decode()
    # From now on it is read only.
    assert client.get(f"/agreements/drafts/{id}/").status_code == 302
    assert client.post(f"/agreements/drafts/{id}/propose/", {"dealerships": ["north"]}).status_code == 409
    assert client.post(f"/agreements/drafts/{id}/withdraw/").status_code == 302
    assert client.post(f"/agreements/drafts/{id}/withdraw/").status_code == 409


def test_what_stands_in_the_way_is_named(wall, portal):
    client = english(portal)
    id = begin(client)
    data = typed(client, id, notice_days="3", **{"title_zh-hans": ""})
    assert client.post(f"/agreements/drafts/{id}/", data).status_code == 302
    page = client.get(f"/agreements/drafts/{id}/").content.decode()
    assert "Before you can propose it" in page
    assert "Title (zh-hans): Write it in all three languages." in page
    assert "Notice in days: Enter 30 to 365 days." in page
    answer = client.post(f"/agreements/drafts/{id}/propose/", {"dealerships": ["north"]}, follow=True)
    assert "Something still stands in the way." in answer.content.decode()
    assert client.post(f"/agreements/drafts/{id}/propose/", {"dealerships": []}).status_code == 422
    answer = client.post(f"/agreements/drafts/{id}/", typed(client, id, version=NOW_SIGNED))
    assert answer.status_code == 422
    assert "There is such a version already." in answer.content.decode()


def test_only_the_four_purposes_can_be_marked_required(wall, portal):
    client = english(portal)
    form = client.get(f"/agreements/drafts/{begin(client)}/").context["form"]
    required = {name for name in form.fields if name.endswith("/required")}
    assert required == {"VehicleSale/sale_and_delivery/required", "WarrantyClaim/warranty/required"}


@pytest.mark.parametrize("role", sorted(PORTAL_ROLES))
def test_who_may_draw_up(wall, portal, role):
    may = Right.SHARING_PROPOSE in RIGHTS[role]
    assert portal.client(role).post("/agreements/new/").status_code == (302 if may else 403)


def test_notice_is_given_from_the_overview(wall, portal, north):
    client = english(portal)
    assert client.post("/agreements/dealerships/north/end/").status_code == 409
    with portal.bound():
        told = SharingDecision(
            step=DecisionStep.SIGNED,
            at=NOW,
            version=NOW_SIGNED,
            text_hash=default_agreement().digest,
            signed_at=NOW,
            ceilings=[
                {
                    "contract": "Owner",
                    "purpose": "customer_care",
                    "ceiling": "nothing",
                    "level": "nothing",
                    "refused": True,
                }
            ],
        )
        actions.note_decision(dealership=north.id, message=uuid4(), record=told)
    page = client.get("/agreements/").content.decode()
    assert "It refused this line." in page
    assert "Give notice" in page
    assert client.post("/agreements/dealerships/north/end/", {"note": "merger"}).status_code == 302
    with portal.bound():
        ending = replace(told, step=DecisionStep.ENDING, ends_at=NOW, end_reason="manufacturer")
        actions.note_decision(dealership=north.id, message=uuid4(), record=ending)
    assert "you have ended it" in client.get("/agreements/").content.decode()
    with portal.bound():
        actions.note_decision(dealership=north.id, message=uuid4(), record=replace(ending, step=DecisionStep.ENDED))
    assert "It has ended. Nothing leaves there any more." in client.get("/agreements/").content.decode()


def test_more_than_is_allowed_is_pointed_out(wall, portal, north):
    with at(NOW), portal.bound():
        counts(north.id, date(2026, 5, 18), 7)
        line = {"contract": "Owner", "purpose": "customer_care", "ceiling": "nothing", "level": "nothing"}
        told = SharingDecision(
            step=DecisionStep.CHANGED,
            at=NOW,
            version=NOW_SIGNED,
            text_hash="0" * 64,
            signed_at=NOW,
            ceilings=[line | {"refused": False}],
        )
        actions.note_decision(dealership=north.id, message=uuid4(), record=told)
    with at(NOW):
        page = english(portal).get("/agreements/").content.decode()
    assert "More arrived than it allows now." in page


def test_the_api_proposes(wall, portal):
    client = portal.client("privacy_officer")
    terms = [term.to_json() for term in default_agreement().terms]
    body = {"version": "Spring-1", "terms": terms, "notice_days": 120, "dealerships": ["north"]}
    answer = client.post("/api/v1/agreements", body, content_type="application/json")
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert (made["version"], made["notice_days"], made["terms"]) == ("Spring-1", 120, terms)
    listed = client.get("/api/v1/agreements").json()
    assert [one["version"] for one in listed["results"]][:2] == ["Spring-1", NOW_SIGNED]
    assert next(one for one in listed["dealerships"] if one["dealership"] == "north")["waiting"] == "Spring-1"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"dealerships": ["nowhere"]}, "dealerships"),
        ({"dealerships": []}, "dealerships"),
        ({"base": "1999-1"}, "base"),
        ({"notice_days": 5}, "notice_days"),
        (
            {"terms": [{"contract": "Owner", "purpose": "customer_care", "level": "full", "required": True}]},
            "Owner/customer_care",
        ),
    ],
)
def test_the_api_says_what_is_wrong_and_keeps_nothing(wall, portal, changes, field):
    client = portal.client("network_manager")
    body = {"dealerships": ["north"]} | changes
    answer = client.post("/api/v1/agreements", body, content_type="application/json")
    assert answer.status_code in (400, 422)
    assert field in answer.content.decode()
    with portal.bound():
        assert not Proposal.objects.exists()


@pytest.mark.parametrize("language", ["en", "zh-hans", "zh-hant"])
def test_the_editor_opens_in_every_language(wall, portal, language):
    with portal.bound():
        user = portal.user("network_manager")
        user.language = language
        user.save(update_fields=["language"])
    client = portal.client("network_manager")
    assert client.get(f"/agreements/drafts/{begin(client)}/").status_code == 200
    assert client.get("/agreements/").status_code == 200


def test_an_auditor_sees_drafts_but_opens_none(wall, portal):
    id = begin(english(portal))
    client = english(portal, "auditor")
    assert "Being drawn up" in client.get("/agreements/").content.decode()
    assert client.get(f"/agreements/drafts/{id}/").status_code == 403


def test_the_page_costs_few_queries(wall, portal):
    client = portal.client("auditor")
    client.get("/agreements/")
    with CaptureQueriesContext(connection) as captured:
        assert client.get("/agreements/").status_code == 200
    assert len(captured) <= 12
