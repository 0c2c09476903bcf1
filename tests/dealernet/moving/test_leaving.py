"""A dealership leaves: no lead is lost with it, its data is kept for a time, its names for ever."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.dealernet.moving.scenes import (
    ask,
    can_sign_in,
    differences,
    give_logo,
    live_a_little,
    offer,
    rows_of,
    schemas,
    work_off,
)

from dealer.customers.actions import create_customer
from dealer.organisation import logos
from dealer.sales.actions import accept_lead, record_outcome
from dealer.sales.models import Lead
from dealer.sharing.models import Agreement, Grant
from dealernet.moving import leaving
from exchange.models import Ledger
from exchange.testing import drain_exchange
from kernel import clock
from kernel.accounts.actors import SYSTEM
from kernel.errors import Invalid
from kernel.tenancy import directory, steward
from kernel.tenancy.bindings import Dealer, Owner, bound
from kernel.tenancy.models import RequestState, State, StewardRequest, Tenant
from kernel.testing.clocks import at
from kernel.testing.network import Side
from oem.leads.models import Lead as HubLead
from oem.network import actions as network
from oem.network.models import Dealership


def at_dealer(side: Any) -> dict[UUID, str]:
    with side.bound():
        return dict(Lead.objects.values_list("id", "state"))


def at_hub(portal: Any) -> dict[UUID, tuple[str, UUID | None]]:
    with portal.bound():
        return {lead.id: (lead.state, lead.dealership) for lead in HubLead.objects.all()}


@pytest.fixture
def worked(committed, portal, north) -> dict[str, UUID]:
    """North with an offered lead, an accepted one, and one whose contract is signed."""
    live_a_little(north)
    leads = {
        name: offer(portal, north, name=name, phone=f"1380013810{number}")
        for number, name in enumerate(("offered", "accepted", "contracted"))
    }
    with north.bound():
        manager = north.actor("sales_manager")
        accept_lead(actor=manager, lead_id=leads["accepted"])
        accept_lead(actor=manager, lead_id=leads["contracted"])
        record_outcome(actor=manager, lead_id=leads["contracted"], event="contracted")
    drain_exchange()
    return leads


def test_leads_go_back_sharing_ends_and_the_login_is_locked(worked, committed, portal, north, south):
    before = rows_of(south.schema)
    with portal.bound():
        mine = Dealership.objects.get(slug="north")
        network.retire_dealership(actor=portal.actor("network_manager"), dealership=mine, confirmation="north")
    assert not steward.work_off_one()  # nothing happens to it before an operator has signed
    with bound(Owner("oem")):
        network.confirm_retirement(actor=SYSTEM, dealership=mine, signed_by="ops")
    work_off()
    with bound(Owner()):
        request = StewardRequest.objects.get()
        assert (request.state, request.error) == (RequestState.DONE, "")
        tenant = Tenant.objects.get(slug="north")
    assert tenant.state == State.RETIRED
    assert tenant.drop_after - tenant.retired_at == timedelta(days=180)
    assert not can_sign_in(north.schema)
    directory.forget()
    assert directory.member_at(north.host) is None
    hub = at_hub(portal)
    # Declined and returned leads went on by the rules; the one with a contract waits for the desk. None is at north.
    assert {name: hub[lead][1] for name, lead in worked.items()} == {
        "offered": south.id,
        "accepted": south.id,
        "contracted": None,
    }
    assert hub[worked["contracted"]][0] == "needs_review"
    assert hub[worked["offered"]][0] == hub[worked["accepted"]][0] == "offered"
    with portal.bound():
        reasons = set(HubLead.objects.get(id=worked["contracted"]).events.values_list("reason", flat=True))
    assert "dealership_left" in reasons
    assert {table for table, rows in rows_of(south.schema).items() if rows != before[table]} <= {
        "exchange_inbox",
        "exchange_inboxpayload",
    }
    drain_exchange_without(north)
    assert {at_dealer(south)[worked[name]] for name in ("offered", "accepted")} == {"offered"}
    assert differences() == []


def drain_exchange_without(side: Any) -> None:
    """Everything moves but what only the closed dealership could apply."""
    from exchange import courier, inbox
    from kernel.tenancy.bindings import Courier, Dealer, Portal

    for _round in range(5):
        courier.sweep()
        with bound(Courier()):
            members = [party for party in courier.parties().values() if party.id != side.id]
        for member in members:
            with bound(Portal() if member.is_portal else Dealer(member.id)):
                inbox.drain()


def test_what_the_dealership_knew_last_is_told_before_it_is_closed(worked, committed, portal, north):
    with north.bound():
        record_outcome(actor=north.actor("sales_manager"), lead_id=worked["accepted"], event="contacted")
    leaving.retire({"slug": "north"})
    with portal.bound():
        told = set(HubLead.objects.get(id=worked["accepted"]).events.values_list("code", flat=True))
    assert {"accepted", "contacted", "returned"} <= told
    admin = rows_of(north.schema)
    assert admin["exchange_ledger"][0] > 0


def test_one_that_cannot_be_closed_works_on(worked, committed, north, monkeypatch):
    monkeypatch.setattr(leaving, "PATIENCE", 0.3)
    admin = steward.superuser(committed.name)
    with admin.cursor() as cursor:  # a courier that hangs at its mail
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [f"courier {north.id}"])
        with pytest.raises(leaving.MailStuck):
            leaving.retire({"slug": "north"})
        cursor.execute("SELECT pg_advisory_unlock_all()")
    admin.close()
    directory.forget()
    assert directory.member_at(north.host) is not None
    assert can_sign_in(north.schema)
    with bound(Owner()):
        assert Tenant.objects.get(slug="north").state == State.ACTIVE
    drain_exchange()
    assert differences() == []
    leaving.retire({"slug": "north"})
    assert not can_sign_in(north.schema)


def test_what_it_shared_ends(worked, committed, north):
    leaving.retire({"slug": "north"})
    with bound(Owner(north.schema)):
        assert not Agreement.objects.filter(state="signed").exists()
        assert {grant.level for grant in Grant.objects.all()} == {"nothing"}
        assert not Ledger.objects.filter(state="recorded").exists()


class Killed(BaseException):
    """The steward ends in the middle of its work."""


def test_leaving_that_is_killed_at_any_step_ends_whole_when_it_is_run_again(worked, committed, portal, north):
    steps: list[str] = []

    def killed_at(last: int) -> None:
        steps.clear()

        def progress(step: str) -> None:
            steps.append(step)
            if len(steps) == last:
                raise Killed

        leaving.retire({"slug": "north"}, progress)

    for reached in range(1, 20):
        try:
            killed_at(reached)
        except Killed:
            with bound(Owner()):
                assert Tenant.objects.get(slug="north").state == State.ACTIVE
        else:
            break
    assert reached >= 4
    assert not can_sign_in(north.schema)
    assert north.id not in {holder for _state, holder in at_hub(portal).values()}
    drain_exchange_without(north)
    assert differences() == []


@pytest.fixture
def west(committed) -> Side:
    """A dealership of this test alone: logins are the server's, and other databases name north's."""
    dealer_id = uuid4()
    steward.provision({"id": str(dealer_id), "slug": "west", "name": "West Auto"})
    side = Side("west", Dealer(dealer_id))
    live_a_little_less(side)
    return side


def live_a_little_less(side: Side) -> None:
    with side.bound():
        create_customer(actor=SYSTEM, name="张三", department="service", phone="13900139002")


def test_data_is_deleted_when_its_time_is_over_and_only_then(west, committed, south):
    name = give_logo(west)
    leaving.retire({"slug": "west", "drop_after_days": 30})
    ask("drop", slug="west")
    work_off()
    with bound(Owner()):
        refused = StewardRequest.objects.filter(verb="drop").get()
        assert "is kept until" in refused.error
    assert west.schema in schemas()
    assert logos.read(west.id, name)
    with at(clock.now() + timedelta(days=31)):
        leaving.drop({"slug": "west"})
        leaving.drop({"slug": "west"})
    assert west.schema not in schemas()
    assert not can_sign_in(west.schema)
    assert logos.read(west.id, name) is None
    with bound(Owner()):
        tenant = Tenant.objects.get(slug="west")
        assert (tenant.state, tenant.schema_name) == (State.DROPPED, west.schema)
        assert tenant.dropped_at is not None
    # The exchange and its checks go on without it.
    drain_exchange()
    assert differences() == []
    assert south.client("general_manager").get("/today/").status_code == 200


def test_no_request_drops_anything_without_a_signature(worked, committed, portal, north):
    leaving.retire({"slug": "north"})
    with portal.bound():
        StewardRequest.objects.create(verb="drop", arguments={"slug": "north"})
        StewardRequest.objects.create(verb="restore", arguments={"slug": "north", "file": "/x", "move": str(uuid4())})
        StewardRequest.objects.create(verb="import", arguments={"slug": "x", "file": "/x", "move": str(uuid4())})
    with at(clock.now() + timedelta(days=999)):
        assert not steward.work_off_one()
    assert north.schema in schemas()


def test_a_dealership_that_works_cannot_be_dropped(committed, north):
    with pytest.raises(ValueError, match="not retired"):
        leaving.drop({"slug": "north"})
    assert north.schema in schemas()


@pytest.mark.parametrize("dropped", [False, True])
def test_its_names_are_never_used_again(west, committed, portal, dropped):
    leaving.retire({"slug": "west"})
    if dropped:
        with at(clock.now() + timedelta(days=181)):
            leaving.drop({"slug": "west"})
    before = schemas()
    with pytest.raises(ValueError, match="address name west belongs to another dealership, or did"):
        steward.provision({"id": str(uuid4()), "slug": "west", "name": "Another"})
    with pytest.raises(ValueError, match="not used again" if dropped else "retired"):
        steward.provision({"id": str(west.id), "slug": "west", "name": "West Auto"})
    with portal.bound():
        for given, field in (({"slug": "west"}, "slug"), ({"slug": "fresh", "id": west.id}, "id")):
            with pytest.raises(Invalid) as caught:
                network.add_dealership(actor=SYSTEM, name="Another", **given)
            assert [error.field for error in caught.value.errors] == [field]
    assert schemas() == before
    assert not can_sign_in(west.schema)
