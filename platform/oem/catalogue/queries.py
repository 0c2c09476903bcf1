"""Reading the catalogue's master."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Model, Q, QuerySet

from kernel.accounts.roles import Right
from kernel.errors import Missing
from kernel.reference.models import Publication
from kernel.reference.nouns import values_of
from oem.catalogue.models import Series
from oem.catalogue.nouns import NOUNS, Noun


@dataclass(frozen=True)
class Standing:
    """How many entries a noun has, and how many were changed since the last publication."""

    noun: Noun
    total: int
    newer: int


def entries_for(noun: Noun, user: Any) -> QuerySet[Model]:
    """The entries of a noun that a person of the portal may see, with what stands above them."""
    rows = noun.master._default_manager.all() if user.has(Right.NETWORK_READ) else noun.master._default_manager.none()
    return rows.select_related(noun.parent) if noun.parent else rows


def access_entry_for_reading(noun: Noun, code: str, user: Any) -> Model:
    """One entry. Raises Missing."""
    found = entries_for(noun, user).filter(pk=code).first()
    if found is None:
        raise Missing()
    return found


def series_names() -> list[tuple[str, str]]:
    """All series by code, with brand and name in the active language."""
    return [(one.pk, f"{one.brand.name} {one.name}") for one in Series.objects.select_related("brand")]


def standings(publication: Publication | None) -> list[Standing]:
    """All nouns with their numbers: one query each."""
    newer = Q(changed_at__gt=publication.published_at) if publication else Q()
    found = []
    for noun in NOUNS:
        counts = noun.master._default_manager.aggregate(total=Count("pk"), newer=Count("pk", filter=newer))
        found.append(Standing(noun, counts["total"], counts["newer"]))
    return found


def unpublished_changes(noun: Noun, entry: Model) -> list[tuple[str, Any, Any]]:
    """Label, published value and present value of every field in which an entry differs from its published copy."""
    copy = noun.published._default_manager.filter(pk=entry.pk).first()
    before = values_of(copy) if copy else {}
    after = values_of(entry)
    for values in (before, after):
        if "fits" in values:
            values["fits"] = ", ".join(values["fits"])
    return [
        (str(field.verbose_name), before.get(field.attname), after[field.attname])
        for field in noun.master._meta.concrete_fields
        if field.name in noun.fields and before.get(field.attname) != after[field.attname]
    ]
