"""What happens to a lead at the manufacturer: taken in, routed, offered, answered, taken back, closed.

An offer is final by the dealership's clock. The portal offers a lead to somebody else only after a grace period *and*
after that dealership's mailbox was seen empty past it, so that an acceptance given in time can never be overtaken.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
import time
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, OperationalError, transaction
from django.utils.translation import gettext_lazy as _

from exchange.inbox import take_turn
from exchange.models import Inbox, InboxState, Watermark
from exchange.outbound import send_down
from kernel import clock
from kernel.accounts.actors import SYSTEM, Actor
from kernel.accounts.roles import Right
from kernel.audit import record as audit
from kernel.automotive import names, phone, regions
from kernel.contracts import SPOKEN, LeadEvent, LeadOutcome, LeadStage, Purpose, SalesLead
from kernel.errors import Conflict, Invalid
from kernel.reference.queries import match_car
from kernel.transitions import may_move, move
from oem.leads import hints, queries, routing
from oem.leads.adf import ParsedLead, Price, Vehicle, document_hash, fingerprint, parse
from oem.leads.models import (
    ENDED,
    STATE_OF_EVENT,
    TRANSITIONS,
    WORKED,
    Door,
    Event,
    Lead,
    LeadLine,
    LeadState,
    Offer,
    OfferState,
    RawBytes,
    RawIntake,
    Routing,
)
from oem.network.models import Dealership, DealershipState

log = logging.getLogger(__name__)

#: How long a dealership has to answer an offer.
RESPOND_WITHIN = timedelta(minutes=settings.RESPOND_MINUTES)
#: A dealership's transaction lives at most 20 s (steward.LOGIN_SETTINGS), so what it accepted before `respond_before`
#: is committed 20 s later at the latest; a mailbox seen empty after that holds no acceptance in time.
COMMITTED_AFTER = timedelta(seconds=20)
GRACE = timedelta(seconds=30)
#: A mailbox that cannot be seen empty for so long sends the lead to the desk.
UNREACHABLE_AFTER = timedelta(minutes=15)
#: So many waiting leads are routed in one transaction.
ROUTED_TOGETHER = 20
#: The same fingerprint within this time is the same wish again.
SAME_WISH_WITHIN = timedelta(days=30)
MILES = 1.609344


# -- intake ----------------------------------------------------------------------------------------------------


@transaction.atomic
def take_in_adf(*, data: bytes, content_type: str, source: str, actor: Actor) -> tuple[RawIntake, list[Lead]]:
    """Keep the bytes of an ADF document and make leads of it; routing follows in a worker.

    Raises `adf.TooLarge` over 256 KB. What cannot be read becomes one lead that needs review. A document seen before
    answers with its leads.
    """
    digest = document_hash(data)
    known = _known(digest)
    if known:
        return known
    document = parse(data, content_type=content_type, default_timezone=ZoneInfo(settings.TIME_ZONE))
    try:
        with transaction.atomic():
            intake = RawIntake.objects.create(
                door=Door.ADF,
                content_type=content_type[:120],
                sha256=digest,
                size=len(data),
                source=source[:120],
                readable=document.readable,
                issues=[issue.to_json() for issue in document.issues],
                received_at=clock.now(),
            )
    except IntegrityError:
        again = _known(digest)  # the other request has committed, else it would not have made us fail
        assert again is not None
        return again
    RawBytes.objects.create(intake=intake, data=data)
    if document.readable:
        leads = [
            _lead_of(parsed, intake, position, _issues_of(intake.issues, position))
            for position, parsed in enumerate(document.leads)
        ]
    else:
        now = clock.now()
        leads = [
            Lead.objects.create(
                intake=intake,
                state=LeadState.NEEDS_REVIEW,
                issues=intake.issues,
                channel="website",
                source=source[:120],
                collected_at=now,
                received_at=now,
            )
        ]
        _note(leads[0], "needs_review", actor=actor, reason="unreadable")
    audit(actor=actor, action="leads.take_in", obj=intake, after={"leads": [str(lead.id) for lead in leads]})
    hints.after_commit_work()
    return intake, leads


def _known(digest: str) -> tuple[RawIntake, list[Lead]] | None:
    intake = RawIntake.objects.filter(sha256=digest).first()
    return (intake, list(intake.leads.order_by("position"))) if intake else None


def _issues_of(issues: list[dict[str, Any]], position: int) -> list[dict[str, Any]]:
    mine = f"prospect[{position}]"
    return [issue for issue in issues if not issue["path"].startswith("prospect[") or issue["path"].startswith(mine)]


def _lead_of(parsed: ParsedLead, intake: RawIntake, position: int, issues: list[dict[str, Any]]) -> Lead:
    customer, wanted = parsed.customer, parsed.wanted
    car = match_car(brand=wanted.make, model=wanted.model, year=wanted.year) if wanted else match_car()
    numbers = sorted((p for p in customer.phones if p.type not in ("fax", "pager")), key=lambda p: not p.preferred)
    number = next((p for p in numbers if p.e164), numbers[0] if numbers else None)
    mail = next(iter(sorted(customer.emails, key=lambda e: (not e.preferred, not e.valid))), None)
    place = _place(customer.address)
    budget = wanted.price if wanted else None
    now = clock.now()
    lead = Lead.objects.create(
        intake=intake,
        position=position,
        issues=issues,
        channel="website",
        source=(parsed.provider.name or intake.source)[:120],
        fingerprint=fingerprint(parsed) or "",
        resent=parsed.status == "resend",
        name=customer.full_name[:120],
        phone=((number.e164 or number.number) if number else "")[:40],
        email=(mail.address if mail else "")[:254],
        preferred_time=(parsed.preferred_contact_time or (number.time if number else ""))[:40],
        province=place.province.code if place.province else "",
        city=place.city.code if place.city else "",
        district=place.district.code if place.district else "",
        wish_text="\n".join(t for t in (customer.comments, wanted.comments if wanted else "") if t),
        brand=car.brand,
        series=car.series,
        model=car.model,
        interest=wanted.interest if wanted else "buy",
        budget=_amount(budget),
        budget_currency=budget.currency if budget else "",
        window_from=customer.earliest,
        window_to=customer.latest,
        vendor_name=parsed.vendor.name[:120],
        collected_at=min(parsed.requested_at or now, now),
        received_at=now,
    )
    LeadLine.objects.bulk_create(_line(lead, n, vehicle) for n, vehicle in enumerate(parsed.vehicles))
    _note(lead, "received", actor=SYSTEM)
    return lead


def _place(address: Any) -> regions.Place:
    if address is None:
        return regions.Place()
    words = "".join([address.region, address.city, address.district, *address.street])
    found = regions.locate(words)
    if found.province or found.city:
        return found
    province = regions.find_region(address.region, level="province")
    city = regions.find_region(address.city, level="city", within=province)
    return regions.Place(province or (city.parent if city else None), city)


def _amount(price: Price | None) -> Decimal | None:
    """The amount if there is one that the column can hold."""
    amount = price.amount if price else None
    return amount if amount is not None and abs(amount) < 10**11 else None


def _line(lead: Lead, position: int, vehicle: Vehicle) -> LeadLine:
    km = vehicle.odometer
    if km is not None and vehicle.odometer_unit == "mi":
        km = round(km * MILES)
    price = vehicle.price
    colours = [c.exterior or c.both or c.interior for c in vehicle.colours]
    return LeadLine(
        lead=lead,
        position=position,
        interest=vehicle.interest,
        status=vehicle.status,
        brand=vehicle.make[:80],
        model=vehicle.model[:120],
        variant=vehicle.trim[:120],
        year=vehicle.year if vehicle.year and 1900 <= vehicle.year <= 2100 else None,
        vin=vehicle.vin[:40],
        stock_number=vehicle.stock[:80],
        colour=", ".join(filter(None, colours))[:80],
        odometer_km=km if km is not None and 0 <= km < 2**31 else None,
        price=_amount(price),
        currency=price.currency if price else "",
        comment=vehicle.comments,
    )


@transaction.atomic
def take_in_lead(*, given: dict[str, Any], door: str, source: str, actor: Actor) -> tuple[RawIntake, list[Lead]]:
    """Take in one lead that was typed or came as JSON.

    `given`: name, phone, email, brand, series, model, interest, province, city, district, wish_text, budget,
    budget_currency, window_from, window_to, preferred_time, channel, consent_basis, consent_text_version, vendor_name,
    collected_at: already of the right types. Raises Invalid when nobody could be reached by it.
    """
    if not (given.get("phone") or given.get("email")):
        raise Invalid({"phone": _("Give a phone number or an e-mail address, so that the dealership can answer.")})
    number = phone.normalise(given.get("phone") or "")
    body = json.dumps(given, sort_keys=True, default=str, ensure_ascii=False).encode()
    # A form may be sent twice with the same words and mean two leads; a machine's repeat means one.
    salt = b"" if door == Door.JSON else secrets.token_bytes(16)
    digest = hashlib.sha256(door.encode() + salt + source.encode() + b"\x00" + body).hexdigest()
    known = _known(digest)
    if known:
        return known
    now = clock.now()
    try:
        with transaction.atomic():
            intake = RawIntake.objects.create(
                door=door,
                content_type="application/json",
                sha256=digest,
                size=len(body),
                source=source[:120],
                readable=True,
                received_at=now,
            )
    except IntegrityError:
        again = _known(digest)  # the other request has committed, else it would not have made us fail
        assert again is not None
        return again
    RawBytes.objects.create(intake=intake, data=body)
    fields = {k: v for k, v in given.items() if v not in (None, "") and k not in ("phone", "collected_at", "lines")}
    car = match_car(brand=given.get("brand") or "", series=given.get("series") or "", model=given.get("model") or "")
    fields.update(brand=car.brand, series=car.series, model=car.model)
    key = "|".join(str(given.get(k) or "").casefold() for k in ("name", "email", "phone", "brand", "series", "model"))
    lead = Lead.objects.create(
        intake=intake,
        source=source[:120],
        phone=(number.e164 or given.get("phone") or "")[:40],
        fingerprint=hashlib.sha256(key.encode()).hexdigest(),
        collected_at=min(given.get("collected_at") or now, now),
        received_at=now,
        **{k: v for k, v in fields.items() if k != "channel"},
        channel=given.get("channel") or "website",
    )
    LeadLine.objects.create(
        lead=lead,
        position=0,
        interest=lead.interest,
        brand=given.get("brand") or "",
        series=given.get("series") or "",
        model=given.get("model") or "",
    )
    _note(lead, "received", actor=actor)
    audit(actor=actor, action="leads.take_in", obj=lead, after={"door": door, "source": source})
    hints.after_commit_work()
    return intake, [lead]


# -- routing and offering --------------------------------------------------------------------------------------


@transaction.atomic
def route_lead(*, lead_id: UUID, actor: Actor) -> Routing | None:
    """Find the dealership for a lead and offer it; without one it needs review. None when it is not to be routed."""
    return _route(_locked(lead_id), queries.Market(), actor=actor)


def _route(lead: Lead, market: queries.Market, *, actor: Actor) -> Routing | None:
    """Route a lead whose row is locked."""
    if lead.state not in (LeadState.RECEIVED, LeadState.ROUTED, LeadState.DECLINED, LeadState.EXPIRED):
        return None
    if lead.state == LeadState.RECEIVED and _is_duplicate(lead, actor):
        return None
    wish = queries.wish_of(lead)
    candidates = market.candidates_for(lead)
    result = routing.decide(wish, candidates)
    decision = Routing.objects.create(
        lead=lead,
        rules_version=result.version,
        inputs=routing.kept(wish, candidates),
        candidates=result.candidates,
        chosen=result.chosen,
        reason=result.reason,
        decided_by=actor.name,
        at=clock.now(),
    )
    if result.chosen is None:
        move(lead, "state", LeadState.NEEDS_REVIEW, {**TRANSITIONS, LeadState.ROUTED: {LeadState.NEEDS_REVIEW}})
        lead.save(update_fields=["state"])
        _note(lead, "needs_review", actor=actor, reason=result.reason)
        return decision
    _offer(lead, result.chosen, actor=actor)
    market.offered(result.chosen)
    return decision


def _is_duplicate(lead: Lead, actor: Actor) -> bool:
    if not lead.fingerprint:
        return False
    first = (
        Lead.objects.filter(fingerprint=lead.fingerprint, received_at__gte=lead.received_at - SAME_WISH_WITHIN)
        .exclude(id=lead.id)
        .exclude(state=LeadState.DUPLICATE)
        .filter(number__lt=lead.number)
        .order_by("number")
        .first()
    )
    if first is None:
        return False
    move(lead, "state", LeadState.DUPLICATE, TRANSITIONS)
    lead.duplicate_of = first
    lead.save(update_fields=["state", "duplicate_of"])
    _note(lead, "duplicate", actor=actor, text=f"#{first.number}")
    _note(first, "seen_again", actor=actor, text=f"#{lead.number}")
    return True


def _offer(lead: Lead, dealership: UUID, *, actor: Actor) -> Offer:
    """Offer a lead whose row is locked to one dealership."""
    if lead.state != LeadState.ROUTED:
        move(lead, "state", LeadState.ROUTED, TRANSITIONS)
    move(lead, "state", LeadState.OFFERED, TRANSITIONS)
    now = clock.now()
    lead.fence += 1
    lead.dealership = dealership
    lead.offered_at, lead.respond_before = now, now + RESPOND_WITHIN
    lead.accepted_at = lead.first_response_seconds = None
    lead.save(
        update_fields=[
            "state",
            "fence",
            "dealership",
            "offered_at",
            "respond_before",
            "accepted_at",
            "first_response_seconds",
        ]
    )
    offer = Offer.objects.create(
        lead=lead, fence=lead.fence, dealership=dealership, offered_at=now, respond_before=lead.respond_before
    )
    send_down(
        _contract(lead),
        to=dealership,
        subject=lead.id,
        purpose=Purpose.LEAD_HANDLING,
        actor=actor,
        event_at=now,
        label=str(lead),
    )
    _note(lead, "offered", actor=actor, dealership=dealership, fence=lead.fence)
    audit(actor=actor, action="leads.offer", obj=lead, after={"dealership": dealership, "fence": lead.fence})
    return offer


def _contract(lead: Lead) -> SalesLead:
    lines: list[Any] = [
        {
            "interest": line.interest or None,
            "status": line.status or None,
            "brand": line.brand or None,
            "series": line.series or None,
            "model": line.model or None,
            "variant": line.variant or None,
            "year": line.year,
            "vin": line.vin or None,
            "stock_number": line.stock_number or None,
            "colour": line.colour or None,
            "odometer_km": line.odometer_km,
            "price": line.price,
            "currency": line.currency or None,
            "comment": line.comment[:4000] or None,
        }
        for line in lead.lines.all()
    ]
    return SalesLead(
        lead_id=lead.id,
        fence=lead.fence,
        stage=LeadStage.OFFER,
        offered_at=lead.offered_at,
        respond_before=lead.respond_before,
        channel=lead.channel or None,
        brand=lead.brand or None,
        series=lead.series or None,
        model=lead.model or None,
        interest=lead.interest or None,
        wish_text=lead.wish_text[:4000] or None,
        province=lead.province or None,
        city=lead.city or None,
        district=lead.district or None,
        budget=lead.budget,
        budget_currency=lead.budget_currency or None,
        window_from=lead.window_from,
        window_to=lead.window_to,
        masked_name=names.mask_name(lead.name) or None,
        name=lead.name or None,
        phone=lead.phone or None,
        email=lead.email or None,
        preferred_time=lead.preferred_time or None,
        lines=lines,
        consent_basis=lead.consent_basis or None,
        consent_text_version=lead.consent_text_version or None,
        source=lead.source or None,
        collected_at=lead.collected_at,
    )


def _recall(lead: Lead, *, actor: Actor) -> None:
    """Take a lead back from the dealership that holds it; what it knows becomes a stub there."""
    assert lead.dealership is not None
    lead.fence += 1
    lead.save(update_fields=["fence"])
    Offer.objects.filter(lead=lead, state=OfferState.OPEN).update(state=OfferState.RECALLED, answered_at=clock.now())
    send_down(
        SalesLead(lead_id=lead.id, fence=lead.fence, stage=LeadStage.RECALL),
        to=lead.dealership,
        subject=lead.id,
        purpose=Purpose.LEAD_HANDLING,
        actor=actor,
        event_at=clock.now(),
        label=str(lead),
    )
    _note(lead, "recalled", actor=actor, dealership=lead.dealership, fence=lead.fence)


@transaction.atomic
def expire_offers(*, actor: Actor = SYSTEM) -> int:
    """Pass on what nobody answered in time; returns how many leads went on (or to the desk).

    An offer that is over goes on only when its dealership's mailbox was seen empty after `respond_before` and the time
    a transaction may take, and nothing from it about the lead waits here. Takes turns with the inbox: while answers are
    being applied nothing goes on, and 0 is the answer.
    """
    if not take_turn():
        return 0
    now = clock.now()
    open_ones = Offer.objects.filter(state=OfferState.OPEN, respond_before__lt=now - GRACE)
    if not clock.in_history():
        open_ones = open_ones.filter(recorded_at__lt=now - RESPOND_WITHIN)
    # The lead first, as everywhere. One that the desk has in hand waits for the next pass.
    due = open_ones.select_related("lead").select_for_update(of=("lead",), skip_locked=True, no_key=True)
    passed = 0
    drained = dict(Watermark.objects.values_list("sender", "drained_at"))
    for offer in due.order_by("respond_before")[:200]:
        waiting = Inbox.objects.filter(
            sender=offer.dealership, subject=offer.lead_id, state__in=[InboxState.RECEIVED, InboxState.REFUSED]
        ).exists()
        seen = drained.get(offer.dealership)
        if not waiting and (clock.in_history() or (seen and seen > offer.respond_before + COMMITTED_AFTER)):
            _pass_on(offer, actor=actor)
            passed += 1
        elif now > offer.respond_before + UNREACHABLE_AFTER:
            lead = offer.lead
            if lead.state == LeadState.OFFERED and lead.fence == offer.fence and not _at_desk(lead):
                _note(lead, "desk", actor=actor, dealership=offer.dealership, reason="dealership_unreachable")
                passed += 1
    return passed


def _at_desk(lead: Lead) -> bool:
    last = lead.events.order_by("-number").first()
    return last is not None and last.code == "desk"


def _pass_on(offer: Offer, *, actor: Actor) -> None:
    """End an offer, whose lead is locked, and offer the lead to the next one, if this was the last word about it."""
    lead = offer.lead
    still_open = Offer.objects.filter(id=offer.id, state=OfferState.OPEN)
    still_open.update(state=OfferState.EXPIRED, answered_at=clock.now())
    if lead.fence != offer.fence or lead.state != LeadState.OFFERED:
        return
    move(lead, "state", LeadState.EXPIRED, TRANSITIONS)
    lead.save(update_fields=["state"])
    _note(lead, "expired", actor=actor, dealership=offer.dealership, fence=offer.fence)
    _recall(lead, actor=actor)
    route_lead(lead_id=lead.id, actor=actor)


# -- the desk --------------------------------------------------------------------------------------------------


@transaction.atomic
def route_by_hand(*, lead_id: UUID, dealership: UUID | None, actor: Actor, reason: str = "") -> Lead:
    """Route by the rules, or to a dealership the desk chose. Raises Conflict, Invalid, Forbidden."""
    actor.require(Right.LEADS_ROUTE)
    lead = _locked(lead_id)
    if lead.state in (LeadState.OFFERED, *WORKED, *ENDED) and lead.state not in (LeadState.DUPLICATE, LeadState.CLOSED):
        raise Conflict("not_to_route", _("This lead is with a dealership. Reassign it instead."))
    if dealership is not None:
        _may_receive(dealership)
    move(lead, "state", LeadState.ROUTED, {**TRANSITIONS, LeadState.ROUTED: {LeadState.ROUTED}})
    lead.save(update_fields=["state"])
    if dealership is None:
        route_lead(lead_id=lead.id, actor=actor)
    else:
        _decide_by_hand(lead, dealership, actor=actor, reason=reason)
    lead.refresh_from_db()
    return lead


@transaction.atomic
def reassign(*, lead_id: UUID, dealership: UUID, reason: str, actor: Actor) -> Lead:
    """Take a lead from the dealership that holds it and offer it to another. Raises Conflict, Invalid, Forbidden."""
    actor.require(Right.LEADS_ROUTE)
    lead = _locked(lead_id)
    if lead.state in ENDED:
        raise Conflict("ended", _("This lead has ended."))
    if lead.dealership == dealership and lead.state in (LeadState.OFFERED, *WORKED):
        raise Conflict("same_dealership", _("This dealership holds the lead already."))
    _may_receive(dealership)
    if lead.state in (LeadState.OFFERED, *WORKED):
        _recall(lead, actor=actor)
    move(lead, "state", LeadState.ROUTED, {**TRANSITIONS, LeadState.ROUTED: {LeadState.ROUTED}})
    lead.save(update_fields=["state"])
    _decide_by_hand(lead, dealership, actor=actor, reason=reason)
    return lead


def _decide_by_hand(lead: Lead, dealership: UUID, *, actor: Actor, reason: str) -> None:
    wish, candidates = queries.wish_of(lead), queries.candidates_for(lead)
    result = routing.decide(wish, candidates)
    Routing.objects.create(
        lead=lead,
        rules_version=result.version,
        inputs=routing.kept(wish, candidates),
        candidates=result.candidates,
        chosen=dealership,
        reason="by_hand",
        decided_by=actor.name,
        at=clock.now(),
    )
    if reason:
        _note(lead, "by_hand", actor=actor, dealership=dealership, text=reason)
    _offer(lead, dealership, actor=actor)


def _may_receive(dealership: UUID) -> None:
    if not Dealership.objects.filter(id=dealership, state=DealershipState.ACTIVE).exists():
        raise Invalid({"dealership": _("Choose a dealership that is active.")})


@transaction.atomic
def complete_lead(*, lead_id: UUID, given: dict[str, Any], actor: Actor) -> Lead:
    """Fill in by hand what could not be read. Raises Conflict once the lead is with a dealership, Forbidden."""
    actor.require(Right.LEADS_ROUTE)
    lead = _locked(lead_id)
    if lead.state not in (LeadState.RECEIVED, LeadState.NEEDS_REVIEW, LeadState.ROUTED):
        raise Conflict("with_dealership", _("This lead is with a dealership and is kept there."))
    before = {name: getattr(lead, name) for name in given}
    for name, value in given.items():
        setattr(lead, name, value)
    lead.save(update_fields=list(given))
    audit(actor=actor, action="leads.complete", obj=lead, before=before, after=given)
    _note(lead, "completed", actor=actor)
    return lead


@transaction.atomic
def close_lead(*, lead_id: UUID, reason: str, actor: Actor) -> Lead:
    """End a lead at the desk (not a lead, a test, withdrawn). Raises Conflict when it has ended, Forbidden."""
    actor.require(Right.LEADS_ROUTE)
    lead = _locked(lead_id)
    if lead.state in ENDED:
        raise Conflict("ended", _("This lead has ended."))
    if lead.state in (LeadState.OFFERED, *WORKED):
        _recall(lead, actor=actor)
    move(lead, "state", LeadState.CLOSED, TRANSITIONS)
    lead.close_reason, lead.ended_at = reason[:200], clock.now()
    lead.save(update_fields=["state", "close_reason", "ended_at"])
    _note(lead, "closed", actor=actor, text=reason)
    audit(actor=actor, action="leads.close", obj=lead, note=reason)
    return lead


@transaction.atomic
def take_back_leads(*, dealership: UUID, reason: str, actor: Actor) -> int:
    """Take every lead that is offered to a dealership, or open there, back to the desk; returns how many. Repeatable.

    For a dealership that leaves: what it had not handed back itself. Each is recalled there and needs review here, with
    the reason in its timeline; none is lost, and none is at two.
    """
    actor.require(Right.LEADS_ROUTE)
    held = Lead.objects.filter(dealership=dealership, state__in=[LeadState.OFFERED, *WORKED]).order_by("id")
    leads = list(held.select_for_update(no_key=True))
    for lead in leads:
        before = lead.state
        _recall(lead, actor=actor)
        move(lead, "state", LeadState.ROUTED, TRANSITIONS)
        move(lead, "state", LeadState.NEEDS_REVIEW, TRANSITIONS)
        lead.dealership = None
        lead.save(update_fields=["state", "dealership"])
        _note(lead, "needs_review", actor=actor, dealership=dealership, reason=reason)
        audit(actor=actor, action="leads.take_back", obj=lead, before={"state": before}, after={"state": lead.state})
    return len(leads)


# -- what dealerships tell -------------------------------------------------------------------------------------


def apply_outcome(outcome: LeadOutcome, *, sender: UUID, message: UUID, actor: Actor) -> str:
    """Apply one thing a dealership told about a lead. Returns what was done: applied, known, stale.

    Runs in the exchange's transaction. A message of an earlier fence changes nothing but is kept in the timeline.
    Raises LookupError when there is no such lead or it was never offered to that dealership.
    """
    lead = Lead.objects.select_for_update(no_key=True).filter(id=outcome.lead_id).first()
    if lead is None or not lead.offers.filter(dealership=sender).exists():
        raise LookupError("lead")
    if Event.objects.filter(message=message).exists():
        return "known"
    code = str(outcome.event)
    _note(
        lead,
        code,
        actor=actor,
        dealership=sender,
        fence=outcome.fence,
        reason=outcome.reason or "",
        text=outcome.reason_text or "",
        at=outcome.at,
        message=message,
    )
    if outcome.fence != lead.fence or lead.dealership != sender:
        return "stale"
    _answer_offer(lead, outcome)
    state = STATE_OF_EVENT[LeadEvent(outcome.event)]
    if outcome.event in SPOKEN and lead.first_response_seconds is None:
        lead.first_response_seconds = outcome.first_response_seconds
    if outcome.temperature:
        lead.temperature = str(outcome.temperature)
    if may_move(lead.state, state, TRANSITIONS):
        lead.state = state
        if state == LeadState.ACCEPTED:
            lead.accepted_at = outcome.at
        if state in (LeadState.WON, LeadState.LOST):
            lead.ended_at = outcome.at
    lead.save()
    if lead.state in (LeadState.DECLINED, LeadState.ROUTED):
        _recall_silently(lead)
        route_lead(lead_id=lead.id, actor=actor)
    return "applied"


def _recall_silently(lead: Lead) -> None:
    # The dealership gave it back itself: its side is a stub already, only the fence moves on with the next offer.
    lead.dealership = None
    lead.save(update_fields=["dealership"])


def _answer_offer(lead: Lead, outcome: LeadOutcome) -> None:
    states = {LeadEvent.ACCEPTED: OfferState.ACCEPTED, LeadEvent.DECLINED: OfferState.DECLINED}
    state = states.get(LeadEvent(outcome.event))
    if state:
        lead.offers.filter(fence=outcome.fence, state=OfferState.OPEN).update(
            state=state,
            answered_at=outcome.at,
            reason=(outcome.reason or "")[:60],
            reason_text=outcome.reason_text or "",
        )


# -- shared ----------------------------------------------------------------------------------------------------


def _locked(lead_id: UUID) -> Lead:
    # Without KEY, so that a note about one lead never waits for the routing of another.
    return Lead.objects.select_for_update(no_key=True).get(id=lead_id)


def _note(
    lead: Lead,
    code: str,
    *,
    actor: Actor,
    dealership: UUID | None = None,
    fence: int | None = None,
    reason: str = "",
    text: str = "",
    at: datetime | None = None,
    message: UUID | None = None,
) -> None:
    Event.objects.create(
        lead=lead,
        code=code,
        at=at or clock.now(),
        dealership=dealership,
        fence=fence,
        by=actor.name[:120] if actor.kind == "user" else "",
        reason=reason[:60],
        text=text,
        message=message,
    )


@transaction.atomic
def route_some(*, actor: Actor = SYSTEM, limit: int = ROUTED_TOGETHER) -> int:
    """Route the oldest leads that wait and that nobody else is routing; returns how many. One transaction.

    A lead that cannot be routed because of a fault of ours goes to the desk and does not hold up the others.
    """
    waiting = Lead.objects.filter(state__in=[LeadState.RECEIVED, LeadState.ROUTED]).order_by("received_at")
    leads = list(waiting.select_for_update(skip_locked=True, no_key=True)[:limit])
    market = queries.Market() if leads else None
    for lead in leads:
        assert market is not None
        try:
            with transaction.atomic():
                _route(lead, market, actor=actor)
        except OperationalError:
            raise  # the server, not the lead: all of them again
        except Exception:
            log.exception("leads: %s could not be routed", lead.id)
            _set_aside(lead.id, actor=actor)
    return len(leads)


def _set_aside(lead_id: UUID, *, actor: Actor) -> None:
    lead = _locked(lead_id)
    move(lead, "state", LeadState.NEEDS_REVIEW, {**TRANSITIONS, LeadState.ROUTED: {LeadState.NEEDS_REVIEW}})
    lead.save(update_fields=["state"])
    _note(lead, "needs_review", actor=actor, reason="routing_failed")


def work_waiting(*, actor: Actor = SYSTEM, seconds: float = 60.0) -> bool:
    """Route what was received, and pass on what was not answered. What the worker does on a hint and on every sweep.

    Stops after `seconds`; True when something may be left then.
    """
    end = time.monotonic() + seconds
    while route_some(actor=actor):
        if time.monotonic() > end:
            return True
    expire_offers(actor=actor)
    return False
