"""Taking back and erasing at the manufacturer's, and telling those who asked.

Each request is done in the transaction that applies it, together with its receipt: killed before the commit it comes
again, after it the receipt is on its way. The same request again changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from exchange import outbound
from exchange.models import Inbox, Ledger, LedgerState
from exchange.takingback import ERASED, WITHDRAWN, forget, taker_of
from kernel import audit, clock
from kernel.accounts.actors import EXCHANGE, SYSTEM, Actor
from kernel.accounts.roles import Right
from kernel.checkpoints import reached
from kernel.contracts import (
    ErasureOutcome,
    ErasureReceipt,
    ErasureRequest,
    Level,
    Purpose,
    Withdrawal,
    WithdrawalReceipt,
)
from kernel.contracts.laws import Party, retention
from kernel.errors import Conflict
from kernel.personal import erasing
from kernel.personal.erasing import Person
from kernel.reference.queries import CALENDAR
from oem.leads.actions import close_lead
from oem.leads.models import ENDED, Lead, Offer
from oem.owners.models import Owner
from oem.privacy.models import Kept, Kind, Request
from oem.privacy.queries import kept_lines

#: What bookkeeping about a person travels under.
CARE = Purpose.CUSTOMER_CARE
#: Records that one run of the calendar deletes at most.
AT_ONCE = 500


# -- taking back -----------------------------------------------------------------------------------------------------


@transaction.atomic
def take_back(asked: Withdrawal, *, dealership: UUID, purpose: Purpose, message: UUID) -> Request:
    """Delete what a dealership takes back, keep what a law demands, and answer with a receipt. Repeatable.

    Only messages of that dealership, contract and purpose that arrived before this one are meant.
    """
    known = Request.objects.filter(id=asked.withdrawal_id, dealership=dealership).first()
    if known is not None:
        return known
    found = _messages(asked, dealership, purpose, message)
    request = Request.objects.create(
        id=asked.withdrawal_id,
        kind=Kind.WITHDRAWAL,
        dealership=dealership,
        contract=asked.contract,
        purpose=purpose,
        levels=asked.levels,
        place=asked.place,
        messages=len(found),
        at=clock.now(),
    )
    forget(found, reason=WITHDRAWN)
    deleted, kept = _delete(request, asked.contract, purpose, dealership, found)
    _close(request, deleted, kept)
    reached("privacy: taken back")
    audit.record(
        actor=EXCHANGE,
        action="privacy.take_back",
        obj=request,
        after={"contract": asked.contract, "messages": len(found), "deleted": deleted, "kept": len(kept)},
    )
    _answer(request)
    return request


def _messages(asked: Withdrawal, dealership: UUID, purpose: Purpose, message: UUID) -> list[UUID]:
    mine = Inbox.objects.filter(
        sender=dealership, contract=asked.contract, purpose=purpose, level__in=set(asked.levels) & set(Level.values)
    )
    number = Inbox.objects.filter(id=message).values_list("number", flat=True).first()
    if number is not None:
        mine = mine.filter(number__lt=number)
    if asked.message_ids is not None:
        mine = mine.filter(id__in=asked.message_ids)
    if asked.until is not None:
        mine = mine.filter(event_at__lt=asked.until)
    return list(mine.values_list("id", flat=True))


def _delete(
    request: Request, contract: str, purpose: str, dealership: UUID, messages: Collection[UUID]
) -> tuple[int, list[Kept]]:
    """Delete the records of a contract that came in these messages, but those that a law keeps."""
    taker = taker_of(contract)
    if taker is None or not messages:
        return 0, []
    now, today = clock.now(), clock.today(CALENDAR)
    duty = retention(request.place, contract, purpose, now, Party.MANUFACTURER)
    goes, kept = [], []
    for record, since in taker.rows(dealership, messages):
        if duty is None or duty.until(since) < today:
            goes.append(record)
            continue
        kept.append(
            Kept(
                request=request,
                dealership=dealership,
                contract=contract,
                record=record,
                law=duty.rule.id,
                article=duty.rule.article,
                until=duty.until(since),
            )
        )
    Kept.objects.bulk_create(kept, ignore_conflicts=True)
    return (taker.delete(dealership, goes) if goes else 0), kept


def _close(request: Request, records: int, kept: Collection[Kept]) -> None:
    request.records = records
    awaited = set(request.asked) - {id_ for id_, said in request.answers.items() if said["outcome"] != "asked"}
    request.settled_at = None if kept or awaited else clock.now()
    request.save(update_fields=["records", "settled_at"])


def _answer(request: Request) -> None:
    """Tell the dealership that asked how its request stands."""
    if request.dealership is None:
        return
    lines = kept_lines(request)
    now = clock.now()
    record: Any
    if request.kind == Kind.WITHDRAWAL:
        record = WithdrawalReceipt(withdrawal_id=request.id, at=now, deleted=request.records, kept=lines)
    else:
        outcome = ErasureOutcome.DONE if request.records or request.messages else ErasureOutcome.NOBODY
        record = ErasureReceipt(erasure_id=request.id, at=now, outcome=outcome, records=request.records, kept=lines)
    purpose = Purpose(request.purpose or CARE)
    outbound.send_down(record, to=request.dealership, subject=request.id, purpose=purpose, actor=EXCHANGE, event_at=now)


# -- erasing one person ----------------------------------------------------------------------------------------------


@transaction.atomic
def erase_for(asked: ErasureRequest, *, dealership: UUID, message: UUID) -> Request:
    """Erase a person whom a dealership shared, tell other dealerships that had the same leads, and answer. Repeatable.

    Only what that dealership had is touched: its owners, its messages, and leads that were offered to it.
    """
    known = Request.objects.filter(id=asked.erasure_id, dealership=dealership).first()
    if known is not None:
        return known
    keys = list(asked.owner_keys)
    leads = list(
        Offer.objects.filter(dealership=dealership, lead_id__in=asked.lead_ids)
        .order_by()
        .values_list("lead_id", flat=True)
        .distinct()
    )
    messages = list(Inbox.objects.filter(sender=dealership, id__in=asked.message_ids).values_list("id", flat=True))
    owners = Owner.objects.filter(dealership=dealership, owner_key__in=keys)
    return _erase(
        asked.erasure_id,
        dealership=dealership,
        place=asked.place,
        keys=keys,
        leads=leads,
        messages=messages,
        owners=list(owners.values_list("owner_key", flat=True)),
        actor=EXCHANGE,
    )


@transaction.atomic
def erase_lead(*, actor: Actor, lead: Lead, typed: str, place: str = "CN") -> Request:
    """Erase the person of a lead who asked the manufacturer, and tell every dealership that had the lead or shared the
    same person as an owner. `typed` is the lead's number, as a confirmation. Raises Conflict, Forbidden."""
    actor.require(Right.PERSONS_ERASE)
    if typed.strip().lstrip("#") != str(lead.number):
        raise Conflict("not_confirmed", _("Type the number of the lead to confirm."))
    same = _same_person(lead)
    owners = _owners_of(same)
    return _erase(
        uuid4(),
        dealership=None,
        place=place,
        keys=[owner.owner_key for owner in owners],
        leads=[one.pk for one in same],
        messages=[owner.message for owner in owners],
        owners=[owner.owner_key for owner in owners],
        actor=actor,
    )


def preview(lead: Lead) -> dict[str, int]:
    """What erasing the person of a lead would reach: leads, owners and dealerships."""
    same = _same_person(lead)
    owners = _owners_of(same)
    others = _others([one.pk for one in same], [owner.owner_key for owner in owners], None)
    return {"leads": len(same), "owners": len(owners), "dealerships": len(others)}


def _same_person(lead: Lead) -> list[Lead]:
    """The leads with the same telephone number or e-mail address, this one among them."""
    found = {lead.pk: lead}
    for name in ("phone", "email"):
        if value := getattr(lead, name):
            found |= {one.pk: one for one in Lead.objects.filter(**{name: value})}
    return list(found.values())


def _owners_of(leads: Iterable[Lead]) -> list[Owner]:
    phones = {lead.phone for lead in leads if lead.phone}
    return list(Owner.objects.filter(phone__in=phones)) if phones else []


def _erase(
    id: UUID,
    *,
    dealership: UUID | None,
    place: str,
    keys: list[str],
    leads: list[UUID],
    messages: list[UUID],
    owners: list[str],
    actor: Actor,
) -> Request:
    # Locked first, so that nobody offers, answers or completes a lead meanwhile.
    locked = list(Lead.objects.select_for_update(no_key=True).filter(id__in=leads).order_by("id"))
    others = _others(leads, owners, dealership)
    request = Request.objects.create(
        id=id,
        kind=Kind.ERASURE,
        dealership=dealership,
        purpose=CARE,
        place=place,
        owner_keys=keys,
        lead_ids=[str(lead) for lead in leads],
        messages=len(messages),
        asked=[str(other) for other in others],
        by_id=actor.id,
        by_name=actor.name[:120] if actor.kind == "user" else "",
        at=clock.now(),
    )
    for lead in locked:
        if lead.state not in ENDED:
            close_lead(lead_id=lead.pk, reason=ERASED, actor=SYSTEM)
    person = Person(words=frozenset())
    person.ids["lead"] |= set(leads)
    person.ids["key"] |= set(owners)
    person.ids["message"] |= set(messages)
    erasing.find(person)
    person.words = erasing.words_of(person)
    _stop(person)
    deleted, kept = _keep_by_law(request, messages)
    forget(messages, reason=ERASED)
    reached("privacy: before erasing")
    done = erasing.erase(person)
    _close(request, deleted + sum(done.values()), kept)
    reached("privacy: erased")
    audit.record(
        actor=actor, action="privacy.erase", obj=request, after={"tables": done, "deleted": deleted, "kept": len(kept)}
    )
    _pass_on(request, others, leads, actor)
    _answer(request)
    return request


def _stop(person: Person) -> None:
    """Stop what waits undelivered about the person: offers of the leads."""
    waiting = Ledger.objects.filter(subject__in=person.ids["lead"], state=LedgerState.RECORDED)
    for contract, purpose in set(waiting.order_by().values_list("contract", "purpose")):
        outbound.stop_undelivered(
            contract=contract,
            purpose=Purpose(purpose),
            reason=ERASED,
            messages=waiting.filter(contract=contract, purpose=purpose).values_list("id", flat=True),
        )


def _keep_by_law(request: Request, messages: list[UUID]) -> tuple[int, list[Kept]]:
    """Records about the person's cars that came in the messages: deleted, or kept where a law demands it."""
    by_kind: dict[tuple[UUID, str, str], list[UUID]] = defaultdict(list)
    rows = Inbox.objects.filter(id__in=messages).exclude(contract="Owner")
    for id_, sender, contract, purpose in rows.values_list("id", "sender", "contract", "purpose"):
        by_kind[sender, contract, purpose].append(id_)
    deleted, kept = 0, list[Kept]()
    for (sender, contract, purpose), some in by_kind.items():
        if contract == "LeadOutcome":
            continue  # what was told of the lead stays with the lead, emptied of words
        gone, stays = _delete(request, contract, purpose, sender, some)
        deleted, kept = deleted + gone, kept + stays
    return deleted, kept


def _others(leads: Collection[UUID], owners: Collection[str], asker: UUID | None) -> list[UUID]:
    """The dealerships, besides the one that asks, that had one of the leads or shared one of the owners."""
    found = set(Offer.objects.filter(lead_id__in=leads).values_list("dealership", flat=True))
    found |= set(Owner.objects.filter(owner_key__in=owners).values_list("dealership", flat=True))
    return sorted(found - {asker})


def _pass_on(request: Request, others: Iterable[UUID], leads: list[UUID], actor: Actor) -> None:
    for other in others:
        outbound.send_down(
            ErasureRequest(
                erasure_id=request.id,
                # A dealership is told its own keys only.
                owner_keys=[key for key in request.owner_keys if request.dealership is None],
                lead_ids=leads,
                message_ids=[],
                place=request.place,
            ),
            to=other,
            subject=request.id,
            purpose=CARE,
            actor=actor,
            event_at=clock.now(),
        )


@transaction.atomic
def note_answer(said: ErasureReceipt, *, dealership: UUID) -> None:
    """Keep what a dealership that was asked in turn has done. A later answer supersedes. Raises LookupError."""
    request = Request.objects.select_for_update().filter(id=said.erasure_id, asked__contains=[str(dealership)]).first()
    if request is None:
        raise LookupError(str(said.erasure_id))
    body = said.to_json()
    request.answers[str(dealership)] = {name: body[name] for name in ("outcome", "records", "kept", "at")}
    request.save(update_fields=["answers"])
    _close(request, request.records, list(request.kept.filter(deleted_at=None)))


# -- when the time of a law is over ----------------------------------------------------------------------------------


def delete_kept(*, actor: Actor = SYSTEM) -> int:
    """Delete what had to be kept until a day that is over, and tell whoever had taken it back; how many records."""
    done = 0
    due = Kept.objects.filter(deleted_at=None, until__lt=clock.today(CALENDAR))
    for request_id in list(due.order_by().values_list("request_id", flat=True).distinct()[:AT_ONCE]):
        done += _delete_kept_of(request_id, actor)
    return done


@transaction.atomic
def _delete_kept_of(request_id: UUID, actor: Actor) -> int:
    request = Request.objects.select_for_update().get(id=request_id)
    due = list(request.kept.filter(deleted_at=None, until__lt=clock.today(CALENDAR)))
    groups: dict[tuple[UUID, str], list[UUID]] = defaultdict(list)
    for row in due:
        groups[row.dealership, row.contract].append(row.record)
    for (dealership, contract), records in groups.items():
        taker = taker_of(contract)
        assert taker is not None, "only what a taker found is kept"
        taker.delete(dealership, records)
    Kept.objects.filter(id__in=[row.pk for row in due]).update(deleted_at=clock.now())
    _close(request, request.records + len(due), list(request.kept.filter(deleted_at=None)))
    if due:
        audit.record(actor=actor, action="privacy.delete_kept", obj=request, after={"deleted": len(due)})
        _answer(request)
    return len(due)
