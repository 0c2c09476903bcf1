"""Leads of the manufacturer: offered, accepted, declined, expired, recalled, and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from dealer.customers.actions import create_customer, meet_customer
from dealer.customers.marks import customers_with
from dealer.customers.models import Customer
from dealer.customers.queries import find_by_contact
from dealer.sales import envelope, known, milestones
from dealer.sales.actions.prospects import enter_prospect, lose_locked
from dealer.sales.assignment import Desk, by_hand
from dealer.sales.locks import is_in_time, lock_lead, lock_prospect
from dealer.sales.models import (
    LEAD_TRANSITIONS,
    PROSPECT_TRANSITIONS,
    STUB_STATES,
    DeclineReason,
    Lead,
    LeadState,
    LostReason,
    Prospect,
    ProspectState,
)
from exchange.inbox import take_turn
from kernel import audit, clock
from kernel.accounts.actors import EXCHANGE, SYSTEM, Actor
from kernel.accounts.models import User
from kernel.accounts.roles import RIGHTS, Right, Role
from kernel.automotive.channel import Channel
from kernel.contracts import KnownBy, LeadEvent, SalesLead
from kernel.errors import Conflict, FieldError, Invalid
from kernel.transitions import move

#: What a stub keeps nothing of: who it is, where exactly, what was said.
BLANKED = ("masked_name", "envelope", "wish", "district", "preferred_time")
#: Details of a lead that may be wrong without keeping anybody from accepting it.
_DROPPABLE = ("phone", "email", "province", "city", "district")


# -- what arrives ------------------------------------------------------------------------------------


@transaction.atomic
def apply_offer(offer: SalesLead, *, desk: Desk | None = None) -> Lead | None:
    """Take an offer of the manufacturer: a new lead, or a newer offer of one that was lost before.

    Older or equal fences change nothing, and neither does a lead that this dealership has accepted: acceptance is
    final. An offer that arrives too late is kept as expired. `desk` hands out several leads in a row. Returns the lead
    when it was changed.
    """
    assert offer.respond_before is not None
    assert offer.offered_at is not None
    lead = Lead.objects.select_for_update().filter(pk=offer.lead_id).first()
    if lead is not None and (offer.fence <= lead.fence or LeadState.OFFERED not in _after(lead)):
        return None
    old = lead.state if lead is not None else None
    lead = lead or Lead(id=offer.lead_id)
    lead.fence = offer.fence
    lead.state = LeadState.OFFERED
    lead.offered_at, lead.respond_before = offer.offered_at, offer.respond_before
    lead.channel, lead.source, lead.interest = offer.channel or "", offer.source or "", offer.interest or ""
    lead.brand, lead.series, lead.model = offer.brand or "", offer.series or "", offer.model or ""
    lead.wish = offer.wish_text or ""
    lead.province, lead.city, lead.district = offer.province or "", offer.city or "", offer.district or ""
    lead.budget, lead.budget_currency = offer.budget, offer.budget_currency or "CNY"
    lead.window_from, lead.window_to = offer.window_from, offer.window_to
    lead.preferred_time = offer.preferred_time or ""
    lead.lines = offer.to_json()["lines"] or []
    lead.consent_basis, lead.consent_text_version = offer.consent_basis or "", offer.consent_text_version or ""
    lead.collected_at = offer.collected_at
    lead.masked_name = offer.masked_name or ""
    lead.envelope = envelope.seal(offer)
    lead.answered_at = lead.answered_by = lead.first_contact_at = None
    lead.decline_reason = lead.decline_text = ""
    lead.updated_at = clock.now()
    if is_in_time(lead):
        lead.consultant_id, lead.assignment = (desk or Desk()).give(clock.now())
        lead.known_by = known.recognise(offer)
    else:
        _blank(lead)
        lead.state = LeadState.EXPIRED
    lead.save(force_insert=old is None)
    audit.record(
        actor=EXCHANGE,
        action="sales.lead_offered",
        obj=lead,
        before={"state": old} if old else None,
        after={"state": lead.state, "fence": lead.fence, "consultant": lead.consultant_id},
    )
    return lead


def _after(lead: Lead) -> frozenset[str]:
    """States that may follow; an open offer may be replaced by a newer one."""
    follow = LEAD_TRANSITIONS[LeadState(lead.state)]
    return follow | {LeadState.OFFERED} if lead.is_offered else follow


@transaction.atomic
def apply_recall(recall: SalesLead) -> Lead | None:
    """Take back an offer; what was accepted before stays ours. Returns the lead when it was changed."""
    lead = Lead.objects.select_for_update().filter(pk=recall.lead_id).first()
    if lead is None or recall.fence < lead.fence:
        return None
    if not lead.is_offered:
        if lead.state in STUB_STATES:
            Lead.objects.filter(pk=lead.pk).update(fence=recall.fence)
        else:
            audit.record(actor=EXCHANGE, action="sales.recall_too_late", obj=lead, after={"fence": recall.fence})
        return None
    lead.fence = recall.fence
    _end_offer(lead, LeadState.RECALLED, actor=EXCHANGE, action="sales.lead_recalled")
    return lead


# -- answering ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Acceptance:
    """What accepting brought: `linked` says that the customer was known already by this telephone number."""

    lead: Lead
    prospect: Prospect
    customer: Customer
    linked: bool


@transaction.atomic
def accept_lead(*, actor: Actor, lead_id: UUID) -> Acceptance:
    """Accept an offered lead. Final: decided under the row's lock by this dealership's own clock, never by the portal.

    Opens the envelope, finds or makes the customer and the prospect, and reports the acceptance. Whoever accepted it
    may ask again and gets the same answer. Raises Conflict `too_late` (time is over, or it was recalled),
    `already_taken` (a colleague was faster), `already_declined`.
    """
    actor.require(Right.LEADS_WORK_OWN, Right.LEADS_WORK_ALL)
    lead = lock_lead(lead_id)
    if not lead.is_offered:
        return _accepted_before(lead, actor)
    if not is_in_time(lead):
        raise Conflict("too_late", _("The time to accept this lead is over."))
    now = clock.now()
    contact = envelope.unseal(lead.envelope)
    # A consultant takes the lead for himself; a manager takes it for the consultant it was given to.
    takes_it = lead.consultant_id is None or not actor.has(Right.LEADS_WORK_ALL)
    if takes_it and actor.id is not None and lead.consultant_id != actor.id:
        lead.consultant = User.objects.get(pk=actor.id)
        lead.assignment = by_hand(lead.consultant, by=actor.name)
    old = move(lead, "state", LeadState.ACCEPTED, LEAD_TRANSITIONS)
    lead.envelope = ""
    lead.answered_at, lead.answered_by_id, lead.updated_at = now, actor.id, now
    customer, linked = _customer_of(lead, contact, actor)
    lead.customer_known = linked
    lead.save()
    prospect = enter_prospect(
        actor=actor,
        customer=customer,
        lead=lead,
        consultant_id=lead.consultant_id,
        channel=lead.channel if lead.channel in Channel.values else Channel.OTHER,
        brand=lead.brand,
        series=lead.series,
        model=lead.model,
        wish=lead.wish,
        budget=lead.budget,
        currency=lead.budget_currency,
        intended_on=lead.window_to or lead.window_from,
        **_trade_in(lead),
    )
    audit.record(
        actor=actor,
        action="sales.accept_lead",
        obj=lead,
        before={"state": old},
        after={"state": lead.state, "customer": customer.pk, "linked": linked, "consultant": lead.consultant_id},
    )
    milestones.report(lead, LeadEvent.ACCEPTED, actor=actor, at=now)
    known.tell(lead, actor=actor, at=now)
    return Acceptance(lead, prospect, customer, linked)


def _accepted_before(lead: Lead, actor: Actor) -> Acceptance:
    if lead.state in (LeadState.EXPIRED, LeadState.RECALLED):
        raise Conflict("too_late", _("The time to accept this lead is over."))
    if lead.state == LeadState.DECLINED:
        raise Conflict("already_declined", _("This lead was declined before."))
    if actor.id is None or lead.answered_by_id != actor.id:
        raise Conflict("already_taken", _("A colleague has accepted this lead already."))
    prospect = Prospect.objects.select_related("customer", "lead").get(lead=lead)
    return Acceptance(lead, prospect, prospect.customer, linked=lead.customer_known)


def _customer_of(lead: Lead, contact: dict[str, str], actor: Actor) -> tuple[Customer, bool]:
    """The customer known by this telephone number (or else e-mail address), or a new one.

    A number that stands with somebody as another phone counts after one's own number. A car makes nobody the same: it
    may be driven by the whole family.
    """
    found = find_by_contact(phone_number=contact["phone"]) if contact["phone"] else []
    found = found or (customers_with(KnownBy.PHONE, contact["phone"]) if contact["phone"] else [])
    found = found or (find_by_contact(email=contact["email"]) if contact["email"] else [])
    if found:
        return meet_customer(actor=actor, customer=found[0], department="sales"), True
    fields: dict[str, Any] = {
        "phone": contact["phone"],
        "email": contact["email"],
        "province": lead.province,
        "city": lead.city,
        "district": lead.district,
    }
    name = contact["name"].strip() or lead.masked_name or "?"
    try:
        return create_customer(actor=actor, name=name[:60], department="sales", **fields), False
    except Invalid as problem:
        # What cannot be read must not keep the lead from its time: it goes into the note, for a person to put right.
        wrong = {error.field for error in problem.errors}
        kept = {key: value for key, value in fields.items() if key not in wrong}
        note = "\n".join(fields[key] for key in _DROPPABLE if key in wrong and fields[key])
        return create_customer(
            actor=actor, name=name[:60], department="sales", reachable=False, note=note, **kept
        ), False


def _trade_in(lead: Lead) -> dict[str, str]:
    """The present car, when the lead offers one in trade."""
    for line in lead.lines:
        if line.get("interest") in ("trade-in", "sell"):
            return {"present_brand": (line.get("brand") or "")[:80], "present_model": (line.get("model") or "")[:80]}
    return {}


@transaction.atomic
def decline_lead(*, actor: Actor, lead_id: UUID, reason: str, text: str = "") -> Lead:
    """Give an offered lead back with a reason and blank what we knew of the person.

    Raises Invalid (reason), Conflict `already_answered`, `too_late`.
    """
    actor.require(Right.LEADS_WORK_OWN, Right.LEADS_WORK_ALL)
    if reason not in DeclineReason.values:
        raise Invalid([FieldError("reason", "choice", _("Choose one of the reasons offered."))])
    lead = lock_lead(lead_id)
    if lead.state == LeadState.DECLINED and lead.answered_by_id == actor.id:
        return lead
    if not lead.is_offered:
        raise Conflict("already_answered", _("This lead was answered before, or its time is over."))
    if not is_in_time(lead):
        raise Conflict("too_late", _("The time to answer this lead is over."))
    lead.decline_reason, lead.decline_text = reason, text.strip()[:300]
    lead.answered_at, lead.answered_by_id = clock.now(), actor.id
    _end_offer(lead, LeadState.DECLINED, actor=actor, action="sales.decline_lead", reason=reason)
    milestones.report(lead, LeadEvent.DECLINED, actor=actor, reason=reason, reason_text=lead.decline_text)
    return lead


@transaction.atomic
def expire_leads() -> int:
    """Mark the offers whose time is over and blank them; returns how many. Repeatable, at any interval.

    Takes turns with the inbox: while offers are being applied, nothing ends, and 0 is the answer.
    """
    if not take_turn():
        return 0
    if clock.in_history():
        late = list(
            Lead.objects.select_for_update(skip_locked=True).filter(
                state=LeadState.OFFERED, respond_before__lte=clock.now()
            )
        )
    else:
        late = list(
            Lead.objects.select_for_update(skip_locked=True)
            .filter(state=LeadState.OFFERED)
            .extra(where=["respond_before <= clock_timestamp()"])
        )
    for lead in late:
        _end_offer(lead, LeadState.EXPIRED, actor=SYSTEM, action="sales.lead_expired")
    return len(late)


def _end_offer(lead: Lead, state: LeadState, *, actor: Actor, action: str, **after: str) -> None:
    old = move(lead, "state", state, LEAD_TRANSITIONS)
    _blank(lead)
    lead.updated_at = clock.now()
    lead.save()
    audit.record(actor=actor, action=action, obj=lead, before={"state": old}, after={"state": state, **after})


def _blank(lead: Lead) -> None:
    """Leave a stub without personal data."""
    for name in BLANKED:
        setattr(lead, name, "")
    lead.lines, lead.known_by = [], None


# -- afterwards --------------------------------------------------------------------------------------


@transaction.atomic
def assign_lead(*, actor: Actor, lead_id: UUID, consultant_id: UUID) -> Lead:
    """Give a lead, offered or being worked, to another consultant; its prospect goes along."""
    actor.require(Right.LEADS_WORK_ALL)
    lead = lock_lead(lead_id)
    consultant = consultant_called(consultant_id)
    if not (lead.is_offered or lead.is_worked):
        raise Conflict("lead_closed", _("This lead is closed."))
    before, after = audit.changes(lead, consultant_id=consultant.pk)
    if not after:
        return lead
    lead.assignment = by_hand(consultant, by=actor.name)
    lead.updated_at = clock.now()
    lead.save()
    Prospect.objects.filter(lead=lead).update(consultant=consultant, updated_at=clock.now())
    audit.record(actor=actor, action="sales.assign_lead", obj=lead, before=before, after=after)
    return lead


def consultant_called(id: UUID) -> User:
    """Somebody who may work leads. Raises Invalid (consultant)."""
    user = User.objects.filter(pk=id, is_active=True).first()
    if user is None or Right.LEADS_WORK_OWN not in RIGHTS[Role(user.role)]:
        raise Invalid([FieldError("consultant", "choice", _("Choose one of the sales consultants."))])
    return user


#: Events that may be reported by hand or by a dealership's own system, besides those that our actions report.
REPORTABLE = (
    LeadEvent.CONTACTED,
    LeadEvent.APPOINTMENT,
    LeadEvent.TEST_DRIVE,
    LeadEvent.QUOTED,
    LeadEvent.CONTRACTED,
    LeadEvent.WON,
    LeadEvent.LOST,
    LeadEvent.RETURNED,
)


@transaction.atomic
def record_outcome(
    *, actor: Actor, lead_id: UUID, event: str, at: datetime | None = None, reason: str = "", text: str = ""
) -> Lead:
    """Report a milestone of an accepted lead. The same one again changes nothing; `lost` needs a reason (`LostReason`).

    Raises Invalid (event, at, reason) and Conflict `not_accepted`, `lead_closed`.
    """
    actor.require(Right.LEADS_WORK_OWN, Right.LEADS_WORK_ALL)
    problems = []
    if event not in REPORTABLE:
        problems.append(FieldError("event", "choice", _("Choose one of the events offered.")))
    moment = at or clock.now()
    if moment > clock.now():
        problems.append(FieldError("at", "future", _("This time lies in the future.")))
    if event == LeadEvent.LOST and reason not in LostReason.values:
        problems.append(FieldError("reason", "choice", _("Choose one of the reasons offered.")))
    if problems:
        raise Invalid(problems)
    lead = lock_lead(lead_id)
    prospect_id = Prospect.objects.filter(lead=lead).values_list("pk", flat=True).first()
    if prospect_id is None:
        raise Conflict("not_accepted", _("Accept this lead first."))
    if lead.milestones.filter(fence=lead.fence, event=event).exists():
        return lead
    if not lead.is_worked:
        raise Conflict("lead_closed", _("This lead is closed."))
    prospect = lock_prospect(prospect_id)
    prospect.lead = lead
    old = lead.state
    if event == LeadEvent.LOST:
        lose_locked(prospect, actor=actor, reason=reason, text=text, at=moment)
    elif event == LeadEvent.RETURNED:
        if LeadState.RETURNED not in LEAD_TRANSITIONS[LeadState(lead.state)]:
            raise Conflict("lead_closed", _("This lead is closed."))
        lose_locked(prospect, actor=actor, reason=LostReason.OTHER, text=text, at=moment, event=LeadEvent.RETURNED)
    else:
        milestones.reached(prospect, LeadEvent(event), actor=actor, at=moment)
        if event == LeadEvent.WON and prospect.is_open:
            move(prospect, "state", ProspectState.WON, PROSPECT_TRANSITIONS)
            prospect.closed_at = moment
        prospect.updated_at = clock.now()
        prospect.save()
    audit.record(
        actor=actor,
        action="sales.record_outcome",
        obj=lead,
        before={"state": old},
        after={"state": lead.state},
        note=text,
    )
    return lead
