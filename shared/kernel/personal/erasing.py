"""Erasing one person from the tables of the login that is bound, as the registry says.

Which rows are the person's follows from ids, not from words: the registry says by which ids a table's rows are found
and which further ids they give (a customer → prospects → the leads they came from → messages about them). Words are
looked for only where nothing else leads (`sweep`): in what others typed into searches, in sessions, in stored answers.
Doing it twice does nothing more.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus
from uuid import UUID

from django.db import models, transaction
from django.db.models import F, Func, Q, QuerySet, Value
from django.db.models.functions import Cast, Replace

from kernel.automotive import phone
from kernel.personal.registry import ERASING, Column, PersonalClass, Table, Treatment, holding, registry
from kernel.tenancy.bindings import Portal, current

#: The kind of id under which every row that was found counts: what the audit trail and the exchange call it by.
OBJECTS = "objects"
#: A word shorter than this is no name by which anything could be found.
SHORTEST_WORD = 2
#: Rounds of following ids; more would mean that the registry goes round in circles.
ROUNDS = 8


@dataclass
class Person:
    """Whom to erase. `ids` by kind, as the registry's `of` and `gives` name them; `words` are the person's own name,
    numbers and addresses, for sweeping; `spared` are rows by table that a law keeps: their free text goes, they stay.
    """

    ids: dict[str, set[Any]] = field(default_factory=lambda: defaultdict(set))
    words: frozenset[str] = frozenset()
    spared: Mapping[str, Collection[Any]] = field(default_factory=dict)
    #: Primary keys of the rows that were found, by table.
    rows: dict[str, set[Any]] = field(default_factory=lambda: defaultdict(set))


def tables() -> list[Table]:
    """The tables of the tier that is bound."""
    tier = "manufacturer" if isinstance(current(), Portal) else "dealership"
    return [t for t in registry().values() if getattr(t.model._meta.app_config, "tier", "") in (tier, "both")]


def find(person: Person) -> Person:
    """Follow the person's ids through every table until no more are found; fills `ids` and `rows`."""
    # What is not (or no more) a row here may still be spoken of: an offer that was not applied yet, an old audit row.
    person.ids[OBJECTS] |= {id_ for kind in list(person.ids) for id_ in person.ids[kind]}
    for _round in range(ROUNDS):
        before = _size(person)
        for table in tables():
            wanted = _wanted(table, person)
            if wanted is None:
                continue
            names = list(table.gives.values())
            for pk, *given in table.model._base_manager.filter(wanted).distinct().values_list("pk", *names):
                person.rows[table.label].add(pk)
                person.ids[OBJECTS].add(pk)
                for kind, id_ in zip(table.gives, given, strict=True):
                    if id_ is not None:
                        person.ids[kind].add(id_)
        if _size(person) == before:
            return person
    raise RuntimeError("the registry of personal fields leads round in circles")


#: The columns whose words lead to a person wherever they stand.
WORDS = frozenset({"name", "company_name", "phone", "other_phone", "email"})


def words_of(person: Person) -> frozenset[str]:
    """The person's own words for sweeping, read from the rows that were found: names, numbers and addresses of e-mail.
    A number is looked for without its country too, as people type it."""
    words: set[str] = set()
    for table in tables():
        names = [
            c.name
            for c in table.columns.values()
            if c.name in WORDS
            and c.personal in (PersonalClass.IDENTITY, PersonalClass.CONTACT)
            and c.treatment in ERASING
        ]
        if names and person.rows.get(table.label):
            found = table.model._base_manager.filter(pk__in=list(person.rows[table.label])).values_list(*names)
            words |= {str(word) for row in found for word in row if word}
    for word in list(words):
        if word.startswith("+") and phone.normalise(word).e164:
            words |= {phone.display(word), phone.display(word).replace(" ", ""), word.removeprefix("+86")}
    return frozenset(word for word in words if not word.startswith("#"))


def _size(person: Person) -> int:
    return sum(map(len, person.ids.values())) + sum(map(len, person.rows.values()))


def _wanted(table: Table, person: Person) -> Q | None:
    """The rows of a table that are the person's by the ids known so far; None when none can be."""
    wanted = Q()
    for kind, lookup in table.of.items():
        ids = person.ids.get(kind)
        if ids:
            wanted |= Q(**{f"{lookup}__in": _fitting(table.model, lookup, ids)})
    return wanted or None


def _fitting(model: type[models.Model], lookup: str, ids: Iterable[Any]) -> list[Any]:
    """Ids in the form of a column: the audit trail keeps them as text."""
    found: Any = model
    *way, last = lookup.split("__")
    for step in way:
        found = found._meta.get_field(step).related_model
    column = found._meta.pk if last == "id" else _column(found, last)
    while column.related_model is not None:
        column = column.target_field
    return [str(id_) if isinstance(column, models.CharField) else id_ for id_ in ids if _fits(column, id_)]


def _column(model: type[models.Model], name: str) -> Any:
    """A column by the name of its field or of its attribute ("customer_id")."""
    return next(f for f in model._meta.concrete_fields if name in (f.name, f.attname))


def _fits(column: Any, id_: Any) -> bool:
    """Whether an id can stand in a column at all: numbers cannot where UUIDs are kept."""
    return isinstance(column, models.CharField) or isinstance(column, models.UUIDField) == isinstance(id_, UUID)


@transaction.atomic
def erase(person: Person) -> dict[str, int]:
    """Erase what `find` found, and sweep; returns how many rows were touched, by table."""
    done: Counter[str] = Counter()
    for table in tables():
        columns = list(table.columns.values())
        mine = table.model._base_manager.filter(pk__in=list(person.rows.get(table.label, ())))
        spared = list(person.spared.get(table.label, ()))
        touched = 0
        if person.rows.get(table.label):
            touched = _empty(mine, table, columns)
            if any(c.treatment is Treatment.ROW for c in columns):
                touched = max(touched, mine.exclude(pk__in=spared).delete()[0])
        touched += _sweep(table, columns, person)
        if touched:
            done[table.label] += touched
    return dict(done)


def _empty(mine: QuerySet[Any], table: Table, columns: list[Column]) -> int:
    changes = {c.name: _nothing(table, c) for c in columns if c.treatment is Treatment.BLANK}
    touched = mine.update(**changes) if changes else 0
    for row in mine if any(c.treatment in (Treatment.REPLACE, Treatment.KEYS) for c in columns) else ():
        new = {}
        for column in columns:
            if column.treatment is Treatment.REPLACE:
                new[column.name] = column.detail.format_map(vars(row))
            elif column.treatment is Treatment.KEYS:
                new[column.name] = _without(getattr(row, column.name), frozenset(column.detail))
        touched += table.model._base_manager.filter(pk=row.pk).update(**new)
    return touched


def _nothing(table: Table, column: Column) -> Any:
    """The empty value of a column."""
    found = next(f for f in holding(table.model) if f.name == column.name)
    if found.null:
        return None
    if isinstance(found, models.JSONField):
        return found.get_default() if found.has_default() else {}
    return b"" if isinstance(found, models.BinaryField) else ("unknown" if "unknown" in dict(found.flatchoices) else "")


def _without(value: Any, keys: frozenset[str]) -> Any:
    """A JSON value with what stands under these keys emptied."""
    if isinstance(value, dict):
        return {k: (None if k in keys else _without(v, keys)) for k, v in value.items()}
    return [_without(v, keys) for v in value] if isinstance(value, list) else value


# -- sweeping --------------------------------------------------------------------------------------------------------


def forms_of(words: Iterable[str]) -> list[str]:
    """Every form in which a word may stand in a text, a JSON or an address, longest first."""
    found = set()
    for word in words:
        if len(word) >= SHORTEST_WORD:
            found |= {word, quote(word), quote_plus(word), json.dumps(word)[1:-1]}
    return sorted(found, key=lambda form: (-len(form), form))


class _Position(Func):
    """Where a word begins in a text or in bytes; 0 when it is not there."""

    function = "position"
    template = "%(function)s(%(expressions)s)"
    arg_joiner = " in "
    output_field = models.IntegerField()


def _holding_word(model: type[models.Model], name: str, word: str) -> QuerySet[Any]:
    """The rows of a table in which a word stands in a column."""
    if isinstance(model._meta.get_field(name), models.BinaryField):
        place = _Position(Value(word.encode(), output_field=models.BinaryField()), F(name))
    else:
        place = _Position(Value(word), Cast(name, models.TextField()))
    return model._base_manager.annotate(_place=place).filter(_place__gt=0)


def _sweep(table: Table, columns: list[Column], person: Person) -> int:
    words, touched = forms_of(person.words), 0
    ids = [str(id_) for id_ in person.ids.get(OBJECTS, ())]
    for column in columns:
        if column.treatment is Treatment.SWEEP:
            found = table.model._meta.get_field(column.name)
            for word in words:
                cleaned = Replace(Cast(column.name, models.TextField()), Value(word), Value(""))
                new = Cast(cleaned, models.JSONField()) if isinstance(found, models.JSONField) else cleaned
                touched += _holding_word(table.model, column.name, word).update(**{column.name: new})
        elif column.treatment is Treatment.SWEEP_ROW:
            for word in [*words, *ids]:
                touched += _holding_word(table.model, column.name, word).delete()[0]
    return touched
