"""What this dealership had told the manufacturer and no longer knows itself, because it was restored from a backup.

The manufacturer holds it and acts by it. So it is done again here, silently: it was told already.
"""

from __future__ import annotations

from django.db import transaction

from dealer.sales import milestones
from dealer.sales.actions.leads import accept_lead, decline_lead
from dealer.sales.actions.prospects import lose_locked
from dealer.sales.locks import lock_prospect
from dealer.sales.models import (
    LEAD_TRANSITIONS,
    PROSPECT_TRANSITIONS,
    DeclineReason,
    Lead,
    LeadMilestone,
    LeadState,
    LostReason,
    Prospect,
    ProspectState,
)
from kernel import clock
from kernel.accounts.actors import SYSTEM, Actor
from kernel.contracts import LeadEvent, LeadOutcome
from kernel.errors import Conflict
from kernel.transitions import may_move, move


@transaction.atomic
def retell(outcome: LeadOutcome, *, actor: Actor = SYSTEM) -> bool:
    """Do again what was told of a lead before; True when it was unknown here and is done now.

    Called with the clock set to when it happened, so that an offer that was open then is open. What cannot be done
    again, because the lead is not here in that offer any more, is left: the manufacturer's later word decides.
    """
    lead = Lead.objects.select_for_update().filter(pk=outcome.lead_id).first()
    if lead is None or lead.fence != outcome.fence:
        return False
    _known, created = LeadMilestone.objects.get_or_create(
        lead=lead, fence=lead.fence, event=outcome.event, defaults={"at": outcome.at, "by_name": actor.name[:120]}
    )
    if not created:
        return False
    try:
        with transaction.atomic():
            _again(lead, outcome, actor)
    except Conflict:
        return False
    return True


def _again(lead: Lead, outcome: LeadOutcome, actor: Actor) -> None:
    event, text = LeadEvent(outcome.event), outcome.reason_text or ""
    if event is LeadEvent.ACCEPTED:
        accept_lead(actor=actor, lead_id=lead.pk)
        return
    if event is LeadEvent.DECLINED:
        reason = outcome.reason if outcome.reason in DeclineReason.values else DeclineReason.OTHER
        decline_lead(actor=actor, lead_id=lead.pk, reason=str(reason), text=text)
        return
    found = Prospect.objects.filter(lead=lead).first()
    if found is None:
        raise Conflict("not_accepted")
    prospect = lock_prospect(found.pk)
    prospect.lead = lead
    if event in (LeadEvent.LOST, LeadEvent.RETURNED):
        reason = outcome.reason if outcome.reason in LostReason.values else LostReason.OTHER
        lose_locked(prospect, actor=actor, reason=str(reason), text=text, at=outcome.at, event=event)
    else:
        milestones.reached(prospect, event, actor=actor, at=outcome.at)
        if event is LeadEvent.WON and prospect.is_open:
            move(prospect, "state", ProspectState.WON, PROSPECT_TRANSITIONS)
            prospect.closed_at = outcome.at
        prospect.updated_at = clock.now()
        prospect.save()
    if may_move(lead.state, event, LEAD_TRANSITIONS):
        move(lead, "state", LeadState(event), LEAD_TRANSITIONS)
        lead.updated_at = clock.now()
        lead.save(update_fields=["state", "updated_at"])
