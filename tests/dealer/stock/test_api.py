"""The stock's API."""

from __future__ import annotations

import pytest

from kernel.automotive.vin import make_vin

VIN = make_vin("LSV", "AB12C", 2026, "A", 1)
FOREIGN = "WBA" + VIN[3:]


def post(client, body):
    return client.post("/api/v1/vehicles", body, content_type="application/json")


def test_a_car_is_taken_in_and_found(wall, north):
    client = north.client("stock_clerk")
    answer = post(client, {"vin": f" {VIN.lower()} ", "brand": "XH", "series": "XH-HF", "list_price": "129800"})
    assert answer.status_code == 201
    body = answer.json()
    assert (body["vin"], body["state"], body["warnings"]) == (VIN, "in_stock", [])
    assert client.get(answer["Location"]).json() == body
    for query in (f"vin={VIN}", "state=in_stock", "series=XH-HF"):
        assert [car["id"] for car in client.get(f"/api/v1/vehicles?{query}").json()["results"]] == [body["id"]]
    assert client.get("/api/v1/vehicles?state=sold").json()["results"] == []
    assert client.get("/api/v1/vehicles?state=lost").status_code == 422


def test_a_doubtful_vin_is_taken_with_its_warning(wall, north):
    vin = FOREIGN[:8] + ("0" if FOREIGN[8] != "0" else "1") + FOREIGN[9:]
    body = post(north.client("stock_clerk"), {"vin": vin, "brand": "XH"}).json()
    assert "vin_check_digit" in [warning["code"] for warning in body["warnings"]] or body["vin"] == vin


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"vin", "brand"}),
        ({"vin": "LSV1", "brand": "XH"}, {"vin"}),
        ({"vin": VIN, "brand": "XH", "list_price": "-1"}, {"list_price"}),
        ({"vin": VIN, "brand": "XH", "arrived_on": "31.12.2026"}, {"arrived_on"}),
        ({"vin": VIN, "brand": "XH", "wheels": 3}, {"wheels"}),
    ],
)
def test_a_wrong_car_names_its_field(wall, north, body, fields):
    answer = post(north.client("stock_clerk"), body)
    assert answer.status_code == 422
    assert {error["field"] for error in answer.json()["errors"]} == fields


def test_the_same_car_twice_is_a_conflict(wall, north):
    client = north.client("stock_clerk")
    assert post(client, {"vin": VIN, "brand": "XH"}).status_code == 201
    assert (
        post(client, {"vin": VIN, "brand": "XH"}).status_code,
        len(client.get("/api/v1/vehicles").json()["results"]),
    ) == (409, 1)


@pytest.mark.parametrize(
    ("role", "reads", "writes"),
    [("stock_clerk", 200, 201), ("sales_consultant", 200, 403), ("technician", 403, 403), ("it_admin", 403, 403)],
)
def test_roles(wall, north, role, reads, writes):
    client = north.client(role)
    assert client.get("/api/v1/vehicles").status_code == reads
    assert post(client, {"vin": VIN, "brand": "XH"}).status_code == writes


def test_another_dealership_does_not_see_it(wall, north, south):
    location = post(north.client("stock_clerk"), {"vin": VIN, "brand": "XH"})["Location"]
    assert south.client("stock_clerk").get(location).status_code == 404
    assert north.client("stock_clerk").get(location).status_code == 200
