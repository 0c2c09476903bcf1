"""The proofs' own network, beside the test network on the same server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from dealernet.proofs import isolation
from dealernet.proofs.network import World
from dealernet.proofs.probes import Env
from kernel.testing.network import Network


@pytest.fixture(scope="module")
def world(database_server: str, django_db_blocker: Any, tmp_path_factory: Any) -> Iterator[World]:
    """A network with canaries; its files lie in a folder of their own."""
    from django.test.utils import override_settings

    before = {name: connection.settings_dict[name] for name in ("HOST", "PORT", "NAME")}
    with django_db_blocker.unblock(), override_settings(MEDIA_ROOT=tmp_path_factory.mktemp("files")):
        connection.close()
        made = World(Network(host=database_server, name=isolation.DATABASE))
        made.build()
        yield made
        made.network._disconnect()
        with made.network._admin_cursor() as cursor:  # the next module makes it anew
            for name in (made.network.name, made.network.template):
                cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        connection.settings_dict.update(before)


@pytest.fixture(scope="module")
def env(world: World, database_server: str) -> Iterator[Env]:
    """Connections to that network, as any login and as the server's superuser."""
    with isolation.environment(world, host=database_server) as made:
        yield made
