"""The generated reference names every field of every contract."""

from __future__ import annotations

from pathlib import Path

from kernel.contracts import all_contracts
from kernel.contracts.docs import markdown


def test_every_contract_and_every_field_stands_in_the_reference() -> None:
    page = markdown()
    for owner in all_contracts():
        _, _, rest = page.partition(f"\n## {owner.spec.name} {owner.spec.version}\n")
        section = rest.partition("\n## ")[0]
        assert f"Number {owner.spec.number} · " in section
        for path, mark in owner.spec.paths.items():
            rows = [row for row in section.splitlines() if row.startswith(f"| `{path}` | ")]
            assert len(rows) == 1, path
            assert f" | {mark.field_class.value} | {mark.doc} | " in rows[0]


def test_the_last_column_says_what_stays_and_what_is_hashed() -> None:
    rows = {row.split(" | ")[0]: row for row in markdown().splitlines() if row.startswith("| `")}
    assert rows["| `owner_key`"].endswith("| yes | hash |")
    assert rows["| `birthday`"].endswith("|  | stays |")
    assert rows["| `jobs[].complaint`"].endswith("|  | stays |")
    assert rows["| `jobs[].labour_hours`"].endswith("|  |  |")


def test_the_committed_reference_is_current() -> None:
    page = Path(__file__).resolve().parents[3] / "docs" / "contracts.md"
    assert page.read_text(encoding="utf-8") == markdown(), "run: python -m kernel.contracts.docs > docs/contracts.md"
