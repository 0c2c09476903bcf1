"""What the audit trail adds to the navigation of both tiers."""

from django.utils.translation import gettext_lazy as _

from kernel.accounts.roles import Right
from kernel.ui.navigation import TIERS, NavItem, register

for _tier in TIERS:
    register(
        _tier,
        NavItem(
            "audit",
            _("Audit trail"),
            "audit:entries",
            icon="history",
            right=Right.AUDIT_READ,
            order=920,
            group=_("Administration"),
        ),
    )
