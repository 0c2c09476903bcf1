"""While keys rotate, every login opens with the password that the server still has, or has already."""

from __future__ import annotations

import os

import psycopg2
import pytest
from django.db import OperationalError, connection

from kernel.tenancy import steward
from kernel.tenancy.bindings import Owner, bound
from kernel.tenancy.pool import pool


def ask(query: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()


@pytest.fixture
def rotating(committed, monkeypatch):
    """New keys for everybody; the server still has the passwords before."""
    for name in ("FRONTDESK", "PORTAL", "DEALERS", "COURIER", "OWNER", "SUPERUSER"):
        before = os.environ[f"DEALERNET_KEY_{name}"]
        monkeypatch.setenv(f"DEALERNET_KEY_{name}_PREVIOUS", before)
        monkeypatch.setenv(f"DEALERNET_KEY_{name}", f"new {before}")
    pool.clear()
    yield monkeypatch
    # The server is the session's: give it its passwords back.
    for name in ("FRONTDESK", "PORTAL", "DEALERS", "COURIER", "OWNER", "SUPERUSER"):
        before, now = os.environ.get(f"DEALERNET_KEY_{name}_PREVIOUS"), os.environ[f"DEALERNET_KEY_{name}"]
        monkeypatch.setenv(f"DEALERNET_KEY_{name}", now.removeprefix("new "))
        monkeypatch.setenv(f"DEALERNET_KEY_{name}_PREVIOUS", (before and f"new {before}") or now)
    pool.clear()
    steward.change_superuser()
    steward.create_roles_and_database()
    steward.repair_logins({})
    monkeypatch.undo()
    pool.clear()


def test_every_login_works_before_during_and_after_its_change(rotating, portal, north):
    for change in (lambda: None, steward.change_superuser, steward.create_roles_and_database):
        change()
        pool.clear()
        for binding in (portal.binding, north.binding, Owner()):
            with bound(binding):
                assert ask("SELECT current_user") == (binding.login,)
        steward.open_connection().close()
        steward.superuser("postgres").close()
    steward.repair_logins({})
    for name in ("FRONTDESK", "PORTAL", "DEALERS", "OWNER", "SUPERUSER"):
        rotating.delenv(f"DEALERNET_KEY_{name}_PREVIOUS")
    pool.clear()
    with north.bound():
        assert ask("SELECT current_user") == (north.schema,)
    steward.superuser("postgres").close()
    steward.change_superuser()  # nothing is changing: nothing to do


def test_a_password_that_fits_in_neither_way_is_refused(rotating, north):
    rotating.setenv("DEALERNET_KEY_DEALERS_PREVIOUS", "a third")
    with pytest.raises(OperationalError, match="password authentication failed"), north.bound():
        ask("SELECT 1")
    rotating.setenv("DEALERNET_KEY_OWNER_PREVIOUS", "a third")
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        steward.open_connection()
    for name in ("DEALERS", "OWNER"):
        rotating.setenv(f"DEALERNET_KEY_{name}_PREVIOUS", os.environ[f"DEALERNET_KEY_{name}"].removeprefix("new "))


def test_a_server_that_is_not_there_is_no_wrong_password(rotating, north, monkeypatch, tmp_path):
    with monkeypatch.context() as elsewhere:
        elsewhere.setitem(connection.settings_dict, "HOST", str(tmp_path))
        with pytest.raises(OperationalError, match="No such file or directory"), north.bound():
            ask("SELECT 1")
        with pytest.raises(psycopg2.OperationalError, match="No such file or directory"):
            steward.open_connection()


def test_a_superuser_without_a_password_of_ours_keeps_it(committed, monkeypatch):
    with monkeypatch.context() as without:
        without.setenv("DEALERNET_KEY_SUPERUSER", "")
        steward.change_superuser()
        with pytest.raises(psycopg2.OperationalError, match="no password supplied"):
            steward.superuser("postgres")
