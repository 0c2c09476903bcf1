"""The switchboard, the ledger and their API, as people use them."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.dealer.sharing.test_actions import another_version, new_owner
from tests.dealer.speaking import speaking

from dealer.customers import actions as customers
from dealer.sharing import actions, previews, queries, words
from dealer.sharing.flows import FLOWS
from dealer.sharing.models import Grant
from exchange.models import Ledger, Payload
from kernel import clock
from kernel.accounts.actors import SYSTEM
from kernel.audit.models import Entry
from kernel.automotive.vin import make_vin
from kernel.contracts import Level
from kernel.contracts.agreements import default_agreement
from kernel.contracts.words import FIELDS
from kernel.testing import clocks
from kernel.ui.templatetags import ui

NAME = "欧阳明月"
READERS = {"general_manager", "crm_manager"}
LANGUAGES = ["en", "zh-hans", "zh-hant"]


@pytest.fixture
def owner(wall, north):
    """A customer with consent, whose car was told on at level full; with the message about it."""
    manager, consultant = north.actor("general_manager"), north.actor("sales_consultant")
    with north.bound():
        actions.change_level(actor=manager, contract="Owner", purpose="customer_care", level="full")
        person = customers.create_customer(actor=consultant, name=NAME, phone="13800138000")
        customers.record_consent(actor=consultant, customer=person, purpose="customer_care", recipient="manufacturer")
        vin = make_vin("LXH", "AB12C", 2024, "N", 3)
        car = customers.register_vehicle(actor=consultant, vin=vin, brand="XH", series="XH-HF")
        customers.set_party(actor=consultant, vehicle=car, customer=person)
        return person, car, Ledger.objects.get(contract="Owner")


def grant(north, contract="Owner"):
    with north.bound():
        return Grant.objects.get(contract=contract)


# -- words


def test_every_field_that_may_leave_has_a_name():
    keys = {part for spec in queries.upward_contracts().values() for path in spec.paths for part in path.split("[].")}
    assert keys == set(FIELDS)


def test_every_flow_says_what_each_level_shows():
    assert set(FLOWS) == {term.contract for term in default_agreement().terms}
    for flow in FLOWS.values():
        assert set(flow.in_words) == set(Level)


# -- who


@pytest.mark.parametrize("role", ["general_manager", "crm_manager", "sales_manager", "it_admin", "service_adviser"])
def test_who_reads_switchboard_and_ledger(owner, north, role):
    _person, _car, message = owner
    client = north.client(role)
    pages = [
        "/sharing/",
        "/sharing/ledger/",
        f"/sharing/ledger/{message.pk}/",
        "/sharing/agreements/",
        f"/sharing/{grant(north).pk}/",
        f"/sharing/{grant(north).pk}/preview/",
        "/api/v1/sharing/agreements",
        "/api/v1/sharing/levels",
        "/api/v1/sharing/ledger",
        f"/api/v1/sharing/ledger/{message.pk}",
        f"/api/v1/sharing/explain?record={uuid4()}",
    ]
    expected = 200 if role in READERS else 403
    assert {address: client.get(address).status_code for address in pages} == dict.fromkeys(pages, expected)


@pytest.mark.parametrize(("role", "status"), [("general_manager", 302), ("crm_manager", 403), ("sales_manager", 403)])
def test_who_changes_a_level(wall, north, role, status):
    answer = north.client(role).post(f"/sharing/{grant(north).pk}/level/", {"level": "counts"})
    assert answer.status_code == status
    assert grant(north).level == (Level.COUNTS if status == 302 else Level.NOTHING)


def test_another_dealership_and_the_manufacturer_find_nothing(owner, south, portal):
    _person, _car, message = owner
    assert south.client("general_manager").get(f"/sharing/ledger/{message.pk}/").status_code == 404
    assert portal.client("privacy_officer").get(f"/sharing/ledger/{message.pk}/").status_code == 404
    assert portal.client("privacy_officer").get("/sharing/").status_code == 404


# -- switchboard


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_switchboard_says_what_is_seen_and_what_would_be(wall, north, language):
    client = speaking(north, "general_manager", language)
    page = client.get("/sharing/").content.decode()
    # Three kinds of data are open to choice, each with three other levels.
    assert page.count('name="level"') == 13
    assert page.count("data-confirm=") == 13
    assert page.count("data-danger") == 3
    assert page.count("notice tone-success") == 7


@pytest.mark.parametrize(("state", "said"), [("delivered", True), ("applied", True), ("recorded", False)])
def test_after_lowering_the_switchboard_says_what_is_still_with_the_manufacturer(owner, north, state, said):
    _person, _car, message = owner
    client = speaking(north, "general_manager", "en")
    sentence = "1 record that left at a higher level is still with the manufacturer."
    assert "What the manufacturer has received before stays there until it is withdrawn." in page_of(client)
    with north.bound():
        Ledger.objects.filter(id=message.id).update(state=state)
    assert sentence not in page_of(client)
    client.post(f"/sharing/{grant(north).pk}/level/", {"level": "counts"})
    assert (sentence in page_of(client)) == said
    client.post(f"/sharing/{grant(north).pk}/level/", {"level": "full"})
    assert sentence not in page_of(client)


def page_of(client) -> str:
    return client.get("/sharing/").content.decode()


def test_what_was_agreed_on_joining_names_nobody_but_a_signature_does(wall, north):
    client = speaking(north, "general_manager", "en")
    assert "agreed on joining" in client.get("/sharing/").content.decode()
    with north.bound():
        made = actions.receive_agreement(actor=SYSTEM, text=another_version())
    assert "agreed on joining" not in client.get(f"/sharing/agreements/{made.pk}/").content.decode()
    with north.bound():
        actions.sign_agreement(actor=north.actor("general_manager"), agreement=made)
    page = client.get("/sharing/").content.decode()
    assert "signed by general_manager north" in page
    assert "agreed on joining" not in page


def test_readers_who_may_not_change_see_no_buttons(wall, north):
    assert 'name="level"' not in north.client("crm_manager").get("/sharing/").content.decode()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_change_says_what_it_did(owner, north, language):
    client = speaking(north, "general_manager", language)
    answer = client.post(f"/sharing/{grant(north).pk}/level/", {"level": "counts"}, follow=True)
    assert 'class="toast success"' in answer.content.decode()
    with north.bound():
        assert Ledger.objects.get(contract="Owner").state == "stopped"


@pytest.mark.parametrize("level", ["nothing", "everything", ""])
def test_what_is_required_stays_and_the_page_says_why(wall, north, level):
    client = north.client("general_manager")
    answer = client.post(f"/sharing/{grant(north, 'VehicleSale').pk}/level/", {"level": level}, follow=True)
    assert 'class="toast error"' in answer.content.decode()
    assert grant(north, "VehicleSale").level == Level.FULL
    assert default_agreement().version in client.get("/sharing/").content.decode()


@pytest.mark.parametrize("level", ["full", "pseudonymous", "counts", "nothing"])
def test_the_preview_is_made_by_the_gate_on_own_records(owner, north, level):
    person, car, message = owner
    client = north.client("general_manager")
    page = client.get(f"/sharing/{grant(north).pk}/?level={level}").content.decode()
    assert (NAME in page) == (level == "full")
    assert (car.vin in page) == (level == "full")
    with north.bound():
        body = Payload.objects.get(id=message.id).body
        found = previews.preview(Grant.objects.get(contract="Owner"), Level(level))
        assert Ledger.objects.filter(contract="Owner").count() == 1
    assert (found.records, found.sent) == (1, int(level in ("full", "pseudonymous")))
    example = found.examples[0].released
    assert example == (body if level == "full" else example)
    assert (str(person.pk) in str(example)) == (level == "full")


def test_without_own_records_the_fields_are_listed(wall, north):
    page = speaking(north, "general_manager", "en")
    text = page.get(f"/sharing/{grant(north, 'WarrantyClaim').pk}/preview/?level=pseudonymous").content.decode()
    assert "Complaint" in text
    assert "<table" not in text


def test_pages_cost_few_queries(owner, north):
    client = north.client("general_manager")
    _person, _car, message = owner
    for address in ("/sharing/", "/sharing/ledger/", f"/sharing/ledger/{message.pk}/", f"/sharing/{grant(north).pk}/"):
        client.get(address)
        with CaptureQueriesContext(connection) as counted:
            assert client.get(address).status_code == 200
        assert len(counted) <= 15, (address, [query["sql"][:100] for query in counted])


# -- ledger


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_ledger_names_what_left_and_what_stayed(owner, north, language):
    person, car, message = owner
    client = speaking(north, "crm_manager", language)
    listing = client.get("/sharing/ledger/").content.decode()
    assert car.vin in listing
    assert NAME in listing
    detail = client.get(f"/sharing/ledger/{message.pk}/").content.decode()
    assert "+8613800138000" in detail
    assert message.commitment in detail
    assert f"/customers/{person.pk}/" in detail


@pytest.mark.parametrize(("days", "said"), [(0, False), (30, True)])
def test_what_was_entered_afterwards_is_told_apart(wall, north, days, said):
    with north.bound(), clocks.at(clock.now() - timedelta(days=days)):
        new_owner(north.actor("sales_consultant"))
        message = Ledger.objects.get(contract="Owner")
    client = speaking(north, "general_manager", "en")
    recorded = f"recorded {ui.local_text(message.recorded_at, 'date')}"
    assert (recorded in client.get("/sharing/ledger/").content.decode()) == said
    page = client.get(f"/sharing/ledger/{message.pk}/").content.decode()
    assert ("Entered afterwards, for the day on which it happened." in page) == said
    text = b"".join(client.get("/sharing/ledger/?export=csv")).decode("utf-8-sig")
    assert "Recorded at" in text.splitlines()[0]


def test_after_lowering_the_ledger_shows_why(owner, north):
    _person, _car, message = owner
    with north.bound():
        actions.change_level(
            actor=north.actor("general_manager"), contract="Owner", purpose="customer_care", level="counts"
        )
        message.refresh_from_db()
    client = speaking(north, "general_manager", "en")
    page = client.get(f"/sharing/ledger/{message.pk}/").content.decode()
    assert str(words.STOPPED["level_lowered"]) in page
    assert "+8613800138000" not in page


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("contract=Owner", True),
        ("contract=ServiceVisit", False),
        ("state=recorded&level=full&purpose=customer_care", True),
        ("state=withheld", False),
        ("q=LXH", True),
        ("q=nothing", False),
        ("event_at_from=2020-01-01", True),
        ("event_at_to=2020-01-01", False),
        ("contract=nonsense", True),
    ],
)
def test_the_ledger_filters(owner, north, query, shown):
    _person, car, _message = owner
    assert (car.vin in north.client("general_manager").get(f"/sharing/ledger/?{query}").content.decode()) == shown


def test_the_ledger_is_exported_with_every_field_and_leaves_a_trace(owner, north):
    _person, car, _message = owner
    answer = speaking(north, "general_manager", "en").get("/sharing/ledger/?export=csv")
    text = b"".join(answer).decode("utf-8-sig")
    assert car.vin in text
    assert "Birthday" in text
    with north.bound():
        assert Entry.objects.filter(action="sharing.export_ledger").exists()


# -- agreements


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_new_agreement_is_read_and_signed_with_own_ceilings(wall, north, language):
    with north.bound():
        made = actions.receive_agreement(actor=SYSTEM, text=another_version())
    client = speaking(north, "general_manager", language)
    address = f"/sharing/agreements/{made.pk}/"
    assert address in client.get("/sharing/").content.decode()
    assert address in client.get("/today/").content.decode()
    assert default_agreement().text[language].splitlines()[0][:10] in client.get(address).content.decode()
    data = {"Owner": "counts", "ServiceVisit": "nothing", "LeadOutcome": "full", "text_hash": made.text_hash}
    data |= {"KnownCustomer": "nothing", "BenchmarkFigures": "nothing"}
    assert client.post(address, data).status_code == 422
    assert client.post(address, data | {"read": "on"}).status_code == 302
    assert grant(north).level == Level.COUNTS
    with north.bound():
        assert queries.current_agreement() == made


def test_readers_cannot_sign(wall, north):
    with north.bound():
        made = actions.receive_agreement(actor=SYSTEM, text=another_version())
    client = north.client("crm_manager")
    assert (
        client.post(f"/sharing/agreements/{made.pk}/", {"read": "on", "text_hash": made.text_hash}).status_code == 403
    )
    with north.bound():
        made.refresh_from_db()
    assert made.state == "proposed"


# -- API


def test_api_levels_are_read_and_changed(wall, north):
    client = north.client("general_manager")
    levels = {row["contract"]: row["level"] for row in client.get("/api/v1/sharing/levels").json()["results"]}
    assert levels["Owner"] == "nothing"
    body = {"contract": "Owner", "purpose": "customer_care", "level": "full"}
    made = client.post("/api/v1/sharing/levels", body, content_type="application/json")
    assert (made.status_code, made.json()["after"]) == (201, "full")
    refused = client.post(
        "/api/v1/sharing/levels",
        {"contract": "VehicleSale", "purpose": "sale_and_delivery", "level": "nothing"},
        content_type="application/json",
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "required")


@pytest.mark.parametrize(
    ("address", "body", "field"),
    [
        ("levels", {"contract": "Owner", "purpose": "customer_care", "level": "some"}, "level"),
        ("levels", {"contract": "Prospect", "purpose": "customer_care", "level": "full"}, "contract"),
        ("preview", {"contract": "Prospect", "level": "full"}, "contract"),
        ("preview", {"contract": "Owner", "level": "full", "limit": 0}, "limit"),
        ("preview", {"level": "full"}, "contract"),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_api_names_the_wrong_field(wall, north, address, body, field, language):
    client = speaking(north, "general_manager", language)
    answer = client.post(f"/api/v1/sharing/{address}", body, content_type="application/json")
    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.json()["errors"]]


def test_api_previews_without_sending(owner, north):
    client = north.client("crm_manager")
    body = {"contract": "Owner", "level": "pseudonymous"}
    answer = client.post("/api/v1/sharing/preview", body, content_type="application/json").json()
    assert (answer["records"], answer["sent"], answer["named"]) == (1, 1, 0)
    assert answer["withheld"]["name"] == {"ceiling": 1}
    assert NAME not in str(answer)
    with north.bound():
        assert Ledger.objects.filter(contract="Owner").count() == 1


def test_api_ledger_and_explanation(owner, north):
    person, _car, message = owner
    client = speaking(north, "crm_manager", "en")
    rows = client.get("/api/v1/sharing/ledger?contract=Owner").json()["results"]
    assert [row["id"] for row in rows] == [str(message.pk)]
    assert client.get("/api/v1/sharing/ledger?state=refused").json()["results"] == []
    assert client.get("/api/v1/sharing/ledger?state=nonsense").status_code == 422
    one = client.get(f"/api/v1/sharing/ledger/{message.pk}").json()
    assert one["payload"]["name"] == NAME
    explained = client.get(f"/api/v1/sharing/explain?record={person.pk}").json()["results"]
    assert [row["id"] for row in explained] == [str(message.pk)]
    assert any(default_agreement().version in rule for rule in explained[0]["rules"])
    assert client.get("/api/v1/sharing/explain?record=x").status_code == 422


def test_api_signs(wall, north):
    with north.bound():
        made = actions.receive_agreement(actor=SYSTEM, text=another_version())
    client = north.client("general_manager")
    address = f"/api/v1/sharing/agreements/{made.pk}/sign"
    wrong = client.post(address, {"text_hash": "x"}, content_type="application/json")
    assert wrong.status_code == 409
    body = {"text_hash": made.text_hash, "ceilings": {"Owner": "full"}}
    assert client.post(address, body, content_type="application/json").json()["state"] == "signed"
    assert grant(north).level == Level.FULL
    assert north.client("crm_manager").post(address, body, content_type="application/json").status_code == 403
