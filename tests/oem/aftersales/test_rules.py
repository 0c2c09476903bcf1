"""What the rules suggest, line by line."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import uuid4

import pytest

from kernel.automotive.warranty import ClaimReason
from kernel.contracts import ClaimOutcome
from oem.aftersales import rules

PRICES = rules.Prices(
    hours={"ENG-1": Decimal("2.50")},
    parts={"PUMP": Decimal("420.00"), "PADS": Decimal("260.00")},
    wear_parts=frozenset({"PADS"}),
)
PACK = rules.pack_of("2026-1")


def line(kind: str, code: str, quantity: str, price: str, amount: str | None = None) -> rules.LineFacts:
    asked = Decimal(amount) if amount else Decimal(quantity) * Decimal(price)
    return rules.LineFacts(uuid4(), kind, code, Decimal(quantity), Decimal(price), asked)


def claim(*lines: rules.LineFacts, **changes) -> rules.ClaimFacts:
    facts = rules.ClaimFacts(
        claim_type="vehicle",
        begins_on=date(2025, 1, 1),
        repair_on=date(2026, 1, 1),
        odometer_km=12_000,
        causal_part="PUMP",
        currency="CNY",
        lines=lines,
    )
    return replace(facts, **changes)


LABOUR = line("labour", "ENG-1", "2.50", "180")
PUMP = line("part", "PUMP", "1", "420")


def answers(facts: rules.ClaimFacts) -> list[tuple[str, Decimal, tuple[str, ...]]]:
    return [
        (str(one.outcome), one.amount, tuple(str(reason) for reason in one.reasons))
        for one in rules.suggest(facts, PRICES, PACK)
    ]


def test_a_claim_in_order_is_approved_as_asked():
    assert answers(claim(LABOUR, PUMP)) == [
        ("approved", Decimal("450.00"), ()),
        ("approved", Decimal("420"), ()),
    ]


@pytest.mark.parametrize(
    ("asked", "outcome", "amount", "reason"),
    [
        (line("labour", "ENG-1", "2.62", "180"), "approved", "471.60", None),
        (line("labour", "ENG-1", "2.70", "180"), "partly_approved", "450.00", ClaimReason.HOURS_OVER_STANDARD),
        (line("labour", "ENG-1", "2.50", "300"), "partly_approved", "550.00", ClaimReason.RATE_OVER_AGREED),
        (line("labour", "NO-SUCH", "1", "180"), "sent_back", "0", ClaimReason.UNKNOWN_OPERATION),
        (line("part", "NO-SUCH", "1", "10"), "sent_back", "0", ClaimReason.UNKNOWN_PART),
        (line("part", "PUMP", "2", "450"), "partly_approved", "840.00", ClaimReason.PRICE_OVER_LIST),
        (line("part", "PUMP", "1", "400"), "approved", "400", None),
        (line("part", "PUMP", "1", "420", "500"), "partly_approved", "420.00", ClaimReason.WRONG_AMOUNT),
        (line("part", "PADS", "1", "260"), "refused", "0", ClaimReason.WEAR_PART),
        (line("sublet", "", "1", "3500"), "partly_approved", "3000.00", ClaimReason.SUBLET_OVER_LIMIT),
        (line("sublet", "", "1", "2999"), "approved", "2999", None),
    ],
)
def test_a_line_out_of_order_is_cut_refused_or_sent_back(asked, outcome, amount, reason):
    found = answers(claim(asked, PUMP) if asked.code != "PUMP" else claim(asked))[0]
    assert found == (outcome, Decimal(amount), (str(reason),) if reason else ())


@pytest.mark.parametrize(
    ("changes", "outcome", "reason"),
    [
        ({"repair_on": date(2028, 1, 2)}, "refused", ClaimReason.OUT_OF_TIME),
        ({"repair_on": date(2028, 1, 1)}, "approved", None),
        ({"repair_on": date(2024, 12, 31)}, "refused", ClaimReason.OUT_OF_TIME),
        ({"odometer_km": 100_001}, "refused", ClaimReason.OUT_OF_DISTANCE),
        ({"odometer_km": 100_000}, "approved", None),
        ({"odometer_km": 110_000, "km_limit": 120_000}, "approved", None),
        ({"repair_on": date(2029, 1, 1), "months": 60}, "approved", None),
        ({"begins_on": None}, "sent_back", ClaimReason.START_UNKNOWN),
        ({"begins_on": None, "claim_type": "goodwill"}, "approved", None),
        ({"causal_part": ""}, "sent_back", ClaimReason.CAUSAL_PART_MISSING),
        ({"causal_part": "PADS"}, "sent_back", ClaimReason.CAUSAL_PART_MISSING),
        ({"odometer_km": None}, "approved", None),
    ],
)
def test_what_concerns_the_claim_concerns_every_line(changes, outcome, reason):
    found = answers(claim(LABOUR, PUMP, **changes))
    assert {answer[0] for answer in found} == {outcome}
    assert {answer[2] for answer in found} == {(str(reason),) if reason else ()}


def test_a_line_asked_twice_is_refused_the_second_time():
    assert [answer[0] for answer in answers(claim(PUMP, replace(PUMP, line_id=uuid4())))] == ["approved", "refused"]


def test_amounts_in_another_currency_are_not_cut_by_prices():
    found = answers(claim(line("labour", "ENG-1", "2.5", "900"), line("part", "PUMP", "1", "900"), currency="EUR"))
    assert {answer[0] for answer in found} == {"approved"}


def test_what_was_not_shared_is_not_judged():
    bare = rules.LineFacts(uuid4(), "labour", "ENG-1", None, None, Decimal(70))
    assert answers(claim(bare))[0] == ("approved", Decimal(70), ())


@pytest.mark.parametrize(
    ("lines", "whole"),
    [
        (["approved", "approved"], "approved"),
        (["refused", "refused"], "refused"),
        (["approved", "refused"], "partly_approved"),
        (["partly_approved"], "partly_approved"),
        (["approved", "sent_back"], "sent_back"),
    ],
)
def test_the_answer_to_the_whole_follows_from_the_lines(lines, whole):
    assert rules.outcome_of([ClaimOutcome(one) for one in lines]) == whole


def test_packs_are_found_by_day_and_by_version():
    assert rules.pack_on(date(2026, 1, 1)).version == "2026-1"
    assert rules.pack_on(date(1999, 1, 1)) == rules.packs()[0]
    assert len({pack.version for pack in rules.packs()}) == len(rules.packs())
    with pytest.raises(LookupError):
        rules.pack_of("1901-1")


def test_terms_are_not_below_the_law():
    from kernel.automotive.warranty import STATUTORY_KM, STATUTORY_MONTHS

    for pack in rules.packs():
        assert pack.warranty_months >= STATUTORY_MONTHS
        assert pack.warranty_km >= STATUTORY_KM
