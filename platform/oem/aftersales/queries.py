"""Reads of after-sales: what dealerships shared, and what the rules say about a claim."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.utils import timezone

from kernel.accounts.access import find
from kernel.accounts.models import User
from kernel.accounts.roles import Right
from kernel.contracts import WarrantyClaim
from kernel.errors import Missing
from kernel.reference.models import LabourOperation, Part
from kernel.reference.queries import warranty_of
from oem.aftersales import rules
from oem.aftersales.models import Claim, ClaimLine, ClaimState, Decision, DecisionLine, ServiceVisit, Submission
from oem.owners.models import Sale

# -- who may see what ------------------------------------------------------------------------------------------


def visible_visits(user: User) -> QuerySet[ServiceVisit]:
    """The service visits that were shared, for those who may read service."""
    return ServiceVisit.objects.all() if user.has(Right.SERVICE_READ) else ServiceVisit.objects.none()


def access_visit_for_reading(id: str | UUID, user: User) -> ServiceVisit:
    """One visit. Raises Missing."""
    return find(visible_visits(user), id)


def visible_claims(user: User) -> QuerySet[Claim]:
    """The claims, for those who may read them."""
    return Claim.objects.all() if user.has(Right.CLAIMS_READ) else Claim.objects.none()


def access_claim_for_reading(id: str | UUID, user: User) -> Claim:
    """One claim for its page. Raises Missing."""
    return find(visible_claims(user), id)


def access_claim_for_deciding(id: str | UUID, user: User) -> Claim:
    """One claim, for those who decide. Raises Missing."""
    if not user.has(Right.CLAIMS_DECIDE):
        raise Missing()
    return find(visible_claims(user), id)


def waiting_claims(user: User) -> QuerySet[Claim]:
    """Claims that wait for an answer, oldest first."""
    return visible_claims(user).filter(state=ClaimState.SUBMITTED)


def next_waiting(user: User, besides: UUID) -> Claim | None:
    """The claim to decide after this one."""
    return waiting_claims(user).exclude(pk=besides).first()


# -- claims with the rules' suggestions -------------------------------------------------------------------------


@dataclass(frozen=True)
class KnownCar:
    """What the manufacturer knows of a car: the day its warranty began, and its term if known.

    `source` is "sale" (the delivery that a dealership reported) or "claim"; `contradicts` says that the claim gives
    another day than the sale.
    """

    begins_on: date | None
    source: str
    months: int | None = None
    km_limit: int | None = None
    contradicts: bool = False


def known_car(vin: str, stated: date | None) -> KnownCar:
    """What is known of a car by its VIN; `stated` is the day of delivery that the claim itself gives.

    The day belongs to the car: once a delivery was reported, no claim can move it.
    """
    sale = Sale.objects.filter(vin=vin).order_by("delivered_on", "id").first() if vin else None
    if sale is None:
        return KnownCar(stated, "claim")
    months, km_limit = warranty_of(sale.variant) or (None, None)
    contradicts = stated is not None and stated != sale.delivered_on
    return KnownCar(sale.delivered_on, "sale", months, km_limit, contradicts)


def lines_of(claim: Claim, revision: int | None = None) -> list[ClaimLine]:
    """The lines of a revision (the newest without one), in order."""
    return list(claim.lines.filter(revision=revision or claim.revision).order_by("position"))


def pack_for(claim: Claim) -> rules.Pack:
    """The rules by which the newest revision is judged: those in force when the repair began."""
    return rules.pack_on(claim.repair_opened_on or timezone.localdate(claim.submitted_at))


def suggestions_for(claim: Claim, lines: list[ClaimLine], pack: rules.Pack | None = None) -> list[rules.Suggestion]:
    """What the rules say about each line of the newest revision, in order. Two queries."""
    car = known_car(claim.vin, claim.delivery_date)
    facts = rules.ClaimFacts(
        claim_type=claim.claim_type,
        begins_on=car.begins_on,
        repair_on=claim.repair_opened_on,
        odometer_km=claim.odometer_km,
        causal_part=claim.causal_part,
        currency=claim.currency,
        months=car.months,
        km_limit=car.km_limit,
        lines=tuple(
            rules.LineFacts(line.line_id, line.kind, line.code, line.quantity, line.unit_price, line.amount)
            for line in lines
        ),
    )
    return rules.suggest(facts, prices_for(lines), pack or pack_for(claim))


def prices_for(lines: Iterable[ClaimLine]) -> rules.Prices:
    """What the published catalogue says of the codes in lines. Two queries."""
    codes = {line.code for line in lines if line.code}
    hours = dict(LabourOperation.objects.filter(pk__in=codes).values_list("code", "standard_hours"))
    parts = list(Part.objects.filter(pk__in=codes))
    return rules.Prices(
        hours=hours,
        parts={part.number: part.price for part in parts},
        wear_parts=frozenset(part.number for part in parts if part.wear_part),
        currency=parts[0].currency if parts else "CNY",
    )


def decisions_of(claim: Claim) -> list[Decision]:
    """Every decision on a claim with its lines, newest revision first. Two queries."""
    lines = Prefetch("lines", queryset=DecisionLine.objects.all())
    return list(claim.decisions.prefetch_related(lines).order_by("-revision"))


def submission_of(claim: Claim, revision: int) -> WarrantyClaim | None:
    """A revision as it came; None when it was erased."""
    found = Submission.objects.filter(claim=claim, revision=revision).first()
    return WarrantyClaim.from_json(found.record, partial=True) if found and found.record else None
