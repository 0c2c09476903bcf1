"""Finding customers, and who may see whom."""

from __future__ import annotations

import pytest
from django.db import connection

from dealer.customers import actions, queries
from dealer.customers.models import Customer
from kernel import clock
from kernel.automotive.vin import make_vin
from kernel.errors import Missing

VIN = make_vin("LXH", "AB12C", 2024, "N", 7)


@pytest.fixture
def at_north(wall, north):
    with north.bound():
        yield north


@pytest.fixture
def book(at_north):
    """Four customers: two of sales, one of service, one of both with a car."""
    consultant, adviser = at_north.actor("sales_consultant"), at_north.actor("service_adviser")
    made = {
        "wang": actions.create_customer(actor=consultant, name="王小明", phone="13800138000"),
        "smith": actions.create_customer(
            actor=consultant, name="Anna Smith", phone="+44 20 7946 0958", email="anna@x.example"
        ),
        "ouyang": actions.create_customer(actor=adviser, name="欧阳明月", phone="13900139123"),
        "firm": actions.create_customer(
            actor=consultant, kind="company", company_name="蓝天物流", phone="021-55551234"
        ),
    }
    car = actions.register_vehicle(actor=consultant, vin=VIN, brand="XH", plate="苏A·D12345")
    actions.set_party(actor=consultant, vehicle=car, customer=made["firm"])
    return made


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("王", {"wang"}),
        ("王小明", {"wang"}),
        ("wangxiao", {"wang"}),
        ("wang xiaoming", {"wang"}),
        ("WXM", {"wang"}),
        ("oym", {"ouyang"}),
        ("ouyang", {"ouyang"}),
        ("smith", {"smith"}),
        ("Anna", {"smith"}),
        ("anna@", {"smith"}),
        ("13800138000", {"wang"}),
        ("138 0013", {"wang"}),
        ("8000", {"wang"}),
        ("+86 139", {"ouyang"}),
        ("9123", {"ouyang"}),
        ("蓝天", {"firm"}),
        ("苏AD1", {"firm"}),
        ("苏A·D12345", {"firm"}),
        (VIN, {"firm"}),
        (VIN.lower(), {"firm"}),
        (VIN[-8:], {"firm"}),
        (VIN[-6:], {"firm"}),
        ("nobody", set()),
        ("100%", set()),
        ("_", set()),
        ("99999999999999999999999999", set()),
        ("a\x00b", set()),
    ],
)
def test_one_box_finds_by_whatever_one_knows(book, text, names):
    found = set(Customer.objects.filter(queries.matching(text)).values_list("pk", flat=True))
    assert found == {book[name].pk for name in names}


def test_the_customer_number_finds_its_customer(book):
    number = str(book["smith"].number)
    assert book["smith"] in Customer.objects.filter(queries.matching(number))


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("13800138000", "customers_customer_phone"),
        ("8000", "customers_customer_tail"),
        ("王", "customers_customer_name"),
        ("wangxiao", "customers_customer_pinyin"),
        ("anna@x", "customers_customer_email"),
    ],
)
def test_searches_are_served_by_indexes(at_north, text, index):
    moment = clock.now()
    Customer.objects.bulk_create(
        Customer(
            name=f"客户{n}",
            surname="客",
            pinyin=f"kehu{n}",
            initials=f"k{n}",
            phone=f"+86139{n:08d}",
            email=f"k{n}@y.example",
            for_sales=True,
            created_at=moment,
            updated_at=moment,
        )
        for n in range(3000)
    )
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = Customer.objects.filter(queries.matching(text)).order_by().explain()
    assert index in plan, plan


# -- who sees whom


@pytest.mark.parametrize(
    ("role", "names"),
    [
        ("general_manager", {"wang", "smith", "ouyang", "firm"}),
        ("crm_manager", {"wang", "smith", "ouyang", "firm"}),
        ("sales_consultant", {"wang", "smith", "firm"}),
        ("receptionist", {"wang", "smith", "firm"}),
        ("service_adviser", {"ouyang", "firm"}),
        ("technician", set()),
        ("stock_clerk", set()),
        ("finance_clerk", set()),
        ("it_admin", set()),
    ],
)
def test_departments_meet_their_own_customers(book, at_north, role, names):
    user = at_north.user(role)
    seen = set(queries.visible_customers(user).values_list("pk", flat=True))
    assert seen == {book[name].pk for name in names}
    for name, customer in book.items():
        if name not in names:
            with pytest.raises(Missing):
                queries.access_customer_for_reading(customer.pk, user)


def test_a_duplicate_of_another_department_is_masked(book, at_north):
    (found,) = queries.duplicates(at_north.user("service_adviser"), phone_number="138-0013-8000", email="")
    assert (found.visible, found.same_phone, found.name) == (False, True, "王**")
    (own,) = queries.duplicates(at_north.user("sales_consultant"), phone_number="13800138000", email="")
    assert (own.visible, own.name) == (True, "王小明")
    (mail,) = queries.duplicates(at_north.user("sales_consultant"), phone_number="", email="ANNA@x.example")
    assert (mail.customer, mail.same_phone) == (book["smith"], False)


@pytest.mark.parametrize("given", [{"phone_number": ""}, {"phone_number": "12"}, {"phone_number": "13800138001"}])
def test_no_duplicate_where_there_is_none(book, at_north, given):
    assert queries.duplicates(at_north.user("sales_consultant"), email="", **given) == []


def test_meeting_a_known_customer_instead_of_a_second_entry(book, at_north):
    adviser = at_north.user("service_adviser")
    actions.meet_customer(actor=at_north.actor("service_adviser"), customer=book["wang"])
    assert queries.access_customer_for_reading(book["wang"].pk, adviser) == book["wang"]


def test_customers_of_one_dealership_are_invisible_in_another(wall, north, south):
    with north.bound():
        made = actions.create_customer(actor=north.actor("sales_consultant"), name="王小明", phone="13800138000")
    with south.bound():
        assert queries.find_by_contact(phone_number="13800138000") == []
        with pytest.raises(Missing):
            queries.access_customer_for_reading(made.pk, south.user("general_manager"))
