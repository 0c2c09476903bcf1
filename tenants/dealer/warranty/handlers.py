"""What arrives for warranty: decisions from the manufacturer, and repair orders that were closed next door."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from dealer.sharing.flows import Sample, sample_with
from dealer.warranty import actions
from dealer.warranty.models import Claim, ClaimState
from dealer.workshop.closing import on_close
from dealer.workshop.models import RepairOrder
from exchange.handlers import Received, Refuse, receives
from kernel.accounts.actors import EXCHANGE, Actor
from kernel.contracts import ClaimDecision


@receives(ClaimDecision)
def decisions_arrive(messages: list[Received]) -> None:
    """Move claims by the manufacturer's decisions; one about a claim or revision never sent is refused."""
    for message in messages:
        record = message.record
        assert isinstance(record, ClaimDecision)
        try:
            actions.apply_decision(record, message_id=message.message_id, actor=EXCHANGE)
        except actions.UnknownClaimError as problem:
            raise Refuse("unknown_claim", str(problem)) from None
        except actions.UnknownRevisionError as problem:
            raise Refuse("unknown_revision", str(problem)) from None


@on_close
def draft_claims(order: RepairOrder, actor: Actor) -> None:
    """Warranty lines of a closed order become claims."""
    actions.draft_claims_from(actor=actor, order=order)


@sample_with("WarrantyClaim")
def latest_claims(limit: int, since: datetime | None) -> Iterable[Sample]:
    rows = Claim.objects.exclude(state=ClaimState.CANCELLED).select_related(
        "repair_order__vehicle", "repair_order__customer"
    )
    rows = rows.filter(created_at__gte=since) if since else rows
    for claim in rows.prefetch_related("lines")[:limit]:
        yield actions.claim_record(claim), claim.repair_order.customer
