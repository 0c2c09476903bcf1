"""The intake and the desk by API."""

from __future__ import annotations

import hashlib
import json
import random
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from django.db import connection
from tests.oem.leads.test_actions import ADF

from kernel.accounts.actions import create_token
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Role
from oem.leads.adf import MAX_BYTES
from oem.leads.models import Lead, RawBytes

XML = "application/x-adf+xml"


@pytest.fixture
def desk(wall, portal):
    return portal.client("lead_desk")


@pytest.fixture
def token(wall, portal):
    """A way to call with a bearer token of a role."""

    def call(role: str, *scopes: str):
        user = portal.user(role)
        with portal.bound():
            _row, text = create_token(actor=Actor.of(user), user=user, name="t", scopes=list(scopes))
        client = portal.client()
        client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {text}"
        return client

    return call


def adf(client, data: bytes, content_type: str = XML):
    return client.post("/api/v1/intake/adf", data, content_type=content_type)


def test_intake_answers_with_a_receipt_and_the_lead_can_be_read(token, portal):
    client = token("lead_desk", "intake:write", "leads:read")
    answer = adf(client, ADF.format(make="星河", model="禾风", mail="w@example.com").encode())
    assert answer.status_code == 202
    (lead,) = answer.json()["leads"]
    assert lead["state"] == "received"
    assert set(answer.json()) == {"receipt", "leads"}
    detail = client.get(f"/api/v1/leads/{lead['id']}").json()
    assert (detail["name"], detail["phone"], detail["routing"]) == ("王小明", "+8613800138000", None)
    assert client.get("/api/v1/leads?q=13800138000").json()["results"][0]["id"] == lead["id"]


def test_every_body_but_an_empty_one_is_kept(token, portal):
    client = token("lead_desk", "intake:write")
    for data in (b"not xml at all", b"\xff\xfe\x00", b"<adf", b'{"json": 1}'):
        answer = adf(client, data, "text/plain")
        assert answer.status_code == 202
        assert answer.json()["leads"][0]["state"] == "needs_review"
        with portal.bound():
            assert bytes(RawBytes.objects.get(intake_id=answer.json()["receipt"]).data) == data
    empty = adf(client, b"")
    assert empty.status_code == 400
    assert empty["Content-Type"].startswith("application/problem+json")
    assert adf(client, b"x" * (256 * 1024 + 1)).status_code == 413


def test_intake_needs_a_token_with_the_scope_and_a_role_with_the_right(token, portal, north):
    data = ADF.format(make="星河", model="禾风", mail="w@example.com").encode()
    assert adf(portal.client(), data).status_code == 401
    assert adf(token("lead_desk", "leads:read"), data).status_code == 403
    assert north.client().post("/api/v1/intake/adf", data, content_type=XML).status_code == 404


def test_json_intake_names_every_wrong_field(token, portal):
    client = token("lead_desk", "intake:write")
    answer = client.post(
        "/api/v1/intake/leads",
        json.dumps({"email": "nobody", "budget": -1, "colour": "red", "province": "Atlantis"}),
        content_type="application/json",
    )
    assert answer.status_code == 422
    assert {e["field"] for e in answer.json()["errors"]} == {"email", "budget", "colour", "province"}
    with portal.bound():
        assert Lead.objects.count() == 0


def test_json_intake_takes_names_of_places_and_cars(token, portal):
    client = token("lead_desk", "intake:write")
    body = {"name": "李雷", "phone": "139 0013 9000", "brand": "星河", "model": "禾风", "city": "深圳"}
    answer = client.post("/api/v1/intake/leads", json.dumps(body), content_type="application/json")
    assert answer.status_code == 202, answer.content
    with portal.bound():
        lead = Lead.objects.get()
        assert (lead.phone, lead.brand, lead.series, lead.city) == ("+8613900139000", "XH", "XH-HF", "4403")


def test_the_desk_routes_and_reassigns(token, portal):
    client = token("lead_desk", "intake:write", "leads:read", "leads:write")
    answer = adf(client, ADF.format(make="星河", model="禾风", mail="w@example.com").encode())
    lead = answer.json()["leads"][0]["id"]
    routed = client.post(f"/api/v1/leads/{lead}/route", "{}", content_type="application/json").json()
    assert routed["state"] == "offered"
    assert set(routed["routing"]) >= {"candidates", "scores", "rules", "reason"}
    assert set(routed["lease"]) >= {"state", "respond_before"}
    other = "south" if routed["dealership"] == "north" else "north"
    moved = client.post(
        f"/api/v1/leads/{lead}/reassign",
        json.dumps({"dealership": other, "reason": "nearer"}),
        content_type="application/json",
    ).json()
    assert (moved["dealership"], moved["lease"]["state"]) == (other, "open")
    again = client.post(f"/api/v1/leads/{lead}/route", "{}", content_type="application/json")
    assert (again.status_code, again.json()["type"].rpartition("/")[2]) == (409, "conflict")
    closed = client.post(f"/api/v1/leads/{lead}/close", json.dumps({"reason": "test"}), content_type="application/json")
    assert closed.json()["state"] == "closed"


def _times(value):
    """Every time in a body, at whatever depth."""
    if isinstance(value, dict):
        return [time for inner in value.values() for time in _times(inner)]
    if isinstance(value, list):
        return [time for inner in value for time in _times(inner)]
    return [value] if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value) else []


def test_all_times_of_a_lead_are_in_the_networks_time_zone(token, portal):
    client = token("lead_desk", "intake:write", "leads:read", "leads:write")
    answer = adf(client, ADF.format(make="星河", model="禾风", mail="w@example.com").encode())
    lead = answer.json()["leads"][0]["id"]
    routed = client.post(f"/api/v1/leads/{lead}/route", "{}", content_type="application/json").json()
    assert _times(routed["timeline"])
    assert _times(routed["lease"])
    assert _times(routed["routing"])
    assert {time[-6:] for time in _times(routed)} == {"+08:00"}


@pytest.mark.parametrize("role", [r for r in Role if r.tier == "portal"])
def test_only_who_may_read_leads_sees_them(wall, portal, role):
    answer = portal.client(str(role)).get("/api/v1/leads")
    assert answer.status_code == (200 if role in (Role.LEAD_DESK, Role.NETWORK_MANAGER) else 403)


# -- robustness: whatever arrives, whoever else sends it --------------------------------------------------------

FIXTURES = Path(__file__).parent / "adf" / "fixtures"
CORPUS = sorted(path for name in json.loads((FIXTURES / "manifest.json").read_text()) for path in [FIXTURES / name])
SEED = 20260504


def spoilt(data: bytes, rng: random.Random) -> list[bytes]:
    """The document, and what becomes of it on a bad line: cut, flipped, doubled, turned around, drowned in zeros."""
    flipped = bytearray(data)
    for _n in range(max(1, len(data) // 50)):
        flipped[rng.randrange(len(data))] = rng.randrange(256)
    return [
        data,
        data[: rng.randrange(1, len(data))],
        bytes(flipped),
        data + data,
        data[::-1],
        b"\x00" * 64 + data,
        rng.randbytes(200),
    ]


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_whatever_arrives_is_kept_byte_for_byte_and_answered(token, portal, path):
    client = token("lead_desk", "intake:write")
    for number, data in enumerate(spoilt(path.read_bytes(), random.Random(f"{SEED} {path.name}"))):
        kind = [XML, "text/plain", "message/rfc822"][number % 3]
        answer = adf(client, data, kind)
        assert answer.status_code == 202, (number, answer.content[:300])
        body = answer.json()
        assert body["leads"]
        with portal.bound():
            kept = bytes(RawBytes.objects.get(intake_id=body["receipt"]).data)
            leads = Lead.objects.filter(intake_id=body["receipt"])
            assert {str(lead.id) for lead in leads} == {lead["id"] for lead in body["leads"]}
        assert hashlib.sha256(kept).hexdigest() == hashlib.sha256(data).hexdigest()
        again = adf(client, data, kind).json()
        assert (again["receipt"], again["leads"]) == (body["receipt"], body["leads"])


def test_over_the_limit_nothing_is_kept_and_at_the_limit_everything(token, portal):
    client = token("lead_desk", "intake:write")
    document = ADF.format(make="星河", model="禾风", mail="w@example.com").encode()
    full = document + b" " * (MAX_BYTES - len(document))
    assert adf(client, full).status_code == 202
    refused = adf(client, full + b" ")
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (413, "too_large")
    with portal.bound():
        assert [len(bytes(raw.data)) for raw in RawBytes.objects.all()] == [MAX_BYTES]


TWO = (FIXTURES / "own" / "22_two_prospects_resend.xml").read_bytes()
ONE = json.dumps({"name": "李雷", "phone": "139 0013 9000", "brand": "星河", "model": "禾风"}).encode()


@pytest.mark.parametrize(
    ("door", "document", "kind", "leads"), [("adf", TWO, XML, 2), ("leads", ONE, "application/json", 1)]
)
def test_identical_documents_at_the_same_time_are_one(committed, portal, door, document, kind, leads):
    user = portal.user("lead_desk")
    with portal.bound():
        _row, text = create_token(actor=Actor.of(user), user=user, name="site", scopes=["intake:write"])
    together = Barrier(4)

    def post(_number: int) -> dict:
        client = portal.client()
        together.wait(timeout=20)
        answer = client.post(
            f"/api/v1/intake/{door}", document, content_type=kind, headers={"authorization": f"Bearer {text}"}
        )
        connection.close()
        assert answer.status_code == 202, answer.content
        return answer.json()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(post, range(4)))
    assert len({answer["receipt"] for answer in answers}) == 1
    assert len({json.dumps(answer["leads"]) for answer in answers}) == 1
    with portal.bound():
        assert Lead.objects.count() == len(answers[0]["leads"]) == leads
        assert RawBytes.objects.count() == 1
