"""pytest fixtures of the testing kit. A conftest provides `database_network`, a started `Network`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from django.db import connection as any_connection

from kernel.tenancy import directory
from kernel.tenancy.backend.base import DatabaseWrapper
from kernel.testing.network import Network, Side

connection = cast(DatabaseWrapper, any_connection)


@pytest.fixture(scope="session")
def django_db_setup() -> None:
    """Nothing: the wall's own network replaces Django's test database."""


@pytest.fixture
def portal(database_network: Network) -> Side:
    """The manufacturer."""
    return database_network.portal


@pytest.fixture
def north(database_network: Network) -> Side:
    """A dealership."""
    return database_network.north


@pytest.fixture
def south(database_network: Network) -> Side:
    """Another dealership."""
    return database_network.south


@pytest.fixture
def wall(database_network: Network, django_db_blocker: Any) -> Iterator[Network]:
    """Each login works in one transaction, rolled back when the test ends."""
    with django_db_blocker.unblock():
        connection.begin_rollback_mode()
        try:
            yield database_network
        finally:
            connection.end_rollback_mode()
            _forget_caches()


@pytest.fixture
def committed(database_network: Network, django_db_blocker: Any) -> Iterator[Network]:
    """Work is committed for real; the database is made anew from its template when the test ends."""
    with django_db_blocker.unblock():
        try:
            yield database_network
        finally:
            database_network.reset()
            _forget_caches()


def _forget_caches() -> None:
    from django.core.cache import cache

    from kernel.reference import queries as reference

    directory.forget()
    reference.forget()
    cache.clear()
