"""What arrives about sales and owners is kept once, latest version first, with what was withheld."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import uuid4

import pytest

from exchange.handlers import Received
from kernel.contracts import BuyerKind, DailyCounts, Level, Owner, OwnerRole, Purpose, VehicleSale
from oem.owners import handlers, models

VIN = "LSVAA4182E2184847"


def received(
    record, *, level: Level = Level.FULL, purpose=Purpose.CUSTOMER_CARE, sender=None, seq: int = 1
) -> Received:
    return Received(
        record=record,
        message_id=uuid4(),
        sender=sender,
        subject=uuid4(),
        seq=seq,
        purpose=purpose,
        level=level,
        event_at=datetime(2026, 5, 4, tzinfo=UTC),
        agreement_version="1",
    )


def owner(version: int, name: str) -> Owner:
    return Owner(version=version, owner_key="7", vin=VIN, role=OwnerRole.OWNER, kind=BuyerKind.INDIVIDUAL, name=name)


@pytest.fixture
def at_portal(wall, portal):
    with portal.bound():
        yield


def test_a_later_version_of_an_owner_supersedes_and_an_older_one_does_not(at_portal, north):
    for version, name in ((1, "王小明"), (3, "王大明"), (2, "王中明")):
        handlers.owners_arrive([received(owner(version, name), sender=north.id)])
    row = models.Owner.objects.get()
    assert (row.version, row.name) == (3, "王大明")


def test_two_dealerships_do_not_overwrite_each_other(at_portal, north, south):
    handlers.owners_arrive([received(owner(1, "A"), sender=north.id), received(owner(1, "B"), sender=south.id)])
    assert models.Owner.objects.count() == 2


def test_withheld_fields_are_empty_and_named(at_portal, north):
    body = owner(1, "王小明").to_json()
    for name in ("name", "phone", "email", "sex", "birthday"):
        del body[name]
    body["owner_key"] = body["vin"] = "p_" + "a" * 26
    partial = Owner.from_json(body, partial=True)
    handlers.owners_arrive([received(partial, level=Level.PSEUDONYMOUS, sender=north.id)])
    row = models.Owner.objects.get()
    assert (row.name, row.vin, row.level) == ("", "p_" + "a" * 26, "pseudonymous")
    assert row.withheld == ["birthday", "email", "name", "phone", "sex"]


def test_a_sale_is_kept_once(at_portal, north):
    sale = VehicleSale(sale_id=uuid4(), vin=VIN, brand="XH", delivered_on=date(2026, 5, 1))
    for _twice in range(2):
        handlers.sales_arrive([received(sale, purpose=Purpose.SALE_AND_DELIVERY, sender=north.id)])
    assert models.Sale.objects.get().delivered_on == date(2026, 5, 1)


def test_counts_of_a_day_are_never_cut_again(at_portal, north):
    for number in (7, 8):
        record = DailyCounts(
            of="Owner", day=date(2026, 5, 4), dimension="series", cells={"XH-HF": number}, total=number
        )
        handlers.counts_arrive([received(record, level=Level.COUNTS, sender=north.id)])
    assert models.DailyCount.objects.get().total == 7
