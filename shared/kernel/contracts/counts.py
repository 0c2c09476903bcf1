"""Counts: what leaves where no single record may."""

from __future__ import annotations

from datetime import date

from kernel.contracts.base import FACT, UP, Contract, FieldClass, Purpose, contract, f

#: A number below this is never told: it would point at people.
FLOOR = 5


@contract("DailyCounts", 1, kind=FACT, direction=UP, subject="counts:<contract>", purposes=tuple(Purpose))
class DailyCounts(Contract):
    """How many records of one contract a dealership had on one day, by one fixed dimension; never re-cut.

    It serves the purpose of the flow it counts. A cell that is null is below the floor of 5, or hidden so
    that such a cell cannot be worked out from the total.
    """

    of: str = f(FieldClass.REFERENCE, "Name of the contract that is counted.", max_length=40)
    day: date = f(FieldClass.REFERENCE, "The day, in the dealership's time zone.")
    dimension: str = f(FieldClass.REFERENCE, "What the cells stand for, such as channel or kind.", max_length=40)
    cells: dict[str, int | None] = f(FieldClass.COUNT, "Number by value of the dimension, or null.", minimum=FLOOR)
    total: int | None = f(FieldClass.COUNT, "Number in all, null below the floor.", default=None, minimum=FLOOR)
