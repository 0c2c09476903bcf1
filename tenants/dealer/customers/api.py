"""The API of customers."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from dealer.customers import actions, queries
from dealer.customers.models import Channel, Consent, ContactWay, Customer, Kind, Means, Recipient, Sex
from kernel import clock
from kernel.accounts.models import LANGUAGES
from kernel.accounts.roles import Right
from kernel.api.serializers import StrictSerializer
from kernel.api.views import ApiView
from kernel.contracts import Purpose
from kernel.errors import Invalid, Missing


class CustomerCar(serializers.Serializer[Any]):
    """A car that the customer has now."""

    vin = serializers.CharField(source="vehicle.vin")
    role = serializers.CharField()
    brand = serializers.CharField(source="vehicle.brand")
    model = serializers.CharField(source="vehicle.model")
    plate = serializers.CharField(source="vehicle.plate")
    since = serializers.DateField()


class CustomerRow(serializers.ModelSerializer[Customer]):
    """A customer."""

    vehicles = CustomerCar(source="cars", many=True)

    class Meta:
        model = Customer
        fields = (
            "id",
            "number",
            "name",
            *actions.EDITABLE,
            "vehicles",
            "for_sales",
            "for_service",
            "created_at",
            "updated_at",
        )


class CustomerChange(StrictSerializer):
    """What may be said of a customer. `name` may be given whole instead of its parts."""

    kind = serializers.ChoiceField(choices=Kind.choices, required=False)
    name = serializers.CharField(max_length=200, required=False)
    surname = serializers.CharField(max_length=60, required=False, allow_blank=True)
    given_name = serializers.CharField(max_length=60, required=False, allow_blank=True)
    company_name = serializers.CharField(max_length=200, required=False, allow_blank=True)
    contact_person = serializers.CharField(max_length=120, required=False, allow_blank=True)
    sex = serializers.ChoiceField(choices=Sex.choices, required=False)
    birthday = serializers.DateField(required=False, allow_null=True)
    phone = serializers.CharField(max_length=64, required=False, allow_blank=True)
    other_phone = serializers.CharField(max_length=64, required=False, allow_blank=True)
    email = serializers.CharField(max_length=254, required=False, allow_blank=True)
    province = serializers.CharField(max_length=40, required=False, allow_blank=True)
    city = serializers.CharField(max_length=40, required=False, allow_blank=True)
    district = serializers.CharField(max_length=40, required=False, allow_blank=True)
    address = serializers.CharField(max_length=300, required=False, allow_blank=True)
    occupation = serializers.CharField(max_length=80, required=False, allow_blank=True)
    hobbies = serializers.CharField(max_length=200, required=False, allow_blank=True)
    language = serializers.ChoiceField(choices=LANGUAGES, required=False)
    note = serializers.CharField(max_length=2000, required=False, allow_blank=True)


class ConsentRow(serializers.ModelSerializer[Consent]):
    """A consent as it was given, refused or withdrawn."""

    state = serializers.SerializerMethodField()

    class Meta:
        model = Consent
        fields = (
            "id",
            "state",
            "granted",
            "controller",
            "recipient",
            "purpose",
            "kinds",
            "channels",
            "text_version",
            "text_hash",
            "text_language",
            "given_at",
            "means",
            "evidence",
            "expires_at",
            "withdrawn_at",
            "withdrawn_means",
        )

    def get_state(self, row: Consent) -> str:
        return queries.state_of(row, self.context["at"])


#: The ways a customer may be reached by, and those of release 0.1.0 that are none: taken, and left out.
_WAYS = list({**dict(ContactWay.choices), **dict(Channel.choices)}.items())


class ConsentBody(StrictSerializer):
    """A consent that a customer gave or refused."""

    purpose = serializers.ChoiceField(choices=Purpose.choices)
    recipient = serializers.ChoiceField(choices=Recipient.choices)
    granted = serializers.BooleanField(default=True)
    means = serializers.ChoiceField(choices=Means.choices)
    language = serializers.ChoiceField(choices=LANGUAGES, required=False)
    channels = serializers.ListField(child=serializers.ChoiceField(choices=_WAYS), required=False)
    evidence = serializers.CharField(max_length=300, required=False, allow_blank=True)
    text_version = serializers.CharField(max_length=40, required=False)
    given_at = serializers.DateTimeField(required=False)


class Withdrawal(StrictSerializer):
    means = serializers.ChoiceField(choices=Means.choices, default=Means.IN_PERSON)
    note = serializers.CharField(max_length=300, required=False, allow_blank=True)


class Customers(ApiView):
    """The customers of the caller's department."""

    required: ClassVar = {"GET": Right.CUSTOMERS_READ, "POST": Right.CUSTOMERS_WRITE}
    scope = "customers"

    @extend_schema(
        responses=CustomerRow(many=True),
        parameters=[
            OpenApiParameter("q", str, description="Name, pinyin, phone (or its end), e-mail, number, plate or VIN."),
            OpenApiParameter("updated_since", str, description="Only those changed at or after this time (ISO 8601)."),
        ],
    )
    def get(self, request: Request) -> Response:
        rows = queries.visible_customers(request.user)
        if text := request.query_params.get("q"):
            rows = rows.filter(queries.matching(text))
        if text := request.query_params.get("updated_since"):
            rows = rows.filter(updated_at__gte=_moment(text))
        return self.page(queries.with_cars(rows), CustomerRow)

    @extend_schema(request=CustomerChange, responses={201: CustomerRow})
    def post(self, request: Request) -> Response:
        made = actions.create_customer(actor=self.actor, **self.checked(CustomerChange))
        return Response(_one(made.pk, request), status=status.HTTP_201_CREATED)


class OneCustomer(ApiView):
    """One customer."""

    required: ClassVar = {"GET": Right.CUSTOMERS_READ, "PATCH": Right.CUSTOMERS_WRITE}
    scope = "customers"

    @extend_schema(responses=CustomerRow)
    def get(self, request: Request, id: str) -> Response:
        return Response(_one(queries.access_customer_for_reading(id, request.user).pk, request))

    @extend_schema(request=CustomerChange, responses=CustomerRow)
    def patch(self, request: Request, id: str) -> Response:
        customer = queries.access_customer_for_writing(id, request.user)
        actions.update_customer(actor=self.actor, customer=customer, **self.checked(CustomerChange))
        return Response(_one(customer.pk, request))


class CustomerConsents(ApiView):
    """What a customer allowed, newest first."""

    required: ClassVar = {"GET": Right.CUSTOMERS_READ, "POST": Right.CUSTOMERS_WRITE}
    scope = "customers"
    ordering = ("-given_at", "id")

    @extend_schema(responses=ConsentRow(many=True))
    def get(self, request: Request, id: str) -> Response:
        customer = queries.access_customer_for_reading(id, request.user)
        return self.page(customer.consents.all(), ConsentRow, at=clock.now())

    @extend_schema(request=ConsentBody, responses={201: ConsentRow})
    def post(self, request: Request, id: str) -> Response:
        customer = queries.access_customer_for_writing(id, request.user)
        consent = actions.record_consent(actor=self.actor, customer=customer, **self.checked(ConsentBody))
        return Response(ConsentRow(consent, context={"at": clock.now()}).data, status=status.HTTP_201_CREATED)


class ConsentWithdrawal(ApiView):
    """Taking a consent back."""

    required: ClassVar = {"POST": Right.CUSTOMERS_WRITE}
    scope = "customers"

    @extend_schema(request=Withdrawal, responses=ConsentRow)
    def post(self, request: Request, id: str, consent_id: str) -> Response:
        customer = queries.access_customer_for_writing(id, request.user)
        consent = queries.access_consent_for_withdrawing(consent_id, request.user)
        if consent.customer_id != customer.pk:
            raise Missing()
        consent = actions.withdraw_consent(actor=self.actor, consent=consent, **self.checked(Withdrawal))
        return Response(ConsentRow(consent, context={"at": clock.now()}).data)


def _one(pk: UUID, request: Request) -> Any:
    return CustomerRow(queries.with_cars(Customer.objects.filter(pk=pk)).get()).data


def _moment(text: str) -> Any:
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        message = _("Enter a time with its zone, for example 2026-11-03T08:00:00Z.")
        raise Invalid({"updated_since": message}, code="time")
    return found
