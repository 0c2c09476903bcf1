"""PostgreSQL's own programs for dumps: those of PG_BIN, of the embedded server, or of the PATH."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from dealernet.embedded import processes
from dealernet.embedded.launch import LaunchError
from dealernet.embedded.postgres import bundled_bin
from dealernet.moving.owning import owner, parameters


class NoProgram(Exception):
    """There is no program that can read this server's data; the words say what to install."""


def server_version() -> int:
    """The major version of the network's server."""
    with owner() as cursor:
        return int(cursor.connection.server_version) // 10000


def program(name: str) -> Path:
    """`pg_dump` or `pg_restore` of at least the server's version. Raises NoProgram."""
    wanted = server_version()
    seen = []
    for path in _candidates(name):
        version = _version(path)
        if version >= wanted:
            return path
        seen.append(f"{path} is of version {version or 'unknown'}")
    said = "; ".join(seen) or "none was found"
    raise NoProgram(
        f"{name} of version {wanted} or later is needed ({said}). Install PostgreSQL's client programs, or set PG_BIN "
        "to the folder that holds them."
    )


def _candidates(name: str) -> list[Path]:
    found = []
    if os.environ.get("PG_BIN"):
        found.append(Path(os.environ["PG_BIN"]) / name)
    with suppress(LaunchError):
        found.append(bundled_bin() / name)
    on_path = shutil.which(name)
    if on_path:
        found.append(Path(on_path))
    return [path for path in found if path.exists()]


def _version(path: Path) -> int:
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    match = re.search(r"(\d+)", said)
    return int(match[1]) if match else 0


def environment() -> dict[str, str]:
    """What the programs are told: where the database is and the owner's password, on no command line."""
    names = {"host": "PGHOST", "port": "PGPORT", "dbname": "PGDATABASE", "user": "PGUSER", "password": "PGPASSWORD"}
    found = {names[key]: value for key, value in parameters().items() if value}
    kept = {name: os.environ[name] for name in ("PATH", processes.RUN_VARIABLE) if name in os.environ}
    return {**kept, **found, "PGTZ": "UTC", "LC_ALL": "C.UTF-8"}
