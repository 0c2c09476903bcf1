"""Quotations, sales contracts and deliveries in the API."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from dealer.sales import actions, queries
from dealer.sales.actions.contracts import Due
from dealer.sales.actions.quotations import Line
from dealer.sales.api.prospects import ConsultantRef, named, of_prospect
from dealer.sales.models import (
    ChecklistItem,
    ContractState,
    Delivery,
    Instalment,
    InstalmentKind,
    LineKind,
    Quotation,
    QuotationLine,
    QuotationState,
    SalesContract,
)
from dealer.stock.queries import access_vehicle_for_reading, vehicle_by_vin
from kernel.accounts.roles import Right
from kernel.api.filters import by_choice
from kernel.api.serializers import StrictSerializer
from kernel.api.views import ApiView, Required
from kernel.automotive import vin as vins
from kernel.errors import FieldError, Invalid

MONEY: dict[str, Any] = {"max_digits": 14, "decimal_places": 2}
EXTRA_KINDS = (LineKind.OPTION, LineKind.SERVICE, LineKind.GIFT)


class QuotationLineOut(serializers.ModelSerializer[QuotationLine]):
    class Meta:
        model = QuotationLine
        fields = ("place", "kind", "text", "amount")


class QuotationOut(serializers.ModelSerializer[Quotation]):
    """Amounts with tax, in `currency`; a discount is a line below zero."""

    prospect = serializers.UUIDField(source="prospect_id", read_only=True)
    vehicle = serializers.UUIDField(source="vehicle_id", read_only=True, allow_null=True)
    by = ConsultantRef(read_only=True, allow_null=True)
    number = serializers.CharField(read_only=True)
    car = serializers.CharField(read_only=True)
    lines = QuotationLineOut(many=True, read_only=True)

    class Meta:
        model = Quotation
        fields = (
            "id",
            "number",
            "version",
            "prospect",
            "vehicle",
            "by",
            "state",
            "car",
            "brand",
            "series",
            "model",
            "variant",
            "colour",
            "currency",
            "list_price",
            "discount",
            "total",
            "valid_until",
            "note",
            "lines",
            "created_at",
        )


class ExtraIn(StrictSerializer):
    kind = serializers.ChoiceField(choices=[(kind.value, kind.label) for kind in EXTRA_KINDS])
    text = serializers.CharField(max_length=200)
    amount = serializers.DecimalField(**MONEY)


class QuotationIn(StrictSerializer):
    """A car of the stock (`vehicle`, an id), one to be ordered (`variant` …), or what the prospect wants."""

    prospect = serializers.UUIDField()
    vehicle = serializers.UUIDField(required=False, allow_null=True)
    brand = serializers.CharField(max_length=200, required=False, allow_blank=True)
    series = serializers.CharField(max_length=200, required=False, allow_blank=True)
    model = serializers.CharField(max_length=200, required=False, allow_blank=True)
    variant = serializers.CharField(max_length=200, required=False, allow_blank=True)
    colour = serializers.CharField(max_length=40, required=False, allow_blank=True)
    list_price = serializers.DecimalField(required=False, allow_null=True, **MONEY)
    discount = serializers.DecimalField(required=False, **MONEY)
    insurance = serializers.DecimalField(required=False, **MONEY)
    extras = ExtraIn(many=True, required=False)
    valid_until = serializers.DateField(required=False, allow_null=True)
    note = serializers.CharField(max_length=4000, required=False, allow_blank=True)


class NoteIn(StrictSerializer):
    note = serializers.CharField(max_length=300, required=False, allow_blank=True)


class ReasonIn(StrictSerializer):
    note = serializers.CharField(max_length=300)


class QuotationList(ApiView):
    """Quotations."""

    required: ClassVar[Required] = {"GET": Right.SALES_READ, "POST": Right.SALES_WORK}
    scope = "quotations"
    ordering = ("-created_at", "id")

    @extend_schema(
        parameters=[OpenApiParameter("prospect", str), OpenApiParameter("state", str, enum=QuotationState.values)],
        responses=QuotationOut(many=True),
    )
    def get(self, request: Request) -> Response:
        """Quotations, newest first."""
        rows = by_choice(queries.visible_quotations(request.user), request, state=QuotationState)
        return self.page(of_prospect(rows, request).prefetch_related("lines"), QuotationOut)

    @extend_schema(request=QuotationIn, responses={201: QuotationOut})
    def post(self, request: Request) -> Response:
        """Offer a car; the new version replaces the open one."""
        data = self.checked(QuotationIn)
        prospect = named(request.user, queries.access_prospect_for_working, data.pop("prospect"), "prospect")
        vehicle_id = data.pop("vehicle", None)
        vehicle = named(request.user, access_vehicle_for_reading, vehicle_id, "vehicle") if vehicle_id else None
        made = actions.make_quotation(
            actor=self.actor,
            prospect_id=prospect.pk,
            vehicle_id=vehicle.pk if vehicle else None,
            extras=[Line(**extra) for extra in data.pop("extras", [])],
            **data,
        )
        return self.created(QuotationOut(made).data, made.pk)


class QuotationDetail(ApiView):
    """One quotation."""

    required: ClassVar[Required] = {"GET": Right.SALES_READ}
    scope = "quotations"

    @extend_schema(responses=QuotationOut)
    def get(self, request: Request, id: str) -> Response:
        """One quotation with its lines."""
        return Response(QuotationOut(queries.access_quotation_for_reading(id, request.user)).data)


class QuotationRefuse(ApiView):
    """Note that the customer does not take an offer."""

    required: ClassVar[Required] = {"POST": Right.SALES_WORK}
    scope = "quotations"

    @extend_schema(request=NoteIn, responses=QuotationOut)
    def post(self, request: Request, id: str) -> Response:
        """The prospect stays open."""
        quotation = queries.access_quotation_for_working(id, request.user)
        quotation = actions.refuse_quotation(actor=self.actor, quotation_id=quotation.pk, **self.checked(NoteIn))
        return Response(QuotationOut(quotation).data)


class InstalmentOut(serializers.ModelSerializer[Instalment]):
    class Meta:
        model = Instalment
        fields = ("id", "kind", "due_on", "amount", "paid_on")


class ContractOut(serializers.ModelSerializer[SalesContract]):
    """Amounts with tax, in `currency`."""

    number = serializers.CharField(read_only=True)
    prospect = serializers.UUIDField(source="prospect_id", read_only=True)
    quotation = serializers.UUIDField(source="quotation_id", read_only=True)
    vehicle = serializers.UUIDField(source="vehicle_id", read_only=True, allow_null=True)
    signed_by = ConsultantRef(read_only=True, allow_null=True)
    decided_by = ConsultantRef(read_only=True, allow_null=True)
    instalments = InstalmentOut(many=True, read_only=True)

    class Meta:
        model = SalesContract
        fields = (
            "id",
            "number",
            "prospect",
            "quotation",
            "vehicle",
            "state",
            "total",
            "discount",
            "currency",
            "signed_on",
            "signed_by",
            "delivery_planned_on",
            "decided_by",
            "decided_at",
            "decision_note",
            "instalments",
            "created_at",
            "updated_at",
        )


class InstalmentIn(StrictSerializer):
    kind = serializers.ChoiceField(choices=InstalmentKind.choices)
    due_on = serializers.DateField()
    amount = serializers.DecimalField(**MONEY)


class ContractIn(StrictSerializer):
    quotation = serializers.UUIDField()
    signed_on = serializers.DateField(required=False, allow_null=True)
    delivery_planned_on = serializers.DateField(required=False, allow_null=True)
    vehicle = serializers.UUIDField(required=False, allow_null=True)
    instalments = InstalmentIn(many=True, required=False)


class ContractList(ApiView):
    """Sales contracts."""

    required: ClassVar[Required] = {"GET": Right.CONTRACTS_READ, "POST": Right.SALES_WORK}
    scope = "sales-contracts"
    ordering = ("-created_at", "id")

    @extend_schema(
        parameters=[OpenApiParameter("prospect", str), OpenApiParameter("state", str, enum=ContractState.values)],
        responses=ContractOut(many=True),
    )
    def get(self, request: Request) -> Response:
        """Contracts, newest first."""
        rows = by_choice(queries.visible_contracts(request.user), request, state=ContractState)
        return self.page(of_prospect(rows, request).prefetch_related("instalments"), ContractOut)

    @extend_schema(request=ContractIn, responses={201: ContractOut})
    def post(self, request: Request) -> Response:
        """Sign what an open quotation offers; it then waits for approval."""
        data = self.checked(ContractIn)
        quotation = named(request.user, queries.access_quotation_for_working, data.pop("quotation"), "quotation")
        made = actions.sign_contract(
            actor=self.actor,
            quotation_id=quotation.pk,
            vehicle_id=data.pop("vehicle", None),
            instalments=[Due(**one) for one in data.pop("instalments", [])],
            **data,
        )
        return self.created(ContractOut(made).data, made.pk)


class ContractDetail(ApiView):
    """One sales contract."""

    required: ClassVar[Required] = {"GET": Right.CONTRACTS_READ}
    scope = "sales-contracts"

    @extend_schema(responses=ContractOut)
    def get(self, request: Request, id: str) -> Response:
        """One contract with its plan of payments."""
        return Response(ContractOut(queries.access_contract_for_reading(id, request.user)).data)


class ContractApprove(ApiView):
    """Approve a sales contract."""

    required: ClassVar[Required] = {"POST": Right.SALES_APPROVE}
    scope = "sales-contracts"

    @extend_schema(request=NoteIn, responses=ContractOut)
    def post(self, request: Request, id: str) -> Response:
        """A sales manager up to the dealership's limit, else the general manager; nobody his own (403)."""
        contract = queries.access_contract_for_deciding(id, request.user)
        contract = actions.approve_contract(actor=self.actor, contract_id=contract.pk, **self.checked(NoteIn))
        return Response(ContractOut(contract).data)


class ContractReject(ApiView):
    """Send a sales contract back."""

    required: ClassVar[Required] = {"POST": Right.SALES_APPROVE}
    scope = "sales-contracts"

    @extend_schema(request=ReasonIn, responses=ContractOut)
    def post(self, request: Request, id: str) -> Response:
        """With a reason; its quotation is open again and its car free."""
        contract = queries.access_contract_for_deciding(id, request.user)
        contract = actions.reject_contract(actor=self.actor, contract_id=contract.pk, **self.checked(ReasonIn))
        return Response(ContractOut(contract).data)


class ContractCancel(ApiView):
    """End a sales contract before delivery."""

    required: ClassVar[Required] = {"POST": (Right.SALES_WORK, Right.SALES_APPROVE)}
    scope = "sales-contracts"

    @extend_schema(request=ReasonIn, responses=ContractOut)
    def post(self, request: Request, id: str) -> Response:
        """With a reason; an approved one needs a manager."""
        contract = queries.access_contract_for_working(id, request.user)
        contract = actions.cancel_contract(actor=self.actor, contract_id=contract.pk, **self.checked(ReasonIn))
        return Response(ContractOut(contract).data)


class DeliveryOut(serializers.ModelSerializer[Delivery]):
    contract = serializers.UUIDField(source="contract_id", read_only=True)
    prospect = serializers.UUIDField(source="prospect_id", read_only=True)
    customer = serializers.UUIDField(source="prospect.customer_id", read_only=True)
    vehicle = serializers.UUIDField(source="vehicle_id", read_only=True)
    by = ConsultantRef(read_only=True, allow_null=True)
    checklist = serializers.ListField(child=serializers.ChoiceField(choices=ChecklistItem.choices), read_only=True)

    class Meta:
        model = Delivery
        fields = (
            "id",
            "contract",
            "prospect",
            "customer",
            "vehicle",
            "vin",
            "delivered_on",
            "odometer_km",
            "plate",
            "checklist",
            "note",
            "by",
            "created_at",
        )


class DeliveryIn(StrictSerializer):
    """The car by its `vin` or its id (`vehicle`); without either that of the contract."""

    contract = serializers.UUIDField()
    vin = serializers.CharField(max_length=40, required=False)
    vehicle = serializers.UUIDField(required=False)
    delivered_on = serializers.DateField(required=False)
    odometer_km = serializers.IntegerField(required=False)
    plate = serializers.CharField(max_length=16, required=False, allow_blank=True)
    checklist = serializers.ListField(child=serializers.ChoiceField(choices=ChecklistItem.choices), required=False)
    note = serializers.CharField(max_length=4000, required=False, allow_blank=True)


class DeliveryList(ApiView):
    """Deliveries."""

    required: ClassVar[Required] = {"GET": Right.CONTRACTS_READ, "POST": Right.SALES_WORK}
    scope = "deliveries"
    ordering = ("-created_at", "id")

    @extend_schema(parameters=[OpenApiParameter("prospect", str)], responses=DeliveryOut(many=True))
    def get(self, request: Request) -> Response:
        """Deliveries, newest first."""
        return self.page(of_prospect(queries.visible_deliveries(request.user), request), DeliveryOut)

    @extend_schema(request=DeliveryIn, responses={201: DeliveryOut})
    def post(self, request: Request) -> Response:
        """Hand the car of an approved contract over; its buyer is then its owner."""
        data = self.checked(DeliveryIn)
        contract = named(request.user, queries.access_contract_for_working, data.pop("contract"), "contract")
        made = actions.deliver_vehicle(
            actor=self.actor, contract_id=contract.pk, vehicle_id=_car(request, data), **data
        )
        return self.created(DeliveryOut(made).data, made.pk)


def _car(request: Request, data: dict[str, Any]) -> Any:
    """The id of the car that a delivery names, by VIN or id; None for that of the contract."""
    vin, vehicle_id = data.pop("vin", None), data.pop("vehicle", None)
    if vin is not None:
        vehicle = vehicle_by_vin(vins.checked(vin))
        if vehicle is None:
            raise Invalid([FieldError("vin", "unknown", _("There is no car with this VIN in stock."))])
        return vehicle.pk
    if vehicle_id is not None:
        return named(request.user, access_vehicle_for_reading, vehicle_id, "vehicle").pk
    return None


class DeliveryDetail(ApiView):
    """One delivery."""

    required: ClassVar[Required] = {"GET": Right.CONTRACTS_READ}
    scope = "deliveries"

    @extend_schema(responses=DeliveryOut)
    def get(self, request: Request, id: str) -> Response:
        """One delivery."""
        return Response(DeliveryOut(queries.access_delivery_for_reading(id, request.user)).data)
