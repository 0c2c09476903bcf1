"""The audit trail: what a row says, that it stays, who reads it."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import ProgrammingError, transaction

from kernel import audit, clock
from kernel.accounts.actors import EXCHANGE, SYSTEM, Actor
from kernel.accounts.models import User
from kernel.audit import queries
from kernel.audit.models import Entry
from kernel.errors import Missing


def test_a_row_says_who_did_what_to_what(wall, north):
    with north.bound():
        person = User.objects.get(role="technician")
        entry = audit.record(
            actor=Actor.of(person),
            action="tests.try",
            obj=person,
            before={"day": date(2026, 1, 2), "price": Decimal("1.10"), "who": person.pk},
            after={"at": datetime(2026, 1, 2, tzinfo=UTC)},
            note="why",
        )
        entry.refresh_from_db()
    assert (entry.actor_kind, entry.actor_id, entry.actor_role) == ("user", person.pk, "technician")
    assert (entry.object_type, entry.object_id, entry.object_label) == ("accounts.user", str(person.pk), person.name)
    assert entry.before == {"day": "2026-01-02", "price": "1.10", "who": str(person.pk)}
    assert entry.after == {"at": "2026-01-02T00:00:00Z"}
    assert (entry.origin, entry.note) == ("user", "why")
    assert abs((entry.at - entry.recorded_at).total_seconds()) < 5


def test_numbers_count_up_and_come_back_from_the_insert(wall, north):
    with north.bound():
        person = User.objects.get(role="technician")
        numbers = [audit.record(actor=SYSTEM, action="tests.try", obj=person).number for _ in range(3)]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize(
    ("actor", "inside", "origin"),
    [(SYSTEM, "", "system"), (EXCHANGE, "", "exchange"), (SYSTEM, "demo", "demo"), (EXCHANGE, "api", "api")],
)
def test_the_origin_is_that_of_the_door(wall, north, actor, inside, origin):
    with north.bound(), audit.coming_from(inside, "req-1"):
        entry = audit.record(actor=actor, action="tests.try", obj=User.objects.get(role="technician"))
    assert (entry.origin, entry.request_id) == (origin, "req-1")


def test_changes_names_only_what_changed():
    person = User(name="a", phone="1")
    assert audit.changes(person, name="b", phone="1") == ({"name": "a"}, {"name": "b"})
    assert person.name == "b"


@pytest.mark.parametrize("write", [lambda rows: rows.update(note="x"), lambda rows: rows.delete()])
def test_the_database_refuses_to_change_or_delete_a_row(wall, north, write):
    with north.bound():
        audit.record(actor=SYSTEM, action="tests.try", obj=User.objects.get(role="technician"))
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            write(Entry.objects.all())
        assert Entry.objects.filter(action="tests.try", note="").count() == 1


def test_a_row_of_one_dealership_is_invisible_in_another(wall, north, south):
    with north.bound():
        entry = audit.record(actor=SYSTEM, action="tests.try", obj=User.objects.get(role="technician"))
    boss = south.user("general_manager")
    with south.bound(), pytest.raises(Missing):
        queries.access_entry_for_reading(str(entry.pk), boss)
    assert south.client(boss).get(f"/audit/{entry.pk}/").status_code == 404
    assert north.client("general_manager").get(f"/audit/{entry.pk}/").status_code == 200


@pytest.mark.parametrize("role", ["it_admin", "sales_manager", "crm_manager"])
def test_only_those_who_may_read_the_trail(wall, north, role):
    person = north.user(role)
    with north.bound():
        entry = audit.record(actor=SYSTEM, action="tests.try", obj=person)
        with pytest.raises(Missing):
            queries.access_entry_for_reading(str(entry.pk), person)
        assert list(queries.history_of(person)) == [entry]
    for path in ("/audit/", f"/audit/{entry.pk}/"):
        assert north.client(role).get(path).status_code == 403
        assert north.client("general_manager").get(path).status_code == 200


def test_the_list_filters_and_exports(wall, north):
    boss = north.client("general_manager")
    with north.bound():
        person = User.objects.get(role="technician")
        audit.record(actor=SYSTEM, action="tests.first", obj=person, note="=1+1")
        audit.record(actor=EXCHANGE, action="tests.second", obj=person)
    page = boss.get("/audit/?q=tests.first").text
    assert "tests.first" in page
    assert "tests.second" not in page
    page = boss.get("/audit/?origin=exchange").text
    assert "tests.second" in page
    assert "tests.first" not in page
    export = boss.get("/audit/?export=csv&q=tests.first")
    assert export.status_code == 200
    text = export.getvalue().decode("utf-8-sig")
    assert "tests.first" in text
    with north.bound():
        assert Entry.objects.get(action="audit.export").after == {"format": "csv", "rows": 1}


def test_the_list_costs_a_fixed_number_of_queries(wall, north):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    boss = north.client("general_manager")
    boss.get("/audit/")
    with CaptureQueriesContext(connection) as few:
        boss.get("/audit/?q=nothing-like-this")
    with north.bound():
        person = User.objects.get(role="technician")
        for _ in range(30):
            audit.record(actor=SYSTEM, action="tests.try", obj=person)
    with CaptureQueriesContext(connection) as many:
        boss.get("/audit/")
    assert len(many) <= len(few) + 1 <= 6


def test_the_moment_is_the_kernel_clocks(wall, north):
    with north.bound():
        before = clock.now()
        entry = audit.record(actor=SYSTEM, action="tests.try", obj=User.objects.get(role="technician"))
        assert before <= entry.at <= clock.now()
