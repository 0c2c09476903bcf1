"""`dealernet dealer add`, `list`, `show`, `retire`."""

from __future__ import annotations

import argparse
import io
import json
import re
import threading

import pytest
from django.db import connection
from django.test import Client

from dealernet.commands import dealer
from kernel.tenancy import directory, steward
from kernel.tenancy.models import StewardRequest, StewardSignature
from oem.network import actions
from oem.network.models import Dealership


def call(*words: str) -> int:
    parser = argparse.ArgumentParser()
    dealer.configure(parser)
    args = parser.parse_args([w for w in words if w != "--json"])
    args.json = "--json" in words
    return dealer.run(args)


@pytest.fixture
def running_steward(committed):
    """The steward at work in a thread of its own."""
    stop = threading.Event()

    def work() -> None:
        try:
            steward.run_forever(stop.is_set, pause=0.05)
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join()


def test_a_dealership_is_added_shown_and_retired(running_steward, portal, capsys, monkeypatch):
    monkeypatch.setenv("DEALERNET_PORT", "8000")
    words = ("West Auto", "--slug", "west", "--city", "成都", "--brand", "XH", "--brand", "YC")
    assert call("add", *words, "--manager-login", "boss", "--json") == 0
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    assert (document["state"], document["address"]) == ("active", "http://west.localhost:8000/")
    assert "The steward: Done." in shown.err
    path = re.fullmatch(r"http://west\.localhost:8000(/password/link/\S+/)", document["invitation"])[1]
    directory.forget()
    assert Client(headers={"host": "west.localhost"}).get(path).status_code == 200

    assert call("list", "--json") == 0
    slugs = [one["slug"] for one in json.loads(capsys.readouterr().out)["dealerships"]]
    assert slugs == ["north", "south", "west"]
    assert call("show", "west", "--json") == 0
    assert [c["brand"] for c in json.loads(capsys.readouterr().out)["capabilities"]] == ["XH", "YC"]

    assert call("retire", "west", "--yes", "--json") == 0
    assert json.loads(capsys.readouterr().out)["state"] == "retired"
    directory.forget()
    assert Client(headers={"host": "west.localhost"}).get(path).status_code == 404
    assert call("retire", "west", "--yes") == 1


def test_an_operator_confirms_what_the_portal_asked_for(running_steward, portal, capsys, monkeypatch):
    assert call("add", "West Auto", "--slug", "west") == 0
    with portal.bound():
        west = Dealership.objects.get(slug="west")
        actions.retire_dealership(actor=portal.actor("network_manager"), dealership=west, confirmation="west")
    monkeypatch.setenv("SUDO_USER", "ops")
    monkeypatch.setattr("sys.stdin", Terminal("south\n"))
    assert call("retire", "west") == 1
    shown = capsys.readouterr()
    assert "network_manager portal asked for it on 2" in shown.out
    assert "nothing was changed" in shown.err
    directory.forget()
    assert directory.member_at("west.localhost") is not None
    monkeypatch.setattr("sys.stdin", Terminal("west\n"))
    assert call("retire", "west") == 0
    assert "is retired; its data is kept." in capsys.readouterr().out
    directory.forget()
    assert directory.member_at("west.localhost") is None
    with portal.bound():
        assert StewardSignature.objects.get().signed_by.startswith("ops@")


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


def test_progress_and_address_are_printed_for_people(running_steward, capsys):
    assert call("add", "West Auto", "--slug", "west") == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines[0] == "Asked the steward to set up west."
    assert lines[-1].startswith("http://west.localhost/password/link/first.")
    assert call("list") == 0
    assert re.search(r"^west +active ", capsys.readouterr().out, re.MULTILINE)
    assert call("show", "west") == 0
    assert "address:   http://west.localhost/" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "Again", "--slug", "north"), "taken"),
        (("add", "West", "--slug", "west", "--brand", "ZZ"), "brand"),
        (("add", "West", "--slug", "west", "--province", "Atlantis"), "place"),
        (("show", "nowhere"), "nowhere"),
        (("retire", "nowhere", "--yes"), "nowhere"),
    ],
)
def test_what_is_refused_says_why_and_asks_nobody(wall, portal, capsys, words, said):
    assert call(*words, "--json") == 1
    shown = capsys.readouterr()
    assert said in shown.err
    assert json.loads(shown.out)["error"]
    with portal.bound():
        assert not StewardRequest.objects.exists()
        assert Dealership.objects.count() == 2


def test_retiring_without_a_terminal_needs_yes(wall, portal, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("north\n"))
    assert call("retire", "north") == 1
    assert "--yes" in capsys.readouterr().err
    with portal.bound():
        assert Dealership.objects.get(slug="north").state == "active"


def test_a_steward_that_does_not_answer_is_said(wall, portal, capsys, monkeypatch):
    monkeypatch.setattr(dealer, "PATIENCE", 0.1)
    assert call("add", "West Auto", "--slug", "west") == 1
    assert "has not answered" in capsys.readouterr().err
    with portal.bound():
        assert Dealership.objects.get(slug="west").state == "joining"


def test_a_steward_that_fails_is_said(committed, portal, capsys, monkeypatch):
    def fail(arguments, progress):
        raise RuntimeError("no room left")

    monkeypatch.setitem(steward.VERBS, "provision", fail)
    worker = threading.Timer(0.3, steward.work_off_one)
    worker.start()
    assert call("add", "West Auto", "--slug", "west") == 1
    worker.join()
    assert "no room left" in capsys.readouterr().err
    with portal.bound():
        assert Dealership.objects.get(slug="west").state == "failed"


def test_limits_are_shown_set_and_taken_back(committed, portal, north, capsys):
    assert call("limits", "north") == 0
    shown = capsys.readouterr().out
    assert re.search(r"requests +2 +standard +requests that each web process works on at once\n", shown)
    assert "MB, not measured yet" in shown
    assert call("limits", "north", "--requests", "5", "--exports-per-day", "9", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["limits"]["requests"], document["own"]) == (5, ["requests", "exports_per_day"])
    assert document["use"] is None
    steward.measure({})
    assert call("limits", "north", "--requests", "standard", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["limits"]["requests"], document["own"]) == (2, ["exports_per_day"])
    assert document["use"]["table_bytes"] > 1024**2
    assert call("limits", "north") == 0
    assert "MB, measured 20" in capsys.readouterr().out


def test_a_limit_that_cannot_be_is_refused_by_name(committed, portal, north, capsys):
    assert call("limits", "north", "--statement-seconds", "99") == 1
    assert "--statement-seconds: Ensure this value is less than or equal to 20." in capsys.readouterr().err
