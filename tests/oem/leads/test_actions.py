"""A lead is taken in, routed with its reasons kept, offered, answered, passed on."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import OperationalError, connection, transaction
from tests.exchange.test_courier import committed_superuser
from tests.together import while_it_waits

from exchange import courier, inbox
from exchange.models import Ledger, Payload
from exchange.outbound import send_down
from kernel import clock
from kernel.accounts.actors import EXCHANGE, SYSTEM
from kernel.contracts import LeadEvent, LeadOutcome, Purpose
from kernel.errors import Conflict, Forbidden, Invalid
from kernel.tenancy.bindings import Courier, bound
from kernel.testing.clocks import at
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
    now = clock.now()
    Offer.objects.create(lead=broken, fence=1, dealership=north.id, offered_at=now, respond_before=now)  # a torn repair
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


def overdue(lead: Lead, *, by: timedelta = timedelta(minutes=2)) -> Lead:
    """The lead offered, and the time to answer over."""
    actions.route_lead(lead_id=lead.id, actor=SYSTEM)
    due = clock.now() - by
    Offer.objects.filter(lead=lead).update(respond_before=due, recorded_at=due - timedelta(hours=1))
    lead.refresh_from_db()
    return lead


def see_mailboxes_empty(*sides) -> None:
    """The courier saw these dealerships' mailboxes empty just now."""
    with bound(Courier()):
        everyone = courier.parties()
        courier.mark_drained([everyone[side.id] for side in sides], clock.now())


def test_while_answers_are_applied_no_offer_goes_on(committed, portal, north, south):
    with portal.bound():
        lead = overdue(take_in())
    see_mailboxes_empty(north, south)
    with committed_superuser(committed) as cursor:
        cursor.connection.autocommit = False
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"inbox {portal.id}"])
        with portal.bound():
            assert actions.expire_offers() == 0
            assert lead.offers.get().state == OfferState.OPEN
        cursor.connection.rollback()
    with portal.bound():
        assert actions.expire_offers() == 1


def test_a_lead_that_the_desk_has_in_hand_is_left_to_the_next_pass(committed, portal, north, south):
    with portal.bound():
        first, second = (overdue(take_in(mail=f"{n}@example.com")) for n in "ab")
    see_mailboxes_empty(north, south)
    with committed_superuser(committed) as cursor:
        cursor.connection.autocommit = False
        cursor.execute("SELECT 1 FROM oem.leads_lead WHERE id = %s FOR UPDATE", [str(first.id)])
        with portal.bound():
            assert actions.expire_offers() == 1
            assert [lead.offers.get(fence=1).state for lead in (first, second)] == ["open", "expired"]
        cursor.connection.rollback()
    with portal.bound():
        assert actions.expire_offers() == 1


def test_an_offer_with_an_answer_that_waits_here_does_not_go_on(committed, portal, north, south):
    with portal.bound():
        lead = overdue(take_in())
    holder = north if lead.dealership == north.id else south
    with holder.bound():
        send_down(
            LeadOutcome(lead_id=lead.id, fence=1, event=LeadEvent.ACCEPTED, at=clock.now() - timedelta(minutes=5)),
            to=portal.id,
            subject=lead.id,
            purpose=Purpose.LEAD_HANDLING,
            actor=SYSTEM,
            event_at=clock.now(),
        )
    courier.sweep()
    see_mailboxes_empty(north, south)
    with portal.bound():
        assert actions.expire_offers() == 0
        inbox.drain()
        lead.refresh_from_db()
        assert (lead.state, lead.dealership) == (LeadState.ACCEPTED, holder.id)


def test_in_a_story_of_the_past_offers_go_on_without_a_mailbox(desk):
    lead = take_in()
    actions.route_lead(lead_id=lead.id, actor=SYSTEM)
    lead.refresh_from_db()
    with at(lead.respond_before + actions.GRACE + timedelta(seconds=1)):
        assert actions.expire_offers() == 1
    assert lead.offers.get(fence=1).state == OfferState.EXPIRED


def test_an_offer_that_was_left_open_ends_without_touching_what_came_after_it(committed, portal, north, south):
    with portal.bound():
        lead = overdue(take_in())
        with transaction.atomic():
            answer(lead, LeadEvent.RETURNED)  # its acceptance was skipped by a person
        lead.refresh_from_db()
        assert (lead.state, lead.fence) == (LeadState.OFFERED, 2)
    see_mailboxes_empty(north, south)
    with portal.bound():
        assert actions.expire_offers() == 1
        assert {offer.fence: offer.state for offer in lead.offers.all()} == {1: "expired", 2: "open"}
        fence, dealership = lead.fence, lead.dealership
        lead.refresh_from_db()
        assert (lead.state, lead.fence, lead.dealership) == (LeadState.OFFERED, fence, dealership)


def test_leads_of_people_who_cannot_be_told_apart_are_no_duplicates(desk):
    unknown = "<name part='full'>匿名</name>"
    document = ADF.format(make="星河", model="禾风", mail="").replace(
        '<phone type="cellphone">13800138000</phone>', unknown
    )
    for position in range(2):
        _intake, (lead,) = actions.take_in_adf(
            data=(document + "\n" * position).encode(), content_type="", source="site", actor=SYSTEM
        )
        assert lead.fingerprint == ""
        actions.route_lead(lead_id=lead.id, actor=SYSTEM)
        lead.refresh_from_db()
        assert lead.state == LeadState.OFFERED


@pytest.mark.parametrize("before", ["received", "needs_review", "offered", "contacted"])
def test_a_lead_is_given_to_a_dealership_from_wherever_it_is(desk, south, north, before):
    unreadable = {"data": b"\x00 nonsense", "content_type": "", "source": "", "actor": SYSTEM}
    lead = actions.take_in_adf(**unreadable)[1][0] if before == "needs_review" else take_in()
    if before in ("offered", "contacted"):
        actions.route_lead(lead_id=lead.id, actor=SYSTEM)
    told = [LeadEvent.ACCEPTED, LeadEvent.CONTACTED] if before == "contacted" else []
    for event in told:
        answer(lead, event)
    lead.refresh_from_db()
    assert lead.state == before
    held_by = lead.dealership
    other = south.id if held_by != south.id else north.id
    actions.reassign(lead_id=lead.id, dealership=other, reason="", actor=desk)
    lead.refresh_from_db()
    assert (lead.state, lead.dealership, lead.offers.first().dealership) == (LeadState.OFFERED, other, other)
    assert not lead.events.filter(code="by_hand").exists()
    assert Ledger.objects.filter(receiver=held_by, subject=lead.id, seq=2).exists() is (held_by is not None)


def test_a_lead_that_has_ended_is_not_given_away(desk, north):
    lead = take_in()
    actions.close_lead(lead_id=lead.id, reason="a test", actor=desk)
    with pytest.raises(Conflict) as refusal:
        actions.reassign(lead_id=lead.id, dealership=north.id, reason="", actor=desk)
    assert refusal.value.code == "ended"
    assert not lead.offers.exists()


def test_a_message_that_comes_again_is_told_once(desk):
    lead = take_in()
    actions.route_lead(lead_id=lead.id, actor=SYSTEM)
    lead.refresh_from_db()
    outcome = LeadOutcome(lead_id=lead.id, fence=1, event=LeadEvent.ACCEPTED, at=clock.now())
    message = uuid4()
    told = [
        actions.apply_outcome(outcome, sender=lead.dealership, message=message, actor=EXCHANGE) for _again in range(2)
    ]
    assert told == ["applied", "known"]
    assert lead.events.filter(code="accepted").count() == 1


def test_how_warm_a_lead_is_comes_from_the_dealership(desk):
    lead = take_in()
    actions.route_lead(lead_id=lead.id, actor=SYSTEM)
    seen = []
    for event, temperature in ((LeadEvent.ACCEPTED, None), (LeadEvent.CONTACTED, "hot"), (LeadEvent.QUOTED, None)):
        answer(lead, event, temperature=temperature)
        lead.refresh_from_db()
        seen.append(lead.temperature)
    assert seen == ["", "hot", "hot"]


def test_a_server_that_is_in_trouble_is_no_fault_of_the_lead(committed, portal):
    with portal.bound():
        lead = take_in()
    with committed_superuser(committed) as cursor:
        cursor.connection.autocommit = False
        cursor.execute("LOCK TABLE oem.leads_routing IN ACCESS EXCLUSIVE MODE")
        with portal.bound(), pytest.raises(OperationalError, match="lock timeout"), transaction.atomic():
            with connection.cursor() as mine:
                mine.execute("SET LOCAL lock_timeout = '50ms'")
            actions.route_some()
        cursor.connection.rollback()
    with portal.bound():
        lead.refresh_from_db()
        assert lead.state == LeadState.RECEIVED
        assert actions.route_some() == 1


@pytest.mark.parametrize("door", ["adf", "json"])
def test_of_the_same_message_twice_at_once_the_second_answers_with_the_first_ones_lead(committed, portal, door):
    given = {"name": "李雷", "phone": "13900139000", "brand": "XH"}

    def arrive() -> Lead:
        if door == "adf":
            return take_in()
        return actions.take_in_lead(given=given, door=Door.JSON, source="api", actor=SYSTEM)[1][0]

    first: list[Lead] = []
    second = while_it_waits(portal, lambda: first.append(arrive()), arrive)
    assert second == first[0]
    with portal.bound():
        assert (Lead.objects.count(), RawBytes.objects.count()) == (1, 1)


def test_what_a_dealership_held_when_it_left_waits_at_the_desk(desk, north):
    offered, worked = take_in(mail="a@example.com"), take_in(mail="b@example.com")
    ended, elsewhere = take_in(mail="c@example.com"), take_in(mail="d@example.com")
    for lead in (offered, worked, ended):
        actions.route_by_hand(lead_id=lead.id, dealership=north.id, actor=desk)
    Lead.objects.filter(id=worked.id).update(state=LeadState.CONTRACTED)
    Lead.objects.filter(id=ended.id).update(state=LeadState.WON)
    assert actions.take_back_leads(dealership=north.id, reason="dealership_left", actor=SYSTEM) == 2
    assert actions.take_back_leads(dealership=north.id, reason="dealership_left", actor=SYSTEM) == 0
    for lead in (offered, worked):
        lead.refresh_from_db()
        assert (lead.state, lead.dealership, lead.fence) == (LeadState.NEEDS_REVIEW, None, 2)
        assert lead.events.order_by("-number")[0].reason == "dealership_left"
    ended.refresh_from_db()
    elsewhere.refresh_from_db()
    assert (ended.state, elsewhere.state) == (LeadState.WON, LeadState.RECEIVED)
    assert Offer.objects.filter(state=OfferState.RECALLED).count() == 2
    recalls = [
        row
        for row in Ledger.objects.filter(contract="SalesLead")
        if Payload.objects.get(id=row.id).body["stage"] == "recall"
    ]
    assert {row.subject for row in recalls} == {offered.id, worked.id}


def test_who_may_not_route_takes_nothing_back(wall, portal, north):
    with pytest.raises(Forbidden), portal.bound():
        actions.take_back_leads(dealership=north.id, reason="x", actor=portal.actor("auditor"))
