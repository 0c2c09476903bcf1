"""The connection is the tenant: nothing but a binding changes the login, and tests undo what every login did."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django_tenants.utils import schema_context, tenant_context  # noqa: TID251 - shown to be harmless

from kernel.accounts.models import User
from kernel.tenancy.backend import base
from kernel.tenancy.bindings import Courier, Owner, Portal, WallError, bound
from kernel.tenancy.models import Kind, State, Tenant
from kernel.tenancy.pool import pool


def who() -> tuple[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user::text, current_schemas(false)::text")
        return cursor.fetchone()


def test_every_binding_has_its_own_login_and_path(wall, portal, north):
    assert who() == ("frontdesk", "{public}")
    with portal.bound():
        assert who() == ("oem", "{oem,public}")
    with north.bound():
        assert who() == (north.schema, f"{{{north.schema},public}}")
    with bound(Owner(north.schema)):
        assert who() == ("owner", f"{{{north.schema},public}}")
    assert who() == ("frontdesk", "{public}")


def test_the_connection_names_the_schema_of_the_binding(wall, north):
    with north.bound():
        assert connection.schema_name == north.schema
    assert connection.schema_name == "public"


def test_in_the_product_a_transaction_never_spans_two_logins(committed, north):
    with transaction.atomic(), pytest.raises(WallError, match="a transaction of Unbound"), north.bound():
        pass
    with north.bound():
        assert who()[0] == north.schema


def test_a_connection_of_the_owner_that_is_used_again_works_in_the_next_schema(committed, north, south):
    pool.clear()
    seen = []
    for schema in (north.schema, south.schema):
        with bound(Owner(schema)):
            seen.append(pid())
            assert who() == ("owner", f"{{{schema},public}}")
    assert seen[0] == seen[1]


def pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def test_a_connection_that_is_given_back_serves_whoever_asks_next(committed):
    pool.clear()
    before = pid()
    connection.give_back()
    assert connection.connection is None
    assert not connection.in_atomic_block
    assert len(pool) == 1
    assert pid() == before


def test_nothing_is_given_back_within_a_transaction(committed):
    with transaction.atomic():
        before = connection.connection
        connection.give_back()
        assert connection.connection is before
        assert connection.in_atomic_block


def test_nothing_is_given_back_under_test(wall):
    pid()
    before = connection.connection
    connection.give_back()
    assert connection.connection is before


def test_long_results_are_read_through_a_cursor_of_the_server(wall, north):
    with north.bound(), connection.chunked_cursor() as cursor:
        assert cursor.cursor.name


@pytest.mark.parametrize("binding", [Portal(), Owner("oem")])
def test_under_test_connections_are_kept_for_the_next_test(committed, binding):
    pool.clear()
    seen = []
    for _ in range(2):
        connection.begin_rollback_mode()
        with bound(binding):
            seen.append(pid())
        connection.end_rollback_mode()
    assert seen[0] == seen[1]


def test_the_switches_of_django_tenants_do_not_open_another_schema(wall, north, south):
    other = Tenant.objects.get(slug="south")
    with north.bound():
        for switch in (schema_context(south.schema), tenant_context(other)):
            with pytest.raises(WallError, match=r"use kernel\.tenancy\.bindings\.bound"), switch:
                pass
        assert who()[0] == north.schema
        assert User.objects.filter(email="sales_manager@north.example").exists()


def test_django_tenants_may_name_the_schema_that_is_bound_anyway(wall, north):
    mine = Tenant.objects.get(slug="north")
    with north.bound():
        connection.set_tenant(mine)
        assert connection.schema_name == north.schema
        assert who()[0] == north.schema


def test_under_test_a_login_without_a_key_is_refused_as_it_is_in_the_product(wall, portal, north, monkeypatch):
    monkeypatch.delenv("DEALERNET_KEY_DEALERS")
    with north.bound(), pytest.raises(WallError, match="does not hold the key DEALERS"):
        User.objects.count()
    with portal.bound():
        assert User.objects.exists()


def test_under_test_a_transaction_may_fail_and_the_rest_of_the_test_goes_on(wall, north):
    with north.bound():
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            User.objects.all().update(name="x")
            raise ZeroDivisionError
        assert not User.objects.filter(name="x").exists()


def limits() -> list[str]:
    """How long a transaction of this login may take, and may do nothing."""
    found = []
    for setting in ("transaction_timeout", "idle_in_transaction_session_timeout"):
        with connection.cursor() as cursor:
            cursor.execute(f"SHOW {setting}")
            found.append(cursor.fetchone()[0])
    return found


def test_under_test_a_transaction_may_take_as_long_as_the_test(wall, north):
    with north.bound():
        assert limits() == ["0", "0"]


def test_in_the_product_a_transaction_is_short_and_the_pool_remembers_no_test(committed, north):
    with north.bound():
        assert limits() == ["20s", "20s"]


def test_members_are_called_by_their_names(wall):
    names = {(tenant.kind, tenant.state): str(tenant) for tenant in Tenant.objects.filter(slug="south")}
    assert names == {(Kind.DEALERSHIP, State.ACTIVE): "Southgate Motors"}


@pytest.mark.parametrize(("binding", "kept"), [(Owner(), False), (Courier(), False), (Portal(), True)])
def test_a_connection_that_sees_many_schemas_does_not_live_for_ever(committed, monkeypatch, binding, kept):
    monkeypatch.setattr(base, "VISITS", 3)
    pool.clear()
    seen = []
    for _ in range(4):
        with bound(binding):
            seen.append(pid())
    assert seen[0] == seen[1] == seen[2]
    assert (seen[3] == seen[0]) == kept
