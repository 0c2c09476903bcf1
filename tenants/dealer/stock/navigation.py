"""What the stock adds to the shell."""

from django.utils.translation import gettext_lazy as _

from dealer.organisation import search
from kernel.accounts.roles import Right
from kernel.ui.navigation import DEALER, NavItem, register

search.register(Right.STOCK_READ, "stock:list", order=50)
register(
    DEALER,
    NavItem("stock", _("Cars in stock"), "stock:list", icon="car", right=Right.STOCK_READ, order=80, group=_("Sales")),
)
