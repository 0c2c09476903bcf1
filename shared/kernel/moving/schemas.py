"""JSON Schema (2020-12) of every file of an export, written from the models and their words."""

from __future__ import annotations

import inspect
from typing import Any

from django.db import models
from django.utils import translation

from kernel.moving.rules import fields_of, moves_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_INTEGERS = (models.IntegerField, models.AutoField)


def schema_of(model: type[models.Model]) -> dict[str, Any]:
    """The schema of one row (one line of the file) of a model's table."""
    with translation.override("en"):
        fields = {field.column: _field(model, field) for field in fields_of(model)}
    return {
        "$schema": DIALECT,
        "$id": f"dealernet-export/{model._meta.db_table}",
        "title": model._meta.db_table,
        "description": inspect.getdoc(model) or "",
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
        "x-unique": [list(one.fields) for one in model._meta.constraints if isinstance(one, models.UniqueConstraint)
                     and one.fields],
    }  # fmt: skip


def _field(model: type[models.Model], field: models.Field[Any, Any]) -> dict[str, Any]:
    target = field.target_field if isinstance(field, models.ForeignKey) else field
    out: dict[str, Any] = {"title": str(field.verbose_name), **_type(target)}
    if field.null and "type" in out:
        out["type"] = [out["type"], "null"]
    if field.choices and not isinstance(field, models.JSONField):
        values = [value for value, _label in field.flatchoices]
        blank = [""] if field.blank and "" not in values else []
        out["enum"] = [*values, *blank, *([None] if field.null else [])]
    if isinstance(field, models.ForeignKey):
        remote = field.remote_field.model._meta
        out["x-references"] = f"{remote.db_table}.{target.column}"
    said = [str(field.help_text)] if field.help_text else []
    if field.column in moves_of(model).blank:
        said.append(f"Always blank: {moves_of(model).blank[field.column][1]}")
        out.pop("enum", None)
    if said:
        out["description"] = " ".join(said)
    return out


def _type(field: models.Field[Any, Any]) -> dict[str, Any]:
    if isinstance(field, models.UUIDField):
        return {"type": "string", "format": "uuid"}
    if isinstance(field, models.DateTimeField):
        return {"type": "string", "format": "date-time", "x-time-zone": "UTC"}
    if isinstance(field, models.DateField):
        return {"type": "string", "format": "date"}
    if isinstance(field, models.TimeField):
        return {"type": "string", "format": "time"}
    if isinstance(field, models.BooleanField):
        return {"type": "boolean"}
    if isinstance(field, models.DecimalField):
        places = field.decimal_places
        return {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$", "x-decimal-places": places}
    if isinstance(field, _INTEGERS):
        return {"type": "integer"}
    if isinstance(field, models.JSONField):
        return {"x-json": True}
    if isinstance(field, models.BinaryField):
        return {"type": "string", "pattern": r"^\\x([0-9a-f]{2})*$"}  # as PostgreSQL writes bytea
    if isinstance(field, models.CharField | models.TextField | models.GenericIPAddressField):
        return {"type": "string"} | ({"maxLength": field.max_length} if field.max_length else {})
    raise TypeError(f"{field} has no type in an export yet")
