"""What insight adds to the portal's navigation and to a dealership's page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from kernel.accounts.roles import Right
from kernel.ui.navigation import PORTAL, NavItem, register
from oem.network import panels
from oem.network.models import Dealership

register(
    PORTAL,
    NavItem("home", _("To do"), "insight:home", icon="house", order=10, phone=True),
    NavItem(
        "insight",
        _("Figures"),
        "insight:overview",
        icon="chart-column",
        right=Right.INSIGHT_READ,
        order=50,
        phone=True,
    ),
    NavItem(
        "benchmarks",
        _("Comparison"),
        "insight:benchmarks",
        icon="scale",
        right=Right.INSIGHT_READ,
        order=55,
    ),
)


def _nothing(request: HttpRequest, dealership: Dealership) -> dict[str, Any]:
    return {}


panels.register(
    panels.Panel(
        key="figures",
        title=_("Figures"),
        template="insight/_panel.html",
        context=_nothing,
        right=Right.INSIGHT_READ,
        order=5,
    )
)
