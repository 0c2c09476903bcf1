"""Changing a level: lowering stops at once, also what waits undelivered."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from dealer.organisation.queries import profile
from dealer.sharing.actions.counting import send_counts
from dealer.sharing.flows import FLOWS
from dealer.sharing.models import (
    Agreement,
    AgreementState,
    Grant,
    LevelChange,
)
from dealer.sharing.queries import counts_subject
from dealer.sharing.takingback.asking import ask_about_earlier
from exchange import outbound
from exchange.models import Ledger, LedgerState
from kernel import audit, clock
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.contracts import (
    Level,
    Purpose,
)
from kernel.errors import Conflict, Invalid, Text

#: Why a message was stopped; a code of the ledger's `reason`.
LEVEL_LOWERED = "level_lowered"


@transaction.atomic
def change_level(*, actor: Actor, contract: str, purpose: str, level: str, note: str = "") -> LevelChange:
    """Set this dealership's ceiling for a contract and purpose; in force from the commit on.

    Lowering stops what waits undelivered at once. A change to counts tells the manufacturer at once too: the report of
    yesterday, due under this level anyway, goes out with it. The manufacturer learns the new ceiling within a minute or
    two (`tell_what_changed`). Raises Conflict("required") for what the agreement
    requires, Invalid for an unknown level, one above the agreement's, or a contract it does not name. The level that
    already stands is a Conflict("unchanged").
    """
    actor.require(Right.SHARING_CHANGE)
    # The agreement first, as signing and ending do: then nobody waits for anybody who waits for them. The scheduled
    # task tells the manufacturer, once for all changes that were made together.
    Agreement.objects.filter(state=AgreementState.SIGNED).update(told_at=None)
    grant = Grant.objects.select_for_update(of=("self",)).filter(contract=contract, purpose=purpose).first()
    if grant is None:
        raise Invalid({"contract": _("The agreement does not name this kind of data.")}, code="unknown_contract")
    if level not in Level.values:
        raise Invalid({"level": _("Choose one of the values offered.")}, code="choice")
    wanted, before = Level(level), Level(grant.ceiling)
    version = grant.agreement.version
    if grant.required and wanted != Level(grant.template):
        raise Conflict("required", why_required(grant, version))
    if wanted > Level(grant.template):
        raise Invalid({"level": _("The agreement does not ask for more than this.")}, code="above_template")
    if wanted == before:
        raise Conflict("unchanged", _("This level is in force already."))
    grant.ceiling, grant.changed_at, grant.changed_by_name = wanted, clock.now(), actor.name[:120]
    grant.save(update_fields=["ceiling", "changed_at", "changed_by_name"])
    stopped = stop_waiting(grant) if wanted < before else 0
    change = note_change(grant, version, before, actor, stopped=stopped, note=note)
    audit.record(
        actor=actor,
        action="sharing.change_level",
        obj=grant,
        before={"level": before},
        after={"level": wanted, "stopped": stopped},
        note=note,
    )
    if wanted is Level.COUNTS and contract in FLOWS and FLOWS[contract].counted:
        yesterday = clock.today(profile().time_zone) - timedelta(days=1)
        send_counts(actor=actor, contract=contract, purpose=purpose, day=yesterday)
    return change


def stop_waiting(grant: Grant, *, asks: bool = True) -> int:
    """Stop what waits undelivered under a grant that was lowered, at level nothing its counts too, and (`asks`) have
    the general manager asked about what went earlier."""
    purpose = Purpose(grant.purpose)
    stopped = outbound.stop_undelivered(contract=grant.contract, purpose=purpose, reason=LEVEL_LOWERED)
    if grant.level is Level.NOTHING:
        counts = Ledger.objects.filter(subject=counts_subject(grant), state=LedgerState.RECORDED)
        stopped += outbound.stop_undelivered(
            contract="DailyCounts",
            purpose=purpose,
            reason=LEVEL_LOWERED,
            messages=counts.values_list("id", flat=True),
        )
    if asks:
        ask_about_earlier(grant)
    return stopped


def why_required(grant: Grant, agreement_version: str) -> Text:
    """Why a line of the switchboard cannot be lowered: which purpose, which agreement."""
    return format_lazy(
        _("Agreement {version} requires this for the purpose “{purpose}”. It cannot be lowered while it is in force."),
        version=agreement_version,
        purpose=Purpose(grant.purpose).label,
    )


def note_change(
    grant: Grant, version: str, before: Level | None, actor: Actor, *, stopped: int = 0, note: str = ""
) -> LevelChange:
    return LevelChange.objects.create(
        grant=grant,
        agreement_version=version,
        before=before or "",
        after=grant.ceiling,
        stopped=stopped,
        at=clock.now(),
        by_id=actor.id,
        by_name=actor.name[:120],
        note=note.strip()[:300],
    )
