"""What is reported to the manufacturer about its leads, and what a prospect's facts say of it.

Only leads of the manufacturer are reported: a prospect of the dealership's own leaves no trace outside.
"""

from datetime import datetime

from dealer.sales.models import LEAD_TRANSITIONS, Lead, LeadMilestone, LeadState, Prospect, Stage
from dealer.sharing.actions import share
from kernel import clock
from kernel.accounts.actors import Actor
from kernel.contracts import SPOKEN, LeadEvent, LeadOutcome
from kernel.contracts import Temperature as SharedTemperature
from kernel.transitions import may_move, move

#: The stage of the funnel that an event takes a prospect to.
STAGE_OF: dict[LeadEvent, Stage] = {
    LeadEvent.CONTACTED: Stage.CONTACTED,
    LeadEvent.APPOINTMENT: Stage.CONTACTED,
    LeadEvent.TEST_DRIVE: Stage.TEST_DRIVE,
    LeadEvent.QUOTED: Stage.QUOTED,
    LeadEvent.CONTRACTED: Stage.CONTRACTED,
    LeadEvent.WON: Stage.DELIVERED,
}
_ORDER = list(Stage.values)


def reached(prospect: Prospect, event: LeadEvent, *, actor: Actor, at: datetime | None = None) -> None:
    """Note that a locked prospect has come this far, and report it when the lead is the manufacturer's. Does not save
    the prospect. Coming this far again, or not as far as before, changes no stage."""
    stage = STAGE_OF[event]
    if _ORDER.index(stage) > _ORDER.index(prospect.stage):
        prospect.stage = stage
    if prospect.lead is not None:
        report(prospect.lead, event, actor=actor, at=at, temperature=prospect.temperature)


def report(
    lead: Lead,
    event: LeadEvent,
    *,
    actor: Actor,
    at: datetime | None = None,
    reason: str = "",
    reason_text: str = "",
    temperature: str = "",
) -> bool:
    """Tell the manufacturer once what happened to a locked lead of its; True when it was told now.

    The lead moves to the state of that name if it has not come further. The first event after a contact with the person
    carries the seconds since the offer.
    """
    moment = at or clock.now()
    first_response_seconds = None
    if event in SPOKEN and lead.first_contact_at is None:
        lead.first_contact_at = moment
        lead.save(update_fields=["first_contact_at"])
        first_response_seconds = max(0, int((moment - lead.offered_at).total_seconds()))
    if LeadMilestone.objects.filter(lead=lead, fence=lead.fence, event=event).exists():
        return False
    if event in LeadState.values and may_move(lead.state, event, LEAD_TRANSITIONS):
        move(lead, "state", LeadState(event), LEAD_TRANSITIONS)
        lead.updated_at = clock.now()
        lead.save(update_fields=["state", "updated_at"])
    LeadMilestone.objects.create(lead=lead, fence=lead.fence, event=event, at=moment, by_name=actor.name[:120])
    share(
        LeadOutcome(
            lead_id=lead.id,
            fence=lead.fence,
            event=event,
            at=moment,
            reason=reason or None,
            reason_text=reason_text or None,
            first_response_seconds=first_response_seconds,
            temperature=SharedTemperature(temperature) if temperature else None,
        ),
        subject=lead.id,
        customer=None,
        actor=actor,
        event_at=moment,
        label=lead.car,
    )
    return True
