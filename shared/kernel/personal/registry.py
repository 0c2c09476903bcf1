"""The registry of personal fields: what of every table is about a person, and what erasure does with it.

Each app that has tables keeps a `personal.toml` beside its models, one table of it for each model:

    [Prospect]
    of = { customer = "customer_id" }        whose rows they are: kind of id → lookup from the model
    gives = { lead = "lead_id" }             ids by which rows of other tables are found
    none = ["state", "created_at"]           columns that say nothing about a person
    free_text = { blank = ["wish", "lost_text"] }
    reference = { keep = ["vin"], why = "it names the car" }

Every column that can hold text, JSON, a day, a time, bytes or an address stands in it once, by its class and what
erasure does with it. `problems()` is what a test asserts to be empty.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps
from django.db import models

from kernel.tenancy.grants import grants_of

FILE = "personal.toml"


class PersonalClass(StrEnum):
    """How a column leads to a person."""

    IDENTITY = "identity"
    CONTACT = "contact"
    FREE_TEXT = "free_text"
    EVIDENCE = "evidence"
    REFERENCE = "reference"
    NONE = "none"


class Treatment(StrEnum):
    """What erasure does with a column.

    row        the whole row goes
    blank      it is emptied: "", null, [] or {}
    replace    a word that says nothing stands instead, made of the row's other columns
    keys       in its JSON, the values of these keys are emptied wherever they stand
    sweep      the person's own words (name, numbers, addresses) are taken out of it, in whose row they ever stand
    sweep_row  a row goes in which one of the person's words or ids stands
    keep       it stays, for the reason in `why`
    staff      it is about somebody who works here, not about a customer: it stays, because it says who did what
    """

    ROW = "row"
    BLANK = "blank"
    REPLACE = "replace"
    KEYS = "keys"
    SWEEP = "sweep"
    SWEEP_ROW = "sweep_row"
    KEEP = "keep"
    STAFF = "staff"


#: Treatments after which nothing of a person is left in the column.
ERASING = frozenset(Treatment) - {Treatment.KEEP, Treatment.STAFF}
#: Those that need to know whose row it is; sweeping finds out by itself.
_OWNED = frozenset({Treatment.ROW, Treatment.BLANK, Treatment.REPLACE, Treatment.KEYS})
#: Columns that can hold something about a person. Numbers, truths and ids cannot by themselves.
_HOLDING = (
    models.CharField,
    models.TextField,
    models.JSONField,
    models.DateField,
    models.BinaryField,
    models.GenericIPAddressField,
    models.FileField,
)


@dataclass(frozen=True)
class Column:
    """What the registry says of one column. `detail` is the pattern of `replace`, or the names of `keys`."""

    name: str
    personal: PersonalClass
    treatment: Treatment | None = None
    detail: Any = None
    why: str = ""


@dataclass(frozen=True)
class Table:
    """One model. `of` and `gives` map kinds of ids to lookups; `label` is Django's, "sales.Prospect"."""

    label: str
    model: type[models.Model]
    of: Mapping[str, str] = field(default_factory=dict)
    gives: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Column] = field(default_factory=dict)

    def treated(self, *treatments: Treatment) -> list[Column]:
        """The columns with one of these treatments."""
        return [column for column in self.columns.values() if column.treatment in treatments]


def holding(model: type[models.Model]) -> list[models.Field[Any, Any]]:
    """The columns of a model that the registry must name. What the database computes from others follows them."""
    fields = model._meta.local_concrete_fields
    return [f for f in fields if isinstance(f, _HOLDING) and not f.generated]


def product_models() -> Iterator[type[models.Model]]:
    """Every model with a table of the product's own."""
    for config in _configs():
        yield from (model for model in config.get_models(include_auto_created=True) if model._meta.managed)


def _configs() -> list[AppConfig]:
    return [config for config in apps.get_app_configs() if hasattr(config, "tier")]


@cache
def registry() -> dict[str, Table]:
    """Every table by its label. Raises ValueError for a file that cannot be read as a registry."""
    tables: dict[str, Table] = {}
    for config in _configs():
        path = Path(config.path) / FILE
        if path.exists():
            for name, entry in tomllib.loads(path.read_text(encoding="utf-8")).items():
                table = _table(config, name, entry)
                tables[table.label] = table
    return tables


def _table(config: AppConfig, name: str, entry: dict[str, Any]) -> Table:
    try:
        model = config.get_model(name)
    except LookupError:
        raise ValueError(f"{config.name}/{FILE}: there is no model {name}") from None
    columns: dict[str, Column] = {}
    for column in _columns(entry):
        if column.name in columns:
            raise ValueError(f"{config.name}/{FILE}: {name}.{column.name} stands there twice")
        columns[column.name] = column
    return Table(model._meta.label, model, entry.get("of", {}), entry.get("gives", {}), columns)


def _columns(entry: dict[str, Any]) -> Iterator[Column]:
    for key, said in entry.items():
        if key in ("of", "gives"):
            continue
        personal = PersonalClass(key)
        if personal is PersonalClass.NONE:
            yield from (Column(name, personal) for name in said)
            continue
        why = said.get("why", "")
        for word, names in said.items():
            if word == "why":
                continue
            treatment = Treatment(word)
            details = names if isinstance(names, dict) else dict.fromkeys(names)
            for name, detail in details.items():
                yield Column(name, personal, treatment, detail, why if treatment is Treatment.KEEP else "")


def problems() -> list[str]:
    """Everything that is wrong with the registry, in words: columns without an entry, entries without a column, a
    treatment that cannot be done (no right to, nothing to empty it to, nobody knows whose row it is)."""
    found: list[str] = []
    known = registry()
    for model in product_models():
        label, wanted = model._meta.label, {field.name: field for field in holding(model)}
        table = known.get(label)
        named = set(table.columns) if table else set()
        found += [f"{label}.{name}: no entry in {FILE}" for name in sorted(set(wanted) - named)]
        if table:
            found += [f"{label}.{name}: an entry without a column" for name in sorted(named - set(wanted))]
            for column in table.columns.values():
                if column.name in wanted:
                    found += [f"{label}.{column.name}: {what}" for what in _wrong(table, column, wanted[column.name])]
    return found


def _wrong(table: Table, column: Column, found: models.Field[Any, Any]) -> Iterator[str]:
    treatment = column.treatment
    if treatment is Treatment.KEEP and not column.why:
        yield "it is kept without a reason"
    if treatment not in ERASING:
        return
    if treatment in _OWNED and not table.of:
        yield "nobody knows whose row it is (`of`)"
    if treatment is Treatment.BLANK and not (found.null or not isinstance(found, models.DateField)):
        yield "a day that must be given cannot be emptied"
    grants = grants_of(table.model, public=getattr(table.model._meta.app_config, "tier", "") == "public")
    if treatment in (Treatment.ROW, Treatment.SWEEP_ROW):
        if "d" not in grants.own:
            yield "its own login may not delete the row"
    elif "w" not in grants.own and found.column not in grants.own_update:
        yield "its own login may not change it"
