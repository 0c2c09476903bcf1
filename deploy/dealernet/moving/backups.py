"""The backup of one dealership: a dump of its schema, its rows of the directory, its files, and a manifest.

It holds everything, sign-ins' hashes too, and is good for this installation only: keep it as you keep the database.
What can be taken elsewhere is an export.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from dealer.organisation.exporting import own_files
from dealernet.moving.owning import owner
from dealernet.moving.programs import environment, program
from dealernet.moving.structure import applied, build, check_known
from kernel import clock
from kernel.moving.bundles import BLOCK, BundleError, fingerprint, whole_or_not
from kernel.tenancy.bindings import Owner, bound
from kernel.tenancy.models import Domain, Kind, Tenant

FORMAT, FORMAT_VERSION = "dealernet-backup", 1
DUMP, MANIFEST = "schema.dump", "manifest.json"


class BackupFailed(Exception):
    """pg_dump or pg_restore failed; the words are its own."""


def write(slug: str, target: Path) -> dict[str, Any]:
    """Back up one dealership to `target`; the manifest, with `sha256` and `bytes` of the file. Unbound.

    Raises Tenant.DoesNotExist, NoProgram, BackupFailed. The file is whole or not there, and for its owner alone.
    """
    with bound(Owner()):
        tenant = Tenant.objects.get(slug=slug, kind=Kind.DEALERSHIP)
        domains = list(Domain.objects.filter(tenant=tenant).values("domain", "is_primary"))
    with owner() as cursor:
        migrations = sorted(applied(cursor, tenant.schema_name))
    with TemporaryDirectory(dir=target.parent, prefix=".backup-") as folder, whole_or_not(target) as draft:
        dump = Path(folder) / DUMP
        words = [program("pg_dump"), "-Fc", "-Z1", "--no-owner", "--no-acl", "-n", tenant.schema_name, "-f", dump]
        _run([str(word) for word in words])
        files = own_files(tenant.id)
        listed = [{"path": DUMP, **fingerprint(dump)}]
        opened = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(opened, "wb") as raw, zipfile.ZipFile(raw, "w", zipfile.ZIP_STORED) as archive:
            archive.write(dump, DUMP)
            for name, path in files:
                archive.write(path, f"files/{name}")
                listed.append({"path": f"files/{name}", **fingerprint(path)})
            manifest = {
                "format": FORMAT,
                "version": FORMAT_VERSION,
                "release": importlib.metadata.version("dealernet"),
                "made_at": clock.now().isoformat(),
                "dealership": {"id": str(tenant.id), "slug": tenant.slug, "name": tenant.name,
                               "schema": tenant.schema_name, "cluster": tenant.cluster, "domains": domains},
                "migrations": [list(node) for node in migrations],
                "files": listed,
            }  # fmt: skip
            archive.writestr(MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1))
    return {**manifest, **fingerprint(target)}


def _run(words: list[str]) -> None:
    done = subprocess.run(words, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise BackupFailed(done.stderr.strip() or f"{words[0]} ended with status {done.returncode}")


class Backup:
    """A backup that somebody brings. Raises BundleError when it is none, or is damaged."""

    def __init__(self, path: Path) -> None:
        try:
            with zipfile.ZipFile(path) as archive:
                self.manifest: dict[str, Any] = json.loads(archive.read(MANIFEST))
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise BundleError("not_a_backup", f"{path} is not a backup of a dealership: {error}") from None
        if not isinstance(self.manifest, dict) or self.manifest.get("format") != FORMAT:
            raise BundleError("not_a_backup", f"{path} is not a backup of a dealership.")
        if self.manifest.get("version") != FORMAT_VERSION:
            raise BundleError("other_format", f"{path} has a format version that this release does not read.")
        self.path = path

    @property
    def dealership(self) -> dict[str, Any]:
        found: dict[str, Any] = self.manifest["dealership"]
        return found

    @contextmanager
    def unpacked(self) -> Iterator[Path]:
        """A folder with everything of it, checked by size and SHA-256; gone afterwards. Raises BundleError."""
        with TemporaryDirectory(prefix="dealernet-restore-") as folder, zipfile.ZipFile(self.path) as archive:
            for file in self.manifest["files"]:
                target = Path(folder) / file["path"]
                if not target.resolve().is_relative_to(Path(folder).resolve()):
                    raise BundleError("odd_name", f"{file['path']!r} leads out of the backup.")
                target.parent.mkdir(parents=True, exist_ok=True)
                try:
                    with archive.open(file["path"]) as source, target.open("wb") as out:
                        while block := source.read(BLOCK):
                            out.write(block)
                except (KeyError, zipfile.BadZipFile, EOFError) as error:
                    raise BundleError("damaged", f"{file['path']} is damaged: {error}") from None
                if fingerprint(target) != {"sha256": file["sha256"], "bytes": file["bytes"]}:
                    raise BundleError("altered", f"{file['path']} is not what the manifest says.")
            yield Path(folder)


_COPY = re.compile(rb"COPY (\S+) \(.*\) FROM stdin;\n\Z")


def load(cursor: Any, dump: Path, *, old: str, new: str, migrations: Collection[tuple[str, str]]) -> None:
    """Restore a dump of the schema `old` as the schema `new`, in the transaction of an owner's cursor.

    The tables are made by our own steps, up to `migrations`, so that they are the same as anybody's; of the dump only
    the rows and the sequences are taken. `pg_restore` writes them as SQL, in whose statements, and never in whose rows,
    names are replaced. Raises BackupFailed, UnknownMigration.
    """
    check_known(migrations)
    build(cursor, new, migrations)
    cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    words = [str(program("pg_restore")), "--data-only", "--no-owner", "--no-acl", "-f", "-", str(dump)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            _feed(cursor, process.stdout, (old.encode(), new.encode()))
        except BaseException:
            process.kill()
            raise
        said = process.stderr.read().decode(errors="replace").strip()
    if process.returncode:
        raise BackupFailed(said or f"pg_restore ended with status {process.returncode}")


def _feed(cursor: Any, source: IO[bytes], names: tuple[bytes, bytes]) -> None:
    statements: list[bytes] = []
    for line in source:
        if line.startswith((b"\\restrict", b"\\unrestrict", b"--")):  # words for psql, and comments
            continue
        statements.append(line.replace(*names))
        if copy := _COPY.match(line):
            take = statements.pop()
            _execute(cursor, statements)
            rows = _Rows(source)
            if copy[1].endswith(b".django_migrations"):  # written when the tables were made
                while rows.read(1 << 16):
                    pass
            else:
                cursor.copy_expert(take.decode(), rows)
    _execute(cursor, statements)


def _execute(cursor: Any, statements: list[bytes]) -> None:
    text = b"".join(statements).strip()
    statements.clear()
    if text:
        cursor.execute(text.decode())


class _Rows:
    """The rows of one COPY in the output of pg_restore, up to the line that ends them."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._over = False

    def read(self, size: int = -1) -> bytes:
        out, got = [], 0
        while not self._over and (size < 0 or got < size):
            line = self._source.readline()
            if line in (b"\\.\n", b""):
                self._over = True
                break
            out.append(line)
            got += len(line)
        return b"".join(out)
