"""What the catalogue adds to the portal's navigation."""

from django.utils.translation import gettext_lazy as _

from kernel.accounts.roles import Right
from kernel.ui.navigation import PORTAL, NavItem, register

register(
    PORTAL,
    NavItem(
        "catalogue",
        _("Catalogue"),
        "catalogue:overview",
        icon="car",
        right=Right.NETWORK_READ,
        order=410,
        group=_("Network"),
    ),
)
