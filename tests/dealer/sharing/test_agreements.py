"""The life of an agreement at a dealership: proposed, compared, signed in part, ending, ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.dealer.sharing.test_actions import another_version, new_owner, set_level

from dealer.sharing import actions, queries
from dealer.sharing.actions.ending import end_by
from dealer.sharing.models import Agreement, AgreementState, EndReason, Grant, LevelChange
from dealer.sharing.tasks import tend_agreements
from exchange.handlers import Refuse
from exchange.models import Ledger, LedgerState, Payload
from kernel import clock
from kernel.contracts import Level, ProposalStep, Purpose, SharingDecision, SharingProposal
from kernel.contracts.agreements import AgreementText, default_agreement
from kernel.errors import Conflict, Forbidden, Invalid
from kernel.testing.clocks import at

DAY = timedelta(days=1)
#: What a dealership signs on joining.
NOW_SIGNED = default_agreement().version


@pytest.fixture
def at_north(wall, north):
    with north.bound():
        yield north


@pytest.fixture
def manager(wall, north):
    return north.actor("general_manager")


def proposal(text: AgreementText, *, step: str = "proposed", proposal_id: UUID | None = None, **changes: Any) -> Any:
    """What the portal sends for a text."""
    told: dict[str, Any] = {
        "proposal_id": proposal_id or uuid4(),
        "step": ProposalStep(step),
        "at": clock.now(),
        "version": text.version,
        "text_hash": text.digest,
        "published_on": text.published_on,
        "valid_from": text.valid_from,
        "notice_days": text.notice_days,
        "words": [{"language": key, "title": text.title[key], "text": text.text[key]} for key in text.title],
        "terms": [{"retention_days": None, "recipients": []} | term.to_json() for term in text.terms],
    }
    return SharingProposal(**told | changes)


def later(version: str = "2027-1", valid_from: Any = None, **changes: Any) -> AgreementText:
    """A version that the manufacturer proposes; without changes it asks what the built-in one asks."""
    made = another_version(**changes)
    return replace(made, version=version, valid_from=valid_from or clock.today("Asia/Shanghai"))


def told() -> list[SharingDecision]:
    """What the manufacturer was told, in order."""
    rows = Ledger.objects.filter(contract="SharingDecision").order_by("number")
    bodies = {row.id: row.body for row in Payload.objects.all()}
    return [SharingDecision.from_json(bodies[row.id]) for row in rows]


def line(decision: SharingDecision, contract: str) -> dict[str, Any]:
    (found,) = (one for one in decision.ceilings if one["contract"] == contract)
    return dict(found)


# -- telling


def test_on_joining_nothing_is_sent_and_the_task_tells_what_was_agreed_once(at_north):
    assert told() == []
    assert actions.tell_what_changed() == 1
    assert actions.tell_what_changed() == 0
    (decision,) = told()
    assert (decision.step, decision.version, decision.text_hash) == (
        "signed",
        NOW_SIGNED,
        default_agreement().digest,
    )
    assert line(decision, "WarrantyClaim")["level"] == "full"
    assert line(decision, "Owner") == {
        "contract": "Owner",
        "purpose": "customer_care",
        "ceiling": "nothing",
        "level": "nothing",
        "refused": True,
    }


def test_levels_that_were_changed_together_are_told_once_with_every_line(at_north, manager):
    actions.tell_what_changed()
    set_level(manager, "counts")
    set_level(manager, "full")
    assert actions.tell_what_changed() == 1
    assert actions.tell_what_changed() == 0
    first, second = told()
    assert (first.step, line(first, "Owner")["level"]) == ("signed", "nothing")
    assert (second.step, line(second, "Owner")["level"]) == ("changed", "full")
    assert len(second.ceilings) == len(default_agreement().terms)
    assert not line(second, "Owner")["refused"]


def test_what_is_told_names_nobody(at_north, manager):
    set_level(manager, "full")
    actions.tell_what_changed()
    assert manager.name not in str(Payload.objects.get().body)


# -- proposing


def test_a_proposal_waits_and_the_agreement_in_force_gets_an_end(at_north):
    start = clock.now()
    with at(start):
        made = actions.receive_proposal(proposal(later(Owner={"level": Level.COUNTS})))
    signed = queries.current_agreement()
    assert (made.state, made.version) == ("proposed", "2027-1")
    assert queries.waiting_agreement() == made
    assert (signed.version, signed.end_reason) == (NOW_SIGNED, EndReason.LATER_VERSION)
    assert signed.ends_at == start + 90 * DAY
    assert [signed.days_left(start), signed.days_left(start + DAY / 2), signed.days_left(start + 91 * DAY)] == [
        90,
        90,
        0,
    ]
    assert Grant.objects.get(contract="Owner").agreement == signed
    (decision,) = told()
    assert (decision.step, decision.version, decision.ends_at) == ("ending", NOW_SIGNED, signed.ends_at)


def test_the_version_before_stays_until_the_day_that_the_proposal_names(at_north):
    far = clock.today("Asia/Shanghai") + 200 * DAY
    actions.receive_proposal(proposal(later(valid_from=far)))
    assert queries.current_agreement().ends_at.isoformat().startswith((far - DAY).isoformat() + "T16:00")


def test_the_same_proposal_again_changes_nothing(at_north):
    message = proposal(later())
    first = actions.receive_proposal(message)
    with at(clock.now() + 5 * DAY):
        assert actions.receive_proposal(message) == first
    assert len(told()) == 1
    assert Agreement.objects.count() == 2


def test_a_later_proposal_takes_the_place_of_the_one_that_waits_and_the_notice_begins_anew(at_north):
    start = clock.now()
    with at(start):
        first = actions.receive_proposal(proposal(later()))
    with at(start + 30 * DAY):
        second = actions.receive_proposal(proposal(later("2027-2")))
    first.refresh_from_db()
    assert (first.state, queries.waiting_agreement()) == (AgreementState.REPLACED, second)
    assert queries.current_agreement().ends_at == start + 120 * DAY


def test_without_an_agreement_in_force_a_proposal_only_waits(at_north):
    actions.end_sharing(actor=at_north.actor("general_manager"), note="test")
    made = actions.receive_proposal(proposal(later()))
    assert queries.waiting_agreement() == made
    assert queries.current_agreement() is None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"text_hash": "0" * 64}, "other_text"),
        ({"version": NOW_SIGNED}, "other_text"),
        ({"notice_days": 3}, "other_text"),
    ],
)
def test_a_text_that_does_not_fit_its_hash_is_refused(at_north, changes, code):
    with pytest.raises(Refuse) as caught:
        actions.receive_proposal(proposal(later(), **changes))
    assert caught.value.code == code
    assert Agreement.objects.count() == 1


def test_a_version_that_is_known_with_another_text_is_refused(at_north):
    actions.receive_proposal(proposal(later()))
    with pytest.raises(Refuse, match="other_text"):
        actions.receive_proposal(proposal(later(Owner={"level": Level.COUNTS})))


@pytest.mark.parametrize(
    "changes", [{"contract": "Prospect"}, {"required": True, "contract": "Owner"}, {"level": "everything"}]
)
def test_what_nobody_can_ask_for_is_refused(at_north, changes):
    message = proposal(later())
    terms = [dict(term) | (changes if term["contract"] == "Owner" else {}) for term in message.terms]
    with pytest.raises(Refuse, match="unknown_terms"):
        actions.receive_proposal(proposal(later(), terms=terms))


def test_a_proposal_taken_back_leaves_everything_as_it_was(at_north):
    message = proposal(later())
    made = actions.receive_proposal(message)
    back = proposal(later(), step="withdrawn", proposal_id=message.proposal_id)
    actions.take_back_proposal(back)
    actions.take_back_proposal(back)
    made.refresh_from_db()
    signed = queries.current_agreement()
    assert (made.state, signed.ends_at, signed.end_reason) == (AgreementState.WITHDRAWN, None, None)
    assert [one.step for one in told()] == ["ending", "kept"]


def test_what_is_signed_cannot_be_taken_back(at_north, manager):
    message = proposal(later())
    made = actions.receive_proposal(message)
    actions.sign_agreement(actor=manager, agreement=made)
    actions.take_back_proposal(proposal(later(), step="withdrawn", proposal_id=message.proposal_id))
    assert queries.current_agreement() == made


# -- signing


def test_signing_with_lower_ceilings_and_refused_lines(at_north, manager):
    text = later(Owner={"level": Level.FULL, "retention_days": 365, "recipients": ("Call centre",)})
    made = actions.receive_proposal(proposal(text))
    actions.sign_agreement(
        actor=manager,
        agreement=made,
        text_hash=made.text_hash,
        ceilings={"Owner": "pseudonymous", "ServiceVisit/analytics": "nothing", "LeadOutcome": "full"},
    )
    owner = Grant.objects.get(contract="Owner")
    assert (owner.level, owner.retention_days, owner.recipients) == (Level.PSEUDONYMOUS, 365, ["Call centre"])
    assert Grant.objects.get(contract="ServiceVisit").level is Level.NOTHING
    assert Grant.objects.get(contract="WarrantyClaim").level is Level.FULL
    assert queries.current_agreement() == made
    assert (made.ends_at, Agreement.objects.get(version=NOW_SIGNED).state) == (None, "replaced")
    decision = told()[-1]
    assert (decision.step, decision.version, decision.text_hash) == ("signed", "2027-1", text.digest)
    assert line(decision, "ServiceVisit")["refused"]
    assert (line(decision, "Owner")["ceiling"], line(decision, "Owner")["refused"]) == ("pseudonymous", False)


def test_a_line_of_one_purpose_is_named_with_it(at_north, manager):
    made = actions.receive_proposal(proposal(later()))
    with pytest.raises(Invalid) as caught:
        actions.sign_agreement(actor=manager, agreement=made, ceilings={"Owner/marketing": "full"})
    assert caught.value.errors[0].code == "unknown_contract"
    with pytest.raises(Invalid) as caught:
        actions.sign_agreement(actor=manager, agreement=made, ceilings={"WarrantyClaim": "nothing"})
    assert caught.value.errors[0].code == "required"


def test_fields_that_are_not_asked_any_more_stop_what_waits(at_north, manager):
    set_level(manager, "full")
    new_owner(at_north.actor("sales_consultant"))
    made = actions.receive_proposal(proposal(later(Owner={"fields_denied": ("email",)})))
    actions.sign_agreement(actor=manager, agreement=made)
    assert Ledger.objects.get(contract="Owner").state == LedgerState.STOPPED
    assert "email" in queries.policy_for("Owner", Purpose.CUSTOMER_CARE).fields_denied


# -- ending


def test_unsigned_when_the_notice_ends_nothing_leaves_any_more(at_north, manager):
    start = clock.now()
    set_level(manager, "full")
    with at(start):
        made = actions.receive_proposal(proposal(later(Owner={"level": Level.FULL})))
    with at(start + 89 * DAY):
        new_owner(at_north.actor("sales_consultant"))
        assert actions.end_due() == 0
    assert Ledger.objects.get(contract="Owner").state == LedgerState.RECORDED
    with at(start + 90 * DAY):
        # By the clock alone, before anybody has written it down …
        assert queries.policy_for("WarrantyClaim", Purpose.WARRANTY).template is Level.NOTHING
        assert [one.template for one in queries.policies_for_sharing("Owner")] == [Level.NOTHING]
        # … and then in the books.
        assert actions.end_due() == 1
        assert actions.end_due() == 0
    before = Agreement.objects.get(version=NOW_SIGNED)
    made.refresh_from_db()
    assert (before.state, before.end_reason, made.state) == ("ended", "later_version", "proposed")
    assert {grant.level for grant in Grant.objects.all()} == {Level.NOTHING}
    assert Ledger.objects.get(contract="Owner").state == LedgerState.STOPPED
    assert told()[-1].step == "ended"
    assert not before.can_be_signed
    actions.sign_agreement(actor=manager, agreement=made)
    assert Grant.objects.get(contract="WarrantyClaim").level is Level.FULL
    assert Grant.objects.get(contract="Owner").level is Level.NOTHING


def test_the_task_ends_what_is_due_and_tells_what_was_never_told(wall, north):
    start = clock.now()
    tend_agreements(str(north.id))
    with north.bound():
        assert [one.step for one in told()] == ["signed"]
        actions.end_agreement(actor=north.actor("general_manager"), agreement=queries.current_agreement())
    with at(start + 91 * DAY):
        tend_agreements(str(north.id))
    with north.bound():
        assert [one.step for one in told()] == ["signed", "ending", "ended"]


def test_the_dealership_ends_at_once_what_is_not_required_and_the_rest_with_notice(at_north, manager):
    start = clock.now()
    set_level(manager, "full")
    new_owner(at_north.actor("sales_consultant"))
    agreement = queries.current_agreement()
    with at(start):
        assert actions.end_agreement(actor=manager, agreement=agreement, note="we leave") == 1
    agreement.refresh_from_db()
    assert (agreement.state, agreement.end_reason, agreement.ends_at) == ("signed", "dealership", start + 90 * DAY)
    levels = {grant.contract: grant.level for grant in Grant.objects.all()}
    required = {"VehicleSale": Level.FULL, "WarrantyClaim": Level.FULL}
    assert levels == dict.fromkeys(levels, Level.NOTHING) | required
    assert LevelChange.objects.first().note == "we leave"
    assert told()[-1].step == "ending"
    with pytest.raises(Conflict, match="already"):
        actions.end_agreement(actor=manager, agreement=agreement)
    with at(start + 90 * DAY):
        assert actions.end_due() == 1
    agreement.refresh_from_db()
    assert (agreement.state, {grant.level for grant in Grant.objects.all()}) == ("ended", {Level.NOTHING})
    with pytest.raises(Conflict, match="not in force"):
        actions.end_agreement(actor=manager, agreement=agreement)
    # What the dealership itself ended it may sign again.
    assert agreement.can_be_signed
    actions.sign_agreement(actor=manager, agreement=agreement)
    assert Grant.objects.get(contract="WarrantyClaim").level is Level.FULL
    assert queries.current_agreement().ends_at is None


def test_the_law_of_a_place_may_shorten_the_notice(at_north, manager):
    from dealer.organisation.actions import update_profile

    made = actions.receive_proposal(proposal(later(), notice_days=90))
    Agreement.objects.filter(pk=made.pk).update(state="proposed")
    agreement = queries.current_agreement()
    agreement.notice_days = 365
    assert actions.notice_days(agreement) == 365
    update_profile(actor=manager, country="US-AZ")
    assert actions.notice_days(agreement) == 90


def test_an_end_that_comes_sooner_stands(at_north, manager):
    start = clock.now()
    with at(start):
        actions.receive_proposal(proposal(later()))
    with at(start + 30 * DAY):
        actions.end_agreement(actor=manager, agreement=queries.current_agreement())
    assert queries.current_agreement().ends_at == start + 90 * DAY
    with at(start + 40 * DAY):
        actions.receive_proposal(proposal(later("2027-2")))
    assert queries.current_agreement().ends_at == start + 90 * DAY


def test_a_notice_can_be_taken_back_until_it_is_over(at_north, manager):
    start = clock.now()
    agreement = queries.current_agreement()
    with pytest.raises(Conflict, match="no notice"):
        actions.keep_agreement(actor=manager, agreement=agreement)
    with at(start):
        actions.end_agreement(actor=manager, agreement=agreement)
    with at(start + 90 * DAY), pytest.raises(Conflict, match="over"):
        actions.keep_agreement(actor=manager, agreement=agreement)
    kept = actions.keep_agreement(actor=manager, agreement=agreement)
    assert (kept.ends_at, kept.end_reason) == (None, None)
    assert Grant.objects.get(contract="LeadOutcome").level is Level.NOTHING
    assert told()[-1].step == "kept"


def test_a_notice_taken_back_leaves_the_end_by_a_later_version(at_north, manager):
    start = clock.now()
    with at(start):
        actions.receive_proposal(proposal(later()))
        actions.end_agreement(actor=manager, agreement=queries.current_agreement())
        kept = actions.keep_agreement(actor=manager, agreement=queries.current_agreement())
    assert (kept.ends_at, kept.end_reason) == (start + 90 * DAY, EndReason.LATER_VERSION)


def test_the_manufacturer_ends_with_notice(at_north):
    start = clock.now()
    message = proposal(default_agreement(), step="ended", text_hash=None, words=None, terms=None)
    with at(start):
        actions.end_by_manufacturer(message)
        actions.end_by_manufacturer(message)
        actions.end_by_manufacturer(proposal(later(), step="ended"))
    agreement = queries.current_agreement()
    assert (agreement.end_reason, agreement.ends_at) == ("manufacturer", start + 90 * DAY)
    assert Grant.objects.get(contract="LeadOutcome").level is Level.FULL
    assert len(told()) == 1
    with at(start + 91 * DAY):
        actions.end_due()
    agreement.refresh_from_db()
    assert (agreement.state, agreement.can_be_signed) == ("ended", False)


def test_the_manufacturers_notice_does_not_put_off_an_end_that_comes_sooner(at_north, manager):
    start = clock.now()
    with at(start):
        actions.end_agreement(actor=manager, agreement=queries.current_agreement())
    with at(start + 10 * DAY):
        actions.end_by_manufacturer(proposal(default_agreement(), step="ended"))
    assert queries.current_agreement().ends_at == start + 90 * DAY


@pytest.mark.parametrize("role", ["crm_manager", "it_admin", "sales_manager"])
def test_only_the_general_manager_ends_and_keeps(at_north, role):
    actor = at_north.actor(role)
    agreement = queries.current_agreement()
    with pytest.raises(Forbidden):
        actions.end_agreement(actor=actor, agreement=agreement)
    with pytest.raises(Forbidden):
        actions.keep_agreement(actor=actor, agreement=agreement)


def test_what_ended_meanwhile_is_not_ended_again(at_north, manager):
    from dealer.sharing.actions.ending import _end

    assert _end(queries.current_agreement().pk) is False


def test_a_built_in_version_that_waits_ends_nothing_until_the_notice_is_taken_back(at_north, manager):
    start = clock.now()
    with at(start):
        actions.receive_agreement(actor=manager, text=another_version())
        actions.end_agreement(actor=manager, agreement=queries.current_agreement())
        kept = actions.keep_agreement(actor=manager, agreement=queries.current_agreement())
    assert (kept.ends_at, kept.end_reason) == (None, None)


def test_without_a_day_of_its_own_a_later_version_ends_the_one_before_by_its_notice(at_north):
    made = actions.receive_proposal(proposal(later()))
    made.valid_from = None
    assert end_by(queries.current_agreement(), made) == made.received_at + 90 * DAY


def test_a_proposal_taken_back_with_nothing_in_force_only_goes(at_north):
    actions.end_sharing(actor=at_north.actor("general_manager"), note="test")
    message = proposal(later())
    made = actions.receive_proposal(message)
    actions.take_back_proposal(proposal(later(), step="withdrawn", proposal_id=message.proposal_id))
    made.refresh_from_db()
    assert made.state == AgreementState.WITHDRAWN
    assert told() == []


def test_a_version_that_is_known_is_laid_down_once(at_north, manager):
    first = actions.receive_agreement(actor=manager, text=another_version())
    assert actions.receive_agreement(actor=manager, text=another_version()) == first


def test_counts_stop_with_the_agreement_too(at_north, manager):
    start = clock.now()
    set_level(manager, "counts")
    before = Ledger.objects.filter(contract="DailyCounts", state=LedgerState.RECORDED).count()
    with at(start):
        actions.receive_proposal(proposal(later()))
    with at(start + 95 * DAY):
        actions.send_due_counts()
    assert Ledger.objects.filter(contract="DailyCounts", state=LedgerState.RECORDED).count() == before
