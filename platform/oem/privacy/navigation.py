"""What privacy adds to the portal's navigation."""

from django.utils.translation import gettext_lazy as _

from kernel.accounts.roles import Right
from kernel.ui.navigation import PORTAL, NavItem, register

register(
    PORTAL,
    NavItem(
        "privacy",
        _("Taken back and erased"),
        "privacy:overview",
        icon="history",
        right=Right.SHARING_READ,
        order=440,
        group=_("Network"),
    ),
)
