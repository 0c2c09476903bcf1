"""From the walk-in to the delivery through the API, and what it refuses."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from tests.dealer.sales.makers import accepted, approved, car, colleague, prospect, signed

from dealer.sales import derive
from kernel import clock


def post(client, path, body=None, status=None, **headers):
    answer = client.post(f"/api/v1/{path}", body or {}, content_type="application/json", headers=headers)
    assert status in (None, answer.status_code), answer.content.decode()
    return answer.json()


def test_the_whole_way_through_the_api(wall, north):
    with north.bound():
        vehicle = car()
        today = derive.today()
    client, manager = north.client("sales_consultant"), north.client("sales_manager")
    person = post(
        client,
        "prospects",
        {
            "person": {"name": "李晓华", "phone": "139 0000 0001", "sex": "female"},
            "channel": "showroom_visit",
            "customer_type": "first_purchase",
            "no_present_vehicle": True,
            "series": "XH-HF",
            "model": "XH-HF-26",
        },
        201,
    )
    assert set(person["missing"]) == {"intended_on", "contact_and_plan"}
    made = post(
        client,
        "follow-ups",
        {
            "prospect": person["id"],
            "channel": "showroom",
            "result": "interested",
            "next_on": str(today + timedelta(days=1)),
            "next_plan": "试驾",
            "source": "referral",
            "likes_brand": True,
            "intended_on": str(today + timedelta(days=30)),
        },
        201,
    )
    assert made["next_plan"] == "试驾"
    body = client.get(f"/api/v1/prospects/{person['id']}").json()
    assert (body["missing"], body["qualified"], body["temperature"]) == ([], True, "hot")
    assert body["channel"] == "referral"
    drive = post(
        client,
        "test-drives",
        {
            "prospect": person["id"],
            "vehicle": str(vehicle.pk),
            "scheduled_at": (clock.now() + timedelta(hours=1)).isoformat(),
        },
        201,
    )
    assert post(client, f"test-drives/{drive['id']}/complete", {"licence_seen": False}, 422)
    assert post(client, f"test-drives/{drive['id']}/complete", {"licence_seen": True}, 200)["state"] == "done"
    quote = post(
        client,
        "quotations",
        {
            "prospect": person["id"],
            "vehicle": str(vehicle.pk),
            "discount": "2000",
            "insurance": "5000.50",
            "extras": [{"kind": "option", "text": "天窗", "amount": "3000"}],
        },
        201,
    )
    assert Decimal(quote["total"]) == Decimal("174800.50")
    assert [line["kind"] for line in quote["lines"]] == ["vehicle", "option", "discount", "insurance"]
    contract = post(client, "sales-contracts", {"quotation": quote["id"]}, 201)
    assert contract["state"] == "signed"
    assert post(client, f"sales-contracts/{contract['id']}/approve", status=403)
    assert post(manager, f"sales-contracts/{contract['id']}/approve", status=200)["state"] == "approved"
    delivery = post(client, "deliveries", {"contract": contract["id"], "vin": vehicle.vin, "odometer_km": 8}, 201)
    assert delivery["vin"] == vehicle.vin
    assert client.get(f"/api/v1/prospects/{person['id']}").json()["state"] == "won"
    assert client.get(f"/api/v1/vehicles/{vehicle.pk}").json()["state"] == "delivered"
    assert client.get(f"/api/v1/deliveries?prospect={person['id']}").json()["results"][0]["id"] == delivery["id"]


def test_a_post_repeated_with_its_key_has_one_effect(wall, north):
    client = north.client("sales_consultant")
    body = {"person": {"name": "李晓华", "phone": "13900000001"}, "channel": "referral"}
    key = {"Idempotency-Key": str(uuid4())}
    first, again = (post(client, "prospects", body, 201, **key) for _ in range(2))
    assert first["id"] == again["id"]
    assert len(client.get("/api/v1/prospects").json()["results"]) == 1


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        ("prospects", {}, {"customer"}),
        ("prospects", {"person": {"name": "李", "phone": "12"}}, {"phone"}),
        ("prospects", {"customer": str(uuid4())}, {"customer"}),
        ("prospects", {"person": {"name": "李", "phone": "13900000001"}, "channel": "tv"}, {"channel"}),
        ("follow-ups", {"channel": "phone"}, {"prospect", "result"}),
        ("follow-ups", {"prospect": str(uuid4()), "channel": "phone", "result": "thinking"}, {"prospect"}),
        ("test-drives", {"prospect": "x", "scheduled_at": "morgen"}, {"prospect", "scheduled_at"}),
        ("quotations", {"prospect": str(uuid4()), "discount": "viel"}, {"discount"}),
        ("sales-contracts", {"quotation": str(uuid4())}, {"quotation"}),
        ("deliveries", {"contract": str(uuid4())}, {"contract"}),
    ],
)
def test_what_is_wrong_names_its_field(wall, north, path, body, fields):
    answer = post(north.client("sales_consultant"), path, body, 422)
    assert {error["field"] for error in answer["errors"]} == fields


def test_a_delivery_needs_a_car_that_is_there(wall, north):
    with north.bound():
        contract = approved(
            north.actor("sales_consultant"),
            north.actor("sales_manager"),
            prospect(north.actor("sales_consultant")),
            car(),
        )
        gone = car(9).vin[:-6] + "999999"
    client = north.client("sales_consultant")
    for vin in ("LSV123", gone, "LSVAB12C0TA000777"):
        answer = post(client, "deliveries", {"contract": str(contract.pk), "vin": vin}, 422)
        assert [error["field"] for error in answer["errors"]] == ["vin"]


PERSONS = ("prospects", "follow-ups", "test-drives", "quotations")
PAPERS = ("sales-contracts", "deliveries")


@pytest.mark.parametrize(
    ("role", "persons", "papers"),
    [
        ("sales_consultant", 200, 200),
        ("general_manager", 200, 200),
        ("finance_clerk", 403, 200),
        ("technician", 403, 403),
        ("it_admin", 403, 403),
    ],
)
def test_who_may_read(wall, north, role, persons, papers):
    client = north.client(role)
    assert {client.get(f"/api/v1/{noun}").status_code for noun in PERSONS} == {persons}
    assert {client.get(f"/api/v1/{noun}").status_code for noun in PAPERS} == {papers}


def test_one_consultant_does_not_see_anothers_work(wall, north):
    with north.bound():
        contract = signed(north.actor("sales_consultant"), accepted(north.actor("sales_consultant")), car())
        second = colleague("second")
    mine, other = north.client("sales_consultant"), north.client(second)
    for path in (
        f"prospects/{contract.prospect_id}",
        f"quotations/{contract.quotation_id}",
        f"sales-contracts/{contract.pk}",
    ):
        assert mine.get(f"/api/v1/{path}").status_code == 200
        assert other.get(f"/api/v1/{path}").status_code == 404
    for noun in ("prospects", "quotations", "sales-contracts"):
        assert len(mine.get(f"/api/v1/{noun}").json()["results"]) == 1
        assert other.get(f"/api/v1/{noun}").json()["results"] == []
    answer = post(
        other, "follow-ups", {"prospect": str(contract.prospect_id), "channel": "phone", "result": "later"}, 422
    )
    assert answer["errors"][0]["field"] == "prospect"


def test_another_dealership_sees_nothing_of_it(wall, north, south):
    with north.bound():
        contract = signed(north.actor("sales_consultant"), accepted(north.actor("sales_consultant")), car())
    client = south.client("sales_manager")
    for noun in PERSONS + PAPERS:
        assert client.get(f"/api/v1/{noun}").json()["results"] == []
    assert client.get(f"/api/v1/sales-contracts/{contract.pk}").status_code == 404
    assert north.client("sales_manager").get(f"/api/v1/sales-contracts/{contract.pk}").status_code == 200


def test_what_does_not_come_about_is_said_through_the_api(wall, north):
    with north.bound():
        actor = north.actor("sales_consultant")
        person, vehicle = prospect(actor), car()
        contract = signed(actor, person, vehicle)
        other = prospect(actor, phone="13900000001")
    client, manager = north.client("sales_consultant"), north.client("sales_manager")
    assert {error["field"] for error in post(manager, f"sales-contracts/{contract.pk}/reject", {}, 422)["errors"]} == {
        "note"
    }
    assert post(manager, f"sales-contracts/{contract.pk}/reject", {"note": "再议"}, 200)["state"] == "rejected"
    again = post(client, "sales-contracts", {"quotation": str(contract.quotation_id)}, 201)
    assert post(client, f"sales-contracts/{again['id']}/cancel", {"note": "客户反悔"}, 200)["state"] == "cancelled"
    assert post(client, f"quotations/{contract.quotation_id}/refuse", {}, 200)["state"] == "refused"
    drive = post(
        client,
        "test-drives",
        {"prospect": str(other.pk), "car": "试驾车", "scheduled_at": (clock.now() + timedelta(hours=1)).isoformat()},
        201,
    )
    assert post(client, f"test-drives/{drive['id']}/cancel", {"no_show": True}, 200)["state"] == "no_show"
    changed = client.patch(
        f"/api/v1/prospects/{other.pk}",
        {"budget": "150000", "customer": {"sex": "male"}},
        content_type="application/json",
    )
    assert changed.json()["budget"] == "150000.00"
    assert post(client, f"prospects/{other.pk}/lose", {"reason": "price", "text": "太贵"}, 200)["state"] == "lost"
    for noun, query, number in (
        ("prospects", "state=lost", 1),
        ("quotations", f"prospect={person.pk}&state=refused", 1),
        ("sales-contracts", "state=cancelled", 1),
        ("test-drives", "state=booked", 0),
        ("follow-ups", f"prospect={person.pk}", 0),
    ):
        assert len(client.get(f"/api/v1/{noun}?{query}").json()["results"]) == number
    assert client.get("/api/v1/prospects?state=married").status_code == 422
    assert client.get(f"/api/v1/quotations/{contract.quotation_id}").json()["lines"]
    assert client.get(f"/api/v1/sales-contracts/{contract.pk}").json()["instalments"]
