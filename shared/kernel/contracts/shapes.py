"""What a value in a contract may look like: one shape per type hint.

A shape checks a Python value (`check`, strict: nothing is guessed), writes it as JSON (`write`), reads that
JSON back to an equal value (`read`) and describes itself as JSON Schema, draft 2020-12 (`schema`).

JSON forms: text, integers and booleans as they are; `Decimal` as a string without exponent; `date` as
``YYYY-MM-DD``; `datetime` in UTC as ISO 8601 with offset; `UUID` as its 36 characters; an enum by its value.
"""

from __future__ import annotations

import re
import types
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

#: The largest integer of a PostgreSQL `bigint`.
MAX_INT = 2**63 - 1
#: What `numeric(19, 4)` of the tables holds, and some room for hours and quantities.
MAX_WHOLE_DIGITS = 15
MAX_DECIMALS = 6
DECIMAL = rf"-?[0-9]{{1,{MAX_WHOLE_DIGITS}}}(\.[0-9]{{1,{MAX_DECIMALS}}})?"


class MisfitError(ValueError):
    """A value does not fit its shape. `where` leads to it inside the field: ``[2].amount``."""

    def __init__(self, message: str, where: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where

    def inside(self, where: str) -> MisfitError:
        return MisfitError(self.message, f"{where}{self.where}")


class Shape(ABC):
    """One kind of value. Every method raises `MisfitError` for a value that does not fit."""

    @abstractmethod
    def check(self, value: Any) -> Any:
        """Return `value` in its one canonical form."""

    def write(self, value: Any) -> Any:
        return value

    def read(self, body: Any, unknown: list[str], where: str) -> Any:
        """Turn JSON into a value and check it; names that only a newer version knows go into `unknown`."""
        return self.check(body)

    def partly(self) -> Shape:
        """The shape of what a gate leaves of it: in entries, any key may be absent."""
        return self

    @abstractmethod
    def schema(self) -> dict[str, Any]: ...

    @abstractmethod
    def describe(self) -> str:
        """The type in the words of the generated reference."""


def _expect(value: Any, kind: type, words: str) -> Any:
    # bool is a subclass of int and datetime of date: neither may pass for the other.
    if type(value) is not kind and not (kind is str and isinstance(value, str)):
        raise MisfitError(f"must be {words}, not {type(value).__name__}")
    return value


@dataclass(frozen=True)
class Text(Shape):
    """Text of at most `max_length` characters that PostgreSQL can hold, optionally of one whole pattern."""

    max_length: int
    pattern: str | None = None

    def check(self, value: Any) -> str:
        text = str(_expect(value, str, "text"))
        if len(text) > self.max_length:
            raise MisfitError(f"must have at most {self.max_length} characters, not {len(text)}")
        if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise MisfitError("must not contain NUL or half of a surrogate pair")
        if self.pattern and not re.fullmatch(self.pattern, text, re.ASCII):
            raise MisfitError(f"must match {self.pattern}")
        return text

    def schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "string", "maxLength": self.max_length}
        return schema | ({"pattern": f"^{self.pattern}$"} if self.pattern else {})

    def describe(self) -> str:
        return f"text ≤ {self.max_length}"


@dataclass(frozen=True)
class Whole(Shape):
    minimum: int | None = None

    def check(self, value: Any) -> int:
        _expect(value, int, "a whole number")
        lowest = -MAX_INT - 1 if self.minimum is None else self.minimum
        if not lowest <= value <= MAX_INT:
            raise MisfitError(f"must be at least {lowest} and at most {MAX_INT}")
        return int(value)

    def schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "integer", "maximum": MAX_INT}
        return schema | {"minimum": -MAX_INT - 1 if self.minimum is None else self.minimum}

    def describe(self) -> str:
        return "whole number" if self.minimum is None else f"whole number ≥ {self.minimum}"


class Truth(Shape):
    def check(self, value: Any) -> bool:
        return bool(_expect(value, bool, "true or false"))

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}

    def describe(self) -> str:
        return "true or false"


class Number(Shape):
    """An exact decimal number; floats are refused because they are not exact."""

    def check(self, value: Any) -> Decimal:
        _expect(value, Decimal, "a Decimal")
        if not value.is_finite():
            raise MisfitError("must be a finite number")
        if value.adjusted() >= MAX_WHOLE_DIGITS or int(value.as_tuple().exponent) < -MAX_DECIMALS:
            raise MisfitError(f"must have at most {MAX_WHOLE_DIGITS} digits and {MAX_DECIMALS} decimals")
        return Decimal(format(value, "f"))

    def write(self, value: Decimal) -> str:
        return format(value, "f")

    def read(self, body: Any, unknown: list[str], where: str) -> Decimal:
        text = _expect(body, str, "a decimal number as text")
        if not re.fullmatch(DECIMAL, text, re.ASCII):
            raise MisfitError("must be a decimal number as text")
        return self.check(Decimal(text))

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{DECIMAL}$"}

    def describe(self) -> str:
        return "decimal"


class Day(Shape):
    def check(self, value: Any) -> date:
        checked: date = _expect(value, date, "a date")
        return checked

    def write(self, value: date) -> str:
        return value.isoformat()

    def read(self, body: Any, unknown: list[str], where: str) -> date:
        text = _expect(body, str, "a date as text")
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise MisfitError("must be a date, YYYY-MM-DD") from None

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "date"}

    def describe(self) -> str:
        return "date"


class Instant(Shape):
    """A point in time; kept in UTC so that equal instants have equal bytes."""

    def check(self, value: Any) -> datetime:
        if not isinstance(value, datetime):
            raise MisfitError(f"must be a date and time, not {type(value).__name__}")
        if value.utcoffset() is None:
            raise MisfitError("must say its time zone")
        try:
            return value.astimezone(UTC)
        except OverflowError:
            raise MisfitError("must lie in the years 1 to 9999") from None

    def write(self, value: datetime) -> str:
        return value.isoformat()

    def read(self, body: Any, unknown: list[str], where: str) -> datetime:
        text = _expect(body, str, "a date and time as text")
        try:
            return self.check(datetime.fromisoformat(text))
        except MisfitError:
            raise
        except ValueError:
            raise MisfitError("must be a date and time in ISO 8601 with offset") from None

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "date-time"}

    def describe(self) -> str:
        return "time (UTC)"


class Identifier(Shape):
    def check(self, value: Any) -> UUID:
        checked: UUID = _expect(value, UUID, "a UUID")
        return checked

    def write(self, value: UUID) -> str:
        return str(value)

    def read(self, body: Any, unknown: list[str], where: str) -> UUID:
        text = _expect(body, str, "a UUID as text")
        try:
            return UUID(text)
        except ValueError:
            raise MisfitError("must be a UUID") from None

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "uuid"}

    def describe(self) -> str:
        return "UUID"


@dataclass(frozen=True)
class Choice(Shape):
    """A member of a text enum; its value as plain text is taken too, any other text is refused."""

    choices: type[StrEnum]

    def check(self, value: Any) -> StrEnum:
        text = _expect(value, str, "text")
        try:
            return self.choices(text)
        except ValueError:
            raise MisfitError(f"must be one of {', '.join(self.choices)}") from None

    def write(self, value: StrEnum) -> str:
        return str(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": [str(choice) for choice in self.choices]}

    def describe(self) -> str:
        return ", ".join(f"`{choice}`" for choice in self.choices)


@dataclass(frozen=True)
class Maybe(Shape):
    """The inner shape or nothing (`None`, JSON null)."""

    inner: Shape

    def check(self, value: Any) -> Any:
        return None if value is None else self.inner.check(value)

    def write(self, value: Any) -> Any:
        return None if value is None else self.inner.write(value)

    def read(self, body: Any, unknown: list[str], where: str) -> Any:
        return None if body is None else self.inner.read(body, unknown, where)

    def partly(self) -> Shape:
        return Maybe(self.inner.partly())

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.inner.schema(), {"type": "null"}]}

    def describe(self) -> str:
        return f"{self.inner.describe()}, or nothing"


@dataclass(frozen=True)
class ListOf(Shape):
    inner: Shape

    def _each(self, values: Any, turn: Callable[[Any, str], Any]) -> list[Any]:
        _expect(values, list, "a list")
        turned = []
        for position, value in enumerate(values):
            try:
                turned.append(turn(value, f"[{position}]"))
            except MisfitError as error:
                raise error.inside(f"[{position}]") from None
        return turned

    def check(self, value: Any) -> list[Any]:
        return self._each(value, lambda item, _: self.inner.check(item))

    def write(self, value: list[Any]) -> list[Any]:
        return [self.inner.write(item) for item in value]

    def read(self, body: Any, unknown: list[str], where: str) -> list[Any]:
        return self._each(body, lambda item, _: self.inner.read(item, unknown, f"{where}[]"))

    def partly(self) -> Shape:
        return ListOf(self.inner.partly())

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.inner.schema()}

    def describe(self) -> str:
        return f"list of {self.inner.describe()}"


@dataclass(frozen=True)
class MapOf(Shape):
    """Text keys to values of one shape."""

    key: Text
    inner: Shape

    def _each(self, values: Any, turn: Callable[[Any], Any]) -> dict[str, Any]:
        _expect(values, dict, "an object")
        turned = {}
        for key, value in values.items():
            try:
                turned[self.key.check(key)] = turn(value)
            except MisfitError as error:
                raise error.inside(f"[{key!r}]") from None
        return turned

    def check(self, value: Any) -> dict[str, Any]:
        return self._each(value, self.inner.check)

    def write(self, value: dict[str, Any]) -> dict[str, Any]:
        return {key: self.inner.write(item) for key, item in value.items()}

    def read(self, body: Any, unknown: list[str], where: str) -> dict[str, Any]:
        return self._each(body, lambda item: self.inner.read(item, unknown, where))

    def schema(self) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": self.inner.schema()}

    def describe(self) -> str:
        return f"object of {self.inner.describe()}"


@dataclass(frozen=True)
class Entry(Shape):
    """A dict with known keys, declared as a `TypedDict`; an absent optional key means `None`.

    `marks` holds what each key's `Annotated` says about it.
    """

    keys: Mapping[str, Shape]
    marks: Mapping[str, Any]

    def check(self, value: Any) -> dict[str, Any]:
        _expect(value, dict, "an object")
        strange = [str(key) for key in value if key not in self.keys]
        if strange:
            raise MisfitError(f"knows no {', '.join(strange)}; its keys are {', '.join(self.keys)}")
        return {key: self._one(shape.check, value, key) for key, shape in self.keys.items()}

    def write(self, value: dict[str, Any]) -> dict[str, Any]:
        return {key: self.keys[key].write(item) for key, item in value.items()}

    def read(self, body: Any, unknown: list[str], where: str) -> dict[str, Any]:
        _expect(body, dict, "an object")
        unknown.extend(f"{where}.{key}" for key in body if key not in self.keys)
        entry = {}
        for key, shape in self.keys.items():

            def read(item: Any, shape: Shape = shape, within: str = f"{where}.{key}") -> Any:
                return shape.read(item, unknown, within)

            entry[key] = self._one(read, body, key)
        return entry

    def partly(self) -> Shape:
        keys = self.keys.items()
        return Entry({key: shape if isinstance(shape, Maybe) else Maybe(shape) for key, shape in keys}, self.marks)

    @staticmethod
    def _one(turn: Callable[[Any], Any], value: dict[str, Any], key: str) -> Any:
        try:
            return turn(value.get(key))
        except MisfitError as error:
            if key not in value:
                raise MisfitError("is missing", f".{key}") from None
            raise error.inside(f".{key}") from None

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {key: shape.schema() for key, shape in self.keys.items()},
            "required": [key for key, shape in self.keys.items() if not isinstance(shape, Maybe)],
        }

    def describe(self) -> str:
        return "entries"


class Limits(Protocol):
    """Limits of the text or number at the bottom of a hint."""

    @property
    def max_length(self) -> int: ...
    @property
    def pattern(self) -> str | None: ...
    @property
    def minimum(self) -> int | None: ...


def shape_of(hint: Any, limits: Limits) -> Shape:
    """The shape of a type hint. Raises `TypeError` for a hint that may not stand in a contract.

    The keys of a `TypedDict` carry limits of their own, in `Annotated`.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        inner = [argument for argument in arguments if argument is not type(None)]
        if len(inner) == 1:
            return Maybe(shape_of(inner[0], limits))
    if origin is list:
        return ListOf(shape_of(arguments[0], limits))
    if origin is dict and arguments[0] is str:
        return MapOf(Text(limits.max_length), shape_of(arguments[1], limits))
    if typing.is_typeddict(hint):
        return _entry_of(hint)
    if hint is str:
        return Text(limits.max_length, limits.pattern)
    if hint is int:
        return Whole(limits.minimum)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return Choice(hint)
    plain: dict[Any, Shape] = {
        bool: Truth(), Decimal: Number(), date: Day(), datetime: Instant(), UUID: Identifier(),
    }  # fmt: skip
    if hint in plain:
        return plain[hint]
    raise TypeError(f"a contract cannot hold {hint!r}")


def hints_of(owner: type) -> dict[str, Any]:
    return typing.get_type_hints(owner, include_extras=True)


def _entry_of(owner: type) -> Entry:
    keys: dict[str, Shape] = {}
    marks: dict[str, Any] = {}
    for key, hint in hints_of(owner).items():
        if typing.get_origin(hint) is not typing.Annotated:
            raise TypeError(f"the key {key} is not classified")
        inner, mark = typing.get_args(hint)
        keys[key] = shape_of(inner, mark)
        marks[key] = mark
    return Entry(keys, marks)


def entry_in(shape: Shape) -> Entry | None:
    """The entry inside a list of entries, or inside `None | list of entries`."""
    while isinstance(shape, Maybe | ListOf):
        shape = shape.inner
    return shape if isinstance(shape, Entry) else None
