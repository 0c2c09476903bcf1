"""Reads of sharing: the policy in force, the switchboard, the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from django.db.models import Count, Prefetch, Q, QuerySet

from dealer.organisation.queries import profile
from dealer.sharing.models import (
    Agreement,
    AgreementState,
    Backfill,
    Disclosure,
    Erasure,
    Grant,
    LevelChange,
    Reading,
    Withdrawal,
    WithdrawalChoice,
)
from exchange.gate import Policy
from exchange.law import law_rules
from exchange.models import Ledger, LedgerState, Payload
from exchange.takingback import WITHDRAWN
from kernel import clock
from kernel.accounts.access import find
from kernel.accounts.models import User
from kernel.accounts.roles import Right
from kernel.contracts import BOOKKEEPING, Level, Purpose, Spec, all_contracts
from kernel.contracts.agreements import Term
from kernel.errors import Missing

_LOCKED = (
    "SELECT g.*, a.version AS agreement_version, a.ends_at AS agreement_ends_at FROM sharing_grant g "
    "JOIN sharing_agreement a ON a.id = g.agreement_id WHERE g.contract = %s ORDER BY g.purpose FOR KEY SHARE OF g"
)


def purposes_of(contract: str) -> list[Purpose]:
    """The purposes that the agreement in force serves with a contract; empty when it names none."""
    return [Purpose(value) for value in Grant.objects.filter(contract=contract).values_list("purpose", flat=True)]


def policy_for(contract: str, purpose: Purpose) -> Policy | None:
    """What both sides signed for a contract and purpose; None when no agreement names it: then nothing may leave."""
    grant = Grant.objects.select_related("agreement").filter(contract=contract, purpose=purpose).first()
    return policy_of(grant, grant.agreement.version, ends_at=grant.agreement.ends_at) if grant else None


def policy_of(
    grant: Grant, agreement_version: str, *, ends_at: datetime | None = None, ceiling: Level | None = None
) -> Policy:
    """The gate's policy for a grant; with another `ceiling` than the grant's for a preview.

    Nothing leaves from `ends_at`, the end of the agreement, on. The law is that of the dealership's country.
    """
    over = ends_at is not None and ends_at <= clock.now()
    return Policy(
        contract=grant.contract,
        purpose=Purpose(grant.purpose),
        template=Level.NOTHING if over else Level(grant.template),
        ceiling=ceiling or Level(grant.ceiling),
        required=grant.required,
        agreement_version=agreement_version,
        fields_denied=frozenset(grant.fields_denied),
        law=law_rules(profile().country),
    )


def level_of(policy: Policy) -> Level:
    """The level in force under a policy, before any customer's consent and the law."""
    return policy.template if policy.required else min(policy.template, policy.ceiling)


def policy_of_term(term: Term, agreement_version: str, ceiling: Level) -> Policy:
    """The gate's policy if a proposed line were in force under a ceiling: for a preview."""
    return Policy(
        contract=term.contract,
        purpose=term.purpose,
        template=term.level,
        ceiling=ceiling,
        required=term.required,
        agreement_version=agreement_version,
        fields_denied=frozenset(term.fields_denied),
        law=law_rules(profile().country),
    )


def policies_for_sharing(contract: str) -> list[Policy]:
    """The policies by which a contract is shared now, kept as they are until the transaction ends.

    A level that is being changed is waited for, and a change waits for every transaction that shares: so nothing
    decided under the level before is written after the change.
    """
    rows = Grant.objects.raw(_LOCKED, [contract])
    return [
        policy_of(grant, vars(grant)["agreement_version"], ends_at=vars(grant)["agreement_ends_at"]) for grant in rows
    ]


def may_take_leads() -> bool:
    """Whether answers to the manufacturer's leads may leave; without them none can be accepted."""
    grant = Grant.objects.filter(contract="LeadOutcome", purpose=Purpose.LEAD_HANDLING).first()
    return grant is not None and grant.level >= Level.PSEUDONYMOUS


def wire_subject(spec: Spec, subject: UUID, purpose: Purpose) -> UUID:
    """The subject that the exchange sees.

    Messages about a car get a subject of their own for each purpose: if all of them had one, the receiver could put
    together what it got under a pseudonym for one purpose and what it got with the VIN for another. The id of the
    car is random and never leaves, so nobody can work it back.
    """
    return uuid5(subject, f"{spec.subject} {purpose}") if spec.subject == "vehicle" else subject


def counts_subject(grant: Grant) -> UUID:
    """The subject of the daily counts of one contract and purpose."""
    return uuid5(profile().id, f"counts {grant.contract} {grant.purpose}")


def current_agreement() -> Agreement | None:
    """The agreement in force."""
    return Agreement.objects.filter(state=AgreementState.SIGNED).first()


def waiting_agreement() -> Agreement | None:
    """The version that waits for a signature; there is one at most, for a later one takes its place."""
    return Agreement.objects.filter(state=AgreementState.PROPOSED).first()


def agreements() -> QuerySet[Agreement]:
    """Every version that this dealership has received, newest first."""
    return Agreement.objects.all()


def switchboard() -> list[Grant]:
    """What is in force, each grant with its latest change as `latest` (a list of one or none). Two queries."""
    changes = LevelChange.objects.order_by("grant_id", "-number").distinct("grant_id")
    return list(
        Grant.objects.select_related("agreement").prefetch_related(
            Prefetch("changes", queryset=changes, to_attr="latest")
        )
    )


def sent_at_higher_levels(grants: Iterable[Grant]) -> dict[UUID, int]:
    """How many records the manufacturer received at a higher level than is in force now, by grant. Two queries at most.

    They stay with the manufacturer: lowering a level stops what comes next only.
    """
    by_id = {grant.pk: grant for grant in grants}
    earlier = LevelChange.objects.filter(grant__in=by_id).values_list("grant_id", "before").distinct()
    lowered = {id_ for id_, before in earlier if before and Level(before) > by_id[id_].level}
    if not lowered:
        return {}
    wanted = Q()
    for id_ in lowered:
        grant = by_id[id_]
        higher = [level for level in Level if level > grant.level and level > Level.COUNTS]
        wanted |= Q(contract=grant.contract, purpose=grant.purpose, level__in=higher)
    arrived = Ledger.objects.filter(wanted, state__in=[LedgerState.DELIVERED, LedgerState.APPLIED])
    arrived = arrived.exclude(reason=WITHDRAWN)
    numbers = {
        (contract, purpose): n
        for contract, purpose, n in arrived.order_by().values_list("contract", "purpose").annotate(Count("pk"))
    }
    keys = {id_: (by_id[id_].contract, by_id[id_].purpose) for id_ in lowered}
    return {id_: numbers[key] for id_, key in keys.items() if key in numbers}


def access_agreement_for_reading(id: str, user: User) -> Agreement:
    """One agreement with its text. Raises Missing."""
    if not user.has(Right.SHARING_READ):
        raise Missing()
    return find(Agreement.objects.all(), id)


def access_agreement_for_signing(id: str, user: User) -> Agreement:
    """One agreement, for those who may sign. Raises Missing."""
    if not user.has(Right.SHARING_CHANGE):
        raise Missing()
    return find(Agreement.objects.all(), id)


def access_grant_for_changing(id: str, user: User) -> Grant:
    """One line of the switchboard, for those who may change it. Raises Missing."""
    if not user.has(Right.SHARING_CHANGE):
        raise Missing()
    return find(Grant.objects.select_related("agreement"), id)


def access_grant_for_reading(id: str, user: User) -> Grant:
    """One line of the switchboard with its history. Raises Missing."""
    if not user.has(Right.SHARING_READ):
        raise Missing()
    return find(Grant.objects.select_related("agreement"), id)


def access_grant_of(contract: str, purpose: str, user: User) -> Grant:
    """The line of the switchboard for a contract and purpose, for those who may change it. Raises Missing."""
    if not user.has(Right.SHARING_CHANGE):
        raise Missing()
    grant = Grant.objects.select_related("agreement").filter(contract=contract, purpose=purpose).first()
    if grant is None:
        raise Missing()
    return grant


def access_backfill_for_stopping(id: str, user: User) -> Backfill:
    """A backfill, for those who may end it. Raises Missing."""
    if not user.has(Right.SHARING_CHANGE):
        raise Missing()
    return find(Backfill.objects.select_related("grant"), id)


def visible_ledger(user: User) -> QuerySet[Ledger]:
    """What left (and what did not): the messages about this dealership's data, without the exchange's own receipts."""
    if not user.has(Right.SHARING_READ):
        return Ledger.objects.none()
    return Ledger.objects.exclude(contract="Receipt")


def happened(since: date | None, until: date | None) -> Q:
    """The condition on the ledger for what happened from one local day to another, both included."""
    found = Q()
    if since is not None:
        found &= Q(event_at__gte=_midnight(since))
    if until is not None:
        found &= Q(event_at__lt=_midnight(until + timedelta(days=1)))
    return found


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=ZoneInfo(profile().time_zone))


def access_message_for_reading(id: str, user: User) -> Ledger:
    """One line of the ledger. Raises Missing."""
    return find(visible_ledger(user), id)


def payload_of(message: Ledger) -> Payload | None:
    """What left, as it left; None when nothing left, or it was stopped or erased."""
    return Payload.objects.filter(id=message.id).first()


def disclosures_of(ids: Iterable[UUID]) -> dict[UUID, Disclosure]:
    """What rows of the ledger were about, by their id."""
    return {row.id: row for row in Disclosure.objects.filter(id__in=list(ids))}


def messages_about(record_id: UUID, user: User) -> QuerySet[Ledger]:
    """The lines of the ledger about one of the dealership's records (or one customer), newest first."""
    about = Disclosure.objects.filter(record_id=record_id) | Disclosure.objects.filter(customer_id=record_id)
    return visible_ledger(user).filter(id__in=about.values("id"))


def visible_readings(user: User) -> QuerySet[Reading]:
    """Who at the manufacturer looked at what was shared."""
    return Reading.objects.all() if user.has(Right.SHARING_READ) else Reading.objects.none()


def readings_of(customer_id: UUID, user: User) -> QuerySet[Reading]:
    """The times that somebody at the manufacturer saw one customer by name."""
    return visible_readings(user).filter(owner_keys__contains=[str(customer_id)])


def upward_contracts() -> dict[str, Spec]:
    """The newest version of every contract by which data may go up, by name."""
    up = (owner.spec for owner in all_contracts() if owner.spec.direction == "up")
    return {spec.name: spec for spec in up if spec.name not in BOOKKEEPING}


# -- taking back and erasing


def visible_withdrawals(user: User) -> QuerySet[Withdrawal]:
    """What was taken back, and what waits for an answer."""
    return Withdrawal.objects.all() if user.has(Right.SHARING_READ) else Withdrawal.objects.none()


def access_withdrawal_for_deciding(id: str, user: User) -> Withdrawal:
    """One question, for those who may answer it. Raises Missing."""
    if not user.has(Right.SHARING_CHANGE):
        raise Missing()
    return find(Withdrawal.objects.all(), id)


def withdrawals_of(customer_id: UUID, user: User) -> QuerySet[Withdrawal]:
    """What was taken back of one customer."""
    return visible_withdrawals(user).filter(customer_id=customer_id)


def withdrawal_of(message: Ledger) -> Withdrawal | None:
    """The request by which a message was taken back, with its receipt."""
    found = Withdrawal.objects.filter(contract=message.contract, purpose=message.purpose, state="done")
    return found.filter(Q(messages=None) | Q(messages__contains=[str(message.id)])).order_by("-sent_at").first()


def standing_choices(user: User) -> list[tuple[Grant, bool]]:
    """Per kind of data that can name a person: whether it is taken back by itself when a customer withdraws."""
    if not user.has(Right.SHARING_READ):
        return []
    chosen = {(one.contract, one.purpose): one.takes_back for one in WithdrawalChoice.objects.all()}
    naming = [name for name, spec in upward_contracts().items() if spec.names_person]
    return [
        (grant, chosen.get((grant.contract, grant.purpose), True))
        for grant in Grant.objects.filter(contract__in=naming)
    ]


def visible_erasures(user: User) -> QuerySet[Erasure]:
    """Erasures, for those who may erase."""
    return Erasure.objects.all() if user.has(Right.PERSONS_ERASE) else Erasure.objects.none()


def access_erasure_for_reading(id: str, user: User) -> Erasure:
    """One erasure. Raises Missing."""
    return find(visible_erasures(user), id)


def erasure_of(customer_id: UUID) -> Erasure | None:
    """The erasure of somebody who was erased."""
    return Erasure.objects.filter(customer_id=customer_id, state__in=("sent", "done")).first()


def erasure_asked(customer_id: UUID) -> Erasure | None:
    """The manufacturer's question about somebody, while it is open."""
    return Erasure.objects.filter(customer_id=customer_id, state="asked").first()
