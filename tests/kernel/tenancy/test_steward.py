"""The steward: everything it does can be killed, repeated and undone by nobody but itself."""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg2
import pytest
from django.conf import settings
from django.db import ProgrammingError, connection
from django.test.utils import CaptureQueriesContext

from dealer.organisation.models import Profile
from kernel import clock
from kernel.accounts.models import User
from kernel.tenancy import directory, keys, steward
from kernel.tenancy.bindings import Dealer, Owner, bound, schema_of
from kernel.tenancy.models import (
    Domain,
    Move,
    RequestState,
    SchemaState,
    State,
    StewardRequest,
    StewardSignature,
    Tenant,
)
from kernel.testing.clocks import at

WEST = UUID("00000000-0000-4000-8000-00000000a003")
JOINING = {
    "id": str(WEST),
    "slug": "west",
    "name": "West Auto",
    "users": [{"login": "boss", "name": "Wei Lan", "role": "general_manager"}],
}


def ask(query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def sign_in_to_the_database(login: str, query: str = "SELECT 1") -> None:
    raw = psycopg2.connect(
        host=connection.settings_dict["HOST"],
        dbname=connection.settings_dict["NAME"],
        user=login,
        password=keys.password(login),
    )
    try:
        with raw.cursor() as cursor:
            cursor.execute(query)
    finally:
        raw.close()


@pytest.fixture
def committed(committed):
    """Logins are the server's and outlive the database, which is made anew after each test."""
    yield committed
    admin = steward.superuser("postgres")
    with admin.cursor() as cursor:
        for side in (committed.north, committed.south):
            cursor.execute(f'ALTER ROLE "{side.schema}" LOGIN')
    admin.close()
    steward.repair_logins({})


# -- bootstrap -------------------------------------------------------------------------------------------------


def test_bootstrapping_a_living_network_repairs_it_and_keeps_everything(committed, north):
    admin = steward.superuser(committed.name)
    with admin.cursor() as cursor:
        cursor.execute("GRANT SELECT ON pg_catalog.pg_stat_activity TO PUBLIC")
        cursor.execute("GRANT EXECUTE ON FUNCTION pg_catalog.lo_create(oid) TO PUBLIC")
        cursor.execute("ALTER ROLE oem SET statement_timeout = 0")
        admin.close()
    said: list[str] = []
    steward.bootstrap(said.append)
    assert said == [
        "logins and database are ready",
        "the directory is up to date",
        "the manufacturer's schema is up to date",
    ]
    with north.bound():
        assert User.objects.exists()
        for refused in ("SELECT * FROM pg_catalog.pg_stat_activity", "SELECT lo_create(0)"):
            with pytest.raises(Exception, match="permission denied"):
                ask(refused)
    with bound(Owner()):
        assert ask("SELECT 'statement_timeout=30s' = ANY(rolconfig) FROM pg_roles WHERE rolname = 'oem'") == [(True,)]


def test_a_lost_note_of_where_a_schema_stands_is_written_anew(committed, portal):
    with portal.bound():
        people = User.objects.count()
    with bound(Owner()):
        noted = SchemaState.objects.get(schema_name="oem")
        noted.delete()
    steward.bring_up_portal()
    with bound(Owner()):
        assert SchemaState.objects.get(schema_name="oem").checksum == noted.checksum
    with portal.bound():
        assert User.objects.count() == people


# -- joining and retiring --------------------------------------------------------------------------------------


class Killed(Exception):
    """The steward ends in the middle of its work."""


def test_provisioning_that_is_killed_at_any_step_ends_whole_when_it_is_run_again(committed):
    steps: list[str] = []

    def killed_at(last: int) -> None:
        steps.clear()

        def progress(step: str) -> None:
            steps.append(step)
            if len(steps) == last:
                raise Killed

        steward.provision(JOINING, progress)

    reached = 0
    for reached in range(1, 20):
        try:
            killed_at(reached)
        except Killed:
            directory.forget()
            assert directory.member_at("west.localhost") is None
        else:
            break
    assert steps == ["login", "schema", "10-organisation", "20-people", "30-sharing", "50-workshop", "domain"]
    assert reached == len(steps) + 1
    assert steward.provision(JOINING).state == State.ACTIVE
    directory.forget()
    assert directory.member_at("west.localhost").binding == Dealer(WEST)
    with bound(Dealer(WEST)):
        assert list(User.objects.values_list("login", flat=True)) == ["boss"]
        assert Profile.objects.get().slug == "west"
    with bound(Owner()):
        assert Domain.objects.filter(tenant_id=WEST).count() == 1


def test_a_retired_dealership_is_locked_out_and_stays_so(committed, north, south):
    sign_in_to_the_database(north.schema)
    steward.retire({"slug": "north"})
    directory.forget()
    assert directory.member_at(north.host) is None
    for again in (lambda: None, lambda: steward.repair_logins({})):
        again()
        with pytest.raises(psycopg2.OperationalError, match="not permitted to log in"):
            sign_in_to_the_database(north.schema)
    with pytest.raises(ValueError, match="north is retired"):
        steward.provision({"id": str(north.id), "slug": "north", "name": "Northstar Auto"})
    with pytest.raises(psycopg2.OperationalError, match="not permitted to log in"):
        sign_in_to_the_database(north.schema)
    sign_in_to_the_database(south.schema)


def test_a_dealership_that_left_keeps_its_data_for_a_time_and_its_names_for_ever(committed, north):
    steward.provision(JOINING)
    with pytest.raises(ValueError, match="west is not retired"):
        steward.drop({"slug": "west"})
    with bound(Owner()):
        # As the first release left it: without dates.
        Tenant.objects.filter(id=WEST).update(state=State.RETIRED)
    with pytest.raises(steward.TooEarly, match="the data of west is kept until"):
        steward.drop({"slug": "west"})
    with bound(Owner()):
        kept = Tenant.objects.get(id=WEST)
        assert kept.drop_after - kept.retired_at == timedelta(days=settings.DROP_AFTER_DAYS)
    steward.retire({"slug": "west", "drop_after_days": 1})
    with bound(Owner()):
        assert Tenant.objects.get(id=WEST).drop_after == kept.drop_after
    with at(kept.drop_after + timedelta(seconds=1)):
        for _again in range(2):
            steward.drop({"slug": "west"})
    steward.retire({"slug": "west"})
    schema = schema_of(WEST)
    with bound(Owner()):
        assert ask(f"SELECT 1 FROM pg_namespace WHERE nspname = '{schema}'") == []
        assert ask(f"SELECT 1 FROM pg_roles WHERE rolname = '{schema}'") == []
        assert not SchemaState.objects.filter(schema_name=schema).exists()
        assert Tenant.objects.get(id=WEST).state == State.DROPPED
    with pytest.raises(ValueError, match="not used again"):
        steward.provision(JOINING)
    with pytest.raises(ValueError, match="west belongs to another dealership, or did"):
        steward.provision({**JOINING, "id": str(uuid4())})


def test_two_dealerships_never_share_a_schema(committed):
    with bound(Owner()):
        Tenant.objects.create(kind="dealership", slug="odd", name="Odd", schema_name=schema_of(WEST))
    with pytest.raises(ValueError, match="the schema name of west belongs to odd already"):
        steward.provision(JOINING)


def test_what_a_restore_set_aside_is_dropped_and_nothing_else(committed, north):
    with bound(Owner()):
        ask_nothing(f'CREATE SCHEMA "{north.schema}_until_1"')
        ask_nothing(f'CREATE SCHEMA "{north.schema}_until_2"')
        for number, settled in ((1, clock.now()), (2, None)):
            Move.objects.create(
                tenant_id=north.id, kind="restore", kept_schema=f"{north.schema}_until_{number}", settled_at=settled
            )
    assert steward.drop_kept({"slug": "north"}) == 1
    assert steward.drop_kept({"slug": "north"}) == 0
    with bound(Owner()):
        left = [name for (name,) in ask(f"SELECT nspname FROM pg_namespace WHERE nspname LIKE '{north.schema}%'")]
        assert sorted(left) == [north.schema, f"{north.schema}_until_2"]


def ask_nothing(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_manufacturer_cannot_be_retired(committed, portal):
    with pytest.raises(Tenant.DoesNotExist):
        steward.retire({"slug": "portal"})
    assert directory.member_at(portal.host).is_portal


# -- upgrades --------------------------------------------------------------------------------------------------

MORE = "migrations.AddField('StoredAnswer', 'note', models.TextField(db_default='none yet'))"


def columns(schema: str) -> int:
    """How many tables of a schema have the new column."""
    found = ask(
        "SELECT count(*) FROM information_schema.columns "
        f"WHERE table_schema = '{schema}' AND table_name = 'idempotency_storedanswer' AND column_name = 'note'"
    )
    return found[0][0]


def test_an_upgrade_reaches_every_schema_once_and_keeps_their_rows(committed, portal, north, south, next_release):
    with north.bound():
        people = User.objects.count()
    assert steward.upgrade({}) == {"schemas": 0, "upgraded": 0, "failed": 0}
    next_release("kernel.idempotency", MORE)
    said: list[str] = []
    assert steward.upgrade({}, said.append) == {"schemas": 3, "upgraded": 3, "failed": 0}
    assert said[0] == "1/3"
    assert said[-1] == "3/3"
    with bound(Owner()):
        assert [columns(side.schema) for side in (portal, north, south)] == [1, 1, 1]
    with CaptureQueriesContext(connection) as queries:
        assert steward.upgrade({}) == {"schemas": 0, "upgraded": 0, "failed": 0}
    assert len(queries) == 1
    with north.bound():
        assert User.objects.count() == people


def test_a_schema_that_cannot_be_upgraded_is_fenced_off_with_its_reason(
    committed, portal, north, south, next_release, caplog
):
    with bound(Owner()):
        before = SchemaState.objects.get(schema_name=south.schema)
        with connection.cursor() as cursor:
            cursor.execute(f'ALTER TABLE "{south.schema}".idempotency_storedanswer ADD note text')
    next_release("kernel.idempotency", MORE)
    with caplog.at_level(logging.CRITICAL):
        assert steward.upgrade({}) == {"schemas": 3, "upgraded": 2, "failed": 1}
    with bound(Owner()):
        fenced = SchemaState.objects.get(schema_name=south.schema)
        assert (fenced.checksum, fenced.applied_at) == (before.checksum, before.applied_at)
        assert 'column "note" of relation "idempotency_storedanswer" already exists' in fenced.error
        assert columns(north.schema) == 1
        with connection.cursor() as cursor:
            cursor.execute(f'ALTER TABLE "{south.schema}".idempotency_storedanswer DROP note')
    assert steward.upgrade({}) == {"schemas": 1, "upgraded": 1, "failed": 0}
    with bound(Owner()):
        assert columns(south.schema) == 1
        assert SchemaState.objects.get(schema_name=south.schema).error == ""


# -- logins ----------------------------------------------------------------------------------------------------


def test_what_a_login_changed_about_itself_is_undone(committed, north, south):
    steward.repair_logins({})
    assert steward.repair_logins({}) == 0, "nobody changed anything"
    with north.bound(), connection.cursor() as cursor:
        cursor.execute("ALTER ROLE CURRENT_USER SET statement_timeout = 0")
        cursor.execute(f'ALTER ROLE CURRENT_USER SET search_path = "{south.schema}"')
        cursor.execute(f'ALTER ROLE CURRENT_USER IN DATABASE "{committed.name}" SET lock_timeout = 0')
        cursor.execute("ALTER ROLE CURRENT_USER PASSWORD 'mine now'")
    assert steward.repair_logins({}) == 1
    sign_in_to_the_database(north.schema)
    with bound(Owner()):
        found = ask(
            "SELECT unnest(setconfig) FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole "
            f"WHERE rolname = '{north.schema}' ORDER BY 1"
        )
    assert [text for (text,) in found] == [
        "TimeZone=UTC",
        "idle_in_transaction_session_timeout=20s",
        "lock_timeout=10s",
        f"search_path={north.schema}, public",
        "statement_timeout=20s",
        "temp_file_limit=2GB",
        "transaction_timeout=20s",
    ]


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        ("PASSWORD 'mine now'", "password authentication failed"),
        ("SET local_preload_libraries = 'nothing'", "could not access file"),
        ("SET statement_timeout = '1ms'", "statement timeout"),
    ],
)
@pytest.mark.parametrize("login", ["dealer", "oem"])
def test_a_login_that_locked_itself_out_is_let_in_again(committed, north, portal, login, change, lost):
    side = {"dealer": north, "oem": portal}[login]
    steward.repair_logins({})
    with side.bound(), connection.cursor() as cursor:
        cursor.execute(f"ALTER ROLE CURRENT_USER {change}")
    with pytest.raises(psycopg2.OperationalError, match=lost):
        sign_in_to_the_database(side.schema, "SELECT pg_sleep(0.1)")
    assert steward.repair_logins({}) == 1
    sign_in_to_the_database(side.schema, "SELECT pg_sleep(0.1)")


# -- requests --------------------------------------------------------------------------------------------------


def wanted(verb: str, **arguments: Any) -> StewardRequest:
    return StewardRequest.objects.create(verb=verb, arguments=arguments, requested_by="Wei Lan")


def test_requests_are_worked_off_in_order_and_each_says_how_it_ended(committed, portal):
    with portal.bound():
        unknown = wanted("drop_everything")
        missing = wanted("retire", slug="nowhere")
        repair = wanted("repair_logins")
    with bound(Owner()):
        steward.sign(missing.id, by="operator@server")
    assert [steward.work_off_one() for _ in range(4)] == [True, True, True, False]
    with portal.bound():
        ended = {row.id: row for row in StewardRequest.objects.all()}
        assert [ended[row.id].state for row in (unknown, missing, repair)] == ["failed", "failed", "done"]
        assert ended[unknown.id].error == "KeyError: 'drop_everything'"
        assert ended[missing.id].error.startswith("DoesNotExist: ")
        assert ended[repair.id].error == ""
        moments = [ended[row.id].finished_at for row in (unknown, missing, repair)]
        assert moments == sorted(moments)


def test_closing_waits_for_a_signature_that_the_portal_cannot_give(committed, portal, north):
    with portal.bound():
        closing = wanted("retire", slug="north")
        repair = wanted("repair_logins")
        assert (closing.awaits_signature, repair.awaits_signature) == (True, False)
    assert [steward.work_off_one() for _ in range(2)] == [True, False], "what waits holds nobody up"
    with portal.bound():
        repair.refresh_from_db()
        closing.refresh_from_db()
        assert (repair.state, closing.state) == ("done", "waiting")
        with pytest.raises(ProgrammingError, match="permission denied for table tenancy_stewardsignature"):
            steward.sign(closing.id, by="Wei Lan")
        for forged in ("UPDATE tenancy_stewardrequest SET state = 'running'", "DELETE FROM tenancy_stewardrequest"):
            with pytest.raises(ProgrammingError, match="permission denied"), connection.cursor() as cursor:
                cursor.execute(forged)
        # A row may be born in any state; it is carried out in none.
        born = StewardRequest.objects.create(verb="retire", arguments={"slug": "north"}, state=RequestState.RUNNING)
    assert not steward.work_off_one()
    directory.forget()
    assert directory.member_at(north.host).binding == north.binding
    with bound(Owner()):
        steward.sign(born.id, by="operator@server")
        steward.sign(born.id, by="operator@server")
    assert steward.work_off_one()
    directory.forget()
    assert directory.member_at(north.host) is None
    with portal.bound():
        assert StewardSignature.objects.get().signed_by == "operator@server"
        closing.refresh_from_db()
        assert closing.awaits_signature


def test_a_dealership_that_lives_is_left_as_it_is_by_a_request_to_set_it_up(committed, portal, north):
    """The portal writes the arguments; joining steps would sign the agreement of today with its levels."""
    with bound(Owner(north.schema)), connection.cursor() as cursor:
        cursor.execute("DELETE FROM workshop_labourrate")
    forged = {"id": str(north.id), "slug": "mine", "name": "Mine", "sharing": {"Owner": "full"}}
    with portal.bound():
        row = wanted("provision", **forged)
    assert steward.work_off_one()
    with portal.bound():
        row.refresh_from_db()
        assert (row.state, row.error) == ("done", "")
        assert not Domain.objects.filter(domain="mine.localhost").exists()
    with north.bound(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM workshop_labourrate")
        assert cursor.fetchone() == (0,)


def test_a_request_that_a_killed_steward_left_is_taken_up_again(committed, portal):
    with portal.bound():
        row = wanted("provision", **JOINING)
    with bound(Owner()):
        StewardRequest.objects.filter(id=row.id).update(state=RequestState.RUNNING)
    assert steward.work_off_one()
    with portal.bound():
        row.refresh_from_db()
        assert row.state == RequestState.DONE
        assert Tenant.objects.get(slug="west").schema_name == schema_of(WEST)


def test_the_loop_outlives_a_pass_that_fails_and_repairs_logins_as_it_goes(committed, portal, north, monkeypatch):
    owners_key = os.environ["DEALERNET_KEY_OWNER"]
    with portal.bound():
        row = wanted("repair_logins")
    with north.bound(), connection.cursor() as cursor:
        cursor.execute("ALTER ROLE CURRENT_USER SET lock_timeout = 0")
    monkeypatch.delenv("DEALERNET_KEY_OWNER")
    passes = []

    def stop() -> bool:
        passes.append(1)
        if len(passes) == 2:  # the first pass found no key and could do nothing
            monkeypatch.setenv("DEALERNET_KEY_OWNER", owners_key)
            with portal.bound():
                row.refresh_from_db()
                assert row.state == RequestState.WAITING
        return len(passes) == 5

    steward.run_forever(stop, pause=0.01, repair_every=0.0)
    with portal.bound():
        row.refresh_from_db()
        assert row.state == RequestState.DONE
    with bound(Owner()):
        ((settings,),) = ask(f"SELECT rolconfig FROM pg_roles WHERE rolname = '{north.schema}'")
    assert "lock_timeout=10s" in settings


def test_logins_are_not_repaired_before_it_is_time(committed, north):
    with north.bound(), connection.cursor() as cursor:
        cursor.execute("ALTER ROLE CURRENT_USER SET lock_timeout = 0")
    passes = iter([False, False, True])
    steward.run_forever(lambda: next(passes), pause=0.01, repair_every=60.0)
    with bound(Owner()):
        ((settings,),) = ask(f"SELECT rolconfig FROM pg_roles WHERE rolname = '{north.schema}'")
    assert "lock_timeout=0" in settings
