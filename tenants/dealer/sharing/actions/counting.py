"""Counting a closed day, once for ever."""

from __future__ import annotations

from datetime import date, timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from dealer.organisation.queries import profile
from dealer.sharing.flows import FLOWS
from dealer.sharing.models import (
    CountReport,
    Disclosure,
    Grant,
)
from dealer.sharing.queries import counts_subject
from exchange import outbound
from exchange.counts import daily_counts
from exchange.gate import Policy
from exchange.models import Ledger
from kernel import clock
from kernel.accounts.actors import SYSTEM, Actor
from kernel.checkpoints import reached
from kernel.contracts import (
    DailyCounts,
    Level,
    Purpose,
)
from kernel.errors import Invalid


def send_due_counts(*, actor: Actor = SYSTEM) -> int:
    """Send the daily counts of every closed day that still lacks them; returns how many reports were sent.

    A report is due for a day on which something was withheld to be counted, and for yesterday wherever the level in
    force is counts: a missing report would tell that there was nothing.
    """
    today = clock.today(profile().time_zone)
    due = set(
        Disclosure.objects.filter(counted=True, day__lt=today).values_list("contract", "purpose", "day").distinct()
    )
    for grant in Grant.objects.all():
        if grant.level is Level.COUNTS and grant.contract in FLOWS:
            due.add((grant.contract, grant.purpose, today - timedelta(days=1)))
    first = min((day for _contract, _purpose, day in due), default=today)
    due -= set(CountReport.objects.filter(day__gte=first).values_list("contract", "purpose", "day"))
    return sum(
        send_counts(actor=actor, contract=contract, purpose=purpose, day=day) is not None
        for contract, purpose, day in sorted(due, key=lambda entry: (entry[2], entry[0]))
    )


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
    counts = daily_counts(rows, "dimension", keys=flow.cells())
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
            template=Level(grant.template),
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
