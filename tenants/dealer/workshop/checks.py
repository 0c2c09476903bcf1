"""Checks of what people type in workshop and warranty; each collects errors instead of stopping at the first."""

from __future__ import annotations

import re
from collections.abc import Container
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from kernel.errors import FieldError, Invalid

TEXT = str | Promise
_CODE = re.compile(r"[A-Z0-9][A-Z0-9.\-]{0,39}")
#: Hours or pieces of one line, and the price of one: above it a digit slipped.
MOST_QUANTITY = Decimal("9999.99")
MOST_PRICE = Decimal("9999999.99")


class Checks:
    """Collects what is wrong; `done()` raises Invalid naming every field."""

    def __init__(self) -> None:
        self.errors: list[FieldError] = []

    def wrong(self, field: str, code: str, message: TEXT) -> None:
        self.errors.append(FieldError(field, code, message))

    def done(self) -> None:
        if self.errors:
            raise Invalid(self.errors)

    def text(self, field: str, value: Any, *, longest: int, required: TEXT | None = None) -> str:
        """Text without blanks around it. `required` is the message for an empty one."""
        if value is None:
            value = ""
        if not isinstance(value, str):
            self.wrong(field, "type", _("Enter text here."))
            return ""
        value = value.strip()
        if "\x00" in value:
            self.wrong(field, "characters", _("This text has a character that cannot be stored. Type it again."))
        elif len(value) > longest:
            self.wrong(field, "too_long", _("This is too long. Shorten it."))
        elif required is not None and not value:
            self.wrong(field, "required", required)
        return value

    def code(self, field: str, value: Any) -> str:
        """A code of the catalogue in capitals, or ""."""
        value = self.text(field, value, longest=40).upper()
        if value and not _CODE.fullmatch(value):
            self.wrong(field, "code_shape", _("Codes have capital letters, digits, dots and hyphens only."))
            return ""
        return value

    def choice(self, field: str, value: Any, choices: Container[str]) -> str:
        if not isinstance(value, str) or value not in choices:
            self.wrong(field, "choice", _("Choose one of the values offered."))
            return ""
        return str(value)

    def decimal(self, field: str, value: Any, *, least: Decimal, most: Decimal, message: TEXT) -> Decimal:
        """A number with two decimals from `least` to `most`, both allowed."""
        try:
            number = Decimal(str(value)).quantize(Decimal("0.01"))
            if not least <= number <= most:
                raise InvalidOperation
        except (InvalidOperation, ValueError):
            self.wrong(field, "number", message)
            return Decimal(0)
        return number

    def quantity(self, field: str, value: Any) -> Decimal:
        message = _("Enter hours or pieces, from 0.01 to 9999.99.")
        return self.decimal(field, value, least=Decimal("0.01"), most=MOST_QUANTITY, message=message)

    def price(self, field: str, value: Any) -> Decimal:
        message = _("Enter an amount from 0 to 9,999,999.99.")
        return self.decimal(field, value, least=Decimal(0), most=MOST_PRICE, message=message)

    def moment(self, field: str, value: Any, *, required: TEXT | None = None) -> datetime | None:
        """An aware time, or None."""
        if value is None:
            if required is not None:
                self.wrong(field, "required", required)
            return None
        if not isinstance(value, datetime) or value.tzinfo is None:
            self.wrong(field, "time", _("Enter day and time."))
            return None
        return value
