"""The nouns of the catalogue as data: what pages, import, API and publishing go by, so that each is written once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from kernel.errors import Missing
from kernel.reference import models as published
from oem.catalogue.models import Brand, FaultCode, LabourOperation, Model, Part, Series, Variant

NAMES = ("name_zh_hans", "name_zh_hant", "name_en")


@dataclass(frozen=True)
class Noun:
    """One kind of entry. `key` is its plural in addresses and file names; `fields` what people may set, the key first.

    `exchanged` nouns can be brought in and out as CSV on the pages.
    """

    key: str
    title: Any
    master: type[models.Model]
    published: type[models.Model]
    fields: tuple[str, ...]
    icon: str
    exchanged: bool = False

    @property
    def code(self) -> str:
        """The name of the field that is the key: `code`, for parts `number`."""
        return self.fields[0]

    def field(self, name: str) -> Any:
        """The master's field of that name."""
        return self.master._meta.get_field(name)

    @property
    def above(self) -> Any:
        """The master's model of what stands above; only where there is a `parent`."""
        return self.field(self.parent).related_model

    @property
    def parent(self) -> str:
        """The name of the field that points at the entry above, or ""."""
        return next((f for f in ("brand", "series", "model") if f in self.fields), "")


#: Parents before children: the order of publishing.
NOUNS: tuple[Noun, ...] = (
    Noun("brands", _("Brands"), Brand, published.Brand, ("code", *NAMES, "order", "withdrawn_on"), "layers"),
    Noun(
        "series",
        _("Series"),
        Series,
        published.Series,
        ("code", "brand", *NAMES, "segment", "energy", "withdrawn_on"),
        "layers",
    ),
    Noun(
        "models",
        _("Models"),
        Model,
        published.Model,
        ("code", "series", *NAMES, "model_year", "withdrawn_on"),
        "car",
    ),
    Noun(
        "variants",
        _("Variants"),
        Variant,
        published.Variant,
        (
            "code",
            "model",
            *NAMES,
            "list_price",
            "currency",
            "colours",
            "on_sale_from",
            "on_sale_until",
            "warranty_months",
            "warranty_km",
            "withdrawn_on",
        ),
        "car",
    ),
    Noun(
        "labour-operations",
        _("Labour operations"),
        LabourOperation,
        published.LabourOperation,
        ("code", "brand", *NAMES, "fits", "system", "standard_hours", "withdrawn_on"),
        "wrench",
        exchanged=True,
    ),
    Noun(
        "parts",
        _("Parts"),
        Part,
        published.Part,
        ("number", "brand", *NAMES, "fits", "causal_group", "price", "currency", "wear_part", "withdrawn_on"),
        "package",
        exchanged=True,
    ),
    Noun(
        "fault-codes",
        _("Fault codes"),
        FaultCode,
        published.FaultCode,
        ("code", *NAMES, "system", "withdrawn_on"),
        "triangle-alert",
    ),
)
BY_KEY = {noun.key: noun for noun in NOUNS}
BY_MODEL = {noun.master: noun for noun in NOUNS}


def noun_called(key: str) -> Noun:
    """The noun of an address. Raises Missing."""
    try:
        return BY_KEY[key]
    except KeyError:
        raise Missing() from None
