"""Appointments and repair orders by API."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from tests.service import car_of, order_of

from dealer.workshop import actions
from dealer.workshop.models import Appointment, Job, RepairOrder
from kernel import clock

ORDERS = "/api/v1/repair-orders"
APPOINTMENTS = "/api/v1/appointments"


@pytest.fixture
def owner_and_car(wall, north):
    with north.bound():
        return car_of(north)


@pytest.fixture
def adviser(wall, north):
    return north.client("service_adviser")


def post(client, address, body=None, **headers):
    return client.post(address, body if body is not None else {}, content_type="application/json", **headers)


def tomorrow() -> str:
    return (clock.now() + timedelta(days=1)).isoformat()


def test_the_whole_story_by_api(adviser, owner_and_car, north):
    customer, vehicle = owner_and_car
    booked = post(adviser, APPOINTMENTS, {"vin": vehicle.vin, "starts_at": tomorrow(), "wish": "换机油"})
    assert booked.status_code == 201
    assert (booked.json()["customer"], booked.json()["state"]) == (str(customer.pk), "booked")
    assert adviser.get(booked.headers["Location"]).json() == booked.json()
    opened = post(adviser, ORDERS, {"appointment": booked.json()["id"], "odometer_km": 12_000})
    assert opened.status_code == 201
    where = opened.headers["Location"]
    assert [job["complaint"] for job in opened.json()["jobs"]] == ["换机油"]
    job = {
        "complaint": "水温高",
        "cause": "水泵磨损",
        "correction": "更换水泵",
        "fault_code": "P0300",
        "lines": [
            {"kind": "labour", "code": "XH-ENG-010", "pay_type": "warranty"},
            {"kind": "part", "code": "XH-1001-01", "pay_type": "warranty", "causal": True},
        ],
    }
    added = post(adviser, f"{where}/jobs", job)
    assert added.status_code == 201
    assert [line["amount"] for line in added.json()["lines"]] == ["450.00", "420.00"]
    refused = post(adviser, f"{where}/close")
    assert refused.status_code == 422
    assert {error["field"] for error in refused.json()["errors"]} == {
        "jobs.0.cause",
        "jobs.0.correction",
        "jobs.0.lines",
    }
    with north.bound():
        assert RepairOrder.objects.get().state == "open"
        Job.objects.get(position=1).delete()
    closed = post(adviser, f"{where}/close")
    assert closed.status_code == 200
    assert (closed.json()["state"], closed.json()["totals"]) == ("closed", {"warranty": "870.00"})
    assert adviser.get("/api/v1/warranty-claims").json()["results"][0]["repair_order"] == closed.json()["id"]
    assert len(adviser.get(f"{where}/jobs").json()["results"]) == 1


def test_the_same_key_opens_one_order(adviser, owner_and_car, north):
    body = {"vehicle": str(owner_and_car[1].pk), "odometer_km": 12_000, "complaints": ["异响"]}
    answers = [post(adviser, ORDERS, body, headers={"Idempotency-Key": '"k1"'}) for _turn in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    with north.bound():
        assert RepairOrder.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"odometer_km"}),
        ({"odometer_km": -1}, {"odometer_km"}),
        ({"odometer_km": "far"}, {"odometer_km"}),
        ({"odometer_km": 12_000}, {"vehicle"}),
        ({"odometer_km": 12_000, "vin": "LXH1"}, {"vin"}),
        ({"odometer_km": 12_000, "vehicle": str(uuid4())}, {"vehicle"}),
        ({"odometer_km": 12_000, "vehicle": "own", "customer": str(uuid4())}, {"customer"}),
        ({"odometer_km": 12_000, "vehicle": "own", "site": str(uuid4())}, {"site"}),
        ({"odometer_km": 12_000, "vehicle": "own", "kind": "wash"}, {"kind"}),
        ({"odometer_km": 12_000, "vehicle": "own", "colour": "red"}, {"colour"}),
        ({"odometer_km": 12_000, "appointment": str(uuid4())}, {"appointment"}),
        ({"odometer_km": 11_000, "vehicle": "own"}, {"odometer_km"}),
        ({"odometer_km": 12_000, "vehicle": "own", "promised_at": "2020-01-01T10:00:00Z"}, {"promised_at"}),
        ({"odometer_km": 12_000, "vehicle": "own", "complaints": "all"}, {"complaints"}),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_wrong_order_names_its_fields(owner_and_car, north, body, fields, language):
    customer, vehicle = owner_and_car
    with north.bound():
        order = order_of(north, customer, vehicle)
        actions.cancel_repair_order(actor=north.actor("service_adviser"), order=order, reason="离店")
    sent = {key: str(vehicle.pk) if value == "own" else value for key, value in body.items()}
    client = north.client("service_adviser", headers={"accept-language": language})
    answer = post(client, ORDERS, sent)
    assert answer.status_code == 422
    assert {error["field"].split(".")[0] for error in answer.json()["errors"]} == fields
    with north.bound():
        assert RepairOrder.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"starts_at"}),
        ({"starts_at": "tomorrow"}, {"starts_at"}),
        ({"starts_at": "2020-01-01T10:00:00+08:00"}, {"starts_at"}),
        ({"starts_at": "later", "minutes": 5}, {"starts_at"}),
        ({"minutes": 1}, {"minutes"}),
        ({"adviser": str(uuid4())}, {"adviser"}),
    ],
)
def test_a_wrong_appointment_names_its_fields(adviser, owner_and_car, north, body, fields):
    sent = {"vehicle": str(owner_and_car[1].pk), **body}
    if "starts_at" not in body and body:
        sent["starts_at"] = tomorrow()
    answer = post(adviser, APPOINTMENTS, sent)
    assert answer.status_code == 422
    assert {error["field"] for error in answer.json()["errors"]} == fields
    with north.bound():
        assert not Appointment.objects.exists()


def test_a_wrong_line_of_a_job_adds_nothing(adviser, owner_and_car, north):
    with north.bound():
        order = order_of(north, *owner_and_car)
    body = {"complaint": "异响", "lines": [{"kind": "part", "code": "NO-SUCH"}, {"kind": "gift"}]}
    assert post(adviser, f"{ORDERS}/{order.pk}/jobs", body).status_code == 422
    answer = post(adviser, f"{ORDERS}/{order.pk}/jobs", body | {"lines": body["lines"][:1]})
    assert answer.status_code == 422
    assert "lines.0.description" in [error["field"] for error in answer.json()["errors"]]
    wrong = post(adviser, f"{ORDERS}/{order.pk}/jobs", {"complaint": "异响", "technician": str(uuid4())})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "technician")
    with north.bound():
        assert Job.objects.count() == 1


def test_lists_narrow_by_state_vin_and_day(adviser, owner_and_car, north):
    customer, vehicle = owner_and_car
    with north.bound():
        order = order_of(north, customer, vehicle)
        actions.book_appointment(
            actor=north.actor("service_adviser"), customer=customer, vehicle=vehicle, starts_at=clock.now()
        )
    for query, found in ((f"vin={vehicle.vin}", 1), ("state=open", 1), ("state=closed", 0), ("vin=X", 0)):
        assert len(adviser.get(f"{ORDERS}?{query}").json()["results"]) == found, query
    assert adviser.get(f"{ORDERS}?state=lost").status_code == 422
    assert len(adviser.get(f"{APPOINTMENTS}?state=booked").json()["results"]) == 1
    assert adviser.get(f"{APPOINTMENTS}?day=2020-01-01").json()["results"] == []
    assert adviser.get(f"{APPOINTMENTS}?day=someday").status_code == 422
    assert adviser.get(f"{ORDERS}/{order.pk}").json()["number"] == str(order)


def test_a_technician_gets_own_jobs_and_no_customer(owner_and_car, north):
    with north.bound():
        order = order_of(north, *owner_and_car)
        actions.add_job(
            actor=north.actor("service_adviser"), order=order, complaint="异响", technician=north.user("technician")
        )
    body = north.client("technician").get(f"{ORDERS}/{order.pk}").json()
    assert body["customer"] is None
    assert [job["complaint"] for job in body["jobs"]] == ["异响"]
    assert north.client("technician").get(APPOINTMENTS).json()["results"] == []
    assert post(north.client("technician"), ORDERS, {}).status_code == 403


def test_rights_and_walls(owner_and_car, north, south):
    with north.bound():
        order = order_of(north, *owner_and_car)
    assert north.client("service_manager").get(f"{ORDERS}/{order.pk}").status_code == 200
    assert south.client("service_manager").get(f"{ORDERS}/{order.pk}").status_code == 404
    assert post(south.client("service_manager"), f"{ORDERS}/{order.pk}/close").status_code == 404
    assert north.client("sales_consultant").get(ORDERS).status_code == 403
    assert north.client().get(ORDERS).status_code == 401
    assert north.client("service_manager").get(f"{ORDERS}/nonsense").status_code == 404
