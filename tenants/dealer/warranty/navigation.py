"""What warranty adds to the shell, to today's list and to the page of a repair order."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from dealer.organisation import today
from dealer.warranty import queries
from dealer.warranty.models import ClaimState
from dealer.warranty.views import panel_of
from dealer.workshop import panels
from dealer.workshop.queries import title_of
from kernel.accounts.models import User
from kernel.accounts.roles import Right
from kernel.ui.navigation import DEALER, NavItem, register
from kernel.ui.templatetags.ui import money

register(
    DEALER,
    NavItem(
        "claims",
        _("Warranty claims"),
        "warranty:claims",
        icon="shield-check",
        right=Right.CLAIMS_READ,
        order=36,
        group=_("Service"),
    ),
)
panels.register("warranty.claims", panel_of, [Right.CLAIMS_READ], template="warranty/_order.html")


def claims_to_do(user: User) -> Iterator[today.Line]:
    """Claims that were sent back, then drafts; the longest waiting first."""
    rows = list(queries.waiting_for_us(user).order_by("created_at", "id")[:50])
    rows.sort(key=lambda one: one.state != ClaimState.SENT_BACK)
    for one in rows:
        back = one.state == ClaimState.SENT_BACK
        yield today.Line(
            title=f"{one} · {title_of(one.repair_order.vehicle)}",
            text=one.complaint[:120],
            url=reverse("warranty:claim", args=[one.pk]),
            step=_("Correct and send again") if back else _("Check and submit"),
            at=one.decided_at if back else one.created_at,
            state=one.state,
            state_label=one.get_state_display(),
            facts=[money(one.total, one.currency)],
        )


today.register(
    "warranty.claims",
    claims_to_do,
    [Right.CLAIMS_WRITE],
    title=_("Warranty claims"),
    order=40,
    icon="shield-check",
    tone="warning",
    more_url_name="warranty:claims",
)
