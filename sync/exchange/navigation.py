"""What the exchange adds to the navigation of both tiers."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from exchange import health
from kernel.accounts.roles import Right
from kernel.ui.navigation import TIERS, NavItem, register


def _stuck(request: HttpRequest) -> int:
    return health.stuck_messages().count()


for _tier in TIERS:
    register(
        _tier,
        NavItem(
            "exchange",
            _("Exchange"),
            "exchange:overview",
            icon="arrow-left-right",
            right=Right.EXCHANGE_READ,
            order=800,
            group=_("Administration"),
            count=_stuck,
        ),
    )
