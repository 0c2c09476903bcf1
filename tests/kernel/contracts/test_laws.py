"""Law packs: every rule has a source and dates, and what is not a pack is refused when it is read."""

from __future__ import annotations

import copy
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation

from kernel.contracts import ContractError, laws
from kernel.contracts.laws import (
    Effect,
    Party,
    most_notice_days,
    packs,
    packs_for,
    places,
    retention,
    rule,
    rules_for,
)

DAY = date(2026, 11, 22)
CHINA = tomllib.loads((Path(laws.__file__).parent / "data" / "laws" / "cn.toml").read_text(encoding="utf-8"))


def test_the_packs_are_those_of_the_places_we_know():
    assert {pack.id for pack in packs()} == {"CN", "EU", "US", "US-AZ", "US-FL", "US-GA", "US-MD"}
    assert {"CN", "DE", "NO", "US", "US-MD"} <= set(places())


def test_every_rule_says_where_it_stands_and_in_three_languages():
    for pack in packs():
        assert pack.checked_on <= DAY
        for one in pack.rules:
            assert one.source.startswith("https://")
            assert one.article
            assert len(set(one.text.values())) == 3, one.id
            assert one.valid_from <= pack.checked_on


@pytest.mark.parametrize(
    ("place", "ids"),
    [
        ("CN", ["CN"]),
        ("DE", ["EU"]),
        ("US", ["US"]),
        ("US-MD", ["US", "US-MD"]),
        ("US-TX", ["US"]),
        ("JP", []),
    ],
)
def test_a_place_has_its_own_packs_and_its_countrys(place, ids):
    assert [pack.id for pack in packs_for(place)] == ids


def test_before_the_law_there_is_no_pack():
    assert [pack.id for pack in packs_for("DE", date(2018, 5, 24))] == []
    assert [pack.id for pack in packs_for("DE", date(2018, 5, 25))] == ["EU"]


def test_the_articles_named_by_the_promise_are_there():
    chinese = {one.article for one in packs_for("CN")[0].rules}
    assert {f"PIPL art. {number}" for number in (13, 14, 15, 20, 21, 23)} <= chinese
    assert {"Order 626 art. 9", "Order 626 art. 11", "SAMR order 43 art. 17"} <= chinese
    european = " ".join(one.article for one in packs_for("DE")[0].rules)
    assert all(f"art. {number}" in european for number in (6, 7, 17, 28))
    for state in ("US-MD", "US-FL", "US-GA", "US-AZ"):
        assert len(packs_for(state)[-1].rules) == 1


@pytest.mark.parametrize(
    ("contract", "purpose", "expected"),
    [("Owner", "customer_care", ["cn.pipl.23"]), ("Owner", "safety_recall", []), ("VehicleSale", "incentive", [])],
)
def test_in_china_consent_is_demanded_for_what_no_contract_or_duty_covers(contract, purpose, expected):
    found = rules_for("CN", contract, purpose, DAY, [Effect.REQUIRE_CONSENT])
    assert [one.id for _pack, one in found] == expected


def test_the_manufacturer_keeps_first_sales_for_ten_years_in_china():
    duty = retention("CN", "VehicleSale", "sale_and_delivery", DAY)
    assert duty is not None
    assert (duty.years, duty.rule.article, duty.pack.id) == (10, "Order 626 art. 9", "CN")
    assert duty.until(date(2024, 2, 29)) == date(2034, 2, 28)
    assert duty.until(date(2024, 3, 1)) == date(2034, 3, 1)


def test_a_dealership_keeps_repairs_for_the_longer_of_two_duties():
    duty = retention("CN", "ServiceVisit", "analytics", DAY, Party.DEALERSHIP)
    assert duty is not None
    assert (duty.years, duty.rule.id) == (6, "cn.order43.17")
    before = retention("CN", "ServiceVisit", "analytics", date(2021, 12, 31), Party.DEALERSHIP)
    assert before is not None
    assert (before.years, before.rule.id) == (5, "cn.order626.11")


def test_nothing_is_kept_where_no_law_says_so():
    assert retention("CN", "Owner", "customer_care", DAY) is None
    assert retention("DE", "WarrantyClaim", "warranty", DAY) is None
    assert retention("JP", "VehicleSale", "sale_and_delivery", DAY) is None


def test_a_law_that_changes_has_two_dated_rules():
    old = retention("US-MD", "WarrantyClaim", "warranty", date(2024, 10, 14))
    new = retention("US-MD", "WarrantyClaim", "warranty", date(2024, 10, 15))
    assert old is not None
    assert new is not None
    assert (old.years, new.years) == (5, 10)


def test_a_day_begins_with_its_first_hour_anywhere_and_ends_with_its_last():
    one = rule("us.49cfr576.before")
    assert one is not None
    assert one.in_force(datetime(2024, 10, 15, 11, 59, tzinfo=UTC))
    assert not one.in_force(datetime(2024, 10, 15, 12, 0, tzinfo=UTC))
    later = rule("us.49cfr576")
    assert later is not None
    assert later.in_force(datetime(2024, 10, 14, 10, 0, tzinfo=UTC))
    assert not later.in_force(datetime(2024, 10, 14, 9, 59, tzinfo=UTC))


def test_only_arizona_says_by_which_notice_a_dealer_may_leave():
    assert most_notice_days("US-AZ", DAY) == 90
    assert most_notice_days("US-AZ", date(2019, 1, 1)) is None
    assert most_notice_days("CN", DAY) is None


def test_a_rule_speaks_the_readers_language():
    one = rule("cn.pipl.23")
    assert one is not None
    with translation.override("zh-hant"):
        assert "單獨同意" in one.words
        assert packs_for("CN")[0].words == "中國"
    with translation.override("en"):
        assert "separate consent" in one.words
    assert rule("cn.pipl.99") is None


def broken(**changes: Any) -> dict[str, Any]:
    """The Chinese pack with one rule, its first, changed; None takes a key away."""
    body = copy.deepcopy(CHINA)
    entry = body["rule"][0] | changes
    body["rule"] = [{key: value for key, value in entry.items() if value is not None}]
    return body


def test_the_unchanged_rule_is_a_pack():
    assert laws._read(broken()).id == "CN"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"source": "a book"}, "source"),
        ({"source": None}, "source is missing"),
        ({"text": {"en": "Only English."}}, "needs text"),
        ({"effect": "allow"}, "allow"),
        ({"effect": "forbid_field"}, "names fields"),
        ({"field_class": "contact"}, "names fields"),
        ({"effect": "cap_level"}, "caps"),
        ({"cap": "counts"}, "caps"),
        ({"effect": "retention", "party": "manufacturer"}, "retention"),
        ({"years": 3}, "retention"),
        ({"effect": "termination"}, "notice period"),
        ({"days": 90}, "notice period"),
        ({"contracts": ["Nothing"]}, "there is no contract"),
        ({"effect": "forbid_field", "field": "shoe_size"}, "no field shoe_size"),
        ({"purposes": ["fun"]}, "fun"),
        ({"valid_from": "2021-11-01"}, "not a day"),
        ({"valid_until": date(2020, 1, 1)}, "ends before it begins"),
        ({"contract": "Owner"}, "unknown"),
    ],
)
def test_a_rule_that_says_too_little_or_too_much_is_refused(changes, says):
    with pytest.raises(ContractError, match=says):
        laws._read(broken(**changes))


def test_a_pack_names_its_places():
    with pytest.raises(ContractError, match="place"):
        laws._read(CHINA | {"places": ["China"]})
    with pytest.raises(ContractError, match="exactly"):
        laws._read({"id": "XX"})
    with pytest.raises(ContractError, match="twice"):
        laws._require_once(["a", "b", "a"])
