"""What the network adds to the portal's navigation."""

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from kernel.accounts.roles import Right
from kernel.tenancy.manufacturer import manufacturer_name
from kernel.ui import branding
from kernel.ui.navigation import PORTAL, NavItem, register


def own_branding(_request: HttpRequest) -> branding.Branding:
    """The manufacturer's name in the reader's language."""
    return branding.Branding(name=manufacturer_name())


branding.register(PORTAL, own_branding)
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
register(
    PORTAL,
    NavItem(
        "fleet",
        _("Upgrades"),
        "network:fleet",
        icon="layers",
        right=Right.EXCHANGE_REPAIR,
        order=900,
        group=_("System"),
    ),
)
