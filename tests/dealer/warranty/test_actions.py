"""Drafting, checking and submitting claims, and what decisions do to them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from django.utils import translation
from tests.service import add_warranty_lines, car_of, close, conflict, diagnose, order_of, warranty_repair

from dealer.customers.models import Vehicle
from dealer.sharing import actions as sharing
from dealer.warranty import actions, queries
from dealer.warranty.models import TRANSITIONS, Claim, ClaimLine, ClaimState, Decision
from dealer.workshop import actions as workshop
from dealer.workshop.queries import local_day
from exchange.models import Ledger, Payload
from kernel.accounts.actors import EXCHANGE, SYSTEM
from kernel.audit.models import Entry
from kernel.contracts import ClaimDecision
from kernel.contracts.agreements import default_agreement
from kernel.errors import Conflict, Forbidden, IllegalTransition, Invalid, Missing
from kernel.transitions import move


@pytest.fixture
def at_north(wall, north):
    with north.bound():
        yield north


@pytest.fixture
def adviser(north, wall):
    return north.actor("service_adviser")


@pytest.fixture
def claim(at_north):
    return warranty_repair(at_north)[1]


def decision_on(claim: Claim, outcome: str, *, revision: int = 1, amount: Decimal | None = None) -> ClaimDecision:
    lines = list(claim.lines.all())
    return ClaimDecision(
        claim_id=claim.pk,
        revision=revision,
        decided_at=datetime(2026, 5, 4, tzinfo=UTC),
        outcome=outcome,
        lines=[
            {
                "line_id": line.pk,
                "outcome": outcome,
                "approved_amount": amount if amount is not None else line.amount,
                "reason_code": None if outcome == "approved" else "evidence_missing",
                "reason_text": "请补充照片",
            }
            for line in lines
        ],
        approved_total=sum((amount if amount is not None else line.amount for line in lines), Decimal(0)),
        currency="CNY",
        rule_version="2026-1",
        decided_by_role="warranty_analyst",
    )


# -- drafts


def test_each_job_with_warranty_lines_gives_a_claim_of_its_own(at_north, adviser):
    order = order_of(at_north, *car_of(at_north), complaints=["水温高", "刹车异响", "保养"])
    for job in order.jobs.all():
        diagnose(at_north, job)
    first, second, third = order.jobs.all()
    add_warranty_lines(at_north, first)
    workshop.add_line(actor=adviser, job=second, kind="labour", code="XH-BRK-010", pay_type="warranty")
    workshop.add_line(actor=adviser, job=second, kind="part", code="XH-3501-01")
    workshop.add_line(actor=adviser, job=third, kind="labour", code="XH-MNT-010")
    order = close(at_north, order)
    assert [(claim.complaint, claim.total, claim.lines.count()) for claim in order.claims.order_by("number")] == [
        ("水温高", Decimal("870.00"), 2),
        ("刹车异响", Decimal("144.00"), 1),
    ]
    assert actions.draft_claims_from(actor=adviser, order=order) == []


def test_a_recall_gives_a_claim_of_its_type(at_north, adviser):
    order = order_of(at_north, *car_of(at_north), kind="recall")
    job = order.jobs.get()
    diagnose(at_north, job)
    add_warranty_lines(at_north, job)
    assert close(at_north, order).claims.get().claim_type == "campaign"


# -- submission


def test_a_submitted_claim_goes_up_without_the_customer(claim, adviser):
    sent = actions.submit_claim(actor=adviser, claim=claim)
    assert (sent.state, sent.revision) == (ClaimState.SUBMITTED, 1)
    row = Ledger.objects.get(contract="WarrantyClaim")
    assert (row.state, row.subject, row.subject_label) == ("recorded", claim.pk, str(claim))
    body = Payload.objects.get(id=row.id).body
    assert (body["revision"], body["total"], body["causal_part"]) == (1, "870.00", "XH-1001-01")
    assert (body["fault_code"], body["cause"], len(body["lines"])) == ("P0300", "水泵轴承磨损", 2)
    assert "王小明" not in str(body)
    assert Entry.objects.filter(action="warranty.submit").exists()


@pytest.mark.parametrize("field", ["complaint", "cause", "correction", "fault_code"])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_claim_lacking_something_names_it(claim, adviser, field, language):
    actions.update_claim(actor=adviser, claim=claim, **{field: ""})
    with translation.override(language), pytest.raises(Invalid) as caught:
        actions.submit_claim(actor=adviser, claim=claim)
    assert [(error.field, error.code) for error in caught.value.errors] == [(field, "required")]
    claim.refresh_from_db()
    assert (claim.state, claim.revision) == (ClaimState.DRAFT, 0)
    assert not Ledger.objects.filter(contract="WarrantyClaim").exists()


def test_the_part_that_failed_must_be_marked(claim, adviser):
    pump = claim.lines.get(kind="part")
    actions.update_claim_line(actor=adviser, line=pump, causal=False)
    with pytest.raises(Invalid) as caught:
        actions.submit_claim(actor=adviser, claim=claim)
    assert [error.code for error in caught.value.errors] == ["causal_part"]
    actions.remove_claim_line(actor=adviser, line=pump)
    assert actions.submit_claim(actor=adviser, claim=claim).total == Decimal("450.00")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"delivered_on": None}, "start_unknown"),
        ({"delivered_on": date(2015, 1, 1)}, "time_over"),
    ],
)
def test_a_car_that_is_not_covered_is_refused_with_the_reason(claim, adviser, change, code):
    Vehicle.objects.update(**change)
    claim.repair_order.vehicle.refresh_from_db()
    with pytest.raises(Invalid) as caught:
        actions.submit_claim(actor=adviser, claim=claim)
    assert [(error.field, error.code) for error in caught.value.errors] == [("coverage", code)]
    actions.update_claim(actor=adviser, claim=claim, claim_type="goodwill")
    assert actions.submit_claim(actor=adviser, claim=claim).state == ClaimState.SUBMITTED


def test_an_unknown_variant_has_the_term_of_the_law(at_north, claim):
    Vehicle.objects.update(variant="HAND-BUILT")
    order = claim.repair_order
    order.vehicle.refresh_from_db()
    found = queries.coverage_of(order.vehicle, on=date(2026, 1, 1), km=60_001)
    assert [reason.code for reason in found.reasons] == ["km_over", "statutory_term"]
    assert queries.coverage_of(order.vehicle, on=local_day(order.opened_at), km=60_000).covered


def test_a_submitted_claim_cannot_be_changed(claim, adviser):
    sent = actions.submit_claim(actor=adviser, claim=claim)
    line = sent.lines.first()
    with conflict("claim_not_editable"):
        actions.update_claim(actor=adviser, claim=claim, cause="另一个")
    with conflict("claim_not_editable"):
        actions.update_claim_line(actor=adviser, line=line, quantity=1)
    with conflict("claim_not_editable"):
        actions.remove_claim_line(actor=adviser, line=line)
    for again in (actions.submit_claim, actions.cancel_claim):
        with pytest.raises(IllegalTransition):
            again(actor=adviser, claim=claim)


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"claim_type": "gift"}, "claim_type"), ({"cause": "x" * 2001}, "cause"), ({"fault_code": "坏"}, "fault_code")],
)
def test_a_wrong_change_names_the_field(claim, adviser, fields, field):
    with pytest.raises(Invalid) as caught:
        actions.update_claim(actor=adviser, claim=claim, **fields)
    assert caught.value.errors[0].field == field


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"quantity": -1}, "quantity"), ({"unit_price": "dear"}, "unit_price"), ({"description": ""}, "description")],
)
def test_a_wrong_change_of_a_line_names_the_field(claim, adviser, fields, field):
    with pytest.raises(Invalid) as caught:
        actions.update_claim_line(actor=adviser, line=claim.lines.first(), **fields)
    assert caught.value.errors[0].field == field


def test_a_changed_line_changes_the_total(claim, adviser):
    actions.update_claim_line(actor=adviser, line=claim.lines.get(kind="labour"), quantity="2")
    claim.refresh_from_db()
    assert claim.total == Decimal("780.00")


def test_saying_the_same_again_changes_nothing(claim, adviser):
    line = claim.lines.get(kind="labour")
    actions.update_claim(actor=adviser, claim=claim, cause=claim.cause, fault_code=claim.fault_code)
    actions.update_claim_line(actor=adviser, line=line, quantity=line.quantity, description=line.description)
    assert not Entry.objects.filter(action__in=["warranty.update", "warranty.update_line"]).exists()


def test_a_field_that_claims_do_not_have_is_a_defect_of_the_caller(claim, adviser):
    with pytest.raises(TypeError, match=r"no field \['state'\] to change"):
        actions.update_claim(actor=adviser, claim=claim, state="approved")
    with pytest.raises(TypeError, match=r"no field \['amount'\] to change"):
        actions.update_claim_line(actor=adviser, line=claim.lines.first(), amount=1)


def test_one_part_of_a_claim_failed_first(at_north, adviser):
    order = order_of(at_north, *car_of(at_north))
    job = order.jobs.get()
    diagnose(at_north, job)
    add_warranty_lines(at_north, job)
    workshop.add_line(actor=adviser, job=job, kind="part", code="XH-3501-01", pay_type="warranty")
    claim = close(at_north, order).claims.get()
    pump, pads = claim.lines.filter(kind="part").order_by("position")
    assert (pump.causal, pads.causal) == (True, False)
    actions.update_claim_line(actor=adviser, line=pads, causal=True)
    assert list(claim.lines.filter(causal=True)) == [pads]


def test_a_claim_or_line_that_is_gone_does_not_exist(at_north, claim, adviser):
    with pytest.raises(Missing):
        actions.cancel_claim(actor=adviser, claim=Claim(pk=uuid4()))
    line = claim.lines.get(kind="labour")
    actions.remove_claim_line(actor=adviser, line=line)
    gone = ClaimLine(pk=uuid4(), claim=claim)
    for step in (actions.remove_claim_line, actions.update_claim_line):
        with pytest.raises(Missing):
            step(actor=adviser, line=gone)


def test_corrections_and_submission_are_one_step_or_none(claim, adviser):
    labour, part = claim.lines.order_by("kind")
    good = {"id": labour.pk, "quantity": "2"}
    with pytest.raises(Invalid) as caught:
        actions.correct_and_submit(
            actor=adviser, claim=claim, lines=[good, {"id": uuid4(), "quantity": 1}, {"id": part.pk, "quantity": -1}]
        )
    assert [error.field for error in caught.value.errors] == ["lines.1.id", "lines.2.quantity"]
    claim.refresh_from_db()
    assert (claim.state, claim.total) == (ClaimState.DRAFT, Decimal("870.00"))
    sent = actions.correct_and_submit(actor=adviser, claim=claim, lines=[good], cause="水泵轴承断裂")
    assert (sent.state, sent.total, sent.cause) == (ClaimState.SUBMITTED, Decimal("780.00"), "水泵轴承断裂")


def test_a_claim_that_no_agreement_lets_out_is_not_submitted(at_north, claim, adviser):
    text = default_agreement()
    short = replace(
        text, version="2027-1", terms=tuple(term for term in text.terms if term.contract != "WarrantyClaim")
    )
    made = sharing.receive_agreement(actor=SYSTEM, text=short)
    sharing.sign_agreement(actor=at_north.actor("general_manager"), agreement=made)
    with conflict("not_shared"):
        actions.submit_claim(actor=adviser, claim=claim)
    claim.refresh_from_db()
    assert (claim.state, claim.revision) == (ClaimState.DRAFT, 0)
    assert not Ledger.objects.filter(contract="WarrantyClaim").exists()


def test_labour_is_never_the_part_that_failed(claim, adviser):
    with pytest.raises(Invalid):
        actions.update_claim_line(actor=adviser, line=claim.lines.get(kind="labour"), causal=True)


def test_the_last_line_is_not_removed(claim, adviser):
    actions.remove_claim_line(actor=adviser, line=claim.lines.get(kind="part"))
    with conflict("last_line"):
        actions.remove_claim_line(actor=adviser, line=claim.lines.get())
    assert actions.cancel_claim(actor=adviser, claim=claim).state == ClaimState.CANCELLED


@pytest.mark.parametrize("role", ["technician", "parts_clerk", "sales_manager", "general_manager", "it_admin"])
def test_only_advisers_and_managers_claim(at_north, claim, role):
    with pytest.raises(Forbidden):
        actions.submit_claim(actor=at_north.actor(role), claim=claim)


def test_a_claim_in_one_dealership_is_invisible_in_another(wall, north, south):
    with north.bound():
        claim = warranty_repair(north)[1]
    with south.bound(), pytest.raises(Missing):
        queries.access_claim_for_reading(claim.pk, south.user("service_manager"))


# -- decisions


@pytest.mark.parametrize("outcome", ["approved", "partly_approved", "refused", "sent_back"])
def test_a_decision_moves_the_claim_and_is_kept_as_it_came(claim, adviser, outcome):
    actions.submit_claim(actor=adviser, claim=claim)
    message = uuid4()
    amount = {"approved": None, "partly_approved": Decimal("10.00")}.get(outcome, Decimal(0))
    record = decision_on(claim, outcome, amount=amount)
    actions.apply_decision(record, message_id=message, actor=EXCHANGE)
    claim.refresh_from_db()
    assert (claim.state, claim.approved_total) == (outcome, record.approved_total)
    kept = Decision.objects.get()
    assert (kept.pk, kept.counts, kept.rule_version) == (message, True, "2026-1")
    answered = queries.answered_lines(claim, queries.newest_decision(claim))
    assert [line.answer["outcome"] for line in answered] == [outcome, outcome]


def test_the_same_message_has_no_second_effect(claim, adviser):
    actions.submit_claim(actor=adviser, claim=claim)
    message = uuid4()
    for _turn in range(2):
        actions.apply_decision(decision_on(claim, "approved"), message_id=message, actor=EXCHANGE)
    assert Decision.objects.count() == 1
    assert Entry.objects.filter(action="warranty.decided").count() == 1


def test_an_answer_to_an_older_revision_is_kept_and_changes_nothing(claim, adviser):
    actions.submit_claim(actor=adviser, claim=claim)
    sent_back = decision_on(claim, "sent_back", amount=Decimal(0))
    actions.apply_decision(sent_back, message_id=uuid4(), actor=EXCHANGE)
    again = actions.submit_claim(actor=adviser, claim=claim)
    assert again.revision == 2
    actions.apply_decision(decision_on(claim, "refused", amount=Decimal(0)), message_id=uuid4(), actor=EXCHANGE)
    claim.refresh_from_db()
    assert claim.state == ClaimState.SUBMITTED
    assert [decision.counts for decision in claim.decisions.order_by("received_at")] == [True, False]
    actions.apply_decision(decision_on(claim, "approved", revision=2), message_id=uuid4(), actor=EXCHANGE)
    claim.refresh_from_db()
    assert claim.state == ClaimState.APPROVED


def test_decisions_on_what_was_never_sent_are_refused(claim, adviser):
    with pytest.raises(actions.UnknownRevisionError):
        actions.apply_decision(decision_on(claim, "approved"), message_id=uuid4(), actor=EXCHANGE)
    actions.submit_claim(actor=adviser, claim=claim)
    with pytest.raises(actions.UnknownRevisionError):
        actions.apply_decision(decision_on(claim, "approved", revision=2), message_id=uuid4(), actor=EXCHANGE)
    actions.apply_decision(decision_on(claim, "approved"), message_id=uuid4(), actor=EXCHANGE)
    with pytest.raises(actions.UnknownRevisionError):
        actions.apply_decision(decision_on(claim, "refused", amount=Decimal(0)), message_id=uuid4(), actor=EXCHANGE)
    Decision.objects.all()
    stranger = Claim(pk=uuid4())
    with pytest.raises(actions.UnknownClaimError):
        record = decision_on(claim, "approved")
        object.__setattr__(record, "claim_id", stranger.pk)
        actions.apply_decision(record, message_id=uuid4(), actor=EXCHANGE)


def test_every_transition_that_the_table_does_not_name_is_illegal():
    for old in TRANSITIONS:
        for new in TRANSITIONS:
            claim = Claim(state=old)
            if new in TRANSITIONS[old]:
                assert move(claim, "state", new, TRANSITIONS) == old
            else:
                with pytest.raises(Conflict):
                    move(claim, "state", new, TRANSITIONS)
