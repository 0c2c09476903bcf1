"""Writes of insight: figures that dealerships give, the network's that are counted from them, and how."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID, uuid5

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from exchange.models import InboxPayload
from exchange.outbound import send_down
from kernel import audit, clock
from kernel.accounts.actors import SYSTEM, Actor
from kernel.accounts.roles import Right
from kernel.contracts import FLOOR, BenchmarkFigures, BenchmarkReport, Figure, FigureState, Purpose
from kernel.errors import FieldError, Invalid
from kernel.reference.queries import CALENDAR
from oem.insight.comparing import QUARTER, Told, tell
from oem.insight.models import Benchmark, BenchmarkRule, Contribution

#: The day of a month, by the manufacturer's calendar, on which the one before is counted.
COUNTED_ON = 7
#: More dealerships than this make no sense as a floor.
HIGHEST_FLOOR = 100


@transaction.atomic
def keep_figures(record: BenchmarkFigures, *, dealership: UUID, message: UUID) -> Contribution | None:
    """Keep what a dealership gave of a month, once; None when it was kept before.

    What comes after the month was counted has no say in it, is not kept, and is answered all the same: who gives gets.
    """
    _lock()
    counted = list(Benchmark.objects.filter(month=record.month))
    figures = {code: value for code, value in record.figures.items() if code in set(Figure) and value is not None}
    made, created = Contribution.objects.get_or_create(
        dealership=dealership,
        month=record.month,
        defaults={"figures": {} if counted else figures, "message": message},
    )
    if not created:
        return None
    if counted:
        InboxPayload.objects.filter(id=message).delete()
        _report(record.month, counted, dealership)
    return made


@transaction.atomic
def count_month(*, actor: Actor = SYSTEM) -> list[Benchmark]:
    """Count the figures of the month before, once for ever, and send them to everyone who gave theirs.

    What each dealership gave is blanked with it: from then on the manufacturer holds the network's figures and who
    gave, and nobody's own. Returns the figures; none when it is not yet time or was done.
    """
    today = clock.today(CALENDAR)
    month = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    rule = _lock()
    given = list(Contribution.objects.filter(month=month))
    if today.day < COUNTED_ON or not given or Benchmark.objects.filter(month=month).exists():
        return []
    made = [_count(figure, month, given, rule.floor) for figure in Figure]
    Contribution.objects.filter(month=month).update(figures={})
    InboxPayload.objects.filter(id__in=[row.message for row in given]).delete()
    for row in given:
        _report(month, made, row.dealership)
    after = {"month": month, "dealerships": len(given)} | {row.figure: row.state for row in made}
    audit.record(actor=actor, action="insight.count_month", obj=rule, after=after)
    return made


def _count(figure: Figure, month: date, given: list[Contribution], floor: int) -> Benchmark:
    values = {row.dealership: row.figures[figure] for row in given if figure in row.figures}
    told = tell(values, _before(figure, month), floor=floor)
    return Benchmark.objects.create(month=month, figure=figure, floor=floor, **_columns(told))


def _columns(told: Told) -> dict[str, object]:
    counted = sorted(str(dealership) for dealership in told.counted)
    return {
        "state": told.state,
        "lower": told.lower,
        "median": told.median,
        "upper": told.upper,
        "dealerships": counted,
    }


def _before(figure: Figure, month: date) -> list[frozenset[UUID]]:
    """Over whom a figure was counted in the quarter before a month, as far as it was told, the latest first."""
    oldest = month
    for _turn in range(QUARTER):
        oldest = (oldest - timedelta(days=1)).replace(day=1)
    told = Benchmark.objects.filter(figure=figure, state=FigureState.TOLD, month__gte=oldest, month__lt=month)
    return [frozenset(map(UUID, row.dealerships)) for row in told.order_by("-month")]


def _report(month: date, made: list[Benchmark], dealership: UUID) -> None:
    report = BenchmarkReport(
        month=month,
        floor=made[0].floor,
        figures=[
            {
                "figure": row.figure,
                "state": row.state,
                "lower": row.lower,
                "median": row.median,
                "upper": row.upper,
            }
            for row in made
        ],
    )
    send_down(
        report,
        to=dealership,
        subject=uuid5(dealership, "benchmark"),
        purpose=Purpose.BENCHMARK,
        actor=SYSTEM,
        event_at=clock.now(),
        label=f"{month:%Y-%m}",
    )


@transaction.atomic
def set_floor(*, actor: Actor, floor: int) -> BenchmarkRule:
    """From how many dealerships on a figure is told, from the next month that is counted. Raises Invalid below five."""
    actor.require(Right.NETWORK_WRITE)
    if not FLOOR <= floor <= HIGHEST_FLOOR:
        message = _("Enter a number from %(low)s to %(high)s.") % {"low": FLOOR, "high": HIGHEST_FLOOR}
        raise Invalid([FieldError("floor", "range", message)])
    rule = _lock()
    before, after = audit.changes(rule, floor=floor)
    if after:
        rule.updated_at = clock.now()
        rule.save(update_fields=["floor", "updated_at"])
        audit.record(actor=actor, action="insight.set_floor", obj=rule, before=before, after=after)
    return rule


def _lock() -> BenchmarkRule:
    """The rule, locked: whoever gives and whoever counts take turns."""
    BenchmarkRule.objects.get_or_create(id=1)
    return BenchmarkRule.objects.select_for_update().get(id=1)
