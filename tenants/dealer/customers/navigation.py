"""What customers add to the shell."""

from django.utils.translation import gettext_lazy as _

from dealer.organisation import search
from kernel.accounts.roles import Right
from kernel.ui import states
from kernel.ui.navigation import DEALER, NavItem, register

register(
    DEALER,
    NavItem(
        "customers", _("Customers"), "customers:list", icon="users", right=Right.CUSTOMERS_READ, order=50, phone=True
    ),
)
search.register(Right.CUSTOMERS_READ, "customers:list", order=10)
states.register(
    {"given": "success", "withdrawn": "error", "expired": "warning", "refused": "neutral", "unasked": "neutral"},
    "consent",
)
