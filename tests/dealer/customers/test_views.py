"""Pages and API of customers."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.dealer.speaking import speaking

from dealer.customers import actions, cards
from dealer.customers.models import Customer, Interaction
from kernel.accounts.roles import Right
from kernel.audit.models import Entry
from kernel.automotive.vin import make_vin

FORM = {"kind": "individual", "sex": "unknown", "language": "zh-hans"}
VIN = make_vin("LXH", "AB12C", 2024, "N", 9)


@pytest.fixture
def wang(wall, north):
    with north.bound():
        return actions.create_customer(actor=north.actor("sales_consultant"), name="王小明", phone="13800138000")


@pytest.mark.parametrize(
    ("role", "status"),
    [
        ("general_manager", 200),
        ("crm_manager", 200),
        ("crm_specialist", 200),
        ("sales_manager", 200),
        ("sales_consultant", 200),
        ("receptionist", 200),
        ("service_manager", 404),
        ("service_adviser", 404),
        ("technician", 403),
        ("it_admin", 403),
        ("finance_clerk", 403),
    ],
)
def test_who_opens_a_card(wang, north, role, status):
    client = north.client(role)
    assert client.get(f"/customers/{wang.pk}/").status_code == status
    assert client.get("/customers/").status_code == (403 if status == 403 else 200)


def test_another_dealerships_people_find_nothing(wang, south, portal):
    assert south.client("general_manager").get(f"/customers/{wang.pk}/").status_code == 404
    assert portal.client("crm_analyst").get(f"/customers/{wang.pk}/").status_code == 404


@pytest.mark.parametrize("language", ["en", "zh-hans", "zh-hant"])
def test_the_card_shows_who_may_know_what(wang, north, language):
    text = speaking(north, "sales_consultant", language).get(f"/customers/{wang.pk}/")
    page = text.content.decode()
    assert 'href="tel:+8613800138000"' in page
    assert page.count("/consents/ask/") == 5  # each of the four, and the one next step


@pytest.mark.parametrize(("role", "linked"), [("sales_consultant", True), ("service_adviser", False)])
def test_the_history_links_to_what_the_reader_may_open(wang, north, role, linked):
    consultant = north.actor("sales_consultant")
    with north.bound():
        car = actions.register_vehicle(actor=consultant, vin=VIN, brand="XH")
        actions.set_party(actor=consultant, vehicle=car, customer=wang)
        actions.log_interaction(
            actor=consultant,
            customer=wang,
            channel="phone",
            content="Wants a test drive.",
            url="/prospects/4d0b7a5e-0000-4000-8000-000000000000/",
        )
    page = north.client(role).get(f"/customers/{wang.pk}/").content.decode()
    assert "Wants a test drive." in page
    assert ('href="/prospects/4d0b7a5e' in page) == linked


def test_a_service_adviser_withdraws_no_consent_of_sales_customers(wang, north):
    with north.bound():
        consent = actions.record_consent(
            actor=north.actor("sales_consultant"), customer=wang, purpose="marketing", recipient="dealer"
        )
    answer = north.client("service_adviser").post(f"/customers/consents/{consent.pk}/withdraw/", {"means": "call"})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"phone": "138", "name": "王"}, "phone"),
        ({"phone": "13800138000"}, "name"),
        ({"phone": "13800138000", "name": "王", "email": "x"}, "email"),
        ({"phone": "13800138000", "name": "王", "birthday": "1850-01-01"}, "birthday"),
        ({"phone": "13800138000", "kind": "company"}, "name"),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_wrong_input_keeps_what_was_typed(wall, north, data, field, language):
    client = speaking(north, "sales_consultant", language)
    answer = client.post("/customers/new/", FORM | {"address": "幸福路 8 号"} | data)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "幸福路 8 号" in page
    assert f'id="id_{field}_error"' in page
    with north.bound():
        assert not Customer.objects.exists()


def test_a_customer_is_taken_in_and_changed(wall, north):
    client = north.client("sales_consultant")
    answer = client.post("/customers/new/", FORM | {"phone": "138 0013 8000", "name": "欧阳明月", "province": "江苏省"})
    assert answer.status_code == 302
    with north.bound():
        made = Customer.objects.get()
    assert (made.surname, made.given_name, made.province) == ("欧阳", "明月", "江苏省")
    edit = f"/customers/{made.pk}/edit/"
    assert "欧阳明月" in client.get(edit).content.decode()
    data = FORM | {"phone": "13800138000", "name": "欧阳明月", "city": "南京", "province": "江苏省"}
    assert client.post(edit, data).status_code == 302
    with north.bound():
        made.refresh_from_db()
    assert (made.surname, made.city) == ("欧阳", "南京市")


def test_the_hint_while_typing_opens_the_one_that_is_known(wang, north):
    client = north.client("service_adviser")
    hint = client.get("/customers/duplicates/?phone=13800138000").content.decode()
    assert "王**" in hint
    assert "王小明" not in hint
    assert f"/customers/{wang.pk}/meet/" in hint
    assert client.post(f"/customers/{wang.pk}/meet/").status_code == 302
    assert client.get(f"/customers/{wang.pk}/").status_code == 200
    with north.bound():
        assert Entry.objects.filter(action="customers.meet").exists()
    assert client.get("/customers/duplicates/?phone=139").content.decode().strip() == ""


def test_a_contact_is_written_on_the_card(wang, north):
    client = north.client("sales_consultant")
    address = f"/customers/{wang.pk}/interactions/"
    assert client.post(address, {"channel": "phone", "content": "Calls back on Friday"}).status_code == 302
    assert "Calls back on Friday" in client.get(f"/customers/{wang.pk}/").content.decode()
    refused = client.post(address, {"channel": "phone", "content": "", "result": "kept"})
    assert refused.status_code == 422
    assert "kept" in refused.content.decode()
    with north.bound():
        assert Interaction.objects.count() == 1


def test_a_car_is_put_to_a_customer_and_ended(wang, north):
    client = north.client("sales_consultant")
    address = f"/customers/{wang.pk}/vehicles/new/"
    data = {"vin": VIN, "brand": "XH", "role": "owner", "since": "2025-01-01", "odometer_km": "1200"}
    assert client.get(address).status_code == 200
    wrong = client.post(address, data | {"vin": VIN[:-1]})
    assert wrong.status_code == 422
    assert 'id="id_vin_error"' in wrong.content.decode()
    assert client.post(address, data).status_code == 302
    with north.bound():
        ownership = wang.ownerships.select_related("vehicle").get()
    assert ownership.vehicle.odometer_km == 1200
    end = f"/customers/parties/{ownership.pk}/end/"
    assert client.get(end).status_code == 200
    assert client.post(end, {"until": "2024-01-01"}).status_code == 422
    assert client.post(end, {"until": "2025-02-01"}).status_code == 302


def test_the_list_costs_the_same_whatever_its_length(wall, north):
    client = north.client("sales_consultant")

    def cost() -> int:
        with CaptureQueriesContext(connection) as counted:
            assert client.get("/customers/").status_code == 200
        return len(counted)

    with north.bound():
        actions.create_customer(actor=north.actor("sales_consultant"), name="王一", phone="13800138000")
    cost()
    few = cost()
    with north.bound():
        for number in range(20):
            actions.create_customer(actor=north.actor("sales_consultant"), name="李雷", phone=f"139001390{number:02d}")
    assert cost() == few <= 10


def test_the_card_costs_few_queries(wang, north):
    client = north.client("sales_consultant")
    client.get(f"/customers/{wang.pk}/")
    with CaptureQueriesContext(connection) as counted:
        assert client.get(f"/customers/{wang.pk}/").status_code == 200
    assert len(counted) <= 12, [query["sql"][:120] for query in counted]


@pytest.mark.parametrize(("role", "status"), [("crm_manager", 200), ("general_manager", 200), ("sales_manager", 403)])
def test_export_needs_the_right_and_leaves_a_trace(wang, north, role, status):
    answer = north.client(role).get("/customers/?export=csv")
    assert answer.status_code == status
    assert ("王小明" in b"".join(answer).decode("utf-8-sig")) == (status == 200)
    with north.bound():
        assert Entry.objects.filter(action="customers.export").exists() == (status == 200)


def test_search_from_the_head_of_the_page(wang, north):
    client = north.client("sales_consultant")
    answer = client.get("/search/?q=%E7%8E%8B")
    assert answer.headers["Location"] == "/customers/?q=%E7%8E%8B"
    assert "王小明" in client.get(answer.headers["Location"]).content.decode()


def test_other_departments_show_on_the_card(wang, north, monkeypatch):
    monkeypatch.setattr(cards, "_slots", {})
    cards.register(
        "test",
        lambda customer, user: {"duplicates": []},
        [Right.SALES_READ],
        title="Section of sales",
        template="customers/_duplicates.html",
    )
    assert "Section of sales" in north.client("sales_consultant").get(f"/customers/{wang.pk}/").content.decode()
    assert "Section of sales" not in north.client("receptionist").get(f"/customers/{wang.pk}/").content.decode()


# -- API


def test_api_lists_finds_and_reads(wang, north):
    client = north.client("sales_consultant")
    assert client.get("/api/v1/customers").json()["results"][0]["name"] == "王小明"
    assert len(client.get("/api/v1/customers?q=8000").json()["results"]) == 1
    assert client.get("/api/v1/customers?q=9999").json() == {"results": [], "next": None}
    assert client.get(f"/api/v1/customers/{wang.pk}").json()["phone"] == "+8613800138000"
    assert client.get("/api/v1/customers/nonsense").status_code == 404
    assert client.get("/api/v1/customers?updated_since=2020-01-01T00:00:00Z").json()["results"]
    assert client.get("/api/v1/customers?updated_since=soon").status_code == 422


def test_api_takes_in_and_changes(wall, north):
    client = north.client("sales_consultant")
    body = {"name": "王小明", "phone": "13800138000", "birthday": "1985-03-21"}
    made = client.post("/api/v1/customers", body, content_type="application/json")
    assert made.status_code == 201
    address = f"/api/v1/customers/{made.json()['id']}"
    changed = client.patch(address, {"city": "上海"}, content_type="application/json")
    assert changed.json()["city"] == "上海市"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"phone": "1", "name": "王"}, "phone"),
        ({"name": "王"}, "phone"),
        ({"phone": "13800138000", "name": "王", "shoe_size": 44}, "shoe_size"),
        ({"phone": "13800138000", "name": "王", "birthday": "x"}, "birthday"),
        ({"phone": ["1"], "name": "王"}, "phone"),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_api_names_the_wrong_field(wall, north, body, field, language):
    client = speaking(north, "sales_consultant", language)
    answer = client.post("/api/v1/customers", body, content_type="application/json")
    assert answer.status_code == 422
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert field in [error["field"] for error in answer.json()["errors"]]


def test_api_consents(wang, north):
    client = north.client("sales_consultant")
    address = f"/api/v1/customers/{wang.pk}/consents"
    body = {"purpose": "marketing", "recipient": "dealer", "means": "form"}
    made = client.post(address, body, content_type="application/json")
    assert (made.status_code, made.json()["state"]) == (201, "given")
    taken = client.post(f"{address}/{made.json()['id']}/withdraw", {"means": "call"}, content_type="application/json")
    assert taken.json()["state"] == "withdrawn"
    assert [row["state"] for row in client.get(address).json()["results"]] == ["withdrawn"]


@pytest.mark.parametrize("role", ["it_admin", "technician"])
def test_api_is_closed_to_others(wang, north, role):
    client = north.client(role)
    assert client.get("/api/v1/customers").status_code == 403
    assert client.get(f"/api/v1/customers/{wang.pk}").status_code == 403
