"""The passwords of database logins: derived from the keys a process was given, never stored.

Each process is handed only the keys of the logins it may use (environment `DEALERNET_KEY_<NAME>`): the portal's
web and workers `FRONTDESK` and `PORTAL`, the dealers' web and workers `FRONTDESK` and `DEALERS`, the courier
`COURIER`, the steward all of them. A portal process therefore cannot log in as a dealership even if its code
tried to.
"""

from __future__ import annotations

import hashlib
import hmac
import os

from kernel.tenancy.bindings import WallError, is_dealer_schema

_KEY_OF_LOGIN = {"frontdesk": "FRONTDESK", "oem": "PORTAL", "courier": "COURIER", "owner": "OWNER"}


def key_name(login: str) -> str:
    """The name of the key from which the password of `login` follows."""
    if login in _KEY_OF_LOGIN:
        return _KEY_OF_LOGIN[login]
    if is_dealer_schema(login):
        return "DEALERS"
    raise WallError(f"{login!r} is not a login of this network")


def holds(name: str) -> bool:
    """Whether this process was given the key `name`."""
    return bool(os.environ.get(f"DEALERNET_KEY_{name}"))


def secret(name: str) -> bytes:
    """The key `name` as bytes; WallError when this process was not given it."""
    value = os.environ.get(f"DEALERNET_KEY_{name}")
    if not value:
        raise WallError(f"this process ({os.environ.get('DEALERNET_PROCESS', '?')}) does not hold the key {name}")
    return value.encode()


def password(login: str) -> str:
    """The database password of a login: HMAC-SHA256 of its key and its name."""
    return hmac.new(secret(key_name(login)), f"login:{login}".encode(), hashlib.sha256).hexdigest()


def derived(name: str, purpose: str) -> bytes:
    """A 32-byte key for another purpose (pseudonyms, sealed envelopes), derived from the key `name`."""
    return hmac.new(secret(name), f"purpose:{purpose}".encode(), hashlib.sha256).digest()
