"""The portal's page and API of upgrades."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kernel import clock
from kernel.accounts.actors import SYSTEM
from kernel.accounts.models import User
from kernel.accounts.roles import PORTAL_ROLES, RIGHTS, Right
from kernel.release import RELEASE
from kernel.tenancy import steward
from kernel.tenancy.bindings import Owner, bound
from kernel.tenancy.models import FleetUpgrade, SchemaState, StewardRequest, UpgradeState
from oem.network import actions, queries


def reader(portal):
    """Somebody who may do everything here, and reads English."""
    person = portal.user("network_admin")
    with portal.bound():
        User.objects.filter(pk=person.pk).update(language="en")
    return portal.client(person)


def put_behind(side, error: str = "") -> None:
    with bound(Owner()):
        SchemaState.objects.filter(schema_name=side.schema).update(checksum="0" * 64, error=error)


@pytest.mark.parametrize("role", sorted(PORTAL_ROLES))
def test_rights_decide_who_sees_and_who_asks(wall, portal, role):
    client = portal.client(role)
    assert client.get("/fleet/").status_code == (200 if Right.NETWORK_READ in RIGHTS[role] else 403)
    assert client.post("/fleet/upgrade/").status_code == (302 if Right.EXCHANGE_REPAIR in RIGHTS[role] else 403)


def test_when_all_is_well_the_page_says_so_and_offers_nothing(wall, portal):
    page = reader(portal).get("/fleet/").content.decode()
    assert "Every database is up to date" in page
    assert "/fleet/upgrade/" not in page


def test_a_fenced_dealership_is_named_with_its_reason_and_can_be_tried_again(committed, portal, north, south):
    put_behind(south, error='column "note" already exists\nDETAIL: …')
    put_behind(north)
    client = reader(portal)
    page = client.get("/fleet/").content.decode()
    assert "1 database could not be upgraded" in page
    assert "Southgate Motors" in page
    assert "column &quot;note&quot; already exists" in page
    assert "DETAIL" not in page
    assert client.post("/fleet/upgrade/").status_code == 302
    assert client.post("/fleet/upgrade/").status_code == 302
    with portal.bound():
        asked = StewardRequest.objects.get(verb="upgrade")
        assert queries.fleet()["asked"]
    assert asked.requested_by == portal.user("network_admin").name
    assert "The upgrade begins in a moment" in client.get("/fleet/").content.decode()
    while steward.work_off_one():
        pass
    page = client.get("/fleet/").content.decode()
    assert "Every database is up to date" in page
    with portal.bound():
        found = queries.fleet()
    assert (found["current"], found["behind"], found["fenced"], found["members"]) == (4, 0, 0, [])
    assert (found["run"].state, found["run"].done) == (UpgradeState.DONE, 2)


@pytest.mark.parametrize(("seen", "text"), [(0, "Upgrading to"), (3600, "Interrupted")])
def test_progress_is_shown_while_it_goes_on_and_a_killed_run_is_told_from_it(committed, portal, north, seen, text):
    put_behind(north)
    with bound(Owner()):
        FleetUpgrade.objects.create(
            release=RELEASE, canary="south", schemas=4, done=1, seen_at=clock.now() - timedelta(seconds=seen)
        )
    answer = reader(portal).get("/fleet/", headers={"HX-Request": "true"})
    page = answer.content.decode()
    assert text in page
    assert ("1 of 4 databases" in page) == (seen == 0)
    assert ('hx-trigger="every 1s"' in page) == (seen == 0)
    assert "<html" not in page


def test_a_stopped_upgrade_says_why(committed, portal, north):
    put_behind(north)
    with bound(Owner()):
        FleetUpgrade.objects.create(
            release=RELEASE, canary="north", schemas=4, state=UpgradeState.STOPPED, error="north went first and failed"
        )
    assert "north went first and failed" in reader(portal).get("/fleet/").content.decode()


def test_a_schema_whose_dealership_is_unknown_is_shown_by_its_name(committed, portal):
    with bound(Owner()):
        SchemaState.objects.create(schema_name="d_leftover", kind="dealership", checksum="")
    with portal.bound():
        assert [(one["name"], one["slug"]) for one in queries.fleet()["members"]] == [("d_leftover", "")]


def test_the_api_says_the_same(wall, portal):
    answer = portal.client("auditor").get("/api/v1/fleet", headers={"accept": "application/json"})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["release"], body["current"], body["behind"], body["run"]) == (RELEASE, 4, 0, None)


def test_the_number_of_questions_does_not_grow_with_the_network(wall, portal):
    with portal.bound():
        with CaptureQueriesContext(connection) as queries_made:
            queries.fleet()
        assert len(queries_made) <= 7
        asked = actions.ask_for_upgrade(actor=SYSTEM)
        assert actions.ask_for_upgrade(actor=SYSTEM) == asked
