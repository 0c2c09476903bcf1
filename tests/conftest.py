"""The test session: one embedded PostgreSQL cluster per process, with the test network on it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from kernel.testing.network import Network, give_keys

#: The server of the process that started this one, with the test network's template on it, in place of one of its own.
SERVER = "DEALERNET_TESTS_SERVER"

give_keys("test-superuser")
os.environ.setdefault("DEALERNET_PROCESS", "tests")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dealernet.settings_testing")

# Examples are tests of the product, not of how busy the machine is.
hypothesis_settings.register_profile("dealernet", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("dealernet")

pytest_plugins = ["kernel.testing.plugin", "tests.broker"]


@pytest.fixture(scope="session")
def database_server() -> Iterator[str]:
    """The socket folder of a PostgreSQL server of this test process. Not crash-safe, and therefore fast."""
    if given := os.environ.get(SERVER):
        yield given
        return
    from dealernet.embedded.postgres import PostgresServer

    folder = Path(tempfile.mkdtemp(prefix="dealernet-tests-"))
    folder.chmod(0o755)
    server = PostgresServer(folder / "pg", fsync=False, settings={"max_connections": "300"})
    server.start(os.environ["DEALERNET_KEY_SUPERUSER"])
    try:
        yield server.host
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def database_network(database_server: str, django_db_blocker: Any) -> Network:
    """The test network: portal, north and south, with people and reference data."""
    from tests.seed import seed

    with django_db_blocker.unblock():
        network = Network(host=database_server)
        if SERVER in os.environ:
            network.reset()
        else:
            network.build(seed)
    return network
