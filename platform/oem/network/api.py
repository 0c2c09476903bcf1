"""Dealerships in the API of the portal."""

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
from kernel.tenancy.models import FleetUpgrade
from oem.network import queries
from oem.network.actions import SITE_FIELDS
from oem.network.models import Capability, Dealership, DealershipState, Site


class CapabilityOut(serializers.ModelSerializer[Capability]):
    class Meta:
        model = Capability
        fields = ("id", "brand", "series", "sells", "services", "valid_from", "valid_until")


class SiteOut(serializers.ModelSerializer[Site]):
    class Meta:
        model = Site
        fields = ("id", *SITE_FIELDS)


class DealershipOut(serializers.ModelSerializer[Dealership]):
    """`province`, `city` and `district` are codes of GB/T 2260."""

    capabilities = CapabilityOut(many=True, source="current_capabilities")

    class Meta:
        model = Dealership
        fields = (
            "id",
            "slug",
            "name",
            "short_name_zh_hans",
            "short_name_zh_hant",
            "short_name_en",
            "state",
            "province",
            "city",
            "district",
            "address",
            "phone",
            "opened_on",
            "sales_target",
            "capabilities",
        )


class DealershipDetailOut(DealershipOut):
    """With everything that ever held: `capabilities` past, present and to come."""

    capabilities = CapabilityOut(many=True)
    sites = SiteOut(many=True)
    territories: Any = serializers.SerializerMethodField()

    class Meta:
        model = Dealership
        fields = (*DealershipOut.Meta.fields, "sites", "territories")

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get_territories(self, dealership: Dealership) -> list[dict[str, Any]]:
        return [{"region": t.region, "rank": t.rank} for t in dealership.territories.all()]


class DealershipList(ApiView):
    """The dealerships of the network, with what each may do today."""

    required: ClassVar[Required] = {"GET": Right.NETWORK_READ}
    scope = "dealerships"
    ordering = ("slug", "id")

    @extend_schema(
        parameters=[
            OpenApiParameter("state", str, enum=DealershipState.values),
            OpenApiParameter("province", str, description="Code of GB/T 2260"),
            OpenApiParameter("brand", str, description="Brand it may sell or service today"),
        ],
        responses=DealershipOut(many=True),
    )
    def get(self, request: Request) -> Response:
        rows = by_choice(queries.dealerships_for(request.user), request, state=DealershipState)
        province, brand = (request.query_params.get(name) for name in ("province", "brand"))
        if province is not None:
            rows = rows.filter(province=province)
        if brand is not None:
            rows = rows.filter(queries.has_brand(brand))
        return self.page(queries.with_capabilities(rows), DealershipOut)


class DealershipDetail(ApiView):
    """One dealership with its sites, territories and everything it may or might do."""

    required: ClassVar[Required] = {"GET": Right.NETWORK_READ}
    scope = "dealerships"

    @extend_schema(responses=DealershipDetailOut)
    def get(self, request: Request, slug: str) -> Response:
        return Response(DealershipDetailOut(queries.access_dealership_for_reading(slug, request.user)).data)


class FleetMemberOut(serializers.Serializer[Any]):
    """One schema that is not at this release."""

    name = serializers.CharField()
    slug = serializers.CharField()
    state = serializers.ChoiceField(choices=["behind", "fenced"])
    reason = serializers.CharField()


class FleetRunOut(serializers.ModelSerializer[FleetUpgrade]):
    class Meta:
        model = FleetUpgrade
        fields = ("release", "canary", "schemas", "done", "failed", "state", "error", "started_at", "finished_at")


class FleetOut(serializers.Serializer[Any]):
    """Where the schemas of the network stand: numbers of schemas, those that are not current, and the last upgrade."""

    release = serializers.CharField()
    current = serializers.IntegerField()
    behind = serializers.IntegerField()
    fenced = serializers.IntegerField()
    members = FleetMemberOut(many=True)
    run = FleetRunOut(allow_null=True)


class FleetView(ApiView):
    """Where the schemas of the network stand."""

    required: ClassVar[Required] = {"GET": Right.NETWORK_READ}
    scope = "dealerships"

    @extend_schema(responses=FleetOut)
    def get(self, request: Request) -> Response:
        return Response(FleetOut(queries.fleet()).data)
