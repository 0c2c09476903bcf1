"""A lead is taken in, routed with its reasons kept, offered, answered, passed on."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import settings

from exchange.models import Ledger, Payload
from kernel import clock
from kernel.accounts.actors import EXCHANGE, SYSTEM
from kernel.contracts import LeadEvent, LeadOutcome
from kernel.errors import Conflict, Forbidden, Invalid
from oem.leads import actions, routing
from oem.leads.models import TRANSITIONS, Door, Lead, LeadState, Offer, OfferState, RawBytes, Routing

ADF = """<?xml version="1.0" encoding="UTF-8"?><?adf version="1.0"?>
<adf><prospect><requestdate>2026-05-04T10:00:00+08:00</requestdate>
<vehicle interest="buy" status="new"><year>2026</year><make>{make}</make><model>{model}</model></vehicle>
<customer><contact><name part="full">王小明</name><phone type="cellphone">13800138000</phone>
<email>{mail}</email></contact><comments>想周末看车</comments></customer>
<vendor><vendorname></vendorname></vendor><provider><name>星河官网</name></provider></prospect></adf>"""


def take_in(model: str = "禾风", mail: str = "wang@example.com", make: str = "星河") -> Lead:
    _intake, leads = actions.take_in_adf(
        data=ADF.format(make=make, model=model, mail=mail).encode(),
        content_type="application/xml",
        source="site",
        actor=SYSTEM,
    )
    return leads[0]


@pytest.fixture
def desk(wall, portal):
    actor = portal.actor("lead_desk")
    with portal.bound():
        yield actor


def test_a_document_becomes_a_lead_and_its_bytes_are_kept(desk):
    lead = take_in()
    assert (lead.state, lead.name, lead.phone) == ("received", "王小明", "+8613800138000")
    assert (lead.brand, lead.series) == ("XH", "XH-HF")
    assert bytes(RawBytes.objects.get(intake=lead.intake).data).decode() == ADF.format(
        make="星河", model="禾风", mail="wang@example.com"
    )


def test_the_same_document_again_answers_with_the_same_lead(desk):
    assert take_in().id == take_in().id
    assert Lead.objects.count() == 1


def test_bytes_that_cannot_be_read_become_a_lead_that_needs_review(desk):
    intake, (lead,) = actions.take_in_adf(data=b"\x00\xff nonsense", content_type="", source="", actor=SYSTEM)
    assert lead.state == LeadState.NEEDS_REVIEW
    assert not intake.readable
    assert intake.issues
    assert bytes(intake.raw.data) == b"\x00\xff nonsense"


def test_routing_offers_to_one_dealership_and_keeps_why(desk, north, south):
    lead = take_in()
    decision = actions.route_lead(lead_id=lead.id, actor=SYSTEM)
    lead.refresh_from_db()
    assert lead.state == LeadState.OFFERED
    assert lead.dealership in (north.id, south.id)
    assert decision.chosen == lead.dealership
    assert {c["slug"] for c in decision.candidates} >= {"north", "south"}
    assert lead.respond_before - lead.offered_at == timedelta(minutes=settings.RESPOND_MINUTES)
    row = Ledger.objects.get(subject=lead.id)
    assert (row.contract, row.receiver, row.state) == ("SalesLead", lead.dealership, "recorded")
    body = Payload.objects.get(id=row.id).body
    assert (body["masked_name"], body["phone"]) == ("王**", "+8613800138000")


def test_a_decision_can_be_decided_again_from_what_was_kept(desk):
    lead = take_in()
    decision = actions.route_lead(lead_id=lead.id, actor=SYSTEM)
    again = routing.replay(decision.inputs, version=decision.rules_version)
    assert (again.chosen, again.reason) == (decision.chosen, decision.reason)
    assert again.candidates == decision.candidates


def test_only_a_dealership_that_may_sell_the_brand_is_chosen(desk, north):
    lead = take_in(make="曜川", model="晴川")
    decision = actions.route_lead(lead_id=lead.id, actor=SYSTEM)
    lead.refresh_from_db()
    assert (lead.brand, lead.series, lead.dealership) == ("YC", "YC-QC", north.id)
    assert {c["slug"]: c["excluded"] for c in decision.candidates} == {"north": None, "south": "not_authorised"}


def test_the_same_wish_again_is_a_duplicate_of_the_first(desk):
    first = take_in()
    actions.route_lead(lead_id=first.id, actor=SYSTEM)
    data = (ADF.format(make="星河", model="禾风", mail="wang@example.com") + "\n").encode()
    _intake, (second,) = actions.take_in_adf(data=data, content_type="", source="site", actor=SYSTEM)
    assert actions.route_lead(lead_id=second.id, actor=SYSTEM) is None
    second.refresh_from_db()
    assert (second.state, second.duplicate_of_id) == (LeadState.DUPLICATE, first.id)


def answer(lead: Lead, event: LeadEvent, *, fence: int | None = None, sender=None, **more) -> str:
    lead.refresh_from_db()
    outcome = LeadOutcome(
        lead_id=lead.id, fence=lead.fence if fence is None else fence, event=event, at=clock.now(), **more
    )
    return actions.apply_outcome(outcome, sender=sender or lead.dealership, message=uuid4(), actor=EXCHANGE)


def test_acceptance_and_milestones_move_the_lead_along(desk):
    lead = take_in()
    actions.route_lead(lead_id=lead.id, actor=SYSTEM)
    for event in (LeadEvent.ACCEPTED, LeadEvent.CONTACTED, LeadEvent.QUOTED, LeadEvent.WON):
        assert answer(lead, event) == "applied"
    lead.refresh_from_db()
    assert lead.state == LeadState.WON
    assert lead.offers.get().state == OfferState.ACCEPTED
    assert [e.code for e in lead.events.all()] == ["received", "offered", "accepted", "contacted", "quoted", "won"]


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ([(LeadEvent.ACCEPTED, 90), (LeadEvent.CONTACTED, 600), (LeadEvent.QUOTED, 7200)], 600),
        ([(LeadEvent.ACCEPTED, None), (LeadEvent.APPOINTMENT, 900), (LeadEvent.CONTACTED, None)], 900),
        ([(LeadEvent.ACCEPTED, 90), (LeadEvent.LOST, 95)], None),
    ],
)
def test_the_first_response_is_the_first_contact_not_the_acceptance(desk, told, kept):
    lead = take_in()
    actions.route_lead(lead_id=lead.id, actor=SYSTEM)
    for event, seconds in told:
        assert answer(lead, event, first_response_seconds=seconds) == "applied"
    lead.refresh_from_db()
    assert lead.first_response_seconds == kept


def test_a_declined_lead_goes_to_another_dealership_and_never_back(desk):
    lead = take_in()
    actions.route_lead(lead_id=lead.id, actor=SYSTEM)
    lead.refresh_from_db()
    first = lead.dealership
    answer(lead, LeadEvent.DECLINED, reason="too_far")
    lead.refresh_from_db()
    assert lead.state == LeadState.OFFERED
    assert lead.dealership != first
    assert lead.fence == 2
    decision = Routing.objects.filter(lead=lead).first()
    assert next(c for c in decision.candidates if c["dealership"] == str(first))["excluded"] == "declined"
    answer(lead, LeadEvent.DECLINED, reason="too_far")
    lead.refresh_from_db()
    assert lead.state == LeadState.NEEDS_REVIEW


def test_an_answer_to_an_earlier_offer_changes_nothing_but_is_kept(desk, portal):
    lead = take_in()
    actions.route_lead(lead_id=lead.id, actor=SYSTEM)
    lead.refresh_from_db()
    first = lead.dealership
    answer(lead, LeadEvent.DECLINED)
    assert answer(lead, LeadEvent.ACCEPTED, fence=1, sender=first) == "stale"
    lead.refresh_from_db()
    assert lead.state == LeadState.OFFERED
    assert lead.events.filter(code="accepted", dealership=first).exists()


def test_an_answer_about_a_lead_never_offered_is_refused(desk, south):
    lead = take_in()
    with pytest.raises(LookupError):
        answer(lead, LeadEvent.ACCEPTED, sender=uuid4())


def test_an_offer_goes_on_only_after_the_mailbox_was_seen_empty(committed, portal):
    from exchange import courier

    with portal.bound():
        lead = take_in()
        actions.route_lead(lead_id=lead.id, actor=SYSTEM)
        lead.refresh_from_db()
        overdue = clock.now() - timedelta(minutes=2)
        Offer.objects.filter(lead=lead).update(respond_before=overdue, recorded_at=overdue - timedelta(hours=1))
        assert actions.expire_offers() == 0
    courier.sweep()
    courier.sweep()
    with portal.bound():
        assert actions.expire_offers() == 1
        lead.refresh_from_db()
        assert lead.state == LeadState.OFFERED
        assert lead.fence == 3  # the recall took the second
        assert lead.offers.get(fence=1).state == OfferState.EXPIRED


def test_an_unreachable_dealership_sends_the_lead_to_the_desk_once(desk):
    lead = take_in()
    actions.route_lead(lead_id=lead.id, actor=SYSTEM)
    long_ago = clock.now() - timedelta(hours=1)
    Offer.objects.filter(lead=lead).update(respond_before=long_ago, recorded_at=long_ago)
    assert actions.expire_offers() == 1
    assert actions.expire_offers() == 0
    assert lead.events.filter(code="desk", reason="dealership_unreachable").count() == 1


def test_the_desk_reassigns_and_the_first_dealership_gets_a_recall_without_personal_data(desk, north, south):
    lead = take_in()
    actions.route_lead(lead_id=lead.id, actor=SYSTEM)
    lead.refresh_from_db()
    first = lead.dealership
    other = south.id if first == north.id else north.id
    actions.reassign(lead_id=lead.id, dealership=other, reason="nearer", actor=desk)
    lead.refresh_from_db()
    assert (lead.state, lead.dealership, lead.fence) == (LeadState.OFFERED, other, 3)
    recall = Ledger.objects.get(receiver=first, contract="SalesLead", seq=2)
    body = Payload.objects.get(id=recall.id).body
    assert body["stage"] == "recall"
    assert not any(body[name] for name in ("name", "phone", "email", "masked_name", "district"))
    with pytest.raises(Conflict):
        actions.reassign(lead_id=lead.id, dealership=other, reason="", actor=desk)
    with pytest.raises(Invalid):
        actions.reassign(lead_id=lead.id, dealership=uuid4(), reason="", actor=desk)


def test_who_may_not_route_is_refused(wall, portal):
    with portal.bound():
        lead = take_in()
    actor = portal.actor("warranty_analyst")
    with portal.bound(), pytest.raises(Forbidden):
        actions.close_lead(lead_id=lead.id, reason="x", actor=actor)


def test_closing_ends_a_lead_for_good(desk):
    lead = take_in()
    actions.close_lead(lead_id=lead.id, reason="a test", actor=desk)
    lead.refresh_from_db()
    assert (lead.state, lead.close_reason) == (LeadState.CLOSED, "a test")
    with pytest.raises(Conflict):
        actions.close_lead(lead_id=lead.id, reason="again", actor=desk)


def test_a_lead_by_hand_needs_a_way_to_answer(desk):
    with pytest.raises(Invalid) as refusal:
        actions.take_in_lead(given={"name": "李"}, door=Door.DESK, source="desk", actor=desk)
    assert set(refusal.value.fields) == {"phone"}


def test_the_same_json_again_answers_with_the_same_lead(desk):
    given = {"name": "李雷", "phone": "13900139000", "brand": "XH"}
    first = actions.take_in_lead(given=given, door=Door.JSON, source="api", actor=desk)
    again = actions.take_in_lead(given=given, door=Door.JSON, source="api", actor=desk)
    assert first[1][0].id == again[1][0].id


def test_every_state_has_its_row():
    assert set(TRANSITIONS) == set(LeadState)


def test_waiting_leads_are_routed_together_and_a_market_counts_its_own_offers(desk, django_assert_max_num_queries):
    for n in range(5):
        take_in(mail=f"p{n}@example.com")
    with django_assert_max_num_queries(11 + 5 * 15):
        assert actions.route_some(actor=desk) == 5
    decisions = Routing.objects.order_by("number")
    loads = [sum(c["open_leads"] for c in d.inputs["candidates"]) for d in decisions]
    assert loads == [0, 1, 2, 3, 4]
    assert all(str(routing.replay(d.inputs, version=d.rules_version).chosen) == str(d.chosen) for d in decisions)


def test_a_lead_that_cannot_be_routed_goes_to_the_desk_and_holds_up_nobody(desk, north):
    broken, sound = take_in(mail="one@example.com"), take_in(mail="two@example.com")
    at = clock.now()
    Offer.objects.create(lead=broken, fence=1, dealership=north.id, offered_at=at, respond_before=at)  # a torn repair
    assert actions.work_waiting(actor=desk) is False
    broken.refresh_from_db()
    sound.refresh_from_db()
    assert (broken.state, sound.state) == (LeadState.NEEDS_REVIEW, LeadState.OFFERED)
    assert broken.events.order_by("-number").first().reason == "routing_failed"


def test_a_turn_of_routing_ends_after_its_time_and_says_that_more_is_left(desk):
    for n in range(actions.ROUTED_TOGETHER + 1):
        take_in(mail=f"p{n}@example.com")
    assert actions.work_waiting(actor=desk, seconds=0.0) is True
    assert Lead.objects.filter(state=LeadState.RECEIVED).count() == 1
    assert actions.work_waiting(actor=desk) is False
    assert not Lead.objects.filter(state=LeadState.RECEIVED).exists()


def test_two_workers_never_route_one_lead_twice(committed, portal):
    with portal.bound():
        for n in range(30):
            take_in(mail=f"p{n}@example.com")
    counts: list[int] = []

    def route() -> None:
        with portal.bound():
            while done := actions.route_some(limit=4):
                counts.append(done)

    threads = [threading.Thread(target=route) for _ in range(3)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    with portal.bound():
        assert sum(counts) == 30
        assert Routing.objects.count() == Offer.objects.count() == 30
        assert set(Lead.objects.values_list("state", "fence")) == {(LeadState.OFFERED, 1)}
