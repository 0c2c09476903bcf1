"""Everything the dealership holds on a customer, for the customer, with nothing of anybody else."""

from __future__ import annotations

import io
import json
import re
import zipfile
from datetime import timedelta

import pytest
from django.apps import apps
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from pypdf import PdfReader

from dealer.customers import actions, subject_access
from dealer.customers.models import Customer, Interaction, OdometerReading
from dealer.sales.models import Prospect
from dealer.sharing import actions as sharing
from dealer.sharing.models import Reading
from dealer.workshop.models import Appointment
from exchange.models import Ledger
from kernel import clock
from kernel.accounts.roles import RIGHTS, Role
from kernel.audit.models import Entry
from kernel.automotive.vin import make_vin
from kernel.errors import Forbidden
from kernel.ids import new_id
from kernel.personal.registry import registry

VIN = make_vin("LXH", "AB12C", 2024, "N", 9)

#: Tables that lead to a customer and are not in the copy, each with the reason.
NOT_IN_THE_COPY: dict[str, str] = {}


def content(packed):
    """(the JSON file, the text of the PDF without spaces)"""
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.testzip() is None
        pages = PdfReader(io.BytesIO(archive.read("about-you.pdf"))).pages
        text = re.sub(r"\s+", "", "".join(page.extract_text() for page in pages))
        return json.loads(archive.read("about-you.json")), text


@pytest.fixture
def wang(wall, north):
    """Somebody with a car, contacts and consents, whose data went up; and somebody else with a canary."""
    consultant, manager = north.actor("sales_consultant"), north.actor("general_manager")
    with north.bound():
        sharing.change_level(actor=manager, contract="Owner", purpose="customer_care", level="full")
        person = actions.create_customer(actor=consultant, name="王小明", phone="13800138000", language="en")
        actions.record_consent(actor=consultant, customer=person, purpose="customer_care", recipient="manufacturer")
        car = actions.register_vehicle(actor=consultant, vin=VIN, brand="XH", series="XH-HF")
        actions.set_party(actor=consultant, vehicle=car, customer=person)
        actions.record_odometer(
            actor=consultant, vehicle=car, km=120, on=clock.today("Asia/Shanghai"), source="customer"
        )
        actions.log_interaction(actor=consultant, customer=person, channel="phone", content="Wants #a test drive.")
        other = actions.create_customer(actor=consultant, name="李canary", phone="13800138001")
        actions.log_interaction(actor=consultant, customer=other, channel="phone", content="canary")
    return person


def leads_to_a_customer(model, seen=()):
    """Whether a row of this table belongs to a customer: by a foreign key, over others, or by a bare id."""
    if model is Customer:
        return True
    for column in model._meta.concrete_fields:
        if column.name == "customer_id":
            return True
        related = column.related_model if isinstance(column, models.ForeignKey) else None
        ours = related and related not in seen and related._meta.app_label != "accounts"
        if ours and leads_to_a_customer(related, (*seen, model)):
            return True
    return False


def test_every_table_that_leads_to_a_customer_is_in_the_copy():
    ours = [config for config in apps.get_app_configs() if config.name.startswith("dealer.")]
    found = {model for config in ours for model in config.get_models() if leads_to_a_customer(model)}
    # What erasure knows to be somebody's is somebody's here too.
    whose = {label for label, table in registry().items() if {"customer", "lead", "car"} & set(table.of)}
    found |= {model for config in ours for model in config.get_models() if model._meta.label in whose}
    assert len(found) > 15
    missing = {model._meta.label for model in found - subject_access.covered()}
    assert missing == set(NOT_IN_THE_COPY)


def test_the_copy_holds_everything_in_words_and_as_data(wang, north):
    with north.bound():
        message = Ledger.objects.get(contract="Owner")
        Reading.objects.create(
            id=new_id(),
            at=clock.now(),
            reader=new_id(),
            reader_role="crm_analyst",
            reading_for="customer_care",
            how="record",
            of="owners",
            purpose="customer_care",
            rows=1,
            owner_keys=[str(wang.pk), "p_somebody-else"],
            message=message.pk,
        )
        data, text = content(subject_access.give_copy(actor=north.actor("crm_manager"), customer=wang))
    held = data["holdings"]
    assert held["customers.customer"][0]["name"] == "王小明"
    assert held["customers.interaction"][0]["content"] == "Wants #a test drive."
    assert held["customers.vehicle"][0]["vin"] == VIN
    assert held["customers.odometerreading"][0]["km"] == 120
    assert "I separately agree" in held["customers.consent"][0]["wording"]
    shared = held["sharing.disclosure"][0]
    assert (shared["recipient"], shared["content"]["phone"]) == ("Xinghe Motors", "+8613800138000")
    assert any("agreed on" in rule for rule in shared["rules"])
    assert held["sharing.reading"][0]["reader_role"] == "crm_analyst"
    assert "somebody-else" not in json.dumps(data)
    assert [entry["action"] for entry in held["audit.entry"]][-1] == "customers.create"
    assert set(held) == {holding.name for holding in subject_access.holdings()}
    for part in ("Whatisheldaboutyou", "王小明", "Wants#atestdrive.", "XingheMotors", VIN):
        assert part in text
    assert "canary" not in json.dumps(data, ensure_ascii=False) + text


def test_a_reading_of_the_mileage_belongs_to_whoever_had_the_car_on_that_day(wang, north):
    consultant = north.actor("sales_consultant")
    today = clock.today("Asia/Shanghai")
    with north.bound():
        reading = OdometerReading.objects.get()
        for days in (400, 2):
            OdometerReading.objects.create(
                vehicle=reading.vehicle, km=100 - days // 10, on=today - timedelta(days=days), source="customer"
            )
        buyer = actions.create_customer(actor=consultant, name="赵六", phone="13800138009")
        actions.set_party(actor=consultant, vehicle=reading.vehicle, customer=buyer, since=today)
        held = {
            who: content(subject_access.give_copy(actor=north.actor("crm_manager"), customer=one))[0]["holdings"]
            for who, one in (("buyer", buyer), ("seller", wang))
        }
    assert [row["km"] for row in held["buyer"]["customers.odometerreading"]] == [120]
    assert 60 not in [row["km"] for row in held["seller"]["customers.odometerreading"]]


def test_a_long_history_is_whole_in_the_data_and_short_on_paper(wang, north):
    with north.bound():
        now = clock.now()
        Interaction.objects.bulk_create(
            Interaction(customer=wang, at=now - timedelta(minutes=n), channel="phone", content=f"contact {n}")
            for n in range(5000)
        )
        with CaptureQueriesContext(connection) as asked:
            data, text = content(subject_access.give_copy(actor=north.actor("crm_manager"), customer=wang))
    assert len(data["holdings"]["customers.interaction"]) == 5001
    assert "50of5001" in text
    assert len(asked) < 60


def test_the_copy_is_audited_and_says_how_much_was_given(wang, north):
    answer = north.client("crm_manager").post(f"/customers/{wang.pk}/copy/")
    assert answer["Content-Type"] == "application/zip"
    data, _text = content(answer.content)
    assert data["customer"] == wang.number
    with north.bound():
        entry = Entry.objects.get(action="customers.give_copy")
    assert entry.object_id == str(wang.pk)
    assert entry.after["rows"]["customers.interaction"] == 1


@pytest.mark.parametrize("role", ["general_manager", "crm_manager", "sales_consultant", "service_manager", "it_admin"])
def test_who_may_give_a_copy(wang, north, role):
    may = subject_access.RIGHT in RIGHTS[Role(role)]
    assert north.client(role).post(f"/customers/{wang.pk}/copy/").status_code == (200 if may else 403)
    card = north.client(role).get(f"/customers/{wang.pk}/").content.decode()
    assert (f"/customers/{wang.pk}/copy/" in card) == may


def test_the_action_itself_asks_for_the_right(wang, north):
    with north.bound(), pytest.raises(Forbidden):
        subject_access.give_copy(actor=north.actor("sales_consultant"), customer=wang)


def test_the_right_is_the_general_managers_and_the_crm_managers():
    assert {role for role in Role if subject_access.RIGHT in RIGHTS[role]} == {Role.GENERAL_MANAGER, Role.CRM_MANAGER}


@pytest.mark.parametrize("language", ["zh-hans", "zh-hant"])
def test_the_copy_speaks_the_customers_language(wang, north, language):
    with north.bound():
        actions.update_customer(actor=north.actor("crm_manager"), customer=wang, language=language)
        wang.refresh_from_db()
        _data, text = content(subject_access.give_copy(actor=north.actor("crm_manager"), customer=wang))
    assert "王小明" in text


def test_another_dealerships_customer_is_not_there(wang, south):
    assert south.client("general_manager").post(f"/customers/{wang.pk}/copy/").status_code == 404


def test_every_holding_leads_to_rows_without_failing(wang, north):
    with north.bound():
        for holding in subject_access.holdings():
            assert isinstance(list(holding.of(wang)), list)
    assert {Prospect, Appointment} <= subject_access.covered()
