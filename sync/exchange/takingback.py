"""What a receiver does with messages that their sender takes back, by contract.

A receiving app says how records of a contract are found by the messages they came in, and how they are deleted:

    @takes_back("Owner")
    class Owners:
        def rows(self, dealership, messages): …      (id, the day from which a law counts) of every record
        def delete(self, dealership, ids): …         how many records went
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import date
from typing import Protocol, TypeVar
from uuid import UUID

from django.db import transaction

from exchange.inbox import set_aside
from exchange.models import InboxPayload

#: Why a message was left aside that had not been applied; codes of the inbox's `reason`.
WITHDRAWN, ERASED = "withdrawn", "erased"


class Taker(Protocol):
    """How records of one contract are found and deleted."""

    def rows(self, dealership: UUID, messages: Collection[UUID]) -> Iterable[tuple[UUID, date]]:
        """The records that came in these messages of a dealership, each with the day from which a law counts."""

    def delete(self, dealership: UUID, ids: Collection[UUID]) -> int:
        """Delete these records of a dealership with what hangs on them; how many records went."""


AnyTaker = TypeVar("AnyTaker", bound=Callable[[], Taker])
_takers: dict[str, Taker] = {}


def takes_back(contract: str) -> Callable[[AnyTaker], AnyTaker]:
    """Register how records of a contract are taken back."""

    def register(made: AnyTaker) -> AnyTaker:
        if contract in _takers:
            raise RuntimeError(f"{contract} is taken back in two ways")
        _takers[contract] = made()
        return made

    return register


def taker_of(contract: str) -> Taker | None:
    """How records of a contract are taken back; None when nobody keeps any."""
    return _takers.get(contract)


@transaction.atomic
def forget(messages: Collection[UUID], *, reason: str) -> None:
    """Drop what these messages said: their payloads go, and those that were not applied yet never will be."""
    set_aside(messages, reason=reason)
    InboxPayload.objects.filter(id__in=list(messages)).delete()
