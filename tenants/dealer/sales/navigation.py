"""What sales add to the shell: navigation, today's list, the customer's card."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from dealer.customers import cards
from dealer.customers.models import Customer
from dealer.organisation import search, today
from dealer.organisation.queries import profile
from dealer.sales import basis, derive, queries
from dealer.sales.models import ContractState, Lead, LeadState
from kernel import clock
from kernel.accounts.models import User
from kernel.accounts.roles import Right
from kernel.ui import states
from kernel.ui.navigation import DEALER, NavItem, register

WORK = (Right.LEADS_WORK_OWN, Right.LEADS_WORK_ALL)


def waiting_leads(request: HttpRequest) -> int | None:
    """Offers that may still be accepted, for those who may accept them."""
    if not any(request.user.has(right) for right in WORK):
        return None
    return Lead.objects.filter(state=LeadState.OFFERED, respond_before__gt=clock.now()).count()


def waiting_contracts(request: HttpRequest) -> int | None:
    """Contracts that this person may approve now."""
    may_decide = request.user.has(Right.SALES_APPROVE)
    return queries.contracts_to_decide(request.user).count() if may_decide else None


register(
    DEALER,
    NavItem(
        "leads",
        _("Leads"),
        "sales:leads",
        icon="inbox",
        right=Right.LEADS_READ,
        order=20,
        phone=True,
        group=_("Sales"),
        count=waiting_leads,
    ),
    NavItem(
        "new_prospect",
        _("New prospect"),
        "sales:new_prospect",
        icon="user-plus",
        right=Right.SALES_WORK,
        order=30,
        phone=True,
        job=True,
        group=_("Sales"),
        short=_("New"),
    ),
    NavItem(
        "prospects",
        _("Prospects"),
        "sales:prospects",
        icon="users",
        right=Right.SALES_READ,
        order=40,
        phone=True,
        group=_("Sales"),
    ),
    NavItem(
        "test_drives",
        _("Test drives"),
        "sales:test_drives",
        icon="car-front",
        right=Right.SALES_READ,
        order=60,
        group=_("Sales"),
    ),
    NavItem(
        "quotations",
        _("Quotations"),
        "sales:quotations",
        icon="file-text",
        right=Right.SALES_READ,
        order=65,
        group=_("Sales"),
    ),
    NavItem(
        "contracts",
        _("Sales contracts"),
        "sales:contracts",
        icon="file-check",
        right=Right.CONTRACTS_READ,
        order=70,
        group=_("Sales"),
        count=waiting_contracts,
    ),
    NavItem(
        "deliveries",
        _("Deliveries"),
        "sales:deliveries",
        icon="key-round",
        right=Right.CONTRACTS_READ,
        order=75,
        group=_("Sales"),
    ),
    NavItem(
        "sales_policy",
        _("Rules of selling"),
        "sales:policy",
        icon="sliders-horizontal",
        right=Right.SETTINGS_MANAGE,
        order=925,
        group=_("Administration"),
    ),
)
states.register({"mine": "primary"})
search.register(Right.CONTRACTS_READ, "sales:contracts", order=60)
# A signed contract waits for somebody; elsewhere "signed" is good news.
states.register({"signed": "warning", "approved": "success", "executed": "success"}, "contract")


# -- today -------------------------------------------------------------------------------------------


def offers(user: User) -> Iterator[today.Line]:
    """Offers that wait for an answer: one's own first, then the most urgent."""
    for lead in queries.open_offers(user)[: today.SHOWN + 1]:
        mine = lead.consultant_id == user.pk
        other = "" if mine or lead.consultant is None else lead.consultant.name
        yield today.Line(
            title=lead.car or _("A car is wanted"),
            url=reverse("sales:lead", args=[lead.pk]),
            step=_("Look and accept"),
            text=" · ".join(part for part in (lead.masked_name, lead.wish[:80]) if part),
            facts=[lead.source or lead.channel_label, lead.place, other],
            state="mine" if mine else "",
            state_label=_("For you"),
            due=lead.respond_before,
            since=lead.offered_at,
        )


def contacts(user: User) -> Iterator[today.Line]:
    """Contacts planned up to today: hot ones first, then the oldest."""
    day = derive.today()
    for prospect in queries.due_prospects(user, day)[: today.SHOWN + 1]:
        late = prospect.is_overdue(day)
        yield today.Line(
            title=prospect.customer.name,
            url=reverse("sales:follow_up", args=[prospect.pk]),
            step=_("Write down the contact"),
            text=" · ".join(part for part in (prospect.car, prospect.next_contact_plan) if part),
            phone=prospect.customer.phone,
            who=prospect.customer.name,
            state="overdue" if late else "",
            state_label=_("Overdue") if late else "",
            temperature=prospect.temperature,
        )


def drives(user: User) -> Iterator[today.Line]:
    """Today's test drives of the person himself."""
    for drive in queries.drives_on(user, derive.today())[: today.SHOWN + 1]:
        yield today.Line(
            title=drive.prospect.customer.name,
            url=reverse("sales:test_drive", args=[drive.pk]),
            step=_("Open the test drive"),
            text=drive.title,
            phone=drive.prospect.customer.phone,
            who=drive.prospect.customer.name,
            at=drive.scheduled_at,
        )


def approvals(user: User) -> Iterator[today.Line]:
    """Contracts that wait for this person's approval."""
    for contract in queries.contracts_to_decide(user)[: today.SHOWN + 1]:
        yield today.Line(
            title=f"{contract.number} · {contract.prospect.customer.name}",
            url=reverse("sales:contract", args=[contract.pk]),
            step=_("Look and approve"),
            text=contract.quotation.car,
            facts=[contract.signed_by.name if contract.signed_by else ""],
            since=contract.created_at,
        )


def handovers(user: User) -> Iterator[today.Line]:
    """Approved contracts of the person himself whose car is to be delivered within the week, or has no day yet."""
    zone, day = ZoneInfo(profile().time_zone), derive.today()
    soon = day + timedelta(days=7)
    ready = (
        queries.visible_contracts(user)
        .filter(state=ContractState.APPROVED, prospect__consultant_id=user.pk)
        .order_by("delivery_planned_on", "created_at")
    )
    for contract in ready[: today.SHOWN + 1]:
        planned = contract.delivery_planned_on
        if planned is not None and planned > soon:
            continue
        yield today.Line(
            title=contract.prospect.customer.name,
            url=reverse("sales:deliver", args=[contract.pk]),
            step=_("Deliver"),
            text=contract.quotation.car,
            facts=[contract.vehicle.vin[-6:] if contract.vehicle else _("No car chosen yet")],
            phone=contract.prospect.customer.phone,
            who=contract.prospect.customer.name,
            due=datetime.combine(planned, time(18), tzinfo=zone) if planned else None,
        )


today.register(
    "sales.offers",
    offers,
    WORK,
    title=_("New leads"),
    order=10,
    icon="inbox",
    tone="warning",
    more_url_name="sales:leads",
)
today.register(
    "sales.approvals",
    approvals,
    [Right.SALES_APPROVE],
    title=_("Contracts to approve"),
    order=15,
    icon="file-check",
    tone="warning",
    more_url_name="sales:contracts",
)
today.register(
    "sales.contacts",
    contacts,
    [Right.SALES_WORK],
    title=_("Contacts due"),
    order=20,
    icon="phone",
    more_url_name="sales:prospects",
)
today.register(
    "sales.test_drives",
    drives,
    [Right.SALES_WORK],
    title=_("Test drives today"),
    order=30,
    icon="car-front",
    more_url_name="sales:test_drives",
)
today.register(
    "sales.deliveries",
    handovers,
    [Right.SALES_WORK],
    title=_("Cars to deliver"),
    order=40,
    icon="key-round",
    more_url_name="sales:contracts",
)


# -- the customer's card -----------------------------------------------------------------------------


def wishes(customer: Customer, user: User) -> dict[str, Any] | None:
    """What a customer wanted to buy, as far as the reader may see it."""
    found = queries.prospects_of(customer, user)
    may_enter = user.has(Right.SALES_WORK) and not any(one.is_open for one in found)
    collected = [(one, basis.of(one.lead) if one.lead else None) for one in found]
    return {"prospects": collected, "may_enter": may_enter} if found or may_enter else None


cards.register("sales.prospects", wishes, [Right.SALES_READ], title=_("Buying"), template="sales/_card.html", order=10)
