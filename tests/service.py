"""What tests of service and warranty share: a car with its owner, and a repair order on the way to its claim."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from dealer.customers import actions as customers
from dealer.customers.models import Customer, Vehicle
from dealer.sharing.actions import change_level
from dealer.warranty.models import Claim
from dealer.workshop import actions as workshop
from dealer.workshop.models import Job, RepairOrder
from kernel import clock
from kernel.automotive.vin import make_vin
from kernel.errors import Conflict


@contextmanager
def conflict(code: str) -> Iterator[None]:
    """The block is refused with a Conflict of this code."""
    with pytest.raises(Conflict) as caught:
        yield
    assert caught.value.code == code


WATER_PUMP = "XH-1001-01"
REPLACE_PUMP = "XH-ENG-010"


def good_vin(serial: int) -> str:
    return make_vin("LXH", "AB12C", 2024, "N", serial)


def car_of(
    side: Any,
    *,
    serial: int = 1,
    name: str = "王小明",
    phone: str = "13800138000",
    delivered_on: date | None = None,
    variant: str = "XH-HF-26-01",
    plate: str = "苏A12345",
) -> tuple[Customer, Vehicle]:
    """A customer with a car that was delivered (a year ago, unless said otherwise). Called bound."""
    actor = side.actor("service_adviser")
    customer = customers.create_customer(actor=actor, name=name, phone=phone)
    vehicle = customers.register_vehicle(
        actor=actor,
        vin=good_vin(serial),
        brand="XH",
        series="XH-HF",
        model="XH-HF-26",
        variant=variant,
        plate=plate,
        delivered_on=delivered_on or timezone.localdate(clock.now()) - timedelta(days=365),
    )
    customers.set_party(actor=actor, vehicle=vehicle, customer=customer, since=vehicle.delivered_on, role="owner")
    return customer, vehicle


def order_of(side: Any, customer: Customer, vehicle: Vehicle, **fields: Any) -> RepairOrder:
    """An open repair order with one complaint. Called bound."""
    given = {"odometer_km": 12_000, "complaints": ["发动机水温高"], **fields}
    return workshop.open_repair_order(actor=side.actor("service_adviser"), customer=customer, vehicle=vehicle, **given)


def diagnose(side: Any, job: Job, *, fault_code: str = "P0300") -> None:
    """Write cause and correction. Called bound."""
    workshop.update_job(
        actor=side.actor("service_adviser"),
        job=job,
        cause="水泵轴承磨损",
        correction="更换水泵总成",
        fault_code=fault_code,
    )


def add_warranty_lines(side: Any, job: Job) -> None:
    """Labour by the standard time and the part that failed, both for the manufacturer to pay. Called bound."""
    actor = side.actor("service_adviser")
    workshop.add_line(actor=actor, job=job, kind="labour", code=REPLACE_PUMP, pay_type="warranty")
    workshop.add_line(actor=actor, job=job, kind="part", code=WATER_PUMP, pay_type="warranty", causal=True)


def add_customer_line(side: Any, job: Job, price: Decimal = Decimal("88.00")) -> None:
    """Sublet work that the customer pays. Called bound."""
    workshop.add_line(
        actor=side.actor("service_adviser"), job=job, kind="sublet", description="四轮定位", unit_price=price
    )


def close(side: Any, order: RepairOrder) -> RepairOrder:
    """Start, make ready and close. Called bound."""
    actor = side.actor("service_adviser")
    workshop.start_work(actor=actor, order=order)
    workshop.mark_ready(actor=actor, order=order)
    return workshop.close_repair_order(actor=actor, order=order)


def warranty_repair(side: Any, **fields: Any) -> tuple[RepairOrder, Claim]:
    """A closed order under warranty with its draft claim. Called bound."""
    customer, vehicle = car_of(side, **fields)
    order = order_of(side, customer, vehicle)
    job = order.jobs.get()
    diagnose(side, job)
    add_warranty_lines(side, job)
    order = close(side, order)
    return order, order.claims.get()


def set_level(side: Any, contract: str, purpose: str, level: str) -> None:
    """Let the general manager set what is shared of a contract. Called bound."""
    change_level(actor=side.actor("general_manager"), contract=contract, purpose=purpose, level=level)
