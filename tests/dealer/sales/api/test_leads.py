"""The leads' API: what is seen when, who may answer, and what is answered."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.dealer.sales.makers import PHONE, accepted, colleague, offered

from dealer.sales import actions
from dealer.sales.models import Lead
from kernel import clock

SECRETS = ("王小明", "13812345678", "wang@example.com")


def post(client, path, body=None, **headers):
    return client.post(path, body or {}, content_type="application/json", headers=headers)


def test_an_offer_shows_no_person_and_the_accepted_lead_everything(wall, north):
    with north.bound():
        lead = offered()
    client = north.client("sales_consultant")
    (listed,) = client.get("/api/v1/leads?state=offered").json()["results"]
    assert (listed["id"], listed["state"], listed["masked_name"]) == (str(lead.pk), "offered", "王**")
    for path in ("/api/v1/leads", f"/api/v1/leads/{lead.pk}"):
        body = client.get(path).content.decode()
        assert not [secret for secret in SECRETS if secret in body]
    answer = post(client, f"/api/v1/leads/{lead.pk}/accept")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["state"], body["name"], body["phone"], body["linked"]) == ("accepted", "王小明", PHONE, False)
    assert body["prospect"]
    assert body["customer"]
    assert [one["event"] for one in body["timeline"]] == ["accepted"]


def test_the_second_is_told_that_it_is_taken_and_learns_nothing(wall, north):
    with north.bound():
        lead_id = accepted(north.actor("sales_consultant")).lead_id
        second = colleague("second")
    answer = post(north.client(second), f"/api/v1/leads/{lead_id}/accept")
    assert answer.status_code == 409
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert (body["type"], body["code"]) == ("/api/problems/already_taken", "already_taken")
    assert not [secret for secret in SECRETS if secret in answer.content.decode()]
    assert north.client(second).get(f"/api/v1/leads/{lead_id}").status_code == 404


def test_too_late_is_409_in_the_askers_language(wall, north):
    with north.bound():
        lead = offered()
        Lead.objects.update(respond_before=clock.now() - timedelta(seconds=1))
    client = north.client("sales_consultant")
    answer = post(client, f"/api/v1/leads/{lead.pk}/accept")
    assert (answer.status_code, answer.json()["type"]) == (409, "/api/problems/too_late")


def test_declining_leaves_a_stub(wall, north):
    with north.bound():
        lead = offered()
    client = north.client("sales_consultant")
    wrong = post(client, f"/api/v1/leads/{lead.pk}/decline", {"reason": "because"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "reason")
    assert post(client, f"/api/v1/leads/{lead.pk}/decline", {"reason": "no_capacity"}).status_code == 200
    body = north.client("sales_manager").get(f"/api/v1/leads/{lead.pk}").json()
    assert (body["state"], body["masked_name"], body["wish"], body["name"]) == ("declined", "", "", None)


def test_the_same_key_gives_the_same_answer(wall, north):
    with north.bound():
        lead = offered()
    client = north.client("sales_consultant")
    key = {"Idempotency-Key": str(uuid4())}
    first = post(client, f"/api/v1/leads/{lead.pk}/accept", **key)
    again = post(client, f"/api/v1/leads/{lead.pk}/accept", **key)
    assert (first.status_code, first.json()) == (again.status_code, again.json())


def test_an_outcome_is_reported_and_a_strange_one_refused(wall, north):
    with north.bound():
        lead_id = accepted(north.actor("sales_consultant")).lead_id
    client = north.client("sales_consultant")
    assert post(client, f"/api/v1/leads/{lead_id}/outcome", {"event": "contacted"}).json()["state"] == "contacted"
    wrong = post(client, f"/api/v1/leads/{lead_id}/outcome", {"event": "married", "colour": "red"})
    assert wrong.status_code == 422
    assert {error["field"] for error in wrong.json()["errors"]} == {"event", "colour"}


@pytest.mark.parametrize(
    ("role", "listed", "accepts"),
    [
        ("sales_consultant", 200, 200),
        ("sales_manager", 200, 200),
        ("general_manager", 200, 403),
        ("crm_manager", 200, 403),
        ("technician", 403, 403),
        ("it_admin", 403, 403),
        ("service_adviser", 403, 403),
    ],
)
def test_roles(wall, north, role, listed, accepts):
    with north.bound():
        lead = offered()
    client = north.client(role)
    assert client.get("/api/v1/leads").status_code == listed
    assert post(client, f"/api/v1/leads/{lead.pk}/accept").status_code == accepts


def test_without_signing_in_there_is_nothing(wall, north):
    with north.bound():
        lead = offered()
    client = north.client()
    assert client.get("/api/v1/leads").status_code == 401
    assert post(client, f"/api/v1/leads/{lead.pk}/accept").status_code == 401


def test_a_lead_of_one_dealership_does_not_exist_at_another(wall, north, south):
    with north.bound():
        lead = offered()
    client = south.client("sales_manager")
    assert client.get("/api/v1/leads").json()["results"] == []
    assert client.get(f"/api/v1/leads/{lead.pk}").status_code == 404
    assert post(client, f"/api/v1/leads/{lead.pk}/accept").status_code == 404
    assert north.client("sales_manager").get(f"/api/v1/leads/{lead.pk}").status_code == 200


@pytest.mark.parametrize("id", ["nonsense", "00000000-0000-4000-8000-000000000000"])
def test_what_does_not_exist_is_404(wall, north, id):
    client = north.client("sales_manager")
    assert client.get(f"/api/v1/leads/{id}").status_code == 404
    assert post(client, f"/api/v1/leads/{id}/accept").status_code == 404


def test_a_manager_assigns(wall, north):
    with north.bound():
        lead, second = offered(), colleague("second")
    path = f"/api/v1/leads/{lead.pk}/assign"
    assert post(north.client("sales_consultant"), path, {"consultant": str(second.pk)}).status_code == 403
    answer = post(north.client("sales_manager"), path, {"consultant": str(second.pk)})
    assert answer.json()["consultant"]["id"] == str(second.pk)


@pytest.mark.parametrize("rows", [1, 12])
def test_a_list_costs_the_same_whatever_its_length(wall, north, rows):
    client = north.client("sales_manager")
    with north.bound():
        actor = north.actor("sales_consultant")
        for n in range(rows):
            accepted(actor, phone=f"+8613812345{n:03d}")
    client.get("/api/v1/leads")
    with CaptureQueriesContext(connection) as seen:
        assert len(client.get("/api/v1/leads").json()["results"]) == rows
    assert len(seen) <= 6, [query["sql"][:120] for query in seen]


def test_bodies_of_the_wrong_shape_are_refused(wall, north):
    with north.bound():
        lead_id = accepted(north.actor("sales_consultant")).lead_id
        actions.expire_leads()
    client = north.client("sales_consultant")
    path = f"/api/v1/leads/{lead_id}/outcome"
    assert client.post(path, "[1, 2]", content_type="application/json").status_code == 422
    assert client.post(path, "{", content_type="application/json").status_code == 400
    assert client.post(path, "event=won", content_type="text/plain").status_code == 415
