"""The texts a customer agrees to, as data: by version, purpose and recipient, in three languages.

A version is never edited: a new wording gets a new version. What a consent must say follows from PIPL arts. 14, 17
and, for giving data to another company, art. 23: recipient's name and contact, purpose, manner and kinds of data.
`{dealer}`, `{dealer_phone}` and `{manufacturer}` are filled in; the hash is that of the filled text.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kernel.contracts import Purpose

_DATA = Path(__file__).parent / "data" / "consent_texts.toml"
LANGUAGES = ("zh-hans", "zh-hant", "en")


@dataclass(frozen=True)
class ConsentText:
    """One text. `kinds` are classes of data (`kernel.contracts.FieldClass`), `months` how long it holds."""

    version: str
    purpose: Purpose
    recipient: str
    kinds: tuple[str, ...]
    months: int
    wording: dict[str, str]

    def filled(self, language: str, names: dict[str, str]) -> str:
        """The text as the customer reads it. Raises KeyError for a language that it is not written in."""
        return self.wording[language].format(**names)


def digest(text: str) -> str:
    """SHA-256 of a filled text."""
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def all_texts() -> tuple[ConsentText, ...]:
    """Every text there is, in the order of the data file."""
    found = []
    for entry in tomllib.loads(_DATA.read_text(encoding="utf-8"))["text"]:
        wording = {language: " ".join(entry[language].split()) for language in LANGUAGES}
        found.append(
            ConsentText(
                version=entry["version"],
                purpose=Purpose(entry["purpose"]),
                recipient=entry["recipient"],
                kinds=tuple(entry["kinds"]),
                months=entry["months"],
                wording=wording,
            )
        )
    keys = [(text.version, text.purpose, text.recipient) for text in found]
    if len(set(keys)) != len(keys):
        raise ValueError("two consent texts have the same version, purpose and recipient")
    return tuple(found)


def current_texts() -> tuple[ConsentText, ...]:
    """The latest text for every purpose and recipient: what a form offers."""
    latest: dict[tuple[str, str], ConsentText] = {}
    for text in all_texts():
        latest[text.purpose, text.recipient] = text
    return tuple(latest.values())


def text_for(purpose: str, recipient: str, version: str | None = None) -> ConsentText | None:
    """The text of a version, or the latest one; None if there is none."""
    for text in reversed(all_texts()):
        if (text.purpose, text.recipient) == (purpose, recipient) and version in (None, text.version):
            return text
    return None
