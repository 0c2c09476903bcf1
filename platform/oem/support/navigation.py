"""What support access adds to a dealership's page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from kernel.accounts.roles import Right
from kernel.ui import states
from oem.network import panels
from oem.network.models import Dealership
from oem.support import queries

states.register(
    {
        "asked": "warning",
        "approved": "success",
        "refused": "error",
        "withdrawn": "neutral",
        "ended": "neutral",
        "lapsed": "neutral",
    },
    kind="asked_support",
)


def _asks(request: HttpRequest, dealership: Dealership) -> dict[str, Any]:
    return {"asks": queries.asked_of(dealership, request.user)[:3]}


panels.register(
    panels.Panel(
        key="support",
        title=_("Support access"),
        template="oem_support/_panel.html",
        context=_asks,
        right=Right.SUPPORT_ASK,
        order=60,
    )
)
