"""The gate: examples of every rule, and properties over random records, policies, consents and laws."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from dealernet.proofs.strategies import AT, HASH, LAW, cases, lets_no_more_out, narrowings, run
from exchange.gate import (
    MANUFACTURER,
    Consent,
    Decision,
    LawRule,
    Policy,
    Reason,
    Step,
    StepCode,
    decide,
    effective_level,
    narrower,
    preview,
    recompute,
)
from exchange.law import law_rules as rules_of_place
from kernel.contracts import (
    REQUIRABLE,
    Contract,
    DailyCounts,
    Level,
    Owner,
    Purpose,
    ServiceVisit,
    VehicleSale,
    laws,
)
from kernel.testing.records import CANARY, CANARY_YEARS

VIN = "LSVAA4187E2184847"
OWNER = Owner(
    version=3,
    owner_key="customer-17",
    vin=VIN,
    role="owner",
    since=date(2025, 1, 2),
    kind="individual",
    name="王小明",
    sex="male",
    birthday=date(1990, 5, 6),
    phone="+8613800138000",
    email="wang@example.com",
    province="江苏省",
    city="苏州市",
    district="虎丘区",
    address="科技路 1 号",
    consent_version="2026-01",
)
VISIT = ServiceVisit(
    visit_id=UUID("0b0ff0d4-9f6e-4c63-bd7c-6a9a41ab4a5d"),
    vin=VIN,
    opened_at=AT - timedelta(hours=3),
    closed_at=AT,
    odometer_km=12_000,
    kind="repair",
    jobs=[{"complaint": "王小明 reports a noise", "labour_hours": Decimal("1.5")}],
    labour_total=Decimal("300.00"),
    parts_total=Decimal("12.50"),
    currency="CNY",
)
COUNTS = DailyCounts(
    of="Owner", day=date(2026, 3, 4), dimension="kind", cells={"company": None, "individual": 9}, total=None
)
SALE = VehicleSale(
    sale_id=UUID("1c0ff0d4-9f6e-4c63-bd7c-6a9a41ab4a5d"),
    vin=VIN,
    brand="Hongyan",
    delivered_on=date(2026, 3, 4),
    lead_id=UUID("2d0ff0d4-9f6e-4c63-bd7c-6a9a41ab4a5d"),
)
CONSENT = Consent(
    granted=True,
    purpose=Purpose.CUSTOMER_CARE,
    recipient=MANUFACTURER,
    text_version="2026-01",
    given_at=AT - timedelta(days=30),
)


def policy(contract: str = "Owner", purpose: str = "customer_care", **changes: Any) -> Policy:
    told: dict[str, Any] = {
        "template": "full", "ceiling": "full", "required": False, "agreement_version": "1",
    }  # fmt: skip
    return Policy(contract=contract, purpose=purpose, **told | changes)


def ask(record: Contract = OWNER, consent: Consent | None = CONSENT, **changes: Any) -> Decision:
    purpose = changes.pop("purpose", min(record.spec.purposes))
    return decide(record, policy(record.spec.name, purpose, **changes), consent, at=AT, pseudonymiser=HASH)


def test_everything_leaves_at_level_full_with_consent() -> None:
    decision = ask()
    assert decision.effective is Level.FULL
    assert decision.sends
    assert not decision.counted
    assert decision.released == OWNER.to_json()
    assert decision.withheld == {}
    assert decision.explain_field("phone") is None


@pytest.mark.parametrize(
    ("changes", "reason"), [({"ceiling": "nothing"}, "ceiling"), ({"template": "nothing"}, "template")]
)
def test_nothing_leaves_at_level_nothing(changes: dict[str, str], reason: str) -> None:
    decision = ask(**changes)
    assert decision.effective is Level.NOTHING
    assert (decision.sends, decision.counted, decision.released) == (False, False, {})
    assert decision.withheld == dict.fromkeys(Owner.spec.fields, Reason(reason))


def test_an_event_is_only_counted_at_level_counts() -> None:
    decision = ask(ceiling="counts")
    assert (decision.sends, decision.counted, decision.released) == (False, True, {})
    assert set(decision.withheld) == set(Owner.spec.fields)


def test_counts_themselves_leave_at_level_counts_and_not_at_nothing() -> None:
    told = ask(COUNTS, ceiling="counts", purpose="customer_care")
    assert told.released == COUNTS.to_json()
    assert (told.sends, told.counted, told.withheld) == (True, False, {})
    kept = ask(COUNTS, ceiling="nothing", purpose="customer_care")
    assert (kept.sends, kept.counted, kept.released) == (False, False, {})


def test_a_pseudonymous_owner_is_a_keyed_hash_without_name_or_address() -> None:
    decision = ask(ceiling="pseudonymous")
    assert decision.released == {
        "version": 3,
        "owner_key": HASH("customer_care", "customer-17"),
        "vin": HASH("customer_care", VIN),
        "role": "owner",
        "since": "2025-01-02",
        "until": None,
        "kind": "individual",
        "province": "江苏省",
        "city": "苏州市",
        "consent_version": "2026-01",
    }
    stayed = {"name", "sex", "birthday", "phone", "email", "district", "address", "company_name"}
    assert decision.withheld == dict.fromkeys(stayed, Reason.CEILING)
    assert decision.explain_field("phone") == "The dealership's ceiling keeps it back."


def test_a_pseudonymous_visit_has_no_words_that_people_typed() -> None:
    decision = ask(VISIT, ceiling="pseudonymous")
    typed = {"jobs[].complaint", "jobs[].cause", "jobs[].correction"}
    assert decision.withheld == dict.fromkeys(typed, Reason.CEILING)
    assert set(decision.released["jobs"][0]) == set(VISIT.jobs[0]) - {"complaint", "cause", "correction"}
    assert decision.explain_field("jobs[].complaint") == "The dealership's ceiling keeps it back."
    assert decision.explain_field("jobs[].labour_hours") is None


def test_a_pseudonymous_sale_does_not_lead_back_to_the_lead() -> None:
    decision = ask(SALE, template="pseudonymous")
    assert decision.withheld == {"lead_id": Reason.TEMPLATE}


def test_a_contract_that_names_nobody_needs_no_consent() -> None:
    decision = ask(VISIT, consent=None)
    assert decision.released == VISIT.to_json()
    assert StepCode.CONSENT_NOT_NEEDED in [step.code for step in decision.path]


@pytest.mark.parametrize(("purpose", "level"), [("safety_recall", "full"), ("marketing", "pseudonymous")])
def test_a_purpose_that_may_be_required_names_people_without_consent_and_no_other_does(
    monkeypatch: pytest.MonkeyPatch, purpose: str, level: str
) -> None:
    monkeypatch.setattr(Owner, "spec", replace(Owner.spec, purposes=frozenset({Purpose(purpose)})))
    assert ask(consent=None).effective is Level(level)


@pytest.mark.parametrize(
    ("consent", "reason"),
    [
        (None, "no_consent"),
        (replace(CONSENT, granted=False), "no_consent"),
        (replace(CONSENT, given_at=AT + timedelta(seconds=1)), "no_consent"),
        (replace(CONSENT, expires_at=AT), "consent_expired"),
        (replace(CONSENT, withdrawn_at=AT), "consent_withdrawn"),
        (replace(CONSENT, purpose=Purpose.MARKETING), "consent_other_purpose"),
        (replace(CONSENT, recipient="finance"), "consent_other_recipient"),
    ],
)
def test_without_consent_no_name_leaves(consent: Consent | None, reason: str) -> None:
    decision = ask(consent=consent)
    assert decision.effective is Level.PSEUDONYMOUS
    assert set(decision.withheld.values()) == {Reason(reason)}
    assert "name" in decision.withheld
    assert decision.released["vin"] == HASH("customer_care", VIN)


@pytest.mark.parametrize(
    "consent",
    [
        replace(CONSENT, given_at=AT),
        replace(CONSENT, expires_at=AT + timedelta(microseconds=1)),
        replace(CONSENT, withdrawn_at=AT + timedelta(microseconds=1)),
    ],
)
def test_consent_counts_from_its_first_moment_to_before_its_last(consent: Consent) -> None:
    assert ask(consent=consent).effective is Level.FULL


def test_the_reason_is_the_rule_that_lowered_the_level_last() -> None:
    assert set(ask(consent=None, ceiling="pseudonymous").withheld.values()) == {Reason.CEILING}
    assert set(ask(consent=None, ceiling="counts").withheld.values()) == {Reason.CEILING}
    assert set(ask(template="counts", ceiling="counts").withheld.values()) == {Reason.TEMPLATE}
    capped = LawRule(**LAW, effect="cap_level", cap="counts")
    assert set(ask(consent=None, law=(capped,)).withheld.values()) == {Reason.LAW_LEVEL}


def test_a_required_purpose_is_not_lowered_by_the_ceiling() -> None:
    kept = ask(SALE, required=True, ceiling="nothing")
    assert kept.released == SALE.to_json()
    assert StepCode.REQUIRED in [step.code for step in kept.path]
    assert ask(SALE, required=False, ceiling="nothing").released == {}


def test_law_lowers_even_what_is_required() -> None:
    forbidden = LawRule(**LAW, effect="forbid_purpose", purpose="sale_and_delivery")
    decision = ask(SALE, required=True, law=(forbidden,))
    assert decision.released == {}
    assert set(decision.withheld.values()) == {Reason.LAW_PURPOSE}


def test_a_denied_field_stays_at_level_full() -> None:
    decision = ask(fields_denied={"email"})
    assert decision.withheld == {"email": Reason.FIELD_DENIED}
    assert decision.released == {key: value for key, value in OWNER.to_json().items() if key != "email"}


def test_a_denied_key_of_an_entry_stays_while_the_others_leave() -> None:
    decision = ask(VISIT, fields_denied=["jobs[].labour_hours"])
    assert decision.withheld == {"jobs[].labour_hours": Reason.FIELD_DENIED}
    assert decision.released["jobs"][0]["complaint"] == "王小明 reports a noise"
    assert "labour_hours" not in decision.released["jobs"][0]


def test_a_denied_list_stays_as_a_whole_and_so_do_its_keys() -> None:
    decision = ask(VISIT, fields_denied={"jobs", "jobs[].cause"})
    assert decision.withheld == {"jobs": Reason.FIELD_DENIED}
    assert decision.explain_field("jobs[].complaint") == "The agreement keeps this field back."


def test_what_stays_beside_a_denied_list_stays_too() -> None:
    """The keys of a list that stays say nothing more; the fields after it still do."""
    decision = ask(VISIT, fields_denied={"jobs", "jobs[].cause", "labour_total", "parts_total", "currency"})
    assert decision.withheld.keys() == {"jobs", "labour_total", "parts_total", "currency"}
    law = tuple(LawRule(**LAW, effect="forbid_field", field=name) for name in ("jobs", "labour_total", "parts_total"))
    assert ask(VISIT, law=law).withheld.keys() == {"jobs", "labour_total", "parts_total"}


@pytest.mark.parametrize(("purpose", "stays"), [("customer_care", True), ("marketing", False)])
def test_law_forbids_a_field_for_one_purpose_alone(purpose: str, stays: bool) -> None:
    decision = ask(
        purpose="customer_care", law=(LawRule(**LAW, effect="forbid_field", field="phone", purpose=purpose),)
    )
    assert ("phone" in decision.withheld) is stays
    assert ("phone" in decision.released) is not stays


def test_law_forbids_a_field_by_path_and_fields_by_class() -> None:
    by_path = ask(law=(LawRule(**LAW, effect="forbid_field", field="birthday"),))
    assert by_path.withheld == {"birthday": Reason.LAW_FIELD}
    by_class = ask(law=(LawRule(**LAW, effect="forbid_field", field_class="contact"),))
    assert by_class.withheld == dict.fromkeys(("phone", "email", "district", "address"), Reason.LAW_FIELD)
    whole = ask(VISIT, law=(LawRule(**LAW, effect="forbid_field", field="jobs"),))
    assert whole.withheld == {"jobs": Reason.LAW_FIELD}
    key = ask(VISIT, law=(LawRule(**LAW, effect="forbid_field", field="jobs[].cause"),))
    assert key.withheld == {"jobs[].cause": Reason.LAW_FIELD}


def test_law_comes_before_the_agreement_in_the_reason() -> None:
    decision = ask(law=(LawRule(**LAW, effect="forbid_field", field="email"),), fields_denied={"email"})
    assert decision.withheld == {"email": Reason.LAW_FIELD}


def test_a_record_whose_references_the_law_forbids_stays_as_a_whole() -> None:
    decision = ask(law=(LawRule(**LAW, effect="forbid_field", field="consent_version"),))
    assert decision.effective is Level.NOTHING
    assert set(decision.withheld.values()) == {Reason.LAW_FIELD}


def test_law_forbidding_a_field_the_contract_lacks_changes_nothing() -> None:
    assert ask(law=(LawRule(**LAW, effect="forbid_field", field="blood_group"),)) == ask()


def test_law_can_demand_consent_where_nobody_is_named() -> None:
    demand = LawRule(**LAW, effect="require_consent")
    decision = ask(VISIT, consent=None, law=(demand,))
    assert decision.effective is Level.PSEUDONYMOUS
    assert set(decision.withheld.values()) == {Reason.NO_CONSENT}
    given = ask(VISIT, consent=replace(CONSENT, purpose=Purpose.ANALYTICS), law=(demand,))
    assert given.released == VISIT.to_json()


@pytest.mark.parametrize(
    ("changes", "bites"),
    [
        ({}, True),
        ({"contract": "Owner"}, True),
        ({"contract": "VehicleSale"}, False),
        ({"purpose": "customer_care"}, True),
        ({"purpose": "marketing"}, False),
        ({"valid_from": date(2026, 3, 5)}, True),  # 12:00 UTC is already 5 March in Kiribati
        ({"valid_from": date(2026, 3, 6)}, False),
        ({"valid_until": date(2026, 3, 4)}, True),
        ({"valid_until": date(2026, 3, 3)}, False),
    ],
)
def test_a_law_bites_where_and_when_it_holds(changes: dict[str, Any], bites: bool) -> None:
    rule = LawRule(**LAW | changes, effect="cap_level", cap="nothing")
    assert (ask(law=(rule,)).effective is Level.NOTHING) is bites


def test_a_law_of_today_holds_until_its_last_moment_anywhere() -> None:
    rule = LawRule(**LAW, effect="cap_level", cap="nothing", valid_until=date(2026, 3, 3))
    last = datetime(2026, 3, 4, 11, 59, tzinfo=UTC)  # 23:59 of 3 March at UTC-12
    assert effective_level(Owner, policy(law=(rule,)), CONSENT, at=last) is Level.NOTHING
    assert effective_level(Owner, policy(law=(rule,)), CONSENT, at=AT) is Level.FULL


def test_without_a_key_what_needs_a_pseudonym_stays() -> None:
    decision = decide(OWNER, policy(ceiling="pseudonymous"), None, at=AT, pseudonymiser=None)
    assert decision.withheld["vin"] is Reason.NO_PSEUDONYM_KEY
    assert decision.withheld["owner_key"] is Reason.NO_PSEUDONYM_KEY
    assert decision.released["role"] == "owner"


def test_what_arrived_narrowed_is_not_released_again() -> None:
    body = {key: value for key, value in OWNER.to_json().items() if key != "phone"}
    received = Owner.from_json(body, partial=True)
    with pytest.raises(ValueError, match="narrowed"):
        decide(received, policy(), CONSENT, at=AT, pseudonymiser=HASH)


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        (policy("VehicleSale", "sale_and_delivery"), "says nothing about Owner"),
        (policy("DailyCounts", "customer_care"), "says nothing about Owner"),
    ],
)
def test_a_policy_for_something_else_is_an_error(told: Policy, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        decide(OWNER, told, CONSENT, at=AT, pseudonymiser=HASH)


def test_a_purpose_that_this_version_does_not_serve_is_an_error() -> None:
    told = policy()
    object.__setattr__(told, "purpose", Purpose.MARKETING)
    with pytest.raises(ValueError, match="marketing says nothing about Owner"):
        decide(OWNER, told, CONSENT, at=AT, pseudonymiser=HASH)


def test_times_without_zone_are_errors() -> None:
    naive = AT.replace(tzinfo=None)
    with pytest.raises(ValueError, match="time zone"):
        decide(OWNER, policy(), CONSENT, at=naive, pseudonymiser=HASH)
    for name in ("given_at", "expires_at", "withdrawn_at"):
        with pytest.raises(ValueError, match="time zone"):
            replace(CONSENT, **{name: naive})


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        (datetime(2026, 3, 4, 9, 59, 59, tzinfo=UTC), False),
        (datetime(2026, 3, 4, 10, tzinfo=UTC), True),
        (datetime(2026, 3, 7, 11, 59, 59, tzinfo=UTC), True),
        (datetime(2026, 3, 7, 12, tzinfo=UTC), False),
    ],
)
def test_a_law_begins_with_its_first_day_anywhere_and_ends_with_its_last(moment: datetime, holds: bool) -> None:
    days = {"valid_from": date(2026, 3, 5), "valid_until": date(2026, 3, 6)}
    rule = LawRule(**LAW | days, effect="forbid_purpose")
    assert rule.applies(Owner.spec, Purpose.CUSTOMER_CARE, moment) is holds


def test_a_decision_says_what_it_is_about() -> None:
    decision = ask(purpose="customer_care", agreement_version="7")
    assert (decision.contract, decision.version) == ("Owner", Owner.spec.version)
    assert (decision.purpose, decision.recipient) == (Purpose.CUSTOMER_CARE, MANUFACTURER)
    assert (decision.agreement_version, decision.at) == ("7", AT)


def test_the_path_keeps_what_each_rule_was_given() -> None:
    law = LawRule(**LAW | {"source": "npc.gov.cn"}, effect="require_consent")
    cited = {"pack": "CN", "version": "1", "article": "art. 23", "source": "npc.gov.cn"}
    consent = replace(CONSENT, purpose="sale_and_delivery", expires_at=AT + timedelta(days=1))
    changes = {"purpose": "sale_and_delivery", "required": True, "ceiling": "counts", "law": (law,)}
    signed = {"agreement_version": "1", "purpose": "sale_and_delivery"}
    assert [(step.code, step.inputs, step.cap, step.reason) for step in ask(SALE, consent, **changes).path] == [
        ("template", signed, Level.FULL, Reason.TEMPLATE),
        ("required", signed | {"ceiling": "counts"}, Level.FULL, None),
        ("law_consent", cited, Level.FULL, None),
        (
            "consent_valid",
            {
                "purpose": "sale_and_delivery",
                "recipient": "manufacturer",
                "at": "2026-03-04T12:00:00+00:00",
                "text_version": "2026-01",
                "given_on": "2026-02-02",
                "given_at": "2026-02-02T12:00:00+00:00",
                "expires_at": "2026-03-05T12:00:00+00:00",
                "withdrawn_at": None,
            },
            Level.FULL,
            None,
        ),
    ]
    withdrawn = replace(consent, withdrawn_at=AT)
    missing = ask(SALE, withdrawn, **changes).path[-1]
    assert (missing.code, missing.cap, missing.reason) == ("consent_missing", "pseudonymous", "consent_withdrawn")
    assert missing.inputs["withdrawn_at"] == "2026-03-04T12:00:00+00:00"
    none = ask(SALE, None, **changes).path[-1]
    assert (none.code, none.cap, none.reason) == ("consent_missing", "pseudonymous", "no_consent")
    assert none.inputs == {
        "purpose": "sale_and_delivery",
        "recipient": "manufacturer",
        "at": "2026-03-04T12:00:00+00:00",
    }


def test_the_path_names_the_fields_that_a_rule_keeps_back() -> None:
    cited = {"pack": "CN", "version": "1", "article": "art. 23", "source": ""}
    law = (
        LawRule(**LAW, effect="forbid_field", field_class="contact"),
        LawRule(**LAW, effect="forbid_field", field="version"),
        LawRule(**LAW, effect="forbid_field", field_class="reference"),
        LawRule(**LAW, effect="cap_level", cap="pseudonymous"),
        LawRule(**LAW, effect="forbid_purpose"),
        LawRule(**LAW, effect="forbid_field", field="jobs[].cause"),  # Owner has none
    )
    references = "version, consent_version"
    path = ask(law=law, fields_denied={"sex", "birthday"}, purpose="customer_care").path[3:]
    assert [(step.code, step.inputs, step.cap, step.reason) for step in path] == [
        ("law_field", cited | {"fields": "phone, email, district, address"}, Level.FULL, None),
        ("law_field", cited | {"fields": "version"}, Level.FULL, None),
        ("law_record", cited | {"fields": "version"}, Level.NOTHING, Reason.LAW_FIELD),
        ("law_field", cited | {"fields": references}, Level.FULL, None),
        ("law_record", cited | {"fields": references}, Level.NOTHING, Reason.LAW_FIELD),
        ("law_level", cited, Level.PSEUDONYMOUS, Reason.LAW_LEVEL),
        ("law_purpose", cited, Level.NOTHING, Reason.LAW_PURPOSE),
        ("fields_denied", {"fields": "birthday, sex"}, Level.FULL, None),
    ]


def test_a_preview_says_which_records_name_somebody() -> None:
    cases = [(OWNER, CONSENT), (OWNER, None), (OWNER, CONSENT)]
    told = preview(cases, policy(purpose="customer_care"), at=AT, pseudonymiser=HASH)
    assert (told.records, told.named, told.named_at) == (3, 2, (0, 2))


def test_a_policy_is_one_value_however_its_parts_were_stored() -> None:
    rule = LawRule(**LAW, effect="forbid_purpose")
    stored = policy(fields_denied=["email", "email"], law=[rule])
    assert stored == policy(fields_denied=frozenset({"email"}), law=(rule,))
    assert len({stored, policy(fields_denied={"email"}, law=(rule,))}) == 1


def test_a_step_is_stored_as_plain_text_and_read_strictly() -> None:
    stored = Step(StepCode.CEILING, {}, Level.COUNTS, Reason.CEILING).to_json()
    assert [type(stored[key]) for key in ("code", "cap", "reason")] == [str, str, str]
    assert Step.from_json(stored).reason is Reason.CEILING
    with pytest.raises(ValueError, match="because"):
        Step.from_json(stored | {"reason": "because"})


def test_what_a_rule_does_not_say_is_a_dash_in_its_sentence() -> None:
    step = Step(StepCode.LAW_PURPOSE, {"pack": "CN", "version": None, "article": "art. 23"})
    with translation.override("en"):
        assert step.explain() == "CN –, art. 23 forbids this purpose."


def test_a_consent_may_name_its_purpose_as_it_is_stored() -> None:
    stored = replace(CONSENT, purpose="customer_care")  # type: ignore[arg-type]  # what a database gives
    assert stored.lacks(Purpose.CUSTOMER_CARE, MANUFACTURER, AT) is None
    with pytest.raises(ValueError, match="fun"):
        replace(CONSENT, purpose="fun")  # type: ignore[arg-type]  # what a database must not give


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"contract": "Gossip"}, "no contract 'Gossip'"),
        ({"purpose": "marketing"}, "no contract 'Owner' serves the purpose marketing"),
        ({"purpose": "fun"}, "fun"),
        ({"required": True}, "customer_care cannot be required"),
        ({"template": "some"}, "some"),
        ({"fields_denied": {"shoe_size"}}, "has no field 'shoe_size'"),
        ({"fields_denied": {"version"}}, "'version' keeps Owner in order"),
    ],
)
def test_a_wrong_policy_cannot_be_made(changes: dict[str, Any], problem: str) -> None:
    policy()
    with pytest.raises(ValueError, match=problem):
        policy(**changes)


@pytest.mark.parametrize("purpose", sorted(REQUIRABLE))
def test_exactly_the_requirable_purposes_can_be_required(purpose: str) -> None:
    assert policy("DailyCounts", purpose, required=True).required
    for other in set(Purpose) - REQUIRABLE:
        with pytest.raises(ValueError, match="cannot be required"):
            policy("DailyCounts", other, required=True)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"effect": "forbid_field"}, "class of fields"),
        ({"effect": "forbid_purpose", "field": "name"}, "class of fields"),
        ({"effect": "cap_level", "cap": "counts", "field_class": "contact"}, "class of fields"),
        ({"effect": "cap_level"}, "caps the level"),
        ({"effect": "forbid_purpose", "cap": "counts"}, "caps the level"),
        ({"effect": "forbid_everything"}, "forbid_everything"),
        ({"effect": "forbid_purpose", "purpose": "fun"}, "fun"),
        ({"effect": "forbid_field", "field_class": "gossip"}, "gossip"),
        ({"effect": "cap_level", "cap": "some"}, "some"),
    ],
)
def test_a_law_rule_that_says_too_little_or_too_much_cannot_be_made(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        LawRule(**LAW | changes)


def test_codes_are_frozen() -> None:
    assert [str(reason) for reason in Reason] == [
        "template", "ceiling", "no_consent", "consent_expired", "consent_withdrawn", "consent_other_purpose",
        "consent_other_recipient", "field_denied", "law_field", "law_purpose", "law_level", "no_pseudonym_key",
    ]  # fmt: skip
    assert [str(code) for code in StepCode] == [
        "template", "required", "ceiling", "law_consent", "consent_not_needed", "consent_valid",
        "consent_missing", "law_purpose", "law_level", "law_field", "law_record", "fields_denied",
    ]  # fmt: skip


def test_the_path_is_explained_in_sentences() -> None:
    rules = (
        LawRule(**LAW, effect="require_consent"),
        LawRule(**LAW, effect="cap_level", cap="counts"),
        LawRule(**LAW, effect="forbid_field", field="consent_version"),
        LawRule(**LAW | {"article": "art. 5"}, effect="forbid_purpose"),
    )
    decision = ask(ceiling="pseudonymous", law=rules, fields_denied={"email", "address"})
    with translation.override("en"):
        assert decision.explain() == [
            "Agreement 1 asks for the level “Full”.",
            "The dealership's ceiling is the level “Pseudonymous”.",
            "CN 1, art. 23 demands the customer's consent.",
            "The customer agreed on 2026-02-02, text 2026-01.",
            "CN 1, art. 23 allows at most the level “Counts only”.",
            "CN 1, art. 23 forbids these fields: consent_version.",
            "Without the forbidden fields the record cannot leave: consent_version.",
            "CN 1, art. 5 forbids this purpose.",
            "The agreement keeps these fields back: address, email.",
        ]
        assert ask(consent=None).explain()[-1] == (
            "The customer has given no consent. Without consent, no name leaves."
        )
        assert ask(SALE, required=True, ceiling="counts").explain()[1:] == [
            "Agreement 1 requires it for “Sale and delivery”: the ceiling does not lower it.",
            "No consent is needed for this purpose and these fields.",
        ]


def test_a_field_that_does_not_exist_is_not_explained() -> None:
    with pytest.raises(KeyError):
        ask().explain_field("shoe_size")


def test_the_path_survives_storing_and_gives_the_level_again() -> None:
    decision = ask(consent=replace(CONSENT, withdrawn_at=AT, expires_at=AT), fields_denied={"email"})
    stored = json.loads(json.dumps([step.to_json() for step in decision.path]))
    path = [Step.from_json(body) for body in stored]
    assert tuple(path) == decision.path
    assert recompute(path) == (Level.PSEUDONYMOUS, Reason.CONSENT_WITHDRAWN)


def test_the_narrower_of_two_levels() -> None:
    assert narrower(Level.COUNTS, Level.FULL) is Level.COUNTS
    assert narrower(Level.FULL, Level.COUNTS) is Level.COUNTS


def test_a_preview_sums_up_what_would_leave() -> None:
    cases = [(OWNER, CONSENT), (OWNER, None), (replace(OWNER, phone=None), CONSENT)]
    told = preview(cases, policy(fields_denied={"email"}), at=AT, pseudonymiser=HASH, examples=2)
    assert (told.records, told.sent, told.counted, told.named, told.kept) == (3, 3, 0, 2, 0)
    assert told.levels == {Level.FULL: 2, Level.PSEUDONYMOUS: 1}
    assert told.released["vin"] == 3
    assert told.released["name"] == 2
    assert told.released["phone"] == 1
    assert "email" not in told.released
    assert told.withheld["email"] == {Reason.FIELD_DENIED: 3}
    assert told.withheld["name"] == {Reason.NO_CONSENT: 1}
    assert len(told.examples) == 2


def test_a_preview_counts_what_would_only_be_counted_or_stay() -> None:
    counted = preview([(OWNER, CONSENT)] * 2, policy(ceiling="counts"), at=AT, pseudonymiser=HASH)
    assert (counted.records, counted.sent, counted.counted, counted.kept, counted.named) == (2, 0, 2, 0, 0)
    kept = preview([(OWNER, CONSENT)] * 2, policy(ceiling="nothing"), at=AT, pseudonymiser=HASH)
    assert (kept.sent, kept.counted, kept.kept, kept.released) == (0, 0, 2, {})
    assert preview([(VISIT, None)], policy("ServiceVisit", "analytics"), at=AT, pseudonymiser=HASH).named == 0


# Properties


@given(data=st.data(), case=cases())
def test_one_more_restriction_never_lets_more_out(
    data: st.DataObject, case: tuple[Contract, Policy, Consent | None]
) -> None:
    record, told, consent = case
    broad = run(case)
    narrow = run((record, *data.draw(narrowings(type(record), told, consent))))
    assert narrow.effective <= broad.effective
    assert narrow.sends <= broad.sends
    assert narrow.counted <= (broad.counted or broad.sends)
    assert lets_no_more_out(narrow.released, broad.released, told.purpose)


@given(case=cases(), place=st.sampled_from(["US-MD", *laws.places(), "JP"]))
def test_the_law_of_a_place_never_lets_more_out(case: tuple[Contract, Policy, Consent | None], place: str) -> None:
    record, told, consent = case
    broad = run(case)
    narrow = run((record, replace(told, law=(*told.law, *rules_of_place(place))), consent))
    assert narrow.effective <= broad.effective
    assert narrow.sends <= broad.sends
    assert lets_no_more_out(narrow.released, broad.released, told.purpose)


@given(case=cases())
def test_every_field_leaves_or_stays_with_a_reason_and_never_both(
    case: tuple[Contract, Policy, Consent | None],
) -> None:
    record = case[0]
    decision = run(case)
    top = {path for path in decision.withheld if "[" not in path}
    assert top | set(decision.released) == set(record.spec.fields)
    assert not top & set(decision.released)
    assert all(isinstance(reason, Reason) for reason in decision.withheld.values())
    for path in set(decision.withheld) - top:
        name, _, key = path.partition("[].")
        assert all(key not in entry for entry in decision.released[name] or [])
    for name, value in decision.released.items():
        stayed = {path.partition("[].")[2] for path in decision.withheld if path.startswith(f"{name}[].")}
        for entry in value or [] if record.spec.fields[name].keys else []:
            assert set(entry) == set(record.spec.fields[name].keys) - stayed


@given(case=cases())
def test_the_level_bounds_what_leaves(case: tuple[Contract, Policy, Consent | None]) -> None:
    record, told, _consent = case
    decision = run(case)
    assert told.required or decision.effective <= told.ceiling
    assert decision.effective <= told.template
    assert decision.sends or decision.released == {}
    assert decision.effective is not Level.NOTHING or decision.released == {}
    assert decision.sends or not record.spec.is_aggregate or decision.effective is Level.NOTHING
    assert not (decision.sends and decision.counted)


@given(case=cases())
def test_below_full_nothing_that_names_or_reaches_a_person_is_anywhere_in_what_leaves(
    case: tuple[Contract, Policy, Consent | None],
) -> None:
    record = case[0]
    decision = run(case)
    personal = {
        name for name, field in record.spec.fields.items() if field.mark.personal and not field.mark.pseudonymise
    }
    text = json.dumps(decision.released, ensure_ascii=False)
    if decision.effective < Level.FULL:
        assert not personal & set(decision.released)
        assert CANARY not in text
        # As dates begin; four digits and a dash may also stand in the middle of an id.
        assert not any(f'"{year}-' in text for year in range(CANARY_YEARS[0].year, CANARY_YEARS[1].year + 1))
        for name, field in record.spec.fields.items():
            assert not field.mark.pseudonymise or getattr(record, name) not in text


@given(case=cases())
def test_a_person_is_only_named_with_consent_that_holds(case: tuple[Contract, Policy, Consent | None]) -> None:
    record, told, consent = case
    decision = run(case)
    if record.spec.names_person and decision.effective is Level.FULL:
        assert consent is not None
        assert consent.lacks(told.purpose, MANUFACTURER, AT) is None


@given(case=cases())
def test_preview_equals_what_is_decided(case: tuple[Contract, Policy, Consent | None]) -> None:
    record, told, consent = case
    decision = run(case)
    summed = preview([(record, consent)], told, at=AT, pseudonymiser=HASH)
    assert summed.examples == (decision,)
    assert (summed.sent, summed.counted) == (decision.sends, decision.counted)
    assert set(summed.released) == {name for name, value in decision.released.items() if value is not None}
    assert summed.withheld == {path: {reason: 1} for path, reason in decision.withheld.items()}


@given(case=cases())
def test_the_stored_path_gives_the_same_level_and_explains_itself(
    case: tuple[Contract, Policy, Consent | None],
) -> None:
    record, told, consent = case
    decision = run(case)
    stored = json.loads(json.dumps([step.to_json() for step in decision.path]))
    assert recompute(Step.from_json(body) for body in stored)[0] is decision.effective
    assert effective_level(type(record), told, consent, at=AT) is decision.effective
    assert len(decision.explain()) == len(decision.path)
    assert all("%(" not in sentence for sentence in decision.explain())


@given(case=cases())
def test_the_receiver_reads_what_leaves(case: tuple[Contract, Policy, Consent | None]) -> None:
    record = case[0]
    decision = run(case)
    body = json.loads(json.dumps(decision.released))
    received = type(record).from_json(body, partial=True)
    assert received.withheld_keys == {path for path in decision.withheld if "[" not in path}
    assert received.unknown_keys == ()
