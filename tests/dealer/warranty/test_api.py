"""Warranty claims by API."""

from __future__ import annotations

from uuid import uuid4

import pytest
from tests.service import car_of, order_of, warranty_repair

from dealer.warranty.models import Claim

CLAIMS = "/api/v1/warranty-claims"


@pytest.fixture
def claim(wall, north):
    with north.bound():
        return warranty_repair(north)[1]


@pytest.fixture
def adviser(wall, north):
    return north.client("service_adviser")


def post(client, address, body=None):
    return client.post(address, body if body is not None else {}, content_type="application/json")


def test_claims_are_listed_read_and_submitted_with_corrections(adviser, claim, north):
    listed = adviser.get(f"{CLAIMS}?state=draft&vin={claim.repair_order.vehicle.vin}").json()
    assert [one["id"] for one in listed["results"]] == [str(claim.pk)]
    body = adviser.get(f"{CLAIMS}/{claim.pk}").json()
    labour = next(line for line in body["lines"] if line["kind"] == "labour")
    sent = {"cause": "轴承磨损", "lines": [{"id": labour["id"], "quantity": "2.00"}]}
    answer = post(adviser, f"{CLAIMS}/{claim.pk}/submit", sent)
    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["revision"], answer.json()["total"]) == ("submitted", 1, "780.00")
    again = post(adviser, f"{CLAIMS}/{claim.pk}/submit")
    assert (again.status_code, again.json()["code"]) == (409, "illegal_transition")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"claim_type": "gift"}, "claim_type"),
        ({"colour": "red"}, "colour"),
        ({"fault_code": "坏"}, "fault_code"),
        ({"lines": [{"id": str(uuid4())}]}, "lines.0.id"),
        ({"lines": [{"id": "x"}]}, "lines.0.id"),
        ({"lines": "all"}, "lines"),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_wrong_submission_names_the_field_and_changes_nothing(claim, north, body, field, language):
    client = north.client("service_adviser", headers={"accept-language": language})
    answer = post(client, f"{CLAIMS}/{claim.pk}/submit", body)
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    fields = [error["field"] for error in answer.json()["errors"]]
    assert any(found.startswith(field) for found in fields), fields
    with north.bound():
        assert Claim.objects.get().state == "draft"


def test_drafts_are_made_of_closed_orders_only(adviser, claim, north):
    answer = post(adviser, CLAIMS, {"repair_order": str(claim.repair_order_id)})
    assert (answer.status_code, answer.json()["results"]) == (201, [])
    with north.bound():
        order = order_of(north, *car_of(north, serial=2, phone="13900139000"))
    refused = post(adviser, CLAIMS, {"repair_order": str(order.pk)})
    assert (refused.status_code, refused.json()["code"]) == (409, "order_not_closed")
    unknown = post(adviser, CLAIMS, {"repair_order": str(uuid4())})
    assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (422, "repair_order")


def test_rights_and_walls(claim, north, south):
    assert north.client("sales_consultant").get(CLAIMS).status_code == 403
    assert post(north.client("general_manager"), f"{CLAIMS}/{claim.pk}/submit").status_code == 403
    assert south.client("service_manager").get(f"{CLAIMS}/{claim.pk}").status_code == 404
    assert north.client().get(CLAIMS).status_code == 401
    assert north.client("service_adviser").get(f"{CLAIMS}?state=lost").status_code == 422
