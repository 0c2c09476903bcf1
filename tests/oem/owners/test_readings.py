"""Every time somebody at the portal looks at what a dealership shared, that dealership is told: whom, how, what for."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import uuid4, uuid5

import pytest
from django.db import ProgrammingError, transaction
from tests.oem.sharedrows import NOW, VIN, owner, sale
from tests.together import while_it_waits

from dealer.sharing.models import Reading as Told
from exchange.models import Inbox, InboxState, Ledger, Payload
from exchange.outbound import _next_place
from exchange.testing import exchange_drained
from kernel.accounts import actions as accounts
from kernel.accounts.actors import SYSTEM
from kernel.accounts.roles import PORTAL_ROLES, RIGHTS
from kernel.contracts import Level, Purpose
from kernel.tenancy.bindings import MANUFACTURER_ID
from kernel.testing.clocks import at
from oem.aftersales.models import ServiceVisit
from oem.network.models import Dealership, DealershipState
from oem.owners import actions, queries, tasks
from oem.owners.models import Owner, Reading


@pytest.fixture
def present(wall):
    with at(NOW):
        yield


@pytest.fixture
def shared(present, portal, north, south):
    """Two owners of north by name, one of south by name and one by code."""
    with portal.bound():
        return {
            "north": owner(north.id),
            "north2": owner(north.id, vin="LSVAA4182E2184848", name="李四"),
            "south": owner(south.id, name="赵六", vin="LSVAA4182E2184849"),
            "coded": owner(south.id, level=Level.PSEUDONYMOUS),
        }


def kept(portal) -> list[Reading]:
    with portal.bound():
        return list(Reading.objects.order_by("number"))


def facts(portal) -> list[tuple]:
    return [(row.dealership, row.how, row.of, row.rows, len(row.owner_keys)) for row in kept(portal)]


def test_every_role_that_may_look_says_what_for():
    may = {role for role in PORTAL_ROLES if RIGHTS[role] & set(queries.VEHICLE_RIGHTS)}
    assert may == set(actions.READING_FOR)


def test_each_opening_of_a_named_owner_is_a_row_and_a_code_is_none(shared, portal, north):
    client = portal.client("crm_analyst")
    for _time in range(2):
        client.get(f"/owners/{shared['north'].id}/")
    client.get(f"/owners/{shared['coded'].id}/")
    rows = kept(portal)
    assert [(row.dealership, row.how, row.owner_keys) for row in rows] == [
        (north.id, "opened", [shared["north"].owner_key])
    ] * 2
    assert {(row.reader_role, row.reading_for, row.purpose) for row in rows} == {
        ("crm_analyst", "customer_care", "customer_care")
    }


def test_a_list_is_one_row_a_dealership_and_keeps_the_words_here(shared, portal, north, south):
    portal.client("privacy_officer").get("/owners/?province=广东省&q=李四")
    assert facts(portal) == [(north.id, "listed", "owners", 1, 1)]
    (row,) = kept(portal)
    assert (row.reading_for, sorted(row.searched_by)) == ("data_protection", ["province", "q"])
    assert "q=" in row.asked
    portal.client("crm_analyst").get("/owners/")
    assert set(facts(portal)[1:]) == {
        (north.id, "listed", "owners", 2, 2),
        (south.id, "listed", "owners", 1, 1),
    }


def test_a_file_names_exactly_the_rows_that_it_holds(shared, portal, north, south):
    answer = portal.client("crm_analyst").get(f"/owners/?export=csv&dealership={north.id}")
    assert answer.getvalue().count(b"\n") >= 3
    assert facts(portal) == [(north.id, "exported", "owners", 2, 2)]


def test_a_long_list_is_cut_into_rows_that_can_be_carried(present, portal, north, monkeypatch):
    monkeypatch.setattr(actions, "KEYS", 2)
    with portal.bound():
        rows = [owner(north.id, vin=f"LSVAA4182E21840{n:02d}") for n in range(5)]
        reader = portal.user("crm_analyst")
        actions.note_export(actor=portal.actor("crm_analyst"), reader=reader, asked="", form="csv", rows=rows)
        sizes = list(Reading.objects.order_by("number").values_list("rows", flat=True))
    assert sizes == [2, 2, 1]


def test_the_api_counts_as_looking(shared, portal, north, south):
    with portal.bound():
        user = portal.user("crm_analyst")
        scopes = ["owners:read", "vehicles:read"]
        _token, text = accounts.create_token(actor=SYSTEM, user=user, name="x", scopes=scopes)
    client = portal.client(headers={"Authorization": f"Bearer {text}"})
    assert client.get("/api/v1/owners?q=李四").status_code == 200
    assert client.get(f"/api/v1/vehicles/{VIN}").status_code == 200
    assert facts(portal) == [
        (north.id, "listed", "owners", 1, 1),
        (north.id, "opened", "vehicle", 1, 1),
    ]
    assert kept(portal)[0].searched_by == ["q"]


def test_opening_a_car_tells_each_dealership_of_its_own_part_only(shared, portal, north, south):
    with portal.bound():
        sale(north.id)
        ServiceVisit.objects.create(
            dealership=south.id,
            purpose=Purpose.ANALYTICS,
            level=Level.FULL,
            message_id=uuid4(),
            event_at=NOW,
            visit_id=uuid4(),
            vin=VIN,
            opened_at=NOW - timedelta(days=2),
            closed_at=NOW,
            kind="repair",
        )
    assert portal.client("crm_analyst").get(f"/vehicles/{VIN}/").status_code == 200
    rows = {row.dealership: row for row in kept(portal)}
    assert (rows[north.id].rows, rows[north.id].owner_keys) == (2, [shared["north"].owner_key])
    assert (rows[south.id].rows, rows[south.id].owner_keys, rows[south.id].purpose) == (1, [], "analytics")
    assert {row.vin for row in rows.values()} == {VIN}
    portal.client("warranty_analyst").get(f"/vehicles/{VIN}/")
    last = kept(portal)[-1]
    assert (last.reading_for, last.owner_keys) == ("warranty", [])


def test_what_cannot_be_kept_is_not_shown(shared, portal, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError("no space left")

    client = portal.client("crm_analyst")
    client.raise_request_exception = False
    monkeypatch.setattr(actions, "_keep", full)
    for path in (f"/owners/{shared['north'].id}/", "/owners/", f"/vehicles/{VIN}/"):
        answer = client.get(path)
        assert answer.status_code == 500, path
        assert "王小明" not in answer.content.decode(), path


def test_rows_can_be_added_to_and_nothing_else(shared, portal):
    portal.client("crm_analyst").get(f"/owners/{shared['north'].id}/")
    with portal.bound():
        for change in (
            lambda: Reading.objects.update(reader_name="Somebody else"),
            lambda: Reading.objects.all().delete(),
        ):
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                change()


def test_a_report_says_neither_a_name_nor_the_words_typed(shared, portal, north, south):
    client = portal.client("crm_analyst")
    client.get("/owners/?q=李四")
    client.get(f"/owners/{shared['north'].id}/")
    client.get(f"/owners/{shared['south'].id}/")
    with portal.bound():
        assert actions.report_readings() == 2  # one message a dealership, however many times
        assert actions.report_readings() == 0
        sent = Ledger.objects.get(contract="ReadingReport", receiver=north.id)
        text = json.dumps(Payload.objects.get(pk=sent.pk).body, ensure_ascii=False)
        assert Reading.objects.filter(message=sent.pk).count() == 2
    for word in ("李四", "王小明", portal.user("crm_analyst").name, shared["south"].owner_key):
        assert word not in text
    assert shared["north"].owner_key in text
    assert sent.purpose == "customer_care"


def test_many_times_go_in_few_messages_and_none_is_left(present, portal, north, monkeypatch):
    monkeypatch.setattr(actions, "TIMES", 4)
    with portal.bound():
        actor, seen = portal.actor("crm_analyst"), owner(north.id)
        for _time in range(9):
            actions.note_reading(actor=actor, owners=[seen])
        assert actions.report_readings() == 3
        assert not Reading.objects.filter(message=None).exists()


def test_a_dealership_that_left_is_told_nothing(shared, portal, north):
    portal.client("crm_analyst").get(f"/owners/{shared['north'].id}/")
    with portal.bound():
        Dealership.objects.filter(id=north.id).update(state=DealershipState.RETIRED)
        assert actions.report_readings() == 0
        assert Reading.objects.get().message is None


def test_two_who_report_at_once_tell_each_time_once(committed, portal, north):
    with portal.bound():
        actions.note_reading(actor=portal.actor("crm_analyst"), owners=[owner(north.id)])
    with portal.bound(), transaction.atomic():
        first = actions.report_readings()
    with portal.bound():
        second = actions.report_readings()
        assert (first, second, Ledger.objects.filter(contract="ReadingReport").count()) == (1, 0, 1)


def test_while_one_reports_the_other_leaves_its_rows_alone(committed, portal, north):
    with portal.bound():
        actions.note_reading(actor=portal.actor("crm_analyst"), owners=[owner(north.id)])

    def hold_the_counter():
        # The counter of the subject makes senders take turns, so the second one is seen to wait.
        _next_place(north.id, uuid5(MANUFACTURER_ID, "readings"))

    outcome = while_it_waits(portal, hold_the_counter, actions.report_readings)
    assert outcome == 1


def test_what_was_looked_at_reaches_the_dealership_once(committed, portal, north, south):
    with portal.bound():
        seen = owner(north.id)
        actions.note_reading(actor=portal.actor("crm_analyst"), owners=[seen])
    with exchange_drained():
        tasks.report_readings()
    reader = portal.user("crm_analyst").pk
    with north.bound():
        told = Told.objects.get()
        assert told.reader == reader
        assert (told.owner_keys, told.how, told.reader_role) == ([seen.owner_key], "opened", "crm_analyst")
        assert Inbox.objects.get(contract="ReadingReport").state == InboxState.APPLIED
    with portal.bound():
        assert Ledger.objects.get(contract="ReadingReport").state == "applied"
        assert Owner.objects.count() == 1
    with south.bound():
        assert not Told.objects.exists()
