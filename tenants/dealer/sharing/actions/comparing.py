"""The comparison with the network: giving the figures of a closed month once, keeping the network's that come back."""

from __future__ import annotations

from datetime import date
from uuid import UUID, uuid5

from django.db import transaction

from dealer.organisation.queries import profile
from dealer.sharing.actions.counting import in_force
from dealer.sharing.actions.records import share
from dealer.sharing.benchmarks import figures_of, last_closed
from dealer.sharing.models import Comparison, CountReport, Grant
from kernel import clock
from kernel.accounts.actors import SYSTEM, Actor
from kernel.contracts import BenchmarkFigures, BenchmarkReport, Level, Purpose

CONTRACT = BenchmarkFigures.spec.name
#: Days of a month in which the figures of the one before may still be given; then the manufacturer counts.
OPEN_DAYS = 5


@transaction.atomic
def give_figures(*, actor: Actor = SYSTEM) -> Comparison | None:
    """Give the figures of the last closed month, once for ever, if the dealership shares them; None when not now.

    What comes into the books later is not given: a month is never cut anew. Both sides know a month by its first day.
    """
    mine = profile()
    today = clock.today(mine.time_zone)
    month = last_closed(today)
    # The grant's lock makes two workers take turns, and the level stay as it is meanwhile.
    locked = Grant.objects.select_for_update(of=("self",)).select_related("agreement")
    grant = locked.filter(contract=CONTRACT, purpose=Purpose.BENCHMARK).first()
    if grant is None or in_force(grant, clock.now()) < Level.COUNTS or today.day > OPEN_DAYS:
        return None
    if CountReport.objects.filter(contract=CONTRACT, purpose=grant.purpose, day=month).exists():
        return None
    found = figures_of(month, mine.time_zone)
    given = {str(figure): cases.given for figure, cases in found.items()}
    rows = share(
        BenchmarkFigures(month=month, figures=given),
        subject=uuid5(mine.id, "benchmark"),
        actor=actor,
        event_at=clock.now(),
        label=f"{month:%Y-%m}",
    )
    CountReport.objects.create(contract=CONTRACT, purpose=grant.purpose, day=month, ledger_id=rows[0].id)
    return Comparison.objects.create(
        month=month,
        own={str(figure): cases.own for figure, cases in found.items()},
        given=given,
        given_at=clock.now(),
    )


@transaction.atomic
def keep_comparison(report: BenchmarkReport, *, message: UUID) -> Comparison:
    """Keep the network's figures of a month; the same message again changes nothing."""
    month: date = report.month
    row, _created = Comparison.objects.select_for_update().get_or_create(month=month)
    row.network = {line["figure"]: dict(line) for line in report.figures}
    row.floor, row.message, row.received_at = report.floor, message, clock.now()
    row.save(update_fields=["network", "floor", "message", "received_at"])
    return row
