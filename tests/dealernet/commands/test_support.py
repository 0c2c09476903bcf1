"""`dealernet support`: the operator asks, and comes in only when the dealership has said yes."""

from __future__ import annotations

import argparse
import json
import re

import pytest

from dealer.support import actions
from dealer.support.models import Access
from dealernet.commands import support
from dealernet.config import ConfigurationError
from kernel.accounts.models import Session
from kernel.audit.models import Entry


def call(*words: str) -> int:
    parser = argparse.ArgumentParser()
    support.configure(parser)
    args = parser.parse_args([word for word in words if word != "--json"])
    args.json = "--json" in words
    return support.run(args)


def ask(capsys, *words: str, slug: str = "north") -> dict:
    given = ("--reason", "Deliveries cannot be closed.", "--hours", "4", "--by", "Li Wei", "--json")
    assert call("ask", slug, *given, *words) == 0
    return json.loads(capsys.readouterr().out)


def approve(north) -> None:
    manager = north.actor("general_manager")
    with north.bound():
        access = Access.objects.get()
        actions.approve_access(actor=manager, access=access, hours=1, may=access.may, area=access.area)


def test_the_whole_way(wall, north, capsys, monkeypatch):
    monkeypatch.setenv("DEALERNET_PORT", "8000")
    asked = ask(capsys, "--area", "everything")
    assert (asked["state"], asked["by"], asked["may"], asked["hours"]) == ("asked", "Li Wei", "read", 4)
    assert call("open", asked["id"]) == 1
    assert "not open" in capsys.readouterr().err
    approve(north)
    assert call("open", asked["id"]) == 0
    link = capsys.readouterr().out.strip().splitlines()[-1]
    path = re.fullmatch(r"http://north\.localhost:8000(/support/enter/[\w-]{43}/)", link)[1]
    client = north.client()
    assert client.post(path).status_code == 302
    assert client.get("/customers/").status_code == 200
    assert call("end", asked["id"]) == 0
    assert "is ended" in capsys.readouterr().out
    assert client.get("/customers/").status_code == 302
    assert call("open", asked["id"], "--json") == 1
    assert json.loads(capsys.readouterr().out)["error"]
    with north.bound():
        assert not Session.objects.filter(user__role="support_reader").exists()
        actions_written = list(Entry.objects.order_by("number").values_list("action", flat=True))
    assert [one for one in actions_written if one.startswith("support.")] == [
        "support.ask",
        "support.approve",
        "support.make_link",
        "support.ended",
    ]


def test_what_was_asked_is_listed_for_one_dealership_and_for_all(wall, north, south, capsys):
    assert call("list") == 0
    assert "Nothing was asked." in capsys.readouterr().out
    at_north = ask(capsys)
    at_south = ask(capsys, slug="south.localhost")
    assert call("list", "--json") == 0
    assert {one["id"] for one in json.loads(capsys.readouterr().out)} == {at_north["id"], at_south["id"]}
    assert call("list", "north") == 0
    line = capsys.readouterr().out
    assert at_north["id"] in line
    assert at_south["id"] not in line
    approve(north)
    call("list", "north")
    assert "approved until 20" in capsys.readouterr().out


def test_asking_says_what_comes_next(wall, north, capsys):
    words = ("--reason", "x", "--hours", "2")
    assert call("ask", "north", *words) == 0
    text = capsys.readouterr().out
    assert "general manager" in text
    with north.bound():
        access = Access.objects.get()
        assert access.asked_by  # whoever is at this machine
        assert f"dealernet support open north/{access.pk}" in text


def test_a_request_is_taken_back(wall, north, capsys):
    asked = ask(capsys)
    assert call("end", asked["id"], "--json") == 0
    assert json.loads(capsys.readouterr().out)["state"] == "withdrawn"


@pytest.mark.parametrize(
    "id_", ["nonsense", "north/nonsense", "north/00000000-0000-4000-8000-000000000000", "portal/x"]
)
def test_what_does_not_exist_is_said(wall, north, id_):
    with pytest.raises(ConfigurationError):
        call("open", id_)


def test_too_many_hours_are_refused(wall, north, capsys):
    assert call("ask", "north", "--reason", "x", "--hours", "100") == 1
    assert "Choose 1 to 72 hours." in capsys.readouterr().err
