"""What tests of second factors have in common."""

from __future__ import annotations

import html
import re
from typing import Any

import pyotp

from kernel import clock
from kernel.accounts import actions
from kernel.accounts.actors import Actor
from kernel.accounts.models import Session, User
from kernel.accounts.sessions import hash_of
from kernel.testing.network import PASSWORD, Side

SID = "__Host-sid"


def sign_in(client: Any, login: str, password: str = PASSWORD, **data: str) -> Any:
    return client.post("/sign-in/", {"login": login, "password": password, **data})


def is_signed_in(client: Any) -> bool:
    return client.get("/account/").status_code == 200


def code_of(secret: str, steps: int = 1) -> str:
    """What an app shows whose clock is so many times 30 seconds ahead: a code that was not used for adding the app."""
    return pyotp.TOTP(secret).generate_otp(int(clock.now().timestamp()) // 30 + steps)


def with_app(side: Side, role: str, name: str = "phone") -> tuple[str, list[str]]:
    """Give the person of a role an authenticator app; returns its secret and the recovery codes."""
    secret = pyotp.random_base32()
    with side.bound():
        person = User.objects.get(login=role)
        _factor, codes = actions.add_app(
            actor=Actor.of(person), person=person, name=name, secret=secret, code=code_of(secret, 0)
        )
    return secret, codes


def options_in(page: Any) -> str:
    """What a page asks the browser's passkey dialog."""
    return html.unescape(re.search(r'data-options="([^"]*)"', page.text)[1])


def main_of(page: Any) -> str:
    """What a page says, without what is random in it."""
    body = page.text.split("<main", 1)[1].split("</main>", 1)[0]
    return re.sub(r'value="[A-Za-z0-9]{64}"', "", body)


def session_of(side: Side, client: Any) -> Session:
    with side.bound():
        return Session.objects.get(key_hash=hash_of(client.cookies[SID].value))
