"""The law packs as the gate reads them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from exchange.gate import MANUFACTURER, Consent, LawEffect, Policy, Reason, decide
from exchange.law import law_rules
from exchange.pseudonyms import Pseudonymiser
from kernel.contracts import Level, Owner, Purpose, ServiceVisit

AT = datetime(2026, 3, 4, 12, tzinfo=UTC)
HASH = Pseudonymiser(b"k" * 32, "demo")
VIN = "LSVAA4187E2184847"
VISIT = ServiceVisit(
    visit_id=uuid4(),
    vin=VIN,
    opened_at=AT,
    closed_at=AT,
    odometer_km=12_000,
    kind="repair",
    jobs=[],
    labour_total=Decimal("300.00"),
    parts_total=Decimal("12.50"),
    currency="CNY",
)
OWNER = Owner(
    version=1, owner_key="c-17", vin=VIN, role="owner", since=date(2025, 1, 2), kind="individual", name="王小明"
)


def consent(purpose: Purpose) -> Consent:
    return Consent(
        granted=True, purpose=purpose, recipient=MANUFACTURER, text_version="1", given_at=AT - timedelta(days=9)
    )


def policy(contract: str, purpose: Purpose, place: str) -> Policy:
    return Policy(
        contract=contract,
        purpose=purpose,
        template=Level.FULL,
        ceiling=Level.FULL,
        required=False,
        agreement_version="1",
        law=law_rules(place),
    )


def test_only_what_the_gate_knows_becomes_a_rule_of_it():
    assert {rule.effect for rule in law_rules("CN")} == {LawEffect.REQUIRE_CONSENT}
    assert {rule.purpose for rule in law_rules("CN")} == {
        Purpose.LEAD_HANDLING,
        Purpose.CUSTOMER_CARE,
        Purpose.MARKETING,
        Purpose.ANALYTICS,
        Purpose.BENCHMARK,
    }
    assert law_rules("US-MD") == ()
    assert law_rules("JP") == ()


@pytest.mark.parametrize(("place", "level"), [("CN", Level.FULL), ("JP", Level.FULL), ("DE", Level.PSEUDONYMOUS)])
def test_in_europe_a_service_visit_with_its_vin_takes_consent(place, level):
    told = policy("ServiceVisit", Purpose.ANALYTICS, place)
    without = decide(VISIT, told, None, at=AT, pseudonymiser=HASH)
    assert without.effective is level
    assert (without.released["vin"] == VIN) is (level is Level.FULL)
    with_consent = decide(VISIT, told, consent(Purpose.ANALYTICS), at=AT, pseudonymiser=HASH)
    assert with_consent.released["vin"] == VIN


def test_the_path_cites_pack_version_article_and_source():
    told = policy("Owner", Purpose.CUSTOMER_CARE, "CN")
    decision = decide(OWNER, told, None, at=AT, pseudonymiser=HASH)
    cited = [step.inputs for step in decision.path if step.code == "law_consent"]
    assert cited == [
        {"pack": "CN", "version": "2026-1", "article": "PIPL art. 23", "source": "https://flk.npc.gov.cn/"}
    ]
    assert decision.withheld["name"] is Reason.NO_CONSENT


def test_before_the_law_began_its_rule_does_nothing():
    told = policy("ServiceVisit", Purpose.ANALYTICS, "DE")
    before = datetime(2018, 5, 20, tzinfo=UTC)
    assert decide(VISIT, told, None, at=before, pseudonymiser=HASH).effective is Level.FULL
