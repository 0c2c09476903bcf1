"""What the rules say about each line of a claim: a pure function of the claim, the catalogue and a dated rule pack.

A suggestion is never stored: it is computed again from the revision as it came and the version of the pack. A person
decides.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from uuid import UUID

from kernel.automotive.warranty import ClaimReason, coverage
from kernel.contracts import ClaimLineKind, ClaimOutcome
from kernel.money import round_money

_DATA = Path(__file__).parent / "data" / "rules.toml"


@dataclass(frozen=True)
class Pack:
    """One version of the rules. Shares are of one (0.05 is 5 %); amounts are in `currency`."""

    version: str
    in_force_from: date
    source: str
    currency: str
    warranty_months: int
    warranty_km: int
    wear_part_months: int
    wear_part_km: int
    hours_tolerance: Decimal
    price_tolerance: Decimal
    highest_hourly_rate: Decimal
    highest_sublet: Decimal


@cache
def packs() -> tuple[Pack, ...]:
    """Every pack, oldest first."""
    entries = tomllib.loads(_DATA.read_text(encoding="utf-8"), parse_float=Decimal)["pack"]
    return tuple(sorted((Pack(**entry) for entry in entries), key=lambda pack: pack.in_force_from))


def pack_on(day: date) -> Pack:
    """The pack in force on a day; before the first one it is the first."""
    return next((pack for pack in reversed(packs()) if pack.in_force_from <= day), packs()[0])


def pack_of(version: str) -> Pack:
    """The pack of a version. Raises LookupError for one that never was."""
    for pack in packs():
        if pack.version == version:
            return pack
    raise LookupError(version)


@dataclass(frozen=True)
class LineFacts:
    """A line as it was asked; what was not shared is None or ""."""

    line_id: UUID
    kind: str
    code: str
    quantity: Decimal | None
    unit_price: Decimal | None
    amount: Decimal


@dataclass(frozen=True)
class ClaimFacts:
    """A revision of a claim as it was asked, with what the manufacturer itself knows of the car.

    `begins_on` is the day the warranty began; `months` and `km_limit` the term of the car's variant where it is known.
    """

    claim_type: str
    begins_on: date | None
    repair_on: date | None
    odometer_km: int | None
    causal_part: str
    currency: str
    lines: tuple[LineFacts, ...]
    months: int | None = None
    km_limit: int | None = None


@dataclass(frozen=True)
class Prices:
    """What the catalogue says of the codes in a claim: standard hours by operation, list price and wear by part."""

    hours: Mapping[str, Decimal] = field(default_factory=dict)
    parts: Mapping[str, Decimal] = field(default_factory=dict)
    wear_parts: frozenset[str] = frozenset()
    currency: str = "CNY"


@dataclass(frozen=True)
class Suggestion:
    """The rules' answer to one line; the first reason is the weightiest and goes down with the decision."""

    line_id: UUID
    outcome: ClaimOutcome
    amount: Decimal
    reasons: tuple[ClaimReason, ...] = ()


def suggest(claim: ClaimFacts, prices: Prices, pack: Pack) -> list[Suggestion]:
    """One suggestion for each line, in order."""
    for_all = _of_claim(claim, pack)
    seen: set[tuple[str, str]] = set()
    found = []
    for line in claim.lines:
        key = (line.kind, line.code)
        doubled = bool(line.code) and key in seen
        seen.add(key)
        found.append(_of_line(line, claim, prices, pack, for_all, doubled))
    return found


#: What sends a whole claim back: the dealership can put it right.
_TO_PUT_RIGHT = {ClaimReason.START_UNKNOWN, ClaimReason.CAUSAL_PART_MISSING}


def _of_claim(claim: ClaimFacts, pack: Pack) -> tuple[ClaimReason, ...]:
    """What speaks against every line alike."""
    reasons = []
    if claim.claim_type == "vehicle" and claim.repair_on is not None and claim.odometer_km is not None:
        covered = coverage(
            begins_on=claim.begins_on,
            months=pack.warranty_months if claim.months is None else claim.months,
            km_limit=pack.warranty_km if claim.km_limit is None else claim.km_limit,
            on=claim.repair_on,
            km=claim.odometer_km,
        )
        by_code = {
            "start_unknown": ClaimReason.START_UNKNOWN,
            "before_start": ClaimReason.OUT_OF_TIME,
            "time_over": ClaimReason.OUT_OF_TIME,
            "km_over": ClaimReason.OUT_OF_DISTANCE,
        }
        reasons += [by_code[reason.code] for reason in covered.reasons if reason.against]
    parts = {line.code for line in claim.lines if line.kind == ClaimLineKind.PART}
    if parts and claim.causal_part not in parts:
        reasons.append(ClaimReason.CAUSAL_PART_MISSING)
    return tuple(reasons)


def _of_line(
    line: LineFacts,
    claim: ClaimFacts,
    prices: Prices,
    pack: Pack,
    for_all: tuple[ClaimReason, ...],
    doubled: bool,
) -> Suggestion:
    if any(reason not in _TO_PUT_RIGHT for reason in for_all):
        return Suggestion(line.line_id, ClaimOutcome.REFUSED, Decimal(0), for_all)
    if for_all:
        return Suggestion(line.line_id, ClaimOutcome.SENT_BACK, Decimal(0), for_all)
    if doubled:
        return Suggestion(line.line_id, ClaimOutcome.REFUSED, Decimal(0), (ClaimReason.DUPLICATE_LINE,))
    if _worn(line, claim, prices, pack):
        return Suggestion(line.line_id, ClaimOutcome.REFUSED, Decimal(0), (ClaimReason.WEAR_PART,))
    unknown = _unknown(line, prices)
    if unknown is not None:
        return Suggestion(line.line_id, ClaimOutcome.SENT_BACK, Decimal(0), (unknown,))
    allowed, reasons = _allowed(line, claim, prices, pack)
    if allowed < line.amount:
        outcome = ClaimOutcome.PARTLY_APPROVED if allowed > 0 else ClaimOutcome.REFUSED
        return Suggestion(line.line_id, outcome, allowed, tuple(reasons))
    return Suggestion(line.line_id, ClaimOutcome.APPROVED, line.amount)


def _worn(line: LineFacts, claim: ClaimFacts, prices: Prices, pack: Pack) -> bool:
    """Whether a wear part failed after the term that wear parts have."""
    if line.kind != ClaimLineKind.PART or line.code not in prices.wear_parts or claim.claim_type != "vehicle":
        return False
    if claim.begins_on is None or claim.repair_on is None or claim.odometer_km is None:
        return False
    return not coverage(
        begins_on=claim.begins_on,
        months=pack.wear_part_months,
        km_limit=pack.wear_part_km,
        on=claim.repair_on,
        km=claim.odometer_km,
    ).covered


def _unknown(line: LineFacts, prices: Prices) -> ClaimReason | None:
    if line.kind == ClaimLineKind.LABOUR and line.code not in prices.hours:
        return ClaimReason.UNKNOWN_OPERATION
    if line.kind == ClaimLineKind.PART and line.code not in prices.parts:
        return ClaimReason.UNKNOWN_PART
    return None


def _allowed(line: LineFacts, claim: ClaimFacts, prices: Prices, pack: Pack) -> tuple[Decimal, list[ClaimReason]]:
    """The amount that the rules let pass, and what cut it."""
    if line.quantity is None or line.unit_price is None:
        return line.amount, []
    quantity, price, reasons = line.quantity, line.unit_price, []
    if round_money(quantity * price, claim.currency) < line.amount:
        reasons.append(ClaimReason.WRONG_AMOUNT)
    if line.kind == ClaimLineKind.LABOUR:
        most_hours = _tolerant(prices.hours[line.code], pack.hours_tolerance)
        if quantity > most_hours:
            quantity = prices.hours[line.code]
            reasons.append(ClaimReason.HOURS_OVER_STANDARD)
        if claim.currency == pack.currency and price > pack.highest_hourly_rate:
            price = pack.highest_hourly_rate
            reasons.append(ClaimReason.RATE_OVER_AGREED)
    elif line.kind == ClaimLineKind.PART:
        listed = prices.parts[line.code]
        if claim.currency == prices.currency and price > _tolerant(listed, pack.price_tolerance):
            price = listed
            reasons.append(ClaimReason.PRICE_OVER_LIST)
    allowed = min(round_money(quantity * price, claim.currency), line.amount)
    if line.kind == ClaimLineKind.SUBLET and claim.currency == pack.currency and allowed > pack.highest_sublet:
        allowed = pack.highest_sublet
        reasons.append(ClaimReason.SUBLET_OVER_LIMIT)
    return allowed, reasons


def _tolerant(figure: Decimal, tolerance: Decimal) -> Decimal:
    return (figure * (1 + tolerance)).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def outcome_of(lines: list[ClaimOutcome]) -> ClaimOutcome:
    """The answer to a claim as a whole: one line sent back sends it back, else all alike, else partly approved."""
    answers = set(lines)
    if ClaimOutcome.SENT_BACK in answers:
        return ClaimOutcome.SENT_BACK
    if len(answers) == 1:
        return answers.pop()
    return ClaimOutcome.PARTLY_APPROVED
