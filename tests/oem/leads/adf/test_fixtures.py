"""Every fixture reads as a person read it (`fixtures/manifest.json`)."""

import json
from functools import reduce
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from oem.leads import adf

FIXTURES = Path(__file__).parent / "fixtures"
MANIFEST = json.loads((FIXTURES / "manifest.json").read_text(encoding="utf-8"))
SHANGHAI = ZoneInfo("Asia/Shanghai")


def _step(value, key):
    if isinstance(value, list):
        return len(value) if key == "length" else value[int(key)]
    return value[key]


def _at(data, path):
    return reduce(_step, path.split("."), data)


def _read(name):
    content_type = MANIFEST[name]["content_type"]
    return adf.parse((FIXTURES / name).read_bytes(), content_type=content_type, default_timezone=SHANGHAI)


def test_the_manifest_names_every_file():
    files = {f"{path.parent.name}/{path.name}" for path in FIXTURES.glob("*/*") if "LICENSE" not in path.name}
    assert files == set(MANIFEST)
    assert len([name for name in MANIFEST if name.startswith("own/")]) >= 20


@pytest.mark.parametrize("name", MANIFEST)
def test_fixture(name):
    expected = MANIFEST[name]
    document = _read(name)
    leads = [lead.to_json() for lead in document.leads]
    found = [{path: _at(lead, path) for path in wanted} for lead, wanted in zip(leads, expected["leads"], strict=True)]
    assert found == expected["leads"]
    assert sorted({issue.code for issue in document.issues}) == expected["issues"]
    assert document.readable is bool(expected["leads"])


@pytest.mark.parametrize("name", MANIFEST)
def test_what_was_read_survives_storage(name):
    document = _read(name)
    stored = json.loads(json.dumps(document.to_json(), ensure_ascii=False))
    assert stored == document.to_json()
    assert [adf.Issue.from_json(issue) for issue in stored["issues"]] == document.issues
    assert "\\u0000" not in json.dumps(stored)


@pytest.mark.parametrize("name", MANIFEST)
def test_issues_hold_no_personal_data(name):
    document = _read(name)
    excerpts = " ".join(issue.value + issue.path for issue in document.issues)
    for lead in document.leads:
        customer = lead.customer
        personal = [customer.full_name, *(e.address for e in customer.emails), *(p.number for p in customer.phones)]
        assert not [text for text in personal if len(text) > 1 and text in excerpts]
