"""Writing down customers, their cars, their consents."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import translation

from dealer.customers import actions, listeners, queries
from dealer.customers.models import Customer, OdometerReading, Ownership
from kernel import clock
from kernel.audit.models import Entry
from kernel.contracts import Purpose
from kernel.errors import Conflict, Forbidden, Invalid


@pytest.fixture
def at_north(wall, north):
    with north.bound():
        yield north


@pytest.fixture
def consultant(north, wall):
    return north.actor("sales_consultant")


@pytest.fixture
def person(at_north, consultant):
    return actions.create_customer(actor=consultant, name="王小明", phone="138 0013 8000")


@pytest.fixture
def car(at_north, consultant):
    return actions.register_vehicle(actor=consultant, vin=good_vin(1), brand="Xingyun", model="X5")


def good_vin(serial: int) -> str:
    from kernel.automotive.vin import make_vin

    return make_vin("LXH", "AB12C", 2024, "N", serial)


def test_a_person_gets_number_reading_and_normal_phone(person):
    person.refresh_from_db()
    assert person.number >= 1
    assert (person.surname, person.given_name, person.name) == ("王", "小明", "王小明")
    assert (person.pinyin, person.initials) == ("wangxiaoming", "wxm")
    assert person.phone == "+8613800138000"
    assert person.phone_reversed == "0008310083168+"
    assert (person.for_sales, person.for_service) == (True, False)
    entry = Entry.objects.get(action="customers.create")
    assert entry.object_id == str(person.pk)
    assert entry.after["phone"] == "+8613800138000"


def test_numbers_run_by_themselves_in_each_dealership(wall, north, south):
    numbers = {"north": [], "south": []}
    for turn in range(2):
        for side in (north, south):
            actor = side.actor("sales_consultant")
            with side.bound():
                made = actions.create_customer(actor=actor, name="李雷", phone=f"1390013900{turn}")
                numbers[side.slug].append(made.number)
    assert [two - one for one, two in numbers.values()] == [1, 1]


def test_latin_names_are_read_surname_first(at_north, consultant):
    customer = actions.create_customer(actor=consultant, name="Anna Smith", email="ANNA@Example.com")
    assert (customer.name, customer.pinyin, customer.email) == ("Anna Smith", "smithanna", "anna@example.com")


def test_a_company_is_called_by_its_name(at_north, consultant):
    customer = actions.create_customer(
        actor=consultant, kind="company", company_name="蓝天物流有限公司", contact_person="陈芳", phone="021-55551234"
    )
    assert customer.name == "蓝天物流有限公司"
    assert customer.initials.startswith("ltwl")


def test_a_companys_name_may_be_given_as_any_name(at_north, consultant):
    customer = actions.create_customer(actor=consultant, kind="company", name="蓝天物流有限公司", phone="021-55551234")
    assert (customer.name, customer.surname, customer.given_name) == ("蓝天物流有限公司", "", "")


def test_a_form_of_address_says_the_sex_and_is_no_name(at_north, consultant):
    customer = actions.create_customer(actor=consultant, name="王先生", phone="13800138000")
    assert (customer.name, customer.sex) == ("王", "male")
    known = actions.create_customer(actor=consultant, name="王女士", sex="unknown", phone="13800138001")
    assert known.sex == "unknown"


def test_what_is_not_known_is_empty(at_north, consultant):
    unknown = dict.fromkeys(["email", "address", "note", "birthday"])
    customer = actions.create_customer(actor=consultant, name="王小明", phone="13800138000", **unknown)
    assert (customer.email, customer.address, customer.note, customer.birthday) == ("", "", "", None)


def test_a_field_that_customers_do_not_have_is_a_defect_of_the_caller(person, consultant):
    with pytest.raises(TypeError, match=r"no field \['number'\]"):
        actions.update_customer(actor=consultant, customer=person, number=7)


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"name": "王小明"}, "phone", "required"),
        ({"phone": "13800138000"}, "surname", "required"),
        ({"kind": "company", "phone": "13800138000"}, "company_name", "required"),
        ({"name": "王", "phone": "138"}, "phone", "phone_not_valid"),
        ({"name": "王", "phone": "1380013800"}, "phone", "phone_length"),
        ({"name": "王", "phone": "55551234"}, "phone", "phone_area_code"),
        ({"name": "王", "email": "a@b"}, "email", "email"),
        ({"name": "王", "phone": "13800138000", "birthday": "21.3.1985"}, "birthday", "date"),
        ({"name": "王", "phone": "13800138000", "birthday": date(1850, 1, 1)}, "birthday", "birthday"),
        ({"name": "王", "phone": "13800138000", "birthday": date(2990, 1, 1)}, "birthday", "birthday"),
        ({"name": "王", "phone": "13800138000", "birthday": 1985}, "birthday", "date"),
        ({"name": "王", "phone": "13800138000", "birthday": datetime(1985, 3, 21, tzinfo=UTC)}, "birthday", "date"),
        ({"name": "王", "phone": "13800138000", "sex": "x"}, "sex", "choice"),
        ({"name": "王", "phone": "13800138000", "note": "x" * 2001}, "note", "too_long"),
        ({"name": "王", "phone": "13800138000", "address": "a\x00b"}, "address", "characters"),
        ({"name": "王", "phone": "13800138000", "address": 5}, "address", "type"),
        ({"name": "王", "phone": "13800138000", "province": "江苏省", "city": "杭州市"}, "city", "region"),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_wrong_input_names_the_field(at_north, consultant, fields, field, code, language):
    with translation.override(language), pytest.raises(Invalid) as caught:
        actions.create_customer(actor=consultant, **fields)
    assert [(error.field, error.code) for error in caught.value.errors] == [(field, code)]
    assert str(caught.value.errors[0].message)
    assert not Customer.objects.exists()


def test_every_wrong_field_is_named_at_once(at_north, consultant):
    with pytest.raises(Invalid) as caught:
        actions.create_customer(actor=consultant, phone="1", email="x", birthday="yesterday")
    assert {error.field for error in caught.value.errors} == {"phone", "email", "birthday", "surname"}


def test_a_change_is_audited_with_what_was_and_is(person, consultant):
    actions.update_customer(actor=consultant, customer=person, phone="13900139000")
    entry = Entry.objects.get(action="customers.update")
    assert entry.before == {"phone": "+8613800138000"}
    assert entry.after == {"phone": "+8613900139000"}


def test_saying_the_same_again_changes_nothing(person, consultant):
    actions.update_customer(actor=consultant, customer=person, phone="138-0013-8000")
    assert not Entry.objects.filter(action="customers.update").exists()


@pytest.mark.parametrize("role", ["technician", "it_admin", "finance_clerk", "stock_clerk"])
def test_roles_without_the_right_write_nothing(at_north, role):
    with pytest.raises(Forbidden):
        actions.create_customer(actor=at_north.actor(role), name="王", phone="13800138000")


# -- cars


def test_a_car_is_known_by_its_vin_once(at_north, consultant, car):
    again = actions.register_vehicle(actor=consultant, vin=car.vin.lower(), brand="Xingyun", plate="苏A·12 345")
    assert again.pk == car.pk
    assert again.plate == "苏A12345"


def test_a_car_that_is_known_whole_stays_as_it_is(at_north, consultant, car):
    before = car.updated_at
    again = actions.register_vehicle(actor=consultant, vin=car.vin, brand="Another", model="X5")
    assert (again.pk, again.brand, again.updated_at) == (car.pk, "Xingyun", before)
    assert not Entry.objects.filter(action="customers.update_vehicle").exists()


def test_a_car_needs_its_brand(at_north, consultant):
    with pytest.raises(Invalid) as caught:
        actions.register_vehicle(actor=consultant, vin=good_vin(2), brand="  ")
    assert [(error.field, error.code) for error in caught.value.errors] == [("brand", "required")]


def test_a_wrong_vin_is_refused(at_north, consultant):
    with pytest.raises(Invalid) as caught:
        actions.register_vehicle(actor=consultant, vin=good_vin(1)[:-1] + "2", brand="Xingyun")
    assert caught.value.errors[0].code == "vin_check_digit"


def test_a_new_owner_ends_the_one_before(person, consultant, car):
    first = actions.set_party(actor=consultant, vehicle=car, customer=person, since=date(2024, 5, 1))
    other = actions.create_customer(actor=consultant, name="李雷", phone="13900139000")
    second = actions.set_party(actor=consultant, vehicle=car, customer=other, since=date(2025, 6, 1))
    first.refresh_from_db()
    assert first.until == date(2025, 5, 31)
    assert second.until is None
    assert Ownership.objects.count() == 2
    car.refresh_from_db()
    assert car.party_version == 3
    other.refresh_from_db()
    assert other.for_service


def test_being_it_already_changes_nothing(person, consultant, car):
    first = actions.set_party(actor=consultant, vehicle=car, customer=person, since=date(2024, 5, 1))
    again = actions.set_party(actor=consultant, vehicle=car, customer=person, since=date(2025, 5, 1))
    assert (again.pk, again.since) == (first.pk, date(2024, 5, 1))
    car.refresh_from_db()
    assert car.party_version == 1


def test_a_car_has_many_drivers_and_keeps_its_owner(person, consultant, car):
    owner = actions.set_party(actor=consultant, vehicle=car, customer=person, since=date(2024, 5, 1))
    for number, name in enumerate(("李雷", "韩梅")):
        driver = actions.create_customer(actor=consultant, name=name, phone=f"1390013900{number}")
        actions.set_party(actor=consultant, vehicle=car, customer=driver, role="driver", since=date(2024, 1, 1))
    assert set(Ownership.objects.values_list("role", "until")) == {("owner", None), ("driver", None)}
    assert Ownership.objects.filter(role="driver").count() == 2
    owner.refresh_from_db()
    assert owner.until is None


def test_a_day_before_the_present_owner_is_refused(person, consultant, car):
    actions.set_party(actor=consultant, vehicle=car, customer=person, since=date(2024, 5, 1))
    other = actions.create_customer(actor=consultant, name="李雷", phone="13900139000")
    with pytest.raises(Invalid) as caught:
        actions.set_party(actor=consultant, vehicle=car, customer=other, since=date(2024, 4, 1))
    assert caught.value.errors[0].code == "before_present_owner"


def test_ending_twice_is_a_conflict(person, consultant, car):
    owned = actions.set_party(actor=consultant, vehicle=car, customer=person, since=date(2024, 5, 1))
    with pytest.raises(Invalid):
        actions.end_party(actor=consultant, ownership=owned, until=date(2024, 4, 1))
    actions.end_party(actor=consultant, ownership=owned, until=date(2025, 1, 1))
    with pytest.raises(Conflict):
        actions.end_party(actor=consultant, ownership=owned, until=date(2025, 1, 2))


def test_parties_are_told_on_when_the_person_changes(person, consultant, car, monkeypatch):
    told = []
    monkeypatch.setattr(
        listeners, "_party", [lambda ownership, actor, at: told.append(ownership.vehicle.party_version)]
    )
    actions.set_party(actor=consultant, vehicle=car, customer=person, since=date(2024, 5, 1))
    actions.update_customer(actor=consultant, customer=person, address="幸福路1号")
    actions.update_customer(actor=consultant, customer=person, hobbies="钓鱼")
    assert told == [1, 2]


def test_mileage_never_goes_back(consultant, car):
    actions.record_odometer(actor=consultant, vehicle=car, km=10_000, on=date(2025, 1, 1), source="repair_order")
    with pytest.raises(Invalid) as caught:
        actions.record_odometer(actor=consultant, vehicle=car, km=9_000, on=date(2025, 2, 1), source="repair_order")
    assert (caught.value.errors[0].field, caught.value.errors[0].code) == ("odometer_km", "odometer_going_back")
    car.refresh_from_db()
    assert car.odometer_km == 10_000
    assert OdometerReading.objects.count() == 1


def test_a_reading_found_later_does_not_stand_for_todays(consultant, car):
    for km, on in ((10_000, date(2025, 1, 1)), (4_000, date(2024, 6, 1))):
        actions.record_odometer(actor=consultant, vehicle=car, km=km, on=on, source="repair_order")
    car.refresh_from_db()
    assert (car.odometer_km, car.odometer_on) == (10_000, date(2025, 1, 1))
    assert OdometerReading.objects.count() == 2


# -- consents


def test_a_consent_keeps_its_text_by_hash(person, consultant):
    consent = actions.record_consent(
        actor=consultant, customer=person, purpose="customer_care", recipient="manufacturer"
    )
    assert consent.text_language == "zh-hans"
    assert len(consent.text_hash) == 64
    assert consent.kinds == ["identity", "contact", "vehicle"]
    assert consent.expires_at - consent.given_at > timedelta(days=1090)
    english = actions.record_consent(
        actor=consultant, customer=person, purpose="customer_care", recipient="manufacturer", language="en"
    )
    assert english.text_hash != consent.text_hash


def test_the_latest_word_counts(person, consultant):
    ask = {"actor": consultant, "customer": person, "purpose": "customer_care", "recipient": "manufacturer"}
    assert queries.consent_for(person, Purpose.CUSTOMER_CARE) is None
    given = actions.record_consent(**ask)
    assert queries.consent_for(person, Purpose.CUSTOMER_CARE).granted
    assert queries.consent_for(person, Purpose.MARKETING) is None
    assert queries.consent_for(person, Purpose.CUSTOMER_CARE, "dealer") is None
    actions.withdraw_consent(actor=consultant, consent=given, means="call")
    later = queries.consent_for(person, Purpose.CUSTOMER_CARE)
    assert str(later.lacks(Purpose.CUSTOMER_CARE, "manufacturer", clock.now())) == "consent_withdrawn"
    actions.record_consent(**ask, granted=False)
    assert not queries.consent_for(person, Purpose.CUSTOMER_CARE).granted
    actions.record_consent(**ask)
    assert queries.consent_for(person, Purpose.CUSTOMER_CARE).granted


def test_withdrawing_twice_is_a_conflict(person, consultant):
    given = actions.record_consent(actor=consultant, customer=person, purpose="marketing", recipient="dealer")
    actions.withdraw_consent(actor=consultant, consent=given)
    with pytest.raises(Conflict):
        actions.withdraw_consent(actor=consultant, consent=given)


def test_a_refusal_cannot_be_withdrawn(person, consultant):
    refused = actions.record_consent(
        actor=consultant, customer=person, purpose="marketing", recipient="dealer", granted=False
    )
    with pytest.raises(Conflict):
        actions.withdraw_consent(actor=consultant, consent=refused)


def test_how_a_consent_was_withdrawn_is_one_of_the_ways_known(person, consultant):
    given = actions.record_consent(actor=consultant, customer=person, purpose="marketing", recipient="dealer")
    with pytest.raises(Invalid) as caught:
        actions.withdraw_consent(actor=consultant, consent=given, means="telepathy")
    assert [(error.field, error.code) for error in caught.value.errors] == [("means", "choice")]
    given.refresh_from_db()
    assert given.withdrawn_at is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"purpose": "nonsense"}, "purpose"),
        ({"purpose": "warranty"}, "purpose"),
        ({"recipient": "neighbour"}, "recipient"),
        ({"means": "telepathy"}, "means"),
        ({"language": "fr"}, "language"),
    ],
)
def test_a_consent_that_cannot_be_is_refused(person, consultant, change, field):
    good = {"purpose": "customer_care", "recipient": "manufacturer"}
    with pytest.raises(Invalid) as caught:
        actions.record_consent(actor=consultant, customer=person, **(good | change))
    assert caught.value.errors[0].field == field


def test_a_consent_of_tomorrow_is_refused(person, consultant):
    with pytest.raises(Invalid) as caught:
        actions.record_consent(
            actor=consultant,
            customer=person,
            purpose="customer_care",
            recipient="dealer",
            given_at=clock.now() + timedelta(days=1),
        )
    assert caught.value.errors[0].code == "future"


# -- touch points


def test_every_department_writes_on_one_line(person, north, consultant):
    adviser = north.actor("service_adviser")
    actions.log_interaction(actor=consultant, customer=person, channel="phone", content="Wants an estate car")
    actions.log_interaction(actor=adviser, customer=person, channel="workshop", content="First service")
    assert [row.department for row in queries.interactions_of(person)] == ["service", "sales"]


def test_a_touch_point_needs_words_and_a_known_channel(person, consultant):
    with pytest.raises(Invalid) as caught:
        actions.log_interaction(actor=consultant, customer=person, channel="smoke", content=" ")
    assert {error.field for error in caught.value.errors} == {"channel", "content"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"content": "x" * 2001}, "content"),
        ({"result": "x" * 201}, "result"),
        ({"at": clock.now() + timedelta(days=9)}, "at"),
    ],
)
def test_a_touch_point_is_short_and_not_of_the_future(person, consultant, change, field):
    good = {"actor": consultant, "customer": person, "channel": "phone", "content": "Wants an estate car"}
    with pytest.raises(Invalid) as caught:
        actions.log_interaction(**good | change)
    assert [error.field for error in caught.value.errors] == [field]
    assert not queries.interactions_of(person)
    assert actions.log_interaction(**good | {"content": "x" * 2000, "result": "x" * 200}).pk
