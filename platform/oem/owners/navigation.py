"""What owners add to the portal's navigation."""

from django.utils.translation import gettext_lazy as _

from kernel.accounts.roles import Right
from kernel.ui.navigation import PORTAL, NavItem, register

register(
    PORTAL,
    NavItem(
        "owners",
        _("Owners"),
        "owners:list",
        icon="users",
        right=Right.OWNERS_READ,
        order=100,
        phone=True,
        prefixes=("/vehicles/",),
        group=_("From the dealerships"),
    ),
)
