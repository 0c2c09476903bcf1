"""The plan: who comes when, in two parts.

`ready` is what stands before READY: the stories that begin within the last months, and the present day. `rest`
is what was earlier, and, with a scale above one, everybody who is there more than once. Both parts follow from the
seed alone, whatever was done before.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from dealernet.demo import hub, sales, service
from dealernet.demo.engine import DAYS, LOCAL, WINDOW_DAYS, Story, World
from dealernet.demo.network import SLUGS
from dealernet.demo.people import Person, person
from dealernet.demo.times import arrival, at, count, season, working

READY, REST = "ready", "rest"
#: In two years, for each dealership at scale 1.
LEADS, WALK_INS, OWNERS = 150, 36, 110
#: Owners known from the beginning who still come to the workshop; the others only stand in the book.
COMING = 24
STOCK = 24
#: Room for running numbers: leads, walk-ins, owners.
_LEAD_NUMBERS, _WALK_IN_NUMBERS, _OWNER_NUMBERS = 0, 100_000, 200_000
PRESENT_NUMBERS, _STOCK_NUMBERS = 290_000, 500_000


def stories(world: World, part: str) -> dict[str, Story]:
    """Every story of one part by its name."""
    made = dict(_arrivals(world, part))
    made |= dict(_owners(world, part))
    if part == READY:
        made |= dict(_stock(world))
        made |= dict(_present(world))
    return made


def _days(world: World) -> list[date]:
    return [world.first_day + timedelta(days=n) for n in range(DAYS + 1)]


def _copies(scale: float) -> Iterator[tuple[int, float]]:
    """Scale 2.5 is three copies of the network's customers, the last one half as big."""
    copy = 0
    while scale > copy:
        yield copy, min(1.0, scale - copy)
        copy += 1


def _someone(world: World, key: str, home: str, number: int, day: date) -> Person:
    return person(world.rng(key, "person"), home=home, number=number, born_before=day)


def _arrivals(world: World, part: str) -> Iterator[tuple[str, Story]]:
    for copy, share in _copies(world.scale):
        leads = walk_ins = 0
        for day in _days(world):
            mine = READY if day >= world.window and copy == 0 else REST
            for slug in SLUGS:
                rng = world.rng("arrivals", copy, slug, day)
                for place in range(count(rng, LEADS / DAYS * season(day) * share)):
                    number, leads = _LEAD_NUMBERS + copy * 1000 + leads, leads + 1
                    moment = arrival(rng, day)
                    if mine == part:
                        key = f"lead/{day}/{slug}/{copy}.{place}"
                        who = _someone(world, key, slug, number, day)
                        yield key, hub.manufacturer_lead(world, key, slug, who, moment)
                for place in range(count(rng, WALK_INS / DAYS * season(day) * share)):
                    number, walk_ins = _WALK_IN_NUMBERS + copy * 400 + walk_ins, walk_ins + 1
                    if mine == part and working(rng, at(day, 10)).date() == day:
                        key = f"walk-in/{day}/{slug}/{copy}.{place}"
                        who = _someone(world, key, slug, number, day)
                        yield key, sales.walk_in(world, key, slug, who, day)


def _owners(world: World, part: str) -> Iterator[tuple[str, Story]]:
    for copy, share in _copies(world.scale):
        for home, slug in enumerate(SLUGS):
            coming = round(COMING * share)
            for place in range(round(OWNERS * share)):
                key = f"owner/{slug}/{copy}.{place}"
                number = _OWNER_NUMBERS + copy * 400 + home * 130 + place
                early = copy == 0 and place < coming
                if part == READY and early:
                    yield key, _owner(world, key, slug, number, since=world.window)
                elif part == REST and early:
                    yield key, _owner(world, key, slug, number, until=world.window - timedelta(days=1))
                elif part == REST:
                    until = world.last_day if place < coming else world.first_day
                    yield key, _owner(world, key, slug, number, until=until)


def _joined(world: World, key: str) -> datetime:
    rng = world.rng(key, "joined")
    day = world.first_day + timedelta(days=rng.randint(0, 6))
    return at(day, rng.uniform(9, 18))


def _owner(
    world: World, key: str, slug: str, number: int, *, since: date | None = None, until: date | None = None
) -> Story:
    who = _someone(world, key, slug, number, world.first_day)
    owned = yield from sales.base_customer(world, key, slug, who, _joined(world, key))
    yield from service.visits(world, key, owned, world.rng(key, "rest"), since=since, until=until)


def _stock(world: World) -> Iterator[tuple[str, Story]]:
    """The cars in the showroom: a first load, and some more every month."""
    for home, slug in enumerate(SLUGS):
        rng = world.rng("stock", slug)
        days = [rng.uniform(-14, 0) for _ in range(max(3, round(STOCK * min(world.scale, 1))))]
        days += [rng.uniform(4, WINDOW_DAYS - 5) for _ in range(max(2, round(STOCK * 0.6 * min(world.scale, 1))))]
        for place, offset in enumerate(days):
            day = world.window + timedelta(days=int(offset))
            key = f"stock/{slug}/{place}"
            moment = working(rng, at(day, rng.uniform(9.5, 16)))
            way = rng.choice((0, 0, 5, 9, 14))
            number = _STOCK_NUMBERS + home * 10_000 + place
            yield key, sales.stock_car(world, key, slug, moment, number, on_the_way=way)
        for place in range(max(1, round(4 * min(world.scale, 1)))):
            key = f"coming/{slug}/{place}"
            number = _STOCK_NUMBERS + home * 10_000 + 5000 + place
            moment = world.today + timedelta(days=rng.uniform(1, 6))
            yield key, sales.stock_car(world, key, slug, moment, number, on_the_way=rng.uniform(8, 14))


def _present(world: World) -> Iterator[tuple[str, Story]]:
    """What every role finds on its list today, whatever chance has brought: cars in the workshop and expected, claims
    that wait and that were sent back, contracts to approve, people who came in these days."""
    today = world.today.astimezone(LOCAL)
    cars = [("today", at(today.date(), hour), "") for hour in (9.5, 11, 14, 15.5, 16.5)]
    cars += [("today", today - timedelta(hours=hours), "") for hours in (20, 3)]
    cars += [("today", at(today.date() + timedelta(days=1), hour), "") for hour in (9, 10.5, 14)]
    cars += [("overnight", at(today.date() - timedelta(days=1), hour), "stays") for hour in (14.5, 16)]
    cars += [("claim", at(today.date() - timedelta(days=days), 10), "waiting") for days in (6, 8)]
    cars += [("claim", at(today.date() - timedelta(days=10), 11), "sent_back")]
    for home, slug in enumerate(SLUGS):
        for place, (name, moment, fate) in enumerate(cars):
            key = f"{name}/{slug}/{place}"
            number = PRESENT_NUMBERS + home * 100 + place
            yield key, _visitor(world, key, slug, number, moment, fate)
        for place in range(2):
            key = f"approval/{slug}/{place}"
            number = PRESENT_NUMBERS + home * 100 + 50 + place
            who = _someone(world, key, slug, number, world.first_day)
            yield key, sales.waits_for_approval(world, key, slug, who, place)
        for place in range(4):
            key = f"fresh/{slug}/{place}"
            day = world.last_day - timedelta(days=1 + place // 2)
            who = _someone(world, key, slug, PRESENT_NUMBERS + home * 100 + 60 + place, day)
            yield key, sales.walk_in(world, key, slug, who, day)


def _visitor(world: World, key: str, slug: str, number: int, moment: datetime, fate: str) -> Story:
    who = _someone(world, key, slug, number, world.first_day)
    joined = at(moment.astimezone(LOCAL).date() - timedelta(days=30), 10.2)
    owned = yield from sales.base_customer(world, key, slug, who, joined)
    yield from service.visit_today(world, key, owned, moment, fate=fate)
