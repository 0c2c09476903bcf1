"""Prospects, follow-ups and test drives in the API."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from dealer.customers.models import Kind, Sex
from dealer.customers.queries import access_customer_for_reading
from dealer.sales import actions, queries
from dealer.sales.models import (
    ContactChannel,
    ContactResult,
    CustomerType,
    FollowUp,
    LostReason,
    Prospect,
    ProspectState,
    TestDrive,
    TestDriveResult,
    TestDriveState,
)
from dealer.stock.queries import access_vehicle_for_reading
from kernel.accounts.roles import Right
from kernel.api.filters import by_choice
from kernel.api.serializers import StrictSerializer
from kernel.api.views import ApiView, Required
from kernel.automotive.channel import Channel
from kernel.automotive.qualification import Item
from kernel.automotive.temperature import Temperature
from kernel.errors import FieldError, Invalid, Missing


def named(user: Any, access: Any, id: Any, field: str) -> Any:
    """A record that a body names. Raises Invalid naming the field when it does not exist for this person."""
    try:
        return access(id, user)
    except Missing:
        raise Invalid([FieldError(field, "unknown", _("There is no such record."))]) from None


def of_prospect(rows: Any, request: Request) -> Any:
    """Rows narrowed to one prospect by `?prospect=`. Raises Invalid."""
    wanted = request.query_params.get("prospect")
    if wanted is None:
        return rows
    found = named(request.user, queries.access_prospect_for_reading, wanted, "prospect")
    return rows.filter(prospect=found)


class ItemsIn(StrictSerializer):
    """What may be learnt of a prospect beyond the customer's own data."""

    customer_type = serializers.ChoiceField(choices=CustomerType.choices, required=False, allow_blank=True)
    likes_brand = serializers.BooleanField(required=False, allow_null=True)
    intended_on = serializers.DateField(required=False, allow_null=True)
    brand = serializers.CharField(max_length=200, required=False, allow_blank=True)
    series = serializers.CharField(max_length=200, required=False, allow_blank=True)
    model = serializers.CharField(max_length=200, required=False, allow_blank=True)
    variant = serializers.CharField(max_length=200, required=False, allow_blank=True)
    wish = serializers.CharField(max_length=4000, required=False, allow_blank=True)
    budget = serializers.DecimalField(max_digits=14, decimal_places=2, required=False, allow_null=True)
    present_brand = serializers.CharField(max_length=80, required=False, allow_blank=True)
    present_model = serializers.CharField(max_length=80, required=False, allow_blank=True)
    no_present_vehicle = serializers.BooleanField(required=False)


class CustomerItemsIn(StrictSerializer):
    """The customer's part of the eleven items."""

    kind = serializers.ChoiceField(choices=Kind.choices, required=False)
    sex = serializers.ChoiceField(choices=Sex.choices, required=False)
    surname = serializers.CharField(max_length=60, required=False, allow_blank=True)
    given_name = serializers.CharField(max_length=60, required=False, allow_blank=True)
    company_name = serializers.CharField(max_length=200, required=False, allow_blank=True)
    contact_person = serializers.CharField(max_length=120, required=False, allow_blank=True)
    phone = serializers.CharField(max_length=64, required=False, allow_blank=True)
    email = serializers.CharField(max_length=254, required=False, allow_blank=True)


class PersonIn(CustomerItemsIn):
    """Somebody new; `name` may stand for surname and given name."""

    name = serializers.CharField(max_length=120, required=False)


class ProspectIn(ItemsIn):
    """Either `customer` (an id) or `person`."""

    customer = serializers.UUIDField(required=False)
    person = PersonIn(required=False)
    channel = serializers.ChoiceField(choices=Channel.choices, required=False, allow_blank=True)
    consultant = serializers.UUIDField(required=False)


class ProspectChange(ItemsIn):
    channel = serializers.ChoiceField(choices=Channel.choices, required=False, allow_blank=True)
    customer = CustomerItemsIn(required=False)


class CustomerRef(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.IntegerField()
    name = serializers.CharField()
    kind = serializers.CharField()
    phone = serializers.CharField()


class ConsultantRef(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()


class ProspectOut(serializers.ModelSerializer[Prospect]):
    """`missing` names the items of R-LEAD-10 that are not there yet; `qualified` means that none is missing."""

    car = serializers.CharField(read_only=True)
    customer = CustomerRef(read_only=True)
    consultant = ConsultantRef(read_only=True, allow_null=True)
    lead = serializers.UUIDField(source="lead_id", read_only=True, allow_null=True)
    missing = serializers.ListField(child=serializers.ChoiceField(choices=Item.choices), read_only=True)

    class Meta:
        model = Prospect
        fields = (
            "id",
            "customer",
            "lead",
            "consultant",
            "state",
            "stage",
            "temperature",
            "qualified",
            "missing",
            "channel",
            "customer_type",
            "likes_brand",
            "intended_on",
            "car",
            "brand",
            "series",
            "model",
            "variant",
            "wish",
            "budget",
            "currency",
            "present_brand",
            "present_model",
            "no_present_vehicle",
            "contact_result",
            "last_contact_at",
            "next_contact_on",
            "next_contact_plan",
            "lost_reason",
            "lost_text",
            "closed_at",
            "created_at",
            "updated_at",
        )


class LoseIn(StrictSerializer):
    reason = serializers.ChoiceField(choices=LostReason.choices)
    text = serializers.CharField(max_length=300, required=False, allow_blank=True)


class ProspectList(ApiView):
    """Prospects."""

    required: ClassVar[Required] = {"GET": Right.SALES_READ, "POST": Right.SALES_WORK}
    scope = "prospects"
    ordering = ("-created_at", "id")

    @extend_schema(
        parameters=[
            OpenApiParameter("state", str, enum=ProspectState.values),
            OpenApiParameter("temperature", str, enum=Temperature.values),
        ],
        responses=ProspectOut(many=True),
    )
    def get(self, request: Request) -> Response:
        """Prospects, newest first: one's own, or everyone's with the right to work all."""
        rows = by_choice(queries.visible_prospects(request.user), request, state=ProspectState, temperature=Temperature)
        return self.page(rows, ProspectOut)

    @extend_schema(request=ProspectIn, responses={201: ProspectOut})
    def post(self, request: Request) -> Response:
        """Enter somebody who may buy. A person whose telephone number is known is linked, not entered twice."""
        data = self.checked(ProspectIn)
        customer_id = data.pop("customer", None)
        customer = named(request.user, access_customer_for_reading, customer_id, "customer") if customer_id else None
        prospect = actions.create_prospect(
            actor=self.actor,
            customer=customer,
            person=data.pop("person", None),
            consultant_id=data.pop("consultant", None),
            **data,
        )
        return self.created(ProspectOut(prospect).data, prospect.pk)


class ProspectDetail(ApiView):
    """One prospect."""

    required: ClassVar[Required] = {"GET": Right.SALES_READ, "PATCH": Right.SALES_WORK}
    scope = "prospects"

    @extend_schema(responses=ProspectOut)
    def get(self, request: Request, id: str) -> Response:
        """One prospect."""
        return Response(ProspectOut(queries.access_prospect_for_reading(id, request.user)).data)

    @extend_schema(request=ProspectChange, responses=ProspectOut)
    def patch(self, request: Request, id: str) -> Response:
        """Change what is known; only the fields given."""
        prospect = queries.access_prospect_for_working(id, request.user)
        actions.update_prospect(actor=self.actor, prospect_id=prospect.pk, **self.checked(ProspectChange))
        return Response(ProspectOut(queries.access_prospect_for_working(id, request.user)).data)


class ProspectLose(ApiView):
    """Close a prospect who does not buy."""

    required: ClassVar[Required] = {"POST": Right.SALES_WORK}
    scope = "prospects"

    @extend_schema(request=LoseIn, responses=ProspectOut)
    def post(self, request: Request, id: str) -> Response:
        """With the reason."""
        prospect = queries.access_prospect_for_working(id, request.user)
        prospect = actions.lose_prospect(actor=self.actor, prospect_id=prospect.pk, **self.checked(LoseIn))
        return Response(ProspectOut(prospect).data)


class FollowUpOut(serializers.ModelSerializer[FollowUp]):
    prospect = serializers.UUIDField(source="prospect_id", read_only=True)
    by = ConsultantRef(read_only=True, allow_null=True)

    class Meta:
        model = FollowUp
        fields = ("id", "prospect", "by", "at", "channel", "result", "note", "next_on", "next_plan")


class FollowUpIn(ItemsIn):
    """`channel` is by what you spoke; `source` the channel the customer came by. What else was learnt may go along."""

    prospect = serializers.UUIDField()
    channel = serializers.ChoiceField(choices=ContactChannel.choices)
    result = serializers.ChoiceField(choices=ContactResult.choices)
    note = serializers.CharField(max_length=4000, required=False, allow_blank=True)
    at = serializers.DateTimeField(required=False)
    next_on = serializers.DateField(required=False, allow_null=True)
    next_plan = serializers.CharField(max_length=200, required=False, allow_blank=True)
    source: Any = serializers.ChoiceField(choices=Channel.choices, required=False)
    customer = CustomerItemsIn(required=False)


class FollowUpList(ApiView):
    """Contacts with prospects."""

    required: ClassVar[Required] = {"GET": Right.SALES_READ, "POST": Right.SALES_WORK}
    scope = "follow-ups"
    ordering = ("-at", "id")

    @extend_schema(parameters=[OpenApiParameter("prospect", str)], responses=FollowUpOut(many=True))
    def get(self, request: Request) -> Response:
        """Contacts, newest first."""
        return self.page(of_prospect(queries.visible_follow_ups(request.user), request), FollowUpOut)

    @extend_schema(request=FollowUpIn, responses={201: FollowUpOut})
    def post(self, request: Request) -> Response:
        """Write down a contact, its result and the plan for the next one."""
        data = self.checked(FollowUpIn)
        prospect = named(request.user, queries.access_prospect_for_working, data.pop("prospect"), "prospect")
        made = actions.record_follow_up(actor=self.actor, prospect_id=prospect.pk, **data)
        return self.created(FollowUpOut(made).data, made.pk)


class TestDriveOut(serializers.ModelSerializer[TestDrive]):
    prospect = serializers.UUIDField(source="prospect_id", read_only=True)
    vehicle = serializers.UUIDField(source="vehicle_id", read_only=True, allow_null=True)
    by = ConsultantRef(read_only=True, allow_null=True)

    class Meta:
        model = TestDrive
        fields = (
            "id",
            "prospect",
            "vehicle",
            "car",
            "by",
            "state",
            "scheduled_at",
            "minutes",
            "licence_seen",
            "driven_at",
            "route",
            "result",
            "note",
        )


class TestDriveIn(StrictSerializer):
    prospect = serializers.UUIDField()
    vehicle = serializers.UUIDField(required=False, allow_null=True)
    car = serializers.CharField(max_length=200, required=False, allow_blank=True)
    scheduled_at = serializers.DateTimeField()
    minutes = serializers.IntegerField(required=False)
    route = serializers.CharField(max_length=120, required=False, allow_blank=True)
    note = serializers.CharField(max_length=4000, required=False, allow_blank=True)


class TestDriveDone(StrictSerializer):
    licence_seen = serializers.BooleanField()
    result = serializers.ChoiceField(choices=TestDriveResult.choices, required=False, allow_blank=True)
    driven_at = serializers.DateTimeField(required=False)
    route = serializers.CharField(max_length=120, required=False, allow_blank=True)
    note = serializers.CharField(max_length=4000, required=False, allow_blank=True)


class TestDriveCancel(StrictSerializer):
    no_show = serializers.BooleanField(required=False)
    note = serializers.CharField(max_length=4000, required=False, allow_blank=True)


class TestDriveList(ApiView):
    """Test drives."""

    required: ClassVar[Required] = {"GET": Right.SALES_READ, "POST": Right.SALES_WORK}
    scope = "test-drives"
    ordering = ("-scheduled_at", "id")

    @extend_schema(
        parameters=[OpenApiParameter("prospect", str), OpenApiParameter("state", str, enum=TestDriveState.values)],
        responses=TestDriveOut(many=True),
    )
    def get(self, request: Request) -> Response:
        """Test drives, latest first."""
        rows = by_choice(queries.visible_test_drives(request.user), request, state=TestDriveState)
        return self.page(of_prospect(rows, request), TestDriveOut)

    @extend_schema(request=TestDriveIn, responses={201: TestDriveOut})
    def post(self, request: Request) -> Response:
        """Book a drive in a car of the stock, or in another one named by `car`."""
        data = self.checked(TestDriveIn)
        prospect = named(request.user, queries.access_prospect_for_working, data.pop("prospect"), "prospect")
        vehicle_id = data.pop("vehicle", None)
        vehicle = named(request.user, access_vehicle_for_reading, vehicle_id, "vehicle") if vehicle_id else None
        made = actions.book_test_drive(
            actor=self.actor, prospect_id=prospect.pk, vehicle_id=vehicle.pk if vehicle else None, **data
        )
        return self.created(TestDriveOut(made).data, made.pk)


class TestDriveComplete(ApiView):
    """Note that a test drive took place."""

    required: ClassVar[Required] = {"POST": Right.SALES_WORK}
    scope = "test-drives"

    @extend_schema(request=TestDriveDone, responses=TestDriveOut)
    def post(self, request: Request, id: str) -> Response:
        """Only with a driving licence seen."""
        drive = queries.access_test_drive_for_working(id, request.user)
        drive = actions.complete_test_drive(actor=self.actor, test_drive_id=drive.pk, **self.checked(TestDriveDone))
        return Response(TestDriveOut(drive).data)


class TestDriveCancelled(ApiView):
    """Note that a test drive does not take place."""

    required: ClassVar[Required] = {"POST": Right.SALES_WORK}
    scope = "test-drives"

    @extend_schema(request=TestDriveCancel, responses=TestDriveOut)
    def post(self, request: Request, id: str) -> Response:
        """Cancelled, or the customer did not come (`no_show`)."""
        drive = queries.access_test_drive_for_working(id, request.user)
        drive = actions.cancel_test_drive(actor=self.actor, test_drive_id=drive.pk, **self.checked(TestDriveCancel))
        return Response(TestDriveOut(drive).data)
