"""What other apps do when a party of a car, or what may be known of it, changes.

`dealer.customers` knows nothing of sharing, which stands after it in the order of imports; so sharing says here what
is to run, inside the same transaction, after the change.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from kernel.accounts.actors import Actor

if TYPE_CHECKING:
    from dealer.customers.models import Consent, Ownership

PartyListener = Callable[["Ownership", Actor, datetime], None]
ConsentListener = Callable[["Consent", Actor, datetime], None]
_party: list[PartyListener] = []
_consent: list[ConsentListener] = []


def when_party_changes(listener: PartyListener) -> PartyListener:
    """Run `listener(ownership, actor, at)` after a role on a car began, ended, or its customer's data changed."""
    if listener not in _party:
        _party.append(listener)
    return listener


def when_consent_changes(listener: ConsentListener) -> ConsentListener:
    """Run `listener(consent, actor, at)` after a consent was given, refused or withdrawn."""
    if listener not in _consent:
        _consent.append(listener)
    return listener


def party_changed(ownership: Ownership, actor: Actor, at: datetime) -> None:
    for listener in _party:
        listener(ownership, actor, at)


def consent_changed(consent: Consent, actor: Actor, at: datetime) -> None:
    for listener in _consent:
        listener(consent, actor, at)
