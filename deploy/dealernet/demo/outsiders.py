"""Who looked in from outside: one support access that was approved, used and ended, and the manufacturer's reading."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from dealer.customers.models import Customer
from dealer.support import actions as support
from dealernet.demo.engine import PORTAL, World
from dealernet.demo.network import SLUGS
from dealernet.demo.times import at
from kernel import clock
from kernel.accounts.actors import SYSTEM, Actor
from kernel.accounts.models import User
from kernel.accounts.roles import Role
from kernel.audit import coming_from
from kernel.audit.models import Origin
from kernel.tenancy.bindings import bound
from oem.owners import actions as owners
from oem.owners.models import Owner

_PERMIT = clock.allow_history()
_DAYS_AGO = 9
#: What the guest opened, minute by minute; {customer} is a customer's id.
_OPENED = (
    (2, "/", "organisation:today"),
    (3, "/exchange/", "exchange:overview"),
    (5, "/customers/?q=", "customers:list"),
    (6, "/customers/{customer}/", "customers:card"),
    (11, "/deliveries/", "sales:deliveries"),
)


def make(world: World) -> None:
    """Make both, once."""
    _support(world, SLUGS[0])
    _readings(world)


def _support(world: World, slug: str) -> None:
    key = f"support/{slug}"
    if key in world.done:
        return
    asked_at = at(world.last_day - timedelta(days=_DAYS_AGO), 10.2)
    with bound(world.sides[slug].binding), coming_from(Origin.DEMO, key), transaction.atomic():
        manager = Actor.of(User.objects.filter(role=Role.GENERAL_MANAGER).order_by("created_at")[0])
        with clock.history(asked_at, _PERMIT):
            access = support.ask_access(
                actor=SYSTEM, by="李工", reason="交车单无法打印，需要到系统里看一下原因。", hours=8, area="everything"
            )
        with clock.history(asked_at + timedelta(minutes=25), _PERMIT):
            access = support.approve_access(actor=manager, access=access, hours=2, may="read", area="everything")
        customer = str(Customer.objects.order_by("number").values_list("pk", flat=True)[0])
        for minute, path, page in _OPENED:
            with clock.history(asked_at + timedelta(minutes=25 + minute), _PERMIT):
                support.note_act(
                    access=access,
                    method="GET",
                    path=path.format(customer=customer),
                    page=page,
                    record=customer if "{customer}" in path else "",
                    status=200,
                )
        with clock.history(asked_at + timedelta(minutes=48), _PERMIT):
            support.end_access(actor=manager, access=access)


def _readings(world: World) -> None:
    """The CRM analyst opened owners, looked through a list and took a file away; the privacy officer checked one."""
    key = "readings"
    if key in world.done:
        return
    with bound(world.sides[PORTAL].binding), coming_from(Origin.DEMO, key), transaction.atomic():
        analyst, officer = (
            User.objects.get(login=login) for login in (str(Role.CRM_ANALYST), str(Role.PRIVACY_OFFICER))
        )
        named = list(Owner.objects.exclude(name="").order_by("-event_at", "id")[:40])
        for one in named[:6]:
            owners.note_reading(actor=Actor.of(analyst), owners=[one])
        owners.note_listing(actor=Actor.of(analyst), reader=analyst, asked="q=王", rows=named[:25], searched_by=["q"])
        owners.note_export(
            actor=Actor.of(analyst), reader=analyst, asked="", form="xlsx", rows=named, searched_by=["dealership"]
        )
        owners.note_reading(actor=Actor.of(officer), owners=named[:1])
        owners.report_readings()
