"""A small network on a real server: the manufacturer and two dealerships, kept as a template database."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any
from uuid import UUID

from django.db import connection
from django.test import Client
from psycopg2.errors import DependentObjectsStillExist

from kernel.tenancy import directory
from kernel.tenancy.bindings import (
    MANUFACTURER_ID,
    Binding,
    Dealer,
    Portal,
    bound,
    is_dealer_schema,
    schema_of,
)
from kernel.tenancy.pool import pool

#: Every key of the installation; tests run all tiers in one process, the product never does.
KEYS = ("FRONTDESK", "PORTAL", "DEALERS", "COURIER", "OWNER", "DJANGO_PORTAL", "DJANGO_DEALERS")

NORTH = UUID("00000000-0000-4000-8000-00000000a001")
SOUTH = UUID("00000000-0000-4000-8000-00000000a002")
PASSWORD = "correct horse 7 battery"  # noqa: S105 - of people in tests


def give_keys(superuser_password: str) -> None:
    """Hand this process every key of a throw-away installation."""
    for name in KEYS:
        os.environ.setdefault(f"DEALERNET_KEY_{name}", secrets.token_hex(16))
    os.environ["DEALERNET_KEY_SUPERUSER"] = superuser_password


class Side:
    """One member of the test network, seen by a test."""

    def __init__(self, slug: str, binding: Binding) -> None:
        self.slug = slug
        self.binding = binding

    @property
    def id(self) -> UUID:
        return self.binding.id if isinstance(self.binding, Dealer) else portal_id()

    @property
    def host(self) -> str:
        return f"{self.slug}.localhost"

    @property
    def schema(self) -> str:
        return self.binding.schema

    def bound(self) -> AbstractContextManager[None]:
        """Speak as this member."""
        return bound(self.binding)

    def user(self, role: str) -> Any:
        """The person who holds `role` here."""
        from kernel.accounts.models import User

        with self.bound():
            return User.objects.filter(role=role).order_by("created_at", "login").first()

    def actor(self, role: str) -> Any:
        """The actor for actions in the name of the person who holds `role` here."""
        from kernel.accounts.actors import Actor

        return Actor.of(self.user(role))

    def client(self, user: Any = None, **defaults: Any) -> Client:
        """Django's test client at this member's host; signed in when a user (or the name of a role) is given."""
        client = Client(headers={"host": self.host, **defaults.pop("headers", {})}, **defaults)
        if isinstance(user, str):
            user = self.user(user)
        if user is not None:
            self._sign_in(client, user)
        return client

    def _sign_in(self, client: Client, user: Any) -> None:
        from kernel.accounts.testing import open_session

        with self.bound():
            name, key = open_session(user, tenant_id=self.id)
        client.cookies[name] = key


def portal_id() -> UUID:
    """The id of the manufacturer's row in the directory."""
    return MANUFACTURER_ID


class Network:
    """The database of a test session: bootstrapped once, copied back from its template after committed tests."""

    def __init__(self, *, host: str, port: str = "", name: str = "dealernet_test") -> None:
        self.host = host
        self.name = name
        self.template = f"{name}_template"
        self._disconnect()  # what idles in the pool belongs to whatever network was there before
        connection.settings_dict.update({"HOST": host, "PORT": port, "NAME": name})
        self.portal = Side("portal", Portal())
        self.north = Side("north", Dealer(NORTH))
        self.south = Side("south", Dealer(SOUTH))

    def build(self, seed: Callable[[Network], None]) -> None:
        """Bootstrap, provision two dealerships, seed, and keep the result as the template."""
        from kernel.tenancy import steward

        steward.create_roles_and_database()
        steward.bring_up_public()
        steward.bring_up_portal()
        for slug, id_, name in (("north", NORTH, "Northstar Auto"), ("south", SOUTH, "Southgate Motors")):
            steward.provision({"id": str(id_), "slug": slug, "name": name})
        directory.forget()
        seed(self)
        self._keep()

    def _admin(self) -> Any:
        from kernel.tenancy import steward

        return steward.superuser("postgres")

    def _disconnect(self) -> None:
        pool.clear()
        connection.close()
        directory.forget()

    def _keep(self) -> None:
        self._disconnect()
        with self._admin_cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{self.template}" WITH (FORCE)')
            cursor.execute(f'ALTER DATABASE "{self.name}" RENAME TO "{self.template}"')
            self._copy(cursor)

    def reset(self) -> None:
        """Make the database anew from its template."""
        self._disconnect()
        with self._admin_cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')
            self._drop_strays(cursor)
            self._copy(cursor)

    def _drop_strays(self, cursor: Any) -> None:
        """Logins of dealerships that a test set up: they belong to the server and outlive the database."""
        cursor.execute("SELECT rolname FROM pg_roles")
        for (login,) in cursor.fetchall():
            if is_dealer_schema(login) and login not in (self.north.schema, self.south.schema):
                with suppress(DependentObjectsStillExist):  # of a network in another database of the server
                    cursor.execute(f'DROP ROLE "{login}"')

    def _copy(self, cursor: Any) -> None:
        cursor.execute(f'CREATE DATABASE "{self.name}" TEMPLATE "{self.template}" STRATEGY FILE_COPY OWNER owner')
        cursor.execute(f'REVOKE ALL ON DATABASE "{self.name}" FROM PUBLIC')
        cursor.execute(f'GRANT CONNECT ON DATABASE "{self.name}" TO frontdesk, oem, courier, dealerships')

    @contextmanager
    def _admin_cursor(self) -> Iterator[Any]:
        admin = self._admin()
        try:
            with admin.cursor() as cursor:
                yield cursor
        finally:
            admin.close()


__all__ = ["NORTH", "PASSWORD", "SOUTH", "Network", "Side", "give_keys", "schema_of"]
