"""Appointments and repair orders in the API."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from dealer.customers.models import Channel, Ownership
from dealer.customers.queries import access_customer_for_reading, access_vehicle_for_reading
from dealer.organisation.models import Site
from dealer.workshop import actions, queries
from dealer.workshop.models import (
    Appointment,
    AppointmentState,
    Job,
    JobLine,
    Kind,
    LineKind,
    OrderState,
    PayType,
    RepairOrder,
)
from kernel.accounts.models import User
from kernel.accounts.roles import Right
from kernel.api.filters import by_choice
from kernel.api.serializers import StrictSerializer
from kernel.api.views import ApiView, Required
from kernel.automotive import vin as vins
from kernel.errors import Invalid, Missing


class AppointmentOut(serializers.ModelSerializer[Appointment]):
    """An appointment. `minutes` is the expected duration."""

    number = serializers.CharField(source="__str__", read_only=True)
    vin = serializers.CharField(source="vehicle.vin", read_only=True)

    class Meta:
        model = Appointment
        fields = (
            "id",
            "number",
            "state",
            "customer",
            "vehicle",
            "vin",
            "site",
            "starts_at",
            "minutes",
            "kind",
            "wish",
            "promised_at",
            "adviser",
            "reason",
            "created_at",
        )


class JobLineOut(serializers.ModelSerializer[JobLine]):
    class Meta:
        model = JobLine
        fields = (
            "id",
            "kind",
            "code",
            "description",
            "quantity",
            "standard_hours",
            "unit_price",
            "amount",
            "pay_type",
            "causal",
        )


class JobOut(serializers.ModelSerializer[Job]):
    """One complaint with cause, correction and lines."""

    lines = JobLineOut(many=True, read_only=True)

    class Meta:
        model = Job
        fields = ("id", "position", "complaint", "cause", "correction", "fault_code", "technician", "state", "lines")


class OrderOut(serializers.ModelSerializer[RepairOrder]):
    """A repair order. `customer` is null for callers who may not see customers; `totals` stands when it is closed."""

    number = serializers.CharField(source="__str__", read_only=True)
    vin = serializers.CharField(source="vehicle.vin", read_only=True)
    customer: Any = serializers.SerializerMethodField()

    class Meta:
        model = RepairOrder
        fields: tuple[str, ...] = (
            "id",
            "number",
            "state",
            "kind",
            "customer",
            "vehicle",
            "vin",
            "site",
            "appointment",
            "odometer_km",
            "opened_at",
            "promised_at",
            "adviser",
            "ready_at",
            "closed_at",
            "currency",
            "totals",
            "labour_total",
            "parts_total",
            "total",
        )

    @extend_schema(responses=serializers.UUIDField(allow_null=True))
    def get_customer(self, order: RepairOrder) -> str | None:
        request = self.context.get("request")
        return str(order.customer_id) if request is None or queries.sees_customers(request.user) else None


class OrderDetailOut(OrderOut):
    """The same with its jobs (a technician's own)."""

    jobs: Any = serializers.SerializerMethodField()

    class Meta(OrderOut.Meta):
        fields = (*OrderOut.Meta.fields, "jobs")

    @extend_schema(responses=JobOut(many=True))
    def get_jobs(self, order: RepairOrder) -> Any:
        request = self.context.get("request")
        return JobOut(queries.jobs_of(order, request.user if request else None), many=True).data


class _CarIn(StrictSerializer):
    """Which car: `vehicle`, or else `vin`; `customer` is its owner unless said otherwise."""

    vehicle = serializers.UUIDField(required=False)
    vin = serializers.CharField(max_length=40, required=False)
    customer = serializers.UUIDField(required=False)
    site = serializers.UUIDField(required=False)
    adviser = serializers.UUIDField(required=False, allow_null=True)
    promised_at = serializers.DateTimeField(required=False, allow_null=True)


class AppointmentIn(_CarIn):
    starts_at = serializers.DateTimeField()
    minutes = serializers.IntegerField(required=False)
    kind = serializers.ChoiceField(Kind.choices, required=False)
    wish = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    channel = serializers.ChoiceField(Channel.choices, required=False)


class LineIn(StrictSerializer):
    """A line; what is not given comes from the catalogue and the price of an hour."""

    kind = serializers.ChoiceField(LineKind.choices)
    code = serializers.CharField(max_length=40, required=False, allow_blank=True)
    description = serializers.CharField(max_length=200, required=False, allow_blank=True)
    quantity = serializers.DecimalField(max_digits=8, decimal_places=2, required=False, min_value=Decimal("0.01"))
    unit_price = serializers.DecimalField(max_digits=12, decimal_places=2, required=False, min_value=Decimal(0))
    pay_type = serializers.ChoiceField(PayType.choices, required=False)
    causal = serializers.BooleanField(required=False)


class JobIn(StrictSerializer):
    """A job with its lines."""

    complaint = serializers.CharField(max_length=2000)
    cause = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    correction = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    fault_code = serializers.CharField(max_length=40, required=False, allow_blank=True)
    technician = serializers.UUIDField(required=False, allow_null=True)
    lines = LineIn(many=True, required=False)


class OrderIn(_CarIn):
    """An order; with `appointment` it is that one's, and car, customer and site are the appointment's."""

    odometer_km = serializers.IntegerField(min_value=0)
    kind = serializers.ChoiceField(Kind.choices, required=False)
    complaints = serializers.ListField(child=serializers.CharField(max_length=2000), required=False, max_length=50)
    appointment = serializers.UUIDField(required=False)


def _car(data: dict[str, Any], user: User) -> dict[str, Any]:
    """Turn the ids of `_CarIn` into customer, vehicle, site and adviser. Raises Invalid naming the wrong one."""
    given = dict(data)
    vehicle_id, vin = given.pop("vehicle", None), given.pop("vin", None)
    customer_id = given.pop("customer", None)
    problems = {}
    vehicle = customer = None
    try:
        if vehicle_id is not None:
            vehicle = access_vehicle_for_reading(vehicle_id, user)
        elif vin is not None:
            found = Ownership.objects.filter(vehicle__vin=vins.normalise(vin)).first()
            vehicle = access_vehicle_for_reading(found.vehicle_id, user) if found else None
    except Missing:
        vehicle = None
    if vehicle is None:
        problems["vin" if vin is not None else "vehicle"] = _("There is no such car here. Enter it first.")
    try:
        if customer_id is not None:
            customer = access_customer_for_reading(customer_id, user)
        elif vehicle is not None:
            owner = vehicle.ownerships.filter(until=None).order_by("-role", "-since").first()
            customer = access_customer_for_reading(owner.customer_id, user) if owner else None
    except Missing:
        customer = None
    if customer is None and not problems:
        problems["customer"] = _("There is no such customer here. Enter the customer first.")
    for name, rows in (("site", Site.objects.filter(active=True)), ("adviser", queries.advisers())):
        if given.get(name) is not None:
            given[name] = rows.filter(pk=given[name]).first()
            if given[name] is None:
                problems[name] = _("Choose one of the values offered.")
    if problems:
        raise Invalid(problems, code="unknown")
    return {**given, "vehicle": vehicle, "customer": customer}


class AppointmentList(ApiView):
    """Appointments."""

    required: ClassVar[Required] = {"GET": Right.SERVICE_READ, "POST": Right.SERVICE_WRITE}
    scope = "appointments"
    ordering = ("-starts_at", "id")

    @extend_schema(
        parameters=[OpenApiParameter("state", str, enum=AppointmentState.values), OpenApiParameter("day", str)],
        responses=AppointmentOut(many=True),
    )
    def get(self, request: Request) -> Response:
        """Appointments, the latest first; `day` as 2026-05-04."""
        rows = by_choice(queries.visible_appointments(request.user), request, state=AppointmentState)
        if "day" in request.query_params:
            day = serializers.DateField().run_validation(request.query_params["day"])
            begins, ends = queries.day_bounds(day)
            rows = rows.filter(starts_at__gte=begins, starts_at__lt=ends)
        return self.page(rows, AppointmentOut)

    @extend_schema(request=AppointmentIn, responses={201: AppointmentOut})
    def post(self, request: Request) -> Response:
        """Book an appointment."""
        made = actions.book_appointment(actor=self.actor, **_car(self.checked(AppointmentIn), request.user))
        made.refresh_from_db()
        return self.created(AppointmentOut(made).data, made.pk)


class AppointmentDetail(ApiView):
    """One appointment."""

    required: ClassVar[Required] = {"GET": Right.SERVICE_READ}
    scope = "appointments"

    @extend_schema(responses=AppointmentOut)
    def get(self, request: Request, id: str) -> Response:
        """One appointment."""
        return Response(AppointmentOut(queries.access_appointment_for_reading(id, request.user)).data)


class OrderList(ApiView):
    """Repair orders."""

    required: ClassVar[Required] = {"GET": Right.SERVICE_READ, "POST": Right.SERVICE_WRITE}
    scope = "repair-orders"
    ordering = ("-opened_at", "id")

    @extend_schema(
        parameters=[OpenApiParameter("state", str, enum=OrderState.values), OpenApiParameter("vin", str)],
        responses=OrderOut(many=True),
    )
    def get(self, request: Request) -> Response:
        """Repair orders, newest first (a technician's own)."""
        rows = by_choice(queries.orders_with_names(request.user), request, state=OrderState)
        if "vin" in request.query_params:
            rows = rows.filter(vehicle__vin=vins.normalise(request.query_params["vin"]))
        return self.page(rows, OrderOut)

    @extend_schema(request=OrderIn, responses={201: OrderDetailOut})
    def post(self, request: Request) -> Response:
        """Take a car in: by itself, or from an appointment."""
        data = self.checked(OrderIn)
        booked = data.pop("appointment", None)
        if booked is not None:
            order = self._arrive(booked, data, request.user)
        else:
            order = actions.open_repair_order(actor=self.actor, **_car(data, request.user))
        found = queries.access_order_for_reading(order.pk, request.user)
        return self.created(OrderDetailOut(found, context={"request": request}).data, order.pk)

    def _arrive(self, booked: Any, data: dict[str, Any], user: User) -> RepairOrder:
        try:
            appointment = queries.access_appointment_for_writing(booked, user)
        except Missing:
            raise Invalid({"appointment": _("There is no such appointment here.")}, code="unknown") from None
        extra = set(data) - {"odometer_km", "complaints", "promised_at"}
        if extra:
            message = _("Leave this out: it is the appointment's.")
            raise Invalid(dict.fromkeys(sorted(extra), message), code="unknown_field")
        return actions.arrive(actor=self.actor, appointment=appointment, **data)


class OrderDetail(ApiView):
    """One repair order."""

    required: ClassVar[Required] = {"GET": Right.SERVICE_READ}
    scope = "repair-orders"

    @extend_schema(responses=OrderDetailOut)
    def get(self, request: Request, id: str) -> Response:
        """One repair order with jobs and lines."""
        found = queries.access_order_for_reading(id, request.user)
        return Response(OrderDetailOut(found, context={"request": request}).data)


class JobList(ApiView):
    """The jobs of one repair order."""

    required: ClassVar[Required] = {"GET": Right.SERVICE_READ, "POST": Right.SERVICE_WRITE}
    scope = "repair-orders"

    @extend_schema(responses=JobOut(many=True))
    def get(self, request: Request, id: str) -> Response:
        """The jobs of an order."""
        found = queries.access_order_for_reading(id, request.user)
        return Response({"results": JobOut(queries.jobs_of(found, request.user), many=True).data, "next": None})

    @extend_schema(request=JobIn, responses={201: JobOut})
    def post(self, request: Request, id: str) -> Response:
        """Add a job with its lines; either all of it is added or nothing."""
        order = queries.access_order_for_writing(id, request.user)
        job = actions.add_whole_job(actor=self.actor, order=order, **self._with_technician(self.checked(JobIn)))
        return self.created(JobOut(job).data, order.pk)

    @staticmethod
    def _with_technician(data: dict[str, Any]) -> dict[str, Any]:
        if data.get("technician") is not None:
            data["technician"] = queries.technicians().filter(pk=data["technician"]).first()
            if data["technician"] is None:
                raise Invalid({"technician": _("Choose one of the technicians.")}, code="choice")
        return data


class OrderClose(ApiView):
    """Closing one repair order."""

    required: ClassVar[Required] = {"POST": Right.SERVICE_WRITE}
    scope = "repair-orders"

    @extend_schema(request=None, responses=OrderDetailOut)
    def post(self, request: Request, id: str) -> Response:
        """Close an order; one on which work was never marked as done is made ready first."""
        order = queries.access_order_for_writing(id, request.user)
        actions.finish_and_close(actor=self.actor, order=order)
        found = queries.access_order_for_reading(id, request.user)
        return Response(OrderDetailOut(found, context={"request": request}).data)
