"""Letting a record leave, and stopping what waits when a consent ends."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from dealer.customers.models import Consent, Customer, Kind, Ownership, Recipient
from dealer.customers.queries import consent_for, consent_for_sharing
from dealer.organisation.queries import profile
from dealer.sharing import queries
from dealer.sharing.flows import dimension_of, label_of, record_id_of
from dealer.sharing.models import (
    Disclosure,
)
from exchange import gate, outbound
from exchange.gate import Policy
from exchange.models import Ledger, LedgerState
from kernel import clock
from kernel.accounts.actors import Actor
from kernel.contracts import (
    BuyerKind,
    Contract,
    LeadEvent,
    LeadOutcome,
    Level,
    Owner,
    OwnerRole,
    Purpose,
    Sex,
)
from kernel.errors import Conflict

#: Why a message was stopped; a code of the ledger's `reason`.
CONSENT_WITHDRAWN = "consent_withdrawn"
#: The answers to an offer, without which the manufacturer would give the lead to somebody else too.
_TAKING = (LeadEvent.ACCEPTED,)


@transaction.atomic
def share(
    record: Contract,
    *,
    subject: UUID,
    customer: Customer | None = None,
    actor: Actor,
    event_at: datetime,
    label: str = "",
) -> list[Ledger]:
    """Let of a record leave what the agreement and the customer's consent allow, for every purpose in force.

    `subject` is the id of the dealership's own record whose order is kept (the car of `dealer.customers`, the lead,
    the claim); `customer` the person whose consent counts where a contract names one; `label` the subject in words.
    Belongs inside the transaction of the action that made the record. Returns the rows of the ledger: none when no
    agreement names the contract, for then nothing may leave. Raises Conflict("lead_answers_off") for the acceptance
    of a lead that the manufacturer could not be told of.
    """
    policies = queries.policies_for_sharing(record.spec.name)
    if isinstance(record, LeadOutcome) and record.event in _TAKING:
        _require_answers(policies)
    return [
        share_under(policy, record, subject=subject, customer=customer, actor=actor, event_at=event_at, label=label)
        for policy in policies
    ]


def _require_answers(policies: Iterable[Policy]) -> None:
    if not any(min(policy.template, policy.ceiling) >= Level.PSEUDONYMOUS for policy in policies):
        message = _("Leads of the manufacturer cannot be accepted while their results are not shared.")
        raise Conflict("lead_answers_off", message)


def share_under(
    policy: Policy,
    record: Contract,
    *,
    subject: UUID,
    customer: Customer | None,
    actor: Actor,
    event_at: datetime,
    label: str,
) -> Ledger:
    """Let a record leave for the purpose of one policy. Belongs inside the caller's transaction."""
    consent = consent_for_sharing(customer, policy.purpose) if customer else None
    mine = profile()
    row = outbound.release(
        record,
        to=mine.manufacturer_id,
        subject=queries.wire_subject(record.spec, subject, policy.purpose),
        purpose=policy.purpose,
        policy=policy,
        consent=consent,
        actor=actor,
        event_at=event_at,
        label=label or label_of(record),
    )
    Disclosure.objects.create(
        id=row.id,
        contract=record.spec.name,
        purpose=policy.purpose,
        record_id=record_id_of(record, subject),
        customer_id=customer.pk if customer else None,
        day=clock.today(mine.time_zone),
        dimension=dimension_of(record)[:60],
        counted=row.state == LedgerState.WITHHELD and row.level == Level.COUNTS,
    )
    return row


def owner_record(ownership: Ownership) -> Owner:
    """The `Owner` record of one party's role on one car, whole: the gate decides what of it leaves."""
    return owner_record_with(ownership, consent_for(ownership.customer, Purpose.CUSTOMER_CARE, Recipient.MANUFACTURER))


def owner_record_with(ownership: Ownership, consent: gate.Consent | None) -> Owner:
    """The same where the customer's consent to customer care by the manufacturer, if any, is known already."""
    customer, vehicle = ownership.customer, ownership.vehicle
    company = customer.kind == Kind.COMPANY
    return Owner(
        version=vehicle.party_version,
        owner_key=str(customer.pk),
        vin=vehicle.vin,
        role=OwnerRole(ownership.role),
        since=ownership.since,
        until=ownership.until,
        kind=BuyerKind(customer.kind),
        name=(customer.contact_person if company else customer.name) or None,
        sex=None if company else Sex(customer.sex),
        birthday=None if company else customer.birthday,
        phone=customer.phone or None,
        email=customer.email or None,
        province=customer.province or None,
        city=customer.city or None,
        district=customer.district or None,
        address=customer.address or None,
        company_name=customer.company_name if company else None,
        consent_version=consent.text_version if consent and consent.granted else None,
    )


@transaction.atomic
def share_owner(ownership: Ownership, actor: Actor, at: datetime) -> list[Ledger]:
    """Tell the manufacturer who a party of a car is now, as far as agreement and consent go; nobody who was erased."""
    if Customer.objects.filter(pk=ownership.customer_id, erased_at__isnull=False).exists():
        return []
    return share(
        owner_record(ownership),
        subject=ownership.vehicle_id,
        customer=ownership.customer,
        actor=actor,
        event_at=at,
    )


@transaction.atomic
def stop_after_withdrawal(consent: Consent, actor: Actor, at: datetime) -> int:
    """Stop what waits undelivered under a consent that is no more; returns how many messages were stopped."""
    if consent.recipient != Recipient.MANUFACTURER or (consent.granted and consent.withdrawn_at is None):
        return 0
    about = Disclosure.objects.filter(customer_id=consent.customer_id, purpose=consent.purpose).values("id")
    waiting = Ledger.objects.filter(id__in=about, state=LedgerState.RECORDED, level=Level.FULL)
    stopped = 0
    for contract in set(waiting.order_by().values_list("contract", flat=True)):
        stopped += outbound.stop_undelivered(
            contract=contract,
            purpose=Purpose(consent.purpose),
            reason=CONSENT_WITHDRAWN,
            messages=waiting.filter(contract=contract).values_list("id", flat=True),
        )
    return stopped
