"""Sales, owners and counts as they arrive. A second arrival of the same changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from typing import Any
from uuid import UUID

from django.utils import timezone

from exchange.handlers import Received, receives
from exchange.models import InboxPayload
from exchange.takingback import takes_back
from kernel.contracts import DailyCounts, Level, Owner, VehicleSale
from oem.owners import models
from oem.privacy.queries import erased_owners

#: What a dealership that raised its level tells of a sale that is known.
_TOLD_AGAIN = [
    field.name
    for field in models.Sale._meta.concrete_fields
    if field.name not in ("id", "dealership", "sale_id", "purpose", "recorded_at")
]


def _frame(message: Received) -> dict[str, Any]:
    return {
        "dealership": message.sender,
        "purpose": message.purpose,
        "level": message.level,
        "agreement_version": message.agreement_version,
        "message": message.message_id,
        "withheld": sorted(message.record.withheld_keys),
        "event_at": message.event_at,
    }


def _text(value: Any) -> str:
    return "" if value is None else str(value)


@receives(VehicleSale)
def sales_arrive(messages: list[Received]) -> None:
    """Keep each sale once, by the dealership's id of it; one that says more than before takes its place."""
    rows = []
    for message in messages:
        record = message.record
        assert isinstance(record, VehicleSale)
        rows.append(
            models.Sale(
                **_frame(message),
                sale_id=record.sale_id,
                vin=_text(record.vin),
                brand=_text(record.brand),
                series=_text(record.series),
                model=_text(record.model),
                variant=_text(record.variant),
                contract_signed_on=record.contract_signed_on,
                delivered_on=record.delivered_on,
                invoice_total=record.invoice_total,
                currency=_text(record.currency),
                channel=_text(record.channel),
                lead_id=record.lead_id,
                buyer_kind=_text(record.buyer_kind),
                province=_text(record.province),
            )
        )
    models.Sale.objects.bulk_create(rows, ignore_conflicts=True)
    kept = {
        (one.dealership, one.sale_id): one for one in models.Sale.objects.filter(sale_id__in=[r.sale_id for r in rows])
    }
    for row in rows:
        before = kept[row.dealership, row.sale_id]
        if before.purpose == row.purpose and Level(before.level) < Level(row.level):
            row.pk = before.pk
            models.Sale.objects.bulk_update([row], _TOLD_AGAIN)


@receives(Owner)
def owners_arrive(messages: list[Received]) -> None:
    """Keep the latest version of each role on each car; an older one that comes later changes nothing.

    Nothing of somebody who was erased is kept again, for whatever purpose and in whatever order it comes.
    """
    erased = erased_owners(_text(getattr(message.record, "owner_key", "")) for message in messages)
    for message in messages:
        record = message.record
        assert isinstance(record, Owner)
        if record.owner_key in erased:
            InboxPayload.objects.filter(id=message.message_id).delete()
            continue
        key = {
            "dealership": message.sender,
            "owner_key": _text(record.owner_key),
            "vin": _text(record.vin),
            "role": _text(record.role),
        }
        values = {
            **{name: value for name, value in _frame(message).items() if name != "dealership"},
            "version": record.version,
            "since": record.since,
            "until": record.until,
            "birthday": record.birthday,
        }
        for name in ("kind", "name", "sex", "phone", "email", "province", "city", "district", "address"):
            values[name] = _text(getattr(record, name))
        values["company_name"] = _text(record.company_name)
        values["consent_version"] = _text(record.consent_version)
        row = models.Owner.objects.select_for_update().filter(**key).first()
        if row is None:
            models.Owner.objects.create(**key, **values)
        elif row.version < record.version:
            models.Owner.objects.filter(id=row.id).update(**values)


@receives(DailyCounts)
def counts_arrive(messages: list[Received]) -> None:
    """Keep each day's counts once; they are never cut again."""
    rows = []
    for message in messages:
        record = message.record
        assert isinstance(record, DailyCounts)
        rows.append(
            models.DailyCount(
                **_frame(message),
                of=record.of,
                day=record.day,
                dimension=record.dimension,
                cells=record.cells or {},
                total=record.total,
            )
        )
    models.DailyCount.objects.bulk_create(rows, ignore_conflicts=True)


# -- taking back -----------------------------------------------------------------------------------------------------


def _delete(model: type[Any], dealership: UUID, ids: Collection[UUID]) -> int:
    return int(model.objects.filter(dealership=dealership, id__in=list(ids)).delete()[0])


@takes_back("Owner")
class Owners:
    """Owners by the message that told of them last."""

    def rows(self, dealership: UUID, messages: Collection[UUID]) -> Iterable[tuple[UUID, date]]:
        found = models.Owner.objects.filter(dealership=dealership, message__in=list(messages))
        return [(id_, timezone.localdate(at)) for id_, at in found.values_list("id", "event_at")]

    def delete(self, dealership: UUID, ids: Collection[UUID]) -> int:
        return _delete(models.Owner, dealership, ids)


@takes_back("VehicleSale")
class Sales:
    """Sales; a law counts from the day of delivery."""

    def rows(self, dealership: UUID, messages: Collection[UUID]) -> Iterable[tuple[UUID, date]]:
        found = models.Sale.objects.filter(dealership=dealership, message__in=list(messages))
        return found.values_list("id", "delivered_on")

    def delete(self, dealership: UUID, ids: Collection[UUID]) -> int:
        return _delete(models.Sale, dealership, ids)


@takes_back("DailyCounts")
class Counts:
    """Daily counts."""

    def rows(self, dealership: UUID, messages: Collection[UUID]) -> Iterable[tuple[UUID, date]]:
        found = models.DailyCount.objects.filter(dealership=dealership, message__in=list(messages))
        return found.values_list("id", "day")

    def delete(self, dealership: UUID, ids: Collection[UUID]) -> int:
        return _delete(models.DailyCount, dealership, ids)
