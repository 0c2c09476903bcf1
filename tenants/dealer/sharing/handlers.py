"""What sharing does when customers change: owners are told on, and a withdrawn consent stops what waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from dealer.customers.listeners import when_consent_changes, when_party_changes
from dealer.customers.models import Consent, Ownership
from dealer.customers.queries import consents_for
from dealer.organisation.queries import profile
from dealer.sharing import actions
from dealer.sharing.actions.records import owner_record_with
from dealer.sharing.benchmarks import figures_of, last_closed
from dealer.sharing.erasing import actions as erasing
from dealer.sharing.flows import Sample, sample_with
from dealer.sharing.past import Past, past_of
from dealer.sharing.takingback import actions as taking_back
from exchange.handlers import Received, Refuse, receives
from kernel import clock
from kernel.accounts.actors import Actor
from kernel.contracts import (
    BenchmarkFigures,
    BenchmarkReport,
    ErasureReceipt,
    ErasureRequest,
    ProposalStep,
    Purpose,
    ReadingReport,
    SharingProposal,
    WithdrawalReceipt,
)


@when_party_changes
def tell_of_party(ownership: Ownership, actor: Actor, at: datetime) -> None:
    actions.share_owner(ownership, actor, at)


@when_consent_changes
def stop_what_waits(consent: Consent, actor: Actor, at: datetime) -> None:
    actions.stop_after_withdrawal(consent, actor, at)


@when_consent_changes
def take_back_what_went(consent: Consent, actor: Actor, at: datetime) -> None:
    taking_back.after_consent(consent, actor, at)


@sample_with("Owner")
def latest_owners(limit: int, since: datetime | None) -> Iterable[Sample]:
    rows = Ownership.objects.filter(until=None).select_related("vehicle", "customer").order_by("-recorded_at")
    found = list((rows.filter(recorded_at__gte=since) if since else rows)[:limit])
    consents = consents_for([ownership.customer_id for ownership in found], Purpose.CUSTOMER_CARE)
    for ownership in found:
        yield owner_record_with(ownership, consents.get(ownership.customer_id)), ownership.customer


@past_of(
    "Owner",
    rows=lambda: Ownership.objects.filter(until=None).select_related("vehicle", "customer"),
    moment="recorded_at",
)
def owner_then(ownership: Ownership) -> Past:
    return Past(
        actions.owner_record(ownership), ownership.vehicle_id, ownership.customer, event_at=ownership.recorded_at
    )


@sample_with("BenchmarkFigures")
def last_month(limit: int, since: datetime | None) -> Iterable[Sample]:
    """The figures of the last closed month, as they would be given."""
    mine = profile()
    month = last_closed(clock.today(mine.time_zone))
    found = figures_of(month, mine.time_zone)
    return [(BenchmarkFigures(month=month, figures={str(k): cases.given for k, cases in found.items()}), None)]


@receives(BenchmarkReport)
def comparisons_arrive(messages: list[Received]) -> None:
    """Keep the network's figures of each month."""
    for message in messages:
        assert isinstance(message.record, BenchmarkReport)
        actions.keep_comparison(message.record, message=message.message_id)


@receives(ReadingReport)
def readings_arrive(messages: list[Received]) -> None:
    """Keep each time that somebody at the manufacturer looked, once."""
    for message in messages:
        assert isinstance(message.record, ReadingReport)
        actions.keep_readings(message.record, purpose=message.purpose, message=message.message_id)


@receives(SharingProposal)
def proposals_arrive(messages: list[Received]) -> None:
    """What the manufacturer proposes, takes back and ends, in its order."""
    for message in messages:
        record = message.record
        assert isinstance(record, SharingProposal)
        _STEPS[record.step](record)


_STEPS: dict[ProposalStep, Callable[[SharingProposal], object]] = {
    ProposalStep.PROPOSED: actions.receive_proposal,
    ProposalStep.WITHDRAWN: actions.take_back_proposal,
    ProposalStep.ENDED: actions.end_by_manufacturer,
}


@receives(WithdrawalReceipt)
def withdrawal_receipts_arrive(messages: list[Received]) -> None:
    """Keep what the manufacturer did with what was taken back."""
    for message in messages:
        assert isinstance(message.record, WithdrawalReceipt)
        try:
            taking_back.note_receipt(message.record)
        except LookupError:
            raise Refuse("unknown_withdrawal", str(message.record.withdrawal_id)) from None


@receives(ErasureRequest)
def erasure_requests_arrive(messages: list[Received]) -> None:
    """Erase leads that were only offered here, and ask about customers."""
    for message in messages:
        assert isinstance(message.record, ErasureRequest)
        erasing.receive_request(message.record)


@receives(ErasureReceipt)
def erasure_receipts_arrive(messages: list[Received]) -> None:
    """Keep what the manufacturer did about a person."""
    for message in messages:
        assert isinstance(message.record, ErasureReceipt)
        try:
            erasing.note_receipt(message.record)
        except LookupError:
            raise Refuse("unknown_erasure", str(message.record.erasure_id)) from None
