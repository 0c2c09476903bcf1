"""Rows as they arrive at the portal, for tests of what is made of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from kernel.contracts import Level, Purpose
from oem.owners.models import DailyCount, Owner, Sale

VIN = "LSVAA4182E2184847"
CODE = "p_" + "a" * 26
CODED_VIN = "p_" + "b" * 26
#: A noon in China, in the middle of a month.
NOW = datetime(2026, 5, 20, 4, tzinfo=UTC)
PERSONAL = ["address", "birthday", "company_name", "district", "email", "name", "phone", "sex"]


def owner(dealership: UUID, *, level: Level = Level.FULL, **given: Any) -> Owner:
    """An owner of the car VIN, or a code of an owner."""
    full = level is Level.FULL
    named = {"name": "王小明", "phone": "+8613800138000", "email": "wang@example.com", "address": "1 Lake Road"}
    return Owner.objects.create(
        **{
            "dealership": dealership,
            "purpose": Purpose.CUSTOMER_CARE,
            "level": level,
            "agreement_version": "2026-1",
            "message": uuid4(),
            "withheld": [] if full else PERSONAL,
            "event_at": NOW - timedelta(days=1),
            "owner_key": str(uuid4()) if full else CODE,
            "vin": VIN if full else CODED_VIN,
            "role": "owner",
            "version": 1,
            "since": date(2026, 5, 1),
            "kind": "individual",
            "province": "广东省",
            "city": "深圳市",
            "consent_version": "2026-1",
            **(named if full else {}),
            **given,
        }
    )


def sale(dealership: UUID, **given: Any) -> Sale:
    """A sale of the car VIN."""
    return Sale.objects.create(
        **{
            "dealership": dealership,
            "purpose": Purpose.SALE_AND_DELIVERY,
            "level": Level.FULL,
            "agreement_version": "2026-1",
            "message": uuid4(),
            "event_at": NOW - timedelta(days=9),
            "sale_id": uuid4(),
            "vin": VIN,
            "brand": "XH",
            "series": "XH-HF",
            "model": "XH-HF-26",
            "delivered_on": date(2026, 5, 11),
            "contract_signed_on": date(2026, 5, 2),
            "invoice_total": 98000,
            "currency": "CNY",
            "buyer_kind": "individual",
            **given,
        }
    )


def counts(dealership: UUID, day: date, total: int | None, *, of: str = "Owner", **given: Any) -> DailyCount:
    """The counts of one day."""
    return DailyCount.objects.create(
        **{
            "dealership": dealership,
            "purpose": Purpose.CUSTOMER_CARE,
            "level": Level.COUNTS,
            "agreement_version": "2026-1",
            "message": uuid4(),
            "event_at": datetime(day.year, day.month, day.day, 17, tzinfo=UTC),
            "of": of,
            "day": day,
            "dimension": "series",
            "cells": {},
            "total": total,
            **given,
        }
    )
