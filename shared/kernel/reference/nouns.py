"""The nouns of the product catalogue, field by field: shared by the manufacturer's master (`oem.catalogue`) and its
published copy (`kernel.reference`), so that the two cannot drift apart.

Keys are the manufacturer's own codes, never a number of ours: other schemas keep them as text. An entry is never
deleted, because cars, claims and contracts go on naming it; it is withdrawn from a day on.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

#: Codes travel in URLs, messages and spreadsheets: capital letters, digits, dot, hyphen.
code_shape = RegexValidator(r"\A[A-Z0-9][A-Z0-9.-]{0,39}\Z", _("Use capital letters, digits, dots and hyphens."))
currency_shape = RegexValidator(r"\A[A-Z]{3}\Z", _("Use the three letters of the currency, as in CNY."))
colour_shape = RegexValidator(r"\A#[0-9a-f]{6}\Z", _("Use a colour like #1a2b3c."))


class Energy(models.TextChoices):
    """What drives the car; decides which operations, parts and legal terms apply."""

    PETROL = "petrol", _("Petrol")
    HYBRID = "hybrid", _("Plug-in hybrid")
    ELECTRIC = "electric", _("Electric")


class Segment(models.TextChoices):
    """Class of car as the Chinese market sorts it (A0, A, B, C by length and wheelbase)."""

    SMALL_CAR = "small_car", _("Small car")
    COMPACT_CAR = "compact_car", _("Compact car")
    MIDSIZE_CAR = "midsize_car", _("Mid-size car")
    LARGE_CAR = "large_car", _("Large car")
    SMALL_SUV = "small_suv", _("Small SUV")
    COMPACT_SUV = "compact_suv", _("Compact SUV")
    MIDSIZE_SUV = "midsize_suv", _("Mid-size SUV")
    MPV = "mpv", _("MPV")


class System(models.TextChoices):
    """The system of the car that an operation, a part or a fault belongs to. The first four are those whose main parts
    the Three Guarantees name (SAMR order 43, art. 20 and 23)."""

    ENGINE = "engine", _("Engine")
    TRANSMISSION = "transmission", _("Transmission")
    TRACTION_BATTERY = "traction_battery", _("Traction battery")
    DRIVE_MOTOR = "drive_motor", _("Drive motor")
    STEERING = "steering", _("Steering")
    BRAKES = "brakes", _("Brakes")
    SUSPENSION = "suspension", _("Suspension and wheels")
    FUEL_EXHAUST = "fuel_exhaust", _("Fuel and exhaust")
    COOLING = "cooling", _("Cooling")
    AIR_CONDITIONING = "air_conditioning", _("Air conditioning")
    ELECTRICS = "electrics", _("Electrics")
    DRIVER_ASSISTANCE = "driver_assistance", _("Driver assistance and safety")
    BODY = "body", _("Body and interior")
    MAINTENANCE = "maintenance", _("Maintenance")


class Named(models.Model):
    """An entry with a code and a name in each language of the pages."""

    name_zh_hans = models.CharField(_("Name in simplified Chinese"), max_length=120)
    name_zh_hant = models.CharField(_("Name in traditional Chinese"), max_length=120)
    name_en = models.CharField(_("Name in English"), max_length=120)
    #: First day on which it may not be chosen any more; what names it already stays valid.
    withdrawn_on = models.DateField(_("Withdrawn on"), null=True, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.pk} {self.name}"

    @property
    def name(self) -> str:
        """The name in the language that is active now."""
        return self.name_in(get_language() or "en")

    def name_in(self, language: str) -> str:
        """The name in a language (zh-hans, zh-hant, anything else is English)."""
        suffix = {"zh-hans": "zh_hans", "zh-hant": "zh_hant"}.get(language.lower(), "en")
        return getattr(self, f"name_{suffix}") or self.name_en

    @property
    def names(self) -> tuple[str, str, str]:
        """The names in all languages, for matching what people write."""
        return self.name_zh_hans, self.name_zh_hant, self.name_en

    def may_be_chosen(self, on: date) -> bool:
        """Whether it may be used in something new on a day."""
        return self.withdrawn_on is None or on < self.withdrawn_on


class Coded(Named):
    """A named entry whose key is called `code`."""

    code = models.CharField(_("Code"), max_length=40, primary_key=True, validators=[code_shape])

    class Meta:
        abstract = True


class BrandNoun(Coded):
    """A brand of the manufacturer."""

    order = models.PositiveSmallIntegerField(_("Order in lists"), default=100)

    class Meta:
        abstract = True


class SeriesNoun(Coded):
    """A family of cars under one name."""

    segment = models.CharField(_("Segment"), max_length=20, choices=Segment)
    energy = models.CharField(_("Energy"), max_length=20, choices=Energy)

    class Meta:
        abstract = True


class ModelNoun(Coded):
    """A series in one model year and body."""

    model_year = models.PositiveSmallIntegerField(_("Model year"), validators=[MinValueValidator(1980)])

    class Meta:
        abstract = True


class VariantNoun(Coded):
    """What a customer buys: a model with its equipment, price, colours and warranty.

    `colours` is a list of `{"code", "zh_hans", "zh_hant", "en", "hex"}`. `warranty_km` 0 means without limit.
    """

    list_price = models.DecimalField(
        _("List price"), max_digits=12, decimal_places=2, validators=[MinValueValidator(0)]
    )
    currency = models.CharField(_("Currency"), max_length=3, default="CNY", validators=[currency_shape])
    colours = models.JSONField(_("Colours"), default=list, blank=True)
    on_sale_from = models.DateField(_("On sale from"))
    on_sale_until = models.DateField(_("On sale until"), null=True, blank=True)
    warranty_months = models.PositiveSmallIntegerField(_("Warranty in months"))
    warranty_km = models.PositiveIntegerField(_("Warranty in km"), help_text=_("0 means without limit."))

    class Meta:
        abstract = True

    def may_be_chosen(self, on: date) -> bool:
        """Whether it may be sold new on a day."""
        ended = self.on_sale_until is not None and on > self.on_sale_until
        return super().may_be_chosen(on) and self.on_sale_from <= on and not ended


class Fitting(models.Model):
    """What belongs to some series of its brand only: `fits` holds their codes, in order; none means all of them."""

    fits = models.JSONField(_("Fits series"), default=list, blank=True)

    class Meta:
        abstract = True


class LabourOperationNoun(Fitting, Coded):
    """A piece of workshop work with the manufacturer's standard time, in hours."""

    system = models.CharField(_("System"), max_length=20, choices=System)
    standard_hours = models.DecimalField(
        _("Standard hours"), max_digits=5, decimal_places=2, validators=[MinValueValidator(0)]
    )

    class Meta:
        abstract = True


class PartNoun(Fitting, Named):
    """A part that can be ordered and fitted. `causal_group` is the system it can be the cause of a fault in."""

    number = models.CharField(_("Part number"), max_length=40, primary_key=True, validators=[code_shape])
    causal_group = models.CharField(_("Causal group"), max_length=20, choices=System)
    price = models.DecimalField(_("Price"), max_digits=12, decimal_places=2, validators=[MinValueValidator(0)])
    currency = models.CharField(_("Currency"), max_length=3, default="CNY", validators=[currency_shape])
    #: 易损耗零部件: its own, shorter warranty (SAMR order 43, art. 18 and 19).
    wear_part = models.BooleanField(_("Wear part"), default=False)

    class Meta:
        abstract = True


class FaultCodeNoun(Coded):
    """A diagnostic trouble code (SAE J2012, as in P0301)."""

    system = models.CharField(_("System"), max_length=20, choices=System)

    class Meta:
        abstract = True


def values_of(entry: models.Model) -> dict[str, Any]:
    """The stored values of an entry by column name: what publishing compares and copies."""
    return {field.attname: getattr(entry, field.attname) for field in entry._meta.concrete_fields}
