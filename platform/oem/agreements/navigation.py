"""What the agreements add to the portal's navigation and to a dealership's page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from kernel.accounts.roles import Right
from kernel.ui import states
from kernel.ui.navigation import PORTAL, NavItem, register
from oem.agreements import queries
from oem.agreements.views import shown_term
from oem.network import panels
from oem.network.models import Dealership

states.register({"full": "success", "pseudonymous": "info", "counts": "warning", "nothing": "neutral"}, kind="level")
states.register(
    {"draft": "info", "proposed": "warning", "withdrawn": "neutral", "replaced": "neutral"}, kind="agreement"
)
states.register(
    {"new": "warning", "more": "warning", "less": "success", "same": "neutral", "gone": "success"}, kind="difference"
)
register(
    PORTAL,
    NavItem(
        "agreements",
        _("Agreements"),
        "agreements:overview",
        icon="handshake",
        right=Right.SHARING_READ,
        order=430,
        group=_("Network"),
    ),
)


def _terms(request: HttpRequest, dealership: Dealership) -> dict[str, Any]:
    (found,) = queries.terms_at_dealerships(request.user, only=dealership)
    return {"version": found.version, "terms": [shown_term(term) for term in found.terms]}


panels.register(
    panels.Panel(
        key="agreement",
        title=_("What it shares"),
        template="agreements/_terms.html",
        context=_terms,
        right=Right.SHARING_READ,
        order=10,
    )
)
