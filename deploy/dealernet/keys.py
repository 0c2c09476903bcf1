"""Secrets by process.

An installation has one secret. Every key is derived from it, so none is stored, and a process gets the keys it needs
and no others: a hole in the portal's processes gives nobody the dealers' database logins, and the reverse.
Standard library only.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

# Database logins: frontdesk (host names), portal (login oem), dealers (one login a dealership is derived from it),
# courier, owner, superuser. Signing: django-portal, django-dealers. broker: the password of the embedded Valkey.
NAMES = (
    "frontdesk",
    "portal",
    "dealers",
    "courier",
    "owner",
    "superuser",
    "django-portal",
    "django-dealers",
    "broker",
)

_PORTAL = ("frontdesk", "portal", "django-portal")
_DEALERS = ("frontdesk", "dealers", "django-dealers")

PROCESS_KEYS: Mapping[str, tuple[str, ...]] = {
    "portal-web": _PORTAL,
    "portal-worker": _PORTAL,
    "dealers-web": _DEALERS,
    "dealers-worker": _DEALERS,
    "courier": ("courier",),
    "steward": NAMES,  # it makes the logins, so it has to know every password
    "scheduler": (),
    "front-door": (),
    "command": NAMES,  # what an operator types, with the secret at hand
}


def derive(secret: str | bytes, name: str) -> str:
    """The key ``name`` of an installation: HMAC-SHA256, 64 hexadecimal digits."""
    if isinstance(secret, str):
        secret = secret.encode()
    if not secret:
        raise ValueError("The installation's secret is empty.")
    return hmac.new(secret, f"key:{name}".encode(), hashlib.sha256).hexdigest()


def variable(name: str) -> str:
    """The environment variable that carries a key: ``django-portal`` → ``DEALERNET_KEY_DJANGO_PORTAL``."""
    return "DEALERNET_KEY_" + name.upper().replace("-", "_")


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secret of an installation; while keys rotate the one before; and what lasts beyond every rotation, by purpose
    (hexadecimal)."""

    current: str
    previous: str = ""
    lasting: Mapping[str, str] = field(default_factory=dict)


#: Whose keys the lasting ones are derived from, and who may hold them: purpose → key.
LASTING = {"pseudonyms": "dealers", "matching": "dealers", "heads": "courier"}


def lasting_of(secret: str) -> dict[str, str]:
    """The lasting keys as they follow from an installation's first secret (kernel.tenancy.keys.derived)."""
    return {
        purpose: hmac.new(derive(secret, key).encode(), f"purpose:{purpose}".encode(), hashlib.sha256).hexdigest()
        for purpose, key in LASTING.items()
    }


def environment_for(process_name: str, secret: str | bytes | Secrets) -> dict[str, str]:
    """The keys that a process may hold, as environment variables. Raises ValueError for an unknown process."""
    if process_name not in PROCESS_KEYS:
        raise ValueError(f"No process is called {process_name!r}; there are {', '.join(PROCESS_KEYS)}.")
    names = PROCESS_KEYS[process_name]
    if not isinstance(secret, Secrets):
        return {variable(name): derive(secret, name) for name in names}
    found = {variable(name): derive(secret.current, name) for name in names}
    if secret.previous:
        found |= {f"{variable(name)}_PREVIOUS": derive(secret.previous, name) for name in names}
    return found | {
        variable(f"lasting-{purpose}"): key for purpose, key in secret.lasting.items() if LASTING[purpose] in names
    }
