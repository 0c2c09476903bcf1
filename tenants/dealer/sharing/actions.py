"""Writes of sharing: letting a record leave, changing a level, signing, counting a day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from uuid import UUID, uuid5

from django.db import transaction
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from dealer.customers.models import Consent, Customer, Kind, Ownership, Recipient
from dealer.customers.queries import consent_for, consent_for_sharing
from dealer.organisation.queries import profile
from dealer.sharing import queries
from dealer.sharing.flows import FLOWS, dimension_of, label_of, record_id_of
from dealer.sharing.models import (
    AGREEMENT_TRANSITIONS,
    Agreement,
    AgreementState,
    CountReport,
    Disclosure,
    Grant,
    LevelChange,
    Reading,
)
from exchange import outbound
from exchange.counts import daily_counts
from exchange.gate import Policy
from exchange.models import Ledger, LedgerState
from kernel import audit, clock
from kernel.accounts.actors import SYSTEM, Actor
from kernel.accounts.roles import Right
from kernel.contracts import (
    BuyerKind,
    Contract,
    DailyCounts,
    LeadEvent,
    LeadOutcome,
    Level,
    Owner,
    OwnerRole,
    Purpose,
    ReadingReport,
    Sex,
)
from kernel.contracts.agreements import AgreementText
from kernel.errors import Conflict, Invalid, Text
from kernel.transitions import move

#: Why a message was stopped; codes of the ledger's `reason`.
LEVEL_LOWERED = "level_lowered"
CONSENT_WITHDRAWN = "consent_withdrawn"
#: The answers to an offer, without which the manufacturer would give the lead to somebody else too.
_TAKING = (LeadEvent.ACCEPTED,)


# -- sharing ---------------------------------------------------------------------------------------------------


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
        _share_for(policy, record, subject=subject, customer=customer, actor=actor, event_at=event_at, label=label)
        for policy in policies
    ]


def _require_answers(policies: Iterable[Policy]) -> None:
    if not any(min(policy.template, policy.ceiling) >= Level.PSEUDONYMOUS for policy in policies):
        message = _("Leads of the manufacturer cannot be accepted while their results are not shared.")
        raise Conflict("lead_answers_off", message)


def _share_for(
    policy: Policy,
    record: Contract,
    *,
    subject: UUID,
    customer: Customer | None,
    actor: Actor,
    event_at: datetime,
    label: str,
) -> Ledger:
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


# -- owners: the one kind of record whose source stands to the left of this app ---------------------------------


def owner_record(ownership: Ownership) -> Owner:
    """The `Owner` record of one party's role on one car, whole: the gate decides what of it leaves."""
    customer, vehicle = ownership.customer, ownership.vehicle
    company = customer.kind == Kind.COMPANY
    consent = consent_for(customer, Purpose.CUSTOMER_CARE, Recipient.MANUFACTURER)
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
    """Tell the manufacturer who a party of a car is now, as far as agreement and consent go."""
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


# -- levels ----------------------------------------------------------------------------------------------------


@transaction.atomic
def change_level(*, actor: Actor, contract: str, purpose: str, level: str, note: str = "") -> LevelChange:
    """Set this dealership's ceiling for a contract and purpose; in force from the commit on.

    Lowering stops what waits undelivered at once. A change to counts tells the manufacturer at once too: the report of
    yesterday, due under this level anyway, goes out with it. Raises Conflict("required") for what the agreement
    requires, Invalid for an unknown level, one above the agreement's, or a contract it does not name. The level that
    already stands is a Conflict("unchanged").
    """
    actor.require(Right.SHARING_CHANGE)
    grant = Grant.objects.select_for_update(of=("self",)).filter(contract=contract, purpose=purpose).first()
    if grant is None:
        raise Invalid({"contract": _("The agreement does not name this kind of data.")}, code="unknown_contract")
    if level not in Level.values:
        raise Invalid({"level": _("Choose one of the values offered.")}, code="choice")
    wanted, before = Level(level), Level(grant.ceiling)
    version = grant.agreement.version
    if grant.required and wanted != Level(grant.template):
        raise Conflict("required", why_required(grant, version))
    if wanted > Level(grant.template):
        raise Invalid({"level": _("The agreement does not ask for more than this.")}, code="above_template")
    if wanted == before:
        raise Conflict("unchanged", _("This level is in force already."))
    grant.ceiling, grant.changed_at, grant.changed_by_name = wanted, clock.now(), actor.name[:120]
    grant.save(update_fields=["ceiling", "changed_at", "changed_by_name"])
    stopped = _stop(grant) if wanted < before else 0
    change = _history(grant, version, before, actor, stopped=stopped, note=note)
    audit.record(
        actor=actor,
        action="sharing.change_level",
        obj=grant,
        before={"level": before},
        after={"level": wanted, "stopped": stopped},
        note=note,
    )
    if wanted is Level.COUNTS and contract in FLOWS:
        yesterday = clock.today(profile().time_zone) - timedelta(days=1)
        send_counts(actor=actor, contract=contract, purpose=purpose, day=yesterday)
    return change


def _stop(grant: Grant) -> int:
    """Stop what waits undelivered under a grant that was lowered; at level nothing its counts too."""
    purpose = Purpose(grant.purpose)
    stopped = outbound.stop_undelivered(contract=grant.contract, purpose=purpose, reason=LEVEL_LOWERED)
    if grant.level is Level.NOTHING:
        counts = Ledger.objects.filter(subject=_counts_subject(grant), state=LedgerState.RECORDED)
        stopped += outbound.stop_undelivered(
            contract="DailyCounts",
            purpose=purpose,
            reason=LEVEL_LOWERED,
            messages=counts.values_list("id", flat=True),
        )
    return stopped


def _counts_subject(grant: Grant) -> UUID:
    return uuid5(profile().id, f"counts {grant.contract} {grant.purpose}")


def why_required(grant: Grant, agreement_version: str) -> Text:
    """Why a line of the switchboard cannot be lowered: which purpose, which agreement."""
    return format_lazy(
        _("Agreement {version} requires this for the purpose “{purpose}”. It cannot be lowered while it is in force."),
        version=agreement_version,
        purpose=Purpose(grant.purpose).label,
    )


def _history(
    grant: Grant, version: str, before: Level | None, actor: Actor, *, stopped: int = 0, note: str = ""
) -> LevelChange:
    return LevelChange.objects.create(
        grant=grant,
        agreement_version=version,
        before=before or "",
        after=grant.ceiling,
        stopped=stopped,
        at=clock.now(),
        by_id=actor.id,
        by_name=actor.name[:120],
        note=note.strip()[:300],
    )


# -- agreements ------------------------------------------------------------------------------------------------


@transaction.atomic
def receive_agreement(*, actor: Actor, text: AgreementText) -> Agreement:
    """Lay a version of the agreement before the dealership for signature; a known version is returned as it stands."""
    agreement, created = Agreement.objects.get_or_create(
        version=text.version,
        defaults={
            "title": text.title,
            "text": text.text,
            "terms": [term.to_json() for term in text.terms],
            "text_hash": text.digest,
            "notice_days": text.notice_days,
            "manufacturer_name": profile().manufacturer_name,
            "published_on": text.published_on,
            "received_at": clock.now(),
        },
    )
    if created:
        audit.record(actor=actor, action="sharing.receive_agreement", obj=agreement, after={"hash": text.digest})
    return agreement


@transaction.atomic
def sign_agreement(
    *, actor: Actor, agreement: Agreement, ceilings: Mapping[str, str] | None = None, text_hash: str | None = None
) -> Agreement:
    """Sign a version: its terms are in force from now on, and the version before is replaced.

    `ceilings` maps a contract to the level that the dealership allows; a contract it does not name keeps its present
    ceiling, or begins with nothing. `text_hash`, when given, must be that of the text: what was shown is what is
    signed. Raises Conflict when it is not waiting for a signature, Invalid for a level that cannot be.
    """
    actor.require(Right.SHARING_CHANGE)
    agreement = Agreement.objects.select_for_update().get(pk=agreement.pk)
    if text_hash is not None and text_hash != agreement.text_hash:
        raise Conflict("other_text", _("This is not the text that was shown. Read it again before you sign."))
    if agreement.state != AgreementState.PROPOSED:
        raise Conflict("not_proposed", _("This agreement does not wait for a signature."))
    wanted = _wanted(agreement, ceilings or {})
    for earlier in Agreement.objects.select_for_update().filter(state=AgreementState.SIGNED):
        move(earlier, "state", AgreementState.REPLACED, AGREEMENT_TRANSITIONS)
        earlier.save(update_fields=["state"])
    move(agreement, "state", AgreementState.SIGNED, AGREEMENT_TRANSITIONS)
    agreement.signed_at = clock.now()
    name = "" if actor == SYSTEM else actor.name[:120]  # what a dealership agrees to on joining names nobody by itself
    agreement.signed_by_id, agreement.signed_by_name, agreement.signed_by_role = actor.id, name, actor.role
    agreement.save(update_fields=["state", "signed_at", "signed_by_id", "signed_by_name", "signed_by_role"])
    for term in agreement.terms:
        _put_in_force(agreement, term, wanted.get(term["contract"]), actor)
    _end_what_is_not_named(agreement, actor)
    audit.record(
        actor=actor,
        action="sharing.sign_agreement",
        obj=agreement,
        after={"hash": agreement.text_hash, "ceilings": {key: str(level) for key, level in wanted.items()}},
    )
    return agreement


def _wanted(agreement: Agreement, ceilings: Mapping[str, str]) -> dict[str, Level]:
    """The ceilings asked for, checked against the terms."""
    terms = {term["contract"]: term for term in agreement.terms}
    wanted: dict[str, Level] = {}
    for contract, level in ceilings.items():
        term = terms.get(contract)
        if term is None:
            raise Invalid({contract: _("The agreement does not name this kind of data.")}, code="unknown_contract")
        if level not in Level.values:
            raise Invalid({contract: _("Choose one of the values offered.")}, code="choice")
        if Level(level) > Level(term["level"]):
            raise Invalid({contract: _("The agreement does not ask for more than this.")}, code="above_template")
        if term["required"] and level != term["level"]:
            raise Invalid({contract: _("The agreement requires this; it cannot be lowered.")}, code="required")
        wanted[contract] = Level(level)
    return wanted


def _put_in_force(agreement: Agreement, term: Mapping[str, object], wanted: Level | None, actor: Actor) -> None:
    template = Level(str(term["level"]))
    grant = Grant.objects.select_for_update().filter(contract=term["contract"], purpose=term["purpose"]).first()
    before = Level(grant.ceiling) if grant else None
    in_force = grant.level if grant else Level.NOTHING
    grant = grant or Grant(contract=str(term["contract"]), purpose=str(term["purpose"]))
    grant.agreement = agreement
    grant.template, grant.required = template, bool(term["required"])
    grant.fields_denied = term["fields_denied"]
    grant.ceiling = template if grant.required else min(wanted or before or Level.NOTHING, template)
    grant.changed_at, grant.changed_by_name = clock.now(), actor.name[:120]
    grant.save()
    stopped = _stop(grant) if grant.level < in_force else 0
    if before is None or before != grant.ceiling:
        _history(grant, agreement.version, before, actor, stopped=stopped)


def _end_what_is_not_named(agreement: Agreement, actor: Actor) -> None:
    """Grants of an earlier version that this one, whose terms are in force, does not name: nothing leaves any more."""
    for grant in Grant.objects.select_for_update().exclude(agreement=agreement):
        _end_grant(grant, agreement, actor)


def _end_grant(grant: Grant, agreement: Agreement, actor: Actor) -> int:
    """Let nothing leave under a grant any more; how many messages were stopped."""
    before = Level(grant.ceiling)
    grant.agreement, grant.required = agreement, False
    grant.template = grant.ceiling = Level.NOTHING
    grant.changed_at, grant.changed_by_name = clock.now(), actor.name[:120]
    grant.save()
    stopped = _stop(grant)
    _history(grant, agreement.version, before, actor, stopped=stopped)
    return stopped


@transaction.atomic
def end_sharing(*, actor: Actor, note: str, propose_anew: bool = False) -> int:
    """End every agreement in force: nothing leaves any more, and what waits undelivered is stopped; returns how many
    messages were. Again it changes nothing.

    For a dealership that leaves the network or came from another one. With `propose_anew` the agreement waits for its
    signature again, since it was given to somebody else.
    """
    actor.require(Right.SHARING_CHANGE)
    stopped = 0
    for agreement in Agreement.objects.select_for_update().filter(state=AgreementState.SIGNED):
        before = {"state": agreement.state, "signed_by": agreement.signed_by_name}
        move(agreement, "state", AgreementState.REPLACED, AGREEMENT_TRANSITIONS)
        if propose_anew:
            agreement.state, agreement.signed_at, agreement.signed_by_id = AgreementState.PROPOSED, None, None
            agreement.signed_by_name = agreement.signed_by_role = ""
        agreement.save(update_fields=["state", "signed_at", "signed_by_id", "signed_by_name", "signed_by_role"])
        for grant in Grant.objects.select_for_update().filter(agreement=agreement):
            stopped += _end_grant(grant, agreement, actor)
        audit.record(
            actor=actor,
            action="sharing.end",
            obj=agreement,
            before=before,
            after={"state": agreement.state, "stopped": stopped},
            note=note,
        )
    return stopped


# -- counts ----------------------------------------------------------------------------------------------------


def send_due_counts(*, actor: Actor = SYSTEM) -> int:
    """Send the daily counts of every closed day that still lacks them; returns how many reports were sent.

    A report is due for a day on which something was withheld to be counted, and for yesterday wherever the level in
    force is counts: a missing report would tell that there was nothing.
    """
    today = clock.today(profile().time_zone)
    due = set(
        Disclosure.objects.filter(counted=True, day__lt=today).values_list("contract", "purpose", "day").distinct()
    )
    for grant in Grant.objects.all():
        if grant.level is Level.COUNTS and grant.contract in FLOWS:
            due.add((grant.contract, grant.purpose, today - timedelta(days=1)))
    first = min((day for _contract, _purpose, day in due), default=today)
    due -= set(CountReport.objects.filter(day__gte=first).values_list("contract", "purpose", "day"))
    return sum(
        send_counts(actor=actor, contract=contract, purpose=purpose, day=day) is not None
        for contract, purpose, day in sorted(due, key=lambda entry: (entry[2], entry[0]))
    )


@transaction.atomic
def send_counts(*, actor: Actor, contract: str, purpose: str, day: date) -> Ledger | None:
    """Send the counts of one contract, purpose and closed local day, once for ever; None when they were sent before.

    Only what was withheld at level counts is counted. Raises Invalid for a day that has not ended.
    """
    mine = profile()
    if day >= clock.today(mine.time_zone):
        raise Invalid({"day": _("This day has not ended yet.")}, code="open_day")
    # The grant's lock makes two workers take turns, and the level stay as it is meanwhile.
    grant = (
        Grant.objects.select_for_update(of=("self",))
        .select_related("agreement")
        .filter(contract=contract, purpose=purpose)
        .first()
    )
    if grant is None or CountReport.objects.filter(contract=contract, purpose=purpose, day=day).exists():
        return None
    flow = FLOWS[contract]
    rows = list(
        Disclosure.objects.filter(contract=contract, purpose=purpose, day=day, counted=True).values("dimension")
    )
    counts = daily_counts(rows, "dimension", keys=flow.cells())
    record = DailyCounts(of=contract, day=day, dimension=flow.dimension, cells=counts.cells, total=counts.total)
    row = outbound.release(
        record,
        to=mine.manufacturer_id,
        subject=_counts_subject(grant),
        purpose=Purpose(purpose),
        # What is counted may leave as counts, and at no other level: so a level of nothing stops the counts too.
        policy=Policy(
            contract="DailyCounts",
            purpose=Purpose(purpose),
            template=Level(grant.template),
            ceiling=Level(grant.template) if grant.required else Level(grant.ceiling),
            required=grant.required,
            agreement_version=grant.agreement.version,
        ),
        actor=actor,
        event_at=clock.now(),
        label=f"{contract} {day.isoformat()}",
    )
    CountReport.objects.create(contract=contract, purpose=purpose, day=day, ledger_id=row.id)
    return row


# -- who looked ------------------------------------------------------------------------------------------------


@transaction.atomic
def keep_readings(report: ReadingReport, *, purpose: Purpose, message: UUID) -> None:
    """Keep what the manufacturer reports of its own reading; a time that is known already changes nothing."""
    Reading.objects.bulk_create(
        (
            Reading(
                id=one["reading_id"],
                at=one["at"],
                reader=one["reader"],
                reader_role=one["reader_role"],
                reading_for=one["reading_for"],
                how=one["how"],
                of=one["of"],
                purpose=purpose,
                rows=one["rows"],
                searched_by=one["searched_by"],
                vin=one["vin"] or "",
                owner_keys=one["owner_keys"],
                message=message,
            )
            for one in report.times
        ),
        ignore_conflicts=True,
    )
