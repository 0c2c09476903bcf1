"""`dealernet prove isolation`: a seeded sample passes, and each guard that is taken away turns a named probe red."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.middleware.csrf import CsrfViewMiddleware

from dealer.workshop import queries as workshop
from dealernet.proofs import Result, http, isolation, tables
from dealernet.proofs.network import World
from kernel.accounts import joining, sessions
from kernel.accounts.models import User
from kernel.api import permissions
from kernel.tenancy import cache as tenancy_cache
from kernel.tenancy import directory, steward
from kernel.tenancy.bindings import Dealer, Owner, bound
from kernel.tenancy.models import State, Tenant
from kernel.testing.network import NORTH, Network

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800), pytest.mark.xdist_group("proofs")]

SEED = int(os.environ.get("PROOF_SEED") or random.randrange(10**6))


@pytest.fixture(scope="module")
def world(database_server: str, django_db_blocker: Any) -> Iterator[World]:
    """The proof's own network, beside the test network on the same server."""
    before = {name: connection.settings_dict[name] for name in ("HOST", "PORT", "NAME")}
    with django_db_blocker.unblock():
        connection.close()
        made = World(Network(host=database_server, name=isolation.DATABASE))
        made.build()
        yield made
        made.network._disconnect()
        connection.settings_dict.update(before)


def asked(world: World, *names: str) -> Result:
    """Every refusal of the named rows."""
    result = Result("isolation")
    known = {row.name for row in http.read().rows}
    assert set(names) <= known
    http.check(result, world, only=lambda row: row.name in names)
    assert result.figures["rows"] == len(names)
    return result


def red(result: Result, *words: str) -> bool:
    """Whether a violation says all of these."""
    return any(all(word in violation for word in words) for violation in result.violations)


def test_every_route_refuses_a_sample_of_those_who_may_not(world):
    print(f"PROOF_SEED={SEED}")
    result = Result("isolation")
    http.check(result, world, limit=3, seed=SEED)
    assert result.violations == []
    assert result.figures["rows"] == len(http.read().rows)
    assert result.figures["http_probes"] > 4 * result.figures["rows"]


def test_every_table_and_every_attack_is_refused(world, database_server):
    result = Result("isolation")
    isolation.check_database(result, world, host=database_server)
    assert result.violations == []
    assert result.passed
    assert result.figures["privilege_cells"] > 4000
    assert result.figures["attempts"] > 3000


def test_a_route_without_a_row_is_a_violation(world, monkeypatch):
    book = http.read()
    fewer = http.Book(tuple(r for r in book.rows if r.path != "customers/"), book.shared, book.roles)
    monkeypatch.setattr(http, "read", lambda: fewer)
    monkeypatch.setattr(http.Prober, "check_row", lambda self, row: None)
    monkeypatch.setattr(http.Prober, "check_other_methods", lambda self, tier, path: None)
    result = Result("isolation")
    http.check(result, world)
    assert result.violations == ["dealer: /customers/ has no row in routes.toml"]


def test_a_table_without_a_row_is_a_violation(world, database_server, monkeypatch):
    rows = tables.expected()
    del rows["dealership", "customers_customer"]
    monkeypatch.setattr(tables, "expected", lambda: rows)
    result = Result("isolation")
    isolation.check_database(result, world, host=database_server)
    assert result.violations == ["dealership: the table customers_customer has no row in tables.csv"]


def test_without_the_guard_every_host_belongs_to_one_dealership(world, monkeypatch):
    monkeypatch.setattr(directory.Member, "binding", property(lambda self: Dealer(NORTH)))
    directory.forget()
    result = asked(
        world, "dealer GET /api/v1/catalogue/brands", "dealer GET /healthz", "dealer GET /customers/<str:id>/"
    )
    directory.forget()
    assert red(result, "dealer GET /customers/<str:id>/", "at another dealership")


def test_without_the_guard_a_session_of_another_realm_signs_in(world, monkeypatch):
    monkeypatch.setattr(sessions, "living", lambda at: sessions.Q(expires_at__gt=at))
    assert red(asked(world, "dealer GET /account/"), "session of another realm")


def test_without_the_guard_half_a_sign_in_is_a_whole_one(world, monkeypatch):
    whole = sessions.SessionStore.person

    def person(store):
        half = store.get(sessions.FIRST_STEP_KEY)
        return User.objects.get(pk=half["user"]) if half else whole(store)

    monkeypatch.setattr(sessions.SessionStore, "person", person)
    assert red(asked(world, "dealer GET /account/"), "session after the first of two steps", "got 200")


def test_without_the_guard_every_role_may_everything(world, monkeypatch):
    monkeypatch.setattr(User, "has", lambda self, right: True)
    assert red(asked(world, "dealer GET /people/"), "dealer GET /people/: role: technician got 200")


def test_without_the_guard_technicians_see_all_appointments(world, monkeypatch):
    monkeypatch.setattr(workshop, "works_on_own_jobs_only", lambda user: False)
    assert red(asked(world, "dealer GET /appointments/<uuid:id>/"), "role: technician got 302, not")


def test_without_the_guard_a_token_may_what_its_person_may(world, monkeypatch):
    monkeypatch.setattr(permissions, "scope_for", lambda view, method: "")
    assert red(asked(world, "dealer GET /api/v1/customers"), "token without the scope")


def test_without_the_guard_forms_of_other_sites_are_taken(world, monkeypatch):
    monkeypatch.setattr(CsrfViewMiddleware, "process_view", lambda self, *args: None)
    assert red(asked(world, "dealer POST /customers/<str:id>/edit/"), "without CSRF token")


def test_without_the_guard_members_share_the_cache(world, monkeypatch):
    monkeypatch.setattr(tenancy_cache, "current", lambda: Dealer(NORTH))
    result = Result("isolation")
    isolation._caches(result, world)
    assert red(result, "finds in the cache")


def test_without_the_guard_the_manufacturer_lets_itself_in(world, monkeypatch):
    monkeypatch.setattr(joining, "User", _NobodyHere)
    result = Result("isolation")
    with bound(Owner()):  # the other guard: one that lives is left as it is
        Tenant.objects.filter(slug="north").update(state=State.JOINING)
    isolation._let_oneself_in(result, world)
    with bound(Owner(world.network.north.schema)):
        User.objects.filter(login="mallory")._raw_delete("default")
    assert red(result, "into a living dealership")


def test_without_the_guard_the_manufacturer_closes_a_living_dealership(world, monkeypatch):
    monkeypatch.setattr(steward.requests, "SIGNED_VERBS", frozenset())
    result = Result("isolation")
    isolation._close_a_living_one(result, world)
    assert red(result, "is retired after a request without the second signature")


def test_without_the_grants_the_manufacturer_signs_itself(world):
    admin = steward.superuser(isolation.DATABASE)
    with admin.cursor() as cursor:
        cursor.execute("GRANT INSERT ON public.tenancy_stewardsignature TO oem")
    result = Result("isolation")
    isolation._close_a_living_one(result, world)
    with admin.cursor() as cursor:
        cursor.execute("REVOKE INSERT ON public.tenancy_stewardsignature FROM oem")
    admin.close()
    assert red(result, "gave the second signature itself")


class _NobodyHere:
    """People, but the question whether there are any is answered wrongly."""

    class objects:  # noqa: N801 - as on a model
        create = User.objects.create

        @staticmethod
        def exists() -> bool:
            return False


def test_a_right_too_many_on_a_table_is_seen(world, database_server):
    north, south = world.network.north.schema, world.network.south.schema
    admin = steward.superuser(isolation.DATABASE)
    with admin.cursor() as cursor:
        cursor.execute(f"GRANT USAGE ON SCHEMA {south} TO {north}")
        cursor.execute(f"GRANT SELECT ON {south}.customers_customer TO {north}")
    result = Result("isolation")
    isolation.check_database(result, world, host=database_server)
    with admin.cursor() as cursor:
        cursor.execute(f"REVOKE ALL ON {south}.customers_customer FROM {north}")
        cursor.execute(f"REVOKE USAGE ON SCHEMA {south} FROM {north}")
    admin.close()
    assert red(result, f"{north} may SELECT {south}.customers_customer")
    assert red(result, f"{north} got through with SELECT on {south}.customers_customer")


def test_a_catalogue_left_open_is_seen(world, database_server):
    admin = steward.superuser(isolation.DATABASE)
    with admin.cursor() as cursor:
        cursor.execute("GRANT SELECT ON pg_catalog.pg_class TO PUBLIC")
    result = Result("isolation")
    isolation.check_database(result, world, host=database_server)
    with admin.cursor() as cursor:
        cursor.execute("REVOKE SELECT ON pg_catalog.pg_class FROM PUBLIC")
    admin.close()
    assert red(result, "the attack read pg_class")
