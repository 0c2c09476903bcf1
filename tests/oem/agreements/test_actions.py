"""Drawing up, proposing, taking back and ending agreements, and what dealerships tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from uuid import uuid4

import pytest

from dealer.sharing import actions as at_dealer
from dealer.sharing import queries as dealers
from dealer.sharing.models import Agreement, Grant
from exchange.models import Ledger, LedgerState, Payload
from exchange.testing import exchange_drained
from kernel import clock
from kernel.accounts.roles import PORTAL_ROLES, RIGHTS, Right
from kernel.audit.models import Entry
from kernel.contracts import DecisionStep, Level, Purpose, SharingDecision
from kernel.contracts.agreements import LANGUAGES, Term, agreements, default_agreement
from kernel.errors import Conflict, Forbidden, Invalid
from kernel.testing.clocks import at
from oem.agreements import actions, queries
from oem.agreements.models import Asked, Decision, Proposal
from oem.network.models import Dealership

DAY = timedelta(days=1)
#: What a dealership signs on joining.
NOW_SIGNED = default_agreement().version
OWNER = Term("Owner", Purpose.CUSTOMER_CARE, Level.PSEUDONYMOUS, False, Level.NOTHING)


@pytest.fixture
def at_portal(wall, portal):
    with portal.bound():
        yield portal


@pytest.fixture
def manager(wall, portal):
    return portal.actor("network_manager")


def draft(actor, **changes):
    """A draft from the built-in version, with some of it changed."""
    made = actions.draft_proposal(actor=actor, base=NOW_SIGNED)
    told = {"title": made.title, "text": made.text, "terms": made.asked, "notice_days": 90}
    told |= {"valid_from": clock.today("Asia/Shanghai")} | changes
    return actions.edit_proposal(actor=actor, proposal=made, **told)


def with_owner(**changes):
    """The built-in terms with the line about owners changed."""
    return [replace(term, **changes) if term.contract == "Owner" else term for term in default_agreement().terms]


def dealership(slug="north"):
    return Dealership.objects.get(slug=slug)


def codes(caught):
    return {error.field: error.code for error in caught.value.errors}


def decision(version=NOW_SIGNED, step="signed", **changes):
    told = {
        "step": DecisionStep(step),
        "at": clock.now(),
        "version": version,
        "text_hash": "0" * 64,
        "signed_at": clock.now(),
        "ceilings": [],
    }
    return SharingDecision(**told | changes)


# -- drawing up


def test_a_draft_begins_with_the_version_of_today(at_portal, manager):
    first = actions.draft_proposal(actor=manager, base=NOW_SIGNED)
    second = actions.draft_proposal(actor=manager, base=NOW_SIGNED)
    year = clock.today("Asia/Shanghai").year
    assert (first.state, first.base) == ("draft", NOW_SIGNED)
    assert first.as_text().title == default_agreement().title
    assert [term.to_json() for term in first.asked] == [term.to_json() for term in default_agreement().terms]
    taken = {text.version for text in agreements()}
    free = [version for version in (f"{year}-{number}" for number in range(1, 9)) if version not in taken]
    assert [first.version, second.version] == free[:2]
    assert queries.text_of(first.version) is None
    assert list(queries.open_drafts()) == [second, first]


def test_a_draft_can_begin_with_one_that_was_proposed(at_portal, manager):
    made = draft(manager, terms=[OWNER])
    actions.propose(actor=manager, proposal=made, dealerships=[dealership()])
    again = actions.draft_proposal(actor=manager, base=made.version)
    assert again.asked == (OWNER,)
    with pytest.raises(Invalid):
        actions.draft_proposal(actor=manager, base="1999-1")


def test_what_is_edited_is_kept_and_written_down(at_portal, manager):
    made = draft(manager, terms=[OWNER, replace(OWNER, contract="ServiceVisit", level=Level.NOTHING)], version="Spring")
    made.refresh_from_db()
    assert (made.version, made.asked) == ("Spring", (OWNER,))
    assert Entry.objects.filter(action="agreements.edit").count() == 1
    same = {"title": made.title, "text": made.text, "terms": made.asked, "notice_days": 90}
    actions.edit_proposal(actor=manager, proposal=made, valid_from=made.valid_from, **same)
    assert Entry.objects.filter(action="agreements.edit").count() == 1
    other = actions.draft_proposal(actor=manager, base=NOW_SIGNED)
    for taken in ("Spring", NOW_SIGNED, "new", "a/b"):
        with pytest.raises(Invalid):
            actions.edit_proposal(actor=manager, proposal=other, version=taken, valid_from=made.valid_from, **same)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"title": {"en": "Only English"}}, {"title_zh-hans": "required", "title_zh-hant": "required"}),
        ({"text": dict.fromkeys(LANGUAGES, " ")}, {f"text_{language}": "required" for language in LANGUAGES}),
        ({"notice_days": 5}, {"notice_days": "range"}),
        ({"terms": []}, {"terms": "required"}),
        ({"terms": with_owner(required=True)}, {"Owner/customer_care": "not_requirable"}),
        ({"terms": with_owner(retention_days=0)}, {"Owner/customer_care": "retention"}),
    ],
)
def test_what_is_not_right_yet_cannot_be_proposed(at_portal, manager, changes, expected):
    made = draft(manager, **changes)
    assert {error.field: error.code for error in actions.check_proposal(made)} == expected
    with pytest.raises(Invalid) as caught:
        actions.propose(actor=manager, proposal=made, dealerships=[dealership()])
    assert codes(caught) == expected
    assert not Ledger.objects.exists()


def test_somebody_at_work_must_be_asked(at_portal, manager):
    made = draft(manager)
    with pytest.raises(Invalid) as caught:
        actions.propose(actor=manager, proposal=made, dealerships=[])
    assert codes(caught) == {"dealerships": "required"}
    gone = dealership("south")
    gone.state = "retired"
    with pytest.raises(Invalid) as caught:
        actions.propose(actor=manager, proposal=made, dealerships=[gone])
    assert codes(caught) == {"dealerships": "state"}


# -- proposing


def test_a_proposal_goes_to_those_who_were_chosen_and_is_fixed_from_then_on(at_portal, manager):
    made = draft(manager, terms=with_owner(level=Level.COUNTS))
    done = actions.propose(actor=manager, proposal=made, dealerships=[dealership("north")])
    assert (done.state, done.text_hash) == ("proposed", done.as_text().digest)
    row = Ledger.objects.get(contract="SharingProposal")
    assert row.receiver == dealership("north").id
    body = Payload.objects.get(id=row.id).body
    assert (body["step"], body["text_hash"], len(body["terms"])) == (
        "proposed",
        done.text_hash,
        len(default_agreement().terms),
    )
    assert queries.waiting_versions() == {dealership("north").id: done.version}
    for change in (
        lambda: actions.propose(actor=manager, proposal=made, dealerships=[dealership()]),
        lambda: actions.edit_proposal(
            actor=manager, proposal=made, title={}, text={}, terms=[], notice_days=90, valid_from=date(2030, 1, 1)
        ),
    ):
        with pytest.raises(Conflict, match="proposed already"):
            change()


def test_a_later_version_takes_the_place_of_what_waits(at_portal, manager):
    both = [dealership("north"), dealership("south")]
    first = actions.propose(actor=manager, proposal=draft(manager), dealerships=both)
    second = actions.propose(actor=manager, proposal=draft(manager), dealerships=both[:1])
    first.refresh_from_db()
    assert first.state == "proposed"
    assert queries.waiting_versions() == {both[0].id: second.version, both[1].id: first.version}
    third = actions.propose(actor=manager, proposal=draft(manager), dealerships=both)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state, third.state) == ("replaced", "replaced", "proposed")
    newest = [one.version for one in queries.versions()][:4]
    assert newest == [third.version, second.version, first.version, NOW_SIGNED]


def test_taking_back_tells_those_who_have_not_signed(at_portal, manager):
    both = [dealership("north"), dealership("south")]
    made = actions.propose(actor=manager, proposal=draft(manager), dealerships=both)
    actions.note_decision(dealership=both[0].id, message=uuid4(), record=decision(made.version))
    done = actions.withdraw_proposal(actor=manager, proposal=made)
    last = Ledger.objects.filter(contract="SharingProposal").order_by("-number")
    assert (done.state, last.count(), last[0].receiver) == ("withdrawn", 3, both[1].id)
    assert Payload.objects.get(id=last[0].id).body["step"] == "withdrawn"
    with pytest.raises(Conflict):
        actions.withdraw_proposal(actor=manager, proposal=made)


def test_a_draft_is_dropped_without_a_word(at_portal, manager):
    done = actions.withdraw_proposal(actor=manager, proposal=draft(manager))
    assert done.state == "withdrawn"
    assert not Ledger.objects.exists()
    assert queries.text_of(done.version) is None


# -- what dealerships tell


def test_the_latest_word_of_a_dealership_counts_and_each_message_once(at_portal, manager):
    here, message = dealership().id, uuid4()
    ceilings = [
        {"contract": "Owner", "purpose": "customer_care", "ceiling": "counts", "level": "counts", "refused": False}
    ]
    first = actions.note_decision(dealership=here, message=message, record=decision())
    assert actions.note_decision(dealership=here, message=message, record=decision("other")) == first
    actions.note_decision(dealership=here, message=uuid4(), record=decision(step="changed", ceilings=ceilings))
    assert Decision.objects.count() == 2
    assert queries.latest_decisions()[here].step == "changed"
    (found,) = queries.terms_at_dealerships(portal_user(at_portal), only=dealership())
    told = {term.term.contract: term.told for term in found.terms}
    assert told["Owner"] == queries.Told(Level.COUNTS, Level.COUNTS, False)
    assert told["WarrantyClaim"] is None
    assert (found.version, found.waiting) == (NOW_SIGNED, "")


def portal_user(side):
    return side.user("network_manager")


def test_notice_is_given_to_who_has_an_agreement_in_force(at_portal, manager):
    north = dealership()
    with pytest.raises(Conflict, match="no agreement in force"):
        actions.end_agreement(actor=manager, dealership=north, note="")
    actions.note_decision(dealership=north.id, message=uuid4(), record=decision())
    actions.end_agreement(actor=manager, dealership=north, note="merger")
    row = Ledger.objects.get(contract="SharingProposal")
    assert Payload.objects.get(id=row.id).body["step"] == "ended"
    assert Entry.objects.get(action="agreements.end").note == "merger"
    ending = decision(step="ending", ends_at=clock.now(), end_reason="manufacturer")
    actions.note_decision(dealership=north.id, message=uuid4(), record=ending)
    with pytest.raises(Conflict, match="ending already"):
        actions.end_agreement(actor=manager, dealership=north, note="")
    actions.note_decision(dealership=north.id, message=uuid4(), record=decision(step="ended"))
    with pytest.raises(Conflict, match="no agreement in force"):
        actions.end_agreement(actor=manager, dealership=north, note="")


@pytest.mark.parametrize("role", sorted(PORTAL_ROLES))
def test_who_may_propose(at_portal, manager, role):
    actor = at_portal.actor(role)
    made = draft(manager)
    if Right.SHARING_PROPOSE in RIGHTS[role]:
        assert actions.propose(actor=actor, proposal=made, dealerships=[dealership()]).state == "proposed"
        return
    for act in (
        lambda: actions.draft_proposal(actor=actor, base=NOW_SIGNED),
        lambda: actions.propose(actor=actor, proposal=made, dealerships=[dealership()]),
        lambda: actions.withdraw_proposal(actor=actor, proposal=made),
        lambda: actions.end_agreement(actor=actor, dealership=dealership(), note=""),
    ):
        with pytest.raises(Forbidden):
            act()


# -- the whole way


def test_proposed_signed_lower_and_told(committed, portal, north, south):
    """What the portal proposes is what the dealership signs; what the dealership allows is what the portal knows."""
    with exchange_drained(), portal.bound():
        actor = portal.actor("network_manager")
        made = draft(actor, terms=with_owner(level=Level.FULL, retention_days=730, recipients=("Call centre",)))
        made = actions.propose(actor=actor, proposal=made, dealerships=[dealership("north")])
    with south.bound():
        assert not Agreement.objects.filter(version=made.version).exists()
    with exchange_drained(), north.bound():
        waiting = dealers.waiting_agreement()
        assert (waiting.version, waiting.text_hash) == (made.version, made.text_hash)
        assert dealers.current_agreement().ends_at is not None
        at_dealer.sign_agreement(
            actor=north.actor("general_manager"),
            agreement=waiting,
            text_hash=made.text_hash,
            ceilings={"Owner": "counts", "ServiceVisit": "nothing"},
        )
        assert Grant.objects.get(contract="Owner").retention_days == 730
    with portal.bound():
        (found,) = queries.terms_at_dealerships(portal.user("network_manager"), only=dealership("north"))
        told = {term.term.contract: term.told for term in found.terms}
        assert (found.version, found.decision.text_hash, found.waiting) == (made.version, made.text_hash, "")
        assert (told["Owner"].level, told["ServiceVisit"].refused) == (Level.COUNTS, True)
        (asked,) = queries.asked_of(made)
        assert asked.signed_at is not None
        assert not Ledger.objects.exclude(state=LedgerState.APPLIED).filter(contract="SharingProposal").exists()


def test_a_level_lowered_later_and_the_end_are_told_too(committed, portal, north):
    start = clock.now()
    with exchange_drained(), north.bound():
        at_dealer.change_level(
            actor=north.actor("general_manager"), contract="LeadOutcome", purpose="lead_handling", level="counts"
        )
        at_dealer.tell_what_changed()
    with exchange_drained(), portal.bound():
        (found,) = queries.terms_at_dealerships(portal.user("network_manager"), only=dealership("north"))
        assert {term.term.contract: term.told.level for term in found.terms}["LeadOutcome"] is Level.COUNTS
        actions.end_agreement(actor=portal.actor("network_manager"), dealership=dealership("north"), note="")
    with exchange_drained(), north.bound(), at(start + 91 * DAY):
        assert at_dealer.end_due() == 1
    with portal.bound():
        (found,) = queries.terms_at_dealerships(portal.user("network_manager"), only=dealership("north"))
        assert (found.decision.step, found.decision.end_reason) == ("ended", "manufacturer")
        assert {term.told.level for term in found.terms} == {Level.NOTHING}
        assert not Asked.objects.exists()
        assert not Proposal.objects.exists()
