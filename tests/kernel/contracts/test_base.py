"""The frame of every contract: declaring, checking, writing, reading."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import FrozenInstanceError
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, TypedDict
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from kernel.contracts import (
    FACT,
    NUMBERS,
    REQUIRABLE,
    STATE,
    UP,
    Contract,
    ContractError,
    DailyCounts,
    FieldClass,
    Level,
    Owner,
    OwnerRole,
    Purpose,
    Receipt,
    RecordError,
    SalesLead,
    ServiceVisit,
    VehicleSale,
    WarrantyClaim,
    all_contracts,
    base,
    by_name,
    contract,
    f,
    is_pseudonym,
    json_schema,
    k,
    versions,
)
from kernel.testing.records import records

VIN = "LSVAA4187E2184847"
SALE: dict[str, Any] = {
    "sale_id": UUID("0b0ff0d4-9f6e-4c63-bd7c-6a9a41ab4a5d"),
    "vin": VIN,
    "brand": "Hongyan",
    "delivered_on": date(2026, 3, 4),
}
JOB = {"complaint": "异响", "operation_codes": ["A1"], "pay_types": ["warranty"], "labour_hours": Decimal("1.5")}
VISIT: dict[str, Any] = {
    "visit_id": uuid4(),
    "vin": VIN,
    "opened_at": datetime(2026, 3, 4, 8, tzinfo=UTC),
    "closed_at": datetime(2026, 3, 4, 11, tzinfo=UTC),
    "odometer_km": 12_000,
    "kind": "repair",
    "jobs": [JOB],
    "labour_total": Decimal("300.00"),
    "parts_total": Decimal("12.50"),
    "currency": "CNY",
}
LINE = {
    "line_id": uuid4(),
    "kind": "labour",
    "quantity": Decimal("1.5"),
    "unit_price": Decimal("200"),
    "amount": Decimal("300"),
}
CLAIM: dict[str, Any] = {
    "claim_id": uuid4(),
    "revision": 1,
    "number": "W-1",
    "vin": VIN,
    "claim_type": "normal",
    "repair_opened_on": date(2026, 3, 4),
    "odometer_km": 12_000,
    "complaint": "异响",
    "cause": "轴承磨损",
    "correction": "更换轴承",
    "lines": [LINE],
    "total": Decimal("300"),
    "currency": "CNY",
}
every_contract = pytest.mark.parametrize("owner", all_contracts(), ids=lambda owner: owner.spec.name)


def test_numbers_are_frozen() -> None:
    assert dict(NUMBERS) == {
        "SalesLead": 1,
        "LeadOutcome": 2,
        "VehicleSale": 3,
        "Owner": 4,
        "ServiceVisit": 5,
        "WarrantyClaim": 6,
        "ClaimDecision": 7,
        "DailyCounts": 8,
        "Receipt": 9,
        "SupportAccess": 10,
        "ReadingReport": 11,
        "SharingProposal": 12,
        "SharingDecision": 13,
        "KnownCustomer": 18,
        "BenchmarkFigures": 19,
        "BenchmarkReport": 20,
        "Withdrawal": 14,
        "WithdrawalReceipt": 15,
        "ErasureRequest": 16,
        "ErasureReceipt": 17,
    }
    assert {owner.spec.name: owner.spec.number for owner in all_contracts()} == dict(NUMBERS)


def test_contracts_are_found_by_name_and_version() -> None:
    assert by_name("Owner", 1) is Owner
    assert versions("Owner") == [Owner]
    assert versions("Nothing") == []
    with pytest.raises(ContractError, match="no contract Owner version 2"):
        by_name("Owner", 2)


def test_only_four_purposes_can_be_required() -> None:
    assert {str(purpose) for purpose in REQUIRABLE} == {
        "warranty", "sale_and_delivery", "safety_recall", "incentive",
    }  # fmt: skip


def test_levels_are_ordered_by_what_they_let_out() -> None:
    assert sorted(Level) == [Level.NOTHING, Level.COUNTS, Level.PSEUDONYMOUS, Level.FULL]
    assert max(Level.COUNTS, Level.FULL, Level.NOTHING) is Level.FULL
    for position, level in enumerate(Level):
        for other_position, other in enumerate(Level):
            assert (level < other) == (position < other_position)
            assert (level <= other) == (position <= other_position)
            assert (level > other) == (position > other_position)
            assert (level >= other) == (position >= other_position)
    assert Level("counts") is Level.COUNTS


def test_a_level_is_never_compared_to_plain_text() -> None:
    with pytest.raises(TypeError, match="cannot be ordered"):
        sorted([Level.FULL, "nothing"])
    with pytest.raises(TypeError, match="cannot be ordered"):
        sorted(["nothing", Level.FULL])


def test_only_leads_and_owners_name_or_reach_a_person() -> None:
    assert {owner.spec.name for owner in all_contracts() if owner.spec.names_person} == {"SalesLead", "Owner"}


def test_only_counts_are_an_aggregate() -> None:
    aggregates = {owner.spec.name for owner in all_contracts() if owner.spec.is_aggregate}
    assert aggregates == {"DailyCounts", "BenchmarkFigures", "BenchmarkReport"}


@every_contract
def test_every_field_is_classified_and_documented(owner: type[Contract]) -> None:
    assert owner.spec.paths
    for path, mark in owner.spec.paths.items():
        assert isinstance(mark.field_class, FieldClass), path
        assert mark.doc, path


def test_what_people_type_freely_is_technical_and_marked() -> None:
    typed = {
        f"{owner.spec.name}.{path}": mark
        for owner in all_contracts()
        for path, mark in owner.spec.paths.items()
        if mark.free_text
    }
    assert {mark.field_class for mark in typed.values()} == {FieldClass.TECHNICAL}
    assert {path.rpartition(".")[0].split("[")[0] + "." + path.rpartition(".")[2] for path in typed} >= {
        "ServiceVisit.jobs.complaint", "ServiceVisit.jobs.cause", "ServiceVisit.jobs.correction",
        "WarrantyClaim.complaint", "WarrantyClaim.cause", "WarrantyClaim.correction",
        "LeadOutcome.reason_text", "ClaimDecision.lines.reason_text",
    }  # fmt: skip


def test_the_link_from_a_sale_to_a_lead_stays_when_pseudonymous() -> None:
    assert VehicleSale.spec.paths["lead_id"].stays_when_pseudonymous
    assert not VehicleSale.spec.paths["vin"].stays_when_pseudonymous
    assert not Owner.spec.paths["owner_key"].stays_when_pseudonymous


@every_contract
@given(data=st.data())
def test_every_record_survives_json_unchanged(owner: type[Contract], data: st.DataObject) -> None:
    record = data.draw(records(owner))
    body = json.loads(json.dumps(record.to_json(), allow_nan=False))
    again = owner.from_json(body)
    assert again == record
    assert again.to_json() == body
    assert again.unknown_keys == ()
    assert again.withheld_keys == frozenset()
    assert owner.from_json(body, partial=True) == record
    Draft202012Validator(json_schema(owner)).validate(body)


@every_contract
def test_the_schema_is_a_schema(owner: type[Contract]) -> None:
    schema = json_schema(owner)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:dealernet:contract:{owner.spec.name}:1"
    assert schema["x-number"] == owner.spec.number
    assert schema["required"]
    json.dumps(schema)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("vin", "TOO-SHORT"),
        ("delivered_on", "2026-03-04T00:00:00+00:00"),
        ("invoice_total", 12.5),
        ("invoice_total", "1e400"),
        ("currency", "yuan"),
        ("lead_id", "7"),
        ("buyer_kind", "robot"),
        ("brand", "x" * 201),
    ],
)
def test_the_schema_refuses_what_the_contract_refuses(field: str, value: Any) -> None:
    body = VehicleSale(**SALE).to_json() | {field: value}
    with pytest.raises(RecordError, match=field):
        VehicleSale.from_json(body)
    validator = Draft202012Validator(json_schema(VehicleSale), format_checker=Draft202012Validator.FORMAT_CHECKER)
    assert [error.path[0] for error in validator.iter_errors(body)] == [field]


def test_a_record_cannot_be_changed() -> None:
    sale = VehicleSale(**SALE)
    with pytest.raises(FrozenInstanceError):
        sale.brand = "Other"


def test_a_record_does_not_follow_later_changes_of_the_list_it_was_made_of() -> None:
    jobs = [dict(JOB)]
    visit = ServiceVisit(**VISIT | {"jobs": jobs})
    jobs[0]["complaint"] = "changed"
    jobs.append({})
    assert [job["complaint"] for job in visit.jobs] == ["异响"]


def test_absent_keys_of_an_entry_are_nothing_and_enums_are_members() -> None:
    visit = ServiceVisit(**VISIT)
    assert visit.jobs[0]["cause"] is None
    assert visit.kind.name == "REPAIR"
    assert visit.to_json()["jobs"][0]["labour_hours"] == "1.5"
    assert visit.to_json()["jobs"][0]["pay_types"] == ["warranty"]


def test_times_are_kept_in_utc() -> None:
    beijing = timezone(timedelta(hours=8))
    visit = ServiceVisit(**VISIT | {"opened_at": datetime(2026, 3, 4, 16, tzinfo=beijing)})
    assert visit.to_json()["opened_at"] == "2026-03-04T08:00:00+00:00"


def test_decimals_travel_without_exponent() -> None:
    sale = VehicleSale(**SALE | {"invoice_total": Decimal("2E+5"), "currency": "CNY"})
    assert sale.to_json()["invoice_total"] == "200000"


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("sale_id", str(SALE["sale_id"]), "must be a UUID, not str"),
        ("vin", "LSVAA4187E218484O", "must match"),
        ("vin", None, "must be text, not NoneType"),
        ("brand", 7, "must be text, not int"),
        ("brand", "x" * 201, "at most 200 characters, not 201"),
        ("brand", "a\x00b", "NUL"),
        ("brand", "a\ud800b", "surrogate"),
        ("delivered_on", datetime(2026, 3, 4, tzinfo=UTC), "must be a date, not datetime"),
        ("invoice_total", 12.5, "must be a Decimal, not float"),
        ("invoice_total", 12, "must be a Decimal, not int"),
        ("invoice_total", Decimal("NaN"), "finite"),
        ("invoice_total", Decimal(10**15), "at most 15 digits"),
        ("invoice_total", Decimal("0.0000001"), "6 decimals"),
        ("buyer_kind", "robot", "must be one of individual, company"),
        ("currency", "yuan", "must match"),
    ],
)
def test_a_sale_that_does_not_fit_says_why(field: str, value: Any, problem: str) -> None:
    VehicleSale(**SALE)
    with pytest.raises(RecordError, match=problem) as caught:
        VehicleSale(**SALE | {field: value})
    assert list(caught.value.problems) == [field]
    assert caught.value.name == "VehicleSale"


@pytest.mark.parametrize(
    ("field", "value", "path", "problem"),
    [
        ("opened_at", datetime(2026, 3, 4), "opened_at", "must say its time zone"),
        ("opened_at", date(2026, 3, 4), "opened_at", "must be a date and time, not date"),
        (
            "opened_at",
            datetime.min.replace(tzinfo=timezone(timedelta(hours=8))),
            "opened_at",
            "must lie in the years 1 to 9999",
        ),
        ("closed_at", datetime(2026, 3, 3, tzinfo=UTC), "closed_at", "must not lie before opened_at"),
        ("odometer_km", -1, "odometer_km", "must be at least 0"),
        ("odometer_km", 2**63, "odometer_km", "at most"),
        ("odometer_km", True, "odometer_km", "must be a whole number, not bool"),
        ("satisfaction", 6, "satisfaction", "must be at most 5"),
        ("satisfaction", 0, "satisfaction", "must be at least 1"),
        ("jobs", None, "jobs", "must be a list, not NoneType"),
        ("jobs", ["x"], "jobs[0]", "must be an object, not str"),
        ("jobs", [{}, {"nonsense": 1}], "jobs[1]", "knows no nonsense; its keys are complaint"),
        ("jobs", [{"labour_hours": 1.5}], "jobs[0].labour_hours", "must be a Decimal, not float"),
        ("jobs", [{"operation_codes": ["A", 1]}], "jobs[0].operation_codes[1]", "must be text, not int"),
    ],
)
def test_a_visit_that_does_not_fit_says_where(field: str, value: Any, path: str, problem: str) -> None:
    ServiceVisit(**VISIT)
    with pytest.raises(RecordError) as caught:
        ServiceVisit(**VISIT | {field: value})
    assert list(caught.value.problems) == [path]
    assert problem in caught.value.problems[path]


@pytest.mark.parametrize(
    ("lines", "path", "problem"),
    [
        ([], "lines", "must have at least one entry"),
        ([LINE, LINE], "lines", "must not name a line_id twice"),
        ([{key: LINE[key] for key in LINE if key != "amount"}], "lines[0].amount", "is missing"),
        ([LINE | {"amount": None}], "lines[0].amount", "must be a Decimal, not NoneType"),
        ([LINE | {"kind": "magic"}], "lines[0].kind", "must be one of labour, part, sublet"),
    ],
)
def test_a_claim_that_does_not_fit_says_where(lines: list[Any], path: str, problem: str) -> None:
    assert WarrantyClaim(**CLAIM).lines[0]["code"] is None
    with pytest.raises(RecordError) as caught:
        WarrantyClaim(**CLAIM | {"lines": lines})
    assert caught.value.problems == {path: problem}


def test_an_offer_has_its_times_and_a_recall_names_nobody() -> None:
    offer = {
        "lead_id": uuid4(),
        "fence": 1,
        "stage": "offer",
        "offered_at": datetime(2026, 3, 4, 8, tzinfo=UTC),
        "respond_before": datetime(2026, 3, 4, 9, tzinfo=UTC),
        "phone": "+8613800138000",
    }
    SalesLead(**offer)
    with pytest.raises(RecordError) as caught:
        SalesLead(**offer | {"offered_at": None, "respond_before": None})
    assert caught.value.problems == dict.fromkeys(("offered_at", "respond_before"), "is required in an offer")
    with pytest.raises(RecordError) as caught:
        SalesLead(**offer | {"stage": "recall"})
    assert caught.value.problems == {"phone": "must not travel with a recall"}


def test_counts_below_the_floor_cannot_be_told() -> None:
    counts: dict[str, Any] = {"of": "Owner", "day": date(2026, 3, 4), "dimension": "kind", "total": 9}
    assert DailyCounts(**counts, cells={"individual": 5, "company": None}).cells["company"] is None
    with pytest.raises(RecordError) as caught:
        DailyCounts(**counts, cells={"individual": 5, "company": 4})
    assert list(caught.value.problems) == ["cells['company']"]
    with pytest.raises(RecordError) as caught:
        DailyCounts(**counts, cells=[5])
    assert caught.value.problems == {"cells": "must be an object, not list"}


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("sale_id", "7", "must be a UUID"),
        ("sale_id", 7, "must be a UUID as text, not int"),
        ("delivered_on", "4 March", "must be a date, YYYY-MM-DD"),
        ("invoice_total", "1_000", "must be a decimal number as text"),
        ("invoice_total", "NaN", "must be a decimal number as text"),
        ("invoice_total", 12.5, "must be a decimal number as text, not float"),
    ],
)
def test_json_that_does_not_fit_says_why(field: str, value: Any, problem: str) -> None:
    body = VehicleSale(**SALE).to_json()
    VehicleSale.from_json(body)
    with pytest.raises(RecordError) as caught:
        VehicleSale.from_json(body | {field: value})
    assert caught.value.problems == {field: problem}


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("2026-03-04T08:00:00", "must say its time zone"),
        ("soon", "must be a date and time in ISO 8601 with offset"),
        (7, "must be a date and time as text, not int"),
    ],
)
def test_json_times_that_do_not_fit_say_why(value: Any, problem: str) -> None:
    body = ServiceVisit(**VISIT).to_json()
    ServiceVisit.from_json(body)
    with pytest.raises(RecordError) as caught:
        ServiceVisit.from_json(body | {"promised_at": value})
    assert caught.value.problems == {"promised_at": problem}


@pytest.mark.parametrize("body", [None, [], "{}"])
def test_json_that_is_no_object_is_refused(body: Any) -> None:
    with pytest.raises(RecordError, match="must be an object"):
        VehicleSale.from_json(body)


def test_names_of_a_newer_version_are_left_aside_and_reported() -> None:
    body = ServiceVisit(**VISIT).to_json()
    body["battery_health"] = 97
    body["jobs"][0]["photo"] = "x"
    visit = ServiceVisit.from_json(body)
    assert visit == ServiceVisit(**VISIT)
    assert visit.unknown_keys == ("battery_health", "jobs[].photo")


def test_a_missing_field_is_named_unless_it_has_a_default() -> None:
    body = VehicleSale(**SALE).to_json()
    del body["vin"], body["channel"]
    with pytest.raises(RecordError) as caught:
        VehicleSale.from_json(body)
    assert caught.value.problems == {"vin": "is missing"}


def test_a_receiver_reads_what_the_gate_left_over() -> None:
    body = ServiceVisit(**VISIT).to_json() | {"vin": "p_" + "a2" * 13}
    del body["labour_total"], body["jobs"][0]["complaint"]
    visit = ServiceVisit.from_json(body, partial=True)
    assert visit.vin == "p_" + "a2" * 13
    assert visit.labour_total is None
    assert visit.jobs[0]["complaint"] is None
    assert visit.withheld_keys == {"labour_total"}


def test_a_receiver_still_refuses_values_that_do_not_fit() -> None:
    body = VehicleSale(**SALE).to_json()
    VehicleSale.from_json(body, partial=True)
    for field, value in {"vin": "p_short", "brand": "p_" + "a2" * 101, "delivered_on": None}.items():
        with pytest.raises(RecordError, match=field):
            VehicleSale.from_json(body | {field: value}, partial=True)
    with pytest.raises(RecordError, match="vin"):
        VehicleSale.from_json(body | {"vin": "p_" + "a2" * 13})


def test_a_receiver_reads_lists_that_may_be_absent() -> None:
    recall = SalesLead(lead_id=uuid4(), fence=2, stage="recall", lines=[{"brand": "Hongyan"}])
    body = recall.to_json()
    del body["lines"][0]["vin"]
    assert SalesLead.from_json(body, partial=True) == recall


@pytest.mark.parametrize(
    ("value", "expected"),
    [("p_" + "a" * 26, True), ("p_" + "A" * 26, False), ("p_" + "a" * 25, False), (VIN, False), (None, False)],
)
def test_pseudonyms_are_told_from_values(value: Any, expected: bool) -> None:
    assert is_pseudonym(value) is expected


def test_a_required_pattern_is_matched_whole() -> None:
    with pytest.raises(RecordError, match="must match"):
        VehicleSale(**SALE | {"currency": "CNY\n", "invoice_total": Decimal(1)})


def declare(name: str = "Receipt", version: int = 99, **changes: Any) -> Any:
    """Declare a contract with one good field, and `changes` to its declaration."""
    body = changes.pop("body", {"__annotations__": {"at": datetime}, "at": f(FieldClass.REFERENCE, "Time.")})
    told = {"kind": FACT, "direction": UP, "subject": "lead", "purposes": (Purpose.WARRANTY,)} | changes
    doc = told.pop("doc", "A declaration.")
    made = type("Declared", (Contract,), {"__doc__": doc, "__module__": __name__, **body})
    return contract(name, version, **told)(made)


class Unclassified(TypedDict):
    code: str


class Hashed(TypedDict):
    code: Annotated[str, k(FieldClass.VEHICLE, "Code", pseudonymise=True)]


def field(hint: Any, value: Any) -> dict[str, Any]:
    return {"__annotations__": {"thing": hint}, "thing": value}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": "Unheard"}, "has no number in force"),
        ({"name": "Owner", "version": 1}, "registered twice"),
        ({"doc": None}, "needs a docstring"),
        ({"subject": ""}, "needs a docstring, a subject"),
        ({"purposes": ()}, "at least one purpose"),
        ({"kind": STATE}, "needs a field `version`"),
        ({"body": field(str, "")}, "thing is not classified"),
        ({"body": field(float, f(FieldClass.COUNT, "Number."))}, "cannot hold <class 'float'>"),
        ({"body": field(int | str, f(FieldClass.COUNT, "Number."))}, "cannot hold int | str"),
        ({"body": field(dict[int, str], f(FieldClass.COUNT, "Number."))}, "cannot hold dict"),
        ({"body": field(UUID, f(FieldClass.COUNT, "Id.", pseudonymise=True))}, "only text that must be given can"),
        ({"body": field(int, f(FieldClass.COUNT, "Text.", free_text=True))}, "it is no text"),
        ({"body": field(str, f(FieldClass.COUNT, "Text.", default=None))}, "None by default but not by type"),
        ({"body": field(list[Unclassified], f(FieldClass.COUNT, "Lines."))}, "key code is not classified"),
        ({"body": field(list[Hashed], f(FieldClass.COUNT, "Lines."))}, r"thing\[\].code cannot be pseudonymised"),
    ],
)
def test_a_wrong_declaration_is_refused_and_not_registered(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ContractError, match=problem):
        declare(**changes)
    assert (changes.get("name", "Receipt"), 99) not in base._REGISTRY


def test_a_right_declaration_is_registered_with_its_default() -> None:
    body = field(bool, f(FieldClass.TECHNICAL, "Whether.", default=True))
    try:
        made = declare(body=body)
        assert versions("Receipt") == [Receipt, made]
        assert made.from_json({}).thing is True
        assert json_schema(made)["properties"]["thing"]["type"] == "boolean"
        with pytest.raises(RecordError, match="must be true or false, not int"):
            made(thing=1)
    finally:
        base._REGISTRY.pop(("Receipt", 99), None)


def test_a_number_without_a_class_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    base.assert_complete()
    monkeypatch.setattr(base, "NUMBERS", {**NUMBERS, "Forgotten": 999})
    with pytest.raises(ContractError, match="no class for Forgotten"):
        base.assert_complete()
    monkeypatch.setattr(base, "RETIRED", frozenset({"Forgotten"}))
    base.assert_complete()


@pytest.mark.parametrize(("numbers", "retired"), [({**NUMBERS, "Old": 9}, {"Old"}), (dict(NUMBERS), {"Old"})])
def test_a_number_is_never_reused_or_lost(
    monkeypatch: pytest.MonkeyPatch, numbers: dict[str, int], retired: set[str]
) -> None:
    monkeypatch.setattr(base, "NUMBERS", numbers)
    monkeypatch.setattr(base, "RETIRED", frozenset(retired))
    with pytest.raises(ContractError, match="taken twice, or a retired name has lost its number"):
        base.assert_complete()


def test_contracts_need_no_settings() -> None:
    code = (
        "import kernel.contracts, exchange.gate, exchange.pseudonyms, exchange.counts;"
        "from django.conf import settings; assert not settings.configured"
    )
    path = [entry for entry in sys.path if entry]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}; {code}"],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_roles_are_members_however_they_are_given() -> None:
    owner = Owner(version=1, owner_key="17", vin=VIN, role="lessee", kind="company", company_name="东方运输")
    assert owner.role is OwnerRole.LESSEE
