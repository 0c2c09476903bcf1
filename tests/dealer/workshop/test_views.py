"""Pages of the workshop: who may open them, the main job click by click, what is kept when input is wrong."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from tests.service import add_customer_line, add_warranty_lines, car_of, close, diagnose, order_of

from dealer.workshop import actions
from dealer.workshop.models import Appointment, Job, JobLine, LabourRate, RepairOrder
from kernel import clock


def text_of(answer) -> str:
    return answer.content.decode()


@pytest.fixture
def owner_and_car(wall, north):
    with north.bound():
        return car_of(north)


@pytest.fixture
def order(north, owner_and_car):
    with north.bound():
        return order_of(north, *owner_and_car)


@pytest.fixture
def job(north, order):
    with north.bound():
        return order.jobs.get()


@pytest.fixture
def adviser(wall, north):
    return north.client("service_adviser")


def speak(side, role: str, language: str):
    """A client of the person with a role, who reads in a language."""
    user = side.user(role)
    with side.bound():
        user.language = language
        user.save()
    return side.client(user)


# -- appointments


def test_a_car_is_booked_by_the_end_of_its_vin(adviser, owner_and_car, north):
    customer, vehicle = owner_and_car
    found = adviser.get("/appointments/new/", {"q": vehicle.vin[-6:]})
    address = f"/appointments/new/?vehicle={vehicle.pk}&amp;customer={customer.pk}"
    assert address in text_of(found)
    page = adviser.get(address.replace("&amp;", "&"))
    assert page.status_code == 200
    assert vehicle.vin[:11] in text_of(page)
    when = timezone.localtime(clock.now() + timedelta(days=1)).strftime("%Y-%m-%dT10:00")
    with north.bound():
        site = str(actions.orders.queries.active_sites().first().pk)
    sent = {
        "starts_at": when,
        "minutes": "90",
        "kind": "maintenance",
        "wish": "换机油",
        "site": site,
        "channel": "phone",
    }
    answer = adviser.post(address.replace("&amp;", "&"), sent)
    assert answer.status_code == 302
    with north.bound():
        made = Appointment.objects.get()
    assert (made.minutes, made.wish, made.vehicle_id) == (90, "换机油", vehicle.pk)
    day = text_of(adviser.get(answer.headers["Location"]))
    assert "换机油" in day
    assert f"/appointments/{made.pk}/arrive/" in day


@pytest.mark.parametrize(("language", "sentence"), [("en", "cannot lie in the past"), ("zh-hans", 'lang="zh-Hans"')])
def test_a_booking_in_the_past_keeps_what_was_typed(owner_and_car, north, language, sentence):
    customer, vehicle = owner_and_car
    client = speak(north, "service_adviser", language)
    with north.bound():
        site = str(actions.orders.queries.active_sites().first().pk)
    answer = client.post(
        f"/appointments/new/?vehicle={vehicle.pk}&customer={customer.pk}",
        {
            "starts_at": "2020-01-01T10:00",
            "minutes": "60",
            "kind": "repair",
            "wish": "空调不冷",
            "site": site,
            "channel": "phone",
        },
    )
    assert answer.status_code == 422
    assert sentence in text_of(answer)
    assert "空调不冷" in text_of(answer)


def test_a_customer_who_came_has_an_order(adviser, owner_and_car, north):
    with north.bound():
        appointment = actions.book_appointment(
            actor=north.actor("service_adviser"),
            customer=owner_and_car[0],
            vehicle=owner_and_car[1],
            starts_at=clock.now(),
            wish="换机油",
        )
    assert "换机油" in text_of(adviser.get(f"/appointments/{appointment.pk}/arrive/"))
    wrong = adviser.post(f"/appointments/{appointment.pk}/arrive/", {"odometer_km": "12,3", "complaints": "换机油"})
    assert wrong.status_code == 422
    sent = {"odometer_km": "12300", "complaints": "换机油\n\n异响"}
    answer = adviser.post(f"/appointments/{appointment.pk}/arrive/", sent)
    with north.bound():
        order = RepairOrder.objects.get()
        assert [job.complaint for job in order.jobs.all()] == ["换机油", "异响"]
    assert answer.headers["Location"] == f"/repair-orders/{order.pk}/"
    again = adviser.get(f"/appointments/{appointment.pk}/")
    assert again.headers["Location"] == f"/repair-orders/{order.pk}/"


def test_an_appointment_is_moved_missed_and_cancelled(adviser, owner_and_car, north):
    with north.bound():
        made = [
            actions.book_appointment(
                actor=north.actor("service_adviser"),
                customer=owner_and_car[0],
                vehicle=owner_and_car[1],
                starts_at=clock.now() + timedelta(minutes=minutes),
            )
            for minutes in (60, 60, -5)
        ]
        site = str(made[0].site_id)
    when = timezone.localtime(clock.now() + timedelta(days=2)).strftime("%Y-%m-%dT11:00")
    sent = {"starts_at": when, "minutes": "60", "kind": "repair", "site": site}
    assert adviser.post(f"/appointments/{made[0].pk}/change/", sent).status_code == 302
    assert adviser.post(f"/appointments/{made[1].pk}/cancel/", {"reason": "改期"}).status_code == 302
    assert adviser.post(f"/appointments/{made[2].pk}/no-show/").status_code == 302
    early = adviser.post(f"/appointments/{made[0].pk}/no-show/", follow=True)
    assert early.status_code == 200
    with north.bound():
        states = [Appointment.objects.get(pk=one.pk).state for one in made]
    assert states == ["booked", "cancelled", "no_show"]


@pytest.mark.parametrize("day", ["2026-13-99", "tomorrow", "0001-01-01", "9999-12-31"])
def test_a_day_that_is_none_is_today(adviser, day):
    assert adviser.get(f"/appointments/?day={day}").status_code == 200


# -- orders


def test_mileage_going_back_names_the_earlier_reading_and_keeps_the_rest(order, owner_and_car, north):
    customer, vehicle = owner_and_car
    with north.bound():
        actions.cancel_repair_order(actor=north.actor("service_adviser"), order=order, reason="离店")
        site = str(order.site_id)
    client = speak(north, "service_adviser", "en")
    answer = client.post(
        f"/repair-orders/new/?vehicle={vehicle.pk}&customer={customer.pk}",
        {"odometer_km": "11000", "complaints": "水温高", "kind": "repair", "site": site},
    )
    assert answer.status_code == 422
    assert "12000" in text_of(answer)
    assert "水温高" in text_of(answer)
    assert 'value="11000"' in text_of(answer)


def test_a_car_that_is_here_leads_to_its_order(adviser, order, owner_and_car):
    customer, vehicle = owner_and_car
    answer = adviser.get(f"/repair-orders/new/?vehicle={vehicle.pk}&customer={customer.pk}")
    assert answer.headers["Location"] == f"/repair-orders/{order.pk}/"


def test_the_whole_job_page_by_page(adviser, order, job, north):
    here = f"/repair-orders/{order.pk}/"
    assert "/start/" in text_of(adviser.get(here))
    adviser.post(f"{here}start/")
    sent = {"complaint": "水温高", "cause": "水泵磨损", "correction": "更换水泵", "fault_code": "p0300"}
    assert adviser.post(f"/repair-orders/jobs/{job.pk}/edit/", sent).status_code == 302
    picker = f"/repair-orders/jobs/{job.pk}/lines/new/"
    assert "XH-ENG-010" in text_of(adviser.get(f"{picker}?kind=labour&pay=warranty&q=水泵"))
    assert "XH-BRK-010" not in text_of(adviser.get(f"{picker}?kind=labour&pay=warranty&q=水泵"))
    adviser.post(f"{picker}?kind=labour&pay=warranty", {"code": "XH-ENG-010"})
    adviser.post(f"{picker}?kind=part&pay=warranty", {"code": "XH-1001-01", "quantity": "1", "causal": "1"})
    free = {"free": "1", "free-description": "四轮定位", "free-quantity": "1", "free-unit_price": "88"}
    adviser.post(f"{picker}?kind=sublet&pay=customer", free)
    page = text_of(adviser.get(here))
    assert "四轮定位" in page
    assert "P0300" in page
    assert "/ready/" in page
    adviser.post(f"{here}ready/")
    checklist = text_of(adviser.get(f"{here}close/"))
    assert "¥870" in checklist
    assert adviser.post(f"{here}close/").headers["Location"] == here
    with north.bound():
        closed = RepairOrder.objects.get()
        assert (closed.state, closed.total) == ("closed", Decimal("958.00"))
        assert closed.claims.count() == 1
    page = text_of(adviser.get(here))
    assert "/lines/" not in page
    assert "WC0" in page
    assert text_of(adviser.get(f"{here}print/")).count("¥958") == 1


def test_the_picker_offers_what_fits_the_car_and_finds_any_whole_code(north, job):
    client = speak(north, "service_adviser", "en")
    picker = f"/repair-orders/jobs/{job.pk}/lines/new/?kind=part&pay=warranty"
    offered = text_of(client.get(picker))
    assert "XH-3501-01" in offered
    assert "XH-5207-01" not in offered, "it is for another series"
    assert "XH-5207-01" not in text_of(client.get(f"{picker}&q=roof"))
    asked = text_of(client.get(f"{picker}&q=xh-5207-01"))
    assert "XH-5207-01" in asked
    assert "For Tinglan only" in asked
    assert "For Yaochuan only" in text_of(client.get(f"{picker}&q=YC-2101-01"))
    client.post(picker, {"code": "XH-5207-01", "quantity": "1"})
    with north.bound():
        assert JobLine.objects.get().code == "XH-5207-01"


def test_closing_says_what_is_missing_and_where_to_write_it(order, job, north):
    client = speak(north, "service_adviser", "en")
    client.post(f"/repair-orders/{order.pk}/start/")
    client.post(f"/repair-orders/{order.pk}/ready/")
    page = text_of(client.get(f"/repair-orders/{order.pk}/close/"))
    assert "Write down the cause." in page
    assert f"/repair-orders/jobs/{job.pk}/edit/" in page
    refused = client.post(f"/repair-orders/{order.pk}/close/", follow=True)
    assert "Write down the cause." in text_of(refused)
    with north.bound():
        assert RepairOrder.objects.get().state == "ready"


@pytest.mark.parametrize("language", ["en", "zh-hans", "zh-hant"])
def test_a_wrong_line_says_so_and_adds_nothing(job, north, language):
    client = speak(north, "service_adviser", language)
    picker = f"/repair-orders/jobs/{job.pk}/lines/new/?kind=part&pay=customer"
    answer = client.post(picker, {"free": "1", "free-description": "垫片", "free-quantity": "-2"})
    assert answer.status_code == 422
    assert "垫片" in text_of(answer)
    assert client.post(picker, {"code": "NO-SUCH"}, follow=True).status_code == 200
    assert client.post(picker, {"code": "XH-1001-01", "quantity": "many"}, follow=True).status_code == 200
    with north.bound():
        assert not JobLine.objects.exists()


def test_lines_and_jobs_are_changed_and_removed(adviser, order, job, north):
    with north.bound():
        add_customer_line(north, job)
        line = job.lines.get()
        mechanic = north.user("technician")
    form = text_of(adviser.get(f"/repair-orders/lines/{line.pk}/edit/"))
    assert 'value="88.00"' in form
    changed = {"description": "四轮定位", "quantity": "2", "unit_price": "90", "pay_type": "goodwill"}
    adviser.post(f"/repair-orders/lines/{line.pk}/edit/", changed)
    with north.bound():
        line.refresh_from_db()
        assert (line.amount, line.pay_type) == (Decimal("180.00"), "goodwill")
    adviser.post(f"/repair-orders/{order.pk}/jobs/new/", {"complaint": "异响", "technician": str(mechanic.pk)})
    with north.bound():
        second = Job.objects.get(position=2)
        assert second.technician == mechanic
    adviser.post(f"/repair-orders/jobs/{second.pk}/assign/", {"technician": ""})
    adviser.post(f"/repair-orders/jobs/{second.pk}/remove/")
    adviser.post(f"/repair-orders/lines/{line.pk}/remove/")
    with north.bound():
        assert (Job.objects.count(), JobLine.objects.count()) == (1, 0)


def test_an_order_is_changed_resumed_and_cancelled(adviser, order, job, north):
    assert adviser.post(f"/repair-orders/{order.pk}/change/", {"kind": "accident"}).status_code == 302
    for word in ("start", "ready", "resume"):
        assert adviser.post(f"/repair-orders/{order.pk}/{word}/").status_code == 302
    assert adviser.post(f"/repair-orders/{order.pk}/cancel/", {"reason": ""}).status_code == 422
    assert adviser.post(f"/repair-orders/{order.pk}/cancel/", {"reason": "离店"}).status_code == 302
    with north.bound():
        order.refresh_from_db()
        assert (order.kind, order.state, order.reason) == ("accident", "cancelled", "离店")


def test_the_list_finds_by_number_plate_vin_and_phone(adviser, order, owner_and_car):
    customer, vehicle = owner_and_car
    for text in (str(order), str(order.number), "苏A12345", vehicle.vin[-6:], "13800138000", customer.name):
        assert str(order) in text_of(adviser.get("/repair-orders/", {"q": text})), text
    assert str(order) not in text_of(adviser.get("/repair-orders/", {"q": "ZZZZZ"}))
    export = adviser.get("/repair-orders/?export=csv")
    assert vehicle.vin in b"".join(export.streaming_content).decode("utf-8-sig")


def test_rates_are_set_by_the_general_manager(north, wall):
    client = north.client("general_manager")
    assert client.get("/settings/labour-rates/").status_code == 200
    sent = dict.fromkeys(("customer", "warranty", "internal", "insurance", "goodwill"), "199.50")
    assert client.post("/settings/labour-rates/", sent | {"customer": "-1"}).status_code == 422
    assert client.post("/settings/labour-rates/", sent).status_code == 302
    with north.bound():
        assert set(LabourRate.objects.values_list("hourly", flat=True)) == {Decimal("199.50")}


# -- who may


def test_a_technician_works_on_own_jobs_without_seeing_the_customer(order, job, north):
    mechanic = north.client("technician")
    assert mechanic.get(f"/repair-orders/{order.pk}/").status_code == 404
    with north.bound():
        actions.assign_technician(actor=north.actor("service_adviser"), job=job, technician=north.user("technician"))
        other = actions.add_job(actor=north.actor("service_adviser"), order=order, complaint="别人的活")
    page = text_of(mechanic.get(f"/repair-orders/{order.pk}/"))
    assert "发动机水温高" in page
    assert "别人的活" not in page
    assert "王小明" not in page
    assert "13800138000" not in page
    assert "王小明" not in text_of(mechanic.get("/repair-orders/"))
    assert str(order) not in text_of(mechanic.get("/repair-orders/", {"q": "王小明"}))
    assert "王小明" not in text_of(mechanic.get(f"/repair-orders/{order.pk}/print/"))
    sent = {"complaint": "水温高", "cause": "水泵", "correction": "", "fault_code": ""}
    assert mechanic.post(f"/repair-orders/jobs/{job.pk}/edit/", sent).status_code == 302
    assert mechanic.post(f"/repair-orders/jobs/{other.pk}/edit/", sent).status_code == 404
    assert mechanic.post(f"/repair-orders/jobs/{job.pk}/start/").status_code == 302
    assert mechanic.post(f"/repair-orders/jobs/{job.pk}/finish/").status_code == 302
    assert mechanic.post(f"/repair-orders/{order.pk}/close/").status_code == 403
    assert mechanic.get("/appointments/new/").status_code == 403
    today = text_of(mechanic.get("/today/"))
    assert "王小明" not in today


PAGES = [
    ("/appointments/", {"service_adviser", "service_manager", "general_manager", "crm_manager", "technician"}),
    ("/appointments/new/", {"service_adviser", "service_manager"}),
    ("/repair-orders/", {"service_adviser", "service_manager", "general_manager", "parts_clerk", "technician"}),
    ("/repair-orders/new/", {"service_adviser", "service_manager"}),
    ("/settings/labour-rates/", {"general_manager", "it_admin"}),
]
ROLES = [
    "service_adviser",
    "service_manager",
    "general_manager",
    "parts_clerk",
    "technician",
    "sales_consultant",
    "it_admin",
    "crm_manager",
]


@pytest.mark.parametrize("role", ROLES)
def test_pages_open_for_their_roles_only(wall, north, role):
    client = north.client(role)
    extra = {"/appointments/": {"parts_clerk"}, "/repair-orders/": {"crm_manager"}}
    for address, roles in PAGES:
        expected = 200 if role in roles | extra.get(address, set()) else 403
        assert client.get(address).status_code == expected, address


def test_unknown_things_and_those_of_another_dealership_are_missing(order, job, north, south):
    stranger = south.client("service_manager")
    own = north.client("service_manager")
    for address in (
        f"/repair-orders/{order.pk}/",
        f"/repair-orders/{order.pk}/close/",
        f"/repair-orders/{order.pk}/print/",
        f"/repair-orders/jobs/{job.pk}/edit/",
        f"/repair-orders/jobs/{job.pk}/lines/new/",
    ):
        assert own.get(address).status_code == 200, address
        assert stranger.get(address).status_code == 404, address
        assert (
            own.get(address.replace(str(order.pk), str(uuid4())).replace(str(job.pk), str(uuid4()))).status_code == 404
        )


def test_nobody_signed_in_is_sent_to_the_sign_in(order, north):
    assert north.client().get(f"/repair-orders/{order.pk}/").status_code == 302


# -- cost


def queries_of(client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as seen:
        assert client.get(address).status_code == 200
    return len(seen)


def test_lists_and_pages_cost_the_same_however_much_there_is(adviser, owner_and_car, order, job, north):
    with north.bound():
        diagnose(north, job)
        add_warranty_lines(north, job)
        actions.book_appointment(
            actor=north.actor("service_adviser"),
            customer=owner_and_car[0],
            vehicle=owner_and_car[1],
            starts_at=clock.now(),
        )
    addresses = ["/repair-orders/", f"/repair-orders/{order.pk}/", "/appointments/", "/today/"]
    before = [queries_of(adviser, address) for address in addresses]
    with north.bound():
        for serial in range(2, 6):
            pair = car_of(north, serial=serial, phone=f"1390013900{serial}", plate=f"苏B0000{serial}")
            order_of(north, *pair)
            actions.book_appointment(
                actor=north.actor("service_adviser"), customer=pair[0], vehicle=pair[1], starts_at=clock.now()
            )
        for complaint in ("异响", "漏油", "抖动"):
            extra = actions.add_job(actor=north.actor("service_adviser"), order=order, complaint=complaint)
            add_warranty_lines(north, extra)
    assert [queries_of(adviser, address) for address in addresses] == before
    assert max(before) <= 15, dict(zip(addresses, before, strict=True))


def test_the_customers_card_shows_service_and_where_to_book(adviser, owner_and_car, order):
    page = text_of(adviser.get(f"/customers/{owner_and_car[0].pk}/"))
    assert str(order) in page
    assert f"/appointments/new/?vehicle={owner_and_car[1].pk}&amp;customer={owner_and_car[0].pk}" in page


def test_a_closed_order_shows_the_earlier_visits_of_the_car(adviser, owner_and_car, order, job, north):
    with north.bound():
        diagnose(north, job)
        add_customer_line(north, job)
        close(north, order)
        second = order_of(north, *owner_and_car, odometer_km=15_000)
    assert f"/repair-orders/{order.pk}/" in text_of(adviser.get(f"/repair-orders/{second.pk}/"))
