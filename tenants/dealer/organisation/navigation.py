"""What the dealership adds to the shell: its name and colours, today's list, settings."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from dealer.organisation.queries import profile
from kernel.accounts.roles import Right
from kernel.errors import Missing
from kernel.ui import branding
from kernel.ui.navigation import DEALER, NavItem, register


def own_branding(request: HttpRequest) -> branding.Branding | None:
    """The dealership's name, logo and colours; None before it has joined."""
    try:
        mine = profile()
    except Missing:
        return None
    return branding.Branding(
        name=mine.short_name or mine.name,
        logo_url=reverse("organisation:logo", args=[mine.logo], urlconf="dealernet.urls_dealer") if mine.logo else "",
        primary=mine.primary_colour,
        accent=mine.accent_colour,
        theme_version=str(mine.theme_version),
    )


branding.register(DEALER, own_branding)
register(
    DEALER,
    NavItem("today", _("Today"), "organisation:today", icon="sun", order=10, phone=True, prefixes=("/today/",)),
    NavItem(
        "staff",
        _("Staff"),
        "organisation:staff",
        icon="id-card",
        right=Right.PEOPLE_MANAGE,
        order=910,
        group=_("Administration"),
    ),
    NavItem(
        "settings",
        _("Settings"),
        "organisation:settings",
        icon="settings",
        right=Right.SETTINGS_MANAGE,
        order=920,
        group=_("Administration"),
    ),
)
