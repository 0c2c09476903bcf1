"""The passwords of database logins: derived from the keys a process was given, never stored.

Each process is handed only the keys of the logins it may use (environment `DEALERNET_KEY_<NAME>`): the portal's
web and workers `FRONTDESK` and `PORTAL`, the dealers' web and workers `FRONTDESK` and `DEALERS`, the courier
`COURIER`, the steward all of them. A portal process therefore cannot log in as a dealership even if its code
tried to.

While keys rotate there are two of each: the new one, and the one before (`…_PREVIOUS`), which opens what was made with
it until the rotation is ended. A running process learns of it from its file of keys (`DEALERNET_KEYS_FILE`, JSON, names
as in the environment), which is looked at anew when it has changed, so nothing has to be started again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
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


FILE = "DEALERNET_KEYS_FILE"
_read: dict[str, tuple[int, dict[str, str]]] = {}


def _value(name: str) -> str:
    """A key by the name of its variable: from the file of keys when there is one that has it, else the environment."""
    path = os.environ.get(FILE)
    if path:
        try:
            changed = os.stat(path).st_mtime_ns
            if path not in _read or _read[path][0] != changed:
                with open(path, encoding="ascii") as file:
                    _read[path] = (changed, json.load(file))
            if found := _read[path][1].get(name):
                return found
        except FileNotFoundError:
            pass
    return os.environ.get(name, "")


def holds(name: str) -> bool:
    """Whether this process was given the key `name`."""
    return bool(_value(f"DEALERNET_KEY_{name}"))


def secret(name: str) -> bytes:
    """The key `name` as bytes; WallError when this process was not given it."""
    value = _value(f"DEALERNET_KEY_{name}")
    if not value:
        raise WallError(f"this process ({os.environ.get('DEALERNET_PROCESS', '?')}) does not hold the key {name}")
    return value.encode()


def secrets(name: str) -> list[bytes]:
    """The key `name`, and the one before it while keys rotate."""
    before = _value(f"DEALERNET_KEY_{name}_PREVIOUS")
    return [secret(name), *([before.encode()] if before else [])]


def password(login: str) -> str:
    """The database password of a login: HMAC-SHA256 of its key and its name."""
    return passwords(login)[0]


def passwords(login: str) -> list[str]:
    """The password of a login, and the one before it while keys rotate."""
    text = f"login:{login}".encode()
    return [hmac.new(key, text, hashlib.sha256).hexdigest() for key in secrets(key_name(login))]


def derived(name: str, purpose: str) -> bytes:
    """A 32-byte key for another purpose (sealed envelopes, links), derived from the key `name`."""
    return all_derived(name, purpose)[0]


def all_derived(name: str, purpose: str) -> list[bytes]:
    """The same, and the one before it while keys rotate: for opening and checking."""
    return [hmac.new(key, f"purpose:{purpose}".encode(), hashlib.sha256).digest() for key in secrets(name)]


def lasting(name: str, purpose: str) -> bytes:
    """A key that no rotation changes, because what it made is compared for ever (pseudonyms): the one that was kept at
    the first rotation, else derived like others."""
    kept = _value(f"DEALERNET_KEY_LASTING_{purpose.upper()}")
    return bytes.fromhex(kept) if kept else derived(name, purpose)
