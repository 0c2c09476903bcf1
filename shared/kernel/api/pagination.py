"""Pages of results by cursor: `{"results": […], "next": url|null}`, `?limit=` up to 200.

A cursor names the last row given, so rows that arrive meanwhile neither repeat nor hide others, and the hundredth page
costs what the first does. The order must be total: it ends with a unique column.
"""

import base64
import json
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from kernel.api.problems import ApiProblem
from kernel.errors import Invalid

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


class CursorPages(BasePagination):
    """The view may say `ordering = ("-created_at", "id")`; without it the queryset's own order counts.

    Columns of the order must not be null. Use: `pages = CursorPages(); rows = pages.paginate_queryset(qs, request,
    view=self); return pages.get_paginated_response(data)`, or DRF's generic views, which do the same.
    """

    request: Request
    next_cursor: str | None = None

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.request = request
        limit = self._limit(request)
        order = _total(queryset, getattr(view, "ordering", None))
        rows = queryset.order_by(*order)
        cursor = request.query_params.get("cursor")
        if cursor:
            try:
                rows = rows.filter(_after(order, _decode(cursor, order)))
            except (ValidationError, ValueError, TypeError):  # a value of another type than its column's
                raise ApiProblem("cursor_invalid") from None
        found = list(rows[: limit + 1])
        if len(found) > limit:
            found.pop()
            self.next_cursor = _encode([_value(found[-1], name) for name in order])
        return found

    @staticmethod
    def _limit(request: Request) -> int:
        text = request.query_params.get("limit")
        if text is None:
            return DEFAULT_LIMIT
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= MAX_LIMIT and len(text) < 6):
            raise Invalid({"limit": _("Use a whole number from 1 to 200.")})
        return int(text)

    def get_next_link(self) -> str | None:
        if self.next_cursor is None:
            return None
        return replace_query_param(self.request.build_absolute_uri(), "cursor", self.next_cursor)

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, "next": self.get_next_link()})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["results", "next"],
            "properties": {
                "results": schema,
                "next": {"type": ["string", "null"], "format": "uri"},
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            {
                "name": "limit",
                "in": "query",
                "required": False,
                "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
            },
            {"name": "cursor", "in": "query", "required": False, "schema": {"type": "string"}},
        ]


def _total(queryset: QuerySet[Any], wanted: Sequence[str] | None) -> list[str]:
    order = [str(name) for name in (wanted or queryset.query.order_by or queryset.model._meta.ordering or ())]
    if not any(name.lstrip("-") in ("id", "pk") for name in order):
        order.append("id")
    return order


def _value(row: Any, name: str) -> Any:
    for step in name.lstrip("-").split("__"):
        row = row[step] if isinstance(row, dict) else getattr(row, step)
    return row


def _after(order: list[str], values: list[Any]) -> Q:
    """Rows behind `values` in the order: (a, b) after (x, y) is a>x, or a=x and b>y (< where descending)."""
    behind, equal = Q(), Q()
    for name, value in zip(order, values, strict=True):
        plain, sign = name.lstrip("-"), "lt" if name.startswith("-") else "gt"
        behind |= equal & Q(**{f"{plain}__{sign}": value})
        equal &= Q(**{plain: value})
    return behind


def _encode(values: list[Any]) -> str:
    tagged = []
    for value in values:
        kind = next((k for k, t in _KINDS if isinstance(value, t)), "")
        tagged.append([kind, value.isoformat() if kind in ("t", "d") else str(value) if kind else value])
    return base64.urlsafe_b64encode(json.dumps(tagged, cls=DjangoJSONEncoder).encode()).decode().rstrip("=")


_KINDS: list[tuple[str, type]] = [("t", datetime), ("d", date), ("n", Decimal), ("u", UUID)]
_READERS: dict[str, Any] = {
    "": lambda v: v,
    "t": datetime.fromisoformat,
    "d": date.fromisoformat,
    "n": Decimal,
    "u": UUID,
}


def _decode(cursor: str, order: list[str]) -> list[Any]:
    try:
        tagged = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        values = [_READERS[kind](value) for kind, value in tagged]
        if len(values) != len(order) or any(isinstance(v, (dict, list)) or v is None for v in values):
            raise ValueError
        if any(isinstance(v, str) and "\x00" in v for v in values):
            raise ValueError
        if any(isinstance(v, datetime) and v.tzinfo is None for v in values):
            raise ValueError
        json.dumps(tagged, ensure_ascii=False).encode()
    except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError):
        raise ApiProblem("cursor_invalid") from None
    return values
