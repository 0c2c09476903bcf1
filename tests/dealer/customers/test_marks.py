"""Blind marks: kept up to date by every action, of use to this dealership alone, filled in where they are missing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dealer.customers import actions, marks, tasks
from dealer.customers.models import Customer, Vehicle
from kernel import clock
from kernel.automotive.vin import make_vin
from kernel.contracts import KnownBy
from kernel.tenancy.bindings import WallError

VIN = make_vin("LXH", "AB12C", 2024, "N", 7)


@pytest.fixture
def at_north(wall, north):
    with north.bound():
        yield north.actor("sales_consultant")


def person(actor, **fields):
    return actions.create_customer(actor=actor, **({"name": "欧阳明月", "phone": "138 0013 8000"} | fields))


def owner(actor, **fields):
    """A customer with a car, and the car."""
    found = person(actor, **fields)
    car = actions.register_vehicle(actor=actor, vin=VIN, brand="XH")
    return found, car, actions.set_party(actor=actor, vehicle=car, customer=found)


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        (KnownBy.PHONE, "138 0013 8000", "+86-13800138000"),
        (KnownBy.PHONE, "１３８００１３８０００", "0086 13800138000"),
        (KnownBy.EMAIL, " Wang@Example.com ", "wang@example.com"),
        (KnownBy.VIN, VIN.lower(), f"{VIN[:8]} {VIN[8:]}"),
    ],
)
def test_two_ways_of_writing_the_same_have_one_mark(at_north, kind, one, other):
    mark = marks.Marker()
    assert mark(kind, one) == mark(kind, other)
    assert len(mark(kind, one)) == marks.LENGTH


@pytest.mark.parametrize(
    ("one", "other"), [("w.ang@example.com", "wang@example.com"), ("wang+car@example.com", "wang@example.com")]
)
def test_dots_and_what_follows_a_plus_stay_in_an_address(at_north, one, other):
    mark = marks.Marker()
    assert mark(KnownBy.EMAIL, one) != mark(KnownBy.EMAIL, other)


@pytest.mark.parametrize(
    ("kind", "text"), [(KnownBy.PHONE, "ask at the desk"), (KnownBy.EMAIL, "none"), (KnownBy.VIN, "LXH123")]
)
def test_what_cannot_be_read_has_no_mark(at_north, kind, text):
    assert marks.Marker()(kind, text) == ""
    assert marks.customers_with(kind, text) == []


def test_equal_values_of_two_kinds_and_two_dealerships_have_different_marks(wall, north, south, monkeypatch):
    monkeypatch.setattr(marks, "normalised", lambda kind, text: text)
    made = set()
    for side in (north, south):
        with side.bound():
            made |= {marks.Marker()(kind, "same") for kind in KnownBy}
    assert len(made) == 2 * len(KnownBy)


def test_a_process_without_the_dealers_key_makes_no_marks(at_north, monkeypatch):
    monkeypatch.delenv("DEALERNET_KEY_DEALERS")
    with pytest.raises(WallError, match="DEALERS"):
        marks.Marker()


def test_a_new_customer_is_found_by_either_number_and_by_address(at_north):
    found = person(at_north, other_phone="13900139000", email="Wang@example.com")
    assert marks.customers_with(KnownBy.PHONE, "+8613800138000") == [found]
    assert marks.customers_with(KnownBy.PHONE, "13900139000") == [found]
    assert marks.known_by(phone_number="139 0013 9000") == [KnownBy.PHONE]
    assert marks.known_by(email=" WANG@example.com") == [KnownBy.EMAIL]
    assert marks.known_by(phone_number="13700137000", email="other@example.com") == []
    assert "13800138000" not in str(found.marks)
    assert "wang" not in str(found.marks)


def test_a_changed_number_is_found_and_the_old_one_is_not(at_north):
    found = person(at_north)
    actions.update_customer(actor=at_north, customer=found, phone="13700137000")
    assert marks.known_by(phone_number="13700137000") == [KnownBy.PHONE]
    assert marks.known_by(phone_number="13800138000") == []


def test_a_car_is_known_as_long_as_its_present_party_is_a_customer(at_north):
    _found, _car, ownership = owner(at_north)
    assert marks.known_by(vins=[VIN.lower()]) == [KnownBy.VIN]
    actions.end_party(actor=at_north, ownership=ownership, until=ownership.since)
    assert marks.known_by(vins=[VIN]) == []


def test_the_same_questions_are_asked_whether_somebody_is_known_or_not(at_north, django_assert_num_queries):
    owner(at_north, email="wang@example.com")
    with django_assert_num_queries(2):
        assert len(marks.known_by(phone_number="13800138000", email="wang@example.com", vins=[VIN])) == 3
    with django_assert_num_queries(2):
        assert marks.known_by(phone_number="13800138001", email="x@example.com", vins=[VIN[:-1] + "9"]) == []
    with django_assert_num_queries(2):
        assert marks.known_by() == []


def test_the_index_is_used_for_every_mark(at_north):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = Customer.objects.filter(marks._any_of({KnownBy.PHONE: ["a"], KnownBy.EMAIL: ["b"]})).order_by().explain()
    assert plan.count("customers_customer_marks") == 3


def test_what_has_no_marks_is_filled_in_step_by_step(at_north, north):
    found, car, _ownership = owner(at_north)
    other = person(at_north, phone="13700137000")
    Customer.objects.update(marks=None, marked_at=None)
    Vehicle.objects.update(mark=None)
    assert marks.mark_what_is_not(most=1) == 1
    assert Customer.objects.filter(marks__isnull=True).count() == 1
    tasks.mark(str(north.id))
    assert marks.mark_what_is_not() == 0
    for one in (found, other):
        before = one.marks
        one.refresh_from_db()
        assert one.marks == before != {}
    car.refresh_from_db()
    assert car.mark == marks.Marker()(KnownBy.VIN, VIN)


def test_a_change_by_a_release_that_knows_no_marks_is_caught_up_with(at_north):
    found = person(at_north)
    later = clock.now() + timedelta(seconds=1)
    Customer.objects.filter(pk=found.pk).update(phone="+8613700137000", updated_at=later)
    assert marks.known_by(phone_number="13700137000") == []
    assert marks.mark_what_is_not() == 1
    assert marks.known_by(phone_number="13700137000") == [KnownBy.PHONE]
    assert marks.known_by(phone_number="13800138000") == []


def test_a_car_number_that_cannot_be_read_is_marked_once_as_unreadable(at_north):
    _found, car, _ownership = owner(at_north)
    Vehicle.objects.filter(pk=car.pk).update(vin="ODD", mark=None)
    assert marks.mark_what_is_not() == 1
    assert marks.mark_what_is_not() == 0
    assert marks.known_by(vins=["ODD"]) == []
