"""Upgrades of the whole fleet: whole or not at all in every schema, whatever is killed, locked or broken."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from argparse import Namespace
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg2
import pytest
from django.db import DatabaseError, connection

from dealernet.commands import steward as command
from exchange import courier
from kernel import clock
from kernel.idempotency.models import StoredAnswer
from kernel.tenancy import directory, keys, rendering, scripts, steward
from kernel.tenancy.bindings import Courier, Dealer, Owner, bound, schema_of
from kernel.tenancy.models import FleetUpgrade, SchemaState, Tenant, UpgradeState
from kernel.tenancy.steward import fleet, ledger
from kernel.tenancy.tasks import dealer_task
from kernel.testing.network import NORTH, SOUTH, Side

TABLE = "idempotency_storedanswer"
COLUMN = "migrations.AddField('StoredAnswer', 'note', models.TextField(db_default='none yet'))"
NEW_TABLE = "migrations.CreateModel('Extra', [('id', models.BigAutoField(primary_key=True))])"
INDEX = "AddIndexConcurrently('StoredAnswer', models.Index(fields=['fingerprint'], name='idempotency_next'))"
ROWS = (
    "migrations.RunPython("
    "lambda apps, editor: apps.get_model('idempotency', 'StoredAnswer').objects.update(status=204))"
)


def ask(query: str, *values: Any) -> list[tuple[Any, ...]]:
    with bound(Owner()), connection.cursor() as cursor:
        cursor.execute(query, values or None)
        return cursor.fetchall()


def has_column(side: Any) -> bool:
    found = ask(
        "SELECT 1 FROM information_schema.columns WHERE table_schema = %s AND table_name = %s AND column_name = 'note'",
        side.schema,
        TABLE,
    )
    return bool(found)


def fenced(side: Any) -> tuple[str, bool]:
    with bound(Owner()):
        state = SchemaState.objects.get(schema_name=side.schema)
        return state.error, bool(Tenant.objects.get(schema_name=side.schema).fenced_by)


def last_run() -> FleetUpgrade:
    with bound(Owner()):
        return FleetUpgrade.objects.order_by("-started_at").first()  # type: ignore[return-value]  # there is one


def add_by_hand(side: Any) -> None:
    """What makes the upgrade of this one fail."""
    with bound(Owner()), connection.cursor() as cursor:
        cursor.execute(f'ALTER TABLE "{side.schema}".{TABLE} ADD note text')


@pytest.fixture
def in_a_hurry(monkeypatch):
    monkeypatch.setattr(fleet, "PAUSE", 0.01)
    monkeypatch.setattr(fleet.stepping, "LOCK_TIMEOUT", "100ms")


# -- the canary ------------------------------------------------------------------------------------------------


def test_when_the_canary_fails_nobody_else_is_touched(committed, north, south, next_release):
    add_by_hand(north)
    next_release("kernel.idempotency", COLUMN)
    with pytest.raises(steward.CanaryFailed, match="north went first"):
        steward.upgrade({})
    assert not has_column(south)
    error, is_fenced = fenced(north)
    assert "already exists" in error
    assert not is_fenced, "the release before serves everybody on"
    run = last_run()
    assert (run.state, run.canary, run.done, run.failed) == (UpgradeState.STOPPED, "north", 1, 0)
    assert "no other dealership was touched" in run.error


def test_a_canary_that_comes_out_unlike_a_new_dealership_stops_the_upgrade(committed, north, south, next_release):
    with bound(Owner()), connection.cursor() as cursor:
        cursor.execute(f'CREATE INDEX by_hand ON "{south.schema}".{TABLE} (fingerprint)')
    next_release("kernel.idempotency", COLUMN)
    with pytest.raises(steward.CanaryFailed, match=r"\+ index valid=t CREATE INDEX by_hand"):
        steward.upgrade({"canary": "south"})
    assert not has_column(north)
    with bound(Owner()), connection.cursor() as cursor:
        cursor.execute(f'DROP INDEX "{south.schema}".by_hand')
    assert steward.upgrade({"canary": "nobody"})["upgraded"] == 1
    assert last_run().canary == "north"
    assert steward.verify() == {}


def test_no_upgrade_takes_more_connections_than_the_owner_can_spare(committed, north, next_release):
    next_release("kernel.idempotency", COLUMN)
    run = fleet._Run({"connections": 500}, [], fleet.Tally(0), lambda step: None)
    assert run.connections == fleet.CONNECTIONS


# -- at the start of a node ------------------------------------------------------------------------------------


@pytest.fixture
def prepare(capsys):
    """What `dealernet up` does first: the steward's exit status and what it said."""
    asked = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def go() -> tuple[int, str]:
        status = command.run(Namespace(prepare=True))
        return status, capsys.readouterr().out

    yield go
    for number, handler in asked.items():
        signal.signal(number, handler)


def test_a_network_starts_although_one_dealership_is_fenced_off(committed, north, south, next_release, prepare):
    add_by_hand(south)
    next_release("kernel.idempotency", COLUMN)
    status, said = prepare()
    assert status == 0
    assert "schemas upgraded: 1, fenced off: 1" in said
    assert "`dealernet fleet status` says why" in said
    assert prepare()[0] == 0, "and again"


def test_a_network_does_not_start_with_a_release_whose_canary_failed(committed, north, next_release, prepare):
    add_by_hand(north)
    next_release("kernel.idempotency", COLUMN)
    status, said = prepare()
    assert status == 1
    assert "north went first and could not be brought to" in said.splitlines()[-1]


def test_dealerships_go_on_when_the_manufacturers_schema_is_fenced_off(committed, portal, north, next_release, prepare):
    with bound(Owner()), connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE oem.{TABLE} ADD note text")
    next_release("kernel.idempotency", COLUMN)
    status, said = prepare()
    assert status == 0
    assert "the manufacturer's schema is fenced off: " in said
    directory.forget()
    assert portal.client().get("/sign-in/").status_code == 503
    assert north.client().get("/sign-in/").status_code == 200
    assert has_column(north)
    with bound(Owner()), connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE oem.{TABLE} DROP note")
    assert "up to date" in prepare()[1]
    directory.forget()
    assert portal.client().get("/sign-in/").status_code == 200


def test_a_manufacturers_schema_that_cannot_be_made_is_no_network(committed, monkeypatch):
    with bound(Owner()), connection.cursor() as cursor:
        cursor.execute("DROP TABLE oem.django_migrations")
    with pytest.raises(DatabaseError, match="already exists"):
        steward.bootstrap()


def test_nodes_that_start_at_once_take_turns(committed, next_release):
    next_release("kernel.idempotency", COLUMN)
    problems: list[Exception] = []

    def start() -> None:
        try:
            steward.bootstrap()
            steward.upgrade({})
        except Exception as error:
            problems.append(error)

    nodes = [threading.Thread(target=start) for _ in range(4)]
    for node in nodes:
        node.start()
    for node in nodes:
        node.join(60)
    assert problems == []
    assert steward.verify() == {}


# -- fences ----------------------------------------------------------------------------------------------------


def test_one_that_fails_is_fenced_off_while_the_rest_go_on(committed, north, south, next_release, caplog):
    add_by_hand(south)
    next_release("kernel.idempotency", COLUMN)
    assert steward.upgrade({}) == {"schemas": 3, "upgraded": 2, "failed": 1}
    assert has_column(north)
    error, is_fenced = fenced(south)
    assert "already exists" in error
    assert is_fenced
    assert last_run().state == UpgradeState.FAILED
    directory.forget()
    answer = south.client().get("/sign-in/")
    assert (answer.status_code, answer["Retry-After"]) == (503, "300")
    assert "数据没有丢失" in answer.content.decode()
    assert north.client().get("/sign-in/").status_code == 200
    assert directory.is_fenced(SOUTH)
    assert not directory.is_fenced(NORTH)
    assert directory.is_fenced(SOUTH), "remembered"
    # Mended, and tried again: without a canary, for one that failed says nothing about the release.
    with bound(Owner()), connection.cursor() as cursor:
        cursor.execute(f'ALTER TABLE "{south.schema}".{TABLE} DROP note')
    assert steward.upgrade({}) == {"schemas": 1, "upgraded": 1, "failed": 0}
    assert fenced(south) == ("", False)
    directory.forget()
    assert south.client().get("/sign-in/").status_code == 200
    assert steward.verify() == {}


def test_the_release_before_goes_on_serving_what_an_upgrade_fenced_off(committed, south, next_release):
    with bound(Owner()):
        Tenant.objects.filter(schema_name=south.schema).update(fenced_by="0" * 64)  # by some other release
    directory.forget()
    assert south.client().get("/sign-in/").status_code == 200
    assert not directory.is_fenced(SOUTH)


def test_mail_for_a_fenced_dealership_waits_and_its_tasks_are_left_alone(committed, portal, north, south):
    done: list[str] = []
    task = dealer_task(name="tests.tenancy.fenced")(done.append)
    with bound(Owner()):
        Tenant.objects.filter(schema_name=south.schema).update(fenced_by=rendering.wanted(rendering.DEALERSHIP))
    directory.forget()
    with bound(Courier()):
        assert set(courier.parties()) == {portal.id, north.id}
    task(str(SOUTH))
    task(str(NORTH))
    assert done == [str(NORTH)]


def test_a_portal_that_fails_is_fenced_and_the_dealerships_go_on(committed, portal, north, next_release):
    add_by_hand(portal)
    next_release("kernel.idempotency", COLUMN)
    assert steward.upgrade({}) == {"schemas": 3, "upgraded": 2, "failed": 1}
    assert fenced(portal)[1]
    assert has_column(north)
    directory.forget()
    assert portal.client().get("/sign-in/").status_code == 503


# -- locks and killed runs ---------------------------------------------------------------------------------------


def test_an_upgrade_waits_for_those_who_hold_locks(committed, north, south, next_release, in_a_hurry):
    next_release("kernel.idempotency", COLUMN)
    busy = psycopg2.connect(
        host=connection.settings_dict["HOST"],
        dbname=connection.settings_dict["NAME"],
        user=south.schema,
        password=keys.password(south.schema),
    )
    busy.cursor().execute(f"SELECT count(*) FROM {TABLE}")  # a transaction that stays open
    later = threading.Timer(0.5, busy.close)
    later.start()
    try:
        assert steward.upgrade({}) == {"schemas": 3, "upgraded": 3, "failed": 0}
    finally:
        later.join()
    assert steward.verify() == {}


def test_one_whose_locks_are_never_free_is_fenced(committed, north, south, next_release, in_a_hurry, monkeypatch):
    monkeypatch.setattr(fleet, "TRIES", 2)
    next_release("kernel.idempotency", COLUMN)
    busy = psycopg2.connect(
        host=connection.settings_dict["HOST"],
        dbname=connection.settings_dict["NAME"],
        user=south.schema,
        password=keys.password(south.schema),
    )
    busy.cursor().execute(f"SELECT count(*) FROM {TABLE}")
    try:
        assert steward.upgrade({}) == {"schemas": 3, "upgraded": 2, "failed": 1}
    finally:
        busy.close()
    assert "lock timeout" in fenced(south)[0]
    assert not has_column(south)


def test_two_stewards_at_once_do_everything_once(committed, portal, north, south, next_release):
    next_release("kernel.idempotency", COLUMN, NEW_TABLE)
    results: list[dict[str, int]] = []

    def run() -> None:
        results.append(steward.upgrade({}))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found["failed"] == 0 for found in results)
    assert ask(f'SELECT count(*) FROM "{south.schema}".django_migrations WHERE name = %s', "9999_next") == [(1,)]
    assert steward.verify() == {}


def test_a_schema_that_is_not_where_the_ledger_says_goes_step_by_step(committed, north, south, next_release):
    next_release("kernel.idempotency", COLUMN)
    with bound(Owner(south.schema)), connection.cursor() as cursor:  # as after a restore of a newer copy
        cursor.execute(f"ALTER TABLE {TABLE} ADD note text DEFAULT 'none yet' NOT NULL")
        cursor.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('idempotency', '9999_next', now())")
    assert steward.upgrade({}) == {"schemas": 3, "upgraded": 3, "failed": 0}
    assert steward.verify() == {}


def test_a_connection_that_is_cut_is_opened_again(committed, north, south, next_release, in_a_hurry, monkeypatch):
    next_release("kernel.idempotency", COLUMN)
    cut: list[str] = []
    whole = fleet._leap

    def cut_once(state: SchemaState, how: fleet.Leap) -> bool:
        if state.schema_name == south.schema and not cut:
            cut.append(state.schema_name)
            admin = steward.superuser(committed.name)
            with bound(Owner()), connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                (pid,) = cursor.fetchone()
                with admin.cursor() as other:
                    other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
                admin.close()
                cursor.execute("SELECT 1")
        return whole(state, how)

    monkeypatch.setattr(fleet, "_leap", cut_once)
    assert steward.upgrade({}) == {"schemas": 3, "upgraded": 3, "failed": 0}
    assert cut == [south.schema]


# -- what is more than SQL ---------------------------------------------------------------------------------------


def put_answer(side: Any) -> None:
    with side.bound():
        StoredAnswer.objects.create(
            key="k",
            owner=NORTH,
            method="POST",
            path="/",
            fingerprint="0" * 64,
            status=201,
            body=b"",
            expires_at=clock.now() + timedelta(days=1),
        )


def test_data_steps_run_in_every_schema_and_only_there(committed, north, south, next_release):
    for side in (north, south):
        put_answer(side)
    next_release("kernel.idempotency", ROWS)
    assert steward.upgrade({}) == {"schemas": 3, "upgraded": 3, "failed": 0}
    for side in (north, south):
        assert ask(f'SELECT DISTINCT status FROM "{side.schema}".{TABLE}') == [(204,)]
    assert steward.verify() == {}


def test_a_data_step_without_a_transaction_marks_itself_when_it_is_done(committed, north, south, next_release):
    put_answer(north)
    next_release("kernel.idempotency", ROWS, atomic=False)
    assert steward.upgrade({}) == {"schemas": 3, "upgraded": 3, "failed": 0}
    assert ask(f'SELECT status FROM "{north.schema}".{TABLE}') == [(204,)]
    assert ask(f'SELECT count(*) FROM "{north.schema}".django_migrations WHERE name = %s', "9999_next") == [(1,)]


def test_a_data_step_that_fails_leaves_its_schema_as_it_was(committed, north, south, next_release, caplog):
    put_answer(north)
    put_answer(south)
    with bound(Owner()), connection.cursor() as cursor:
        cursor.execute(f'ALTER TABLE "{south.schema}".{TABLE} ADD CONSTRAINT no_204 CHECK (status <> 204)')
    next_release("kernel.idempotency", ROWS)
    assert steward.upgrade({"canary": "north"}) == {"schemas": 3, "upgraded": 2, "failed": 1}
    assert ask(f'SELECT status FROM "{south.schema}".{TABLE}') == [(201,)]
    assert "no_204" in fenced(south)[0]


def test_an_index_is_made_while_others_write_and_made_again_when_a_run_was_killed_in_it(
    committed, north, south, next_release
):
    next_release("kernel.idempotency", INDEX, atomic=False)
    with bound(Owner(south.schema)), connection.cursor() as cursor:  # what a killed run leaves behind
        cursor.execute(f"CREATE INDEX idempotency_next ON {TABLE} (fingerprint)")
        cursor.execute("SELECT 'idempotency_next'::regclass::oid")
        (index,) = cursor.fetchone()
    admin = steward.superuser(committed.name)
    with admin.cursor() as cursor:
        cursor.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s", [index])
    admin.close()
    with bound(Owner(north.schema)), connection.cursor() as cursor:  # here it was killed behind the index
        cursor.execute(f"CREATE INDEX CONCURRENTLY idempotency_next ON {TABLE} (fingerprint)")
    assert steward.upgrade({}) == {"schemas": 3, "upgraded": 3, "failed": 0}
    assert steward.verify() == {}
    assert "INDEX CONCURRENTLY" not in rendering.render(rendering.DEALERSHIP).text()


def test_other_concurrent_statements_can_be_repeated_as_they_are(committed, north, south, next_release):
    next_release("kernel.idempotency", "migrations.RunSQL('DROP INDEX CONCURRENTLY IF EXISTS nobodys')", atomic=False)
    assert steward.upgrade({}) == {"schemas": 3, "upgraded": 3, "failed": 0}
    assert steward.verify() == {}


def test_a_new_dealership_has_what_the_upgraded_ones_have(committed, north, next_release):
    next_release("kernel.idempotency", NEW_TABLE, COLUMN)
    steward.upgrade({})
    west = UUID("00000000-0000-4000-8000-00000000a003")
    steward.provision({"id": str(west), "slug": "west", "name": "West Auto"})
    assert steward.verify() == {}
    with bound(Owner()), connection.cursor() as cursor:
        cursor.execute(f'ALTER TABLE "{schema_of(west)}".{TABLE} DROP note')
    found = steward.verify()
    assert list(found) == [schema_of(west)]
    assert {line[0] for line in found[schema_of(west)]} == {"-"}


@pytest.mark.parametrize("point", ["leapt:2", "leapt:3"])
def test_an_upgrade_that_is_killed_goes_on_where_it_was(committed, north, south, release, point):
    release.add("kernel.idempotency", COLUMN)
    words = ["upgrade", connection.settings_dict["HOST"], committed.name, release.told()]
    killed = subprocess.run(
        [sys.executable, "-m", "dealernet.proofs.steward", *words],
        env={**os.environ, "DEALERNET_KILL_AT": point},
        timeout=60,
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert last_run().state == UpgradeState.RUNNING
    assert has_column(north) == (not has_column(south)) or point == "leapt:3"
    assert steward.upgrade({})["failed"] == 0
    assert has_column(north)
    assert has_column(south)
    if point == "leapt:2":  # behind the last one nothing was left to do but to say so
        with bound(Owner()):
            assert not FleetUpgrade.objects.filter(state=UpgradeState.RUNNING).exists()
    assert steward.verify() == {}


def test_an_error_that_does_not_pass_is_not_tried_again(committed, north, south, next_release, caplog):
    add_by_hand(south)
    next_release("kernel.idempotency", COLUMN)
    with caplog.at_level(logging.INFO):
        steward.upgrade({})
    assert "already exists" in fenced(south)[0]


def test_a_data_step_that_breaks_in_its_own_code_fences_off_that_dealership(
    committed, north, south, next_release, caplog
):
    put_answer(south)
    broken = "lambda apps, editor: 1 // (0 if apps.get_model('idempotency', 'StoredAnswer').objects.exists() else 1)"
    next_release("kernel.idempotency", f"migrations.RunPython({broken})")
    assert steward.upgrade({}) == {"schemas": 3, "upgraded": 2, "failed": 1}
    assert fenced(south) == ("ZeroDivisionError: integer division or modulo by zero", True)


def test_the_directory_goes_first(committed, north, next_release):
    next_release("kernel.reference", "migrations.AddField('Brand', 'note', models.TextField(db_default=''))")
    assert steward.upgrade({}) == {"schemas": 1, "upgraded": 1, "failed": 0}
    assert ask("SELECT count(*) FROM information_schema.columns WHERE table_name = 'reference_brand' "
               "AND column_name = 'note'") == [(1,)]  # fmt: skip


# -- many together -------------------------------------------------------------------------------------------------


@pytest.fixture
def more(committed):
    """Four dealerships more."""
    found = []
    for number in range(4):
        id_ = UUID(f"00000000-0000-4000-8000-00000000b00{number}")
        steward.provision({"id": str(id_), "slug": f"more-{number}", "name": f"More {number}"})
        found.append(Side(f"more-{number}", Dealer(id_)))
    return found


def test_many_go_in_one_round_trip_and_one_that_fails_holds_nobody_back(committed, more, north, south, next_release):
    add_by_hand(more[2])
    next_release("kernel.idempotency", COLUMN)
    assert steward.upgrade({"connections": 1}) == {"schemas": 7, "upgraded": 6, "failed": 1}
    assert all(has_column(side) for side in (*more, north, south))
    assert "already exists" in fenced(more[2])[0]
    assert not fenced(more[3])[1]


def test_many_go_in_one_round_trip(committed, more, next_release, monkeypatch):
    next_release("kernel.idempotency", COLUMN)
    alone: list[str] = []
    monkeypatch.setattr(fleet, "bring_forward", _noted(alone, fleet.bring_forward))
    assert steward.upgrade({}) == {"schemas": 7, "upgraded": 7, "failed": 0}
    assert alone == ["oem", more[0].schema], "the portal and the canary; the rest went together"
    assert steward.verify() == {}


def _noted(names: list[str], whole: Any) -> Any:
    def bring(state: SchemaState, how: fleet.Leap | None) -> str:
        names.append(state.schema_name)
        return whole(state, how)

    return bring


def test_a_server_that_goes_away_in_the_middle_of_a_text_is_an_error_that_passes(committed, north):
    with bound(Owner()):
        state = SchemaState.objects.get(schema_name=north.schema)
    gone = fleet.Leap(rendering.DEALERSHIP, "BEGIN; SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(DatabaseError):
        fleet._leap(state, gone)
    assert fleet.leap_together([state, state], gone) == {north.schema}, "asked of the ledger, on a new connection"
    with bound(Owner()):
        assert SchemaState.objects.exists()


def test_new_tables_alone_get_rights_when_all_others_have_theirs(committed, north):
    rights = rendering.rights(rendering.DEALERSHIP)
    of_jobs = [one for one in rights if '."workshop_job"' in one]
    made = scripts.Step("workshop", "0009_x", scripts.How.SQL, ('CREATE TABLE "workshop_job" ("id" uuid)',))
    script = rendering.Script(rendering.DEALERSHIP, (made,), "")
    with bound(Owner()):
        state = SchemaState.objects.get(schema_name=north.schema)
        state.rights = ledger.rights_checksum([one for one in rights if one not in of_jobs])
        state.save()
        assert fleet._rights(state, script)[:-1] == of_jobs
        state.rights = "somebody else's"
        state.save()
        assert fleet._rights(state, script) == list(rights)


def test_a_schema_that_has_everything_is_left_alone(committed, north):
    with bound(Owner()):
        before = SchemaState.objects.get(schema_name=north.schema).applied_at
    fleet._step(rendering.DEALERSHIP, north.schema)
    with bound(Owner()):
        assert SchemaState.objects.get(schema_name=north.schema).applied_at == before


def test_after_a_restore_elsewhere_every_login_is_made_anew_and_retired_ones_stay_locked(committed, north, south):
    steward.retire({"slug": "north"})
    with bound(Owner()), connection.cursor() as cursor:
        cursor.execute(f'ALTER ROLE "{south.schema}" NOLOGIN')
        cursor.execute(f'ALTER ROLE "{south.schema}" RESET ALL')
    assert steward.restore_logins() == 1
    with south.bound(), connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_setting('statement_timeout')")
        assert cursor.fetchone() == (south.schema, "20s")
    assert ask("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", north.schema) == [(False,)]
    with bound(Owner()), connection.cursor() as cursor:
        cursor.execute(f'ALTER ROLE "{north.schema}" LOGIN')
