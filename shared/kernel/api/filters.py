"""Query parameters that narrow lists."""

from __future__ import annotations

from typing import Any

from django.db.models import Choices, QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from kernel.errors import Invalid


def by_choice(rows: QuerySet[Any], request: Request, **choices: type[Choices]) -> QuerySet[Any]:
    """Rows narrowed by query parameters of these names, each of which must be one of its choices. Raises Invalid."""
    for name, values in choices.items():
        wanted = request.query_params.get(name)
        if wanted is None:
            continue
        if wanted not in values.values:
            raise Invalid({name: _("There is no such value.")}, code="choice")
        rows = rows.filter(**{name: wanted})
    return rows
