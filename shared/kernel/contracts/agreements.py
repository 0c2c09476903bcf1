"""Sharing agreements as data: the text that both sides sign, and its terms, contract by contract.

Both tiers read them here, so that the portal shows the very text that a dealership signed; what was signed is
known by `digest`, the SHA-256 over version, texts and terms. The versions in `data/agreements.toml` are what a
dealership gets on joining; every later one is proposed by the manufacturer and crosses as a `SharingProposal`.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Self
from uuid import UUID, uuid5

from kernel.contracts import (
    BOOKKEEPING,
    REQUIRABLE,
    ContractError,
    DailyCounts,
    FieldClass,
    Level,
    Purpose,
    Spec,
    all_contracts,
    versions,
)

_DATA = Path(__file__).parent / "data" / "agreements.toml"
LANGUAGES = ("zh-hans", "zh-hant", "en")
#: The most that a term may keep what was received, in days: twenty years.
MOST_RETENTION_DAYS = 7300
#: Recipients beside the manufacturer that a term may name.
MOST_RECIPIENTS = 5


@dataclass(frozen=True)
class Term:
    """What the manufacturer asks for one contract and purpose.

    `level` is the most it may receive; `joining_ceiling` what a dealership allows that joins and says nothing else.
    `retention_days` is how long the manufacturer keeps what it received (None: as long as the purpose lasts and the law
    demands), `recipients` names who works with it for the manufacturer, beside the manufacturer itself.
    """

    contract: str
    purpose: Purpose
    level: Level
    required: bool
    joining_ceiling: Level
    fields_denied: tuple[str, ...] = ()
    retention_days: int | None = None
    recipients: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        return self.contract, str(self.purpose)

    def to_json(self) -> dict[str, Any]:
        # What earlier versions did not know stands only where it says something: their digests stay.
        body: dict[str, Any] = {
            "contract": self.contract,
            "purpose": str(self.purpose),
            "level": str(self.level),
            "required": self.required,
            "fields_denied": list(self.fields_denied),
        }
        if self.retention_days is not None:
            body["retention_days"] = self.retention_days
        if self.recipients:
            body["recipients"] = list(self.recipients)
        return body

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """What `to_json` wrote. Raises `ValueError` and `KeyError` for something else."""
        return cls(
            contract=str(body["contract"]),
            purpose=Purpose(body["purpose"]),
            level=Level(body["level"]),
            required=bool(body["required"]),
            joining_ceiling=Level.NOTHING,
            fields_denied=tuple(body.get("fields_denied") or ()),
            retention_days=body.get("retention_days"),
            recipients=tuple(body.get("recipients") or ()),
        )


@dataclass(frozen=True)
class AgreementText:
    """One version of an agreement. `title` and `text` are by language.

    `notice_days` is the notice on which either side ends it, and a later version replaces it. Until
    `valid_from` the version before stays in force, unless a proposed one is signed sooner.
    """

    version: str
    published_on: date
    notice_days: int
    title: dict[str, str]
    text: dict[str, str]
    terms: tuple[Term, ...]
    valid_from: date | None = None

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON of version, title, text and terms."""
        body: dict[str, Any] = {
            "version": self.version,
            "title": self.title,
            "text": self.text,
            "terms": [term.to_json() for term in self.terms],
        }
        if self.valid_from is not None:
            body |= {"valid_from": self.valid_from.isoformat(), "notice_days": self.notice_days}
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def term(self, contract: str, purpose: str) -> Term | None:
        """The term for a contract and purpose, or None: then nothing of it may go up."""
        return next((t for t in self.terms if (t.contract, str(t.purpose)) == (contract, str(purpose))), None)


@cache
def agreements() -> tuple[AgreementText, ...]:
    """Every version, oldest first. Raises ContractError for data that cannot be an agreement."""
    return tuple(_read(entry) for entry in tomllib.loads(_DATA.read_text(encoding="utf-8"))["agreement"])


def default_agreement() -> AgreementText:
    """The latest version: what a dealership that joins is asked to sign."""
    return agreements()[-1]


def agreement(version: str) -> AgreementText | None:
    """One version, or None."""
    return next((one for one in agreements() if one.version == version), None)


def _read(entry: dict[str, Any]) -> AgreementText:
    made = AgreementText(
        version=entry["version"],
        published_on=entry["published_on"],
        notice_days=entry["notice_days"],
        title={language: entry["title"][language] for language in LANGUAGES},
        text={language: entry["text"][language].strip() for language in LANGUAGES},
        terms=tuple(
            Term(
                contract=term["contract"],
                purpose=Purpose(term["purpose"]),
                level=Level(term["level"]),
                required=term["required"],
                joining_ceiling=Level(term["joining_ceiling"]),
                fields_denied=tuple(term.get("fields_denied", ())),
            )
            for term in entry["term"]
        ),
    )
    for (contract, purpose), codes in problems_of(made.terms).items():
        raise ContractError(f"agreement {made.version}: {contract}, {purpose}: {', '.join(codes)}")
    return made


def problems_of(terms: Iterable[Term]) -> dict[tuple[str, str], list[str]]:
    """What is wrong with terms, as codes by contract and purpose; empty when nothing is.

    `no_contract`, `no_purpose` (it does not serve it), `not_requirable` (Maryland, Transp. § 15-207.1(b)(4), names the
    four purposes that may be required), `no_field`, `order_field` (kept for the order of records), `retention`,
    `recipients`, `twice`.
    """
    found: dict[tuple[str, str], list[str]] = {}
    seen: set[tuple[str, str]] = set()
    for term in terms:
        codes = _codes_of(term)
        if term.key in seen:
            codes.append("twice")
        seen.add(term.key)
        if codes:
            found.setdefault(term.key, []).extend(codes)
    return found


def _codes_of(term: Term) -> list[str]:
    specs = [spec for spec in askable() if spec.name == term.contract]
    if not specs:
        return ["no_contract"]
    codes = [] if any(term.purpose in spec.purposes for spec in specs) else ["no_purpose"]
    if term.required and term.purpose not in REQUIRABLE:
        codes.append("not_requirable")
    marks = {path: mark for spec in specs for path, mark in spec.paths.items()}
    if any(path not in marks for path in term.fields_denied):
        codes.append("no_field")
    elif any(marks[path].field_class is FieldClass.REFERENCE for path in term.fields_denied):
        codes.append("order_field")
    if term.retention_days is not None and not 1 <= term.retention_days <= MOST_RETENTION_DAYS:
        codes.append("retention")
    named = [name for name in term.recipients if name.strip() and len(name) <= 80]
    if len(named) != len(term.recipients) or len(named) > MOST_RECIPIENTS:
        codes.append("recipients")
    return codes


def askable() -> list[Spec]:
    """The contracts that an agreement can name: what goes up, without bookkeeping and the counts of what it names."""
    return [
        spec
        for name in dict.fromkeys(owner.spec.name for owner in all_contracts())
        for spec in [versions(name)[-1].spec]
        if spec.direction == "up" and name != DailyCounts.spec.name and name not in BOOKKEEPING
    ]


def subject_of(dealership: UUID) -> UUID:
    """The subject of all messages about a dealership's agreement: they are kept in order, both ways."""
    return uuid5(dealership, "sharing agreement")
