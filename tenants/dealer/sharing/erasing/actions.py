"""Erasing one person: here in one transaction, elsewhere by the request that leaves with it.

Killed before the commit nothing has happened; after it the courier carries the request, and `finish` does a second time
what was under way meanwhile. Erased twice is erased.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from dealer.customers.models import Customer
from dealer.organisation.models import Export, ExportState
from dealer.organisation.queries import profile
from dealer.sharing.erasing import hooks
from dealer.sharing.erasing.models import ERASURE_TRANSITIONS, Erasure, ErasureOrigin, ErasureState
from dealer.sharing.models import Grant
from dealer.sharing.place import place
from exchange import outbound
from exchange.models import Inbox, Ledger, LedgerState
from exchange.takingback import ERASED, forget
from kernel import audit, clock
from kernel.accounts.actors import EXCHANGE, SYSTEM, Actor
from kernel.accounts.roles import Right
from kernel.checkpoints import reached
from kernel.contracts import ErasureOutcome, ErasureReceipt, ErasureRequest, KeptLine, Owner, Purpose, SalesLead
from kernel.contracts.laws import Party, retention
from kernel.errors import Conflict, Invalid
from kernel.personal import erasing
from kernel.personal.erasing import Person
from kernel.personal.registry import registry
from kernel.transitions import move

CARE = Purpose.CUSTOMER_CARE
#: Records that a law keeps, without the name: table → contract that the law speaks of, its purpose, its first day.
BY_LAW = {
    "sales.Delivery": ("VehicleSale", Purpose.SALE_AND_DELIVERY, "delivered_on"),
    "workshop.RepairOrder": ("ServiceVisit", Purpose.ANALYTICS, "opened_at"),
    "warranty.Claim": ("WarrantyClaim", Purpose.WARRANTY, "created_at"),
}
#: Whatever was under way when a person was erased has ended by then: a dealership's transaction lives 20 s.
SETTLED_AFTER = timedelta(minutes=2)


@dataclass(frozen=True)
class Preview:
    """What an erasure would do. `rows` by table of the registry; `kept` by law; `sent` messages to be taken back."""

    rows: dict[str, int]
    kept: list[KeptLine]
    sent: int


def person_of(customer_id: UUID) -> Person:
    """Everything in this dealership that is a customer's."""
    person = Person()
    person.ids["customer"].add(customer_id)
    return erasing.find(person)


def preview(customer: Customer) -> Preview:
    """What would be erased, and what a law makes the dealership keep without the name."""
    person = person_of(customer.pk)
    rows = {label: len(found) for label, found in sorted(person.rows.items()) if _erases(label)}
    return Preview(rows, kept_by_law(person), len(_sent(person)))


def _erases(label: str) -> bool:
    return any(column.treatment in erasing.ERASING for column in registry()[label].columns.values())


def kept_by_law(person: Person) -> list[KeptLine]:
    """What stays without the name, by rule: the latest day and how many."""
    lines: dict[tuple[str, str], KeptLine] = {}
    now, today = clock.now(), clock.today(profile().time_zone)
    for label, (contract, purpose, day) in BY_LAW.items():
        duty = retention(place(), contract, purpose, now, Party.DEALERSHIP)
        found = person.rows.get(label)
        if duty is None or not found:
            continue
        for since in registry()[label].model._base_manager.filter(pk__in=list(found)).values_list(day, flat=True):
            until = duty.until(_day(since))
            if until < today:
                continue
            key = (duty.rule.id, duty.rule.article)
            line = lines.setdefault(key, KeptLine(law=key[0], article=key[1], until=until, records=0))
            line["until"], line["records"] = max(line["until"], until), line["records"] + 1
    return list(lines.values())


def _day(value: date | datetime) -> date:
    return timezone.localdate(value) if isinstance(value, datetime) else value


def _sent(person: Person) -> list[UUID]:
    """The messages about a person that the manufacturer has or may have."""
    rows = Ledger.objects.filter(id__in=person.ids["message"], receiver=profile().manufacturer_id, seq__isnull=False)
    return list(rows.exclude(state=LedgerState.STOPPED).order_by("number").values_list("id", flat=True))


@transaction.atomic
def erase_customer(*, actor: Actor, customer: Customer, typed: str, asked: Erasure | None = None) -> Erasure:
    """Erase a customer everywhere. `typed` is the customer's number, as a confirmation; `asked` the manufacturer's
    question that is answered by it.

    Raises Conflict("not_confirmed"), Conflict("erased"), and whatever an app says that still needs the person.
    """
    actor.require(Right.PERSONS_ERASE)
    # First the customer and its records, then the grants, as sharing takes them. Whoever shares now is waited for.
    customer = Customer.objects.select_for_update().get(pk=customer.pk)
    if customer.erased_at is not None:
        raise Conflict("erased", _("This person was erased before."))
    if typed.strip().lstrip("#") != str(customer.number):
        raise Conflict("not_confirmed", _("Type the number of the customer to confirm."))
    hooks.check(customer.pk)
    hooks.close(customer.pk, actor)
    list(Grant.objects.select_for_update().order_by("pk"))
    person = person_of(customer.pk)
    person.words = erasing.words_of(person)
    kept = kept_by_law(person)
    row = asked or Erasure(customer_id=customer.pk, customer_number=customer.number, place=place())
    _stop(person)
    messages, leads = _sent(person), sorted(person.ids["lead"])
    reached("erasing: stopped")
    figures = erasing.erase(person)
    Customer.objects.filter(pk=customer.pk).update(erased_at=clock.now())
    _expire_exports(clock.now())
    reached("erasing: erased")
    _save(row, figures, kept, actor)
    outbound.send_down(
        ErasureRequest(
            erasure_id=row.pk,
            owner_keys=_keys(customer.pk),
            lead_ids=leads,
            message_ids=messages,
            place=place(),
        ),
        to=profile().manufacturer_id,
        subject=row.pk,
        purpose=CARE,
        actor=actor,
        event_at=clock.now(),
    )
    if row.request is not None:
        _answer(row.request, [row.pk])
    audit.record(
        actor=actor,
        action="customers.erase",
        obj=row,
        after={"tables": figures, "messages": len(messages), "kept": sum(line["records"] for line in kept)},
    )
    return row


def _save(row: Erasure, figures: dict[str, int], kept: list[KeptLine], actor: Actor) -> None:
    new = row._state.adding
    if new:
        row.state, row.asked_at = ErasureState.SENT, clock.now()
    else:
        move(row, "state", ErasureState.SENT, ERASURE_TRANSITIONS)
    row.figures, row.kept = figures, _plain(kept)
    row.decided_at, row.decided_by_id, row.decided_by_name = clock.now(), actor.id, actor.name[:120]
    fields = ["state", "figures", "kept", "decided_at", "decided_by_id", "decided_by_name"]
    row.save(force_insert=new, update_fields=None if new else fields)


def _plain(kept: Iterable[KeptLine]) -> list[dict[str, Any]]:
    return [{**line, "until": line["until"].isoformat()} for line in kept]


def _keys(customer_id: UUID) -> list[str]:
    """By what the manufacturer may know the customer: the id, and the code that leaves in its place by purpose."""
    coded = outbound.pseudonymiser()
    return [str(customer_id), *(coded(purpose, str(customer_id)) for purpose in sorted(Owner.spec.purposes))]


def _stop(person: Person) -> None:
    """Stop what waits undelivered about the person, and leave offers aside that arrived and were not applied yet."""
    waiting = Ledger.objects.filter(id__in=person.ids["message"], state=LedgerState.RECORDED)
    for contract, purpose in set(waiting.order_by().values_list("contract", "purpose")):
        outbound.stop_undelivered(
            contract=contract,
            purpose=Purpose(purpose),
            reason=ERASED,
            messages=list(waiting.filter(contract=contract, purpose=purpose).values_list("id", flat=True)),
        )
    offers = Inbox.objects.filter(contract=SalesLead.spec.name, subject__in=person.ids["lead"])
    forget(list(offers.values_list("id", flat=True)), reason=ERASED)


def _expire_exports(before: datetime) -> None:
    """Files of everything that were made before hold the person: their time ends now, and the tidying deletes them."""
    Export.objects.filter(state=ExportState.DONE, asked_at__lte=before, expires_at__gt=clock.now()).update(
        expires_at=clock.now()
    )


# -- done to the end -------------------------------------------------------------------------------------------------


def finish(*, at: datetime | None = None) -> int:
    """Erase a second time what was written about an erased person while it was being done; how many were finished."""
    now = at or clock.now()
    ids = Erasure.objects.filter(swept_at=None, decided_at__lte=now - SETTLED_AFTER)
    done = 0
    for id_ in list(ids.exclude(state__in=(ErasureState.ASKED, ErasureState.DECLINED)).values_list("pk", flat=True)):
        done += _finish(id_, now)
    return done


@transaction.atomic
def _finish(id: UUID, now: datetime) -> int:
    row = Erasure.objects.select_for_update(skip_locked=True).filter(pk=id, swept_at=None).first()
    if row is None:
        return 0
    person = person_of(row.customer_id)
    _stop(person)
    erasing.erase(person)
    assert row.decided_at is not None
    _expire_exports(row.decided_at)
    row.swept_at = now
    row.save(update_fields=["swept_at"])
    return 1


@transaction.atomic
def erase_again(customer_id: UUID) -> bool:
    """Erase a customer again whom an older backup has brought back; False when there is nobody, or nothing to do."""
    customer = Customer.objects.select_for_update().filter(pk=customer_id).first()
    if customer is None or customer.erased_at is not None:
        return False
    person = person_of(customer_id)
    person.words = erasing.words_of(person)
    _stop(person)
    figures = erasing.erase(person)
    Customer.objects.filter(pk=customer_id).update(erased_at=clock.now())
    Erasure.objects.filter(customer_id=customer_id).update(swept_at=None)
    customer.refresh_from_db()  # the row in the audit trail is labelled with what stands there now
    audit.record(actor=SYSTEM, action="customers.erase_again", obj=customer, after={"tables": figures})
    return True


# -- what the manufacturer asks and answers --------------------------------------------------------------------------


@transaction.atomic
def receive_request(asked: ErasureRequest) -> None:
    """The manufacturer passes on that a person asked to be erased. Repeatable.

    A lead that was only offered here is erased at once: it was the manufacturer's. Somebody who is a customer here is
    this dealership's to decide: a question for the general manager, and the receipt follows the answer.
    """
    if Ledger.objects.filter(contract="ErasureReceipt", subject=asked.erasure_id).exists():
        return
    person = Person()
    person.ids["lead"] |= set(asked.lead_ids)
    wanted = {UUID(key) for key in asked.owner_keys if _is_uuid(key)}
    customers = set(Customer.objects.filter(pk__in=wanted, erased_at=None).values_list("pk", flat=True))
    prospects = registry()["sales.Prospect"].model._base_manager
    taken = dict(prospects.filter(lead_id__in=asked.lead_ids).values_list("lead_id", "customer_id"))
    customers |= set(Customer.objects.filter(pk__in=taken.values(), erased_at=None).values_list("pk", flat=True))
    person.ids["lead"] -= set(taken)
    erasing.find(person)
    records = 0
    if person.rows:
        person.words = frozenset()
        _stop(person)
        records = sum(erasing.erase(person).values())
    for customer in Customer.objects.filter(pk__in=customers).order_by("number"):
        Erasure.objects.get_or_create(
            request=asked.erasure_id,
            customer_id=customer.pk,
            defaults={
                "id": uuid5(asked.erasure_id, str(customer.pk)),
                "origin": ErasureOrigin.MANUFACTURER,
                "state": ErasureState.ASKED,
                "customer_number": customer.number,
                "place": asked.place,
                "asked_at": clock.now(),
            },
        )
    alone = ErasureOutcome.DONE if records else ErasureOutcome.NOBODY
    outcome = ErasureOutcome.ASKED if customers else alone
    _say(asked.erasure_id, outcome, records, [])


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


@transaction.atomic
def decline(*, actor: Actor, erasure: Erasure, reason: str) -> Erasure:
    """Do not erase somebody whom the manufacturer asked about, with the reason. Raises Invalid, IllegalTransition."""
    actor.require(Right.PERSONS_ERASE)
    if not reason.strip():
        raise Invalid({"reason": _("Say why.")}, code="required")
    row = Erasure.objects.select_for_update().get(pk=erasure.pk)
    move(row, "state", ErasureState.DECLINED, ERASURE_TRANSITIONS)
    row.reason = reason.strip()[:300]
    row.decided_at, row.decided_by_id, row.decided_by_name = clock.now(), actor.id, actor.name[:120]
    row.save(update_fields=["state", "reason", "decided_at", "decided_by_id", "decided_by_name"])
    assert row.request is not None
    _answer(row.request, [row.pk])
    audit.record(actor=actor, action="customers.decline_erasure", obj=row, note=row.reason)
    return row


def _answer(request: UUID, just_decided: list[UUID]) -> None:
    """Tell the manufacturer what came of its question, once every customer that it meant was decided."""
    rows = list(Erasure.objects.filter(request=request))
    if any(row.state == ErasureState.ASKED and row.pk not in just_decided for row in rows):
        return
    declined = any(row.state == ErasureState.DECLINED for row in rows)
    records = sum(sum(row.figures.values()) for row in rows)
    kept = [_line(line) for row in rows for line in row.kept]
    _say(request, ErasureOutcome.DECLINED if declined else ErasureOutcome.DONE, records, kept)


def _line(kept: dict[str, Any]) -> KeptLine:
    """A line of `Erasure.kept` as contracts have it."""
    return KeptLine(
        law=kept["law"], article=kept["article"], until=date.fromisoformat(kept["until"]), records=kept["records"]
    )


def _say(request: UUID, outcome: ErasureOutcome, records: int, kept: list[KeptLine]) -> None:
    now = clock.now()
    outbound.send_down(
        ErasureReceipt(erasure_id=request, at=now, outcome=outcome, records=records, kept=kept),
        to=profile().manufacturer_id,
        subject=request,
        purpose=CARE,
        actor=EXCHANGE,
        event_at=now,
    )


@transaction.atomic
def note_receipt(receipt: ErasureReceipt) -> Erasure:
    """Keep what the manufacturer did. The same receipt again changes nothing. Raises LookupError."""
    row = Erasure.objects.select_for_update().filter(pk=receipt.erasure_id).first()
    if row is None or row.state not in (ErasureState.SENT, ErasureState.DONE):
        raise LookupError(str(receipt.erasure_id))
    body = receipt.to_json()
    said = {name: body[name] for name in ("at", "outcome", "records", "kept")}
    if said not in row.receipts:
        move(row, "state", ErasureState.DONE, ERASURE_TRANSITIONS)
        row.receipts = sorted([*row.receipts, said], key=lambda one: one["at"])
        row.save(update_fields=["state", "receipts"])
    return row
