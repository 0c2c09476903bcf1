"""Owners and cars in the API of the portal."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from kernel.accounts.roles import Right
from kernel.api.filters import by_choice
from kernel.api.views import ApiView, Required
from kernel.contracts import Level
from oem.network.models import Dealership
from oem.owners import actions, queries
from oem.owners.models import Owner, Sale

#: Parameters of the list of owners that narrow it.
NARROWING = {"dealership", "level", "province", "vin", "q"}
#: What every record says about how it was shared.
SHARED = ("purpose", "level", "agreement_version", "withheld", "event_at")


class WithDealership(serializers.ModelSerializer[Any]):
    """`dealership` is the address name. A field named in `withheld` stayed at the dealership."""

    dealership = serializers.SerializerMethodField()

    @extend_schema(responses=OpenApiTypes.STR)
    def get_dealership(self, row: Any) -> str | None:
        return self.context["slugs"].get(row.dealership)


def _context(view: ApiView) -> dict[str, Any]:
    """What the serializers need to know: every dealership's address name by id. One query."""
    return {
        "view": view,
        "request": view.request,
        "slugs": dict(Dealership.objects.values_list("id", "slug")),
    }


class OwnerOut(WithDealership):
    """`owner_key` and `vin` are codes ("p_…") where the level is pseudonymous."""

    class Meta:
        model = Owner
        fields = (
            "id",
            "dealership",
            "owner_key",
            "vin",
            "role",
            "since",
            "until",
            "kind",
            "name",
            "company_name",
            "sex",
            "birthday",
            "phone",
            "email",
            "province",
            "city",
            "district",
            "address",
            "consent_version",
            *SHARED,
        )


class SaleOut(WithDealership):
    class Meta:
        model = Sale
        fields = (
            "id",
            "dealership",
            "vin",
            "brand",
            "series",
            "model",
            "variant",
            "contract_signed_on",
            "delivered_on",
            "invoice_total",
            "currency",
            "channel",
            "lead_id",
            "buyer_kind",
            "province",
            *SHARED,
        )


class OwnerRows(ApiView):
    """Owners that dealerships shared, the latest change first. Reading named ones is audited."""

    required: ClassVar[Required] = {"GET": Right.OWNERS_READ}
    scope = "owners"
    ordering = ("-event_at", "id")

    @extend_schema(
        parameters=[
            OpenApiParameter("dealership", str, description="Address name of a dealership"),
            OpenApiParameter("level", str, enum=[str(Level.PSEUDONYMOUS), str(Level.FULL)]),
            OpenApiParameter("province", str, description="Full Chinese name"),
            OpenApiParameter("vin", str),
            OpenApiParameter("q", str, description="Part of a name, a telephone number, a VIN or its end"),
        ],
        responses=OwnerOut(many=True),
    )
    def get(self, request: Request) -> Response:
        asked = request.query_params
        rows = queries.found_owners(queries.owners_for(request.user), text=asked.get("q", ""))
        rows = by_choice(rows, request, level=Level)
        if "dealership" in asked:
            rows = rows.filter(dealership__in=Dealership.objects.filter(slug=asked["dealership"]).values("id"))
        for name in ("province", "vin"):
            if name in asked:
                rows = rows.filter(**{name: asked[name].replace("\x00", "")})
        pages = self.pagination_class()
        found = pages.paginate_queryset(rows, request, view=self)
        actions.note_listing(
            actor=self.actor,
            reader=request.user,
            asked=f"api {asked.urlencode()}",
            rows=found,
            searched_by=NARROWING & asked.keys(),
        )
        data = OwnerOut(found, many=True, context=_context(self)).data
        return pages.get_paginated_response(data)


class VehicleDetail(ApiView):
    """One car as far as it was shared. A part is null where it is for a purpose that is not the caller's.

    `vin` is a VIN or the code that stands for one.
    """

    required: ClassVar[Required] = {"GET": queries.VEHICLE_RIGHTS}
    scope = "vehicles"

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, vin: str) -> Response:
        found = queries.vehicle(vin, request.user)
        actions.note_vehicle(actor=self.actor, found=found)
        context = _context(self)
        owners = OwnerOut(found.owners, many=True, context=context).data
        return Response(
            {
                "vin": found.vin,
                "sales": SaleOut(found.sales, many=True, context=context).data,
                "owners": owners if request.user.has(Right.OWNERS_READ) else None,
                **{
                    part.section.key: [part.section.to_json(row) for row in part.rows] if part.allowed else None
                    for part in found.parts
                },
            }
        )
