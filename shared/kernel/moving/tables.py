"""The tables of a dealership as an export sees them: columns, order, and the statements that read and load them.

A row is one JSON object as PostgreSQL's `row_to_json` writes it, with decimals as text so that no reader rounds them;
the same statement at the old and at the new place gives the same bytes, which is what hashes compare.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import models

from kernel.moving.rules import EVERYTHING, Moves, fields_of, moves_of
from kernel.tenancy.rendering import DEALERSHIP, models_of

#: One column, no quoting: JSON never holds these two characters, so a line of the COPY is the JSON and nothing else.
ONE_LINE = "(FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02')"
_TEXT = "'^[=+@\\t\\r-]'"


@dataclass(frozen=True)
class Column:
    """One column. `decimal`: written as text; `wordy`: text that a spreadsheet could take for a formula."""

    name: str
    decimal: bool = False
    wordy: bool = False

    @classmethod
    def of(cls, field: models.Field[Any, Any]) -> Column:
        wordy = isinstance(field, models.CharField | models.TextField | models.JSONField)
        return cls(str(field.column), isinstance(field, models.DecimalField), wordy)


@dataclass(frozen=True)
class Table:
    """One table that goes along, whole or in part."""

    name: str
    key: str
    columns: tuple[Column, ...]
    rule: Moves = EVERYTHING

    def to_json(self) -> dict[str, Any]:
        """As the manifest names it."""
        return {
            "table": self.name,
            "key": self.key,
            "columns": [column.name for column in self.columns],
            "decimals": [column.name for column in self.columns if column.decimal],
        }

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Table:
        """A table as a manifest names it: what it left out is left out of the rows already."""
        decimals = set(found["decimals"])
        return cls(found["table"], found["key"], tuple(Column(name, name in decimals) for name in found["columns"]))

    def _where(self, schema: str) -> str:
        only = self.rule.only.format(schema=f'"{schema}"') if self.rule.only else ""
        return f" WHERE {only}" if only else ""

    def _value(self, column: Column) -> str:
        blank = self.rule.blank.get(column.name)
        quoted = f't."{column.name}"'
        return blank[0] if blank else f"{quoted}::text" if column.decimal else quoted

    def read(self, schema: str) -> str:
        """COPY of every row as a line of JSON, in the order of the key."""
        values = ", ".join(f'{self._value(column)} AS "{column.name}"' for column in self.columns)
        rows = f'SELECT {values} FROM "{schema}"."{self.name}" t{self._where(schema)} ORDER BY t."{self.key}"'
        return f"COPY (SELECT row_to_json(r) FROM ({rows}) r) TO STDOUT WITH {ONE_LINE}"

    def read_csv(self, schema: str) -> str:
        """COPY of every row for people: an apostrophe stands before what a spreadsheet would take for a formula."""
        values = []
        for column in self.columns:
            value = self._value(column)
            if column.wordy:
                value = f"CASE WHEN ({value})::text ~ {_TEXT} THEN '''' || ({value})::text ELSE ({value})::text END"
            values.append(f'{value} AS "{column.name}"')
        rows = (
            f'SELECT {", ".join(values)} FROM "{schema}"."{self.name}" t{self._where(schema)} ORDER BY t."{self.key}"'
        )
        return f"COPY ({rows}) TO STDOUT WITH (FORMAT csv, HEADER true)"

    def load(self, schema: str) -> tuple[str, str, str]:
        """What takes lines of JSON in: a place for the lines, the COPY into it, and the rows made of them."""
        names = ", ".join(f'"{column.name}"' for column in self.columns)
        return (
            "CREATE TEMPORARY TABLE IF NOT EXISTS lines (line json) ON COMMIT DROP; TRUNCATE lines",
            f"COPY lines FROM STDIN WITH {ONE_LINE}",
            f'INSERT INTO "{schema}"."{self.name}" ({names}) OVERRIDING SYSTEM VALUE SELECT {names} '
            f'FROM lines, json_populate_record(NULL::"{schema}"."{self.name}", line)',
        )


def moving_models() -> list[type[models.Model]]:
    """The models of a dealership whose rows go along."""
    return [model for model in models_of(DEALERSHIP) if not moves_of(model).stays]


def table_of(model: type[models.Model]) -> Table:
    """A model's table."""
    fields = fields_of(model)
    key = model._meta.pk
    assert key is not None
    return Table(model._meta.db_table, str(key.column), tuple(Column.of(field) for field in fields), moves_of(model))


def tables() -> list[Table]:
    """Every table that goes along, in the order of installation."""
    return [table_of(model) for model in moving_models()]


def left_out() -> list[dict[str, str]]:
    """What stays behind and why: tables, columns that are blank, rows."""
    found = []
    for model in models_of(DEALERSHIP):
        rule, name = moves_of(model), model._meta.db_table
        if rule.stays:
            found.append({"table": name, "why": rule.stays})
        found += [{"table": name, "column": column, "why": why} for column, (_sql, why) in rule.blank.items()]
        if rule.only:
            found.append({"table": name, "rows": "some", "why": rule.why})
    return found
