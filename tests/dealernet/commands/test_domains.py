"""`dealernet dealer domains`: host names of a dealership's own, for operators."""

from __future__ import annotations

import argparse
import json
from datetime import timedelta
from typing import Any

import pytest

from dealernet.commands import dealer, user
from kernel import clock
from kernel.tenancy import directory, hosts
from kernel.tenancy.bindings import Owner, bound
from kernel.tenancy.models import HostClaim
from kernel.tenancy.steward import domains
from kernel.testing.clocks import at

NAME = "www.beijing-north.example"


@pytest.fixture(autouse=True)
def table(settings: Any, tmp_path: Any) -> Any:
    settings.OWN_HOST_RESOLVER = "kernel.tenancy.resolving.TableResolver"
    settings.OWN_HOST_RECORDS = tmp_path / "records"
    return settings.OWN_HOST_RECORDS


def call(capsys: Any, *words: str) -> tuple[int, Any, str]:
    parser = argparse.ArgumentParser()
    dealer.configure(parser)
    args = parser.parse_args(["domains", *(w for w in words if w != "--json")])
    args.json = "--json" in words
    status = dealer.run(args)
    said = capsys.readouterr()
    directory.forget()
    return status, json.loads(said.out) if args.json else said.out, said.err


def test_a_name_is_added_checked_preferred_and_given_up(committed, north, south, capsys, table, monkeypatch):
    monkeypatch.setenv("DEALERNET_PORT", "8000")
    status, said, _ = call(capsys, "north", "--add", NAME)
    with bound(Owner()):
        claim = HostClaim.objects.get()
    text = hosts.record_text(claim.token)
    assert status == 0
    assert f"enter: _dealernet.{NAME} TXT {text}" in said
    assert "@" in claim.asked_by
    _, said, _ = call(capsys, "north", "--check")
    assert f"{NAME:<40} asked, not_proved" in said
    table.write_text(f"_dealernet.{NAME} {text}\n")
    _, found, _ = call(capsys, "north", "--check", "--json")
    assert [(one["host"], one["main"]) for one in found["hosts"]] == [("north.localhost", True), (NAME, False)]
    assert found["names"][0]["state"] == "bound"
    assert user_link(capsys).startswith("http://north.localhost:8000/")
    call(capsys, "north", "--prefer", NAME)
    assert directory.member_at("north.localhost").primary == NAME
    assert user_link(capsys).startswith(f"https://{NAME}/")
    call(capsys, "north", "--prefer", "North.localhost")
    assert directory.member_at(NAME).primary == "north.localhost"
    _, said, _ = call(capsys, "south", "--add", NAME)
    assert "belongs to, or is kept for, north (the dealership is not told)" in said
    table.write_text("")
    with at(clock.now() + timedelta(days=2)):
        domains.work_off()
    assert "the record has been missing since" in call(capsys, "north")[1]
    _, said, _ = call(capsys, "north", "--release", NAME)
    assert "released" in said
    assert "given to nobody else until" in said
    assert directory.member_at(NAME) is None


def user_link(capsys: Any) -> str:
    parser = argparse.ArgumentParser()
    user.configure(parser)
    args = parser.parse_args(["link", "--host", "north", "--login", "technician"])
    args.json = True
    assert user.run(args) == 0
    return str(json.loads(capsys.readouterr().out)["link"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere",), "There is no dealership"),
        (("portal",), "There is no dealership"),
        (("north", "--add", "192.0.2.1"), "name"),
        (("north", "--release", NAME), ""),
        (("north", "--prefer", "south.localhost"), ""),
    ],
)
def test_what_cannot_be_is_refused(committed, north, capsys, words, said):
    status, _, problem = call(capsys, *words)
    assert status == 1
    assert said in problem
    assert problem.startswith("dealernet dealer domains: ")
