"""Figures for the comparison as they arrive. A second arrival of the same changes nothing."""

from __future__ import annotations

from exchange.handlers import Received, Refuse, receives
from kernel.contracts import BenchmarkFigures
from oem.insight import actions


@receives(BenchmarkFigures)
def figures_arrive(messages: list[Received]) -> None:
    for message in messages:
        record = message.record
        assert isinstance(record, BenchmarkFigures)
        if record.month.day != 1:
            raise Refuse("no_month", f"{record.month} is not the first day of a month")
        actions.keep_figures(record, dealership=message.sender, message=message.message_id)
