"""Counting a closed day, once for ever."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from dealer.organisation.queries import profile
from dealer.sharing.flows import FLOWS
from dealer.sharing.models import (
    CountReport,
    Disclosure,
    Grant,
    LevelChange,
)
from dealer.sharing.queries import counts_subject, policy_of
from exchange import outbound
from exchange.counts import daily_counts
from exchange.gate import Policy, effective_level
from exchange.models import Ledger
from kernel import clock
from kernel.accounts.actors import SYSTEM, Actor
from kernel.checkpoints import reached
from kernel.contracts import (
    DailyCounts,
    Level,
    Purpose,
    versions,
)
from kernel.errors import Invalid

#: Days that are looked back on: a day that was not counted by then is not counted any more, with rows or without.
LOOK_BACK = 60


def send_due_counts(*, actor: Actor = SYSTEM) -> int:
    """Send the daily counts of every closed day that still lacks them; returns how many reports were sent.

    A report is due for every closed day on which a level was counts at any time, whether there was something to count
    or not, however late it is: a missing report would tell that there was nothing.
    """
    today = clock.today(profile().time_zone)
    first = today - timedelta(days=LOOK_BACK)
    due = set(
        Disclosure.objects.filter(counted=True, day__gte=first, day__lt=today)
        .values_list("contract", "purpose", "day")
        .distinct()
    )
    for grant in Grant.objects.select_related("agreement").prefetch_related("changes"):
        if grant.contract in FLOWS and FLOWS[grant.contract].counted:
            days = _days_at_counts(grant, first, today)
            due |= {(grant.contract, grant.purpose, day) for day in days}
    due -= set(CountReport.objects.filter(day__gte=first).values_list("contract", "purpose", "day"))
    return sum(
        send_counts(actor=actor, contract=contract, purpose=purpose, day=day) is not None
        for contract, purpose, day in sorted(due, key=lambda entry: (entry[2], entry[0]))
    )


def _days_at_counts(grant: Grant, first: date, today: date) -> set[date]:
    """The closed days from `first` on, on which a grant was at level counts at any time."""
    zone = ZoneInfo(profile().time_zone)
    days: set[date] = set()
    if in_force(grant, clock.now()) is Level.COUNTS:
        days.add(today - timedelta(days=1))  # also where a law, and no change of the ceiling, made it so
    ended = today - timedelta(days=1)
    for change in sorted(grant.changes.all(), key=lambda row: row.number, reverse=True):
        begun = change.at.astimezone(zone).date()
        if Level(change.after) is Level.COUNTS:
            days |= {max(begun, first) + timedelta(days=n) for n in range((ended - max(begun, first)).days + 1)}
        ended = min(begun, ended)
    return days


def in_force(grant: Grant, at: datetime) -> Level:
    """The level of a grant's records at a time, the law included. A consent lowers none to counts."""
    contract = versions(grant.contract)[-1]
    return effective_level(
        contract, policy_of(grant, grant.agreement.version, ends_at=grant.agreement.ends_at), None, at=at
    )


def _steady(contract: str, day: date, zone: ZoneInfo) -> bool:
    """Whether all that is told of a contract's records on a day covers the same records.

    The same records are shared for every purpose that the agreement names. If one of two purposes changed its level
    on that day, its report (or what left record by record) covers a part of what the other covers, and the difference
    would tell how many there were before or after the change. With one purpose there is nothing to compare.
    """
    grants = list(Grant.objects.select_related("agreement").filter(contract=contract))
    if len(grants) < 2:
        return True
    begun, ended = (datetime.combine(day + timedelta(days=n), time.min, tzinfo=zone) for n in (0, 1))
    if LevelChange.objects.filter(grant__in=grants, at__gte=begun, at__lt=ended).exists():
        return False
    return all(in_force(grant, begun) is in_force(grant, ended) for grant in grants)


@transaction.atomic
def send_counts(*, actor: Actor, contract: str, purpose: str, day: date) -> Ledger | None:
    """Send the counts of one contract, purpose and closed local day, once for ever; None when they were sent before.

    Only what was withheld at level counts is counted. Raises Invalid for a day that has not ended.
    """
    mine = profile()
    if day >= clock.today(mine.time_zone):
        raise Invalid({"day": _("This day has not ended yet.")}, code="open_day")
    # The grant's lock makes two workers take turns, and the level stay as it is meanwhile.
    grant = (
        Grant.objects.select_for_update(of=("self",))
        .select_related("agreement")
        .filter(contract=contract, purpose=purpose)
        .first()
    )
    if grant is None or CountReport.objects.filter(contract=contract, purpose=purpose, day=day).exists():
        return None
    reached("counts.locked")
    flow = FLOWS[contract]
    rows = list(
        Disclosure.objects.filter(contract=contract, purpose=purpose, day=day, counted=True).values("dimension")
    )
    steady = _steady(contract, day, ZoneInfo(mine.time_zone))
    counts = daily_counts(rows, "dimension", keys=flow.cells(), steady=steady)
    record = DailyCounts(of=contract, day=day, dimension=flow.dimension, cells=counts.cells, total=counts.total)
    row = outbound.release(
        record,
        to=mine.manufacturer_id,
        subject=counts_subject(grant),
        purpose=Purpose(purpose),
        # What is counted may leave as counts, and at no other level: so a level of nothing stops the counts too.
        policy=Policy(
            contract="DailyCounts",
            purpose=Purpose(purpose),
            template=Level.NOTHING if grant.agreement.is_over(clock.now()) else Level(grant.template),
            ceiling=Level(grant.template) if grant.required else Level(grant.ceiling),
            required=grant.required,
            agreement_version=grant.agreement.version,
        ),
        actor=actor,
        event_at=clock.now(),
        label=f"{contract} {day.isoformat()}",
    )
    reached("counts.released")
    CountReport.objects.create(contract=contract, purpose=purpose, day=day, ledger_id=row.id)
    reached("counts.noted")
    return row
