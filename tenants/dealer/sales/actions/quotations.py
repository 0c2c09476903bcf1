"""Quotations: what a car costs this customer, in writing, by version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from dealer.organisation.queries import profile
from dealer.sales import derive, milestones
from dealer.sales.locks import lock_prospect, lock_quotation
from dealer.sales.models import (
    LIVE_CONTRACT_STATES,
    QUOTATION_TRANSITIONS,
    LineKind,
    Quotation,
    QuotationLine,
    QuotationState,
)
from dealer.stock.models import StockVehicle, VehicleState
from kernel import audit, clock
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.contracts import LeadEvent
from kernel.errors import Conflict, FieldError, Invalid
from kernel.money import MAX_DIGITS, round_money
from kernel.reference.queries import catalogue
from kernel.transitions import move

#: The most lines of options and services that one quotation takes.
MOST_LINES = 30
_TOO_MUCH = Decimal(10) ** MAX_DIGITS


@dataclass(frozen=True)
class Line:
    """A line as it is asked for: `amount` is not below zero; a discount is taken off."""

    kind: str
    text: str
    amount: Decimal


@dataclass(frozen=True)
class Sum:
    """What a quotation comes to, in its currency: `before` the discount and after it, with insurance and services."""

    list_price: Decimal
    extras: Decimal
    discount: Decimal
    insurance: Decimal

    @property
    def total(self) -> Decimal:
        return self.list_price + self.extras - self.discount + self.insurance

    @property
    def discount_share(self) -> Decimal | None:
        """The discount as a share of the car with its options; None for a car without a price."""
        price = self.list_price + self.extras
        return self.discount / price if price else None


def add_up(*, list_price: Decimal, discount: Decimal, insurance: Decimal, extras: Sequence[Line], currency: str) -> Sum:
    """The sums of a quotation, rounded to the currency; nothing is checked here."""
    together = sum((line.amount for line in extras), start=Decimal(0))
    rounded = (round_money(amount, currency) for amount in (list_price, together, discount, insurance))
    return Sum(*rounded)


@transaction.atomic
def make_quotation(
    *,
    actor: Actor,
    prospect_id: UUID,
    list_price: Decimal | None = None,
    vehicle_id: UUID | None = None,
    brand: str = "",
    series: str = "",
    model: str = "",
    variant: str = "",
    colour: str = "",
    discount: Decimal = Decimal(0),
    insurance: Decimal = Decimal(0),
    extras: Sequence[Line] = (),
    valid_until: date | None = None,
    note: str = "",
) -> Quotation:
    """Offer a car: one of the stock (`vehicle_id`) or one to be ordered (codes, or what the prospect wants).

    `list_price` is that of the car, or of the variant, unless given. `extras` are options, services and gifts.
    A new quotation replaces the open one. Raises Invalid naming every wrong figure, Conflict `prospect_closed`,
    `contract_stands`, `vehicle_gone`.
    """
    actor.require(Right.SALES_WORK)
    prospect = lock_prospect(prospect_id)
    if not prospect.is_open:
        raise Conflict("prospect_closed", _("This prospect is closed. Open it again first."))
    if prospect.contracts.filter(state__in=LIVE_CONTRACT_STATES).exists():
        raise Conflict("contract_stands", _("There is a sales contract. Cancel it first."))
    vehicle = _vehicle(vehicle_id, prospect.pk)
    currency = profile().currency
    if vehicle is not None:
        brand, series, model, variant = vehicle.brand, vehicle.series, vehicle.model, vehicle.variant
        colour, currency = vehicle.colour, vehicle.currency
        list_price = vehicle.list_price if list_price is None else list_price
    elif not (brand or series or model or variant):
        brand, series, model, variant = prospect.brand, prospect.series, prospect.model, prospect.variant
    listed = catalogue().variants.get(variant)
    if listed is not None:
        model, series, brand = listed.model_id, listed.model.series_id, listed.model.series.brand_id
        if list_price is None:
            list_price, currency = listed.list_price, listed.currency
    today = derive.today()
    until = valid_until or today + timedelta(days=derive.policy().quotation_days)
    sums = add_up(
        list_price=list_price or Decimal(0), discount=discount, insurance=insurance, extras=extras, currency=currency
    )
    _check(sums, list_price, brand, until, today, extras)
    for older in prospect.quotations.select_for_update().filter(state=QuotationState.OPEN):
        move(older, "state", QuotationState.REPLACED, QUOTATION_TRANSITIONS)
        older.updated_at = clock.now()
        older.save()
    latest = prospect.quotations.order_by("-version").values_list("version", flat=True).first() or 0
    now = clock.now()
    quotation = Quotation(
        prospect=prospect,
        version=latest + 1,
        by_id=actor.id,
        vehicle=vehicle,
        brand=brand,
        series=series,
        model=model,
        variant=variant,
        colour=colour[:40],
        currency=currency,
        list_price=sums.list_price,
        discount=sums.discount,
        total=sums.total,
        valid_until=until,
        note=note.strip()[:4000],
        created_at=now,
        updated_at=now,
    )
    quotation.save(force_insert=True)
    QuotationLine.objects.bulk_create(_lines(quotation, sums, extras))
    audit.record(
        actor=actor,
        action="sales.make_quotation",
        obj=quotation,
        after={"prospect": prospect.pk, "version": quotation.version, "total": sums.total, "discount": sums.discount},
    )
    milestones.reached(prospect, LeadEvent.QUOTED, actor=actor)
    prospect.updated_at = now
    prospect.save()
    return quotation


def _vehicle(vehicle_id: UUID | None, prospect_id: UUID) -> StockVehicle | None:
    if vehicle_id is None:
        return None
    vehicle = StockVehicle.objects.filter(pk=vehicle_id).first()
    if vehicle is None:
        raise Invalid([FieldError("vehicle", "choice", _("Choose a car of the stock."))])
    if vehicle.state in (VehicleState.SOLD, VehicleState.DELIVERED):
        raise Conflict("vehicle_gone", _("This car has been sold. Choose another one."))
    if vehicle.held_for not in (None, prospect_id):
        raise Conflict("vehicle_reserved", _("This car is reserved for another customer. Please choose another one."))
    return vehicle


def _check(sums: Sum, list_price: Decimal | None, brand: str, until: date, today: date, extras: Sequence[Line]) -> None:
    problems: list[FieldError] = []

    def wrong(field: str, code: str, message: str | Promise) -> None:
        problems.append(FieldError(field, code, message))

    if not brand:
        wrong("variant", "required", _("Choose a car."))
    if list_price is None or sums.list_price <= 0:
        wrong("list_price", "required", _("Enter the list price of the car."))
    for field in ("discount", "insurance"):
        if getattr(sums, field) < 0:
            wrong(field, "negative", _("Enter an amount that is not below zero."))
    if sums.discount > sums.list_price + sums.extras:
        wrong("discount", "too_large", _("The discount is larger than the price."))
    if max(sums.list_price, sums.extras, sums.insurance) >= _TOO_MUCH:
        wrong("list_price", "too_large", _("This amount is too large. Check the number of digits."))
    if not today <= until <= today + timedelta(days=180):
        wrong("valid_until", "range", _("A quotation is valid for at most 180 days from today."))
    if len(extras) > MOST_LINES:
        wrong("extras", "too_many", _("These are too many lines. Put some of them together."))
    for place, line in enumerate(extras):
        if line.kind not in (LineKind.OPTION, LineKind.SERVICE, LineKind.GIFT):
            wrong(f"extras.{place}.kind", "choice", _("Choose one of the values offered."))
        if not line.text.strip() or len(line.text) > 200:
            wrong(f"extras.{place}.text", "text", _("Say in at most 200 characters what this line is for."))
        if line.amount < 0:
            wrong(f"extras.{place}.amount", "negative", _("Enter an amount that is not below zero."))
    if problems:
        raise Invalid(problems)


def _lines(quotation: Quotation, sums: Sum, extras: Sequence[Line]) -> list[QuotationLine]:
    wanted = [Line(LineKind.VEHICLE, quotation.variant or quotation.model or quotation.brand, sums.list_price)]
    wanted += [Line(line.kind, line.text.strip(), round_money(line.amount, quotation.currency)) for line in extras]
    if sums.discount:
        wanted.append(Line(LineKind.DISCOUNT, "", -sums.discount))
    if sums.insurance:
        wanted.append(Line(LineKind.INSURANCE, "", sums.insurance))
    return [
        QuotationLine(quotation=quotation, place=place, kind=line.kind, text=line.text[:200], amount=line.amount)
        for place, line in enumerate(wanted, start=1)
    ]


@transaction.atomic
def refuse_quotation(*, actor: Actor, quotation_id: UUID, note: str = "") -> Quotation:
    """Note that the customer does not take this offer."""
    actor.require(Right.SALES_WORK)
    quotation = lock_quotation(quotation_id)
    old = move(quotation, "state", QuotationState.REFUSED, QUOTATION_TRANSITIONS)
    quotation.updated_at = clock.now()
    quotation.save()
    audit.record(
        actor=actor,
        action="sales.refuse_quotation",
        obj=quotation,
        before={"state": old},
        after={"state": quotation.state},
        note=note,
    )
    return quotation
