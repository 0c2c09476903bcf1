"""`dealernet prove installation`: the drill.

A network of the release before is restored from its dump and upgraded; it is backed up; the backup is restored on an
empty server by a process that is killed at every point. Every row is there, and people can work.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import Client

from dealernet import installation
from dealernet.embedded.postgres import PostgresServer
from dealernet.proofs import Result
from exchange import operations
from kernel.accounts.models import User
from kernel.checkpoints import VARIABLE
from kernel.tenancy import directory, steward
from kernel.tenancy.bindings import Dealer, Owner, bound
from kernel.tenancy.models import Kind, Tenant
from kernel.tenancy.pool import pool
from kernel.testing.network import Side

DATABASE = "dealernet_proof"
POINTS = ("database made", "rows restored", "renamed", "bootstrapped", "logins restored")


def prove(server: PostgresServer, folder: Path) -> Result:
    """Needs the keys of the kept release (its secret) in the environment, and an empty server."""
    result = Result("installation", figures={"release_before": folder.name, "kills": 0})
    connection.settings_dict.update({"HOST": server.host, "PORT": "", "NAME": DATABASE})
    kept = json.loads((folder / "rows.json").read_text())
    counts = {table: found["rows"] for table, found in kept.items()}
    schemas = sorted({table.partition(".")[0] for table in counts if table.startswith("d_")})
    began = time.monotonic()
    figures = installation.restore_dump(folder / "database.dump", schemas, counts)
    result.figures["restore_and_upgrade_seconds"] = round(time.monotonic() - began, 1)
    result.figures["schemas_upgraded"] = figures["upgrade"]["upgraded"]
    _whole(result, "after the upgrade", figures)
    changed = [table for table, digest in _digests(kept).items() if digest != kept[table]["md5"]]
    result.figures["tables_compared"] = len(kept)
    result.violations += [f"the upgrade changed rows of {table}" for table in changed if not _is_moved(table)]
    _works(result, "after the upgrade")
    before = _digests(None)
    with tempfile.TemporaryDirectory(prefix="dealernet-backup-") as backup:
        _back_up_and_restore(result, Path(backup) / "made", server, before)
    return result


def _is_moved(table: str) -> bool:
    """Whether an upgrade itself writes there."""
    return table == "public.tenancy_schemastate" or table.endswith(".django_migrations")


def _back_up_and_restore(result: Result, folder: Path, server: PostgresServer, before: dict[str, str]) -> None:
    began = time.monotonic()
    manifest = installation.back_up(folder)
    result.figures["backup_seconds"] = round(time.monotonic() - began, 1)
    result.figures["backup_megabytes"] = round(sum(file["bytes"] for file in manifest["files"]) / 1024**2, 1)
    try:
        installation.back_up(folder)
    except installation.InstallationError:
        result.count("refusals")
    else:
        result.violations.append("a backup was written over another")
    place = Path(tempfile.mkdtemp(prefix="dealernet-restored-"))
    place.chmod(0o755)
    other = PostgresServer(place / "pg", fsync=False, settings={"max_connections": "100"})
    other.start(os.environ["DEALERNET_KEY_SUPERUSER"])
    try:
        for point in POINTS:
            _killed(result, other.host, folder, point)
        began = time.monotonic()
        child = _child(other.host, folder, "")
        out, err = child.communicate(timeout=600)
        result.figures["restore_seconds"] = round(time.monotonic() - began, 1)
        if child.returncode:
            result.violations.append(f"the last restore ended with {child.returncode}: {err[-600:]}")
            return
        _turn_to(other.host)
        _whole(result, "after the restore", json.loads(out))
        now = _digests(None)
        different = sorted(table for table in before.keys() | now.keys() if before.get(table) != now.get(table))
        result.violations += [f"the restore changed {table}" for table in different if not _is_moved(table)]
        _works(result, "after the restore")
        _refuses(result, folder)
        pool.clear()
        connection.close()
    finally:
        _turn_to(server.host)
        other.stop()


def _turn_to(host: str) -> None:
    pool.clear()
    connection.close()
    directory.forget()
    connection.settings_dict["HOST"] = host


def _child(host: str, folder: Path, point: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "dealernet.proofs.restoring", host, DATABASE, str(folder)]
    environment = {**os.environ, VARIABLE: point, "DEALERNET_DATA": str(settings.DATA_DIR)}
    return subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _killed(result: Result, host: str, folder: Path, point: str) -> None:
    child = _child(host, folder, f"{point}:1")
    _out, err = child.communicate(timeout=600)
    if child.returncode == -signal.SIGKILL:
        result.count("kills")
    else:
        result.violations.append(
            f"the restore did not die at {point!r} but ended with {child.returncode}: {err[-400:]}"
        )


def _refuses(result: Result, folder: Path) -> None:
    """A network that is in use is not restored over, and a damaged backup is no backup."""
    for break_it, words in ((lambda: None, "empty server"), (lambda: _damage(folder), "not what it was")):
        break_it()
        try:
            installation.restore(folder)
        except installation.InstallationError as refusal:
            result.count("refusals")
            if words not in str(refusal):
                result.violations.append(f"a restore was refused for another reason: {refusal}")
        else:
            result.violations.append(f"a restore was not refused ({words})")


def _damage(folder: Path) -> None:
    with (folder / installation.DUMP).open("r+b") as file:
        file.seek(1000)
        byte = file.read(1)
        file.seek(1000)
        file.write(bytes([byte[0] ^ 1]))


def _whole(result: Result, when: str, figures: dict[str, Any]) -> None:
    result.violations += [f"{when}: {problem}" for problem in figures["problems"]]
    if figures["upgrade"]["failed"]:
        result.violations.append(f"{when}: {figures['upgrade']}")
    for schema, lines in steward.verify().items():
        result.violations.append(f"{when}: {schema} is not made like a new one: {lines[:3]}")


def _works(result: Result, when: str) -> None:
    """Somebody of every dealership reads their own customers, and the exchange has no differences."""
    directory.forget()
    members = []
    for host in ("north.localhost", "east.localhost", "south.localhost"):
        member = directory.member_at(host)
        if member is None:
            result.violations.append(f"{when}: nothing answers at {host}")
        else:
            members.append(member)
    for member in members:
        side = Side(member.slug, Dealer(member.id))
        with side.bound():
            people = User.objects.filter(role="general_manager", is_active=True)[:1]
            person = people[0] if people else None
        client: Client = side.client(person)
        for path in ("/customers/", "/sharing/ledger/", "/api/v1/customers"):
            status = client.get(path).status_code
            result.count("pages_opened")
            if status != 200:
                result.violations.append(f"{when}: {member.slug}{path} answers {status}")
    compared = operations.reconcile()
    result.figures["messages_compared"] = compared["compared"]
    if compared["differences"]:
        result.violations.append(f"{when}: the exchange has {len(compared['differences'])} differences")
    with bound(Owner()):
        result.figures["dealerships"] = Tenant.objects.filter(kind=Kind.DEALERSHIP).count()


def _digests(kept: dict[str, Any] | None) -> dict[str, str]:
    """A digest of the rows of every table, over its kept columns or those it has now."""
    found = {}
    raw = steward.superuser(DATABASE)
    try:
        with raw.cursor() as cursor:
            cursor.execute("SET timezone = 'UTC'")
            tables = {name: one["columns"] for name, one in kept.items()} if kept else _columns(cursor)
            for name, columns in tables.items():
                schema, _, table = name.partition(".")
                listed = ", ".join(f'"{column}"' for column in columns)
                cursor.execute(
                    "SELECT md5(coalesce(string_agg(md5(x::text), '' ORDER BY md5(x::text)), '')) "
                    f'FROM (SELECT {listed} FROM "{schema}"."{table}") x'
                )
                found[name] = cursor.fetchone()[0]
    finally:
        raw.close()
    return found


def _columns(cursor: Any) -> dict[str, list[str]]:
    cursor.execute(
        "SELECT table_schema || '.' || table_name, array_agg(column_name::text ORDER BY ordinal_position) "
        "FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name) "
        "WHERE table_type = 'BASE TABLE' AND (table_schema IN ('public', 'oem') OR left(table_schema, 2) = 'd_') "
        "GROUP BY 1 ORDER BY 1"
    )
    return dict(cursor.fetchall())
