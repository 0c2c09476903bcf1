"""Law packs: what the law of a place says about sharing, as dated data with sources (`data/laws/*.toml`).

A *place* is a country by ISO 3166-1 alpha-2 (``CN``, ``DE``) or a part of one by ISO 3166-2 (``US-MD``), for which its
country's packs count too. A place without a pack has no rules here, which does not mean that it has no law.

The rules are deliberately few and simplified: each file says at its head what was left out. They can only take away
from what an agreement allows; nothing here lets anything leave. It is no legal advice, and `docs/guide/sharing.md`
says so.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from django.utils.translation import get_language

from kernel.contracts import ContractError, FieldClass, Level, Purpose, versions

_DATA = Path(__file__).parent / "data" / "laws"
LANGUAGES = ("zh-hans", "zh-hant", "en")
_PLACE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")


class Effect(StrEnum):
    """What a rule does. The first four are read by the gate, the others by people and by deletion."""

    FORBID_FIELD = "forbid_field"
    FORBID_PURPOSE = "forbid_purpose"
    CAP_LEVEL = "cap_level"
    REQUIRE_CONSENT = "require_consent"
    #: `party` must keep records of `contracts` for `years`.
    RETENTION = "retention"
    #: The dealership can end an agreement on `days` days' notice at the latest.
    TERMINATION = "termination"
    #: Something that both sides should know; the code does nothing with it.
    NOTICE = "notice"


#: The effects that the gate knows.
FOR_THE_GATE = frozenset({Effect.FORBID_FIELD, Effect.FORBID_PURPOSE, Effect.CAP_LEVEL, Effect.REQUIRE_CONSENT})


class Party(StrEnum):
    """Who a duty binds."""

    MANUFACTURER = "manufacturer"
    DEALERSHIP = "dealership"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule. Without `contracts` it concerns every contract, without `purposes` every purpose.

    `valid_from` and `valid_until` are days where the law holds, both included. `article` cites the law the same way in
    every language; `text` says it in one sentence by language.
    """

    id: str
    article: str
    effect: Effect
    valid_from: date
    valid_until: date | None
    source: str
    text: Mapping[str, str]
    contracts: tuple[str, ...] = ()
    purposes: tuple[Purpose, ...] = ()
    field: str | None = None
    field_class: FieldClass | None = None
    cap: Level | None = None
    party: Party | None = None
    years: int | None = None
    days: int | None = None

    def in_force(self, at: date | datetime) -> bool:
        """On a day, or at a moment: from its first hour anywhere (UTC+14) to its last one anywhere (UTC-12)."""
        first = last = at
        if isinstance(at, datetime):
            first, last = (at + timedelta(hours=14)).date(), (at - timedelta(hours=12)).date()
        return self.valid_from <= first and (self.valid_until is None or last <= self.valid_until)

    def concerns(self, contract: str, purpose: str) -> bool:
        return (not self.contracts or contract in self.contracts) and (
            not self.purposes or Purpose(purpose) in self.purposes
        )

    @property
    def words(self) -> str:
        """The sentence in the language in force."""
        return self.text.get((get_language() or "en").lower()) or self.text["en"]


@dataclass(frozen=True, kw_only=True)
class Pack:
    """The rules of one law-giver, in one version. `checked_on` is the day on which they were read in their sources."""

    id: str
    version: str
    places: tuple[str, ...]
    checked_on: date
    name: Mapping[str, str]
    rules: tuple[Rule, ...]

    @property
    def words(self) -> str:
        return self.name.get((get_language() or "en").lower()) or self.name["en"]

    def in_force(self, at: date | datetime) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules if rule.in_force(at))


@dataclass(frozen=True)
class Retention:
    """That `party` must keep a record for `years`, by this rule of this pack."""

    pack: Pack
    rule: Rule
    years: int

    def until(self, since: date) -> date:
        """The last day on which a record of this day must be kept; a leap day ends on the 28th."""
        try:
            return since.replace(year=since.year + self.years)
        except ValueError:
            return since.replace(year=since.year + self.years, day=28)


def places() -> tuple[str, ...]:
    """Every place that a pack names, in order."""
    return tuple(sorted({place for pack in packs() for place in pack.places}))


def is_place(text: str) -> bool:
    """Whether this is written like a place."""
    return _PLACE.fullmatch(text) is not None


@cache
def packs() -> tuple[Pack, ...]:
    """Every pack, by id. Raises ContractError for data that cannot be one."""
    read = [_read(tomllib.loads(path.read_text(encoding="utf-8"))) for path in sorted(_DATA.glob("*.toml"))]
    _require_once(pack.id for pack in read)
    _require_once(rule.id for pack in read for rule in pack.rules)
    return tuple(read)


def packs_for(place: str, at: date | datetime | None = None) -> tuple[Pack, ...]:
    """The packs that hold in a place, its country's first; with `at` only those with a rule in force then."""
    wanted = {place, place.partition("-")[0]}
    found = [pack for pack in packs() if wanted & set(pack.places)]
    if at is not None:
        found = [pack for pack in found if pack.in_force(at)]
    return tuple(sorted(found, key=lambda pack: (len(pack.id), pack.id)))


def rules_for(
    place: str, contract: str, purpose: str, at: date | datetime, effects: Iterable[Effect] = tuple(Effect)
) -> list[tuple[Pack, Rule]]:
    """The rules in force for a contract and purpose, each with its pack."""
    wanted = frozenset(effects)
    return [
        (pack, rule)
        for pack in packs_for(place)
        for rule in pack.in_force(at)
        if rule.effect in wanted and rule.concerns(contract, purpose)
    ]


def retention(
    place: str, contract: str, purpose: str, at: date | datetime, party: Party = Party.MANUFACTURER
) -> Retention | None:
    """What makes `party` keep records of a contract that it has for a purpose: the longest duty in force, or None."""
    duties = [
        Retention(pack, rule, rule.years)
        for pack, rule in rules_for(place, contract, purpose, at, [Effect.RETENTION])
        if rule.party is party and rule.years is not None
    ]
    return max(duties, key=lambda duty: duty.years, default=None)


def most_notice_days(place: str, at: date | datetime) -> int | None:
    """The longest notice by which a dealership can be held to an agreement; None where no pack says so."""
    days = [
        rule.days
        for pack in packs_for(place)
        for rule in pack.in_force(at)
        if rule.effect is Effect.TERMINATION and rule.days is not None
    ]
    return min(days, default=None)


def rule(id: str) -> Rule | None:
    """One rule by its id, or None."""
    return next((one for pack in packs() for one in pack.rules if one.id == id), None)


# -- reading ---------------------------------------------------------------------------------------------------------

_PACK_KEYS = {"id", "version", "places", "checked_on", "name", "rule"}
_RULE_KEYS = set(Rule.__dataclass_fields__)


def _read(body: Mapping[str, Any]) -> Pack:
    where = str(body.get("id", "?"))
    _require(where, set(body) == _PACK_KEYS, f"a pack has exactly {sorted(_PACK_KEYS)}")
    _require(where, all(is_place(place) for place in body["places"]), "a place is written like CN or US-MD")
    return Pack(
        id=body["id"],
        version=body["version"],
        places=tuple(body["places"]),
        checked_on=_day(where, body["checked_on"]),
        name=_by_language(where, body["name"]),
        rules=tuple(_read_rule(entry) for entry in body["rule"]),
    )


def _read_rule(entry: Mapping[str, Any]) -> Rule:
    where = str(entry.get("id", "?"))
    _require(where, set(entry) <= _RULE_KEYS, f"unknown {sorted(set(entry) - _RULE_KEYS)}")
    for key in ("id", "article", "effect", "valid_from", "source", "text"):
        _require(where, key in entry, f"{key} is missing")
    try:
        made = Rule(
            id=entry["id"],
            article=entry["article"],
            effect=Effect(entry["effect"]),
            valid_from=_day(where, entry["valid_from"]),
            valid_until=_day(where, entry["valid_until"]) if "valid_until" in entry else None,
            source=entry["source"],
            text=_by_language(where, entry["text"]),
            contracts=tuple(entry.get("contracts", ())),
            purposes=tuple(Purpose(purpose) for purpose in entry.get("purposes", ())),
            field=entry.get("field"),
            field_class=FieldClass(entry["field_class"]) if "field_class" in entry else None,
            cap=Level(entry["cap"]) if "cap" in entry else None,
            party=Party(entry["party"]) if "party" in entry else None,
            years=entry.get("years"),
            days=entry.get("days"),
        )
    except ValueError as error:
        raise ContractError(f"law {where}: {error}") from error
    _check(made)
    return made


def _check(rule: Rule) -> None:
    """A rule says exactly what its effect needs, and names only what exists."""
    effect = rule.effect
    fields = rule.field is not None or rule.field_class is not None
    _require(rule.id, (effect is Effect.FORBID_FIELD) == fields, "names fields if, and only if, it forbids them")
    _require(rule.id, (effect is Effect.CAP_LEVEL) == (rule.cap is not None), "caps if, and only if, it says so")
    kept = rule.party is not None and rule.years is not None and rule.years > 0 and bool(rule.contracts)
    said = rule.party is not None or rule.years is not None
    _require(rule.id, kept if effect is Effect.RETENTION else not said, "retention says who keeps what how long")
    ends = rule.days is not None and rule.days > 0
    _require(rule.id, ends if effect is Effect.TERMINATION else rule.days is None, "a notice period is in days")
    _require(rule.id, rule.source.startswith("https://"), "has a source with an address")
    _require(rule.id, rule.valid_until is None or rule.valid_from <= rule.valid_until, "ends before it begins")
    for name in rule.contracts:
        specs = [owner.spec for owner in versions(name)]
        _require(rule.id, bool(specs), f"there is no contract {name}")
        known = rule.field is None or any(rule.field in spec.paths for spec in specs)
        _require(rule.id, known, f"{name} has no field {rule.field}")


def _by_language(where: str, words: Mapping[str, str]) -> dict[str, str]:
    _require(where, set(words) == set(LANGUAGES) and all(words.values()), f"needs text in {LANGUAGES}")
    return dict(words)


def _day(where: str, value: Any) -> date:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise ContractError(f"law {where}: {value!r} is not a day")
    return value


def _require_once(ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for id_ in ids:
        _require(id_, id_ not in seen, "stands twice")
        seen.add(id_)


def _require(where: str, holds: bool, says: str) -> None:
    if not holds:
        raise ContractError(f"law {where}: {says}")
