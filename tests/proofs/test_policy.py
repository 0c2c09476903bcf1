"""A sample of `dealernet prove policy`: every property and control, and what is really sent and sealed."""

from __future__ import annotations

import pytest

from dealernet.proofs import Result, policy


@pytest.fixture
def stage(committed, portal, north, settings, tmp_path):
    settings.LEDGER_HEADS = tmp_path / "ledger-heads"
    return policy.Stage(committed.name, portal, north)


def test_every_property_holds_and_every_control_is_refuted():
    found = policy.prove(seed=1, examples=150)
    assert found.violations == []
    assert found.figures["examples"] >= 140
    assert found.figures["controls_red"] == len(policy.CONTROLS) == 2
    assert found.passed


def test_what_is_sent_is_what_the_preview_said(stage):
    result = Result("policy")
    policy.really_sent(result, stage, seed=1, examples=25)
    assert result.violations == []
    assert result.figures["really_sent"] >= 20


def test_a_release_that_sends_more_than_the_preview_said_is_found(stage, monkeypatch):
    decided = policy.outbound.decide

    def careless(record, told, consent, *, at, pseudonymiser):
        decision = decided(record, told, consent, at=at, pseudonymiser=pseudonymiser)
        return policy.replace(decision, released={**decision.released, "more": 1}) if decision.sends else decision

    monkeypatch.setattr(policy.outbound, "decide", careless)
    result = Result("policy")
    policy.really_sent(result, stage, seed=1, examples=25)
    assert len(result.violations) == 1


def test_six_kinds_of_tampering_are_found(stage):
    result = Result("policy")
    policy.tampering(result, stage)
    assert result.violations == []
    assert result.figures == {"tampering_tried": 6, "tampering_found": 6}


def test_what_is_not_available_is_never_passed(stage, monkeypatch):
    monkeypatch.setattr(policy, "find_spec", lambda name: None)
    result = Result("policy", figures={"examples": 1})
    policy.erasure(result, stage, people=1)
    assert result.violations == ["erasure: not available, nothing was erased and looked for"]
    assert not result.passed
