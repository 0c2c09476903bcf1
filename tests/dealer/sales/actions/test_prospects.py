"""Prospects: eleven items, temperature, contacts and the plan for the next one."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from tests.dealer.sales.makers import accepted, colleague, prospect

from dealer.customers.models import Customer, Interaction
from dealer.sales import actions, derive
from dealer.sales.models import PROSPECT_TRANSITIONS, FollowUp, Prospect, ProspectState, Stage
from kernel import clock
from kernel.accounts.actors import Actor
from kernel.audit.models import Entry
from kernel.automotive.qualification import Item
from kernel.automotive.temperature import add_months
from kernel.errors import Conflict, Forbidden, IllegalTransition, Invalid

ALL_ELEVEN = {
    "customer_type": "first_purchase",
    "source": "showroom_visit",
    "likes_brand": True,
    "series": "XH-HF",
    "model": "XH-HF-26",
    "present_brand": "Volkswagen",
    "present_model": "Lavida",
}


def test_a_prospect_is_qualified_only_with_all_eleven_items(wall, north):
    with north.bound():
        actor = north.actor("sales_consultant")
        person = prospect(actor)
        assert set(person.missing) == {
            Item.CUSTOMER_TYPE,
            Item.SEX,
            Item.PRESENT_VEHICLE,
            Item.INTENDED_ON,
            Item.WANTED_VEHICLE,
            Item.CONTACT_AND_PLAN,
        }
        actions.record_follow_up(
            actor=actor,
            prospect_id=person.pk,
            channel="phone",
            result="interested",
            next_on=derive.today() + timedelta(days=2),
            next_plan="报价",
            customer={"sex": "female"},
            intended_on=derive.today() + timedelta(days=40),
            **ALL_ELEVEN,
        )
        person.refresh_from_db()
        assert (person.missing, person.qualified, person.temperature) == ([], True, "hot")
        actions.update_prospect(actor=actor, prospect_id=person.pk, present_model="")
        person.refresh_from_db()
        assert (person.missing, person.qualified) == ([Item.PRESENT_VEHICLE], False)
        actions.update_prospect(actor=actor, prospect_id=person.pk, no_present_vehicle=True)
        person.refresh_from_db()
        assert person.qualified


@pytest.mark.parametrize(
    ("months", "likes", "expected"),
    [
        (0, True, "hot"),
        (3, True, "hot"),
        (4, True, "warm"),
        (12, True, "warm"),
        (13, True, "cold"),
        (2, None, "unclassified"),
        (2, False, "unclassified"),
    ],
)
def test_the_temperature_follows_from_the_intended_date(wall, north, months, likes, expected):
    with north.bound():
        person = prospect(
            north.actor("sales_consultant"), likes_brand=likes, intended_on=add_months(derive.today(), months)
        )
        assert person.temperature == expected


def test_as_days_pass_cold_becomes_hot_and_a_second_run_changes_nothing(wall, north):
    with north.bound():
        actor = north.actor("sales_consultant")
        person = prospect(actor, likes_brand=True, intended_on=add_months(derive.today(), 20))
        Prospect.objects.filter(pk=person.pk).update(intended_on=derive.today() + timedelta(days=10))
        assert actions.refresh_temperatures() == 1
        person.refresh_from_db()
        assert person.temperature == "hot"
        assert actions.refresh_temperatures() == 0


def test_the_dealership_sets_its_own_thresholds(wall, north):
    with north.bound():
        person = prospect(north.actor("sales_consultant"), likes_brand=True, intended_on=add_months(derive.today(), 5))
        actions.change_policy(
            actor=north.actor("general_manager"),
            approval_limit=Decimal(300_000),
            hot_months=6,
            warm_months=9,
            quotation_days=7,
        )
        actions.refresh_temperatures()
        person.refresh_from_db()
        assert person.temperature == "hot"
        with pytest.raises(Forbidden):
            actions.change_policy(
                actor=north.actor("sales_manager"),
                approval_limit=Decimal(1),
                hot_months=1,
                warm_months=2,
                quotation_days=7,
            )


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"approval_limit": Decimal(-1)}, "approval_limit"),
        ({"hot_months": 12}, "hot_months"),
        ({"quotation_days": 0}, "quotation_days"),
    ],
)
def test_wrong_figures_of_the_policy_are_named(wall, north, changed, field):
    figures = {"approval_limit": Decimal(1), "hot_months": 3, "warm_months": 12, "quotation_days": 14} | changed
    with north.bound():
        with pytest.raises(Invalid) as caught:
            actions.change_policy(actor=north.actor("general_manager"), **figures)
        assert list(caught.value.fields) == [field]


def test_somebody_known_is_linked_and_not_worked_twice(wall, north):
    with north.bound():
        first = prospect(north.actor("sales_consultant"))
        second = Actor.of(colleague("second"))
        with pytest.raises(Conflict) as caught:
            prospect(second)
        assert caught.value.code == "open_prospect"
        actions.lose_prospect(actor=north.actor("sales_consultant"), prospect_id=first.pk, reason="price")
        again = prospect(second)
        assert again.customer_id == first.customer_id
        assert Customer.objects.count() == 1


def test_only_a_manager_enters_prospects_for_somebody_else(wall, north):
    with north.bound():
        other = colleague("second")
        with pytest.raises(Forbidden):
            prospect(north.actor("sales_consultant"), consultant_id=other.pk)
        assert prospect(north.actor("sales_manager"), consultant_id=other.pk).consultant_id == other.pk


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"channel": "tv"}, "channel"),
        ({"customer_type": "x"}, "customer_type"),
        ({"likes_brand": "yes"}, "likes_brand"),
        ({"no_present_vehicle": None}, "no_present_vehicle"),
        ({"intended_on": date(1990, 1, 1)}, "intended_on"),
        ({"budget": Decimal(-1)}, "budget"),
        ({"series": "x" * 201}, "series"),
        ({"wish": "a\x00b"}, "wish"),
    ],
)
def test_wrong_values_name_their_field_and_change_nothing(wall, north, fields, wrong):
    with north.bound():
        actor = north.actor("sales_consultant")
        person = prospect(actor)
        with pytest.raises(Invalid) as caught:
            actions.update_prospect(actor=actor, prospect_id=person.pk, **fields)
        assert list(caught.value.fields) == [wrong]
        person.refresh_from_db()
        assert (person.channel, person.series, person.wish) == ("showroom_visit", "", "")


def test_several_wrong_values_are_all_named_at_once(wall, north):
    with north.bound():
        actor = north.actor("sales_consultant")
        person = prospect(actor)
        with pytest.raises(Invalid) as caught:
            actions.record_follow_up(
                actor=actor,
                prospect_id=person.pk,
                channel="smoke",
                result="??",
                at=clock.now() + timedelta(hours=2),
                next_on=derive.today() - timedelta(days=1),
                customer={"phone": "12"},
                budget=Decimal(-1),
            )
        assert set(caught.value.fields) == {"channel", "result", "at", "next_on", "phone", "budget"}
        assert not FollowUp.objects.exists()


def test_a_follow_up_plans_the_next_contact_by_the_rhythm_of_the_temperature(wall, north):
    with north.bound():
        actor = north.actor("sales_consultant")
        person = prospect(actor, likes_brand=True, intended_on=derive.today() + timedelta(days=5))
        assert person.next_contact_on == derive.today()
        made = actions.record_follow_up(actor=actor, prospect_id=person.pk, channel="phone", result="thinking")
        person.refresh_from_db()
        assert made.next_on == person.next_contact_on == derive.today() + timedelta(days=3)
        assert not person.is_overdue(derive.today() + timedelta(days=3))
        assert person.is_overdue(derive.today() + timedelta(days=4))
        assert Interaction.objects.filter(customer=person.customer, document="sales.followup").count() == 1


def test_not_being_reached_is_no_contact(wall, north):
    with north.bound():
        actor = north.actor("sales_consultant")
        person = accepted(actor)
        actions.record_follow_up(actor=actor, prospect_id=person.pk, channel="phone", result="not_reached")
        person.refresh_from_db()
        assert (person.stage, person.lead.state) == (Stage.NEW, "accepted")
        actions.record_follow_up(actor=actor, prospect_id=person.pk, channel="phone", result="appointment")
        person.refresh_from_db()
        assert (person.stage, person.lead.state) == (Stage.CONTACTED, "appointment")


def test_having_bought_elsewhere_closes_the_prospect(wall, north):
    with north.bound():
        actor = north.actor("sales_consultant")
        person = accepted(actor)
        actions.record_follow_up(actor=actor, prospect_id=person.pk, channel="phone", result="bought_elsewhere")
        person.refresh_from_db()
        assert (person.state, person.lost_reason, person.next_contact_on) == (ProspectState.LOST, "other_dealer", None)
        assert person.lead.state == "lost"
        with pytest.raises(Conflict) as caught:
            actions.record_follow_up(actor=actor, prospect_id=person.pk, channel="phone", result="thinking")
        assert caught.value.code == "prospect_closed"


def test_a_lost_prospect_can_be_taken_up_again(wall, north):
    with north.bound():
        actor = north.actor("sales_consultant")
        person = prospect(actor)
        actions.lose_prospect(actor=actor, prospect_id=person.pk, reason="price", text="太贵")
        actions.reopen_prospect(actor=actor, prospect_id=person.pk)
        person.refresh_from_db()
        assert (person.state, person.lost_reason, person.next_contact_on) == ("open", "", derive.today())
        with pytest.raises(IllegalTransition):
            actions.reopen_prospect(actor=actor, prospect_id=person.pk)
        with pytest.raises(Invalid):
            actions.lose_prospect(actor=actor, prospect_id=person.pk, reason="no such reason")


def test_a_hand_over_takes_the_lead_along(wall, north):
    with north.bound():
        person = accepted(north.actor("sales_consultant"))
        other = colleague("second")
        actions.assign_prospect(actor=north.actor("sales_manager"), prospect_id=person.pk, consultant_id=other.pk)
        person.refresh_from_db()
        assert person.consultant_id == person.lead.consultant_id == other.pk
        assert Entry.objects.filter(action="sales.assign_prospect").count() == 1


def test_a_company_prospect_counts_its_contact_person(wall, north):
    with north.bound():
        actor = north.actor("sales_consultant")
        person = actions.create_prospect(
            actor=actor,
            person={
                "kind": "company",
                "name": "江南物流有限公司",
                "contact_person": "欧阳娜娜",
                "phone": "025-83456789",
                "sex": "female",
            },
            channel="key_account",
        )
        assert Item.SURNAME not in person.missing
        assert Item.SEX not in person.missing


def test_a_prospect_needs_somebody_and_closed_ones_are_left_alone(wall, north):
    with north.bound():
        actor = north.actor("sales_consultant")
        with pytest.raises(Invalid) as caught:
            actions.create_prospect(actor=actor)
        assert list(caught.value.fields) == ["customer"]
        known = prospect(actor).customer
        with pytest.raises(TypeError):
            actions.update_prospect(actor=actor, prospect_id=known.prospects.get().pk, state="won")
        actions.lose_prospect(actor=actor, prospect_id=known.prospects.get().pk, reason="price")
        again = actions.create_prospect(actor=actor, customer=known, channel="referral", budget=Decimal(150_000))
        assert (again.customer_id, again.budget) == (known.pk, Decimal(150_000))
        person = actions.create_prospect(actor=actor, person={"name": "赵敏", "email": "zhao@example.com"})
        assert Item.PHONE in person.missing


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [({"next_plan": "x" * 201}, "next_plan"), ({"note": "x" * 4001}, "note"), ({"note": "a\x00"}, "note")],
)
def test_texts_that_cannot_be_stored_are_named(wall, north, fields, wrong):
    with north.bound():
        actor = north.actor("sales_consultant")
        with pytest.raises(Invalid) as caught:
            actions.record_follow_up(
                actor=actor, prospect_id=prospect(actor).pk, channel="phone", result="thinking", **fields
            )
        assert list(caught.value.fields) == [wrong]


def test_a_hand_over_to_the_same_changes_nothing_and_to_a_stranger_is_refused(wall, north):
    with north.bound():
        manager, own = north.actor("sales_manager"), prospect(north.actor("sales_consultant"))
        actions.assign_prospect(actor=manager, prospect_id=own.pk, consultant_id=own.consultant_id)
        assert not Entry.objects.filter(action="sales.assign_prospect").exists()
        with pytest.raises(Invalid):
            actions.assign_prospect(actor=manager, prospect_id=own.pk, consultant_id=north.user("technician").pk)
        actions.assign_prospect(actor=manager, prospect_id=own.pk, consultant_id=manager.id)
        own.refresh_from_db()
        assert own.consultant_id == manager.id


def test_the_policy_as_it_stands_leaves_no_trace(wall, north):
    figures = {"approval_limit": Decimal(1), "hot_months": 3, "warm_months": 12, "quotation_days": 14}
    with north.bound():
        for _time in range(2):
            actions.change_policy(actor=north.actor("general_manager"), **figures)
        assert Entry.objects.filter(action="sales.change_policy").count() == 1


def test_a_customer_who_is_met_again_in_a_later_lead_has_two_prospects(wall, north):
    """The manufacturer's lead and our own prospect stay apart, so that nothing of our own goes up with the lead's."""
    with north.bound():
        actor = north.actor("sales_consultant")
        own, theirs = prospect(actor), accepted(actor)
        assert own.customer_id == theirs.customer_id
        assert own.lead_id is None
        assert theirs.lead_id is not None


def test_prospect_states_follow_the_table():
    assert set(PROSPECT_TRANSITIONS) == set(ProspectState)
    assert PROSPECT_TRANSITIONS[ProspectState.WON] == frozenset()
