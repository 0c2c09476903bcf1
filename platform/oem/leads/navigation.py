"""What the lead hub adds to the portal's navigation."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from kernel.accounts.roles import Right
from kernel.ui.navigation import PORTAL, NavItem, register
from oem.leads import desk


def _waiting(request: HttpRequest) -> int:
    return desk.count()


register(
    PORTAL,
    NavItem("desk", _("To decide"), "leads:desk", "list-checks", Right.LEADS_ROUTE, 20, True, count=_waiting),
    NavItem("leads", _("Leads"), "leads:leads", "inbox", Right.LEADS_READ, 30, True),
    NavItem("new_lead", _("New lead"), "leads:new", "plus", Right.LEADS_ROUTE, 40, True, True),
)
