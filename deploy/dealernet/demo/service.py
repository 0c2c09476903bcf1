"""Cars in the workshop: appointments, repair orders, warranty claims and what the manufacturer answers. Stories."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

from dealer.customers.models import Customer, Vehicle
from dealer.warranty import actions as warranty
from dealer.warranty.models import Claim
from dealer.workshop import actions as workshop
from dealer.workshop.models import Appointment, Job, RepairOrder
from dealernet.demo import cars
from dealernet.demo.engine import PORTAL, Do, Look, World
from dealernet.demo.times import LOCAL, at, lasting, later, season
from kernel.accounts.actors import Actor
from kernel.accounts.models import User
from kernel.accounts.roles import Role
from oem.aftersales.actions import decide_claim
from oem.aftersales.models import Claim as SharedClaim
from oem.aftersales.queries import lines_of

Steps = Generator[Do | Look, Any, None]

#: Cars younger and with fewer km than this are within the warranty of every variant.
WARRANTY_DAYS, WARRANTY_KM = 34 * 30, 95_000
#: The share of visits of such cars in which the manufacturer is asked to pay: about 15 in 100 of all repair orders.
CLAIMS = 0.19
DECISIONS = {"approved": 60, "partly_approved": 18, "sent_back": 12, "refused": 10}
COMPLAINTS = {
    "engine": ("冷车启动后抖动，故障灯亮。", "加速无力，油耗变高。", "发动机舱有异响。"),
    "fuel_exhaust": ("故障灯亮，怠速不稳。", "尾气味道重，动力下降。"),
    "cooling": ("水温偏高，缺冷却液。", "停车后地面有水迹。"),
    "transmission": ("换挡有顿挫。", "低速行驶有异响。"),
    "drive_motor": ("加速时有高频啸叫。", "仪表提示动力系统故障。"),
    "traction_battery": ("续航明显下降。", "充电中断，提示电池故障。"),
    "brakes": ("制动时有尖叫声。", "制动踏板抖动。"),
    "suspension": ("过减速带有咯噔声。", "方向盘轻微跑偏。"),
    "steering": ("原地打方向有异响。", "转向偏重。"),
    "electrics": ("中控屏偶尔黑屏。", "电瓶亏电，无法启动。", "大灯不亮。"),
    "body": ("车门关闭有异响。", "尾门无法电动打开。"),
    "air_conditioning": ("空调不制冷。", "出风口有异味。"),
    "driver_assistance": ("倒车影像无显示。", "自适应巡航无法启动。"),
}
CAUSES = (
    "检查确认{name}损坏。",
    "{name}内部失效，数据流异常。",
    "{name}密封老化导致渗漏。",
    "{name}卡滞，测量值超差。",
)
FIXES = ("更换{name}，试车正常。", "更换{name}并清除故障码，路试 10 km 正常。", "更换{name}，匹配后功能恢复。")
SERVICE_WISHES = ("常规保养", "首保", "保养，顺便检查刹车", "保养并做四轮定位", "年检前检查")
#: What is done to a car, by chance, besides oil or checks: wear parts by the last figures of operation and part.
WEAR = (("3501", "前制动片"), ("3101", "轮胎"), ("8104", "空调滤芯"), ("5202", "雨刮片"), ("3601", "12V 蓄电池"))


#: Hours that a car stays whose parts have to come.
WAITS_FOR_PARTS = 60


@dataclass(frozen=True)
class Owned:
    """A car with its owner at a dealership. `km` was read on the day of delivery, or on `known_on`."""

    slug: str
    customer: UUID
    vehicle: UUID
    brand: str
    series: str
    delivered: date
    km: int
    known_on: date | None = None


@dataclass(frozen=True)
class Visit:
    """One planned visit; `km` is the mileage on that day."""

    number: int
    at: datetime
    km: int
    kind: str


def schedule(rng: Random, owned: Owned, until: date) -> list[Visit]:
    """When a car comes, and why: services by time and distance, repairs in between, now and then an accident."""
    day = owned.known_on or owned.delivered
    per_day = min(max(lasting(rng, 40, 0.45), 12), 150)
    found: list[Visit] = []
    km, number = float(owned.km), 0
    gap = rng.uniform(20, 150) if owned.known_on else min(5000 / per_day, 180) * rng.uniform(0.8, 1.1)
    while True:
        day = day + timedelta(days=int(max(gap, 12)))
        km += max(gap, 12) * per_day
        if day > until:
            return found
        # Before the festival everyone wants the car looked at; during it nobody comes.
        while season(day) < 0.3:
            day += timedelta(days=1)
        number += 1
        kind = rng.choices(("maintenance", "repair", "accident"), weights=(62, 33, 5))[0]
        if number == 1 and not owned.known_on:
            kind = "maintenance"
        found.append(Visit(number, at(day, rng.choice((9, 9.5, 10, 10.5, 11, 13.5, 14, 15, 16))), int(km), kind))
        gap = rng.uniform(70, 190) if kind == "maintenance" else rng.uniform(40, 150)


def visits(
    world: World, key: str, owned: Owned, rng: Random, *, since: date | None = None, until: date | None = None
) -> Steps:
    """The visits of a car from `since` until `until` (both included), by default all until today."""
    for visit in schedule(world.rng(key, "visits"), owned, world.last_day + timedelta(days=10)):
        day = visit.at.date()
        if (since is None or day >= since) and (until is None or day <= until):
            yield from _visit(world, key, owned, visit)


def _visit(world: World, key: str, owned: Owned, visit: Visit, *, fate: str = "") -> Steps:
    """One visit. `fate`, instead of chance: what becomes of its claim ("waiting", "sent_back"), or that the car stays
    in the workshop until parts come ("stays")."""
    rng = world.rng(key, "visit", visit.number)
    side = world.sides[owned.slug]
    adviser, technician = side.one(Role.SERVICE_ADVISER, rng), side.one(Role.TECHNICIAN, rng)
    age = (visit.at.date() - owned.delivered).days
    covered = age < WARRANTY_DAYS and visit.km < WARRANTY_KM
    claim = covered and visit.kind != "accident" and rng.random() < CLAIMS * (1.6 if visit.kind == "repair" else 0.6)
    claim = fate != "stays" and (claim or bool(fate))
    repair = cars.repair_of(rng, owned.brand, owned.series)
    prefix = f"visit-{visit.number}/"
    complaint = rng.choice(COMPLAINTS.get(repair.system, COMPLAINTS["electrics"]))
    wish = rng.choice(SERVICE_WISHES) if visit.kind == "maintenance" else complaint
    if visit.kind == "accident":
        wish = "前杠剐蹭，走保险维修。"
    told = [wish, complaint] if claim and visit.kind == "maintenance" else [wish]
    lasts = rng.uniform(1.2, 4) if visit.kind == "maintenance" else rng.uniform(3, 30)
    lasts += WAITS_FOR_PARTS if fate == "stays" else 0
    minutes = int(lasts * 60) // 30 * 30 or 60
    order_at = visit.at + timedelta(minutes=rng.randint(-10, 25))
    promised = order_at + timedelta(hours=lasts + rng.uniform(0.5, 3))
    appointment = None
    if rng.random() < 0.82:
        booked = later(rng, visit.at - timedelta(days=rng.choice((1, 2, 2, 3, 5))), 0)
        if booked > visit.at - timedelta(hours=3):
            booked = visit.at - timedelta(days=1)
        appointment = yield Do(
            booked,
            owned.slug,
            prefix + "book",
            lambda: _book(adviser, owned, visit, minutes, wish),
            gives="workshop.appointment",
        )
        if rng.random() < 0.05 and not fate:
            yield Do(
                visit.at + timedelta(hours=2), owned.slug, prefix + "missed", lambda: _missed(adviser, appointment)
            )
            return
    order = yield Do(
        order_at,
        owned.slug,
        prefix + "open",
        lambda: _open(adviser, owned, visit, appointment, told, promised),
        gives="workshop.repairorder",
    )
    wear = rng.choice(WEAR) if rng.random() < 0.25 else None
    over = 1.3 if claim and rng.random() < DECISIONS["partly_approved"] / 100 else 1.0
    cause, fix = (rng.choice(texts).format(name=repair.name) for texts in (CAUSES, FIXES))
    code = rng.choice(cars.fault_codes(repair.system))

    def work() -> None:
        jobs = list(Job.objects.filter(repair_order=order).select_related("repair_order").order_by("position"))
        person = _person(technician)
        for place, job in enumerate(jobs):
            workshop.assign_technician(actor=adviser, job=job, technician=person)
            if visit.kind == "maintenance" and place == 0:
                _service(technician, job, owned, visit, wear)
            elif visit.kind == "accident":
                _accident(technician, job, owned)
            else:
                _repair(technician, job, repair, "warranty" if claim else "customer", over)
                workshop.update_job(actor=technician, job=job, cause=cause, correction=fix, fault_code=code)
            workshop.start_job(actor=technician, job=job)

    yield Do(order_at + timedelta(hours=min(lasts / 3, 2)), owned.slug, prefix + "work", work)
    ready = later(rng, order_at, lasts / 24) if lasts > 8 else order_at + timedelta(hours=lasts)

    def finish() -> RepairOrder:
        found = RepairOrder.objects.get(pk=order)
        workshop.mark_ready(actor=adviser, order=found)
        return workshop.close_repair_order(actor=adviser, order=found)

    yield Do(max(ready, order_at + timedelta(hours=2.2)), owned.slug, prefix + "close", finish)
    if claim:
        closed = max(ready, order_at + timedelta(hours=2.2))
        yield from _claim(world, owned, order, closed, rng, prefix, partly=over > 1, fate=fate)


def visit_today(world: World, key: str, owned: Owned, moment: datetime, *, fate: str = "") -> Steps:
    """A visit of the last days, as it is wanted for the present."""
    days = (moment.astimezone(LOCAL).date() - (owned.known_on or owned.delivered)).days
    kind = "repair" if fate else world.rng(key).choice(("maintenance", "repair"))
    yield from _visit(world, key, owned, Visit(1, moment, owned.km + 40 * max(days, 1), kind), fate=fate)


# -- in the workshop -------------------------------------------------------------------------------------------


def _person(actor: Actor) -> User:
    assert actor.id is not None
    return User.objects.get(pk=actor.id)


def _book(adviser: Actor, owned: Owned, visit: Visit, minutes: int, wish: str) -> Appointment:
    return workshop.book_appointment(
        actor=adviser,
        customer=Customer.objects.get(pk=owned.customer),
        vehicle=Vehicle.objects.get(pk=owned.vehicle),
        starts_at=visit.at,
        minutes=min(max(minutes, 30), 600),
        kind=visit.kind,
        wish=wish,
        adviser=_person(adviser),
    )


def _missed(adviser: Actor, appointment: UUID) -> Appointment:
    return workshop.miss_appointment(actor=adviser, appointment=Appointment.objects.get(pk=appointment))


def _open(
    adviser: Actor, owned: Owned, visit: Visit, appointment: UUID | None, told: list[str], promised: datetime
) -> RepairOrder:
    if appointment is not None:
        return workshop.arrive(
            actor=adviser,
            appointment=Appointment.objects.get(pk=appointment),
            odometer_km=visit.km,
            complaints=told,
            promised_at=promised,
        )
    return workshop.open_repair_order(
        actor=adviser,
        customer=Customer.objects.get(pk=owned.customer),
        vehicle=Vehicle.objects.get(pk=owned.vehicle),
        odometer_km=visit.km,
        kind=visit.kind,
        complaints=told,
        promised_at=promised,
    )


def _service(actor: Actor, job: Job, owned: Owned, visit: Visit, wear: tuple[str, str] | None) -> None:
    brand, electric = owned.brand, cars.energy_of(owned.series) == "electric"
    step = {0: "M010", 1: "M020", 2: "M030", 3: "M020"}.get(visit.km // 10_000, "M040")
    operation = "M050" if electric else step
    if brand == "YC" and operation == "M020":  # its list knows services by distance only
        operation = "M010"
    workshop.add_line(actor=actor, job=job, kind="labour", code=f"{brand}-{operation}")
    if not electric and brand == "XH":
        workshop.add_line(actor=actor, job=job, kind="part", code="XH-9001-01", quantity=1)
    else:
        workshop.add_line(actor=actor, job=job, kind="part", code=f"{brand}-9005-01", quantity=1)
    if wear is not None:
        workshop.add_line(actor=actor, job=job, kind="part", code=f"{brand}-{wear[0]}-01", quantity=1)
    found = f"{wear[1]}磨损到限。" if wear else "按公里数到期保养，检查无异常。"
    done = f"完成保养，更换{wear[1]}。" if wear else "完成保养，各项检查正常。"
    workshop.update_job(actor=actor, job=job, cause=found, correction=done)


def _accident(actor: Actor, job: Job, owned: Owned) -> None:
    workshop.add_line(
        actor=actor, job=job, kind="labour", description="前保险杠拆装与校正", quantity="2.5", pay_type="insurance"
    )
    workshop.add_line(
        actor=actor,
        job=job,
        kind="sublet",
        description="前保险杠喷漆",
        quantity=1,
        unit_price=Decimal(780),
        pay_type="insurance",
    )
    workshop.update_job(actor=actor, job=job, cause="前保险杠右侧剐蹭，支架完好。", correction="校正并喷漆，恢复原状。")


def _repair(actor: Actor, job: Job, repair: cars.Repair, pay: str, over: float) -> None:
    hours = Decimal(str(round(repair.hours * over, 2)))
    workshop.add_line(actor=actor, job=job, kind="labour", code=repair.operation, quantity=hours, pay_type=pay)
    workshop.add_line(actor=actor, job=job, kind="part", code=repair.part, quantity=1, pay_type=pay, causal=True)


# -- claims ----------------------------------------------------------------------------------------------------


def _claim(
    world: World,
    owned: Owned,
    order: UUID,
    closed: datetime,
    rng: Random,
    prefix: str,
    *,
    partly: bool,
    fate: str,
) -> Steps:
    side = world.sides[owned.slug]
    clerk = side.one(Role.SERVICE_MANAGER) if rng.random() < 0.4 else side.one(Role.SERVICE_ADVISER, rng)
    claim = yield Look(owned.slug, lambda: Claim.objects.values_list("pk", flat=True).get(repair_order=order))
    weights = {**DECISIONS, "approved": 78, "partly_approved": 0}
    outcome = "partly_approved" if partly else rng.choices(list(weights), weights=list(weights.values()))[0]
    outcome = "sent_back" if fate == "sent_back" else outcome
    sent = later(rng, closed, rng.choice((0.1, 0.2, 1, 1, 2, 3)))

    def submit() -> Claim:
        return warranty.submit_claim(actor=clerk, claim=Claim.objects.get(pk=claim))

    yield Do(sent, owned.slug, prefix + "submit-1", submit)
    if fate == "waiting":
        return
    decided = _next_day(rng, sent, 1 if fate else lasting(rng, 3.5, 0.6))
    yield _decide(world, claim, 1, outcome, decided, rng, prefix)
    if outcome != "sent_back" or fate:
        return
    again = _next_day(rng, decided, rng.uniform(1, 5))
    if rng.random() < 0.2:
        yield Do(
            again,
            owned.slug,
            prefix + "give-up",
            lambda: warranty.cancel_claim(actor=clerk, claim=Claim.objects.get(pk=claim)),
        )
        return

    def resubmit() -> Claim:
        found = Claim.objects.get(pk=claim)
        text = f"{found.cause}已补充故障件照片与诊断报告。"
        warranty.update_claim(actor=clerk, claim=found, cause=text)
        return submit()

    yield Do(again, owned.slug, prefix + "submit-2", resubmit)
    yield _decide(world, claim, 2, "approved", _next_day(rng, again, lasting(rng, 3, 0.5)), rng, prefix)


def _next_day(rng: Random, moment: datetime, days: float) -> datetime:
    """Later, and not before messages have crossed in the night."""
    found = later(rng, moment, max(days, 1))
    if found.astimezone(LOCAL).date() == moment.astimezone(LOCAL).date():
        found = later(rng, found, 1)
    return found


ANSWERS = {
    "sent_back": (
        ("evidence_missing", "请补充故障件照片和诊断报告。"),
        ("cause_unclear", "原因描述与更换件不一致，请说明。"),
    ),
    "refused": (("not_a_defect", "外力损伤，不属于材料或工艺缺陷。"), ("not_a_defect", "使用不当造成，不予索赔。")),
    "partly_approved": (("hours_over_standard", "按标准工时核定。"),),
}


def _decide(world: World, claim: UUID, revision: int, outcome: str, moment: datetime, rng: Random, prefix: str) -> Do:
    analyst = world.sides[PORTAL].one(Role.WARRANTY_ANALYST, rng)
    reason, text = rng.choice(ANSWERS.get(outcome, (("", ""),)))

    def decide() -> Any:
        found = SharedClaim.objects.get(pk=claim)
        answers = []
        for line in lines_of(found):
            one: dict[str, Any] = {"line_id": str(line.line_id), "outcome": outcome}
            if outcome == "partly_approved" and line.kind != "labour":
                one["outcome"] = "approved"
            elif outcome == "partly_approved":
                one["approved_amount"] = (line.amount / Decimal("1.3")).quantize(Decimal("0.01"))
            if one["outcome"] != "approved":
                one |= {"reason_code": reason, "reason_text": text}
            answers.append(one)
        return decide_claim(actor=analyst, claim_id=claim, lines=answers, revision=revision)

    return Do(moment, PORTAL, f"{prefix}decide-{revision}", decide)
