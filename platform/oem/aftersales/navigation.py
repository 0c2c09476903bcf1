"""What after-sales adds to the portal's navigation and to a car's page."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from kernel.accounts.roles import Right
from kernel.ui.navigation import PORTAL, NavItem, register
from oem.aftersales import vehicle
from oem.aftersales.models import Claim, ClaimState
from oem.owners import sections


def _waiting(request: HttpRequest) -> int:
    # Asked only for people who may read claims, and those who may see all of them.
    return Claim.objects.filter(state=ClaimState.SUBMITTED).count()


for _section in vehicle.SECTIONS:
    sections.register(_section)

register(
    PORTAL,
    NavItem(
        "claims",
        _("Claims to decide"),
        "aftersales:worklist",
        "shield-check",
        Right.CLAIMS_READ,
        60,
        True,
        group=_("After-sales"),
        short=_("Claims"),
        count=_waiting,
    ),
    NavItem(
        "visits",
        _("Service visits"),
        "aftersales:visits",
        "wrench",
        Right.SERVICE_READ,
        62,
        True,
        group=_("After-sales"),
    ),
)
