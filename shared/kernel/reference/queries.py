"""Reading the published catalogue, from either tier. Codes in, names in the active language out.

Brands, series, models and variants (some hundred rows) are kept in the process, by publication version; whether a newer
version stands is asked at most every `REMEMBER_FOR` seconds. Labour operations, parts and fault codes can be many
thousands and are asked from the database.
"""

from __future__ import annotations

import threading
import time
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import cast

from django.db.models import Q, QuerySet
from django.utils.translation import get_language

from kernel import clock
from kernel.reference.models import Brand, FaultCode, LabourOperation, Model, Part, Publication, Series, Variant
from kernel.reference.nouns import Named

#: Seconds that a process may go on with an older version after a new one was published.
REMEMBER_FOR = 5.0
#: The manufacturer's calendar: on which day something goes on or off sale.
CALENDAR = "Asia/Shanghai"

Choices = list[tuple[str, str]]


@dataclass(frozen=True)
class Catalogue:
    """The tree of cars of one version: entries by code, in list order, each with its parents loaded."""

    version: int
    brands: dict[str, Brand]
    series: dict[str, Series]
    models: dict[str, Model]
    variants: dict[str, Variant]

    @cached_property
    def by_name(self) -> dict[str, dict[str, Named]]:
        """Per noun: what people may write for an entry (code or a name in any language) → the entry."""
        found: dict[str, dict[str, Named]] = {}
        for noun in ("brands", "series", "models", "variants"):
            index = found.setdefault(noun, {})
            # Written backwards, so that of two with one name the first in the list wins (models: the newest year).
            for entry in reversed(list(getattr(self, noun).values())):
                for text in (*entry.names, entry.pk):
                    index[_key(text)] = entry
        return found


_lock = threading.Lock()
_kept: Catalogue | None = None
_asked_at = float("-inf")


def publication() -> Publication | None:
    """The newest publication, or None before the first."""
    return Publication.objects.first()


def catalogue() -> Catalogue:
    """The published tree of cars. Costs nothing while it is fresh, one query to see that it is, five to load it."""
    global _kept, _asked_at
    kept = _kept
    if kept is not None and time.monotonic() - _asked_at < REMEMBER_FOR:
        return kept
    asked_at = time.monotonic()
    version = Publication.objects.values_list("version", flat=True).first() or 0
    if kept is None or kept.version != version:
        kept = _load(version)
    with _lock:
        _kept, _asked_at = kept, asked_at
    return kept


def forget() -> None:
    """Ask the database anew next time (after publishing in this process, and between tests)."""
    global _kept, _asked_at
    with _lock:
        _kept, _asked_at = None, float("-inf")


def _load(version: int) -> Catalogue:
    brands = {brand.code: brand for brand in Brand.objects.all()}
    series = {one.code: one for one in Series.objects.all()}
    for one in series.values():
        one.brand = brands[one.brand_id]
    models = {model.code: model for model in Model.objects.all()}
    for model in models.values():
        model.series = series[model.series_id]
    variants = {variant.code: variant for variant in Variant.objects.all()}
    for variant in variants.values():
        variant.model = models[variant.model_id]
    return Catalogue(version, brands, series, models, variants)


def _key(text: str) -> str:
    """Letters and digits only, without case, so that "Star Lan", "STARLAN" and "star-lan" are one."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


# -- choices for forms: (code, name in the active language) ----------------------------------------------------


def _choices(entries: Iterable[Named], on: date | None) -> Choices:
    on = on or clock.today(CALENDAR)
    return [(entry.pk, entry.name) for entry in entries if entry.may_be_chosen(on)]


def brand_choices(*, on: date | None = None) -> Choices:
    """The brands that may be chosen on a day (today without one)."""
    return _choices(catalogue().brands.values(), on)


def series_choices(brand: str = "", *, on: date | None = None) -> Choices:
    """The series of a brand, or of all."""
    return _choices((s for s in catalogue().series.values() if not brand or s.brand_id == brand), on)


def model_choices(series: str = "", *, on: date | None = None) -> Choices:
    """The models of a series, or of all."""
    return _choices((m for m in catalogue().models.values() if not series or m.series_id == series), on)


def variant_choices(model: str = "", *, series: str = "", on: date | None = None) -> Choices:
    """The variants on sale of a model or of a series, or of all."""
    found = catalogue().variants.values()
    return _choices(
        (v for v in found if (not model or v.model_id == model) and (not series or v.model.series_id == series)),
        on,
    )


def colour_choices(variant: str) -> Choices:
    """The colours of a variant; none for an unknown one."""
    found = catalogue().variants.get(variant)
    return [(colour["code"], colour_name(variant, colour["code"])) for colour in found.colours] if found else []


# -- names of what is stored by code ---------------------------------------------------------------------------


def brand_name(code: str) -> str:
    """The brand's name; an unknown code is its own name."""
    return _name(catalogue().brands, code)


def series_name(code: str) -> str:
    return _name(catalogue().series, code)


def model_name(code: str) -> str:
    return _name(catalogue().models, code)


def variant_name(code: str) -> str:
    return _name(catalogue().variants, code)


def _name(entries: dict, code: str) -> str:
    return entries[code].name if code in entries else code


def colour_name(variant: str, code: str) -> str:
    """The name of a colour of a variant in the active language; an unknown one is its own name."""
    found = catalogue().variants.get(variant)
    colour = next((c for c in found.colours if c["code"] == code), None) if found else None
    if colour is None:
        return code
    key = (get_language() or "en").lower().replace("-", "_")
    return colour.get(key) or colour["en"]


def car_name(*, brand: str = "", series: str = "", model: str = "", variant: str = "") -> str:
    """The car as a person says it: brand and the most exact name known ("星河 岚行 2026款 尊贵型").

    Any of the codes may be missing; those above the most exact one follow from it. Unknown codes stand as they are.
    """
    tree = catalogue()
    if variant in tree.variants:
        model = tree.variants[variant].model_id
    if model in tree.models:
        series = tree.models[model].series_id
    if series in tree.series:
        brand = tree.series[series].brand_id
    parts = [brand_name(brand), model_name(model) if model else series_name(series), variant_name(variant)]
    return " ".join(part for part in parts if part)


def warranty_of(variant: str) -> tuple[int, int] | None:
    """Months and km of a variant's warranty (0 km: without limit); None for an unknown one."""
    found = catalogue().variants.get(variant)
    return (found.warranty_months, found.warranty_km) if found else None


# -- finding codes from what people write ----------------------------------------------------------------------


@dataclass(frozen=True)
class Match:
    """Codes found for words; "" for what was not found."""

    brand: str = ""
    series: str = ""
    model: str = ""


def match_car(*, brand: str = "", series: str = "", model: str = "", year: int | None = None) -> Match:
    """Codes for a car named by words (codes or names in any language, in any of the fields).

    ADF has make and model only, and senders put a series or a model into the latter: so `model` is looked up as a
    model, then as a series. A name of a model that comes in several years means `year`'s, else the newest. What is
    found lower decides what stands above; a brand that contradicts the series is dropped, not guessed.
    """
    index = catalogue().by_name
    wanted_brand = index["brands"].get(_key(brand)) if brand else None
    all_series = cast(dict[str, Series], index["series"])
    all_models = cast(dict[str, Model], index["models"])
    found_series = all_series.get(_key(series)) if series else None
    found_model = all_models.get(_key(model)) if model else None
    if found_model is None and model:
        found_series = found_series or all_series.get(_key(model))
    if found_series is None and found_model is None and series:
        found_model = all_models.get(_key(series))
    if found_model is not None:
        found_series = catalogue().series[found_model.series_id]
        if year and found_model.model_year != year:
            same = [m for m in catalogue().models.values() if m.series_id == found_series.code and m.model_year == year]
            found_model = same[0] if len(same) == 1 else found_model
    if found_series is not None:
        above = found_series.brand_id
        if wanted_brand is not None and wanted_brand.pk != above:
            return Match(brand=wanted_brand.pk)
        return Match(above, found_series.pk, found_model.pk if found_model else "")
    return Match(brand=wanted_brand.pk if wanted_brand else "")


# -- operations, parts, fault codes ----------------------------------------------------------------------------


def _matching(text: str, key: str) -> Q:
    condition = Q()
    for word in text.replace("\x00", "").split()[:6]:
        one = Q(**{f"{key}__icontains": word})
        for name in ("name_zh_hans", "name_zh_hant", "name_en"):
            one |= Q(**{f"{name}__icontains": word})
        condition &= one
    return condition


def _current(on: date | None) -> Q:
    return Q(withdrawn_on=None) | Q(withdrawn_on__gt=on or clock.today(CALENDAR))


def _for_car(brand: str, series: str) -> Q:
    """What belongs to a car: of its brand, and for its series or for all; "" asks for any."""
    condition = Q(brand=brand) if brand else Q()
    return condition & (Q(fits=[]) | Q(fits__contains=[series])) if series else condition


def labour_operations(
    text: str = "", *, brand: str = "", series: str = "", on: date | None = None
) -> QuerySet[LabourOperation]:
    """Operations that may be chosen for a car, by words in code or names; slice it."""
    return LabourOperation.objects.filter(_matching(text, "code"), _current(on), _for_car(brand, series))


def parts(text: str = "", *, brand: str = "", series: str = "", on: date | None = None) -> QuerySet[Part]:
    """Parts that may be chosen for a car, by words in number or names; slice it."""
    return Part.objects.filter(_matching(text, "number"), _current(on), _for_car(brand, series))


def fault_codes(text: str = "", *, on: date | None = None) -> QuerySet[FaultCode]:
    """Fault codes by words in code or names; slice it."""
    return FaultCode.objects.filter(_matching(text, "code"), _current(on))


def operation(code: str) -> LabourOperation | None:
    """One labour operation, withdrawn or not."""
    return LabourOperation.objects.filter(pk=code).first()


def part(number: str) -> Part | None:
    """One part, withdrawn or not."""
    return Part.objects.filter(pk=number).first()


def fault_code(code: str) -> FaultCode | None:
    """One fault code, withdrawn or not."""
    return FaultCode.objects.filter(pk=code).first()
