"""Writes of the catalogue's master, and its publishing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, connection, models, transaction
from django.utils.translation import gettext as _

from kernel import audit, clock
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.errors import FieldError, Invalid
from kernel.reference import queries as reference
from kernel.reference.models import Publication
from kernel.reference.nouns import colour_shape, values_of
from oem.catalogue.models import Series
from oem.catalogue.nouns import BY_MODEL, NOUNS, Noun

Values = Mapping[str, Any]
YES, NO = frozenset({"1", "yes", "true", "y", "是"}), frozenset({"", "0", "no", "false", "n", "否"})


@dataclass(frozen=True)
class Imported:
    """What an import did."""

    added: int
    changed: int
    same: int


@transaction.atomic
def add_entry(*, actor: Actor, noun: Noun, values: Values) -> models.Model:
    """Add an entry to the master. `values` by field name; parents by code. Raises Invalid naming every wrong field."""
    actor.require(Right.CATALOGUE_WRITE)
    entry = noun.master()
    _fill(noun, entry, values, noun.fields)
    _check(noun, entry, parents=None)
    try:
        with transaction.atomic():
            _save(actor, noun, entry, {}, is_new=True)
    except IntegrityError:
        raise Invalid({noun.code: _("There is an entry with this code already.")}, code="code_taken") from None
    return entry


@transaction.atomic
def change_entry(*, actor: Actor, entry: models.Model, values: Values) -> models.Model:
    """Change an entry of the master; its code stays. Raises Invalid naming every wrong field."""
    actor.require(Right.CATALOGUE_WRITE)
    noun = BY_MODEL[type(entry)]
    entry = noun.master._default_manager.select_for_update(of=("self",)).get(pk=entry.pk)
    before = values_of(entry)
    _fill(noun, entry, values, noun.fields[1:])
    _check(noun, entry, parents=None)
    _save(actor, noun, entry, before, is_new=False)
    return entry


@transaction.atomic
def import_entries(*, actor: Actor, noun: Noun, rows: Iterable[Values]) -> Imported:
    """Add or change many entries, by their codes; all or nothing. Columns that a row does not have stay as they are.

    Raises Invalid whose field names begin with the row's number (the first row is 1): "12.price".
    """
    actor.require(Right.CATALOGUE_WRITE)
    known = {entry.pk: entry for entry in noun.master._default_manager.select_for_update(of=("self",))}
    parents, brands = _codes_of_parents(noun), _brands_of_series(noun)
    problems: list[FieldError] = []
    ready: list[tuple[models.Model, dict[str, Any], bool]] = []
    seen: set[str] = set()
    for number, row in enumerate(rows, start=1):
        code = str(row.get(noun.code) or "").strip()
        is_new = code not in known
        entry = known.get(code) or noun.master()
        before = {} if is_new else values_of(entry)
        try:
            if code in seen:
                raise Invalid({noun.code: _("This code stands in the file twice.")}, code="code_twice")
            seen.add(code)
            _fill(noun, entry, row, noun.fields)
            _check(noun, entry, parents=parents, brands=brands)
        except Invalid as error:
            problems += [FieldError(f"{number}.{e.field}".rstrip("."), e.code, e.message) for e in error.errors]
            if len(problems) >= 100:
                break
        ready.append((entry, before, is_new))
    if problems:
        raise Invalid(problems)
    counts = [_save(actor, noun, entry, before, is_new=is_new) for entry, before, is_new in ready]
    return Imported(counts.count("added"), counts.count("changed"), counts.count("same"))


def _codes_of_parents(noun: Noun) -> frozenset[str] | None:
    if not noun.parent:
        return None
    return frozenset(noun.above._default_manager.values_list("pk", flat=True))


def _brands_of_series(noun: Noun) -> dict[str, str]:
    """The brand of every series; only for nouns that fit some of them."""
    return dict(Series.objects.values_list("code", "brand_id")) if "fits" in noun.fields else {}


def _fill(noun: Noun, entry: models.Model, values: Values, fields: Iterable[str]) -> None:
    """Put values, typed or as text, on an entry. Raises Invalid for a field the noun does not have."""
    unknown = [name for name in values if name not in noun.fields]
    if unknown:
        raise Invalid({name: _("There is no such field.") for name in unknown}, code="unknown_field")
    for name in fields:
        if name not in values:
            continue
        field = noun.field(name)
        setattr(entry, field.attname, _typed(field, name, values[name]))


def _typed(field: models.Field, name: str, value: Any) -> Any:
    if isinstance(value, models.Model):
        return value.pk
    if not isinstance(value, str):
        return value
    value = value.strip()
    if name == "fits" and not value.startswith("["):
        return value.replace(",", " ").replace(";", " ").split()
    if isinstance(field, models.JSONField):
        try:
            return json.loads(value or "[]")
        except ValueError:
            raise Invalid({name: _("This is not JSON.")}) from None
    if isinstance(field, models.BooleanField) and value.casefold() in YES | NO:
        return value.casefold() in YES
    return None if value == "" and field.null else value


def _check(
    noun: Noun, entry: models.Model, *, parents: frozenset[str] | None, brands: Mapping[str, str] | None = None
) -> None:
    """Check every field and bring it to its type. `parents`: codes known above, `brands`: those of the series; None
    asks the database."""
    problems: dict[str, list[str]] = {}
    try:
        entry.clean_fields(exclude={noun.parent, "changed_at"} - {""})
    except ValidationError as error:
        problems = dict(error.message_dict)
    if noun.parent:
        above = getattr(entry, f"{noun.parent}_id") or ""
        if not above:
            problems[noun.parent] = [_("This field is required.")]
        elif not (above in parents if parents is not None else _exists(noun, above)):
            problems[noun.parent] = [_("There is no entry with this code.")]
    if "fits" in noun.fields and not problems:
        problems |= _fit_problems(entry, _brands_of_series(noun) if brands is None else brands)
    if "colours" in noun.fields and "colours" not in problems:
        problems |= _colour_problems(getattr(entry, "colours", None))
    until, since = getattr(entry, "on_sale_until", None), getattr(entry, "on_sale_from", None)
    if not problems and until and since and until < since:
        problems["on_sale_until"] = [_("The last day is before the first day.")]
    if problems:
        raise Invalid(problems)


def _exists(noun: Noun, code: str) -> bool:
    return noun.above._default_manager.filter(pk=code).exists()


def _fit_problems(entry: Any, brands: Mapping[str, str]) -> dict[str, list[str]]:
    """Brings the series that an entry fits into order; all of them is the same as none named."""
    named = entry.fits
    mine = sorted(code for code, brand in brands.items() if brand == entry.brand_id)
    if not isinstance(named, list) or not all(isinstance(code, str) for code in named):
        return {"fits": [_("Name the series by their codes.")]}
    foreign = [code for code in named if code not in mine]
    if foreign:
        return {"fits": [_("The brand has no series %(code)s.") % {"code": foreign[0][:40]}]}
    entry.fits = [] if set(named) == set(mine) else sorted(set(named))
    return {}


def _colour_problems(colours: Any) -> dict[str, list[str]]:
    wanted = {"code", "zh_hans", "zh_hant", "en", "hex"}
    shaped = isinstance(colours, list) and all(
        isinstance(c, dict) and set(c) == wanted and all(isinstance(v, str) and v for v in c.values()) for c in colours
    )
    if not shaped:
        return {"colours": [_("Give each colour a code, a name in each language and its colour value.")]}
    for colour in colours:
        try:
            colour_shape(colour["hex"])
        except ValidationError as error:
            return {"colours": [str(error.messages[0])]}
    if len({c["code"] for c in colours}) < len(colours):
        return {"colours": [_("A colour stands in the list twice.")]}
    return {}


def _save(actor: Actor, noun: Noun, entry: models.Model, before: dict[str, Any], *, is_new: bool) -> str:
    """Save an entry that differs from `before`, with its audit row; says what became of it."""
    after = values_of(entry)
    changed = [name for name in after if name != "changed_at" and (is_new or before[name] != after[name])]
    if not changed:
        return "same"
    vars(entry)["changed_at"] = clock.now()  # every master has one
    if is_new:
        entry.save(force_insert=True)
    else:
        entry.save(update_fields=[*changed, "changed_at"])
    audit.record(
        actor=actor,
        action="catalogue.add" if is_new else "catalogue.change",
        obj=entry,
        before=None if is_new else {name: before[name] for name in changed},
        after={name: after[name] for name in changed},
    )
    return "added" if is_new else "changed"


# -- publishing ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """What publishing would change for one noun: codes."""

    noun: Noun
    added: list[str]
    changed: list[str]
    removed: list[str]

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


def differences() -> list[Difference]:
    """What the master has that the published copy has not, noun by noun. Two queries a noun."""
    found = []
    for noun in NOUNS:
        master, copy = _rows(noun.master), _rows(noun.published)
        found.append(
            Difference(
                noun,
                [code for code in master if code not in copy],
                [code for code in master if code in copy and master[code] != copy[code]],
                [code for code in copy if code not in master],
            )
        )
    return found


@transaction.atomic
def publish(*, actor: Actor) -> Publication | None:
    """Copy the master's differences to the published tables as a new version, in one transaction.

    Returns the new publication, or None when nothing differs. Dealerships see all of it or none.
    """
    actor.require(Right.CATALOGUE_WRITE)
    _hold_master()
    found = differences()
    if not any(found):
        return None
    for difference in found:
        _copy(difference)
    for difference in reversed(found):
        difference.noun.published._default_manager.filter(pk__in=difference.removed).delete()
    newest = Publication.objects.first()
    publication = Publication.objects.create(
        version=newest.version + 1 if newest else 1,
        published_at=clock.now(),
        checksum=_checksum(),
        differences={
            d.noun.key: {"added": len(d.added), "changed": len(d.changed), "removed": len(d.removed)}
            for d in found
            if d
        },
    )
    audit.record(
        actor=actor,
        action="catalogue.publish",
        obj=publication,
        after={"version": publication.version, "differences": publication.differences},
    )
    transaction.on_commit(reference.forget)
    return publication


def _hold_master() -> None:
    """Keep everyone else from changing or publishing the master until the transaction ends; reading goes on."""
    tables = ", ".join(connection.ops.quote_name(noun.master._meta.db_table) for noun in NOUNS)
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE")


def _rows(model: type[models.Model]) -> dict[str, dict[str, Any]]:
    """Published columns by code, in the order of the codes."""
    columns = [f.attname for f in model._meta.concrete_fields if f.attname != "changed_at"]
    return {row[model._meta.pk.attname]: row for row in model._default_manager.order_by("pk").values(*columns)}


def _copy(difference: Difference) -> None:
    noun = difference.noun
    master = _rows(noun.master)
    model = noun.published
    model._default_manager.bulk_create([model(**master[code]) for code in difference.added], batch_size=500)
    columns = [f.name for f in model._meta.concrete_fields if not f.primary_key]
    model._default_manager.bulk_update([model(**master[code]) for code in difference.changed], columns, batch_size=500)


def _checksum() -> str:
    digest = hashlib.sha256()
    for noun in NOUNS:
        for row in _rows(noun.published).values():
            digest.update(json.dumps(row, cls=DjangoJSONEncoder, sort_keys=True, ensure_ascii=False).encode())
    return digest.hexdigest()
