"""Sharing agreements as data: the text that both sides sign, and its terms, contract by contract.

Both tiers read them here, so that the portal shows the very text that a dealership signed; what was signed is
known by `digest`, the SHA-256 over version, texts and terms.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from kernel.contracts import REQUIRABLE, ContractError, Level, Purpose, all_contracts

_DATA = Path(__file__).parent / "data" / "agreements.toml"
LANGUAGES = ("zh-hans", "zh-hant", "en")


@dataclass(frozen=True)
class Term:
    """What the manufacturer asks for one contract and purpose.

    `level` is the most it may receive; `joining_ceiling` what a dealership allows that joins and says nothing else.
    """

    contract: str
    purpose: Purpose
    level: Level
    required: bool
    joining_ceiling: Level
    fields_denied: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "contract": self.contract,
            "purpose": str(self.purpose),
            "level": str(self.level),
            "required": self.required,
            "fields_denied": list(self.fields_denied),
        }


@dataclass(frozen=True)
class AgreementText:
    """One version of an agreement. `title` and `text` are by language; `notice_days` runs before a later version."""

    version: str
    published_on: date
    notice_days: int
    title: dict[str, str]
    text: dict[str, str]
    terms: tuple[Term, ...]

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON of version, title, text and terms."""
        body = {
            "version": self.version,
            "title": self.title,
            "text": self.text,
            "terms": [term.to_json() for term in self.terms],
        }
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
    for term in made.terms:
        serving = [owner.spec for owner in all_contracts() if owner.spec.name == term.contract]
        if not any(term.purpose in spec.purposes for spec in serving):
            raise ContractError(f"agreement {made.version}: {term.contract} does not serve {term.purpose}")
        if term.required and term.purpose not in REQUIRABLE:
            raise ContractError(f"agreement {made.version}: {term.purpose} cannot be required")
    return made
