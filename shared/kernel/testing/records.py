"""Hypothesis strategies for records of any contract, drawn from the contract's own shapes."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from kernel.contracts import (
    Contract,
    LeadStage,
    Mark,
    ReadingReport,
    SalesLead,
    ServiceVisit,
    SharingProposal,
    SupportAccess,
)
from kernel.contracts import shapes as s

#: What every personal text drawn with `canaries` begins with; no other text contains it.
CANARY = "CANARY"
#: Personal dates drawn with `canaries` lie in these years, all others after them.
CANARY_YEARS = (date(1900, 1, 1), date(1950, 12, 31))

#: East, west, and one that is off by half an hour and changes in summer.
ZONES = [UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-12)), ZoneInfo("America/St_Johns")]

plain_text = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")


def decimals() -> st.SearchStrategy[Decimal]:
    limit = 10**s.MAX_WHOLE_DIGITS - 1
    return st.builds(
        lambda number, places: Decimal(number).scaleb(-places),
        st.integers(-limit, limit),
        st.integers(0, s.MAX_DECIMALS),
    )


def values(shape: s.Shape, canary: bool = False) -> st.SearchStrategy[Any]:
    """Any value that fits the shape; with `canary`, texts and dates that can be found again."""
    match shape:
        case s.Text(_, str(pattern)):
            return st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True)
        case s.Text(max_length):
            if canary:
                return st.uuids().map(lambda made: f"{CANARY}{made.hex}"[:max_length])
            return st.text(plain_text, max_size=min(max_length, 20))
        case s.Whole(minimum):
            return st.integers(-s.MAX_INT - 1 if minimum is None else minimum, s.MAX_INT)
        case s.Truth():
            return st.booleans()
        case s.Number():
            return decimals()
        case s.Day():
            return st.dates(*CANARY_YEARS) if canary else st.dates(date(2000, 1, 1))
        case s.Instant():
            # The bounds have no zone, for the zones are drawn.
            least, most = datetime(2000, 1, 1), datetime(9990, 1, 1)  # noqa: DTZ001 - see above
            return st.datetimes(least, most, timezones=st.sampled_from(ZONES))
        case s.Identifier():
            return st.uuids()
        case s.Choice(choices):
            return st.sampled_from(list(choices))
        case s.Maybe(inner):
            return st.none() | values(inner, canary)
        case s.ListOf(inner):
            return st.lists(values(inner, canary), max_size=3)
        case s.MapOf(key, inner):
            return st.dictionaries(values(key), values(inner, canary), max_size=3)
        case s.Entry(keys, marks):
            return st.fixed_dictionaries({key: values(keys[key], canary and _personal(marks[key])) for key in keys})
    raise TypeError(shape)


def _personal(mark: Mark) -> bool:
    return mark.personal


@st.composite
def records(draw: st.DrawFn, contract: type[Contract], canaries: bool = False) -> Contract:
    """A valid record of the contract. With `canaries`, every personal text and date can be found again."""
    drawn = {
        name: draw(values(field.shape, canaries and field.mark.personal))
        for name, field in contract.spec.fields.items()
    }
    return contract(**_settled(contract, drawn))


def _settled(contract: type[Contract], drawn: dict[str, Any]) -> dict[str, Any]:
    """The same values, bent to the rules between fields."""
    if contract is SalesLead and drawn["stage"] is LeadStage.RECALL:
        personal = [name for name, field in contract.spec.fields.items() if field.mark.personal]
        return drawn | dict.fromkeys(personal)
    if contract is SalesLead:
        moment = datetime(2026, 3, 1, 8, tzinfo=UTC)
        return drawn | {name: drawn[name] or moment for name in ("offered_at", "respond_before")}
    if contract is ServiceVisit:
        opened, closed = sorted([drawn["opened_at"], drawn["closed_at"]], key=lambda moment: moment.astimezone(UTC))
        marked = drawn["satisfaction"] and 1 + drawn["satisfaction"] % 5
        return drawn | {"opened_at": opened, "closed_at": closed, "satisfaction": marked}
    if contract is SupportAccess:
        needed = {"hours": 1, "may": "read", "area": "technical", "reason": "", "role": "", "code_hash": "0" * 64}
        needed |= {"person": uuid4(), "until": datetime(2026, 3, 1, 8, tzinfo=UTC)}
        return drawn | {name: value for name, value in needed.items() if drawn[name] is None}
    if contract is SharingProposal:
        given = {"text_hash": "0" * 64, "published_on": date(2026, 3, 1), "valid_from": date(2026, 6, 1)}
        given |= {"notice_days": 90, "words": [], "terms": []}
        return drawn | {name: value for name, value in given.items() if drawn[name] is None}
    if contract is ReadingReport and not drawn["times"]:
        return drawn | {"times": [_LOOKED]}
    if drawn.get("lines") is not None:
        single = {line["line_id"]: line for line in drawn["lines"]}
        return drawn | {"lines": list(single.values()) or [_any_line(contract)]}
    return drawn


_LOOKED = {
    "reading_id": uuid4(),
    "at": datetime(2026, 3, 1, 8, tzinfo=UTC),
    "reader": uuid4(),
    "reader_role": "crm_analyst",
    "reading_for": "customer_care",
    "how": "opened",
    "of": "owners",
    "rows": 1,
    "searched_by": [],
    "vin": None,
    "owner_keys": ["any"],
}


def _any_line(contract: type[Contract]) -> dict[str, Any]:
    entry = s.entry_in(contract.spec.fields["lines"].shape)
    assert entry is not None
    examples: dict[type[s.Shape], Any] = {s.Number: "1.50", s.Identifier: "5f0c5f3e-6f3a-4b77-9b5f-0d6a3f1d2c11"}
    return {
        key: shape.read(examples.get(type(shape), next(iter(getattr(shape, "choices", [])), None)), [], key)
        for key, shape in entry.keys.items()
    }
