"""The end of an agreement: by notice of either side, or because a later version was not signed in time.

Until the end everything that is required goes on, so that claims are paid and cars are registered. From the end on
nothing leaves; nothing that was not signed ever begins by the passing of time.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from dealer.organisation.queries import profile
from dealer.sharing.actions.agreements import end_grant
from dealer.sharing.actions.levels import note_change, stop_waiting
from dealer.sharing.actions.telling import tell_decision
from dealer.sharing.models import AGREEMENT_TRANSITIONS, Agreement, AgreementState, EndReason, Grant
from kernel import audit, clock
from kernel.accounts.actors import SYSTEM, Actor
from kernel.accounts.roles import Right
from kernel.contracts import DecisionStep, Level
from kernel.contracts.laws import most_notice_days
from kernel.errors import Conflict
from kernel.transitions import move


def notice_days(agreement: Agreement) -> int:
    """On how many days' notice the dealership ends it: the agreement's own, or fewer where the law says so."""
    by_law = most_notice_days(profile().country, clock.now())
    return agreement.notice_days if by_law is None else min(agreement.notice_days, by_law)


@transaction.atomic
def end_agreement(*, actor: Actor, agreement: Agreement, note: str = "") -> int:
    """Give notice. What is not required ends at once, also what waits undelivered; the rest when the notice is over.

    Returns how many waiting messages were stopped. An end that comes sooner stands. Raises Conflict for an agreement
    that is not in force, or that the dealership has ended already.
    """
    actor.require(Right.SHARING_CHANGE)
    agreement = _locked(agreement)
    if agreement.state != AgreementState.SIGNED:
        raise Conflict("not_in_force", _("This agreement is not in force."))
    if agreement.end_reason == EndReason.DEALERSHIP:
        raise Conflict("ended_already", _("You have ended this agreement already."))
    ends_at = clock.now() + timedelta(days=notice_days(agreement))
    if agreement.ends_at is None or ends_at < agreement.ends_at:
        agreement.ends_at = ends_at
    agreement.end_reason = EndReason.DEALERSHIP
    agreement.save(update_fields=["ends_at", "end_reason"])
    stopped = 0
    for grant in Grant.objects.select_for_update().filter(agreement=agreement, required=False):
        stopped += _lower(grant, agreement, actor, note)
    audit.record(
        actor=actor,
        action="sharing.end_agreement",
        obj=agreement,
        after={"ends_at": agreement.ends_at.isoformat(), "stopped": stopped},
        note=note,
    )
    tell_decision(agreement, DecisionStep.ENDING, actor)
    return stopped


def _lower(grant: Grant, agreement: Agreement, actor: Actor, note: str) -> int:
    before = Level(grant.ceiling)
    if before is Level.NOTHING:
        return 0
    grant.ceiling, grant.changed_at, grant.changed_by_name = Level.NOTHING, clock.now(), actor.name[:120]
    grant.save(update_fields=["ceiling", "changed_at", "changed_by_name"])
    stopped = stop_waiting(grant)
    note_change(grant, agreement.version, before, actor, stopped=stopped, note=note)
    return stopped


@transaction.atomic
def keep_agreement(*, actor: Actor, agreement: Agreement) -> Agreement:
    """Take the dealership's own notice back before it is over. The levels stay as they are: each is raised by hand.

    A later version that still waits ends it as before, no sooner than its notice. Raises Conflict when there is no
    notice of the dealership's to take back.
    """
    actor.require(Right.SHARING_CHANGE)
    agreement = _locked(agreement)
    if agreement.state != AgreementState.SIGNED or agreement.end_reason != EndReason.DEALERSHIP:
        raise Conflict("no_notice", _("There is no notice of yours to take back."))
    if agreement.is_over(clock.now()):
        raise Conflict("over", _("The notice is over: sign the agreement anew."))
    agreement.ends_at = agreement.end_reason = None
    waiting = Agreement.objects.filter(state=AgreementState.PROPOSED).exclude(proposal_id=None).first()
    if waiting is not None:
        agreement.ends_at = end_by(agreement, waiting)
        agreement.end_reason = EndReason.LATER_VERSION
    agreement.save(update_fields=["ends_at", "end_reason"])
    audit.record(actor=actor, action="sharing.keep_agreement", obj=agreement)
    tell_decision(agreement, DecisionStep.KEPT, actor)
    return agreement


def end_by(signed: Agreement, later: Agreement) -> datetime:
    """When an agreement in force ends because of a later version: after its own notice, reckoned from the day on which
    the later one reached the dealership, and not before the day that the later one names."""
    by_notice = later.received_at + timedelta(days=signed.notice_days)
    if later.valid_from is None:
        return by_notice
    until = datetime.combine(later.valid_from, time.min, ZoneInfo(profile().time_zone))
    return max(by_notice, until)


def end_due() -> int:
    """Write down the end of every agreement whose time is over; returns how many. Nothing left since: here it comes
    into the books, what still waits is stopped, and the manufacturer is told."""
    due = Agreement.objects.filter(state=AgreementState.SIGNED, ends_at__lte=clock.now()).values_list("pk", flat=True)
    return sum(_end(pk) for pk in list(due))


@transaction.atomic
def _end(pk: UUID) -> bool:
    agreement = Agreement.objects.select_for_update().get(pk=pk)
    if agreement.state != AgreementState.SIGNED or not agreement.is_over(clock.now()):
        return False  # signed anew, or taken back, since it was found
    move(agreement, "state", AgreementState.ENDED, AGREEMENT_TRANSITIONS)
    agreement.save(update_fields=["state"])
    # A copy of the lines as they were goes up once more: at nothing, each of them.
    stopped = sum(end_grant(grant, agreement, SYSTEM) for grant in Grant.objects.select_for_update())
    audit.record(
        actor=SYSTEM,
        action="sharing.agreement_ended",
        obj=agreement,
        after={"reason": agreement.end_reason, "stopped": stopped},
    )
    tell_decision(agreement, DecisionStep.ENDED, SYSTEM)
    return True


def _locked(agreement: Agreement) -> Agreement:
    return Agreement.objects.select_for_update().get(pk=agreement.pk)
