"""The stock of cars in the API."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from dealer.stock import actions, queries
from dealer.stock.models import StockVehicle, VehicleState
from kernel.accounts.roles import Right
from kernel.api.filters import by_choice
from kernel.api.serializers import StrictSerializer
from kernel.api.views import ApiView, Required
from kernel.automotive import vin as vins


class WarningOut(serializers.Serializer[Any]):
    """A doubt that does not keep the car out: its code and a sentence."""

    code = serializers.CharField()
    message = serializers.CharField()


class VehicleOut(serializers.ModelSerializer[StockVehicle]):
    """`brand` … `variant` are codes of the catalogue, `car` is it in words. `warnings` are doubts about the VIN."""

    car = serializers.CharField(read_only=True)
    warnings: Any = serializers.SerializerMethodField()

    class Meta:
        model = StockVehicle
        fields = (
            "id",
            "vin",
            "state",
            "car",
            "brand",
            "series",
            "model",
            "variant",
            "colour",
            "list_price",
            "currency",
            "location",
            "arrived_on",
            "delivered_on",
            "held_for",
            "held_until",
            "warnings",
            "created_at",
            "updated_at",
        )

    @extend_schema(responses=WarningOut(many=True))
    def get_warnings(self, vehicle: StockVehicle) -> list[dict[str, str]]:
        return [{"code": w.code, "message": str(w.message)} for w in vins.inspect(vehicle.vin).warnings]


class VehicleIn(StrictSerializer):
    vin = serializers.CharField(max_length=40)
    brand = serializers.CharField(max_length=40)
    series = serializers.CharField(max_length=40, required=False, allow_blank=True)
    model = serializers.CharField(max_length=60, required=False, allow_blank=True)
    variant = serializers.CharField(max_length=60, required=False, allow_blank=True)
    colour = serializers.CharField(max_length=40, required=False, allow_blank=True)
    list_price = serializers.DecimalField(
        max_digits=14, decimal_places=2, required=False, allow_null=True, min_value=Decimal(0)
    )
    currency = serializers.RegexField(r"\A[A-Z]{3}\Z", required=False)
    arrived_on = serializers.DateField(required=False, allow_null=True)
    location = serializers.CharField(max_length=80, required=False, allow_blank=True)
    in_transit = serializers.BooleanField(required=False)


class VehicleList(ApiView):
    """The cars for sale."""

    required: ClassVar[Required] = {"GET": Right.STOCK_READ, "POST": Right.STOCK_WRITE}
    scope = "vehicles"
    ordering = ("-created_at", "id")

    @extend_schema(
        parameters=[
            OpenApiParameter("state", str, enum=VehicleState.values),
            OpenApiParameter("vin", str),
            OpenApiParameter("series", str),
            OpenApiParameter("variant", str),
        ],
        responses=VehicleOut(many=True),
    )
    def get(self, request: Request) -> Response:
        """Cars for sale, newest first."""
        rows = by_choice(queries.visible_vehicles(request.user), request, state=VehicleState)
        if "vin" in request.query_params:
            rows = rows.filter(vin=vins.normalise(request.query_params["vin"]))
        for name in ("series", "variant"):
            if name in request.query_params:
                rows = rows.filter(**{name: request.query_params[name]})
        return self.page(rows, VehicleOut)

    @extend_schema(request=VehicleIn, responses={201: VehicleOut})
    def post(self, request: Request) -> Response:
        """Take a car into stock, or announce one that is on its way."""
        vehicle = actions.receive_vehicle(actor=self.actor, **self.checked(VehicleIn))
        return self.created(VehicleOut(vehicle).data, vehicle.pk)


class VehicleDetail(ApiView):
    """One car for sale."""

    required: ClassVar[Required] = {"GET": Right.STOCK_READ}
    scope = "vehicles"

    @extend_schema(responses=VehicleOut)
    def get(self, request: Request, id: str) -> Response:
        """One car for sale."""
        return Response(VehicleOut(queries.access_vehicle_for_reading(id, request.user)).data)
