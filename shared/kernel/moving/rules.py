"""What of a table an export leaves out, declared on the model as `moves = Moves(…)`. Default: everything goes along."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.db.models import Field, Model


@dataclass(frozen=True)
class Moves:
    """`stays`: why the whole table stays. `blank`: column → (SQL literal that stands instead, why). `only`: SQL
    condition on the rows that go along, whose other tables are named as `{schema}.table`; `why` says what stays."""

    stays: str = ""
    blank: dict[str, tuple[str, str]] = field(default_factory=dict)
    only: str = ""
    why: str = ""


EVERYTHING = Moves()


def moves_of(model: type[Model]) -> Moves:
    """The rule of a model."""
    declared = getattr(model, "moves", None)
    return declared if isinstance(declared, Moves) else EVERYTHING


def fields_of(model: type[Model]) -> list[Field[Any, Any]]:
    """The columns of a model that are written; what the database computes from them is computed there again."""
    return [field for field in model._meta.concrete_fields if not field.generated]
