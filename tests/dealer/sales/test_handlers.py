"""A lead goes down through the exchange and its outcome comes up: once, in order, and sealed until acceptance."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from tests.dealer.sales.makers import PHONE, offer, offered, prospect, recall

from dealer.sales import actions, envelope, tasks
from dealer.sales.models import Lead, LeadState, Prospect
from exchange.models import Inbox, InboxPayload, InboxState, Ledger, LedgerState, Payload
from exchange.outbound import send_down
from exchange.testing import drain_exchange
from kernel import clock
from kernel.accounts.actors import SYSTEM
from kernel.contracts import Purpose


def send(portal, to, record) -> None:
    with portal.bound():
        send_down(
            record,
            to=to.id,
            subject=record.lead_id,
            purpose=Purpose.LEAD_HANDLING,
            actor=SYSTEM,
            event_at=clock.now(),
        )


def test_an_offer_arrives_sealed_and_its_payload_is_dropped(committed, portal, north, south):
    wish = offer()
    send(portal, north, wish)
    drain_exchange()
    with north.bound():
        lead = Lead.objects.get()
        assert (lead.pk, lead.state, lead.masked_name) == (wish.lead_id, LeadState.OFFERED, "王**")
        assert envelope.unseal(lead.envelope)["phone"] == PHONE
        assert Inbox.objects.get(contract="SalesLead").state == InboxState.APPLIED
        assert not [row for row in InboxPayload.objects.all() if "王小明" in str(row.body)]
    with south.bound():
        assert not Lead.objects.exists()
    with portal.bound():
        assert Ledger.objects.get(contract="SalesLead").state == LedgerState.APPLIED


def test_offer_recall_and_offer_again_come_in_their_order(committed, portal, north):
    wish = offer(fence=1)
    send(portal, north, wish)
    send(portal, north, recall(wish.lead_id, fence=1))
    send(portal, north, offer(lead_id=wish.lead_id, fence=2, name="赵敏", masked_name="赵**"))
    drain_exchange()
    with north.bound():
        lead = Lead.objects.get()
        assert (lead.state, lead.fence, lead.masked_name) == (LeadState.OFFERED, 2, "赵**")
        assert envelope.unseal(lead.envelope)["name"] == "赵敏"


def test_a_recall_that_crosses_the_acceptance_changes_nothing(committed, portal, north):
    wish = offer()
    send(portal, north, wish)
    drain_exchange()
    with north.bound():
        actions.accept_lead(actor=north.actor("sales_consultant"), lead_id=wish.lead_id)
    send(portal, north, recall(wish.lead_id, fence=1))
    drain_exchange()
    with north.bound():
        assert Lead.objects.get().state == LeadState.ACCEPTED
        assert Prospect.objects.get().customer.phone == PHONE
        assert not Inbox.objects.exclude(state=InboxState.APPLIED).exists()


def test_acceptance_needs_no_portal_and_goes_up_when_it_can(committed, portal, north):
    send(portal, north, offer())
    drain_exchange()
    with north.bound():
        lead_id = Lead.objects.get().pk
        actions.accept_lead(actor=north.actor("sales_consultant"), lead_id=lead_id)
        waiting = Ledger.objects.get(contract="LeadOutcome")
        assert waiting.state == LedgerState.RECORDED
        body = Payload.objects.get(id=waiting.id).body
        assert (body["event"], body["lead_id"], body["fence"]) == ("accepted", str(lead_id), 1)
        assert "王小明" not in str(body)
        assert PHONE not in str(body)


def test_the_task_ends_offers_whose_time_is_over(wall, north, south):
    for side in (north, south):
        with side.bound():
            offered()
            Lead.objects.update(respond_before=clock.now() - timedelta(seconds=1))
    tasks.expire_leads(str(north.id))
    with north.bound():
        assert Lead.objects.get().state == LeadState.EXPIRED
    with south.bound():
        assert Lead.objects.get().state == LeadState.OFFERED


def test_the_nightly_task_derives_temperatures_anew(wall, north):
    with north.bound():
        person = prospect(north.actor("sales_consultant"), likes_brand=True)
        Prospect.objects.update(intended_on=timezone.localdate(clock.now()) + timedelta(days=5))
    tasks.refresh_temperatures(str(north.id))
    with north.bound():
        person.refresh_from_db()
        assert person.temperature == "hot"


@pytest.mark.parametrize("task", [tasks.expire_leads, tasks.refresh_temperatures])
def test_a_task_without_its_dealership_does_nothing(wall, task):
    with pytest.raises((TypeError, ValueError)):
        task("")
