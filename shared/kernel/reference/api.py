"""The catalogue in the API: the same shapes on the portal (its master) and at the dealerships (the published copy)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.urls import URLPattern, path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from kernel.accounts.roles import Right
from kernel.api.views import ApiView, Required
from kernel.errors import Missing
from kernel.reference import models, queries

#: Whoever works with cars, parts, contracts or customers at a dealership may read the catalogue.
READERS = (
    Right.STOCK_READ,
    Right.SALES_READ,
    Right.CONTRACTS_READ,
    Right.SERVICE_READ,
    Right.CUSTOMERS_READ,
    Right.NETWORK_READ,
)

FITS = "Codes of the series that it fits; empty: all series of its brand."


class _Entry(serializers.Serializer[Any]):
    """What all entries have. `name` is in the language asked for."""

    code = serializers.CharField()
    name = serializers.CharField()
    name_zh_hans = serializers.CharField()
    name_zh_hant = serializers.CharField()
    name_en = serializers.CharField()
    withdrawn_on = serializers.DateField(allow_null=True)


class BrandOut(_Entry):
    pass


class SeriesOut(_Entry):
    brand = serializers.CharField(source="brand_id")
    segment = serializers.CharField()
    energy = serializers.CharField()


class ModelOut(_Entry):
    series = serializers.CharField(source="series_id")
    model_year = serializers.IntegerField()


class ColourOut(serializers.Serializer[Any]):
    code = serializers.CharField()
    zh_hans = serializers.CharField()
    zh_hant = serializers.CharField()
    en = serializers.CharField()
    hex = serializers.CharField()


class VariantOut(_Entry):
    model = serializers.CharField(source="model_id")
    list_price = serializers.DecimalField(max_digits=12, decimal_places=2)
    currency = serializers.CharField()
    colours = ColourOut(many=True)
    on_sale_from = serializers.DateField()
    on_sale_until = serializers.DateField(allow_null=True)
    warranty_months = serializers.IntegerField()
    warranty_km = serializers.IntegerField()


class LabourOperationOut(_Entry):
    brand = serializers.CharField(source="brand_id")
    fits = serializers.ListField(child=serializers.CharField(), help_text=FITS)
    system = serializers.CharField()
    standard_hours = serializers.DecimalField(max_digits=5, decimal_places=2)


class PartOut(_Entry):
    code = serializers.CharField(source="number")
    brand = serializers.CharField(source="brand_id")
    fits = serializers.ListField(child=serializers.CharField(), help_text=FITS)
    causal_group = serializers.CharField()
    price = serializers.DecimalField(max_digits=12, decimal_places=2)
    currency = serializers.CharField()
    wear_part = serializers.BooleanField()


class FaultCodeOut(_Entry):
    system = serializers.CharField()


class PublicationOut(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    published_at = serializers.DateTimeField()
    checksum = serializers.CharField()


SHAPES: dict[str, type[_Entry]] = {
    "brands": BrandOut,
    "series": SeriesOut,
    "models": ModelOut,
    "variants": VariantOut,
    "labour-operations": LabourOperationOut,
    "parts": PartOut,
    "fault-codes": FaultCodeOut,
}
PUBLISHED: dict[str, Any] = {
    "brands": models.Brand,
    "series": models.Series,
    "models": models.Model,
    "variants": models.Variant,
    "labour-operations": models.LabourOperation,
    "parts": models.Part,
    "fault-codes": models.FaultCode,
}
FILTERS = ("brand", "series", "model", "system", "causal_group")


def entry_urls(source: Mapping[str, Any]) -> list[URLPattern]:
    """Addresses of a list and a detail for every noun; `source` says which model holds its rows."""
    found = []
    for noun, model in source.items():
        found += [
            path(f"catalogue/{noun}", list_view(model, SHAPES[noun]).as_view()),
            path(f"catalogue/{noun}/<str:code>", detail_view(model, SHAPES[noun]).as_view()),
        ]
    return found


def list_view(model: Any, shape: type[_Entry]) -> type[ApiView]:
    """The view of all entries of one noun, by code, narrowed by `FILTERS` that it has."""
    columns = {field.name for field in model._meta.concrete_fields}
    filters = [name for name in FILTERS if name in columns]

    class EntryList(ApiView):
        required: ClassVar[Required] = {"GET": READERS}
        scope = "catalogue"
        ordering = ("pk",)

        @extend_schema(
            operation_id=f"catalogue_{model._meta.model_name}_list",
            parameters=[OpenApiParameter(name, str) for name in filters],
            responses=shape(many=True),
        )
        def get(self, request: Request) -> Response:
            wanted = {name: request.query_params[name] for name in filters if name in request.query_params}
            return self.page(model.objects.filter(**wanted), shape)

    EntryList.__doc__ = f"{model._meta.model_name} entries of the catalogue, by code."
    return EntryList


def detail_view(model: Any, shape: type[_Entry]) -> type[ApiView]:
    """The view of one entry of one noun."""

    class EntryDetail(ApiView):
        required: ClassVar[Required] = {"GET": READERS}
        scope = "catalogue"

        @extend_schema(operation_id=f"catalogue_{model._meta.model_name}_read", responses=shape)
        def get(self, request: Request, code: str) -> Response:
            found = model.objects.filter(pk=code).first()
            if found is None:
                raise Missing()
            return Response(shape(found).data)

    EntryDetail.__doc__ = f"One {model._meta.model_name} of the catalogue."
    return EntryDetail


class PublicationView(ApiView):
    """Which version of the catalogue stands. 404 before the first publication."""

    required: ClassVar[Required] = {"GET": READERS}
    scope = "catalogue"

    @extend_schema(responses=PublicationOut)
    def get(self, request: Request) -> Response:
        found = queries.publication()
        if found is None:
            raise Missing()
        return Response(PublicationOut(found).data)
