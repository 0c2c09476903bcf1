"""Prospects and the contacts with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from dealer.customers.actions import create_customer, log_interaction, meet_customer, update_customer
from dealer.customers.models import Customer
from dealer.customers.queries import find_by_contact
from dealer.sales import derive, milestones
from dealer.sales.locks import lock_prospect
from dealer.sales.models import (
    NOT_SPOKEN,
    PROSPECT_TRANSITIONS,
    ContactChannel,
    ContactResult,
    CustomerType,
    FollowUp,
    Lead,
    LostReason,
    Prospect,
    ProspectState,
)
from kernel import audit, clock
from kernel.accounts.actors import Actor
from kernel.accounts.models import User
from kernel.accounts.roles import RIGHTS, Right, Role
from kernel.automotive.channel import Channel
from kernel.automotive.temperature import add_months
from kernel.contracts import LeadEvent
from kernel.errors import Conflict, FieldError, Invalid
from kernel.money import MAX_DIGITS
from kernel.transitions import move

#: What people may fill in on a prospect.
EDITABLE = (
    "channel",
    "customer_type",
    "likes_brand",
    "intended_on",
    "brand",
    "series",
    "model",
    "variant",
    "wish",
    "budget",
    "present_brand",
    "present_model",
    "no_present_vehicle",
)
_CHOICES = {"channel": Channel, "customer_type": CustomerType}
#: Fields of the customer that belong to the eleven items.
CUSTOMER_ITEMS = ("kind", "sex", "surname", "given_name", "company_name", "contact_person", "phone", "email")
#: By what channel a contact stands on the customer's card.
_INTERACTION = {
    ContactChannel.PHONE: "phone",
    ContactChannel.WECHAT: "wechat",
    ContactChannel.SHOWROOM: "visit",
    ContactChannel.VISIT: "home_visit",
    ContactChannel.SMS: "message",
    ContactChannel.EMAIL: "email",
}


@transaction.atomic
def create_prospect(
    *,
    actor: Actor,
    customer: Customer | None = None,
    person: dict[str, Any] | None = None,
    channel: str = "",
    consultant_id: UUID | None = None,
    **fields: Any,
) -> Prospect:
    """Enter somebody who may buy: a `customer` known already, or a new `person` (fields of `create_customer`).

    A person whose telephone number is known already is linked, not entered twice. Whoever enters a prospect looks after
    it unless a manager names somebody else. `fields` are those of `EDITABLE`. Raises Invalid, and Conflict
    `open_prospect` when a colleague is working with this customer already.
    """
    actor.require(Right.SALES_WORK)
    if customer is None:
        if not person:
            raise Invalid([FieldError("customer", "required", _("Choose a customer or enter a new one."))])
        phone = str(person.get("phone") or "")
        known = find_by_contact(phone_number=phone) if phone else []
        customer = known[0] if known else create_customer(actor=actor, department="sales", **person)
    meet_customer(actor=actor, customer=customer, department="sales")
    working = Prospect.objects.filter(customer=customer, state=ProspectState.OPEN).select_related("consultant").first()
    if working is not None:
        raise Conflict(
            "open_prospect", _("Somebody is working with this customer already. Open that prospect instead.")
        )
    if consultant_id is not None and consultant_id != actor.id:
        actor.require(Right.LEADS_WORK_ALL)
    looks_after = consultant_id or actor.id
    return enter_prospect(
        actor=actor, customer=customer, lead=None, consultant_id=looks_after, channel=channel, **checked(fields)
    )


def enter_prospect(
    *, actor: Actor, customer: Customer, lead: Lead | None, consultant_id: UUID | None, **fields: Any
) -> Prospect:
    """Write a prospect with clean fields; one whose lead was returned and came back is opened again."""
    now = clock.now()
    prospect = Prospect.objects.filter(lead=lead).first() if lead is not None else None
    again = prospect is not None
    if prospect is None:
        prospect = Prospect(customer=customer, lead=lead, created_at=now)
    else:
        if not prospect.is_open:
            move(prospect, "state", ProspectState.OPEN, PROSPECT_TRANSITIONS)
        prospect.customer, prospect.closed_at, prospect.lost_reason, prospect.lost_text = customer, None, "", ""
    prospect.consultant_id = consultant_id
    for name, value in fields.items():
        setattr(prospect, name, value)
    today = derive.today()
    # The first contact is due at once.
    prospect.next_contact_on = today
    _save(prospect, today)
    audit.record(
        actor=actor,
        action="sales.reopen_prospect" if again else "sales.create_prospect",
        obj=prospect,
        after={"customer": customer.pk, "consultant": consultant_id, "lead": lead.pk if lead else None},
    )
    return prospect


@transaction.atomic
def update_prospect(
    *, actor: Actor, prospect_id: UUID, customer: dict[str, Any] | None = None, **fields: Any
) -> Prospect:
    """Change what is known; only the fields given. `customer` holds fields of `CUSTOMER_ITEMS`. Raises Invalid."""
    actor.require(Right.SALES_WORK)
    prospect = lock_prospect(prospect_id)
    _change(prospect, actor, customer, fields)
    _save(prospect, derive.today())
    return prospect


def _change(prospect: Prospect, actor: Actor, customer: dict[str, Any] | None, fields: dict[str, Any]) -> None:
    problems: list[FieldError] = []
    cleaned: dict[str, Any] = {}
    try:
        cleaned = checked(fields)
    except Invalid as error:
        problems += error.errors
    if customer:
        try:
            with transaction.atomic():
                prospect.customer = update_customer(actor=actor, customer=prospect.customer, **customer)
        except Invalid as error:
            problems += error.errors
    if problems:
        raise Invalid(problems)
    before, after = audit.changes(prospect, **cleaned)
    if after:
        audit.record(actor=actor, action="sales.update_prospect", obj=prospect, before=before, after=after)


def checked(fields: dict[str, Any]) -> dict[str, Any]:
    """Clean values of `EDITABLE` fields. Raises Invalid naming every wrong one, TypeError for an unknown one."""
    strange = set(fields) - set(EDITABLE)
    if strange:
        raise TypeError(f"a prospect has no field {sorted(strange)}")
    problems: list[FieldError] = []
    clean: dict[str, Any] = {}
    for name, value in fields.items():
        try:
            clean[name] = _clean(name, value)
        except Invalid as error:
            problems += error.errors
    if problems:
        raise Invalid(problems)
    return clean


def _clean(name: str, value: Any) -> Any:
    if name in _CHOICES:
        value = value or ""
        if value and value not in _CHOICES[name].values:
            raise Invalid([FieldError(name, "choice", _("Choose one of the values offered."))])
        return value
    if name in ("likes_brand", "no_present_vehicle"):
        if value is None and name == "likes_brand":
            return None
        if not isinstance(value, bool):
            raise Invalid([FieldError(name, "type", _("Answer with yes or no."))])
        return value
    if name == "intended_on":
        if value is not None and not date(2000, 1, 1) <= value <= add_months(derive.today(), 120):
            raise Invalid([FieldError(name, "range", _("Enter a day within the next ten years."))])
        return value
    if name == "budget":
        if value is not None and not 0 <= value < Decimal(10) ** MAX_DIGITS:
            raise Invalid([FieldError(name, "range", _("Enter an amount that is not below zero."))])
        return value
    text = " ".join(str(value or "").split()) if name != "wish" else str(value or "").strip()
    if "\x00" in text:
        raise Invalid([FieldError(name, "characters", _("This text has a character that cannot be stored."))])
    limit = getattr(Prospect._meta.get_field(name), "max_length", None) or 4000
    if len(text) > limit:
        raise Invalid([FieldError(name, "too_long", _("This is too long. Shorten it."))])
    return text


@transaction.atomic
def record_follow_up(
    *,
    actor: Actor,
    prospect_id: UUID,
    channel: str,
    result: str,
    note: str = "",
    at: datetime | None = None,
    next_on: date | None = None,
    next_plan: str = "",
    source: str | None = None,
    customer: dict[str, Any] | None = None,
    **fields: Any,
) -> FollowUp:
    """Write down one contact with its result and the plan for the next one, with whatever else was learnt.

    `fields` are those of `EDITABLE` (`source` is the channel the customer came by), `customer` those of
    `CUSTOMER_ITEMS`. Without `next_on` the next contact follows
    the rhythm of the temperature (R-LEAD-08). Having bought elsewhere closes the prospect. The first contact in which
    somebody was spoken to is reported for a lead of the manufacturer. Raises Invalid, Conflict `prospect_closed`.
    """
    actor.require(Right.SALES_WORK)
    now = clock.now()
    moment = at or now
    today = derive.today()
    problems: list[FieldError] = []
    if channel not in ContactChannel.values:
        problems.append(FieldError("channel", "choice", _("Choose one of the values offered.")))
    if result not in ContactResult.values:
        problems.append(FieldError("result", "choice", _("Choose one of the values offered.")))
    if moment > now + timedelta(minutes=1):
        problems.append(FieldError("at", "future", _("A contact cannot lie in the future. Check the time.")))
    if next_on is not None and not today <= next_on <= add_months(today, 36):
        problems.append(
            FieldError("next_on", "range", _("The next contact lies between today and three years from now."))
        )
    if len(next_plan) > 200:
        problems.append(FieldError("next_plan", "too_long", _("This is too long. Shorten it.")))
    if len(note) > 4000 or "\x00" in note + next_plan:
        problems.append(FieldError("note", "text", _("This text cannot be stored. Shorten it.")))
    prospect = lock_prospect(prospect_id)
    if not prospect.is_open:
        raise Conflict("prospect_closed", _("This prospect is closed. Open it again first."))
    try:
        _change(prospect, actor, customer, fields if source is None else fields | {"channel": source})
    except Invalid as error:
        problems += [replace(one, field="source") if one.field == "channel" else one for one in error.errors]
    if problems:
        raise Invalid(problems)
    derive.refresh(prospect, on=today, rules=derive.policy())
    ends = result == ContactResult.BOUGHT_ELSEWHERE
    follow_up = FollowUp.objects.create(
        prospect=prospect,
        by_id=actor.id,
        at=moment,
        channel=channel,
        result=result,
        note=note.strip(),
        next_on=None if ends else next_on or derive.next_contact(prospect, today),
        next_plan="" if ends else " ".join(next_plan.split()),
    )
    prospect.contact_result = result
    prospect.last_contact_at = max(moment, prospect.last_contact_at or moment)
    prospect.next_contact_on, prospect.next_contact_plan = follow_up.next_on, follow_up.next_plan
    audit.record(
        actor=actor,
        action="sales.record_follow_up",
        obj=follow_up,
        after={"prospect": prospect.pk, "channel": channel, "result": result, "next_on": follow_up.next_on},
    )
    if result not in NOT_SPOKEN:
        milestones.reached(prospect, LeadEvent.CONTACTED, actor=actor, at=moment)
        if result == ContactResult.APPOINTMENT:
            milestones.reached(prospect, LeadEvent.APPOINTMENT, actor=actor, at=moment)
    log_interaction(
        actor=actor,
        customer=prospect.customer,
        channel=_INTERACTION[ContactChannel(channel)],
        content=follow_up.note[:2000] or str(ContactResult(result).label),
        result=str(ContactResult(result).label),
        at=moment,
        document="sales.followup",
        document_id=follow_up.pk,
        url=f"/prospects/{prospect.pk}/",
    )
    if ends:
        lose_locked(prospect, actor=actor, reason=LostReason.OTHER_DEALER, text="", at=moment)
    else:
        _save(prospect, today)
    return follow_up


@transaction.atomic
def lose_prospect(*, actor: Actor, prospect_id: UUID, reason: str, text: str = "") -> Prospect:
    """Close a prospect who does not buy, with the reason. Raises Invalid, Conflict `contract_stands`."""
    actor.require(Right.SALES_WORK)
    prospect = lock_prospect(prospect_id)
    lose_locked(prospect, actor=actor, reason=reason, text=text, at=clock.now())
    return prospect


def lose_locked(
    prospect: Prospect,
    *,
    actor: Actor,
    reason: str,
    text: str,
    at: datetime,
    event: LeadEvent = LeadEvent.LOST,
) -> None:
    """The same for a prospect that is locked already; `event` is what the manufacturer is told."""
    if reason not in LostReason.values:
        raise Invalid([FieldError("reason", "choice", _("Choose one of the reasons offered."))])
    if prospect.contracts.filter(state__in=("signed", "approved")).exists():
        raise Conflict("contract_stands", _("There is a sales contract. Cancel it first."))
    old = move(prospect, "state", ProspectState.LOST, PROSPECT_TRANSITIONS)
    prospect.lost_reason, prospect.lost_text = reason, text.strip()[:300]
    prospect.closed_at, prospect.next_contact_on, prospect.next_contact_plan = at, None, ""
    _save(prospect, derive.today())
    if prospect.lead is not None:
        milestones.report(prospect.lead, event, actor=actor, at=at, reason=reason, reason_text=prospect.lost_text)
    audit.record(
        actor=actor,
        action="sales.lose_prospect",
        obj=prospect,
        before={"state": old},
        after={"state": prospect.state, "reason": reason},
        note=prospect.lost_text,
    )


@transaction.atomic
def reopen_prospect(*, actor: Actor, prospect_id: UUID) -> Prospect:
    """Take up somebody again who was lost. The lead he came from stays closed at the manufacturer."""
    actor.require(Right.SALES_WORK)
    prospect = lock_prospect(prospect_id)
    old = move(prospect, "state", ProspectState.OPEN, PROSPECT_TRANSITIONS)
    prospect.lost_reason, prospect.lost_text, prospect.closed_at = "", "", None
    prospect.next_contact_on = derive.today()
    _save(prospect, derive.today())
    audit.record(
        actor=actor,
        action="sales.reopen_prospect",
        obj=prospect,
        before={"state": old},
        after={"state": prospect.state},
    )
    return prospect


@transaction.atomic
def assign_prospect(*, actor: Actor, prospect_id: UUID, consultant_id: UUID) -> Prospect:
    """Hand a prospect over to another consultant (客户交接); the lead he came from goes along."""
    actor.require(Right.LEADS_WORK_ALL)
    prospect = lock_prospect(prospect_id)
    user = User.objects.filter(pk=consultant_id, is_active=True).first()
    if user is None or Right.SALES_WORK not in RIGHTS[Role(user.role)]:
        raise Invalid([FieldError("consultant", "choice", _("Choose one of the sales consultants."))])
    before, after = audit.changes(prospect, consultant_id=user.pk)
    if after:
        _save(prospect, derive.today())
        if prospect.lead is not None:
            Lead.objects.filter(pk=prospect.lead.pk).update(consultant=user, updated_at=clock.now())
        audit.record(actor=actor, action="sales.assign_prospect", obj=prospect, before=before, after=after)
    return prospect


@transaction.atomic
def refresh_temperatures() -> int:
    """Derive temperature and missing items of every open prospect anew: as days pass, cold becomes warm becomes hot
    (R-LEAD-09). Returns how many changed; again on the same day it changes nothing."""
    today, rules = derive.today(), derive.policy()
    changed: list[Prospect] = []
    open_ones = (
        Prospect.objects.filter(state=ProspectState.OPEN)
        .select_related("customer")
        .select_for_update(of=("self",), skip_locked=True)
    )
    for prospect in open_ones.iterator(chunk_size=500):
        if derive.refresh(prospect, on=today, rules=rules):
            changed.append(prospect)
    Prospect.objects.bulk_update(changed, ["temperature", "heat", "missing", "qualified"], batch_size=500)
    return len(changed)


def _save(prospect: Prospect, today: date) -> None:
    derive.refresh(prospect, on=today, rules=derive.policy())
    prospect.updated_at = clock.now()
    prospect.save()
