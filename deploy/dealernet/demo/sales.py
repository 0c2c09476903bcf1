"""How somebody is won or lost: contacts, test drive, quotation, contract, delivery. Stories at a dealership."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any
from uuid import UUID

from dealer.customers.actions import (
    create_customer,
    record_consent,
    record_odometer,
    register_vehicle,
    set_party,
)
from dealer.customers.models import Customer, Vehicle
from dealer.sales import actions as sales
from dealer.sales.actions.contracts import Due
from dealer.sales.actions.quotations import Line
from dealer.sales.models import Delivery, Instalment, Prospect, Quotation, SalesContract, SalesPolicy
from dealer.stock.actions import receive_vehicle
from dealer.stock.models import StockVehicle, VehicleState
from dealernet.demo import cars
from dealernet.demo.engine import Do, Look, Story, World
from dealernet.demo.people import Person, plate_of
from dealernet.demo.service import Owned, visits
from dealernet.demo.times import LOCAL, at, later, working
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Role

Steps = Generator[Do | Look, Any, Any]

#: The share of customers who let the manufacturer know who they are.
CONSENTS = 0.7
NOTES = {
    "interested": (
        "客户很感兴趣，重点看空间和油耗。",
        "已加微信，发了配置表。",
        "对比了两个配置，倾向高配。",
        "希望尽快看实车。",
    ),
    "appointment": ("约好周末到店。", "约定到店看车并试驾。", "客户带家人一起来看车。"),
    "thinking": ("还要和家人商量。", "觉得价格偏高，再考虑。", "在等置换评估结果。", "想再看看竞品。"),
    "later": ("年底奖金发了再买。", "驾照还没拿到，过几个月再说。", "等新款上市。"),
    "not_reached": ("电话无人接听。", "响铃后挂断，已发短信。", "语音信箱。"),
    "wrong_number": ("号码不对，机主否认。",),
}
PLANS = ("电话回访", "发送报价单", "邀约试驾", "微信跟进", "确认置换评估", "邀约到店")
ROUTES = ("城市快速路环线 8 km", "展厅周边 5 km", "高架往返 12 km", "山路 15 km")
EXTRAS = (
    ("option", "全景天窗", 6000),
    ("option", "运动套件", 8800),
    ("service", "延保两年", 4600),
    ("service", "上牌服务", 800),
    ("gift", "脚垫与行车记录仪", 0),
)
LOST = {
    "other_brand": 26,
    "price": 20,
    "not_buying": 18,
    "other_dealer": 12,
    "not_reached": 14,
    "no_car": 6,
    "other": 4,
}


@dataclass(frozen=True)
class Known:
    """A prospect as a story goes on with it."""

    slug: str
    prospect: UUID
    customer: UUID
    consultant: Actor
    brand: str
    series: str
    person: Person
    from_lead: bool


def walk_in(world: World, key: str, slug: str, person: Person, day: date) -> Story:
    """Somebody who comes by himself: the dealership's own prospect, of whom nobody outside learns."""
    rng = world.rng(key)
    moment = at(day, rng.uniform(9.5, 18.5))
    brand = rng.choice(_brands(slug))
    series = cars.series_of(rng, brand)
    consultant = world.sides[slug].one(Role.SALES_CONSULTANT, rng)
    channel = rng.choices(
        ("showroom_visit", "referral", "market_event", "own_development", "telephone_marketing"),
        weights=(58, 16, 12, 8, 6),
    )[0]
    prospect = yield Do(
        moment,
        slug,
        "enter",
        lambda: sales.create_prospect(
            actor=consultant, person=person.fields(), channel=channel, brand=brand, series=series
        ),
        gives="sales.prospect",
    )
    customer = yield Look(slug, lambda: Prospect.objects.get(pk=prospect).customer_id)
    known = Known(slug, prospect, customer, consultant, brand, series, person, from_lead=False)
    yield from course(world, key, known, moment + timedelta(minutes=rng.randint(10, 50)), rng, wins=0.34)


def _brands(slug: str) -> tuple[str, ...]:
    return {"north": ("XH", "XH", "YC"), "east": ("XH",), "south": ("YC",)}[slug]


# -- from the first contact to the end -------------------------------------------------------------------------


def course(world: World, key: str, who: Known, begin: datetime, rng: Random, *, wins: float) -> Steps:
    """What becomes of a prospect from the first contact on; whoever buys has visits to the workshop afterwards."""
    won = rng.random() < wins
    moment = working(rng, begin)
    facts = _facts(world, who, rng, won, moment)
    number = 0

    def contact(result: str, when: datetime, wait: float, **known: Any) -> Do:
        nonlocal number
        number += 1
        next_on = max((when + timedelta(days=wait)).astimezone(LOCAL).date(), when.astimezone(LOCAL).date())
        channel = rng.choices(("phone", "wechat", "showroom", "sms"), weights=(56, 26, 14, 4))[0]
        note, plan = rng.choice(NOTES[result]), rng.choice(PLANS)
        return Do(
            when,
            who.slug,
            f"contact-{number}",
            lambda: sales.record_follow_up(
                actor=who.consultant,
                prospect_id=who.prospect,
                channel=channel,
                result=result,
                note=note,
                next_on=next_on,
                next_plan=plan,
                **known,
            ),
        )

    for _try in range(2):  # nobody picks up, once or twice
        if rng.random() > 0.16:
            break
        yield contact("not_reached", moment, 1)
        moment = later(rng, moment, 1 + rng.choice((0, 0, 1, 2)))
    else:
        if not won and rng.random() < 0.6:
            yield _lose(who, moment, rng, reason=rng.choice(("not_reached", "not_reached", "wrong_number")))
            return
    wait = rng.choice((2, 3, 4, 7))
    first = rng.choices(("interested", "appointment", "thinking", "later"), weights=(46, 24, 20, 10))[0]
    yield contact(first, moment, wait, **facts.first)
    if rng.random() < CONSENTS:
        yield from _consents(world, who, moment + timedelta(minutes=2), rng)
    moment = later(rng, moment, wait + rng.choice((0, 0, 0, 1, 2, 5)))
    if won or rng.random() < 0.62:
        wait = rng.choice((2, 3, 5))
        yield contact(
            "appointment" if won else rng.choice(("interested", "thinking", "appointment")),
            moment,
            wait,
            **facts.second,
        )
        moment = later(rng, moment, wait + rng.choice((0, 0, 0, 1, 3)))
    if rng.random() < (0.82 if won else 0.3):
        moment = yield from _test_drive(world, who, moment, rng)
    quoted = won or rng.random() < 0.3
    quotation = None
    if quoted:
        moment = moment + timedelta(minutes=rng.randint(25, 90))
        day = moment.astimezone(LOCAL).date()
        here = yield Look(who.slug, lambda: _free(who.series, day))
        variant = _variant(world, who, day, rng, here)
        quotation = yield _quote(who, moment, rng, variant, name="quote-1")
        # Told again after a break, the stock may have changed: what was quoted counts.
        code = yield Look(who.slug, partial(_quoted, quotation))
        variant = next(one for one in world.variants if one.code == code)
    if not won or quotation is None:
        for _time in range(rng.choice((0, 1, 1, 2))):
            wait = rng.choice((5, 7, 10, 14))
            moment = later(rng, moment, wait + rng.choice((0, 0, 1, 4)))
            yield contact(rng.choice(("thinking", "later", "interested", "not_reached")), moment, wait)
        yield _lose(who, later(rng, moment, rng.uniform(4, 16)), rng, reason=_reason(rng))
        return
    if rng.random() < 0.4:
        moment = later(rng, moment, rng.uniform(1, 4))
        quotation = yield _quote(who, moment, rng, variant, name="quote-2", more=0.01)
    yield from _buy(world, key, who, later(rng, moment, rng.uniform(0.2, 5)), rng, variant, quotation)


@dataclass(frozen=True)
class _Facts:
    first: dict[str, Any]
    second: dict[str, Any]


def _facts(world: World, who: Known, rng: Random, won: bool, moment: datetime) -> _Facts:
    """What the consultant learns of the eleven items at the first and the second contact."""
    brand, model = cars.present_of(rng)
    months = rng.choices((1, 2, 4, 8, 14), weights=(40, 30, 18, 8, 4) if won else (16, 20, 26, 22, 16))[0]
    kind = "first_purchase" if not brand else rng.choice(("replacement", "replacement", "additional"))
    if who.person.kind == "company":
        kind = "key_account"
    own = {"present_brand": brand, "present_model": model} if brand else {"no_present_vehicle": True}
    first: dict[str, Any] = {"customer_type": kind, "likes_brand": won or rng.random() < 0.8}
    models = sorted({one.model_id for one in world.on_sale(series=who.series, on=moment.astimezone(LOCAL).date())})
    intended = (moment + timedelta(days=30 * months + rng.randint(-10, 15))).astimezone(LOCAL).date()
    second: dict[str, Any] = {**own}
    (first if rng.random() < 0.45 else second)["intended_on"] = intended
    if rng.random() < 0.85:
        first["customer"] = {"sex": who.person.sex}
    if models and rng.random() < 0.8:
        second |= {"brand": who.brand, "series": who.series, "model": rng.choice(models)}
    return _Facts(first, second)


def _reason(rng: Random) -> str:
    return rng.choices(list(LOST), weights=list(LOST.values()))[0]


def _lose(who: Known, moment: datetime, rng: Random, *, reason: str) -> Do:
    text = rng.choice(("", "客户已购竞品。", "多次联系无果。", "预算不足。"))
    return Do(
        working(rng, moment),
        who.slug,
        "lose",
        lambda: sales.lose_prospect(actor=who.consultant, prospect_id=who.prospect, reason=reason, text=text),
    )


def _consents(world: World, who: Known, moment: datetime, rng: Random) -> Steps:
    both = rng.random() < 0.6

    def sign() -> None:
        customer = Customer.objects.get(pk=who.customer)
        given: dict[str, Any] = {"actor": who.consultant, "customer": customer, "means": "online"}
        record_consent(purpose="customer_care", recipient="manufacturer", **given)
        if both:
            record_consent(purpose="marketing", recipient="dealer", channels=["phone", "wechat"], **given)

    yield Do(moment, who.slug, "consent", sign)


def _test_drive(world: World, who: Known, moment: datetime, rng: Random) -> Generator[Do | Look, Any, datetime]:
    drive_at = later(rng, moment, rng.choice((0, 1, 1, 2, 3)))
    comes = rng.random() < 0.87
    route, result = rng.choice(ROUTES), rng.choices(("liked", "undecided", "disliked"), weights=(66, 26, 8))[0]
    drive = yield Do(
        moment,
        who.slug,
        "book-drive",
        lambda: sales.book_test_drive(
            actor=who.consultant, prospect_id=who.prospect, scheduled_at=drive_at, car="", route=route
        ),
        gives="sales.testdrive",
    )
    done_at = drive_at + timedelta(minutes=50)
    if comes:
        yield Do(
            done_at,
            who.slug,
            "drive",
            lambda: sales.complete_test_drive(
                actor=who.consultant, test_drive_id=drive, licence_seen=True, result=result
            ),
        )
    else:
        yield Do(
            done_at,
            who.slug,
            "no-show",
            lambda: sales.cancel_test_drive(
                actor=who.consultant, test_drive_id=drive, no_show=True, note="客户临时有事，改约。"
            ),
        )
    return done_at


def _free(series: str, day: date) -> list[str]:
    """The variants of a series that stand free in the showroom or the yard."""
    free = StockVehicle.objects.filter(state=VehicleState.IN_STOCK, series=series, arrived_on__lte=day, held_for=None)
    return sorted(free.values_list("variant", flat=True))


def _variant(world: World, who: Known, day: date, rng: Random, here: list[str]) -> Any:
    """A variant of the wanted series; rather one that can be had at once."""
    found = world.on_sale(series=who.series, on=day) or [
        one for one in world.variants if one.model.series_id == who.series
    ]
    stands = [one for one in found if one.code in here]
    likes_stock, chosen = rng.random() < 0.7, rng.random()
    choices = stands if stands and likes_stock else found
    return choices[int(chosen * len(choices))]


def _quoted(quotation: UUID) -> str:
    """The code of the variant that a quotation names."""
    return Quotation.objects.values_list("variant", flat=True).get(pk=quotation)


def _quote(who: Known, moment: datetime, rng: Random, variant: Any, *, name: str, more: float = 0.0) -> Do:
    price = variant.list_price
    share = min(max(rng.gauss(0.03, 0.015), 0) + more, 0.08)
    discount = Decimal(round(float(price) * share, -2))
    extras = [Line(kind, text, Decimal(amount)) for kind, text, amount in EXTRAS if rng.random() < 0.25]
    insurance = Decimal(rng.randint(28, 62) * 100) if rng.random() < 0.55 else Decimal(0)
    colours = [one["code"] for one in variant.colours or []]
    colour = rng.choice(colours) if colours else ""
    return Do(
        moment,
        who.slug,
        name,
        lambda: sales.make_quotation(
            actor=who.consultant,
            prospect_id=who.prospect,
            variant=variant.code,
            colour=colour,
            discount=discount,
            insurance=insurance,
            extras=extras,
        ),
        gives="sales.quotation",
    )


# -- contract and delivery -------------------------------------------------------------------------------------


def _buy(world: World, key: str, who: Known, signed: datetime, rng: Random, variant: Any, quotation: UUID) -> Steps:
    side = world.sides[who.slug]
    signed = working(rng, signed)
    delivery = later(rng, signed, rng.uniform(3, 24))
    from_stock, on_credit = rng.random() < 0.6, rng.random() < 0.55
    number = who.person.number
    series, brand = variant.model.series_id, variant.model.series.brand_id

    def sign() -> Any:
        day = signed.astimezone(LOCAL).date()
        free = StockVehicle.objects.filter(
            state=VehicleState.IN_STOCK, variant=variant.code, arrived_on__lte=day, held_for=None
        )
        car = free.order_by("arrived_on", "vin").first() if from_stock else None
        return sales.sign_contract(
            actor=who.consultant,
            quotation_id=quotation,
            vehicle_id=car.pk if car else None,
            delivery_planned_on=delivery.astimezone(LOCAL).date(),
            instalments=_plan(quotation, day, delivery.astimezone(LOCAL).date(), on_credit),
        )

    contract = yield Do(signed, who.slug, "sign", sign, gives="sales.salescontract")
    approved = min(signed + timedelta(hours=rng.uniform(0.4, 5)), delivery - timedelta(hours=3))

    def approve() -> None:
        found = SalesContract.objects.get(pk=contract)
        policy = SalesPolicy.objects.filter(pk=1).first() or SalesPolicy()
        role = Role.SALES_MANAGER if found.total <= policy.approval_limit else Role.GENERAL_MANAGER
        sales.approve_contract(actor=side.one(role), contract_id=contract)

    yield Do(approved, who.slug, "approve", approve)
    yield Do(
        approved + timedelta(minutes=30), who.slug, "deposit", lambda: _pay(side.one(Role.FINANCE_CLERK), contract, 1)
    )
    arrives = delivery - timedelta(hours=rng.uniform(2, 40))
    if arrives < approved + timedelta(minutes=40):
        arrives = approved + timedelta(minutes=40)
    year = arrives.year
    yield Do(
        arrives,
        who.slug,
        "car",
        lambda: _have_car(side.one(Role.STOCK_CLERK), contract, variant, brand, series, year, number),
    )
    plate = plate_of(rng, who.person.province, electric=cars.energy_of(series) == "electric")
    km = rng.randint(4, 60)

    def deliver() -> Delivery:
        _pay(side.one(Role.FINANCE_CLERK), contract, 12)
        found = SalesContract.objects.get(pk=contract)
        car = found.vehicle_id or StockVehicle.objects.get(vin=_vin(brand, series, year, number)).pk
        return sales.deliver_vehicle(
            actor=who.consultant, contract_id=contract, vehicle_id=car, odometer_km=km, plate=plate
        )

    handed = max(delivery, arrives + timedelta(hours=1))
    delivered = yield Do(handed, who.slug, "deliver", deliver, gives="sales.delivery")
    vehicle = yield Look(who.slug, lambda: Vehicle.objects.get(vin=Delivery.objects.get(pk=delivered).vin).pk)
    owned = Owned(who.slug, who.customer, vehicle, brand, series, handed.astimezone(LOCAL).date(), km)
    yield from visits(world, key, owned, rng)


def _plan(quotation: UUID, signed: date, delivery: date, on_credit: bool) -> list[Due]:
    total = Quotation.objects.values_list("total", flat=True).get(pk=quotation)
    deposit = min(Decimal(5000), total)
    rest = total - deposit
    if not on_credit or rest <= 10000:
        return [Due("deposit", signed, deposit), Due("balance", delivery, rest)]
    loan = Decimal(int(rest * Decimal("0.6")) // 1000 * 1000)
    return [Due("deposit", signed, deposit), Due("loan", delivery, loan), Due("balance", delivery, rest - loan)]


def _pay(actor: Actor, contract: UUID, most: int) -> None:
    for row in Instalment.objects.filter(contract=contract, paid_on=None).order_by("due_on", "kind")[:most]:
        sales.mark_instalment_paid(actor=actor, instalment_id=row.pk)


def _vin(brand: str, series: str, year: int, number: int) -> str:
    return cars.vin_of(brand=brand, series=series, year=year, number=number)


def _have_car(
    clerk: Actor, contract: UUID, variant: Any, brand: str, series: str, year: int, number: int
) -> StockVehicle | None:
    """The ordered car arrives; with a car of the stock there is nothing to do."""
    if SalesContract.objects.get(pk=contract).vehicle_id is not None:
        return None
    return receive_vehicle(
        actor=clerk,
        vin=_vin(brand, series, year, number),
        brand=brand,
        series=series,
        model=variant.model_id,
        variant=variant.code,
        colour=variant.colours[0]["code"] if variant.colours else "",
        list_price=variant.list_price,
        currency=variant.currency,
        location="交车区",
    )


def stock_car(world: World, key: str, slug: str, moment: datetime, number: int, *, on_the_way: float = 0.0) -> Story:
    """A car for the showroom: announced, then received."""
    rng = world.rng(key)
    clerk = world.sides[slug].one(Role.STOCK_CLERK)
    brand = rng.choice(_brands(slug))
    series = cars.series_of(rng, brand)
    found = world.on_sale(series=series, on=moment.astimezone(LOCAL).date())
    if not found:
        return
    variant = rng.choice(found)
    given: dict[str, Any] = {
        "actor": clerk,
        "vin": _vin(brand, series, moment.year, number),
        "brand": brand,
        "series": series,
        "model": variant.model_id,
        "variant": variant.code,
        "colour": rng.choice([one["code"] for one in variant.colours]) if variant.colours else "",
        "list_price": variant.list_price,
        "currency": variant.currency,
    }
    if on_the_way:
        yield Do(
            moment - timedelta(days=on_the_way),
            slug,
            "announce",
            lambda: receive_vehicle(in_transit=True, **given),
        )
    place = rng.choice(("展厅", "A 区", "B 区", "露天停车场"))
    yield Do(moment, slug, "receive", lambda: receive_vehicle(location=place, **given))


def base_customer(world: World, key: str, slug: str, person: Person, joined: datetime) -> Steps:
    """An owner whom the dealership knew before it joined; gives back what the visits need."""
    rng = world.rng(key)
    side, number = world.sides[slug], person.number
    adviser = side.one(Role.SERVICE_ADVISER, rng)
    brand = rng.choice(("XH", "XH", "YC") if slug != "south" else ("YC", "YC", "XH"))
    series = cars.series_of(rng, brand)
    delivered = joined.astimezone(LOCAL).date() - timedelta(days=rng.randint(40, 900))
    km = int(rng.uniform(28, 55) * (joined.astimezone(LOCAL).date() - delivered).days)
    plate = plate_of(rng, person.province, electric=cars.energy_of(series) == "electric")
    models = [one for one in world.variants if one.model.series_id == series]
    variant = min(models, key=lambda one: (one.model_id, one.code)) if models else None
    consents = rng.random() < CONSENTS

    def enter() -> Customer:
        customer = create_customer(actor=adviser, department="service", **person.fields())
        if consents:
            record_consent(
                actor=adviser, customer=customer, purpose="customer_care", recipient="manufacturer", means="form"
            )
        vehicle = register_vehicle(
            actor=adviser,
            vin=_vin(brand, series, delivered.year, number),
            brand=brand,
            series=series,
            model=variant.model_id if variant else "",
            variant=variant.code if variant else "",
            plate=plate,
            delivered_on=delivered,
            sold_by_us=True,
        )
        record_odometer(actor=adviser, vehicle=vehicle, km=km, on=joined.astimezone(LOCAL).date(), source="customer")
        set_party(actor=adviser, vehicle=vehicle, customer=customer, since=delivered)
        return customer

    customer = yield Do(joined, slug, "enter", enter, gives="customers.customer")
    vehicle = yield Look(slug, lambda: Vehicle.objects.get(vin=_vin(brand, series, delivered.year, number)).pk)
    return Owned(slug, customer, vehicle, brand, series, delivered, km, known_on=joined.astimezone(LOCAL).date())


def waits_for_approval(world: World, key: str, slug: str, person: Person, place: int) -> Story:
    """Somebody who came a week ago and has just signed: his contract waits for the manager."""
    rng = world.rng(key)
    brand = rng.choice(_brands(slug))
    series = cars.series_of(rng, brand)
    consultant = world.sides[slug].people[Role.SALES_CONSULTANT][place]
    came = world.today - timedelta(days=6, hours=2 * place)
    prospect = yield Do(
        came,
        slug,
        "enter",
        lambda: sales.create_prospect(
            actor=consultant,
            person=person.fields(),
            channel="showroom_visit",
            brand=brand,
            series=series,
            customer_type="first_purchase",
            likes_brand=True,
            no_present_vehicle=True,
            intended_on=world.last_day + timedelta(days=14),
        ),
        gives="sales.prospect",
    )
    customer = yield Look(slug, lambda: Prospect.objects.values_list("customer_id", flat=True).get(pk=prospect))
    known = Known(slug, prospect, customer, consultant, brand, series, person, from_lead=False)
    day = world.last_day
    here = yield Look(slug, lambda: _free(series, day))
    variant = _variant(world, known, day, rng, here)
    quotation = yield _quote(known, world.today - timedelta(hours=26 + place), rng, variant, name="quote-1")
    signed = world.today - timedelta(hours=1.5 + 2 * place)
    yield Do(
        signed,
        slug,
        "sign",
        lambda: sales.sign_contract(
            actor=consultant, quotation_id=quotation, delivery_planned_on=day + timedelta(days=9)
        ),
    )
