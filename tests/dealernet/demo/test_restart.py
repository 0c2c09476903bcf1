"""The demo made in several goes: killed, started again, the earlier past afterwards, twice with one seed."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from dealer.customers.models import Customer
from dealer.stock.models import StockVehicle
from dealer.workshop.models import RepairOrder
from dealernet.demo import engine, plan, run
from exchange import operations
from kernel import clock
from kernel.audit.models import Entry
from kernel.tenancy import steward
from kernel.tenancy.bindings import Dealer, Portal, bound
from kernel.tenancy.models import Kind, Tenant
from oem.leads.models import Lead, LeadState

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


def test_started_again_it_finds_that_it_is_finished(committed, tmp_path):
    make(run.READY, tmp_path)
    before = steps()
    assert make(run.READY, tmp_path) == {"part": run.READY, "steps": 0, "finished": True}
    assert steps() == before


def test_killed_and_started_again_it_goes_on_and_doubles_nothing(committed, tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    act = engine.World._act
    seen = []

    def dies(world, key, step, how):
        if len(seen) == 60:
            raise Killed
        seen.append(key)
        return act(world, key, step, how)

    monkeypatch.setattr(engine.World, "_act", dies)
    with pytest.raises(Killed):
        make(run.READY, tmp_path)
    monkeypatch.setattr(engine.World, "_act", act)
    done = steps()
    figures = make(run.READY, tmp_path)
    assert figures["refused"] == []
    assert figures["known"] == 60
    assert not (set(seen) & {key for key, _action in steps() - done})
    assert operations.reconcile()["differences"] == []
    assert operations.status()["stuck"] == 0


def test_what_was_earlier_follows_and_lies_before_the_window(committed, tmp_path):
    make(run.READY, tmp_path)
    before = steps()
    figures = make(run.REST, tmp_path)
    assert figures["refused"] == []
    assert figures["steps"] > 0
    after = steps()
    assert not before - after
    with bound(Portal()):
        assert Lead.objects.filter(received_at__lt=clock.now() - timedelta(days=engine.WINDOW_DAYS + 2)).exists()
        assert Lead.objects.filter(state=LeadState.OFFERED).count() == 9
    assert operations.reconcile()["differences"] == []
    assert operations.status()["stuck"] == 0


def test_the_same_seed_tells_the_same_stories(committed, tmp_path):
    def told(seed):
        world = engine.World(seed=seed, scale=1, today=datetime(2026, 11, 22, 8, tzinfo=UTC))
        return list(plan.stories(world, run.REST))

    assert told(1) == told(1)
    assert told(1) != told(2)
    assert len(told(1)) > 500


def test_the_same_seed_makes_the_same_data(committed, tmp_path):
    def people_and_cars():
        found = []
        for _slug, binding in sorted(dealerships().items()):
            with bound(binding):
                found.append(sorted(Customer.objects.values_list("name", "phone", "city", "birthday")))
                found.append(sorted(StockVehicle.objects.values_list("vin", "variant", "colour")))
                found.append(sorted(RepairOrder.objects.values_list("opened_at", "kind", "odometer_km", "total")))
        return found

    today = datetime.now(UTC).isoformat(timespec="seconds")
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        kept = {"seed": SEED, "scale": SCALE, "today": today, "finished": []}
        (folder / run.PLAN).write_text(json.dumps(kept))
    make(run.READY, tmp_path / "one")
    first = people_and_cars()
    committed.reset()
    make(run.READY, tmp_path / "two")
    assert people_and_cars() == first
