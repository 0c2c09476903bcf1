"""Devices from which a person has signed in before, known by a cookie.

Wrong tries from a known device are counted for that device alone, all others for the login: so a stranger who tries a
login again and again locks himself out, and not the person (OWASP: device cookies). The cookie signs nobody in. It
holds a random name of the device and, for each of its last people, a keyed hash of the sign-in name.
"""

import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import Any

from django.core import signing
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from kernel.accounts.sessions import realm
from kernel.tenancy import keys

COOKIE = "__Host-device"
KEPT = timedelta(days=365)
MOST = 20
"""People on one device: a showroom's computer has many."""
_SALT = "dealernet.device"


def _key() -> bytes:
    return keys.derived("DJANGO_PORTAL" if realm() == "portal" else "DJANGO_DEALERS", f"known devices:{realm()}")


def _mark(login: str) -> str:
    return hmac.new(_key(), login.strip().casefold().encode(), hashlib.sha256).hexdigest()[:20]


def _read(request: HttpRequest) -> tuple[str, list[str]]:
    try:
        given: Any = signing.loads(request.COOKIES.get(COOKIE, ""), key=_key(), salt=_SALT, max_age=KEPT)
        return str(given["n"]), [str(mark) for mark in given["m"]]
    except (signing.BadSignature, KeyError, TypeError, ValueError):
        return "", []


def device_of(request: HttpRequest, login: str) -> str:
    """The name of the device, when this login has signed in from it before; else ""."""
    name, marks = _read(request)
    return name if _mark(login) in marks else ""


def remember(request: HttpRequest, response: HttpResponseBase, login: str) -> None:
    """Let the device be known for a person who has just signed in."""
    name, marks = _read(request)
    mine = _mark(login)
    kept = [mine, *(mark for mark in marks if mark != mine)][:MOST]
    response.set_cookie(
        COOKIE,
        signing.dumps({"n": name or secrets.token_urlsafe(16), "m": kept}, key=_key(), salt=_SALT),
        max_age=KEPT,
        path="/",
        secure=True,
        httponly=True,
        samesite="Lax",
    )
