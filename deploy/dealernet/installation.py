"""The whole installation: its backup, and its restore on an empty server.

A backup is a folder: `database.dump` (pg_dump's own format, one snapshot of everything), `files/`, and `manifest.json`
with the release, the members, the rows of every table in that same snapshot and the SHA-256 of every file. The secret
is not in it: it is kept apart (docs/operate/keys.md).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
from django.conf import settings
from django.db import connection
from psycopg2 import sql

from dealernet.embedded import processes
from dealernet.moving.programs import program
from kernel import clock
from kernel.checkpoints import reached
from kernel.moving.bundles import fingerprint
from kernel.release import RELEASE
from kernel.tenancy import directory, keys, steward
from kernel.tenancy.pool import pool

FORMAT, VERSION = "dealernet-installation", 1
DUMP, FILES, MANIFEST = "database.dump", "files", "manifest.json"

Rows = dict[str, int]


class InstallationError(Exception):
    """A backup that cannot be made or restored; the words say why and what to do."""


# -- backup ------------------------------------------------------------------------------------------------------


def back_up(folder: Path) -> dict[str, Any]:
    """Write a backup of everything into a folder that is empty or not there yet; its manifest.

    The network may work on meanwhile. The manifest is written last: a folder without one is no backup. Raises
    InstallationError, NoProgram.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise InstallationError(f"{folder} is not empty: choose another folder.")
    admin = steward.superuser(connection.settings_dict["NAME"])
    try:
        admin.autocommit = False
        with admin.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SELECT pg_export_snapshot()")
            snapshot = cursor.fetchone()[0]
            words = ["-Fc", "-Z6", f"--snapshot={snapshot}", "-f", str(folder / DUMP)]
            _run([str(program("pg_dump")), *words, connection.settings_dict["NAME"]])
            rows = rows_of_all(cursor)
            cursor.execute("SELECT slug, schema_name, kind, state FROM tenancy_tenant ORDER BY slug")
            members = [dict(zip(("slug", "schema", "kind", "state"), row, strict=True)) for row in cursor.fetchall()]
    finally:
        admin.close()
    (folder / DUMP).chmod(0o600)
    media = Path(settings.MEDIA_ROOT)
    if media.exists():
        shutil.copytree(media, folder / FILES)
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "release": RELEASE,
        "made_at": clock.now().isoformat(),
        "members": members,
        "rows": rows,
        "files": [
            {"path": str(path.relative_to(folder)), **fingerprint(path)}
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        ],
    }
    draft = folder / f".{MANIFEST}.part"
    draft.write_text(json.dumps(manifest, ensure_ascii=False, indent=1), encoding="utf-8")
    draft.rename(folder / MANIFEST)
    return manifest


def rows_of_all(cursor: Any) -> Rows:
    """How many rows every table of the network has, by schema and name."""
    cursor.execute(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind = 'r' AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 1, 2"
    )
    found = {}
    for schema, table in cursor.fetchall():
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table)))
        found[f"{schema}.{table}"] = cursor.fetchone()[0]
    return found


# -- restore -----------------------------------------------------------------------------------------------------


def manifest_of(folder: Path) -> dict[str, Any]:
    """The manifest of a backup, after every file was compared with it. Raises InstallationError."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InstallationError(f"{folder} is no backup of an installation: it has no {MANIFEST}.") from None
    if manifest.get("format") != FORMAT or manifest.get("version") != VERSION:
        raise InstallationError(f"{folder} is no backup that this release reads.")
    for file in manifest["files"]:
        path = folder / file["path"]
        if not path.is_file() or fingerprint(path) != {"sha256": file["sha256"], "bytes": file["bytes"]}:
            raise InstallationError(f"{path} is missing or is not what it was when the backup was made.")
    return manifest


def restore(folder: Path) -> dict[str, Any]:
    """Make an empty server the network of a backup, and bring it to this release; figures.

    The rows are restored into a database beside, compared with the manifest, and only then given the network's name:
    killed anywhere and run again it ends whole. Needs every key. Raises InstallationError, NoProgram.
    """
    manifest = manifest_of(folder)
    schemas = [
        one["schema"] for one in manifest["members"] if one["kind"] == "dealership" and one["state"] != "dropped"
    ]
    return restore_dump(folder / DUMP, schemas, manifest["rows"], folder / FILES)


def restore_dump(dump: Path, schemas: list[str], rows: Rows, files: Path | None = None) -> dict[str, Any]:
    """The same for a dump of which it is known which dealerships' schemas and how many rows are in it."""
    name = connection.settings_dict["NAME"]
    admin = steward.superuser("postgres")
    try:
        if not _exists(admin, name):
            _restore_beside(admin, dump, schemas, rows, name)
            reached("renamed")
        elif not _is_network(name):
            raise InstallationError(f"There is a database {name} that is no network of ours: restore elsewhere.")
        elif not _is_being_restored(name):  # one that is in use is not overwritten
            raise InstallationError(f"There is a network in the database {name}: restore on an empty server.")
    finally:
        admin.close()
    steward.bootstrap()
    reached("bootstrapped")
    logins = steward.restore_logins()
    reached("logins restored")
    figures = steward.upgrade({})
    if files is not None and files.exists():
        shutil.copytree(files, settings.MEDIA_ROOT, dirs_exist_ok=True)
    _mark(name, done=True)
    problems = steward.orphans()
    return {"tables": len(rows), "rows": sum(rows.values()), "logins": logins, "upgrade": figures, "problems": problems}


def _restore_beside(admin: Any, dump: Path, schemas: list[str], rows: Rows, name: str) -> None:
    beside = f"{name}_restoring"
    with admin.cursor() as cursor:
        cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(beside)))
    with _called(beside):
        steward.create_roles_and_database()
        _make_logins(schemas)
        reached("database made")
        _run([str(program("pg_restore")), "--exit-on-error", "-j", "2", "-d", beside, str(dump)])
        reached("rows restored")
        if different := _rows_differ(beside, rows):
            raise InstallationError(f"The rows of {different[0]} are not those of the backup.")
        _mark(beside, done=False)
    with admin.cursor() as cursor:
        cursor.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(beside), sql.Identifier(name)))


@contextmanager
def _called(name: str) -> Iterator[None]:
    """Work on a database of another name."""
    before = connection.settings_dict["NAME"]
    pool.clear()
    directory.forget()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        pool.clear()
        connection.settings_dict["NAME"] = before


def _make_logins(schemas: list[str]) -> None:
    """The roles that rights are given to, made by the owner, who has to be able to change them. They can log in once
    everything stands."""
    raw = steward.open_connection()
    try:
        with raw.cursor() as cursor:
            for schema in schemas:
                cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [schema])
                if not cursor.fetchone():
                    cursor.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(schema)))
    finally:
        raw.close()


def _exists(admin: Any, name: str) -> bool:
    with admin.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        return cursor.fetchone() is not None


def _ask(name: str, query: str) -> Any:
    raw = steward.superuser(name)
    try:
        with raw.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchone()[0]
    finally:
        raw.close()


def _is_network(name: str) -> bool:
    return bool(_ask(name, "SELECT to_regclass('public.tenancy_tenant') IS NOT NULL"))


#: Stands as the comment of a database from its restore until everything after it is done.
_UNFINISHED = "dealernet: being restored"


def _mark(name: str, *, done: bool) -> None:
    raw = steward.superuser(name)
    try:
        with raw.cursor() as cursor:
            text = sql.Literal(None if done else _UNFINISHED)
            cursor.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), text))
    finally:
        raw.close()


def _is_being_restored(name: str) -> bool:
    return _ask(name, "SELECT shobj_description(oid, 'pg_database') FROM pg_database "
                      "WHERE datname = current_database()") == _UNFINISHED  # fmt: skip


def _rows_differ(name: str, rows: Rows) -> list[str]:
    raw = steward.superuser(name)
    try:
        with raw.cursor() as cursor:
            now = rows_of_all(cursor)
    finally:
        raw.close()
    return sorted(table for table in rows.keys() | now.keys() if rows.get(table) != now.get(table))


# -- PostgreSQL's programs -----------------------------------------------------------------------------------------


def _run(words: list[str]) -> None:
    done = subprocess.run(words, env=_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise InstallationError(done.stderr.strip() or f"{words[0]} ended with status {done.returncode}")


def _environment() -> dict[str, str]:
    """What the programs are told: where the server is and the superuser's password, on no command line."""
    found = {
        "PGHOST": connection.settings_dict["HOST"],
        "PGPORT": str(connection.settings_dict["PORT"]),
        "PGUSER": os.environ.get("DEALERNET_SUPERUSER", "postgres"),
        "PGPASSWORD": _superusers_password(),
    }
    kept = {name: os.environ[name] for name in ("PATH", processes.RUN_VARIABLE) if name in os.environ}
    return {**kept, **{name: value for name, value in found.items() if value}, "PGTZ": "UTC", "LC_ALL": "C.UTF-8"}


def _superusers_password() -> str:
    """The one of several (while keys rotate) that opens."""
    if not keys.holds("SUPERUSER"):
        return ""
    *before, last = [key.decode() for key in keys.secrets("SUPERUSER")]
    for password in before:
        try:
            psycopg2.connect(
                host=connection.settings_dict["HOST"] or None,
                port=connection.settings_dict["PORT"] or None,
                user=os.environ.get("DEALERNET_SUPERUSER", "postgres"),
                password=password,
                dbname="postgres",
            ).close()
        except psycopg2.OperationalError:
            continue
        return password
    return last
