"""What was shared of a customer with whom, and who looked at it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext_lazy as _

from dealer.customers.models import Customer
from dealer.customers.subject_access import PART, holds
from dealer.organisation.queries import profile
from dealer.sharing import words
from dealer.sharing.erasing.models import Erasure
from dealer.sharing.models import Disclosure, Reading
from dealer.sharing.takingback.models import Withdrawal
from exchange.models import Ledger, Payload

_LEDGER = ("id", "contract", "purpose", "agreement_version", "level", "released", "withheld", "state", "event_at")


def _shared(customer: Customer) -> Iterator[dict[str, Any]]:
    """Each message about the customer: to whom, what for, which fields left with what in them, which stayed and why."""
    receiver = profile().manufacturer_name
    ids = list(Disclosure.objects.filter(customer_id=customer.pk).order_by("-day", "-id").values_list("id", flat=True))
    for begin in range(0, len(ids), PART):
        part = ids[begin : begin + PART]
        bodies = dict(Payload.objects.filter(id__in=part).values_list("id", "body"))
        for row in Ledger.objects.filter(id__in=part).order_by("-number").values(*_LEDGER, "path", "delivered_at"):
            path = row.pop("path")
            yield {**row, "recipient": receiver, "rules": words.path_in_words(path), "content": bodies.get(row["id"])}


def _readings(customer: Customer) -> Iterator[dict[str, Any]]:
    """Each time that somebody at the manufacturer saw the customer by name. Others seen with it are left out."""
    columns = ("at", "reader", "reader_role", "reading_for", "how", "of", "purpose", "vin")
    found = Reading.objects.filter(owner_keys__contains=[str(customer.pk)])
    yield from found.order_by("-number").values(*columns).iterator(chunk_size=PART)


holds(Disclosure, "", _("What was shared of you, with whom"), rows=_shared)
holds(Reading, "", _("Who at the manufacturer looked"), rows=_readings)
holds(Withdrawal, "customer_id", _("What was taken back of what had been shared"))
holds(Erasure, "customer_id", _("Your requests to be erased"))
