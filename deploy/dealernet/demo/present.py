"""The present moment: what has come in during the last minutes. Runs under today's clock, after the past."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from dealer.sales import derive
from dealer.sales.actions import book_test_drive, record_follow_up
from dealer.sales.models import Prospect, ProspectState
from dealer.sharing.actions import send_due_counts
from dealernet.demo import documents, hub, outsiders, sales
from dealernet.demo.engine import PORTAL, World
from dealernet.demo.network import SLUGS
from dealernet.demo.people import person
from dealernet.demo.plan import PRESENT_NUMBERS
from dealernet.demo.times import LOCAL, at
from kernel import clock
from kernel.accounts.actors import SYSTEM
from kernel.audit import coming_from
from kernel.audit.models import Origin
from kernel.tenancy.bindings import bound
from oem.leads import actions as intake

OFFERED, UNREAD, DRIVES, OVERDUE, DUE = 3, 2, 3, 5, 5


def make(world: World) -> None:
    """New leads that wait for an answer, documents that nobody could read, test drives of today and tomorrow, and who
    looked in from outside."""
    with world.turn():
        for home, slug in enumerate(SLUGS):
            for place in range(OFFERED):
                _lead(world, slug, home * 100 + 90 + place, f"now/{slug}/{place}")
        for place in range(UNREAD):
            _unread(world, f"unread/{place}")
        for slug in SLUGS:
            _drives(world, slug)
            _calls(world, slug)
            with bound(world.sides[slug].binding), coming_from(Origin.DEMO):
                send_due_counts()
        outsiders.make(world)
        world.exchange_now()


def _lead(world: World, slug: str, number: int, key: str) -> None:
    if key in world.done:
        return
    rng = world.rng(key)
    who = person(rng, home=slug, number=PRESENT_NUMBERS + number, born_before=world.first_day)
    with bound(world.sides[PORTAL].binding), coming_from(Origin.DEMO, key), transaction.atomic():
        wish, _door = hub.wish_of(slug, who, rng, astray=0.0)
        data = documents.adf(rng, wish, at=clock.now() - timedelta(seconds=40), number=key)
        _intake, (lead,) = intake.take_in_adf(
            data=data, content_type="application/x-adf+xml", source="星河官网", actor=SYSTEM
        )
        intake.route_lead(lead_id=lead.pk, actor=SYSTEM)


def _unread(world: World, key: str) -> None:
    if key in world.done:
        return
    data = documents.unreadable(world.rng(key), key)
    with bound(world.sides[PORTAL].binding), coming_from(Origin.DEMO, key):
        intake.take_in_adf(data=data, content_type="text/plain", source="星河官网", actor=SYSTEM)


def _drives(world: World, slug: str) -> None:
    """Test drives of the coming hours for people who are open; the consultants are theirs."""
    side = world.sides[slug]
    key = f"drives/{slug}"
    if key in world.done:
        return
    with bound(side.binding), coming_from(Origin.DEMO, key), transaction.atomic():
        waiting = Prospect.objects.filter(
            state=ProspectState.OPEN, consultant__isnull=False, test_drives=None, contracts=None
        )
        for place, prospect in enumerate(waiting.order_by("-created_at", "id")[:DRIVES]):
            book_test_drive(
                actor=side.by_id[prospect.consultant_id],
                prospect_id=prospect.pk,
                scheduled_at=_next(place),
                route="展厅周边 5 km",
            )


def _calls(world: World, slug: str) -> None:
    """This morning's calls: some contacts stay overdue, some more are due this afternoon, the rest later."""
    side = world.sides[slug]
    key = f"calls/{slug}"
    if key in world.done:
        return
    rng = world.rng(key)
    with bound(side.binding), coming_from(Origin.DEMO, key), transaction.atomic():
        today = derive.today()
        open_ones = Prospect.objects.filter(
            state=ProspectState.OPEN, consultant__isnull=False, contracts=None, next_contact_on__isnull=False
        ).order_by("next_contact_on", "created_at", "id")
        late = list(open_ones.filter(next_contact_on__lt=today))[OVERDUE:]
        coming = list(open_ones.filter(next_contact_on__gt=today))[: max(0, DUE - len(late))]
        for place, prospect in enumerate([*late, *coming]):
            wait = 0 if place < DUE else rng.choice((1, 2, 3, 5))
            result = "thinking" if wait else "interested"
            record_follow_up(
                actor=side.by_id[prospect.consultant_id],
                prospect_id=prospect.pk,
                channel="phone",
                result=result,
                note=rng.choice(sales.NOTES[result]),
                next_on=today + timedelta(days=wait),
                next_plan=rng.choice(sales.PLANS),
            )


def _next(place: int) -> datetime:
    """A coming hour in opening hours: today when there is one left."""
    now = clock.now().astimezone(LOCAL)
    moment = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1 + place)
    if moment.hour < 9:
        return at(moment.date(), 10 + 2 * place)
    return (
        moment if moment.hour < 20 and moment.date() == now.date() else at(now.date() + timedelta(days=1), 10 + place)
    )
