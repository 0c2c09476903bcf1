"""What the network adds to the portal's navigation."""

from django.utils.translation import gettext_lazy as _

from kernel.accounts.roles import Right
from kernel.ui.navigation import PORTAL, NavItem, register

register(
    PORTAL,
    NavItem(
        "network",
        _("Dealerships"),
        "network:list",
        icon="store",
        right=Right.NETWORK_READ,
        order=400,
        phone=True,
        group=_("Network"),
    ),
)
