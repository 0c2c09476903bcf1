"""Booking, taking cars in, working on them, closing."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import translation
from tests.service import add_customer_line, add_warranty_lines, car_of, close, conflict, diagnose, order_of, set_level

from dealer.customers.models import Interaction, OdometerReading
from dealer.organisation.models import Site
from dealer.warranty.models import Claim
from dealer.workshop import actions, closing, queries
from dealer.workshop.models import (
    APPOINTMENT_TRANSITIONS,
    JOB_TRANSITIONS,
    ORDER_TRANSITIONS,
    Appointment,
    AppointmentState,
    Job,
    JobLine,
    JobState,
    OrderState,
    RepairOrder,
)
from exchange.models import Ledger, Payload
from kernel import clock
from kernel.audit.models import Entry
from kernel.contracts import Level
from kernel.errors import Conflict, Forbidden, IllegalTransition, Invalid, Missing
from kernel.ids import new_id
from kernel.transitions import move


@pytest.fixture
def at_north(wall, north):
    with north.bound():
        yield north


@pytest.fixture
def adviser(north, wall):
    return north.actor("service_adviser")


@pytest.fixture
def technician(north, wall):
    return north.actor("technician")


@pytest.fixture
def owner_and_car(at_north):
    return car_of(at_north)


@pytest.fixture
def order(at_north, owner_and_car):
    return order_of(at_north, *owner_and_car)


@pytest.fixture
def job(order):
    return order.jobs.get()


@pytest.fixture
def appointment(adviser, owner_and_car):
    customer, vehicle = owner_and_car
    return actions.book_appointment(
        actor=adviser,
        customer=customer,
        vehicle=vehicle,
        starts_at=clock.now() + timedelta(hours=2),
        wish="换机油",
    )


# -- appointments


def test_a_booking_is_kept_with_site_and_stands_on_the_customers_line(appointment, owner_and_car):
    assert appointment.state == AppointmentState.BOOKED
    assert appointment.site == Site.objects.get(is_main=True)
    assert str(appointment).startswith("AP")
    line = Interaction.objects.get(document="workshop.appointment")
    assert (line.customer, line.content, line.document_id) == (owner_and_car[0], "换机油", appointment.pk)
    assert Entry.objects.get(action="workshop.book").after["wish"] == "换机油"


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"starts_at": None}, "starts_at", "required"),
        ({"starts_at": "tomorrow"}, "starts_at", "time"),
        ({"hours": -3}, "starts_at", "past"),
        ({"minutes": 5}, "minutes", "range"),
        ({"minutes": "sixty"}, "minutes", "range"),
        ({"kind": "wash"}, "kind", "choice"),
        ({"wish": "x" * 2001}, "wish", "too_long"),
        ({"wish": "a\x00b"}, "wish", "characters"),
        ({"promised_hours": 1}, "promised_at", "order"),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_wrong_booking_names_the_field(adviser, owner_and_car, fields, field, code, language):
    customer, vehicle = owner_and_car
    given = dict(fields)
    given.setdefault("starts_at", clock.now() + timedelta(hours=given.pop("hours", 2)))
    if "promised_hours" in given:
        given["promised_at"] = clock.now() + timedelta(hours=given.pop("promised_hours"))
    with translation.override(language), pytest.raises(Invalid) as caught:
        actions.book_appointment(actor=adviser, customer=customer, vehicle=vehicle, **given)
    assert [(error.field, error.code) for error in caught.value.errors] == [(field, code)]
    assert str(caught.value.errors[0].message)
    assert not Appointment.objects.exists()


def test_only_advisers_are_advisers(adviser, owner_and_car, north):
    customer, vehicle = owner_and_car
    with pytest.raises(Invalid) as caught:
        actions.book_appointment(
            actor=adviser,
            customer=customer,
            vehicle=vehicle,
            starts_at=clock.now() + timedelta(hours=2),
            adviser=north.user("technician"),
        )
    assert caught.value.errors[0].field == "adviser"


def test_moving_an_appointment_is_audited(appointment, adviser):
    later = appointment.starts_at + timedelta(days=1)
    moved = actions.change_appointment(actor=adviser, appointment=appointment, starts_at=later, minutes=90)
    assert (moved.starts_at, moved.minutes) == (later, 90)
    entry = Entry.objects.get(action="workshop.change_appointment")
    assert set(entry.after) == {"starts_at", "minutes"}


@pytest.mark.parametrize(
    "fields",
    [{"minutes": 90}, {"wish": "换轮胎"}, {"kind": "repair"}, {"starts_at": timedelta(hours=5)}],
)
def test_only_what_is_given_of_an_appointment_changes(appointment, adviser, fields):
    given = {key: clock.now() + value if isinstance(value, timedelta) else value for key, value in fields.items()}
    actions.change_appointment(actor=adviser, appointment=appointment, **given)
    entry = Entry.objects.get(action="workshop.change_appointment")
    assert entry.before.keys() == entry.after.keys() == given.keys()


def test_saying_the_same_of_an_appointment_again_is_not_audited(appointment, adviser):
    actions.change_appointment(actor=adviser, appointment=appointment, wish=" 换机油 ", minutes=60)
    assert not Entry.objects.filter(action="workshop.change_appointment").exists()


def test_an_appointment_is_at_a_site_that_is_open(appointment, adviser):
    closed = Site.objects.create(name="Old hall", active=False)
    for site in (closed, None):
        with pytest.raises(Invalid) as caught:
            actions.change_appointment(actor=adviser, appointment=appointment, site=site)
        assert [(error.field, error.code) for error in caught.value.errors] == [("site", "choice")]
    east = Site.objects.create(name="East hall")
    assert actions.change_appointment(actor=adviser, appointment=appointment, site=east).site == east


def test_an_appointment_that_is_gone_does_not_exist(appointment, adviser):
    gone = Appointment(pk=new_id())
    with pytest.raises(Missing):
        actions.change_appointment(actor=adviser, appointment=gone, minutes=90)


def test_arriving_opens_the_order_with_the_wish_as_complaint(appointment, adviser):
    order = actions.arrive(actor=adviser, appointment=appointment, odometer_km=9_000)
    appointment.refresh_from_db()
    assert appointment.state == AppointmentState.ARRIVED
    assert order.appointment == appointment
    assert [job.complaint for job in order.jobs.all()] == ["换机油"]
    with pytest.raises(IllegalTransition):
        actions.arrive(actor=adviser, appointment=appointment, odometer_km=9_000)


def test_an_arrival_with_wrong_mileage_leaves_the_appointment_as_it_was(appointment, adviser):
    with pytest.raises(Invalid):
        actions.arrive(actor=adviser, appointment=appointment, odometer_km=-1)
    appointment.refresh_from_db()
    assert appointment.state == AppointmentState.BOOKED
    assert not RepairOrder.objects.exists()


def test_who_did_not_come_may_still_come_later(appointment, adviser):
    with conflict("not_yet"):
        actions.miss_appointment(actor=adviser, appointment=appointment)
    Appointment.objects.update(starts_at=clock.now() - timedelta(minutes=30))
    assert actions.miss_appointment(actor=adviser, appointment=appointment).state == AppointmentState.NO_SHOW
    assert actions.arrive(actor=adviser, appointment=appointment, odometer_km=9_000).state == OrderState.OPEN


def test_a_cancelled_appointment_stays_cancelled(appointment, adviser):
    cancelled = actions.cancel_appointment(actor=adviser, appointment=appointment, reason="客户改期")
    assert (cancelled.state, cancelled.reason) == (AppointmentState.CANCELLED, "客户改期")
    with pytest.raises(IllegalTransition):
        actions.cancel_appointment(actor=adviser, appointment=appointment)
    with conflict("not_booked"):
        actions.change_appointment(actor=adviser, appointment=appointment, minutes=30)


# -- opening


def test_an_order_stores_the_mileage_with_its_document(order, owner_and_car):
    _customer, vehicle = owner_and_car
    reading = OdometerReading.objects.get()
    assert (reading.km, reading.source, reading.document_id) == (12_000, "repair_order", order.pk)
    vehicle.refresh_from_db()
    assert vehicle.odometer_km == 12_000
    assert order.adviser.role == "service_adviser"
    assert order.currency == "CNY"


def test_mileage_going_back_names_the_earlier_reading(at_north, order, owner_and_car, adviser):
    actions.cancel_repair_order(actor=adviser, order=order, reason="客户离店")
    with translation.override("en"), pytest.raises(Invalid) as caught:
        order_of(at_north, *owner_and_car, odometer_km=11_999)
    error = caught.value.errors[0]
    assert (error.field, error.code) == ("odometer_km", "odometer_going_back")
    assert "12000" in str(error.message)
    assert RepairOrder.objects.count() == 1


def test_a_car_stands_in_the_workshop_once(at_north, order, owner_and_car):
    with pytest.raises(Conflict) as caught:
        order_of(at_north, *owner_and_car)
    assert caught.value.code == "order_running"
    assert str(order) in str(caught.value.message)


@pytest.mark.parametrize(
    ("fields", "fields_wrong"),
    [
        ({"odometer_km": None}, ["odometer_km"]),
        ({"odometer_km": "12000"}, ["odometer_km"]),
        ({"odometer_km": 3_000_000}, ["odometer_km"]),
        ({"kind": "wash"}, ["kind"]),
        ({"complaints": ["x" * 2001]}, ["complaints"]),
        ({"complaints": [" "]}, ["complaints"]),
        ({"odometer_km": -1, "kind": "wash"}, ["kind", "odometer_km"]),
    ],
)
def test_a_wrong_order_names_every_field(at_north, owner_and_car, fields, fields_wrong):
    with pytest.raises(Invalid) as caught:
        order_of(at_north, *owner_and_car, **fields)
    assert [error.field for error in caught.value.errors] == fields_wrong
    assert not RepairOrder.objects.exists()
    assert not OdometerReading.objects.exists()


def test_a_car_is_taken_in_at_a_site_that_is_open(at_north, owner_and_car):
    with pytest.raises(Invalid) as caught:
        order_of(at_north, *owner_and_car, site=Site.objects.create(name="Old hall", active=False))
    assert [(error.field, error.code) for error in caught.value.errors] == [("site", "choice")]
    east = Site.objects.create(name="East hall")
    assert order_of(at_north, *owner_and_car, site=east).site == east


def test_without_any_open_site_no_car_is_taken_in(at_north, owner_and_car):
    Site.objects.update(active=False)
    with pytest.raises(Invalid) as caught:
        order_of(at_north, *owner_and_car)
    assert [(error.field, error.code) for error in caught.value.errors] == [("site", "choice")]


def test_only_what_is_given_of_an_order_changes(order, adviser, at_north):
    manager = at_north.user("service_manager")
    for given in ({"kind": "accident"}, {"adviser": manager}, {"adviser": None}):
        changed = actions.update_repair_order(actor=adviser, order=order, **given)
        assert {key: getattr(changed, key) for key in given} == given
    entries = Entry.objects.filter(action="workshop.update").order_by("at")
    assert [list(entry.after) for entry in entries] == [["kind"], ["adviser"], ["adviser"]]


def test_saying_the_same_of_an_order_again_is_not_audited(order, adviser):
    actions.update_repair_order(actor=adviser, order=order, kind=order.kind, adviser=order.adviser)
    assert not Entry.objects.filter(action="workshop.update").exists()


@pytest.mark.parametrize("role", ["technician", "sales_consultant"])
def test_an_order_is_looked_after_by_a_service_adviser(order, adviser, at_north, role):
    with pytest.raises(Invalid) as caught:
        actions.update_repair_order(actor=adviser, order=order, adviser=at_north.user(role))
    assert [(error.field, error.code) for error in caught.value.errors] == [("adviser", "choice")]


def test_a_field_that_the_workshop_does_not_have_is_a_defect_of_the_caller(order, job, adviser):
    line = actions.add_line(actor=adviser, job=job, kind="labour", code="XH-MNT-010")
    with pytest.raises(TypeError, match=r"no field \['state'\] to change"):
        actions.update_repair_order(actor=adviser, order=order, state="closed")
    with pytest.raises(TypeError, match=r"no field \['technician'\] to change"):
        actions.update_job(actor=adviser, job=job, technician=None)
    with pytest.raises(TypeError, match=r"no field \['amount'\] to change"):
        actions.update_line(actor=adviser, line=line, amount=1)


def test_an_order_or_line_that_is_gone_does_not_exist(order, job, adviser):
    with pytest.raises(Missing):
        actions.update_repair_order(actor=adviser, order=RepairOrder(pk=new_id()), kind="repair")
    line = actions.add_line(actor=adviser, job=job, kind="labour", code="XH-MNT-010")
    gone = JobLine(pk=new_id(), job=job)
    for step in (actions.update_line, actions.remove_line):
        with pytest.raises(Missing):
            step(actor=adviser, line=gone)
    assert list(job.lines.all()) == [line]


def test_a_promise_before_the_car_came_is_refused(at_north, owner_and_car):
    with pytest.raises(Invalid) as caught:
        order_of(at_north, *owner_and_car, promised_at=clock.now() - timedelta(hours=1))
    assert caught.value.errors[0].field == "promised_at"


def test_the_promise_can_be_changed_and_is_audited(order, adviser):
    promised = clock.now() + timedelta(hours=5)
    actions.update_repair_order(actor=adviser, order=order, promised_at=promised, kind="maintenance")
    order.refresh_from_db()
    assert (order.promised_at, order.kind) == (promised, "maintenance")
    assert set(Entry.objects.get(action="workshop.update").after) == {"promised_at", "kind"}


@pytest.mark.parametrize("role", ["technician", "parts_clerk", "sales_consultant", "general_manager", "it_admin"])
def test_only_advisers_and_managers_open_orders(at_north, owner_and_car, role):
    customer, vehicle = owner_and_car
    with pytest.raises(Forbidden):
        actions.open_repair_order(actor=at_north.actor(role), customer=customer, vehicle=vehicle, odometer_km=12_000)


# -- jobs


def test_a_job_gets_complaint_technician_and_place(order, adviser, at_north):
    mechanic = at_north.user("technician")
    job = actions.add_job(actor=adviser, order=order, complaint="异响", fault_code="p0420", technician=mechanic)
    assert (job.position, job.fault_code, job.technician) == (2, "P0420", mechanic)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"complaint": " "}, "complaint"),
        ({"complaint": 5}, "complaint"),
        ({"complaint": "异响", "fault_code": "P 03/00"}, "fault_code"),
        ({"complaint": "异响", "fault_code": "P" * 41}, "fault_code"),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_wrong_job_names_the_field(order, adviser, fields, field, language):
    with translation.override(language), pytest.raises(Invalid) as caught:
        actions.add_job(actor=adviser, order=order, **fields)
    assert caught.value.errors[0].field == field
    assert order.jobs.count() == 1


def test_a_job_goes_to_technicians_only(job, adviser, at_north):
    with pytest.raises(Invalid):
        actions.assign_technician(actor=adviser, job=job, technician=at_north.user("sales_consultant"))
    actions.assign_technician(actor=adviser, job=job, technician=at_north.user("technician"))
    assert Job.objects.get().technician.role == "technician"


def test_a_technician_writes_own_jobs_only(job, adviser, technician, at_north):
    with pytest.raises(Missing):
        actions.update_job(actor=technician, job=job, cause="水泵")
    actions.assign_technician(actor=adviser, job=job, technician=at_north.user("technician"))
    actions.update_job(actor=technician, job=job, cause="水泵")
    actions.start_job(actor=technician, job=job)
    actions.add_line(actor=technician, job=job, kind="labour", code="XH-ENG-010")
    actions.finish_job(actor=technician, job=job)
    job.refresh_from_db()
    assert (job.cause, job.state) == ("水泵", JobState.DONE)
    with pytest.raises(Forbidden):
        actions.assign_technician(actor=technician, job=job, technician=None)
    with pytest.raises(Forbidden):
        actions.close_repair_order(actor=technician, order=job.repair_order)


def test_a_technician_sees_own_jobs_only(order, job, adviser, at_north):
    mechanic = at_north.user("technician")
    assert not queries.visible_orders(mechanic).exists()
    actions.add_job(actor=adviser, order=order, complaint="异响", technician=mechanic)
    assert [found.complaint for found in queries.jobs_of(order, mechanic)] == ["异响"]
    assert queries.visible_orders(mechanic).get() == order
    assert not queries.visible_appointments(mechanic).exists()
    with pytest.raises(Missing):
        queries.access_job_for_work(job.pk, mechanic)


def test_starting_a_job_starts_the_order_also_when_it_was_ready(job, adviser):
    actions.start_job(actor=adviser, job=job)
    order = RepairOrder.objects.get()
    assert order.state == OrderState.IN_WORK
    order = actions.mark_ready(actor=adviser, order=order)
    job.refresh_from_db()
    assert (order.state, job.state) == (OrderState.READY, JobState.DONE)
    actions.start_job(actor=adviser, job=job)
    order.refresh_from_db()
    assert (order.state, order.ready_at) == (OrderState.IN_WORK, None)


def test_work_on_a_second_job_finds_the_order_at_work(order, job, adviser):
    second = actions.add_job(actor=adviser, order=order, complaint="刹车异响")
    for one in (job, second):
        actions.start_job(actor=adviser, job=one)
    order.refresh_from_db()
    assert order.state == OrderState.IN_WORK
    assert Entry.objects.filter(action="workshop.start").count() == 1
    assert Entry.objects.filter(action="workshop.start_job").count() == 2


def test_saying_the_same_of_a_job_or_line_again_is_not_audited(at_north, job, adviser):
    actions.update_job(actor=adviser, job=job, complaint=job.complaint, fault_code="")
    for _again in range(2):
        actions.assign_technician(actor=adviser, job=job, technician=at_north.user("technician"))
    line = actions.add_line(actor=adviser, job=job, kind="labour", code="XH-MNT-010")
    actions.update_line(actor=adviser, line=line, quantity=line.quantity, description=line.description)
    actions.change_rates(
        actor=at_north.actor("general_manager"), rates={"customer": queries.rates()["customer"], "internal": "170"}
    )
    written = Entry.objects.filter(action__startswith="workshop.").order_by("at").values_list("action", flat=True)
    assert list(written) == ["workshop.open", "workshop.assign", "workshop.add_line", "workshop.change_rate"]


def test_labour_that_nobody_pays_has_no_rate_either(job, adviser):
    hour = {"actor": adviser, "job": job, "kind": "labour", "code": "XH-MNT-010", "pay_type": "nobody"}
    for given, wrong in (({}, ["pay_type", "unit_price"]), ({"unit_price": "120"}, ["pay_type"])):
        with pytest.raises(Invalid) as caught:
            actions.add_line(**hour, **given)
        assert [error.field for error in caught.value.errors] == wrong
    assert not job.lines.exists()


def test_a_job_with_lines_is_not_removed(at_north, job, adviser):
    add_customer_line(at_north, job)
    with conflict("job_has_lines"):
        actions.remove_job(actor=adviser, job=job)
    actions.remove_line(actor=adviser, line=job.lines.get())
    actions.remove_job(actor=adviser, job=job)
    assert not Job.objects.exists()


# -- lines


def test_a_line_takes_name_hours_and_prices_from_catalogue_and_rates(job, adviser):
    with translation.override("zh-hans"):
        labour = actions.add_line(actor=adviser, job=job, kind="labour", code="XH-ENG-010")
        pump = actions.add_line(actor=adviser, job=job, kind="part", code="xh-1001-01", quantity=2)
    assert (labour.description, labour.quantity, labour.unit_price) == ("更换水泵", Decimal("2.50"), Decimal(260))
    assert (labour.amount, labour.standard_hours) == (Decimal("650.00"), Decimal("2.50"))
    assert (pump.code, pump.description, pump.amount) == ("XH-1001-01", "水泵总成", Decimal("840.00"))
    assert (labour.pay_type, pump.position) == ("customer", 2)


def test_warranty_labour_has_its_own_rate(job, adviser):
    line = actions.add_line(actor=adviser, job=job, kind="labour", code="XH-ENG-010", pay_type="warranty")
    assert line.unit_price == Decimal(180)


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"kind": "gift"}, "kind", "choice"),
        ({"kind": "part", "code": "XH-1001-01", "pay_type": "nobody"}, "pay_type", "choice"),
        ({"kind": "part", "code": "NO-SUCH"}, "description", "required"),
        ({"kind": "part", "code": "NO-SUCH", "description": "垫片"}, "unit_price", "required"),
        (
            {"kind": "part", "code": "NO-SUCH", "description": "垫片", "unit_price": 1, "pay_type": "warranty"},
            "code",
            "not_in_catalogue",
        ),
        ({"kind": "part", "code": "XH-1001-01", "quantity": 0}, "quantity", "number"),
        ({"kind": "part", "code": "XH-1001-01", "quantity": "two"}, "quantity", "number"),
        ({"kind": "part", "code": "XH-1001-01", "quantity": "NaN"}, "quantity", "number"),
        ({"kind": "part", "code": "XH-1001-01", "quantity": "1e9"}, "quantity", "number"),
        ({"kind": "part", "code": "XH-1001-01", "unit_price": -1}, "unit_price", "number"),
        ({"kind": "labour", "code": "XH-ENG-010", "causal": True}, "causal", "not_a_part"),
        ({"kind": "sublet", "description": "x" * 201, "unit_price": 1}, "description", "too_long"),
        ({"kind": "part", "code": "../etc"}, "code", "code_shape"),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_wrong_line_names_the_field(job, adviser, fields, field, code, language):
    with translation.override(language), pytest.raises(Invalid) as caught:
        actions.add_line(actor=adviser, job=job, **fields)
    assert (field, code) in [(error.field, error.code) for error in caught.value.errors]
    assert not JobLine.objects.exists()


def test_one_part_of_a_job_is_the_one_that_failed(job, adviser):
    first = actions.add_line(actor=adviser, job=job, kind="part", code="XH-1001-01", causal=True)
    second = actions.add_line(actor=adviser, job=job, kind="part", code="XH-3501-01")
    actions.update_line(actor=adviser, line=second, causal=True)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.causal, second.causal) == (False, True)


def test_changing_a_line_works_its_amount_out_again(job, adviser):
    line = actions.add_line(actor=adviser, job=job, kind="part", code="XH-1001-01")
    changed = actions.update_line(actor=adviser, line=line, quantity="3", unit_price="99.99")
    assert changed.amount == Decimal("299.97")
    entry = Entry.objects.get(action="workshop.update_line")
    assert set(entry.after) == {"quantity", "unit_price"}


def test_rates_are_changed_by_those_who_manage_settings(at_north, job, adviser):
    with pytest.raises(Forbidden):
        actions.change_rates(actor=adviser, rates={"customer": 300})
    manager = at_north.actor("general_manager")
    with pytest.raises(Invalid) as caught:
        actions.change_rates(actor=manager, rates={"customer": "free", "nobody": 1})
    assert {error.field for error in caught.value.errors} == {"customer", "nobody"}
    actions.change_rates(actor=manager, rates={"customer": "300"})
    line = actions.add_line(actor=adviser, job=job, kind="labour", code="XH-ENG-010")
    assert line.unit_price == Decimal(300)


# -- closing


def test_closing_names_everything_that_is_missing(at_north, order, job, adviser):
    actions.start_work(actor=adviser, order=order)
    actions.mark_ready(actor=adviser, order=order)
    with pytest.raises(Invalid) as caught:
        actions.close_repair_order(actor=adviser, order=order)
    assert [error.field for error in caught.value.errors] == ["jobs.0.cause", "jobs.0.correction", "jobs.0.lines"]
    order.refresh_from_db()
    assert order.state == OrderState.READY
    assert closing.gaps(queries.jobs_of(order))[0].job == job


def test_closing_fixes_the_sums_and_writes_the_visit_down(at_north, order, job):
    diagnose(at_north, job)
    add_warranty_lines(at_north, job)
    add_customer_line(at_north, job)
    order = close(at_north, order)
    assert order.state == OrderState.CLOSED
    assert order.totals == {"warranty": "870.00", "customer": "88.00"}
    assert (order.labour_total, order.parts_total, order.total) == (Decimal(450), Decimal(420), Decimal(958))
    assert order.kind == "repair"
    row = Ledger.objects.get(contract="ServiceVisit")
    assert (row.state, row.subject_label) == ("withheld", str(order))
    assert Interaction.objects.filter(document="workshop.repairorder", document_id=order.pk).exists()


def test_an_order_paid_by_the_manufacturer_alone_is_a_warranty_visit(at_north, order, job):
    diagnose(at_north, job)
    add_warranty_lines(at_north, job)
    assert close(at_north, order).kind == "warranty"


def test_a_shared_visit_names_no_customer(at_north, order, job):
    set_level(at_north, "ServiceVisit", "analytics", Level.FULL)
    diagnose(at_north, job)
    add_warranty_lines(at_north, job)
    order = close(at_north, order)
    body = Payload.objects.get(id=Ledger.objects.get(contract="ServiceVisit").id).body
    assert body["vin"] == order.vehicle.vin
    assert body["jobs"][0] == {
        "complaint": "发动机水温高",
        "cause": "水泵轴承磨损",
        "correction": "更换水泵总成",
        "operation_codes": ["XH-ENG-010"],
        "pay_types": ["warranty"],
        "labour_hours": "2.50",
        "part_numbers": ["XH-1001-01"],
    }
    assert "王小明" not in str(body)
    assert "13800138000" not in str(body)


def test_warranty_lines_of_a_closed_order_become_a_draft_claim(at_north, order, job):
    diagnose(at_north, job)
    add_warranty_lines(at_north, job)
    add_customer_line(at_north, job)
    close(at_north, order)
    claim = Claim.objects.get()
    assert (claim.state, claim.total, claim.lines.count()) == ("draft", Decimal(870), 2)
    assert (claim.complaint, claim.fault_code) == ("发动机水温高", "P0300")


def test_nothing_of_a_closed_order_can_be_changed(at_north, order, job, adviser):
    diagnose(at_north, job)
    add_customer_line(at_north, job)
    order = close(at_north, order)
    line = job.lines.get()
    for attempt in (
        lambda: actions.add_job(actor=adviser, order=order, complaint="异响"),
        lambda: actions.update_job(actor=adviser, job=job, cause="另一个"),
        lambda: actions.add_line(actor=adviser, job=job, kind="part", code="XH-1001-01"),
        lambda: actions.update_line(actor=adviser, line=line, quantity=5),
        lambda: actions.remove_line(actor=adviser, line=line),
        lambda: actions.update_repair_order(actor=adviser, order=order, kind="recall"),
        lambda: actions.close_repair_order(actor=adviser, order=order),
        lambda: actions.cancel_repair_order(actor=adviser, order=order, reason="x"),
    ):
        with pytest.raises(Conflict):
            attempt()


def test_cancelling_needs_a_reason(order, adviser):
    with pytest.raises(Invalid) as caught:
        actions.cancel_repair_order(actor=adviser, order=order, reason=" ")
    assert caught.value.errors[0].field == "reason"
    assert actions.cancel_repair_order(actor=adviser, order=order, reason="客户离店").state == OrderState.CANCELLED


def test_work_without_jobs_does_not_begin(at_north, owner_and_car, adviser):
    order = order_of(at_north, *owner_and_car, complaints=[])
    with conflict("no_jobs"):
        actions.start_work(actor=adviser, order=order)
    with conflict("not_ready"):
        actions.resume_work(actor=adviser, order=order)


@pytest.mark.parametrize(
    ("model", "table"),
    [(RepairOrder, ORDER_TRANSITIONS), (Appointment, APPOINTMENT_TRANSITIONS), (Job, JOB_TRANSITIONS)],
)
def test_every_transition_that_the_table_does_not_name_is_illegal(model, table):
    for old in table:
        for new in table:
            record = model(state=old)
            if new in table[old]:
                assert move(record, "state", new, table) == old
            else:
                with pytest.raises(IllegalTransition):
                    move(record, "state", new, table)


# -- reading


def test_cars_are_found_by_phone_plate_name_and_end_of_vin(at_north, owner_and_car):
    _customer, vehicle = owner_and_car
    adviser = at_north.user("service_adviser")
    for text in ("13800138000", "8000", "苏A·12345", "王小明", "wxm", vehicle.vin, vehicle.vin[-6:]):
        found = queries.find_cars(text, adviser)
        assert [car.vehicle for car in found] == [vehicle], text
    assert queries.find_cars("", adviser) == []
    assert queries.find_cars("13900139000", adviser) == []


def test_an_order_in_one_dealership_is_invisible_in_another(wall, north, south):
    with north.bound():
        order = order_of(north, *car_of(north))
    with south.bound(), pytest.raises(Missing):
        queries.access_order_for_reading(order.pk, south.user("service_manager"))
