"""What was told before a restore is done again, silently and once."""

from __future__ import annotations

from uuid import uuid4

import pytest
from tests.dealer.sales.actions.test_leads import outcomes
from tests.dealer.sales.makers import accepted, offered

from dealer.sales import actions
from dealer.sales.models import Lead, LeadMilestone, Prospect
from exchange.models import Ledger
from kernel import clock
from kernel.contracts import LeadEvent, LeadOutcome


def told(lead_id, event: str, *, fence: int = 1, **fields) -> LeadOutcome:
    return LeadOutcome(lead_id=lead_id, fence=fence, event=LeadEvent(event), at=clock.now(), **fields)


def test_an_acceptance_is_done_again_and_told_to_nobody(wall, north):
    with north.bound():
        lead = offered()
        outcome = told(lead.pk, "accepted")
        assert actions.retell(outcome)
        assert not actions.retell(outcome)
        lead.refresh_from_db()
        assert (lead.state, lead.envelope) == ("accepted", "")
        assert Prospect.objects.get(lead=lead).customer.phone == "+8613812345678"
        assert outcomes(lead.pk) == []
        assert not Ledger.objects.filter(contract="LeadOutcome").exists()
        assert list(LeadMilestone.objects.values_list("event", "by_name")) == [("accepted", "Dealernet")]


@pytest.mark.parametrize(("reason", "kept"), [("no_capacity", "no_capacity"), (None, "other")])
def test_a_refusal_is_done_again_with_its_reason(wall, north, reason, kept):
    with north.bound():
        lead = offered()
        assert actions.retell(told(lead.pk, "declined", reason=reason, reason_text="full"))
        lead.refresh_from_db()
        assert (lead.state, lead.decline_reason, lead.decline_text, lead.masked_name) == ("declined", kept, "full", "")
        assert outcomes(lead.pk) == []


@pytest.mark.parametrize(
    ("event", "prospect", "stage"),
    [
        ("contacted", "open", "contacted"),
        ("quoted", "open", "quoted"),
        ("won", "won", "delivered"),
        ("lost", "lost", "new"),
        ("returned", "lost", "new"),
    ],
)
def test_milestones_are_reached_again(wall, north, event, prospect, stage):
    with north.bound():
        person = accepted(north.actor("sales_consultant"))
        before = outcomes(person.lead_id)
        assert actions.retell(told(person.lead_id, event, reason="price" if event == "lost" else None))
        person.refresh_from_db()
        assert (person.state, person.stage) == (prospect, stage)
        assert Lead.objects.get(pk=person.lead_id).state == event
        assert outcomes(person.lead_id) == before
        if prospect == "lost":
            assert person.lost_reason == ("price" if event == "lost" else "other")


def test_a_sale_that_was_won_here_already_stays_as_it_is(wall, north):
    with north.bound():
        person = accepted(north.actor("sales_consultant"))
        Prospect.objects.filter(pk=person.pk).update(state="won")
        assert actions.retell(told(person.lead_id, "won"))
        person.refresh_from_db()
        assert (person.state, person.closed_at) == ("won", None)


def test_an_event_that_is_no_state_of_a_lead_moves_none(wall, north):
    with north.bound():
        person = accepted(north.actor("sales_consultant"))
        Lead.objects.filter(pk=person.lead_id).update(state="quoted")
        assert actions.retell(told(person.lead_id, "contacted"))
        assert Lead.objects.get(pk=person.lead_id).state == "quoted"


def test_what_is_not_here_any_more_is_left(wall, north):
    with north.bound():
        lead = offered(fence=2)
        assert not actions.retell(told(uuid4(), "accepted"))
        assert not actions.retell(told(lead.pk, "accepted", fence=1))
        assert not actions.retell(told(lead.pk, "contacted", fence=2))
        late = offered(minutes=-1)
        assert not actions.retell(told(late.pk, "accepted"))
        late.refresh_from_db()
        assert late.state == "expired"
