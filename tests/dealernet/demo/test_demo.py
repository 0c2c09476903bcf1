"""The demo on a small network: it reaches the present, says the same again, and is whole after being killed."""

from __future__ import annotations

import json
import stat
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from dealer.customers.models import Consent, Customer, Vehicle
from dealer.sales.models import Lead as OfferedLead
from dealer.sales.models import Prospect, SalesContract, TestDrive
from dealer.sharing.models import Grant, Reading
from dealer.stock.models import StockVehicle
from dealer.support.models import Access
from dealer.warranty.models import Claim
from dealer.workshop.models import Appointment, RepairOrder
from dealernet.demo import run, setup
from exchange import operations
from exchange.models import Inbox, Ledger
from kernel import clock
from kernel.accounts.models import User
from kernel.accounts.roles import DEALERSHIP_ROLES, PORTAL_ROLES
from kernel.audit.models import Entry
from kernel.automotive import vin
from kernel.tenancy import steward
from kernel.tenancy.bindings import Dealer, Portal, bound
from kernel.tenancy.models import Kind, Tenant
from oem.leads.models import Lead, LeadState, RawIntake

SCALE, SEED = 0.02, 7


def make(part, folder, *, scale=SCALE, seed=SEED):
    return run.make(part, data=folder, seed=seed, scale=scale, steward_works=steward.work_off_one)


def dealerships():
    return {row.slug: Dealer(row.id) for row in Tenant.objects.filter(kind=Kind.DEALERSHIP)}


def steps():
    """Every finished step of every member with the objects it touched, as the audit trail has it."""
    found = Counter()
    for binding in (Portal(), *dealerships().values()):
        with bound(binding):
            rows = Entry.objects.filter(origin="demo").exclude(request_id="")
            found.update(rows.values_list("request_id", "action"))
    return found


@pytest.fixture(scope="module")
def made(database_network, django_db_blocker, tmp_path_factory):
    """The demo up to READY, and the folder it keeps its plan in. The tests of this module only read."""
    folder = tmp_path_factory.mktemp("demo")
    with django_db_blocker.unblock():
        try:
            yield make(run.READY, folder), folder
        finally:
            database_network.reset()


def test_who_looked_in_from_outside_stands_where_the_dealership_reads_it(made):
    with bound(dealerships()["north"]):
        access = Access.objects.get()
        assert (access.state, access.guest.is_active) == ("ended", False)
        assert access.acts.count() == 5
        assert access.asked_at < access.answered_at < access.acts.last().at < access.ended_at < access.until
        assert set(Reading.objects.values_list("how", flat=True)) == {"opened", "listed", "exported"}
        seen = Reading.objects.filter(how="opened").first()
        assert Customer.objects.filter(pk=seen.owner_keys[0]).exists()
    with bound(dealerships()["south"]):
        assert not Access.objects.exists()


def test_what_stands_before_ready_is_alive_in_every_department(made):
    figures, _folder = made
    assert figures["refused"] == []
    assert set(dealerships()) == {"north", "east", "south"}
    now = datetime.now(UTC)
    for slug, binding in dealerships().items():
        with bound(binding):
            waiting = OfferedLead.objects.filter(state="offered", respond_before__gt=now)
            assert (slug, waiting.count()) == (slug, 3)
            assert SalesContract.objects.filter(state="signed").count() >= 2
            assert TestDrive.objects.filter(state="booked", scheduled_at__gt=now).exists()
            assert Appointment.objects.filter(state="booked", starts_at__gt=now).exists()
            assert RepairOrder.objects.exclude(state="closed").exists()
            assert Claim.objects.filter(state="submitted").count() >= 2
            assert Claim.objects.filter(state="sent_back").exists()
            assert StockVehicle.objects.filter(state="in_stock").exists()
            assert StockVehicle.objects.filter(state="in_transit").exists()
            today = clock.today("Asia/Shanghai")
            assert Prospect.objects.filter(state="open", next_contact_on=today).count() >= 3
            assert all(vin.is_acceptable(number) for number in Vehicle.objects.values_list("vin", flat=True))
    with bound(Portal()):
        assert Lead.objects.filter(state=LeadState.NEEDS_REVIEW).count() >= 2
        assert Lead.objects.filter(state=LeadState.OFFERED).count() == 9
        assert RawIntake.objects.filter(door="adf").exists()


def test_everything_crossed_and_both_sides_agree(made):
    report = operations.reconcile()
    assert report["differences"] == []
    assert report["compared"] > 100
    state = operations.status()
    assert (state["waiting"], state["stuck"]) == (0, 0)
    with bound(Portal()):
        assert set(Inbox.objects.values_list("state", flat=True)) == {"applied"}
        assert {"LeadOutcome", "WarrantyClaim", "Receipt"} <= set(Inbox.objects.values_list("contract", flat=True))


def test_rows_say_that_they_are_the_demos_and_when_they_were_really_written(made):
    for binding in (Portal(), *dealerships().values()):
        with bound(binding):
            entries = list(Entry.objects.filter(origin="demo").exclude(request_id="").order_by("at"))
            assert entries
            assert all(clock.now() - entry.recorded_at < timedelta(hours=1) for entry in entries)
            assert entries[0].at < clock.now() - timedelta(days=100)
            assert Ledger.objects.filter(event_at__lt=clock.now() - timedelta(days=3)).exists()


def test_dealerships_share_what_they_chose_and_customers_are_asked(made):
    members = dealerships()
    for slug, levels in setup.LEVELS.items():
        with bound(members[slug]):
            chosen = dict(Grant.objects.filter(contract__in=levels).values_list("contract", "ceiling"))
            assert chosen == levels
            assert Consent.objects.filter(purpose="customer_care", recipient="manufacturer").exists()
            assert Customer.objects.exclude(consents__isnull=False).exists()


def test_everyone_may_sign_in_and_the_list_is_for_its_owner_only(made):
    _figures, folder = made
    path = folder / "sign-ins.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    entries = json.loads(path.read_text())
    assert len(entries) == len(PORTAL_ROLES) + 3 * len(DEALERSHIP_ROLES)
    with bound(dealerships()["east"]):
        for entry in (one for one in entries if one["host"] == "east.localhost"):
            person = User.objects.get(login=entry["login"])
            assert person.role == entry["role"]
            assert person.check_password(entry["password"])


def test_one_hash_for_one_password_still_tells_right_from_wrong():
    hasher = setup.OneHash()
    first, second = (hasher.encode("xinghe-demo-2026", hasher.salt()) for _ in range(2))
    assert first == second
    assert hasher.verify("xinghe-demo-2026", first)
    assert not hasher.verify("xinghe-demo-2025", first)
    assert not hasher.must_update(first)
