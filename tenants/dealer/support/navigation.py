"""What support access adds to the shell and to today's list."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dealer.organisation import today
from dealer.support import queries, words
from kernel.accounts.models import User
from kernel.ui import states
from kernel.ui.navigation import DEALER, NavItem, register

register(
    DEALER,
    NavItem(
        "support",
        gettext_lazy("Support access"),
        "support:list",
        icon="key-round",
        right=queries.READS,
        order=720,
        group=gettext_lazy("Sharing"),
    ),
)
states.register(
    {
        "asked": "warning",
        "approved": "error",
        "refused": "neutral",
        "withdrawn": "neutral",
        "ended": "neutral",
        "lapsed": "neutral",
    },
    kind="support",
)


def asked(user: User) -> Iterator[today.Line]:
    """Requests that wait for an answer."""
    for access in queries.waiting().order_by("number")[: today.SHOWN + 1]:
        yield today.Line(
            title=words.who(access),
            url=reverse("support:access", args=[access.pk]),
            text=access.reason,
            step=_("Answer"),
            at=access.asked_at,
        )


def open_now(user: User) -> Iterator[today.Line]:
    """Who is in."""
    for access in queries.let_in_now().order_by("until")[: today.SHOWN + 1]:
        yield today.Line(
            title=words.who(access),
            url=reverse("support:access", args=[access.pk]),
            text=access.reason,
            facts=(access.get_may_display(),),
            step=_("See what is done"),
            due=access.until,
        )


today.register(
    "support.asked",
    asked,
    [queries.ANSWERS],
    title=gettext_lazy("Somebody asks to be let in"),
    order=50,
    icon="key-round",
    tone="warning",
    more_url_name="support:list",
)
today.register(
    "support.open",
    open_now,
    [queries.ANSWERS],
    title=gettext_lazy("Somebody from outside is let in"),
    order=5,
    icon="key-round",
    tone="error",
    more_url_name="support:list",
)
