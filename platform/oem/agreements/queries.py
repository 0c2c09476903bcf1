"""Reading the sharing agreements as the manufacturer sees them.

The manufacturer keeps the texts (`kernel.contracts.agreements`); which version a dealership signed and which level is
in force there is the dealership's own and known here only from what it sends. So each dealership's terms are shown with
the level *last seen* on messages, and when: never as if they were known better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Max
from django.utils.translation import get_language

from exchange.models import Inbox
from kernel.accounts.roles import Right
from kernel.contracts import BOOKKEEPING, Level, Purpose
from kernel.contracts.agreements import AgreementText, Term, agreements, default_agreement
from kernel.errors import Missing
from oem.network.models import Dealership
from oem.network.queries import dealerships_for

#: One record may come at a lower level than is in force, because its customer did not consent. So the level last seen
#: is the highest one among the messages of this long before the last.
WINDOW = timedelta(days=30)
#: Counts come every day, also when there was nothing; a dealership from which none came for this long sends none.
COUNTS_SILENT_AFTER = timedelta(days=3)


@dataclass(frozen=True)
class Seen:
    """One level on messages of a contract and purpose: how it was last seen."""

    dealership: UUID
    contract: str
    purpose: str
    level: Level
    at: datetime
    agreement_version: str


@dataclass(frozen=True)
class LastSeen:
    """The level last seen for a contract and purpose at a dealership. `mixed`: some records came with codes only."""

    level: Level
    at: datetime
    agreement_version: str
    mixed: bool = False

    def silent(self, now: datetime) -> bool:
        """Whether counts were shared and then stopped."""
        return self.level is Level.COUNTS and now - self.at > COUNTS_SILENT_AFTER


Key = tuple[UUID, str, str]
#: Reads the daily counts that arrived; without names: of every contract.
CountsSource = Callable[[Iterable[str]], Iterable[Seen]]
_counts_sources: list[CountsSource] = []


def counts_come_from(source: CountsSource) -> CountsSource:
    """Register where daily counts are kept: they name the contract they count, which the exchange does not read."""
    _counts_sources.append(source)
    return source


def combined(seen: Iterable[Seen]) -> dict[Key, LastSeen]:
    """The level last seen for each dealership, contract and purpose."""
    by_key: dict[Key, list[Seen]] = {}
    for one in seen:
        by_key.setdefault((one.dealership, one.contract, one.purpose), []).append(one)
    return {key: _last(several) for key, several in by_key.items()}


def _last(several: list[Seen]) -> LastSeen:
    latest = max(several, key=lambda one: one.at)
    if latest.level is Level.COUNTS:
        return LastSeen(latest.level, latest.at, latest.agreement_version)
    counted = max((one.at for one in several if one.level is Level.COUNTS), default=None)
    recent = [
        one
        for one in several
        if one.level is not Level.COUNTS and one.at >= latest.at - WINDOW and (counted is None or one.at >= counted)
    ]
    highest = max(one.level for one in recent)
    return LastSeen(highest, latest.at, latest.agreement_version, mixed=any(one.level < highest for one in recent))


def last_seen(contracts: Iterable[str] = ()) -> dict[Key, LastSeen]:
    """The level last seen of some contracts (all without names), by dealership, contract and purpose. Two queries."""
    wanted = list(contracts)
    rows = Inbox.objects.exclude(contract__in=[*BOOKKEEPING, "DailyCounts"])
    if wanted:
        rows = rows.filter(contract__in=wanted)
    grouped = rows.order_by().values("sender", "contract", "purpose", "level", "agreement_version")
    seen = [
        Seen(r["sender"], r["contract"], r["purpose"], Level(r["level"]), r["at"], r["agreement_version"])
        for r in grouped.annotate(at=Max("event_at"))
    ]
    for source in _counts_sources:
        seen += source(wanted)
    return combined(seen)


# -- the agreements --------------------------------------------------------------------------------------------


def in_words(by_language: dict[str, str]) -> str:
    """A text of an agreement in the active language."""
    return by_language.get((get_language() or "en").lower()) or by_language["en"]


@dataclass(frozen=True)
class DealershipTerm:
    """One term at one dealership: what is asked, and what was last seen (None: nothing has arrived)."""

    term: Term
    seen: LastSeen | None

    @property
    def purpose(self) -> Purpose:
        return self.term.purpose


@dataclass(frozen=True)
class DealershipTerms:
    """One dealership. `version` is the one that its last message named, "" before the first."""

    dealership: Dealership
    version: str
    terms: list[DealershipTerm]


def terms_at_dealerships(user: Any, *, only: Dealership | None = None) -> list[DealershipTerms]:
    """Every term of the current agreement at each dealership that a person may see. Three queries."""
    current = default_agreement()
    seen = last_seen()
    found = []
    for dealership in [only] if only else dealerships_for(user):
        mine = {key: one for key, one in seen.items() if key[0] == dealership.id}
        latest = max(mine.values(), key=lambda one: one.at, default=None)
        terms = [DealershipTerm(t, mine.get((dealership.id, t.contract, str(t.purpose)))) for t in current.terms]
        found.append(DealershipTerms(dealership, latest.agreement_version if latest else "", terms))
    return found


def access_agreement_for_reading(version: str, user: Any) -> AgreementText:
    """One version of the agreement. Raises Missing."""
    found = next((one for one in agreements() if one.version == version), None)
    if found is None or not user.has(Right.SHARING_READ):
        raise Missing()
    return found


def versions() -> list[AgreementText]:
    """Every version, newest first."""
    return list(reversed(agreements()))
