"""Reads of customers, each limited to what the asking person may see."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Prefetch, Q, QuerySet

from dealer.customers import consent_texts
from dealer.customers.consent_texts import ConsentText
from dealer.customers.models import Consent, Customer, Interaction, Ownership, Recipient, Vehicle
from exchange import gate
from kernel import clock
from kernel.accounts.access import find
from kernel.accounts.models import User
from kernel.accounts.roles import Department, Right, Role
from kernel.automotive import names, phone
from kernel.contracts import Purpose
from kernel.errors import Missing

#: So many customers are found by the end of a VIN at most.
MOST_CARS = 200
_DIGITS = re.compile(r"[\s\-()+]")


# -- who may see whom ------------------------------------------------------------------------------------------


def visible_customers(user: User) -> QuerySet[Customer]:
    """The customers that a person's department meets; none for roles that meet nobody (IT, technicians …)."""
    if not user.has(Right.CUSTOMERS_READ):
        return Customer.objects.none()
    match Role(user.role).department:
        case Department.WHOLE:
            return Customer.objects.all()
        case Department.SALES:
            return Customer.objects.filter(for_sales=True)
        case Department.SERVICE:
            return Customer.objects.filter(for_service=True)
    return Customer.objects.none()


def access_customer_for_reading(id: str | UUID, user: User) -> Customer:
    """One customer for its card. Raises Missing."""
    return find(visible_customers(user), id)


def access_customer_for_writing(id: str | UUID, user: User) -> Customer:
    """One customer, to change what is known of it. Raises Missing."""
    if not user.has(Right.CUSTOMERS_WRITE):
        raise Missing()
    return find(visible_customers(user), id)


def access_customer_for_meeting(id: str | UUID, user: User) -> Customer:
    """One customer of any department, for somebody who has its number at hand and is about to enter it again."""
    if not user.has(Right.CUSTOMERS_WRITE):
        raise Missing()
    return find(Customer.objects.all(), id)


def access_consent_for_withdrawing(id: str | UUID, user: User) -> Consent:
    """One consent of a customer that the person may change. Raises Missing."""
    if not user.has(Right.CUSTOMERS_WRITE):
        raise Missing()
    visible = Consent.objects.filter(customer__in=visible_customers(user)).select_related("customer")
    return find(visible, id)


def visible_vehicles(user: User) -> QuerySet[Vehicle]:
    """The cars of the customers that a person may see."""
    if user.has(Right.CUSTOMERS_READ) and Role(user.role).department is Department.WHOLE:
        return Vehicle.objects.all()
    return Vehicle.objects.filter(ownerships__customer__in=visible_customers(user)).distinct()


def access_vehicle_for_reading(id: str | UUID, user: User) -> Vehicle:
    """One car for its page. Raises Missing."""
    return find(visible_vehicles(user), id)


# -- finding ---------------------------------------------------------------------------------------------------


def matching(text: str) -> Q:
    """The condition for what somebody typed into the search box: telephone number or its end, name, pinyin,
    initials, e-mail, customer number, plate, VIN or its end. Every branch has an index that serves prefixes."""
    text = " ".join(text.replace("\x00", "").split())[:60]
    if not text:
        return Q()
    digits = _DIGITS.sub("", text)
    if digits.isascii() and digits.isdigit():
        return _matching_digits(digits)
    compact = text.replace(" ", "").casefold()
    found = Q(name__startswith=text)
    if names.is_chinese(text):
        plate = text.replace(" ", "").replace("·", "").upper()
        return found | Q(pk__in=_parties_of(Vehicle.objects.filter(plate__startswith=plate)))
    if "@" in text:
        return Q(email__startswith=text.casefold())
    found |= Q(pinyin__startswith=compact) | Q(initials__startswith=compact)
    if any(c.isdigit() for c in compact):
        tail = compact.upper()[::-1]
        cars = Vehicle.objects.filter(Q(vin_reversed__startswith=tail) | Q(vin=compact.upper()))
        found |= Q(pk__in=_parties_of(cars))
    return found


def _matching_digits(digits: str) -> Q:
    found = Q(phone_reversed__startswith=digits[::-1])
    if len(digits) >= 3:
        found |= Q(phone__startswith="+86" + digits) | Q(phone__startswith="+" + digits)
    if len(digits) <= 9:
        found |= Q(number=int(digits))
    if 4 <= len(digits) <= 8:
        found |= Q(pk__in=_parties_of(Vehicle.objects.filter(vin_reversed__startswith=digits[::-1])))
    return found


def _parties_of(cars: QuerySet[Vehicle]) -> list[UUID]:
    """The customers of these cars. Asked first and by itself: an OR with a subquery could not use any index."""
    return list(Ownership.objects.filter(vehicle__in=cars).values_list("customer_id", flat=True)[:MOST_CARS])


def without_phone() -> Q:
    """Customers who cannot be called."""
    return Q(phone="")


def find_by_contact(*, phone_number: str = "", email: str = "") -> list[Customer]:
    """Customers of any department with this telephone number (any form) or e-mail address, oldest first; at most 5.

    For actions that must not enter somebody twice, and for the hint while typing.
    """
    same = Q()
    if phone_number and (e164 := phone.normalise(phone_number).e164):
        same |= Q(phone=e164)
    if email.strip():
        same |= Q(email=email.strip().casefold())
    if not same:
        return []
    return list(Customer.objects.filter(same).order_by("created_at", "id")[:5])


@dataclass(frozen=True)
class Duplicate:
    """A customer who is known already, for somebody about to enter them again; masked if of another department."""

    customer: Customer
    visible: bool
    same_phone: bool

    @property
    def name(self) -> str:
        return self.customer.name if self.visible else names.mask_name(self.customer.name)


def duplicates(user: User, *, phone_number: str, email: str, besides: UUID | None = None) -> list[Duplicate]:
    """Who already has this telephone number or e-mail address."""
    found = [customer for customer in find_by_contact(phone_number=phone_number, email=email) if customer.pk != besides]
    if not found:
        return []
    seen = set(visible_customers(user).filter(pk__in=[customer.pk for customer in found]).values_list("pk", flat=True))
    e164 = phone.normalise(phone_number).e164 if phone_number else None
    return [Duplicate(customer, customer.pk in seen, bool(e164) and customer.phone == e164) for customer in found]


# -- cards -----------------------------------------------------------------------------------------------------


def ownerships_of(customer: Customer) -> list[Ownership]:
    """Every role on a car that a customer has or had, present ones first."""
    rows = customer.ownerships.select_related("vehicle").order_by("-since", "id")
    return sorted(rows, key=lambda row: row.until is not None)


def interactions_of(customer: Customer, limit: int = 50) -> list[Interaction]:
    """The latest contacts with a customer, of every department."""
    return list(customer.interactions.all()[:limit])


def with_cars(customers: QuerySet[Customer]) -> QuerySet[Customer]:
    """Prefetch the cars that customers have now, as `cars` (a list of Ownership)."""
    present = Ownership.objects.filter(until=None).select_related("vehicle")
    return customers.prefetch_related(Prefetch("ownerships", queryset=present, to_attr="cars"))


# -- consents --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ConsentLine:
    """One purpose and recipient on a customer's card: what holds now, and the text that would be asked for."""

    purpose: Purpose
    recipient: Recipient
    text: ConsentText
    latest: Consent | None
    at: datetime

    @property
    def state(self) -> str:
        """unasked, refused, withdrawn, expired or given."""
        if self.latest is None:
            return "unasked"
        return state_of(self.latest, self.at)


def state_of(consent: Consent, at: datetime) -> str:
    """refused, withdrawn, expired or given."""
    if not consent.granted:
        return "refused"
    if consent.withdrawn_at is not None and consent.withdrawn_at <= at:
        return "withdrawn"
    if consent.expires_at is not None and consent.expires_at <= at:
        return "expired"
    return "given"


def consent_lines(customer: Customer, at: datetime | None = None) -> list[ConsentLine]:
    """Who may know what of a customer, in the order of the consent texts. One query."""
    when = at or clock.now()
    latest = _latest(customer.consents.filter(given_at__lte=when))
    return [
        ConsentLine(text.purpose, Recipient(text.recipient), text, latest.get((text.purpose, text.recipient)), when)
        for text in consent_texts.current_texts()
    ]


def _latest(consents: Iterable[Consent]) -> dict[tuple[str, str], Consent]:
    found: dict[tuple[str, str], Consent] = {}
    for consent in consents:
        found.setdefault((consent.purpose, consent.recipient), consent)
    return found


def consent_for(
    customer: Customer, purpose: Purpose, recipient: str = Recipient.MANUFACTURER, at: datetime | None = None
) -> gate.Consent | None:
    """The consent that counts for a purpose and recipient at a time, as the gate reads it; None if never asked."""
    when = at or clock.now()
    row = customer.consents.filter(purpose=purpose, recipient=recipient, given_at__lte=when).first()
    return as_gate_consent(row) if row else None


def consents_for(
    customers: Iterable[UUID], purpose: Purpose, recipient: str = Recipient.MANUFACTURER
) -> dict[UUID, gate.Consent]:
    """`consent_for` of many customers at once, by id; those who were never asked are left out. One query."""
    rows = Consent.objects.filter(
        customer__in=set(customers), purpose=purpose, recipient=recipient, given_at__lte=clock.now()
    )
    latest: dict[UUID, Consent] = {}
    for row in rows:  # in the model's own order, newest first, as `consent_for` takes them
        latest.setdefault(row.customer_id, row)
    return {id_: as_gate_consent(row) for id_, row in latest.items()}


def consent_for_sharing(customer: Customer, purpose: Purpose) -> gate.Consent | None:
    """The consent for the manufacturer that counts now, which stays as it is until the transaction ends.

    A withdrawal waits for every transaction that reads so, and is waited for: nothing decided under a consent is
    written after it was withdrawn.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM customers_customer WHERE id = %s FOR KEY SHARE", [customer.pk])
    return consent_for(customer, purpose, Recipient.MANUFACTURER)


def as_gate_consent(row: Consent) -> gate.Consent:
    return gate.Consent(
        granted=row.granted,
        purpose=Purpose(row.purpose),
        recipient=row.recipient,
        text_version=row.text_version,
        given_at=row.given_at,
        expires_at=row.expires_at,
        withdrawn_at=row.withdrawn_at,
    )
