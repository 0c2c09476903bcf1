"""What happens to the manufacturer's leads when the dealership leaves the network."""

from __future__ import annotations

from django.db import transaction

from dealer.sales.actions.leads import decline_lead, expire_leads, record_outcome
from dealer.sales.models import WORKED_STATES, DeclineReason, Lead, LeadState
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.contracts import LeadEvent
from kernel.errors import Conflict


@transaction.atomic
def hand_back_leads(*, actor: Actor, reason: str) -> dict[str, int]:
    """Decline every offered lead and return every one that is being worked, by the exchange's own messages.

    A lead whose contract is signed, and one whose results may not leave, stay as they are: the manufacturer takes
    those back itself. Returns how many were `declined`, `returned` and `kept`. Again it finds nothing to do.
    """
    actor.require(Right.LEADS_WORK_ALL)
    expire_leads()
    figures = {"declined": 0, "returned": 0, "kept": 0}
    for lead in Lead.objects.filter(state=LeadState.OFFERED).order_by("respond_before"):
        decline_lead(actor=actor, lead_id=lead.pk, reason=DeclineReason.OTHER, text=reason)
        figures["declined"] += 1
    for lead in Lead.objects.filter(state__in=WORKED_STATES).order_by("offered_at"):
        try:
            with transaction.atomic():
                record_outcome(actor=actor, lead_id=lead.pk, event=LeadEvent.RETURNED, text=reason)
            figures["returned"] += 1
        except Conflict:
            figures["kept"] += 1
    return figures
