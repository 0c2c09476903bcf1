"""Blind marks: the same telephone number, e-mail address or VIN gives the same word, and nobody without the key can
go back or try values.

The key is this dealership's own: it follows from the dealers' key, which no portal process holds, and from the
dealership's id. So the marks of two dealerships cannot be laid side by side, not even by somebody who copied both
schemas. It stays when keys rotate.
"""

from __future__ import annotations

import base64
import hmac
import unicodedata
from collections.abc import Iterable, Mapping

from django.db import transaction
from django.db.models import F, Q

from dealer.customers.models import Customer, Ownership, Vehicle
from kernel.automotive import phone
from kernel.automotive import vin as vins
from kernel.contracts import KnownBy
from kernel.tenancy import keys
from kernel.tenancy.bindings import own_id

#: 26 characters of base32 are 130 bits.
LENGTH = 26
#: Rows that one step of the backfill marks, in one transaction.
STEP = 500

Marks = dict[str, list[str]]


def normalised(kind: KnownBy, text: str) -> str:
    """The form in which two ways of writing the same thing are equal; "" where it cannot be read.

    A telephone number in E.164, an e-mail address trimmed and in lower case, a VIN in capitals without spaces. Dots and
    what follows a plus stay in an address: providers differ in what they mean, and to take somebody for a customer who
    is not one is worse than to miss one.
    """
    match kind:
        case KnownBy.PHONE:
            return phone.normalise(text).e164 or ""
        case KnownBy.EMAIL:
            address = unicodedata.normalize("NFKC", text).strip().casefold()
            return address if "@" in address else ""
        case KnownBy.VIN:
            return vins.normalise(text) if vins.is_acceptable(text) else ""


class Marker:
    """Makes the marks of the bound dealership. Raises `WallError` where the dealers' key is not held."""

    def __init__(self) -> None:
        self._key = hmac.digest(keys.lasting("DEALERS", "matching"), f"dealership:{own_id()}".encode(), "sha256")

    def __call__(self, kind: KnownBy, text: str) -> str:
        """The mark of a value, "" for what cannot be read. Equal values of two kinds have different marks."""
        value = normalised(kind, text)
        if not value:
            return ""
        digest = hmac.digest(self._key, f"{kind}|{value}".encode(), "sha256")
        return base64.b32encode(digest).decode().lower()[:LENGTH]

    def all(self, kind: KnownBy, texts: Iterable[str]) -> list[str]:
        """The marks of several values, each once."""
        return sorted({mark for text in texts if text and (mark := self(kind, text))})


def put_on(customer: Customer, marker: Marker | None = None) -> None:
    """Set `marks` to those of the customer's numbers and address as they stand. Does not save."""
    marker = marker or Marker()
    marks = {
        KnownBy.PHONE: marker.all(KnownBy.PHONE, [customer.phone, customer.other_phone]),
        KnownBy.EMAIL: marker.all(KnownBy.EMAIL, [customer.email]),
    }
    customer.marks = {str(kind): found for kind, found in marks.items() if found}
    customer.marked_at = customer.updated_at


# -- looking up ------------------------------------------------------------------------------------------------


def known_by(*, phone_number: str = "", email: str = "", vins: Iterable[str] = ()) -> list[KnownBy]:
    """By what somebody is a customer here already: number, address, or a car whose present party is one.

    Always two queries with as many marks as there are values, whether anything is found or not.
    """
    marker = Marker()
    wanted: Mapping[KnownBy, list[str]] = {
        KnownBy.PHONE: marker.all(KnownBy.PHONE, [phone_number]),
        KnownBy.EMAIL: marker.all(KnownBy.EMAIL, [email]),
    }
    held: Marks = {str(kind): [] for kind in wanted}
    rows = Customer.objects.filter(_any_of(wanted)).values_list("marks", flat=True)[:20]
    for marks in rows:
        for kind in held:
            held[kind] += (marks or {}).get(kind, [])
    cars = marker.all(KnownBy.VIN, vins)
    parties = list(Ownership.objects.filter(until=None, vehicle__mark__in=cars or ["nothing"]).values_list("pk")[:1])
    found = [kind for kind, marks in wanted.items() if set(marks) & set(held[str(kind)])]
    return [*found, KnownBy.VIN] if parties else found


def customers_with(kind: KnownBy, text: str) -> list[Customer]:
    """The customers who have this number or address, oldest first; at most 5."""
    mark = Marker()(kind, text)
    if not mark:
        return []
    return list(Customer.objects.filter(_any_of({kind: [mark]})).order_by("created_at", "id")[:5])


def _any_of(wanted: Mapping[KnownBy, Iterable[str]]) -> Q:
    # The index over jsonb serves "contains", one branch for each mark. The first branch, which nothing fulfils, lets
    # the query be asked even where there is nothing to look for.
    found = Q(marks__contains={"nothing": ["nothing"]})
    for kind, marks in wanted.items():
        for mark in marks:
            found |= Q(marks__contains={str(kind): [mark]})
    return found


# -- backfill --------------------------------------------------------------------------------------------------


def mark_what_is_not(*, most: int = STEP) -> int:
    """Mark up to `most` customers and cars that have no marks, or older ones than themselves; returns how many.

    Those who are being changed at this moment are left for the next time: whoever changes them marks them. Killed
    half-way, it goes on where it was.
    """
    marker = Marker()
    stale = Customer.objects.filter(Q(marked_at=None) | Q(marked_at__lt=F("updated_at")))
    with transaction.atomic():
        customers = list(stale.select_for_update(skip_locked=True).order_by("id")[:most])
        for customer in customers:
            put_on(customer, marker)
        Customer.objects.bulk_update(customers, ["marks", "marked_at"])
    return len(customers) + _mark_cars(marker, most - len(customers))


def _mark_cars(marker: Marker, most: int) -> int:
    rows = list(Vehicle.objects.filter(mark=None).order_by("id").values_list("id", "vin")[:most])
    # A VIN never changes, so neither does its mark: no lock is needed.
    made = [Vehicle(id=id_, mark=marker(KnownBy.VIN, vin)) for id_, vin in rows]
    Vehicle.objects.bulk_update(made, ["mark"])
    return len(made)
