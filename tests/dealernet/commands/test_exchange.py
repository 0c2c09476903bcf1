"""`dealernet exchange verify`, as an operator types it."""

from __future__ import annotations

import argparse
import json
from typing import Any

import pytest
from tests.exchange.chain.conftest import chained, heads, taken
from tests.exchange.chain.scenes import owner

from dealernet.commands import exchange

__all__ = ["chained", "heads", "taken"]


def call(capsys: Any, *words: str) -> tuple[int, str]:
    parser = argparse.ArgumentParser()
    exchange.configure(parser)
    args = parser.parse_args(["verify", *(word for word in words if word != "--json")])
    args.json = "--json" in words
    return exchange.run(args), capsys.readouterr().out


def test_a_network_whose_ledgers_are_whole(chained, north, capsys):
    status, said = call(capsys)
    assert status == 0
    assert said.splitlines()[0].startswith(
        "north                  9 rows in 3 batches, 0 waiting, 2 anchors, 6 contents"
    )
    assert said.splitlines()[-1] == "every ledger is whole"
    status, said = call(capsys, "--dealer", "north", "--json")
    assert status == 0
    (member,) = json.loads(said)["members"]
    assert (member["slug"], member["rows"], member["findings"]) == ("north", 9, [])


def test_what_was_done_to_a_ledger_is_named_with_its_place(chained, north, capsys):
    with owner(chained) as cursor:
        cursor.execute(f"UPDATE \"{north.schema}\".exchange_ledger SET level = 'counts' WHERE subject_label = 'day 4'")
    status, said = call(capsys)
    assert status == 1
    assert "  ✗ edited: the row at place 4 was changed" in said.splitlines()
    assert said.splitlines()[-1] == "NOT WHOLE"
    status, said = call(capsys, "--json")
    assert status == 1
    assert json.loads(said)["members"][0]["findings"][0]["found"] == "edited"


def test_a_signed_file_can_be_held_against_it(chained, heads, north, capsys):
    (kept,) = (heads / str(north.id)).iterdir()
    assert call(capsys, "--dealer", "north", "--file", str(kept))[0] == 0
    kept.write_text(kept.read_text().replace("place: 9", "place: 90"))
    status, said = call(capsys, "--dealer", "north", "--file", str(kept))
    assert status == 1
    assert "the signature does not fit the text" in said


@pytest.mark.parametrize("name", ["nobody", ""])
def test_a_member_that_nobody_is(chained, capsys, name):
    status, said = call(capsys, "--dealer", name)
    assert (status, said) == (2, f"No member is called {name}.\n")
