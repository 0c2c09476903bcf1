"""The manufacturer's catalogue as published (schema `public`): the portal writes it, every dealership reads it.

Written by `oem.catalogue.actions.publish` alone. Other schemas name entries by code; foreign keys exist inside only.
"""

from django.db import models
from django.db.models.functions import Now

from kernel.reference.nouns import (
    BrandNoun,
    FaultCodeNoun,
    LabourOperationNoun,
    ModelNoun,
    PartNoun,
    SeriesNoun,
    VariantNoun,
)
from kernel.tenancy.grants import Grants

PUBLISHED = Grants(oem="rawd", dealers="r")


class Publication(models.Model):
    """One publishing of the catalogue. The newest row is what stands in the tables."""

    grants = PUBLISHED

    version = models.PositiveIntegerField(primary_key=True)
    published_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    #: SHA-256 over every published entry, in order.
    checksum = models.CharField(max_length=64)
    #: How many entries were added and changed, by noun.
    differences = models.JSONField(default=dict)

    class Meta:
        ordering = ("-version",)

    def __str__(self) -> str:
        return str(self.version)


class Brand(BrandNoun):
    grants = PUBLISHED

    class Meta:
        ordering = ("order", "code")


class Series(SeriesNoun):
    grants = PUBLISHED

    brand = models.ForeignKey(Brand, models.PROTECT, related_name="series")

    class Meta:
        ordering = ("brand__order", "code")


class Model(ModelNoun):
    grants = PUBLISHED

    series = models.ForeignKey(Series, models.PROTECT, related_name="models")

    class Meta:
        ordering = ("series", "-model_year", "code")


class Variant(VariantNoun):
    grants = PUBLISHED

    model = models.ForeignKey(Model, models.PROTECT, related_name="variants")

    class Meta:
        ordering = ("model", "list_price", "code")


class LabourOperation(LabourOperationNoun):
    grants = PUBLISHED

    brand = models.ForeignKey(Brand, models.PROTECT, related_name="labour_operations")

    class Meta:
        ordering = ("code",)
        indexes = [models.Index(fields=["brand", "system", "code"], name="reference_operation_system")]


class Part(PartNoun):
    grants = PUBLISHED

    brand = models.ForeignKey(Brand, models.PROTECT, related_name="parts")

    class Meta:
        ordering = ("number",)
        indexes = [models.Index(fields=["brand", "causal_group", "number"], name="reference_part_group")]


class FaultCode(FaultCodeNoun):
    grants = PUBLISHED

    class Meta:
        ordering = ("code",)
