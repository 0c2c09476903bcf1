"""Leads of the manufacturer: accepting is final by the dealership's own clock; what is lost leaves a stub."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection, transaction
from tests.dealer.sales.makers import PHONE, accepted, colleague, offer, offered, prospect, recall

from dealer.customers.actions import create_customer
from dealer.customers.models import Customer
from dealer.sales import actions, envelope
from dealer.sales.assignment import choose
from dealer.sales.models import LEAD_TRANSITIONS, Lead, LeadState, Prospect, ProspectState
from exchange.inbox import take_turn
from exchange.models import Ledger, LedgerState, Payload
from kernel import clock
from kernel.accounts.actors import Actor
from kernel.audit.models import Entry
from kernel.errors import Conflict, Forbidden, Invalid, Missing
from kernel.testing.clocks import at
from kernel.transitions import may_move


def outcomes(lead_id) -> list[str]:
    """What the manufacturer is told about a lead, in order."""
    rows = Ledger.objects.filter(contract="LeadOutcome", state=LedgerState.RECORDED).order_by("number")
    bodies = dict(Payload.objects.filter(id__in=[row.id for row in rows]).values_list("id", "body"))
    return [bodies[row.id]["event"] for row in rows if bodies[row.id]["lead_id"] == str(lead_id)]


# -- offers ------------------------------------------------------------------------------------------


def test_an_offer_shows_the_wish_and_hides_the_person(wall, north):
    with north.bound():
        lead = offered()
        stored = Lead.objects.get(pk=lead.pk)
        assert (stored.state, stored.masked_name, stored.wish) == (LeadState.OFFERED, "王**", "想要白色的，周末看车")
        row = str(Lead.objects.filter(pk=lead.pk).values().get())
        assert "王小明" not in row
        assert "13812345678" not in row
        assert envelope.unseal(stored.envelope) == {"name": "王小明", "phone": PHONE, "email": "wang@example.com"}


def test_an_envelope_opens_in_its_own_dealership_only(wall, north, south):
    with north.bound():
        token = offered().envelope
    with south.bound(), pytest.raises(envelope.EnvelopeError):
        envelope.unseal(token)


def test_the_same_offer_again_has_no_second_effect(wall, north):
    with north.bound():
        first = offer()
        assert actions.apply_offer(first) is not None
        rows = Entry.objects.count()
        assert actions.apply_offer(first) is None
        assert Lead.objects.count() == 1
        assert Entry.objects.count() == rows


def test_an_older_fence_is_history(wall, north):
    with north.bound():
        lead = offered(fence=5)
        assert actions.apply_offer(offer(lead_id=lead.pk, fence=4, masked_name="赵**")) is None
        assert actions.apply_recall(recall(lead.pk, fence=4)) is None
        lead.refresh_from_db()
        assert (lead.state, lead.fence, lead.masked_name) == (LeadState.OFFERED, 5, "王**")


def test_a_newer_offer_of_an_open_lead_replaces_it(wall, north):
    with north.bound():
        lead = offered(fence=1)
        actions.apply_offer(offer(lead_id=lead.pk, fence=2, masked_name="赵**"))
        lead.refresh_from_db()
        assert (lead.fence, lead.masked_name) == (2, "赵**")


def test_who_let_it_expire_may_be_offered_it_again(wall, north):
    with north.bound():
        lead = offered()
        Lead.objects.update(respond_before=clock.now() - timedelta(seconds=1))
        assert actions.expire_leads() == 1
        again = actions.apply_offer(offer(lead_id=lead.pk, fence=2))
        assert again.state == LeadState.OFFERED
        assert envelope.unseal(again.envelope)["phone"] == PHONE


def test_what_was_accepted_stays_accepted_whatever_the_portal_says_later(wall, north):
    with north.bound():
        person = accepted(north.actor("sales_consultant"))
        assert actions.apply_offer(offer(lead_id=person.lead_id, fence=9)) is None
        assert actions.apply_recall(recall(person.lead_id, fence=9)) is None
        lead = Lead.objects.get(pk=person.lead_id)
        assert (lead.state, lead.fence) == (LeadState.ACCEPTED, 1)
        assert Entry.objects.filter(action="sales.recall_too_late").count() == 1


def test_an_offer_that_arrives_too_late_is_a_stub_from_the_start(wall, north):
    with north.bound():
        lead = offered(minutes=-1)
        assert (lead.state, lead.envelope, lead.masked_name, lead.consultant_id) == (LeadState.EXPIRED, "", "", None)


def test_a_recall_leaves_a_stub_without_personal_data(wall, north):
    with north.bound():
        lead = offered()
        actions.apply_recall(recall(lead.pk, fence=1))
        lead.refresh_from_db()
        assert lead.state == LeadState.RECALLED
        assert (lead.masked_name, lead.envelope, lead.wish, lead.district, lead.lines) == ("", "", "", "", [])
        assert lead.series == "XH-HF"


def test_a_recall_of_an_unknown_lead_changes_nothing(wall, north):
    with north.bound():
        assert actions.apply_recall(recall(uuid4(), fence=1)) is None
        assert not Lead.objects.exists()


# -- who gets it -------------------------------------------------------------------------------------


def test_a_lead_goes_to_the_consultant_with_the_fewest_open_leads_and_says_why(wall, north):
    with north.bound():
        first = north.user("sales_consultant")
        second = colleague("second")
        given = [offered(phone=f"+861381234560{n}").consultant_id for n in range(4)]
        assert sorted(map(str, given)) == sorted([str(first.pk), str(second.pk)] * 2)
        lead = Lead.objects.order_by("-recorded_at", "-updated_at").first()
        explanation = lead.assignment
        assert explanation["rule"] == "fewest_open_leads"
        assert {one["id"] for one in explanation["candidates"]} == {str(first.pk), str(second.pk)}
        assert choose(explanation["candidates"]) == explanation["chosen"] == str(lead.consultant_id)


def test_choose_among_equals_takes_who_has_waited_longest():
    waited = {"id": "b", "name": "B", "open": 1, "last": "2026-05-01T08:00:00+00:00"}
    recent = {"id": "a", "name": "A", "open": 1, "last": "2026-05-02T08:00:00+00:00"}
    assert choose([recent, waited]) == "b"
    assert choose([{**recent, "open": 0}, waited]) == "a"
    assert choose([]) is None


def test_retired_consultants_get_no_leads(wall, north):
    with north.bound():
        consultant = north.user("sales_consultant")
        consultant.is_active = False
        consultant.save()
        lead = offered()
        assert lead.consultant_id is None
        assert lead.assignment["candidates"] == []


def test_a_manager_gives_a_lead_to_somebody_else(wall, north):
    with north.bound():
        lead = offered()
        second = colleague("second")
        actions.assign_lead(actor=north.actor("sales_manager"), lead_id=lead.pk, consultant_id=second.pk)
        lead.refresh_from_db()
        assert lead.consultant_id == second.pk
        assert lead.assignment["rule"] == "by_hand"
        with pytest.raises(Forbidden):
            actions.assign_lead(actor=north.actor("sales_consultant"), lead_id=lead.pk, consultant_id=second.pk)
        with pytest.raises(Invalid) as caught:
            actions.assign_lead(
                actor=north.actor("sales_manager"), lead_id=lead.pk, consultant_id=north.user("technician").pk
            )
        assert list(caught.value.fields) == ["consultant"]


# -- accepting ---------------------------------------------------------------------------------------


def test_accepting_opens_the_envelope_and_makes_customer_and_prospect(wall, north):
    with north.bound():
        lead = offered()
        done = actions.accept_lead(actor=north.actor("sales_consultant"), lead_id=lead.pk)
        assert (done.customer.name, done.customer.phone, done.linked) == ("王小明", PHONE, False)
        assert done.customer.for_sales
        assert (done.prospect.channel, done.prospect.series) == ("website", "XH-HF")
        assert done.prospect.intended_on == lead.window_to
        assert done.prospect.consultant_id == north.user("sales_consultant").pk
        lead.refresh_from_db()
        assert (lead.state, lead.envelope) == (LeadState.ACCEPTED, "")
        assert outcomes(lead.pk) == ["accepted"]
        assert Entry.objects.filter(action="sales.accept_lead", object_id=str(lead.pk)).count() == 1


def test_accepting_again_gives_the_same_answer_and_tells_it_once(wall, north):
    with north.bound():
        lead = offered()
        actor = north.actor("sales_consultant")
        first = actions.accept_lead(actor=actor, lead_id=lead.pk)
        second = actions.accept_lead(actor=actor, lead_id=lead.pk)
        assert (second.prospect, second.customer, second.linked) == (first.prospect, first.customer, False)
        assert Prospect.objects.count() == Customer.objects.count() == 1
        assert outcomes(lead.pk) == ["accepted"]


def test_the_second_consultant_is_told_that_it_is_taken(wall, north):
    with north.bound():
        lead = offered()
        actions.accept_lead(actor=north.actor("sales_consultant"), lead_id=lead.pk)
        with pytest.raises(Conflict) as caught:
            actions.accept_lead(actor=Actor.of(colleague("second")), lead_id=lead.pk)
        assert caught.value.code == "already_taken"


def test_two_at_once_one_gets_it(committed, north):
    with north.bound():
        lead_id = offered().pk
        actors = [north.actor("sales_consultant"), Actor.of(colleague("second"))]
    start = threading.Barrier(2)
    results: list[str] = []

    def accept(actor: Actor) -> None:
        try:
            with north.bound():
                start.wait()
                actions.accept_lead(actor=actor, lead_id=lead_id)
                results.append("accepted")
        except Conflict as refusal:
            results.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=accept, args=(actor,)) for actor in actors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["accepted", "already_taken"]
    with north.bound():
        assert Prospect.objects.count() == 1
        assert outcomes(lead_id) == ["accepted"]


@pytest.mark.parametrize(("seconds", "answer"), [(-0.001, "too_late"), (0, "too_late"), (60, "accepted")])
def test_the_database_clock_decides_and_the_last_moment_is_too_late(wall, north, seconds, answer):
    """At `respond_before` itself it is over: the time is compared with <, by the database's own clock."""
    with north.bound():
        lead = offered()
        Lead.objects.filter(pk=lead.pk).update(respond_before=clock.now() + timedelta(seconds=seconds))
        try:
            actions.accept_lead(actor=north.actor("sales_consultant"), lead_id=lead.pk)
            got = "accepted"
        except Conflict as refusal:
            got = refusal.code
        assert got == answer


def test_a_recalled_or_declined_lead_cannot_be_accepted(wall, north):
    with north.bound():
        actor = north.actor("sales_consultant")
        recalled = offered()
        actions.apply_recall(recall(recalled.pk, fence=1))
        declined = offered()
        actions.decline_lead(actor=actor, lead_id=declined.pk, reason="out_of_area")
        for lead, code in ((recalled, "too_late"), (declined, "already_declined")):
            with pytest.raises(Conflict) as caught:
                actions.accept_lead(actor=actor, lead_id=lead.pk)
            assert caught.value.code == code
        assert not Prospect.objects.exists()


def test_somebody_known_by_telephone_is_linked_and_not_entered_twice(wall, north):
    with north.bound():
        actor = north.actor("sales_consultant")
        known = create_customer(actor=north.actor("service_adviser"), name="王小明", phone="138 1234 5678")
        assert not known.for_sales
        done = actions.accept_lead(actor=actor, lead_id=offered().pk)
        assert done.linked
        assert done.customer.pk == known.pk
        known.refresh_from_db()
        assert known.for_sales


@pytest.mark.parametrize(
    "fields",
    [
        {"phone": "call me", "email": None},
        {"phone": None, "email": None},
        {"phone": "12", "email": "not an address"},
        {"province": "江苏省", "city": "广州市"},
        {"name": None, "masked_name": None},
        {"name": "王" * 150},
    ],
    ids=["phone", "nothing", "both", "region", "no name", "long name"],
)
def test_what_cannot_be_read_does_not_keep_a_lead_from_being_accepted(wall, north, fields):
    with north.bound():
        done = actions.accept_lead(actor=north.actor("sales_consultant"), lead_id=offered(**fields).pk)
        assert done.prospect.pk
        if fields.get("phone"):
            assert fields["phone"] in done.customer.note


def test_a_technician_accepts_nothing(wall, north):
    with north.bound():
        lead = offered()
        with pytest.raises(Forbidden):
            actions.accept_lead(actor=north.actor("technician"), lead_id=lead.pk)


def test_a_manager_accepts_for_the_consultant(wall, north):
    with north.bound():
        lead = offered()
        done = actions.accept_lead(actor=north.actor("sales_manager"), lead_id=lead.pk)
        assert done.prospect.consultant_id == north.user("sales_consultant").pk


# -- declining and expiring --------------------------------------------------------------------------


def test_declining_blanks_and_tells_why(wall, north):
    with north.bound():
        lead = offered()
        actor = north.actor("sales_consultant")
        actions.decline_lead(actor=actor, lead_id=lead.pk, reason="out_of_area", text="住在上海")
        lead.refresh_from_db()
        assert (lead.state, lead.masked_name, lead.envelope) == (LeadState.DECLINED, "", "")
        assert outcomes(lead.pk) == ["declined"]
        assert actions.decline_lead(actor=actor, lead_id=lead.pk, reason="out_of_area").pk == lead.pk
        assert outcomes(lead.pk) == ["declined"]


def test_declining_needs_a_reason_of_the_list(wall, north):
    with north.bound():
        lead = offered()
        with pytest.raises(Invalid) as caught:
            actions.decline_lead(actor=north.actor("sales_consultant"), lead_id=lead.pk, reason="because")
        assert caught.value.errors[0].field == "reason"
        lead.refresh_from_db()
        assert lead.is_offered


def test_expiring_takes_only_what_is_over_and_only_once(wall, north):
    with north.bound():
        late, open_one = offered(), offered(phone="+8613900000000")
        Lead.objects.filter(pk=late.pk).update(respond_before=clock.now() - timedelta(seconds=1))
        assert actions.expire_leads() == 1
        assert actions.expire_leads() == 0
        late.refresh_from_db()
        open_one.refresh_from_db()
        assert (late.state, late.envelope, late.masked_name) == (LeadState.EXPIRED, "", "")
        assert open_one.is_offered
        assert outcomes(late.pk) == []


# -- afterwards --------------------------------------------------------------------------------------


def test_milestones_are_told_once_each_and_in_any_order(wall, north):
    with north.bound():
        actor = north.actor("sales_consultant")
        lead_id = accepted(actor).lead_id
        for event in ("contacted", "quoted", "test_drive", "contacted"):
            actions.record_outcome(actor=actor, lead_id=lead_id, event=event)
        lead = Lead.objects.get(pk=lead_id)
        assert lead.state == LeadState.QUOTED
        assert outcomes(lead_id) == ["accepted", "contacted", "quoted", "test_drive"]


@pytest.mark.parametrize("first", ["contacted", "appointment", "test_drive", "quoted"])
def test_the_first_contact_and_nothing_else_tells_the_seconds_since_the_offer(wall, north, first):
    with north.bound():
        actor = north.actor("sales_consultant")
        lead_id = accepted(actor).lead_id
        for event in (first, "contracted"):
            actions.record_outcome(actor=actor, lead_id=lead_id, event=event)
        told = {
            p.body["event"]: p.body.get("first_response_seconds") for p in Payload.objects.filter(body__has_key="event")
        }
        assert set(told) == {"accepted", first, "contracted"}
        assert (told["accepted"], told["contracted"]) == (None, None)
        assert 295 <= told[first] <= 330


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"event": "accepted"}, "event"),
        ({"event": "nonsense"}, "event"),
        ({"event": "lost"}, "reason"),
        ({"event": "lost", "reason": "bad"}, "reason"),
    ],
)
def test_a_wrong_outcome_names_the_field(wall, north, fields, wrong):
    with north.bound():
        actor = north.actor("sales_consultant")
        lead_id = accepted(actor).lead_id
        with pytest.raises(Invalid) as caught:
            actions.record_outcome(actor=actor, lead_id=lead_id, **fields)
        assert list(caught.value.fields) == [wrong]


def test_an_outcome_of_an_open_offer_is_refused(wall, north):
    with north.bound():
        with pytest.raises(Conflict) as caught:
            actions.record_outcome(actor=north.actor("sales_consultant"), lead_id=offered().pk, event="contacted")
        assert caught.value.code == "not_accepted"


def test_a_returned_lead_can_come_back_and_finds_its_prospect(wall, north):
    with north.bound():
        actor = north.actor("sales_consultant")
        person = accepted(actor)
        actions.record_outcome(actor=actor, lead_id=person.lead_id, event="returned", text="搬家了")
        person.refresh_from_db()
        assert person.state == ProspectState.LOST
        assert outcomes(person.lead_id) == ["accepted", "returned"]
        actions.apply_offer(offer(lead_id=person.lead_id, fence=2))
        again = actions.accept_lead(actor=actor, lead_id=person.lead_id)
        assert again.prospect.pk == person.pk
        assert again.prospect.is_open
        actions.record_outcome(actor=actor, lead_id=person.lead_id, event="returned")
        actions.reopen_prospect(actor=actor, prospect_id=person.pk)
        actions.apply_offer(offer(lead_id=person.lead_id, fence=3))
        assert actions.accept_lead(actor=actor, lead_id=person.lead_id).prospect.is_open


def test_a_prospect_of_our_own_is_never_reported(wall, north):
    with north.bound():
        actor = north.actor("sales_consultant")
        own = prospect(actor)
        actions.record_follow_up(actor=actor, prospect_id=own.pk, channel="phone", result="interested")
        actions.lose_prospect(actor=actor, prospect_id=own.pk, reason="price")
        assert not Ledger.objects.exists()


def test_a_recall_after_an_expiry_only_raises_the_fence(wall, north):
    with north.bound():
        lead = offered(minutes=-1)
        assert actions.apply_recall(recall(lead.pk, fence=3)) is None
        lead.refresh_from_db()
        assert (lead.state, lead.fence) == (LeadState.EXPIRED, 3)
        assert actions.apply_offer(offer(lead_id=lead.pk, fence=3)) is None


def test_the_car_offered_in_trade_is_the_present_car(wall, north):
    keys = ("status", "series", "variant", "year", "vin", "stock_number", "colour", "odometer_km", "price", "currency")
    line = dict.fromkeys((*keys, "comment")) | {"interest": "trade-in", "brand": "Volkswagen", "model": "Lavida"}
    other = line | {"interest": "buy", "brand": "XH", "model": "XH-HF-26"}
    with north.bound():
        person = accepted(north.actor("sales_consultant"), lines=[other, line])
        assert (person.present_brand, person.present_model) == ("Volkswagen", "Lavida")


@pytest.mark.parametrize(("prepare", "code"), [("accept", "already_answered"), ("time", "too_late")])
def test_what_is_answered_or_over_cannot_be_declined(wall, north, prepare, code):
    with north.bound():
        actor, lead = north.actor("sales_consultant"), offered()
        if prepare == "accept":
            actions.accept_lead(actor=actor, lead_id=lead.pk)
        else:
            Lead.objects.update(respond_before=clock.now() - timedelta(seconds=1))
        with pytest.raises(Conflict) as caught:
            actions.decline_lead(actor=actor, lead_id=lead.pk, reason="no_capacity")
        assert caught.value.code == code


def test_in_the_past_that_the_demo_lives_through_its_clock_counts(wall, north):
    then = datetime(2025, 3, 3, 9, 0, tzinfo=UTC)
    actor = north.actor("sales_consultant")
    with north.bound():
        with at(then):
            first, second = offered(), offered(phone="+8613900000000")
        with at(then + timedelta(minutes=29)):
            assert actions.expire_leads() == 0
            actions.accept_lead(actor=actor, lead_id=first.pk)
        with at(then + timedelta(minutes=30)):
            with pytest.raises(Conflict):
                actions.accept_lead(actor=actor, lead_id=second.pk)
            assert actions.expire_leads() == 1
        first.refresh_from_db()
        assert first.answered_at == then + timedelta(minutes=29)


def test_while_offers_arrive_nothing_expires(committed, north):
    """Ending offers and applying the inbox take turns, so an offer and its recall cannot overtake each other."""
    with north.bound():
        offered()
        Lead.objects.update(respond_before=clock.now() - timedelta(seconds=1))
    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        with north.bound(), transaction.atomic():
            assert take_turn()
            holding.set()
            done.wait(10)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    holding.wait(10)
    with north.bound():
        assert actions.expire_leads() == 0
    done.set()
    thread.join()
    with north.bound():
        assert actions.expire_leads() == 1


def test_a_closed_lead_is_neither_given_away_nor_reported_on(wall, north):
    with north.bound():
        actor, manager = north.actor("sales_consultant"), north.actor("sales_manager")
        person = accepted(actor)
        same = actions.assign_lead(actor=manager, lead_id=person.lead_id, consultant_id=actor.id)
        assert same.assignment["rule"] == "fewest_open_leads"
        actions.record_outcome(actor=actor, lead_id=person.lead_id, event="lost", reason="price", text="太贵")
        person.refresh_from_db()
        assert (person.state, person.lost_text) == (ProspectState.LOST, "太贵")
        for refused in (
            lambda: actions.assign_lead(actor=manager, lead_id=person.lead_id, consultant_id=manager.id),
            lambda: actions.record_outcome(actor=actor, lead_id=person.lead_id, event="won"),
        ):
            with pytest.raises(Conflict) as caught:
                refused()
            assert caught.value.code == "lead_closed"


def test_a_contracted_lead_is_not_returned_but_may_be_won_elsewhere(wall, north):
    with north.bound():
        actor = north.actor("sales_consultant")
        person = accepted(actor)
        actions.record_outcome(actor=actor, lead_id=person.lead_id, event="contracted")
        with pytest.raises(Conflict):
            actions.record_outcome(actor=actor, lead_id=person.lead_id, event="returned")
        with pytest.raises(Invalid) as caught:
            future = clock.now() + timedelta(hours=1)
            actions.record_outcome(actor=actor, lead_id=person.lead_id, event="won", at=future)
        assert list(caught.value.fields) == ["at"]
        actions.record_outcome(actor=actor, lead_id=person.lead_id, event="won")
        person.refresh_from_db()
        assert (person.state, person.stage, person.lead.state) == ("won", "delivered", "won")


def test_what_is_not_there_is_missing(wall, north):
    with north.bound():
        actor, nothing = north.actor("sales_manager"), uuid4()
        for act in (
            lambda: actions.accept_lead(actor=actor, lead_id=nothing),
            lambda: actions.lose_prospect(actor=actor, prospect_id=nothing, reason="price"),
            lambda: actions.cancel_test_drive(actor=actor, test_drive_id=nothing),
            lambda: actions.refuse_quotation(actor=actor, quotation_id=nothing),
            lambda: actions.approve_contract(actor=actor, contract_id=nothing),
        ):
            with pytest.raises(Missing):
                act()


def test_an_empty_envelope_holds_nothing(wall, north):
    with north.bound():
        assert envelope.unseal("") == {"name": "", "phone": "", "email": ""}


def test_every_state_of_a_lead_follows_the_table():
    ended = {LeadState.DECLINED, LeadState.EXPIRED, LeadState.RECALLED, LeadState.RETURNED}
    assert set(LEAD_TRANSITIONS) == set(LeadState)
    assert all(LEAD_TRANSITIONS[state] == {LeadState.OFFERED} for state in ended)
    assert LEAD_TRANSITIONS[LeadState.WON] == LEAD_TRANSITIONS[LeadState.LOST] == frozenset()
    assert not may_move(LeadState.QUOTED, LeadState.CONTACTED, LEAD_TRANSITIONS)
    assert not may_move(LeadState.CONTRACTED, LeadState.RETURNED, LEAD_TRANSITIONS)
    assert may_move(LeadState.ACCEPTED, LeadState.WON, LEAD_TRANSITIONS)
