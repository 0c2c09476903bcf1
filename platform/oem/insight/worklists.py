"""The portal's start page, and what its apps have for it."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from exchange import health
from exchange import words as exchange_words
from kernel import clock
from kernel.accounts.models import User
from kernel.accounts.roles import Right
from kernel.automotive.channel import channel_name
from kernel.reference.queries import car_name
from kernel.ui.templatetags import ui
from kernel.ui.worklist import SHOWN, Line, Worklist
from oem.aftersales.queries import waiting_claims
from oem.leads import desk, queries
from oem.leads.models import Lead, LeadState
from oem.network.models import Dealership, DealershipState
from oem.network.queries import dealership_names

worklist = Worklist()


def _car(lead: Lead) -> str:
    return car_name(brand=lead.brand, series=lead.series, model=lead.model) or str(_("No car named"))


def leads_at_desk(user: User) -> Iterator[Line]:
    """Leads that only the desk can move on, whoever waits longest first."""
    for lead in desk.leads_at_desk(user)[: SHOWN + 1]:
        why, step = desk.why(lead), desk.next_step(lead)
        yield Line(
            title=_car(lead),
            url=reverse("leads:lead", args=[lead.id]),
            step=step.label if step else "",
            step_url=step.url if step else "",
            post=bool(step and step.post),
            text=" · ".join(filter(None, [lead.name, str(why.label) if why else ""])),
            facts=[channel_name(lead.channel)],
            phone=lead.phone,
            who=lead.name,
            since=lead.received_at,
        )


def leads_offered(user: User) -> Iterator[Line]:
    """Leads that a dealership must answer soon, the shortest time first."""
    offered = queries.leads_for(user).filter(state=LeadState.OFFERED, respond_before__gt=clock.now())
    leads = list(offered.order_by("respond_before")[: SHOWN + 1])
    names = dealership_names({lead.dealership for lead in leads if lead.dealership})
    for lead in leads:
        yield Line(
            title=_car(lead),
            url=reverse("leads:lead", args=[lead.id]),
            text=" · ".join(filter(None, [lead.name, names.get(lead.dealership, "") if lead.dealership else ""])),
            facts=[channel_name(lead.channel)],
            due=lead.respond_before,
        )


def claims_to_decide(user: User) -> Iterator[Line]:
    """Warranty claims that wait for an answer, oldest first."""
    claims = list(waiting_claims(user)[: SHOWN + 1])
    names = dealership_names({claim.dealership for claim in claims})
    for claim in claims:
        asked = ui.money(claim.total, claim.currency) if claim.total is not None else ""
        yield Line(
            title=claim.number or claim.vin or str(claim.pk)[:8],
            url=reverse("aftersales:claim", args=[claim.pk]),
            step=_("Decide"),
            text=" · ".join(filter(None, [names.get(claim.dealership, ""), claim.complaint[:80]])),
            facts=[asked],
            since=claim.submitted_at,
        )


def stuck_messages(user: User) -> Iterator[Line]:
    """Messages of the exchange that need a decision, oldest first."""
    names = health.names()
    for row in health.stuck_messages()[: SHOWN + 1]:
        yield Line(
            title=exchange_words.contract_name(row.contract),
            url=reverse("exchange:message", args=[row.id]),
            step=_("Decide"),
            text=exchange_words.reason(row.reason),
            facts=[names.get(row.sender, "")],
            since=row.received_at,
        )


def dealerships_not_ready(user: User) -> Iterator[Line]:
    """Dealerships whose set-up failed or is under way."""
    states = [DealershipState.FAILED, DealershipState.JOINING]
    for one in Dealership.objects.filter(state__in=states).order_by("state", "slug")[: SHOWN + 1]:
        yield Line(
            title=one.short_name,
            url=reverse("network:joining", args=[one.slug]),
            step=_("Look at the set-up"),
            since=one.created_at,
            state=one.state,
            state_label=DealershipState(one.state).label,
        )


worklist.register(
    "leads.desk",
    leads_at_desk,
    [Right.LEADS_ROUTE],
    title=_("Leads to decide"),
    order=10,
    tone="warning",
    more_url_name="leads:desk",
)
worklist.register(
    "claims",
    claims_to_decide,
    [Right.CLAIMS_DECIDE],
    title=_("Claims to decide"),
    order=15,
    icon="shield-check",
    tone="warning",
    more_url_name="aftersales:worklist",
)
worklist.register(
    "exchange.stuck",
    stuck_messages,
    [Right.EXCHANGE_REPAIR],
    title=_("Messages that need a decision"),
    order=20,
    icon="arrow-left-right",
    tone="error",
    more_url_name="exchange:overview",
)
worklist.register(
    "network.joining",
    dealerships_not_ready,
    [Right.NETWORK_WRITE],
    title=_("Dealerships being set up"),
    order=40,
    icon="store",
    tone="info",
    more_url_name="network:list",
)
worklist.register(
    "leads.offered",
    leads_offered,
    [Right.LEADS_ROUTE],
    title=_("Waiting for a dealership's answer"),
    order=80,
    icon="timer",
    more_url_name="leads:leads",
)
