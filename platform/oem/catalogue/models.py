"""The master of the manufacturer's catalogue. What stands here is a draft until `actions.publish` copies it."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from kernel.reference import nouns


class Brand(nouns.BrandNoun):
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("order", "code")
        verbose_name = _("Brand")


class Series(nouns.SeriesNoun):
    brand = models.ForeignKey(Brand, models.PROTECT, related_name="series", verbose_name=_("Brand"))
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("brand__order", "code")
        verbose_name = _("Series")


class Model(nouns.ModelNoun):
    series = models.ForeignKey(Series, models.PROTECT, related_name="models", verbose_name=_("Series"))
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("series", "-model_year", "code")
        verbose_name = _("Model")


class Variant(nouns.VariantNoun):
    model = models.ForeignKey(Model, models.PROTECT, related_name="variants", verbose_name=_("Model"))
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("model", "list_price", "code")
        verbose_name = _("Variant")


class LabourOperation(nouns.LabourOperationNoun):
    brand = models.ForeignKey(Brand, models.PROTECT, related_name="labour_operations", verbose_name=_("Brand"))
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("code",)
        indexes = [models.Index(fields=["brand", "system", "code"], name="catalogue_operation_system")]
        verbose_name = _("Labour operation")


class Part(nouns.PartNoun):
    brand = models.ForeignKey(Brand, models.PROTECT, related_name="parts", verbose_name=_("Brand"))
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("number",)
        indexes = [models.Index(fields=["brand", "causal_group", "number"], name="catalogue_part_group")]
        verbose_name = _("Part")


class FaultCode(nouns.FaultCodeNoun):
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("code",)
        verbose_name = _("Fault code")
