"""The file of an export: a ZIP with a manifest, written in one pass with flat memory, checked before it is believed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, cast

from kernel.moving import schemas
from kernel.moving.tables import Table, left_out, moving_models, table_of

FORMAT = "dealernet-export"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
#: A manifest holds names and hashes; one larger than this is none of ours.
MANIFEST_BYTES = 16 * 1024 * 1024
BLOCK = 1 << 16
_README = Path(__file__).with_name("README.md")
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*\Z")

Progress = Callable[[int, int, int], None]


class BundleError(Exception):
    """A file that cannot be used. `code` is stable; the words say what is wrong and where."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code


@dataclass(frozen=True)
class About:
    """Whose export it is, and by which release and migrations it was written."""

    id: str
    slug: str
    name: str
    manufacturer: str
    release: str
    migrations: list[list[str]]
    made_at: datetime


class _Counted:
    """Counts and hashes what goes through, on its way to a file of the ZIP."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._digest = hashlib.sha256()
        self.bytes = self.rows = 0

    def write(self, data: bytes | str) -> int:
        block = data.encode() if isinstance(data, str) else data
        self._out.write(block)
        self._digest.update(block)
        self.bytes += len(block)
        self.rows += block.count(b"\n")
        return len(data)

    def done(self, path: str) -> dict[str, Any]:
        return {"path": path, "sha256": self._digest.hexdigest(), "bytes": self.bytes}


@contextmanager
def whole_or_not(target: Path) -> Iterator[Path]:
    """A path beside `target` to write to; it becomes `target` when the block ends well and is removed otherwise."""
    draft = target.with_name(f".{target.name}.part")
    try:
        yield draft
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _entry(archive: zipfile.ZipFile, path: str) -> Iterator[_Counted]:
    with archive.open(path, "w", force_zip64=True) as out:
        yield _Counted(out)


def write(
    target: Path,
    *,
    cursor: Any,
    schema: str,
    about: About,
    files: Iterable[tuple[str, Path]],
    progress: Progress = lambda done, of, rows: None,
) -> dict[str, Any]:
    """Write an export and return its manifest with `sha256` and `bytes` of the whole file.

    `cursor` is a plain psycopg2 cursor in one snapshot (REPEATABLE READ) of a login that may read the schema. `files`
    are names and paths of what lies outside the database. The file is whole or not there. `progress` hears the tables
    done, how many there are, and the rows so far.
    """
    models = moving_models()
    listed: list[dict[str, Any]] = []
    described: list[dict[str, Any]] = []
    rows = 0
    with whole_or_not(target) as draft:
        opened = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with (
            os.fdopen(opened, "wb") as raw,
            zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive,
        ):
            for number, model in enumerate(models):
                progress(number, len(models), rows)
                table = table_of(model)
                with _entry(archive, f"data/{table.name}.jsonl") as out:
                    cursor.copy_expert(table.read(schema), out)
                count = out.rows
                rows += count
                entry = out.done(f"data/{table.name}.jsonl")
                listed.append({**entry, "rows": count})
                described.append({**table.to_json(), "rows": count, "sha256": entry["sha256"]})
                with _entry(archive, f"csv/{table.name}.csv") as out:
                    out.write(b"\xef\xbb\xbf")
                    cursor.copy_expert(table.read_csv(schema), out)
                listed.append({**out.done(f"csv/{table.name}.csv"), "rows": count})
                _text(archive, listed, f"schema/{table.name}.schema.json", _json(schemas.schema_of(model)))
            for name, path in sorted(files):
                with _entry(archive, f"files/{name}") as out, path.open("rb") as file:
                    while block := file.read(BLOCK):
                        out.write(block)
                listed.append(out.done(f"files/{name}"))
            _text(archive, listed, "README.md", _README.read_text(encoding="utf-8"))
            manifest = {
                "format": FORMAT,
                "version": FORMAT_VERSION,
                "release": about.release,
                "made_at": about.made_at.isoformat(),
                "dealership": {"id": about.id, "slug": about.slug, "name": about.name},
                "manufacturer": about.manufacturer,
                "migrations": about.migrations,
                "rows": rows,
                "tables": described,
                "left_out": left_out(),
                "files": listed,
            }
            archive.writestr(MANIFEST, _json(manifest))
        progress(len(models), len(models), rows)
    return {**manifest, **fingerprint(target)}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _text(archive: zipfile.ZipFile, listed: list[dict[str, Any]], path: str, text: str) -> None:
    with _entry(archive, path) as out:
        out.write(text)
    listed.append(out.done(path))


def fingerprint(path: Path) -> dict[str, Any]:
    """`sha256` and `bytes` of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return {"sha256": digest.hexdigest(), "bytes": path.stat().st_size}


class _Sink:
    """A file that keeps nothing: what is written through `_Counted` to it is only hashed."""

    def write(self, data: bytes) -> int:
        return len(data)


def digest_of(cursor: Any, table: Table, schema: str) -> tuple[str, int]:
    """SHA-256 and number of the rows of a table as an export would write them."""
    counted = _Counted(_Sink())  # type: ignore[arg-type]  # only write() is used
    cursor.copy_expert(table.read(schema), counted)
    return counted.done("")["sha256"], counted.rows


class Bundle:
    """An export that somebody brings. Nothing of it is believed before `check` has passed."""

    def __init__(self, path: Path) -> None:
        """Raises BundleError when it is no ZIP, has no manifest, or is of another kind or a newer version."""
        try:
            self._archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise BundleError("not_a_zip", f"{path} cannot be opened as a ZIP: {error}") from None
        try:
            self.manifest: dict[str, Any] = self._read_manifest()
            self._believe(self.manifest)
        except BaseException:
            self.close()
            raise

    def _read_manifest(self) -> dict[str, Any]:
        try:
            info = self._archive.getinfo(MANIFEST)
        except KeyError:
            raise BundleError("no_manifest", f"There is no {MANIFEST} in the file.") from None
        if info.file_size > MANIFEST_BYTES:
            raise BundleError("manifest_too_large", f"{MANIFEST} is larger than any manifest of ours.")
        try:
            found = json.loads(self._archive.read(info))
        except (ValueError, zipfile.BadZipFile) as error:
            raise BundleError("manifest_unreadable", f"{MANIFEST} cannot be read: {error}") from None
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise BundleError("not_an_export", "The file is not an export of a dealership.")
        if found.get("version") != FORMAT_VERSION:
            raise BundleError(
                "other_format",
                f"The file has format version {found.get('version')}; this release reads {FORMAT_VERSION}.",
            )
        return found

    @staticmethod
    def _believe(found: dict[str, Any]) -> None:
        try:
            names = [found["dealership"][key] for key in ("id", "slug", "name")]
            tables = [Table.from_json(table) for table in found["tables"]]
            counts = [table["rows"] for table in found["tables"]] + [file["bytes"] for file in found["files"]]
            words = [*names, *(column.name for table in tables for column in table.columns)]
            words += [word for node in found["migrations"] for word in node]
            words += [file[key] for file in found["files"] for key in ("path", "sha256")]
        except (KeyError, TypeError) as error:
            raise BundleError("manifest_incomplete", f"{MANIFEST} lacks something: {error!r}") from None
        if not all(isinstance(word, str) for word in words) or not all(isinstance(number, int) for number in counts):
            raise BundleError("manifest_incomplete", f"{MANIFEST} has values of the wrong kind.")

    def close(self) -> None:
        self._archive.close()

    def __enter__(self) -> Bundle:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def tables(self) -> list[Table]:
        """The tables as they were when the export was made."""
        return [Table.from_json(table) for table in self.manifest["tables"]]

    def check(self) -> None:
        """Every file is there, has its size and SHA-256, and nothing else is there. Raises BundleError naming the
        first that does not."""
        listed = {file["path"]: file for file in self.manifest["files"]}
        found = {info.filename for info in self._archive.infolist()} - {MANIFEST}
        if len(listed) != len(self.manifest["files"]) or len(found) + 1 != len(self._archive.infolist()):
            raise BundleError("named_twice", "A file is named twice.")
        if odd := sorted(name for name in found if not _NAME.match(name)):
            raise BundleError("odd_name", f"A file has a name that no export of ours has: {odd[0]!r}")
        if missing := sorted(listed.keys() - found):
            raise BundleError("missing", f"{missing[0]} is missing.")
        if more := sorted(found - listed.keys()):
            raise BundleError("unknown_file", f"{more[0]} is not in the manifest.")
        for path, file in listed.items():
            self._check_file(path, file)
        for table in self.manifest["tables"]:
            name = f"data/{table['table']}.jsonl"
            if listed.get(name, {}).get("sha256") != table.get("sha256"):
                raise BundleError("altered", f"The manifest contradicts itself about {name}.")

    def _check_file(self, path: str, file: dict[str, Any]) -> None:
        digest, size = hashlib.sha256(), 0
        try:
            for block in self._blocks(path):
                digest.update(block)
                size += len(block)
                if size > file["bytes"]:
                    break
        except (zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
            raise BundleError("damaged", f"{path} is damaged: {error}") from None
        if size != file["bytes"] or digest.hexdigest() != file["sha256"]:
            raise BundleError("altered", f"{path} is not what the manifest says (SHA-256 or size differ).")

    def _blocks(self, path: str) -> Iterator[bytes]:
        with self._archive.open(path) as file:
            while block := file.read(BLOCK):
                yield block

    def lines(self, table: str, replace: list[tuple[bytes, bytes]]) -> IO[bytes]:
        """The rows of a table as a file of lines of JSON, with words replaced line by line."""
        return cast("IO[bytes]", _Lines(self._archive.open(f"data/{table}.jsonl"), replace))

    def files(self) -> list[str]:
        """Names of the files that lie outside the database."""
        paths = [file["path"] for file in self.manifest["files"]]
        return [path.removeprefix("files/") for path in paths if path.startswith("files/")]

    def copy_file(self, name: str, target: Path) -> None:
        """Write one of them out, whole or not at all."""
        with whole_or_not(target) as draft, draft.open("wb") as out:
            for block in self._blocks(f"files/{name}"):
                out.write(block)


class _Lines(io.RawIOBase):
    """Lines of JSON on their way into the database, with words replaced."""

    def __init__(self, source: IO[bytes], replace: list[tuple[bytes, bytes]]) -> None:
        super().__init__()
        self._source, self._replace = source, replace

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        out, got = [], 0
        while (size < 0 or got < size) and (line := self._source.readline()):
            for old, new in self._replace:
                line = line.replace(old, new)
            out.append(line)
            got += len(line)
        return b"".join(out)

    def close(self) -> None:
        self._source.close()
        super().close()
