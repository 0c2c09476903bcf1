"""Figures for the comparison as they arrive. A second arrival of the same changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from uuid import UUID

from exchange.handlers import Received, Refuse, receives
from exchange.takingback import takes_back
from kernel.contracts import BenchmarkFigures
from oem.insight import actions
from oem.insight.models import Contribution


@receives(BenchmarkFigures)
def figures_arrive(messages: list[Received]) -> None:
    for message in messages:
        record = message.record
        assert isinstance(record, BenchmarkFigures)
        if record.month.day != 1:
            raise Refuse("no_month", f"{record.month} is not the first day of a month")
        actions.keep_figures(record, dealership=message.sender, message=message.message_id)


@takes_back("BenchmarkFigures")
class Figures:
    """What a dealership gave for the comparison. Medians that were told name nobody and stay."""

    def rows(self, dealership: UUID, messages: Collection[UUID]) -> Iterable[tuple[UUID, date]]:
        found = Contribution.objects.filter(dealership=dealership, message__in=list(messages))
        return list(found.values_list("id", "month"))

    def delete(self, dealership: UUID, ids: Collection[UUID]) -> int:
        return Contribution.objects.filter(dealership=dealership, id__in=list(ids)).update(figures={})
