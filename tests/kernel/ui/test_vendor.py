import gzip
import hashlib
import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from kernel.ui.inventory import CSS, UI

STATIC = UI / "static"
MANIFEST = json.loads((STATIC / "vendor" / "manifest.json").read_text(encoding="utf-8"))


def path_of(entry):
    if "package" in entry:
        return Path(find_spec(entry["package"]).origin).parent / "static" / entry["file"]
    return STATIC / entry["file"]


@pytest.mark.parametrize("entry", MANIFEST, ids=lambda entry: entry["name"])
def test_a_vendored_file_is_the_one_in_the_manifest(entry):
    assert hashlib.sha256(path_of(entry).read_bytes()).hexdigest() == entry["sha256"]
    assert entry["licence"]
    assert entry["version"]


def test_nothing_is_vendored_without_an_entry():
    listed = {path_of(entry).resolve() for entry in MANIFEST}
    present = {file.resolve() for file in (STATIC / "vendor").iterdir() if file.name != "manifest.json"}
    assert present <= listed


def test_the_style_sheet_stays_light():
    assert len(gzip.compress(CSS.read_bytes())) < 25_000


def test_the_lock_file_names_no_registry():
    lock = json.loads((UI / "styles" / "package-lock.json").read_text(encoding="utf-8"))
    assert all("resolved" not in package for package in lock["packages"].values())
    assert all(package.get("integrity") for name, package in lock["packages"].items() if name)
