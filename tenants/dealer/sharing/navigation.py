"""What sharing adds to the shell and to today's list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dealer.customers import cards
from dealer.customers.models import Customer
from dealer.organisation import today
from dealer.sharing import queries, words
from dealer.sharing.erasing.models import ErasureState
from dealer.sharing.models import Agreement, AgreementState
from dealer.sharing.takingback.models import WithdrawalState
from exchange.models import Ledger, LedgerState
from kernel.accounts.models import User
from kernel.accounts.roles import Right
from kernel.ui import states
from kernel.ui.navigation import DEALER, NavItem, register

_GROUP = gettext_lazy("Sharing")
register(
    DEALER,
    NavItem(
        "sharing",
        gettext_lazy("What we share"),
        "sharing:switchboard",
        icon="share-2",
        right=Right.SHARING_READ,
        order=700,
        group=_GROUP,
    ),
    NavItem(
        "ledger",
        gettext_lazy("Ledger"),
        "sharing:ledger",
        icon="history",
        right=Right.SHARING_READ,
        order=710,
        group=_GROUP,
    ),
    NavItem(
        "readings",
        gettext_lazy("Who looked"),
        "sharing:readings",
        icon="eye",
        right=Right.SHARING_READ,
        order=715,
        group=_GROUP,
    ),
)
register(
    DEALER,
    NavItem(
        "comparison",
        gettext_lazy("Comparison"),
        "sharing:comparison",
        icon="chart-column",
        right=Right.SHARING_READ,
        order=720,
        group=_GROUP,
    ),
)
states.register({"counts": "info", "pseudonymous": "primary"})
states.register({"asked": "warning", "left": "neutral", "sent": "info", "done": "success"}, kind="withdrawal")
states.register({"asked": "warning", "sent": "info", "done": "success", "declined": "neutral"}, kind="erasure")
states.register(
    {"new": "warning", "more": "warning", "less": "success", "same": "neutral", "gone": "success"}, kind="difference"
)


def unsigned(user: User) -> Iterator[today.Line]:
    """Agreements that wait for a signature."""
    for agreement in Agreement.objects.filter(state=AgreementState.PROPOSED):
        yield today.Line(
            title=str(agreement),
            url=reverse("sharing:agreement", args=[agreement.pk]),
            text=agreement.manufacturer,
            step=_("Read and sign"),
            at=agreement.received_at,
        )


def refused(user: User) -> Iterator[today.Line]:
    """Messages that the manufacturer refused."""
    for row in Ledger.objects.filter(state=LedgerState.REFUSED).order_by("-number")[: today.SHOWN + 1]:
        yield today.Line(
            title=row.subject_label or words.contract_label(row.contract),
            url=reverse("sharing:message", args=[row.pk]),
            text=words.contract_label(row.contract),
            facts=(words.stopped_label(row.reason),),
            step=_("See why"),
            at=row.event_at,
        )


def questions(user: User) -> Iterator[today.Line]:
    """What went earlier, to be left or taken back."""
    waiting = queries.visible_withdrawals(user).filter(state=WithdrawalState.ASKED)
    for row in waiting[: today.SHOWN + 1]:
        yield today.Line(
            title=words.contract_label(row.contract),
            url=reverse("sharing:withdrawals"),
            text=_("What went earlier: leave it, or take it back?"),
            step=_("Decide"),
            at=row.asked_at,
        )


def asked_to_erase(user: User) -> Iterator[today.Line]:
    """Customers whom the manufacturer asks to erase."""
    for row in queries.visible_erasures(user).filter(state=ErasureState.ASKED)[: today.SHOWN + 1]:
        yield today.Line(
            title=str(row),
            url=reverse("sharing:erasure", args=[row.pk]),
            text=_("The customer asked the manufacturer to be erased."),
            step=_("Decide"),
            at=row.asked_at,
        )


today.register(
    "sharing.questions",
    questions,
    [Right.SHARING_CHANGE],
    title=gettext_lazy("What went earlier"),
    order=62,
    icon="history",
    tone="warning",
)
today.register(
    "sharing.erasures",
    asked_to_erase,
    [Right.PERSONS_ERASE],
    title=gettext_lazy("Asked to erase"),
    order=64,
    icon="user",
    tone="warning",
)
today.register(
    "sharing.unsigned",
    unsigned,
    [Right.SHARING_CHANGE],
    title=gettext_lazy("Agreements to sign"),
    order=60,
    icon="file-text",
    tone="warning",
)
today.register(
    "sharing.refused",
    refused,
    [Right.SHARING_READ],
    title=gettext_lazy("Refused by the manufacturer"),
    order=70,
    icon="triangle-alert",
    tone="error",
    more_url_name="sharing:ledger",
)


def readings_of(customer: Customer, user: User) -> dict[str, Any] | None:
    """The last times that somebody at the manufacturer saw this customer by name; None when nobody has."""
    rows = list(queries.readings_of(customer.pk, user)[:6])
    return {"rows": [(row, words.reader(row)) for row in rows[:5]], "more": len(rows) > 5} if rows else None


cards.register(
    "sharing.readings",
    readings_of,
    [Right.SHARING_READ],
    title=gettext_lazy("Who looked at the manufacturer"),
    template="sharing/_readings.html",
    order=900,
)


def taken_back_of(customer: Customer, user: User) -> dict[str, Any] | None:
    """What was taken back of this customer after a consent ended; None for nothing."""
    rows = list(queries.withdrawals_of(customer.pk, user)[:5])
    return {"rows": [(row, words.contract_label(row.contract)) for row in rows]} if rows else None


def erasing_of(customer: Customer, user: User) -> dict[str, Any]:
    """The way to erase this customer, or what became of it."""
    return {"erasure": queries.erasure_of(customer.pk), "asked": queries.erasure_asked(customer.pk)}


cards.register(
    "sharing.taken_back",
    taken_back_of,
    [Right.SHARING_READ],
    title=gettext_lazy("Taken back from the manufacturer"),
    template="sharing/_taken_back.html",
    order=910,
)
cards.register(
    "sharing.erasing",
    erasing_of,
    [Right.PERSONS_ERASE],
    title=gettext_lazy("Erasure"),
    template="sharing/_erasing.html",
    order=990,
)
