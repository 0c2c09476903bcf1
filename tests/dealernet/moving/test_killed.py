"""The steward is killed with SIGKILL in the middle; the next one ends what it began, whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.db import connection
from tests.dealernet.moving.scenes import (
    ask,
    can_sign_in,
    differences,
    live_a_little,
    offer,
    rows_of,
    schemas,
    work_off,
)

from dealer.customers.actions import create_customer
from dealer.customers.models import Customer
from dealer.organisation import exporting, logos
from dealer.sales.actions import accept_lead
from dealer.sales.models import Lead
from dealernet.moving import backups
from exchange.testing import drain_exchange
from kernel import clock
from kernel.accounts.actors import SYSTEM
from kernel.tenancy import directory, steward
from kernel.tenancy.bindings import Dealer, Owner, bound, schema_of
from kernel.tenancy.models import Move, RequestState, State, StewardRequest, Tenant

WEST = UUID("00000000-0000-4000-8000-00000000a009")


def killed_at(point: str, tmp_path: Path) -> None:
    """A steward of its own works off what was asked for, and dies at the point."""
    died = subprocess.run(
        [sys.executable, "-m", "dealernet.proofs.steward", "requests", *where()],
        env={**os.environ, "DEALERNET_KILL_AT": f"{point}:1", "DEALERNET_DATA": str(tmp_path)},
        timeout=120,
        capture_output=True,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()[-2000:]
    with bound(Owner()):
        assert StewardRequest.objects.get().state == RequestState.RUNNING


def where() -> list[str]:
    return [connection.settings_dict["HOST"], connection.settings_dict["NAME"]]


def finished() -> None:
    """Another steward comes, finds the request that was left, and ends it."""
    work_off()
    with bound(Owner()):
        request = StewardRequest.objects.get()
        assert (request.state, request.error) == (RequestState.DONE, "")


@pytest.mark.parametrize(
    "point", ["moving: login", "moving: loaded", "moving: upgrade", "moving: files", "moving: domain"]
)
def test_an_import(committed, portal, north, tmp_path, point):
    live_a_little(north)
    path = tmp_path / "north.zip"
    with north.bound():
        exporting.write(path)
    ask("import", file=str(path), move=str(uuid4()), id=str(WEST), slug="west")
    killed_at(point, tmp_path)
    directory.forget()
    assert directory.member_at("west.localhost") is None
    finished()
    directory.forget()
    assert directory.member_at("west.localhost") is not None
    with bound(Dealer(WEST)):
        assert Customer.objects.count() == 2
    assert steward.orphans() == []
    assert differences() == []


@pytest.mark.parametrize(
    "point",
    [
        "moving: load",
        "moving: compare",
        "moving: carry",
        "moving: swap",
        "moving: swapped",
        "moving: told",
        "moving: settled",
    ],
)
def test_a_restore(committed, portal, north, south, tmp_path, point):
    live_a_little(north)
    path = tmp_path / "north.backup"
    backups.write("north", path)
    lead = offer(portal, north)
    with north.bound():
        accept_lead(actor=north.actor("sales_manager"), lead_id=lead)
        create_customer(actor=SYSTEM, name="后来", department="sales", phone="13900139009")
    drain_exchange()
    others = rows_of(south.schema)
    ask("restore", file=str(path), slug="north", move=str(uuid4()))
    killed_at(point, tmp_path)
    finished()
    with north.bound():
        assert not Customer.objects.filter(phone="+8613900139009").exists()
        assert Lead.objects.get(pk=lead).state == "accepted"
    assert can_sign_in(north.schema)
    assert rows_of(south.schema) == others
    assert not [name for name in schemas() if name.endswith("_restore")]
    with bound(Owner()):
        assert Move.objects.get().settled_at is not None
    drain_exchange()
    assert differences() == []
    assert steward.verify() == {}


@pytest.mark.parametrize("point", ["schema dropped", "drop committed", "moving: files"])
def test_a_drop(committed, tmp_path, point):
    dealer_id = uuid4()
    steward.provision({"id": str(dealer_id), "slug": "west", "name": "West Auto"})
    name = logos.store(dealer_id, b"picture")
    steward.retire({"slug": "west"})
    with bound(Owner()):
        Tenant.objects.filter(id=dealer_id).update(drop_after=clock.now() - timedelta(days=1))
    ask("drop", slug="west")
    killed_at(point, tmp_path)
    finished()
    assert schema_of(dealer_id) not in schemas()
    assert not can_sign_in(schema_of(dealer_id))
    assert logos.read(dealer_id, name) is None
    with bound(Owner()):
        assert Tenant.objects.get(id=dealer_id).state == State.DROPPED
    assert steward.orphans() == []
