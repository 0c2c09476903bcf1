"""What PostgreSQL leaves open to every login is closed, and a login cannot give away what a group of logins has."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction

from kernel.tenancy import steward
from kernel.tenancy.pool import pool
from kernel.tenancy.steward import closing


def run(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT typname FROM pg_type",
        "SELECT * FROM pg_statio_sys_tables",
        "SELECT * FROM information_schema.tables",
        "SELECT subname FROM pg_subscription",
        "SELECT pg_stat_get_ins_since_vacuum('{south}.accounts_user'::regclass)",
        "SELECT pg_relation_filepath(1259)",
        "SELECT txid_current()",
        "SELECT pg_current_wal_lsn()",
        "SELECT has_table_privilege('{south}.accounts_user', 'SELECT')",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_try_advisory_lock_shared(1)",
        "SELECT pg_notify('a', 'b')",
        "SELECT pg_logical_emit_message(false, 'a', 'b')",
    ],
)
@pytest.mark.parametrize("login", ["north", "portal"])
def test_catalogues_statistics_and_shared_means_are_closed(wall, south, login, statement) -> None:
    with getattr(wall, login).bound(), transaction.atomic():
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            run(statement.format(south=south.schema))
        assert run("SELECT pg_try_advisory_xact_lock(1)") == [(True,)], "the locks that the product takes"


@pytest.mark.parametrize("whose", ["dealerships", "CURRENT_USER"])
def test_giving_up_the_rights_of_all_dealerships_takes_nothing_from_them(committed, north, south, whose) -> None:
    with north.bound(), contextlib.suppress(ProgrammingError):
        run(f"DROP OWNED BY {whose}")
    pool.clear()
    for side in (north, south):
        with side.bound():
            run("SELECT * FROM reference_brand")
            assert run("SELECT count(*) FROM accounts_user") != [(0,)]


def test_closing_again_changes_nothing(committed) -> None:
    admin = steward.superuser(committed.name)
    with admin.cursor() as cursor:
        cursor.execute("SELECT xmin FROM pg_class WHERE relname = 'pg_class'")
        before = cursor.fetchall()
        closing.close(cursor)
        cursor.execute("SELECT xmin FROM pg_class WHERE relname = 'pg_class'")
        assert cursor.fetchall() == before
        cursor.execute(
            "GRANT SELECT (relname) ON pg_class TO PUBLIC; GRANT EXECUTE ON FUNCTION lo_create(oid) TO PUBLIC"
        )
        closing.close(cursor)
        cursor.execute(
            "SELECT has_column_privilege('oem', 'pg_class', 'relname', 'SELECT'), "
            "has_function_privilege('oem', 'lo_create(oid)', 'EXECUTE')"
        )
        assert cursor.fetchone() == (False, False)
    admin.close()
