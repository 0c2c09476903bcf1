"""What accounts adds to the navigation of both tiers."""

from django.utils.translation import gettext_lazy as _

from kernel.accounts.roles import Right
from kernel.ui import states
from kernel.ui.navigation import TIERS, NavItem, register

states.register({"waiting": "info", "sent": "success"}, kind="mail")
states.register({"active": "success", "invited": "info"}, kind="account")

for _tier in TIERS:
    register(
        _tier,
        NavItem(
            "people",
            _("People"),
            "accounts:people",
            icon="users",
            right=Right.PEOPLE_MANAGE,
            order=900,
            group=_("Administration"),
        ),
        NavItem(
            "outbox",
            _("Outbox"),
            "accounts:outbox",
            icon="mail",
            right=Right.PEOPLE_MANAGE,
            order=905,
            group=_("Administration"),
        ),
        NavItem("account", _("My account"), "accounts:account", icon="circle-user", order=950, menu=True),
        NavItem("sign_out", _("Sign out"), "accounts:sign_out", icon="log-out", order=990, menu=True, post=True),
    )
