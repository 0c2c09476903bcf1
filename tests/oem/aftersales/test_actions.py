"""Keeping what was shared, and deciding claims."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.utils import translation
from tests.service import conflict, good_vin

from exchange.handlers import Received
from exchange.models import Ledger, Payload
from kernel.audit.models import Entry
from kernel.contracts import Contract, Level, Purpose, ServiceVisit, WarrantyClaim
from kernel.errors import Conflict, Forbidden, Invalid, Missing
from kernel.transitions import move
from oem.aftersales import actions, models, queries
from oem.aftersales.models import TRANSITIONS, Claim, ClaimState, Decision, Submission

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
LABOUR, PUMP = UUID(int=1, version=4), UUID(int=2, version=4)


@pytest.fixture
def at_portal(wall, portal):
    with portal.bound():
        yield portal


@pytest.fixture
def analyst(portal, wall):
    return portal.actor("warranty_analyst")


def received(record: Contract, sender: UUID, *, level: Level = Level.FULL, keep: set[str] | None = None) -> Received:
    """A message as the inbox hands it on; with `keep` as if the sender's gate had let only those fields out."""
    body = {name: value for name, value in record.to_json().items() if keep is None or name in keep}
    return Received(
        record=type(record).from_json(body, partial=True),
        message_id=uuid4(),
        sender=sender,
        subject=uuid4(),
        seq=1,
        purpose=Purpose.WARRANTY if isinstance(record, WarrantyClaim) else Purpose.ANALYTICS,
        level=level,
        event_at=NOON,
        agreement_version="2026-1",
    )


def claim_record(claim_id: UUID, *, revision: int = 1, **changes) -> WarrantyClaim:
    given = {
        "claim_id": claim_id,
        "revision": revision,
        "number": "WC000001",
        "vin": good_vin(7),
        "claim_type": "vehicle",
        "delivery_date": date(2025, 1, 1),
        "repair_opened_on": date(2026, 5, 1),
        "odometer_km": 12_000,
        "complaint": "发动机水温高",
        "cause": "水泵轴承磨损",
        "correction": "更换水泵总成",
        "fault_code": "P0300",
        "causal_part": "XH-1001-01",
        "lines": [
            {
                "line_id": LABOUR,
                "kind": "labour",
                "code": "XH-ENG-010",
                "description": "更换水泵",
                "quantity": Decimal("4.00"),
                "unit_price": Decimal("180.00"),
                "amount": Decimal("720.00"),
            },
            {
                "line_id": PUMP,
                "kind": "part",
                "code": "XH-1001-01",
                "description": "水泵总成",
                "quantity": Decimal("1.00"),
                "unit_price": Decimal("420.00"),
                "amount": Decimal("420.00"),
            },
        ],
        "total": Decimal("1140.00"),
        "currency": "CNY",
        "repair_order_number": "RO000001",
        **changes,
    }
    return WarrantyClaim(**given)


@pytest.fixture
def claim(at_portal, north):
    return actions.keep_claim(received(claim_record(uuid4()), north.id))


def approve_all() -> list[dict]:
    return [{"line_id": LABOUR, "outcome": "approved"}, {"line_id": PUMP, "outcome": "approved"}]


# -- visits


def visit_record() -> ServiceVisit:
    return ServiceVisit(
        visit_id=uuid4(),
        vin=good_vin(8),
        opened_at=NOON,
        closed_at=NOON,
        odometer_km=12_000,
        kind="repair",
        jobs=[
            {
                "complaint": "异响",
                "cause": "垫片松动",
                "correction": "紧固",
                "operation_codes": ["XH-BRK-010"],
                "pay_types": ["customer"],
                "labour_hours": Decimal("0.80"),
                "part_numbers": [],
            }
        ],
        labour_total=Decimal("208.00"),
        parts_total=Decimal(0),
        currency="CNY",
    )


def test_a_visit_is_kept_once(at_portal, north):
    message = received(visit_record(), north.id)
    kept = actions.keep_visit(message)
    assert actions.keep_visit(message).pk == kept.pk
    assert (kept.vin, kept.kind, kept.labour_total, kept.withheld) == (good_vin(8), "repair", Decimal("208.00"), [])
    assert kept.jobs[0]["labour_hours"] == "0.80"


def test_a_visit_without_what_was_withheld_is_kept_too(at_portal, north):
    record = visit_record()
    kept = actions.keep_visit(
        received(record, north.id, level=Level.PSEUDONYMOUS, keep={"visit_id", "kind", "closed_at"})
    )
    kept.refresh_from_db()
    assert (kept.vin, kept.jobs, kept.labour_total, kept.odometer_km) == ("", None, None, None)
    assert set(kept.withheld) == set(ServiceVisit.spec.fields) - {"visit_id", "kind", "closed_at"}


def test_two_dealerships_may_have_the_same_id_of_a_visit(at_portal, north, south):
    record = visit_record()
    assert actions.keep_visit(received(record, north.id)).pk != actions.keep_visit(received(record, south.id)).pk


# -- claims


def test_a_claim_is_kept_with_its_lines(claim, north):
    assert (claim.state, claim.revision, claim.dealership) == (ClaimState.SUBMITTED, 1, north.id)
    assert [line.code for line in queries.lines_of(claim)] == ["XH-ENG-010", "XH-1001-01"]
    assert Submission.objects.get().record["number"] == "WC000001"
    assert queries.submission_of(claim, 1).cause == "水泵轴承磨损"
    assert queries.submission_of(claim, 9) is None


def test_a_claim_of_which_little_was_shared_is_kept_too(at_portal, north):
    record = claim_record(uuid4())
    kept = actions.keep_claim(received(record, north.id, keep={"claim_id", "revision", "lines"}))
    kept.refresh_from_db()
    assert (kept.vin, kept.complaint, kept.total, kept.repair_opened_on) == ("", "", None, None)
    assert "vin" in kept.withheld
    assert len(queries.suggestions_for(kept, queries.lines_of(kept))) == 2


def test_the_same_revision_again_changes_nothing(claim, north):
    actions.keep_claim(received(claim_record(claim.pk), north.id))
    assert Submission.objects.count() == 1
    assert len(queries.lines_of(claim)) == 2


def test_a_claim_under_anothers_id_is_refused(claim, south):
    with pytest.raises(actions.ForeignClaimError):
        actions.keep_claim(received(claim_record(claim.pk, revision=2), south.id))


def test_a_newer_revision_supersedes_one_that_waits(claim, north, analyst):
    actions.keep_claim(received(claim_record(claim.pk, revision=2, cause="节温器"), north.id))
    claim.refresh_from_db()
    assert (claim.revision, claim.cause, claim.state) == (2, "节温器", ClaimState.SUBMITTED)
    assert len(queries.lines_of(claim)) == 2
    with conflict("superseded"):
        actions.decide_claim(actor=analyst, claim_id=claim.pk, lines=approve_all(), revision=1)
    assert actions.decide_claim(actor=analyst, claim_id=claim.pk, lines=approve_all(), revision=2).revision == 2


def test_what_was_answered_for_good_takes_no_further_revision(claim, north, analyst):
    actions.decide_claim(actor=analyst, claim_id=claim.pk, lines=approve_all())
    with pytest.raises(actions.DecidedClaimError):
        actions.keep_claim(received(claim_record(claim.pk, revision=2), north.id))


def test_the_rules_suggest_from_the_published_catalogue(claim):
    labour, pump = queries.suggestions_for(claim, queries.lines_of(claim))
    assert (labour.outcome, labour.amount, labour.reasons[0]) == (
        "partly_approved",
        Decimal("450.00"),
        "hours_over_standard",
    )
    assert (pump.outcome, pump.amount) == ("approved", Decimal("420.00"))


# -- deciding


def test_a_decision_goes_down_with_every_line_and_without_a_name(claim, analyst, north):
    lines = [
        {
            "line_id": LABOUR,
            "outcome": "partly_approved",
            "approved_amount": "450",
            "reason_code": "hours_over_standard",
            "reason_text": "按标准工时",
        },
        {"line_id": PUMP, "outcome": "approved"},
    ]
    decision = actions.decide_claim(actor=analyst, claim_id=claim.pk, lines=lines)
    assert (decision.outcome, decision.approved_total) == ("partly_approved", Decimal("870.00"))
    claim.refresh_from_db()
    assert (claim.state, claim.approved_total) == (ClaimState.PARTLY_APPROVED, Decimal("870.00"))
    row = Ledger.objects.get(contract="ClaimDecision")
    assert (row.receiver, row.subject, row.state) == (north.id, claim.pk, "recorded")
    body = Payload.objects.get(id=row.id).body
    assert body["decided_by_role"] == "warranty_analyst"
    assert body["rule_version"] == "2026-1"
    assert body["lines"][0] == {
        "line_id": str(LABOUR),
        "outcome": "partly_approved",
        "approved_amount": "450.00",
        "reason_code": "hours_over_standard",
        "reason_text": "按标准工时",
    }
    assert body["lines"][1]["approved_amount"] == "420.00"
    assert analyst.name not in str(body)
    assert Entry.objects.get(action="aftersales.decide").after["state"] == "partly_approved"


def test_a_claim_is_decided_once(claim, analyst):
    actions.decide_claim(actor=analyst, claim_id=claim.pk, lines=approve_all())
    with conflict("already_decided"):
        actions.decide_claim(actor=analyst, claim_id=claim.pk, lines=approve_all())
    assert Decision.objects.count() == 1


def test_what_was_sent_back_comes_again_and_is_decided_again(claim, analyst, north):
    back = [dict(line, outcome="sent_back", reason_code="evidence_missing") for line in approve_all()]
    actions.decide_claim(actor=analyst, claim_id=claim.pk, lines=back)
    claim.refresh_from_db()
    assert (claim.state, claim.approved_total) == (ClaimState.SENT_BACK, Decimal(0))
    actions.keep_claim(received(claim_record(claim.pk, revision=2), north.id))
    decision = actions.decide_claim(actor=analyst, claim_id=claim.pk, lines=approve_all())
    assert (decision.revision, decision.approved_total) == (2, Decimal("1140.00"))
    assert [one.revision for one in queries.decisions_of(claim)] == [2, 1]


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"outcome": "perhaps"}, "lines.0.outcome", "choice"),
        ({"outcome": "refused"}, "lines.0.reason_code", "required"),
        ({"outcome": "refused", "reason_code": "because"}, "lines.0.reason_code", "choice"),
        ({"outcome": "refused", "reason_code": "other"}, "lines.0.reason_text", "required"),
        ({"outcome": "refused", "reason_code": "wear_part", "reason_text": "x" * 2001}, "lines.0.reason_text", "text"),
        (
            {"outcome": "refused", "reason_code": "wear_part", "approved_amount": 5},
            "lines.0.approved_amount",
            "amount",
        ),
        ({"outcome": "approved", "approved_amount": "700"}, "lines.0.approved_amount", "amount"),
        ({"outcome": "approved", "approved_amount": "free"}, "lines.0.approved_amount", "amount"),
        ({"outcome": "partly_approved", "reason_code": "wear_part"}, "lines.0.approved_amount", "amount"),
        (
            {"outcome": "partly_approved", "reason_code": "wear_part", "approved_amount": "720"},
            "lines.0.approved_amount",
            "amount",
        ),
        (
            {"outcome": "partly_approved", "reason_code": "wear_part", "approved_amount": "-1"},
            "lines.0.approved_amount",
            "amount",
        ),
        (
            {"outcome": "partly_approved", "reason_code": "wear_part", "approved_amount": "NaN"},
            "lines.0.approved_amount",
            "amount",
        ),
        ({"line_id": uuid4()}, "lines.0.line_id", "unknown_line"),
        ({"line_id": PUMP}, "lines.1.line_id", "twice"),
        ({"line_id": None}, "lines.0.line_id", "unknown_line"),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_wrong_answer_names_its_field(claim, analyst, change, field, code, language):
    lines = approve_all()
    lines[0] |= change
    with translation.override(language), pytest.raises(Invalid) as caught:
        actions.decide_claim(actor=analyst, claim_id=claim.pk, lines=lines)
    assert (field, code) in [(error.field, error.code) for error in caught.value.errors]
    assert not Decision.objects.exists()
    assert not Ledger.objects.filter(contract="ClaimDecision").exists()


def test_every_line_needs_an_answer(claim, analyst):
    with pytest.raises(Invalid) as caught:
        actions.decide_claim(actor=analyst, claim_id=claim.pk, lines=approve_all()[:1])
    assert caught.value.errors[0].code == "incomplete"


@pytest.mark.parametrize("role", ["lead_desk", "network_manager", "crm_analyst", "network_admin", "auditor"])
def test_only_warranty_analysts_decide(claim, portal, role):
    with pytest.raises(Forbidden):
        actions.decide_claim(actor=portal.actor(role), claim_id=claim.pk, lines=approve_all())
    with pytest.raises(Missing):
        queries.access_claim_for_deciding(claim.pk, portal.user(role))


def test_an_unknown_claim_is_missing(at_portal, analyst):
    with pytest.raises(Missing):
        actions.decide_claim(actor=analyst, claim_id=uuid4(), lines=approve_all())


def test_every_transition_that_the_table_does_not_name_is_illegal():
    for old in TRANSITIONS:
        for new in TRANSITIONS:
            record = Claim(state=old)
            if new in TRANSITIONS[old]:
                assert move(record, "state", new, TRANSITIONS) == old
            else:
                with pytest.raises(Conflict):
                    move(record, "state", new, TRANSITIONS)


def test_every_outcome_and_kind_of_the_contracts_has_a_name_here():
    from kernel.contracts import ClaimLineKind, ClaimOutcome, VisitKind

    assert set(models.Outcome.values) == {str(one) for one in ClaimOutcome}
    assert set(models.LineKind.values) == {str(one) for one in ClaimLineKind}
    assert set(models.Kind.values) == {str(one) for one in VisitKind}
