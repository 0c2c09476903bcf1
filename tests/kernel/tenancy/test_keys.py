"""Passwords follow from the keys a process was given, and from nothing else."""

from __future__ import annotations

import json
import os

import pytest

from kernel.tenancy import keys
from kernel.tenancy.bindings import WallError


@pytest.mark.parametrize(
    ("login", "name"),
    [
        ("frontdesk", "FRONTDESK"),
        ("oem", "PORTAL"),
        ("courier", "COURIER"),
        ("owner", "OWNER"),
        ("d_abcdefghij23", "DEALERS"),
    ],
)
def test_each_login_has_one_key(login, name):
    assert keys.key_name(login) == name


@pytest.mark.parametrize("login", ["postgres", "dealerships", "d_short", "d_ABCDEFGHIJ23", "d_abcdefghij23x", ""])
def test_no_password_is_derived_for_a_login_outside_the_network(login):
    with pytest.raises(WallError, match="not a login of this network"):
        keys.password(login)


def test_an_empty_key_is_no_key(monkeypatch):
    monkeypatch.setenv("DEALERNET_KEY_PORTAL", "")
    assert not keys.holds("PORTAL")
    with pytest.raises(WallError, match="does not hold the key PORTAL"):
        keys.password("oem")


def test_passwords_and_other_keys_differ_by_login_purpose_and_key(monkeypatch):
    words = {keys.password(login) for login in ("d_abcdefghij23", "d_abcdefghij24", "oem")}
    words |= {keys.derived("DEALERS", purpose).hex() for purpose in ("pseudonyms", "login:d_abcdefghij23")}
    before = keys.password("oem")
    monkeypatch.setenv("DEALERNET_KEY_PORTAL", "another")
    words.add(keys.password("oem"))
    assert len(words) == 6
    assert keys.password("oem") != before


# -- while keys rotate -------------------------------------------------------------------------------------------


def test_without_a_rotation_there_is_one_of_each():
    assert keys.passwords("oem") == [keys.password("oem")]
    assert keys.all_derived("DEALERS", "x") == [keys.derived("DEALERS", "x")]


def test_what_was_made_with_the_keys_before_can_still_be_opened(monkeypatch):
    password, derived = keys.password("oem"), keys.derived("PORTAL", "x")
    monkeypatch.setenv("DEALERNET_KEY_PORTAL_PREVIOUS", os.environ["DEALERNET_KEY_PORTAL"])
    monkeypatch.setenv("DEALERNET_KEY_PORTAL", "another")
    assert keys.passwords("oem")[1:] == [password]
    assert keys.password("oem") != password
    assert keys.all_derived("PORTAL", "x")[1:] == [derived]


def test_a_running_process_learns_of_new_keys_from_its_file(monkeypatch, tmp_path):
    before = keys.password("oem")
    file = tmp_path / "keys.json"
    monkeypatch.setenv("DEALERNET_KEYS_FILE", str(file))
    assert keys.password("oem") == before, "a file that is not there yet says nothing"
    file.write_text(json.dumps({"DEALERNET_KEY_PORTAL": "another"}))
    after = keys.password("oem")
    assert after != before
    assert keys.password("oem") == after
    file.write_text(json.dumps({"DEALERNET_KEY_PORTAL": "a third"}))
    os.utime(file, ns=(1, 1))
    assert keys.password("oem") not in (before, after)
    assert keys.holds("DEALERS"), "what the file does not name comes from the environment"


def test_a_file_of_keys_is_read_anew_only_when_it_has_changed(monkeypatch, tmp_path):
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"DEALERNET_KEY_PORTAL": "one"}))
    os.utime(file, ns=(1, 1))
    monkeypatch.setenv("DEALERNET_KEYS_FILE", str(file))
    before = keys.password("oem")
    file.write_text(json.dumps({"DEALERNET_KEY_PORTAL": "two"}))
    os.utime(file, ns=(1, 1))
    assert keys.password("oem") == before
    os.utime(file, ns=(2, 2))
    assert keys.password("oem") != before


def test_a_lasting_key_is_the_one_of_the_first_day(monkeypatch):
    first = keys.lasting("DEALERS", "pseudonyms")
    assert first == keys.derived("DEALERS", "pseudonyms")
    monkeypatch.setenv("DEALERNET_KEY_DEALERS", "another")
    monkeypatch.setenv("DEALERNET_KEY_LASTING_PSEUDONYMS", first.hex())
    assert keys.lasting("DEALERS", "pseudonyms") == first
