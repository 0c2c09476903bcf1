"""Reads of warranty: whether a car is covered, the claims a person may see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from dealer.customers.models import Vehicle
from dealer.warranty.models import EDITABLE, Claim, ClaimLine, Decision
from dealer.workshop.models import RepairOrder
from dealer.workshop.queries import local_day
from kernel.accounts.access import find
from kernel.accounts.models import User
from kernel.accounts.roles import Right
from kernel.automotive.warranty import STATUTORY_KM, STATUTORY_MONTHS, Coverage, Reason, coverage
from kernel.errors import Missing
from kernel.reference.queries import warranty_of


def coverage_of(vehicle: Vehicle, *, on: date, km: int) -> Coverage:
    """Whether a repair of a car on a day at a mileage (km) is covered, and why.

    The term is that of the car's variant in the published catalogue; for a variant that is not known it is the
    least that the law grants, and the reasons say so.
    """
    term = warranty_of(vehicle.variant)
    months, km_limit = term or (STATUTORY_MONTHS, STATUTORY_KM)
    found = coverage(begins_on=vehicle.delivered_on, months=months, km_limit=km_limit, on=on, km=km)
    if term is not None:
        return found
    note = Reason(
        "statutory_term", _("The variant is not known; counted with the least term of the law."), against=False
    )
    return Coverage(found.covered, (*found.reasons, note), found.until, found.until_km)


def coverage_at(order: RepairOrder) -> Coverage:
    """Whether the repair of an order is covered: on the day and at the mileage at which the car was taken in."""
    return coverage_of(order.vehicle, on=local_day(order.opened_at), km=order.odometer_km)


def visible_claims(user: User) -> QuerySet[Claim]:
    """The claims that a person may see, with order, car and customer."""
    if not user.has(Right.CLAIMS_READ):
        return Claim.objects.none()
    return Claim.objects.select_related("repair_order__vehicle", "repair_order__customer", "job")


def access_claim_for_reading(id: str | UUID, user: User) -> Claim:
    """One claim for its page. Raises Missing."""
    return find(visible_claims(user), id)


def access_claim_for_writing(id: str | UUID, user: User) -> Claim:
    """One claim, to change or submit it. Raises Missing."""
    if not user.has(Right.CLAIMS_WRITE):
        raise Missing()
    return find(visible_claims(user), id)


def access_line_for_writing(id: str | UUID, user: User) -> ClaimLine:
    """One line of a claim that the person may change. Raises Missing."""
    if not user.has(Right.CLAIMS_WRITE):
        raise Missing()
    return find(ClaimLine.objects.select_related("claim__repair_order"), id)


def claims_of_order(order: RepairOrder, user: User) -> list[Claim]:
    """The claims made of one order with their decisions, for its page. Two queries."""
    return list(visible_claims(user).filter(repair_order=order).prefetch_related("decisions").order_by("number"))


def waiting_for_us(user: User) -> QuerySet[Claim]:
    """Claims that this dealership must do something about: drafts and what was sent back."""
    return visible_claims(user).filter(state__in=EDITABLE)


@dataclass(frozen=True)
class AnsweredLine:
    """A line of a claim with the manufacturer's answer to it (a dict of the decision's `lines`), if there is one."""

    line: ClaimLine
    answer: dict | None


def newest_decision(claim: Claim) -> Decision | None:
    """The decision that counts: on the newest revision that was answered."""
    return next((decision for decision in claim.decisions.all() if decision.counts), None)


def answered_lines(claim: Claim, decision: Decision | None) -> list[AnsweredLine]:
    """The lines of a claim in order, each with its answer."""
    answers = {answer["line_id"]: answer for answer in decision.lines} if decision else {}
    return [AnsweredLine(line, answers.get(str(line.pk))) for line in claim.lines.all()]
