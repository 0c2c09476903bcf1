"""Comparison with the network: monthly figures of a dealership go up, medians of all that gave theirs come down."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, TypedDict

from kernel.contracts.base import DOWN, FACT, UP, Contract, FieldClass, Purpose, contract, f, k


class Figure(StrEnum):
    """What is compared. The codes stand in messages and tables and never change."""

    LEADS = "leads"
    RESPONSE = "response"
    CONVERSION = "conversion"
    RETENTION = "retention"
    ACCEPTANCE = "acceptance"


class FigureState(StrEnum):
    """Whether a figure of a month is told, and why not."""

    TOLD = "told"
    TOO_FEW = "too_few"
    HELD_BACK = "held_back"


@contract("BenchmarkFigures", 1, kind=FACT, direction=UP, subject="benchmark", purposes=(Purpose.BENCHMARK,))
class BenchmarkFigures(Contract):
    """One dealership's figures of one closed month, sent once and never cut anew.

    leads: offers of the manufacturer that arrived in the month. response: median minutes from such an offer to the
    first contact. conversion: percent of the leads closed in the month that were won. retention: percent of the cars
    that were in the workshop in the same month of the year before and came again in the twelve months since.
    acceptance: percent of the claims decided in the month that were approved wholly or partly.

    A figure is null where it rests on fewer than five cases, and a share also where fewer than five lie on one side.
    """

    month: date = f(FieldClass.REFERENCE, "First day of the month, in the dealership's time zone.")
    figures: dict[str, int | None] = f(FieldClass.COUNT, "Whole number by code of the figure, or null.", minimum=0)


class ComparedFigure(TypedDict):
    """One figure of the network in one month."""

    figure: Annotated[str, k(FieldClass.REFERENCE, "Code of the figure")]
    state: Annotated[str, k(FieldClass.REFERENCE, "told, too_few or held_back")]
    lower: Annotated[int | None, k(FieldClass.COUNT, "Lower quartile; null where it is not told")]
    median: Annotated[int | None, k(FieldClass.COUNT, "Median; null where it is not told")]
    upper: Annotated[int | None, k(FieldClass.COUNT, "Upper quartile; null where it is not told")]


@contract("BenchmarkReport", 1, kind=FACT, direction=DOWN, subject="benchmark", purposes=(Purpose.BENCHMARK,))
class BenchmarkReport(Contract):
    """The network's figures of one closed month, for a dealership that gave its own.

    It names no dealership and does not say how many gave theirs: only that they were at least `floor`.
    """

    month: date = f(FieldClass.REFERENCE, "First day of the month.")
    floor: int = f(FieldClass.REFERENCE, "Fewer dealerships than this are never told of.", minimum=5)
    figures: list[ComparedFigure] = f(FieldClass.COUNT, "Each figure, told or with the reason why not.")
