"""Passwords follow from the keys a process was given, and from nothing else."""

from __future__ import annotations

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
