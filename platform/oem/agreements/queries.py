"""Reading the sharing agreements as the manufacturer sees them.

The manufacturer keeps the texts (`kernel.contracts.agreements` and its own proposals); which version a dealership
signed and which level is in force there is the dealership's own, and known here by what it tells (`SharingDecision`).
The level *last seen* on messages stands beside it as a check: what is told and what arrives should fit together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Max, QuerySet
from django.utils.translation import get_language

from exchange.models import Inbox
from kernel.accounts.access import find
from kernel.accounts.roles import Right
from kernel.contracts import BOOKKEEPING, Level, Purpose
from kernel.contracts.agreements import AgreementText, Term, agreement, agreements, default_agreement
from kernel.errors import Missing
from oem.agreements.models import Asked, Decision, Proposal, ProposalState
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
class Told:
    """What a dealership says of one line: its ceiling, the level in force there, and whether it refused the line."""

    ceiling: Level
    level: Level
    refused: bool


@dataclass(frozen=True)
class DealershipTerm:
    """One term at one dealership: what is asked, what it told (None: nothing yet), and what was last seen (None:
    nothing has arrived)."""

    term: Term
    seen: LastSeen | None
    told: Told | None = None

    @property
    def purpose(self) -> Purpose:
        return self.term.purpose


@dataclass(frozen=True)
class DealershipTerms:
    """One dealership. `version` is the one that it told to have signed, or else the one that its last message named, ""
    before the first. `decision` is what it told last; `waiting` the version that waits there for a signature."""

    dealership: Dealership
    version: str
    terms: list[DealershipTerm]
    decision: Decision | None = None
    waiting: str = ""


def terms_at_dealerships(user: Any, *, only: Dealership | None = None) -> list[DealershipTerms]:
    """Every term of the agreement at each dealership that a person may see: of the version that it signed, or of the
    built-in one before it has told. Six queries."""
    seen, decisions, waiting = last_seen(), latest_decisions(), waiting_versions()
    texts = {text.version: text for text in versions()}
    found = []
    for dealership in [only] if only else dealerships_for(user):
        mine = {key: one for key, one in seen.items() if key[0] == dealership.id}
        latest = max(mine.values(), key=lambda one: one.at, default=None)
        decision = decisions.get(dealership.id)
        text = texts.get(decision.version if decision else "") or default_agreement()
        told = _told(decision)
        terms = [
            DealershipTerm(t, mine.get((dealership.id, t.contract, str(t.purpose))), told.get(t.key))
            for t in text.terms
        ]
        version = decision.version if decision else latest.agreement_version if latest else ""
        found.append(DealershipTerms(dealership, version, terms, decision, waiting.get(dealership.id, "")))
    return found


def _told(decision: Decision | None) -> dict[tuple[str, str], Told]:
    """What a dealership told, by contract and purpose."""
    lines = decision.ceilings if decision else []
    return {
        (line["contract"], line["purpose"]): Told(Level(line["ceiling"]), Level(line["level"]), line["refused"])
        for line in lines
    }


def latest_decisions() -> dict[UUID, Decision]:
    """What each dealership told last, by dealership. One query."""
    rows = Decision.objects.order_by("dealership", "-number").distinct("dealership")
    return {row.dealership: row for row in rows}


def waiting_versions() -> dict[UUID, str]:
    """The version that waits for a signature, by dealership. One query."""
    rows = Asked.objects.filter(over_at=None, proposal__state=ProposalState.PROPOSED)
    return dict(rows.values_list("dealership", "proposal__version"))


def text_of(version: str) -> AgreementText | None:
    """One version that was ever proposed, or the built-in one; None for a draft or an unknown one."""
    built_in = agreement(version)
    if built_in is not None:
        return built_in
    found = Proposal.objects.filter(version=version).exclude(text_hash="").first()
    return found.as_text() if found else None


def proposal_of(version: str) -> Proposal | None:
    """The proposal behind a version; None for a built-in one."""
    return Proposal.objects.filter(version=version).first()


def access_agreement_for_reading(version: str, user: Any) -> AgreementText:
    """One version of the agreement. Raises Missing."""
    found = text_of(version) if user.has(Right.SHARING_READ) else None
    if found is None:
        raise Missing()
    return found


def versions() -> list[AgreementText]:
    """Every version that was ever proposed, newest first, and the built-in ones. One query."""
    proposed = Proposal.objects.exclude(text_hash="").order_by("-proposed_at")
    return [*(one.as_text() for one in proposed), *reversed(agreements())]


# -- proposals ---------------------------------------------------------------------------------------------------


def open_drafts() -> QuerySet[Proposal]:
    """Versions that are being drawn up."""
    return Proposal.objects.filter(state=ProposalState.DRAFT)


def access_proposal_for_editing(id: str, user: Any) -> Proposal:
    """A version of the manufacturer's own, for those who may propose. Raises Missing."""
    if not user.has(Right.SHARING_PROPOSE):
        raise Missing()
    return find(Proposal.objects.all(), id)


@dataclass(frozen=True)
class AskedOf:
    """One dealership that was asked to sign a version, with its latest word on this version (None: not signed)."""

    dealership: Dealership
    at: datetime
    over_at: datetime | None
    decision: Decision | None

    @property
    def signed_at(self) -> datetime | None:
        return self.decision.signed_at if self.decision else None


def asked_of(proposal: Proposal) -> list[AskedOf]:
    """Whom a version was proposed to, and who has signed it. Three queries."""
    rows = list(proposal.asked_of.all())
    names = {one.id: one for one in Dealership.objects.filter(id__in=[row.dealership for row in rows])}
    signed = {
        one.dealership: one
        for one in Decision.objects.filter(version=proposal.version).exclude(signed_at=None).order_by("number")
    }
    return [
        AskedOf(names[row.dealership], row.at, row.over_at, signed.get(row.dealership))
        for row in rows
        if row.dealership in names
    ]
