"""The server of a proof, in a temporary folder, with keys of an installation that is forgotten. No Django here."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dealernet import keys
from dealernet.embedded.postgres import PostgresServer


@contextmanager
def throw_away_server(secret: str = "", *, settings: Mapping[str, str] | None = None) -> Iterator[PostgresServer]:
    """Keys of an installation that is forgotten afterwards (or of `secret`), and an embedded server in a temporary
    folder; `settings` are the server's own.

    Must be entered before Django's settings are imported: sets the environment of this process. Yields the server.
    """
    secret = secret or secrets.token_hex(32)
    for name in keys.NAMES:
        os.environ[keys.variable(name)] = keys.derive(secret, name)
    os.environ["DEALERNET_PROCESS"] = "proof"
    os.environ["DJANGO_SETTINGS_MODULE"] = "dealernet.settings_testing"
    for name in ("CACHE_URL", "BROKER_URL", "DATABASE_URL"):
        os.environ.pop(name, None)
    folder = Path(tempfile.mkdtemp(prefix="dealernet-proof-"))
    folder.chmod(0o755)
    os.environ["DEALERNET_DATA"] = str(folder / "data")
    server = PostgresServer(folder / "pg", fsync=False, settings={"max_connections": "100", **(settings or {})})
    try:
        server.start(os.environ["DEALERNET_KEY_SUPERUSER"])
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
