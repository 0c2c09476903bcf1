"""The one obvious next step, and the line from contact to delivery."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.urls import set_urlconf
from tests.dealer.sales.makers import approved, car, prospect, quotation, signed

from dealer.sales import actions, derive
from dealer.sales.models import Prospect, SalesPolicy
from dealer.sales.next_step import next_step, steps_of
from dealer.sales.queries import contracts_to_decide
from kernel import clock


@pytest.fixture(autouse=True)
def pages_of_a_dealership() -> Iterator[None]:
    """Addresses are those of a dealership's host."""
    set_urlconf("dealernet.urls_dealer")
    yield
    set_urlconf(None)


def step_for(user, person: Prospect):
    person.refresh_from_db()
    drives, papers = list(person.test_drives.all()), list(person.quotations.all())
    return next_step(person, drives, papers, list(person.contracts.all()), user, derive.today())


def test_the_way_of_a_deal_shows_one_step_after_the_other(wall, north):
    with north.bound():
        user, actor, manager = (
            north.user("sales_consultant"),
            north.actor("sales_consultant"),
            north.user("sales_manager"),
        )
        person, vehicle = prospect(actor, series="XH-HF"), car()
        assert step_for(user, person).url.endswith("/follow-up/")
        actions.record_follow_up(actor=actor, prospect_id=person.pk, channel="phone", result="interested")
        assert step_for(user, person).url.endswith("/test-drive/")
        drive = actions.book_test_drive(
            actor=actor, prospect_id=person.pk, scheduled_at=clock.now() + timedelta(hours=1)
        )
        assert step_for(user, person).url == f"/test-drives/{drive.pk}/"
        actions.complete_test_drive(actor=actor, test_drive_id=drive.pk, licence_seen=True)
        assert step_for(user, person).url.endswith("/quotation/")
        made = quotation(actor, person, vehicle)
        assert step_for(user, person).url == f"/quotations/{made.pk}/sign/"
        contract = actions.sign_contract(actor=actor, quotation_id=made.pk)
        assert step_for(user, person).url == step_for(manager, person).url == f"/contracts/{contract.pk}/"
        assert step_for(user, person).title != step_for(manager, person).title
        actions.approve_contract(actor=north.actor("sales_manager"), contract_id=contract.pk)
        assert step_for(user, person).url == f"/contracts/{contract.pk}/deliver/"
        assert step_for(north.user("general_manager"), person) is None
        actions.deliver_vehicle(actor=actor, contract_id=contract.pk)
        assert step_for(user, person) is None
        assert [one["state"] for one in steps_of(person)] == ["done"] * 5


def test_what_is_overdue_or_has_run_out_comes_first(wall, north):
    with north.bound():
        user, actor = north.user("sales_consultant"), north.actor("sales_consultant")
        person = prospect(actor)
        actions.record_follow_up(actor=actor, prospect_id=person.pk, channel="phone", result="thinking")
        Prospect.objects.filter(pk=person.pk).update(next_contact_on=derive.today() - timedelta(days=1))
        assert step_for(user, person).url.endswith("/follow-up/")
        made = quotation(actor, person, car())
        made.valid_until = derive.today() - timedelta(days=1)
        made.save()
        assert step_for(user, person).url.endswith("/follow-up/")


def test_who_was_lost_can_be_taken_up_again(wall, north):
    with north.bound():
        person = prospect(north.actor("sales_consultant"))
        actions.lose_prospect(actor=north.actor("sales_consultant"), prospect_id=person.pk, reason="price")
        step = step_for(north.user("sales_consultant"), person)
        assert step.post
        assert step.url.endswith("/reopen/")
        assert "failed" in [one["state"] for one in steps_of(person)]


@pytest.mark.parametrize(("role", "sees"), [("sales_manager", 0), ("general_manager", 2), ("sales_consultant", 0)])
def test_contracts_wait_for_those_who_may_approve_them(wall, north, role, sees):
    with north.bound():
        actor = north.actor("sales_consultant")
        signed(actor, prospect(actor), car(1))
        signed(actor, prospect(actor, phone="13900000001"), car(2))
        approved(actor, north.actor("sales_manager"), prospect(actor, phone="13900000002"), car(3))
        SalesPolicy.objects.create(approval_limit=1)
        assert contracts_to_decide(north.user(role)).count() == sees
