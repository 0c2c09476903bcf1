"""The wall's promises, on a real server with real logins."""

from __future__ import annotations

import threading

import pytest
from django.db import ProgrammingError, connection, transaction

from kernel.accounts.models import User
from kernel.tenancy.bindings import Courier, Dealer, Portal, WallError, bound, schema_of
from kernel.tenancy.models import Domain, Tenant
from kernel.tenancy.pool import pool


def rows(sql: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def test_each_member_sees_its_own_people_only(wall, portal, north, south):
    seen = {}
    for side in (portal, north, south):
        with side.bound():
            seen[side.slug] = set(User.objects.values_list("email", flat=True))
    assert all(address.endswith("@north.example") for address in seen["north"])
    assert all(address.endswith("@south.example") for address in seen["south"])
    assert len(seen["north"]) == 13
    assert len(seen["portal"]) == 8


@pytest.mark.parametrize("reader", ["portal", "north"])
def test_a_login_cannot_read_another_dealership_by_name(wall, south, reader):
    side = getattr(wall, reader)
    with side.bound():
        assert rows("SELECT count(*) FROM accounts_user")[0][0] > 0
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            rows(f'SELECT * FROM "{south.schema}".accounts_user')


def test_a_dealer_login_cannot_read_the_manufacturer_or_the_directory(wall, north):
    for table in ("oem.accounts_user", "public.tenancy_tenant", "public.tenancy_domain"):
        with north.bound(), pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            rows(f"SELECT * FROM {table}")


def test_unbound_work_reads_the_directory_and_nothing_else(wall, north):
    assert Tenant.objects.count() == 3
    assert Domain.objects.filter(domain="north.localhost").exists()
    with pytest.raises(ProgrammingError), transaction.atomic():
        list(User.objects.all())
    with pytest.raises(ProgrammingError), transaction.atomic():
        Tenant.objects.update(name="x")


def test_a_late_queryset_without_a_binding_reads_nothing(wall, north):
    with north.bound():
        late = User.objects.all()
    with pytest.raises(ProgrammingError), transaction.atomic():
        list(late)


def test_binding_twice_to_different_members_raises(wall, north, south):
    with north.bound():
        with pytest.raises(WallError), south.bound():
            pass
        with north.bound():
            assert User.objects.exists()


def test_a_transaction_never_spans_two_logins(wall, north):
    with transaction.atomic(), pytest.raises(WallError, match="transaction"), north.bound():
        pass


def test_a_new_thread_is_unbound(committed, north):
    seen = []

    def read() -> None:
        try:
            list(User.objects.all())
        except Exception as error:
            seen.append(type(error))
        finally:
            connection.close()

    with north.bound():
        thread = threading.Thread(target=read)
        thread.start()
        thread.join()
    assert seen == [ProgrammingError]


def test_a_thread_that_copied_the_context_is_refused(committed, north):
    import contextvars

    seen = []

    def read() -> None:
        try:
            list(User.objects.all())
        except WallError:
            seen.append("wall")

    with north.bound():
        context = contextvars.copy_context()
        thread = threading.Thread(target=lambda: context.run(read))
        thread.start()
        thread.join()
    assert seen == ["wall"]


def test_the_courier_cannot_read_people(wall, north):
    with bound(Courier()), pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        rows(f'SELECT * FROM "{north.schema}".accounts_user')


def test_without_its_key_a_process_cannot_be_a_dealership(committed, north, monkeypatch):
    pool.clear()
    monkeypatch.delenv("DEALERNET_KEY_DEALERS")
    with pytest.raises(WallError, match="does not hold the key DEALERS"), north.bound():
        User.objects.count()


def test_connections_come_back_from_the_pool_for_the_same_login_only(committed, north, south):
    pool.clear()
    with north.bound():
        first = rows("SELECT pg_backend_pid(), current_user::text")
    with south.bound():
        second = rows("SELECT pg_backend_pid(), current_user::text")
    with north.bound():
        third = rows("SELECT pg_backend_pid(), current_user::text")
    assert first == third
    assert first[0][0] != second[0][0]
    assert (first[0][1], second[0][1]) == (north.schema, south.schema)


def test_a_broken_connection_is_not_given_out_again(committed, north):
    with north.bound():
        (pid,) = rows("SELECT pg_backend_pid()")[0]
    with committed._admin_cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
        cursor.execute("SELECT pg_sleep(0.1)")
    with north.bound():
        assert rows("SELECT pg_backend_pid()")[0][0] != pid


def test_schema_names_follow_from_the_id_and_say_nothing(north, south):
    assert north.schema == schema_of(north.id)
    assert north.schema != south.schema
    assert "north" not in north.schema


def test_work_is_rolled_back_one(wall, north):
    with north.bound():
        User.objects.filter(role="technician").update(role="retired")
        assert not User.objects.filter(role="technician").exists()


def test_work_is_rolled_back_two(wall, north):
    with north.bound():
        assert User.objects.filter(role="technician").exists()


def test_committed_work_is_undone_by_the_template_one(committed, north):
    with north.bound():
        User.objects.filter(role="technician").update(role="retired")


def test_committed_work_is_undone_by_the_template_two(committed, north):
    with north.bound():
        assert User.objects.filter(role="technician").exists()


def test_portal_is_not_the_default(wall):
    assert Portal().login == "oem"
    with pytest.raises(ProgrammingError), transaction.atomic():
        rows("SELECT * FROM oem.accounts_user")


def test_dealer_binding_needs_an_id():
    with pytest.raises(TypeError):
        Dealer()
