"""The manufacturer's leads: taken in, routed, offered, answered or not, until somebody works on them. Stories."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

from dealer.sales import actions as sales
from dealer.sales.models import Lead as OfferedLead
from dealer.sales.models import Prospect
from dealernet.demo import cars, documents
from dealernet.demo.documents import WISHES, Wish
from dealernet.demo.engine import PORTAL, Do, Look, Story, World
from dealernet.demo.people import Person
from dealernet.demo.sales import Known, course
from dealernet.demo.times import lasting
from kernel.accounts.actors import SYSTEM
from kernel.accounts.roles import Role
from kernel.reference.queries import catalogue
from oem.leads import actions as hub
from oem.leads.models import Door, Lead, LeadState, Offer

#: By what channels leads come, and through which door of the portal.
CHANNELS = {
    ("website", "adf"): 46,
    ("website", "json"): 18,
    ("telephone_marketing", "desk"): 9,
    ("market_event", "json"): 9,
    ("brand_cooperation", "json"): 7,
    ("publicity", "json"): 6,
    ("purchased_data", "json"): 5,
}
ADF = "application/x-adf+xml"
SOURCES = {
    "website": "星河官网",
    "telephone_marketing": "星河客服热线",
    "market_event": "星河巡展",
    "brand_cooperation": "出行平台合作",
    "publicity": "短视频投放",
    "purchased_data": "第三方线索",
}


class Habit:
    """How a dealership answers: minutes until it does (median, spread), and the shares that it declines and lets
    pass."""

    def __init__(self, minutes: float, spread: float, declines: float, misses: float, wins: float) -> None:
        self.minutes, self.spread = minutes, spread
        self.declines, self.misses, self.wins = declines, misses, wins


HABITS = {
    "north": Habit(3.5, 0.9, 0.04, 0.03, 0.125),
    "east": Habit(8.0, 0.8, 0.06, 0.07, 0.105),
    "south": Habit(13.0, 0.6, 0.08, 0.14, 0.085),
}
DECLINES = ("no_capacity", "out_of_area", "already_customer", "not_serious", "other")


def manufacturer_lead(world: World, key: str, home: str, person: Person, moment: datetime) -> Story:
    """One lead from its arrival on."""
    rng = world.rng(key)
    if rng.random() < 0.02:
        yield from _unreadable(world, key, moment, rng)
        return
    wish, door = wish_of(home, person, rng)
    lead = yield from _take_in(world, key, wish, door, moment, rng)
    if rng.random() < 0.035 and door != Door.ADF:
        yield from _again(world, key, wish, moment, rng)
    yield from offered(world, key, lead, wish, rng)


def wish_of(home: str, person: Person, rng: Random, *, astray: float = 0.04) -> tuple[Wish, str]:
    """What somebody from around a dealership wants, and by which door it comes; `astray` is the share of those who
    want what the nearest dealership does not sell."""
    channel, door = rng.choices(list(CHANNELS), weights=list(CHANNELS.values()))[0]
    brand = {"north": rng.choice(("XH", "XH", "YC")), "east": "XH", "south": "YC"}[home]
    if rng.random() < astray:
        brand = "YC" if brand == "XH" else "XH"
    series = cars.series_of(rng, brand)
    known = catalogue()
    present = (
        rng.choices(list(cars.PRESENT), weights=list(cars.PRESENT.values()))[0] if rng.random() < 0.2 else ("", "")
    )
    wish = Wish(
        person=person,
        brand=brand,
        series=series,
        brand_name=known.brands[brand].name_zh_hans,
        series_name=known.series[series].name_zh_hans,
        text=rng.choice(WISHES),
        budget=rng.choice((8, 10, 12, 15, 20, 25, 30)) * 10_000 if rng.random() < 0.45 else None,
        channel=channel,
        interest="test-drive" if rng.random() < 0.15 else "buy",
        present=present,
    )
    return wish, door


def _take_in(
    world: World, key: str, wish: Wish, door: str, moment: datetime, rng: Random, *, name: str = "take-in"
) -> Any:
    side = world.sides[PORTAL]
    source = SOURCES[wish.channel]
    number = f"XH-{moment:%Y%m%d}-{rng.randint(0, 999999):06d}"
    if door == Door.ADF:
        vendor = ""
        data = documents.adf(
            rng, wish, at=moment - timedelta(seconds=rng.randint(5, 600)), vendor=vendor, number=number
        )

        def take_in_adf() -> Any:
            intake, (lead,) = hub.take_in_adf(data=data, content_type=ADF, source=source, actor=SYSTEM)
            hub.route_lead(lead_id=lead.pk, actor=SYSTEM)
            return intake

        intake = yield Do(moment, PORTAL, name, take_in_adf, gives="leads.rawintake", then=(PORTAL,))
        lead = yield Look(PORTAL, lambda: Lead.objects.values_list("pk", flat=True).get(intake=intake))
        return lead
    desk = side.one(Role.LEAD_DESK, rng) if door == Door.DESK else SYSTEM
    given = documents.form(wish, at=moment - timedelta(seconds=rng.randint(5, 240)))
    given["budget"] = Decimal(wish.budget) if wish.budget else None
    given["preferred_time"] = rng.choice(("", "上午", "下午", "晚上"))

    def take_in() -> Lead:
        _intake, (lead,) = hub.take_in_lead(given=given, door=door, source=source, actor=desk)
        hub.route_lead(lead_id=lead.pk, actor=SYSTEM)
        return lead

    lead = yield Do(moment, PORTAL, name, take_in, gives="leads.lead", then=(PORTAL,))
    return lead


def _again(world: World, key: str, wish: Wish, moment: datetime, rng: Random) -> Any:
    """The same wish through another door's queue some days later: a duplicate."""
    yield from _take_in(
        world, key, wish, Door.JSON, moment + timedelta(hours=rng.uniform(0.02, 0.3)), rng, name="take-in-again"
    )


def _unreadable(world: World, key: str, moment: datetime, rng: Random) -> Any:
    """Bytes that nobody can read: the desk closes them after a look."""
    data = documents.unreadable(rng, key)
    desk = world.sides[PORTAL].one(Role.LEAD_DESK, rng)

    def take_in() -> Any:
        intake, _leads = hub.take_in_adf(data=data, content_type="text/plain", source="星河官网", actor=SYSTEM)
        return intake

    intake = yield Do(moment, PORTAL, "take-in", take_in, gives="leads.rawintake")
    looked = moment + timedelta(hours=rng.uniform(3, 40))

    def close() -> None:
        for lead in Lead.objects.filter(intake=intake, state=LeadState.NEEDS_REVIEW):
            hub.close_lead(lead_id=lead.pk, reason="内容无法识别，已联系来源。", actor=desk)

    yield Do(looked, PORTAL, "close", close)


# -- offers ----------------------------------------------------------------------------------------------------


def _offers(lead: UUID) -> list[tuple[UUID, datetime, datetime]]:
    rows = Offer.objects.filter(lead=lead).order_by("fence")
    return list(rows.values_list("dealership", "offered_at", "respond_before"))


def offered(world: World, key: str, lead: UUID, wish: Wish, rng: Random) -> Story:
    """From offer to offer, until a dealership takes the lead or the desk has it."""
    for turn in range(4):
        offers = yield Look(PORTAL, lambda: _offers(lead))
        if len(offers) <= turn:
            yield from _at_desk(world, lead, rng, turn)
            return
        dealership, begin, end = offers[turn]
        slug = world.slugs[dealership]
        habit, chance = HABITS[slug], rng.random()
        answered = begin + timedelta(minutes=min(lasting(rng, habit.minutes, habit.spread), 28.5))
        if chance < habit.misses:
            yield from _miss(world, slug, end, turn)
        elif chance < habit.misses + habit.declines:
            yield _decline(world, slug, lead, answered, rng, turn)
        else:
            yield from _accept(world, key, slug, lead, wish, answered, rng)
            return


def _miss(world: World, slug: str, end: datetime, turn: int) -> Story:
    """Nobody looks: the offer ends at the dealership, and the portal passes it on."""
    # What others have accepted until then arrives first, as the portal's grace period sees to in real life.
    answers = tuple(side.slug for side in world.dealers)
    yield Do(end + timedelta(seconds=20), slug, f"expire-{turn}", sales.expire_leads, then=answers, holds=True)
    yield Do(end + timedelta(seconds=60), PORTAL, f"pass-on-{turn}", hub.expire_offers, then=(PORTAL,), holds=True)


def _decline(world: World, slug: str, lead: UUID, moment: datetime, rng: Random, turn: int) -> Do:
    reason = rng.choice(DECLINES)

    def decline() -> Any:
        return sales.decline_lead(actor=_consultant(world, slug, lead), lead_id=lead, reason=reason)

    return Do(moment, slug, f"decline-{turn}", decline, then=(slug,), holds=True)


def _accept(world: World, key: str, slug: str, lead: UUID, wish: Wish, moment: datetime, rng: Random) -> Story:
    def accept() -> Prospect:
        return sales.accept_lead(actor=_consultant(world, slug, lead), lead_id=lead).prospect

    prospect = yield Do(moment, slug, "accept", accept, gives="sales.prospect", holds=True)
    customer, consultant = yield Look(
        slug, lambda: Prospect.objects.values_list("customer_id", "consultant_id").get(pk=prospect)
    )
    actor = world.sides[slug].by_id[consultant]
    known = Known(slug, prospect, customer, actor, wish.brand, wish.series, wish.person, from_lead=True)
    first = moment + timedelta(minutes=lasting(rng, 25 if slug == "north" else 70, 1.0))
    yield from course(world, key, known, first, rng, wins=HABITS[slug].wins)


def _consultant(world: World, slug: str, lead: UUID) -> Any:
    side = world.sides[slug]
    found = OfferedLead.objects.values_list("consultant_id", flat=True).get(pk=lead)
    return side.by_id.get(found) or side.one(Role.SALES_CONSULTANT)


def _at_desk(world: World, lead: UUID, rng: Random, turn: int) -> Any:
    """Nobody took it: the desk tells the person and closes it."""
    state, received = yield Look(PORTAL, lambda: Lead.objects.values_list("state", "received_at").get(pk=lead))
    if state != LeadState.NEEDS_REVIEW:
        return
    desk = world.sides[PORTAL].one(Role.LEAD_DESK, rng)
    moment = received + timedelta(hours=2 + turn + rng.uniform(1, 30))
    yield Do(
        moment,
        PORTAL,
        "close",
        lambda: hub.close_lead(lead_id=lead, reason="附近没有经销商可以接待，已致电说明。", actor=desk),
    )
