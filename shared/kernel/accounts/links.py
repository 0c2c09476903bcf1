"""One-time links: invitations and password resets. Nothing is stored; the link is signed and carries a fingerprint.

The fingerprint covers the password, the address and the tenant: it stops fitting as soon as a password is set, the mail
address changes or the person is retired, so a link works once and only where it was made.

The very first person of a dealership is invited from the portal, which cannot sign for the dealership: their link
carries a random token, and the account, until a password is set, the token's hash in place of one.
"""

import hashlib
from datetime import timedelta
from typing import Any, Literal

from django.core import signing
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext_lazy as _

from kernel import clock
from kernel.accounts.models import User
from kernel.accounts.sessions import realm
from kernel.errors import Invalid
from kernel.tenancy import keys

Purpose = Literal["invite", "reset"]

VALID_FOR: dict[str, timedelta] = {"invite": timedelta(days=7), "reset": timedelta(hours=1)}


#: "!" makes it a password that nobody can have (Django's mark of an unusable one).
_FIRST = "!first$"
_FIRST_LINK = "first."


def first_link(token: str) -> str:
    """The secret part of the link that opens a dealership's first account."""
    return f"{_FIRST_LINK}{token}"


def fingerprint_of_first(token: str) -> str:
    """What stands in place of the first person's password until it is set: the hash of the link's token."""
    return _FIRST + hashlib.sha256(token.encode()).hexdigest()


def _person_of_first(token: str) -> User | None:
    user = User.objects.filter(password=fingerprint_of_first(token), is_active=True).first()
    if user is None or user.invited_at is None or user.invited_at + VALID_FOR["invite"] < clock.now():
        return None
    return user


def _keys() -> list[bytes]:
    """The tier's own keys, so that a command which holds both makes links that the right web process reads."""
    return keys.all_derived("DJANGO_PORTAL" if realm() == "portal" else "DJANGO_DEALERS", "one-time links")


def _fingerprint(user: User, purpose: str, key: bytes) -> str:
    parts = [purpose, realm(), str(user.pk), user.password, user.email.lower(), str(user.is_active)]
    parts.append(user.invited_at.isoformat() if user.invited_at else "")
    return salted_hmac("dealernet.link", "\x1f".join(parts), secret=key, algorithm="sha256").hexdigest()[:40]


def make_link(user: User, purpose: Purpose) -> str:
    """The secret part of a link for one person; url-safe."""
    key = _keys()[0]
    return signing.dumps([purpose, user.pk.hex, _fingerprint(user, purpose, key)], key=key, salt="dealernet.link")


def person_of_link(text: str) -> tuple[User, Purpose]:
    """The person a link is for, and why. Raises Invalid for one not ours, too old, used or from elsewhere."""
    wrong = Invalid({"": _("This link is no longer valid. Please ask for a new one.")}, code="link_invalid")
    if text.startswith(_FIRST_LINK):
        first = _person_of_first(text.removeprefix(_FIRST_LINK))
        if first is None:
            raise wrong
        return first, "invite"
    key, *before = _keys()
    opening: dict[str, Any] = {"key": key, "fallback_keys": before, "salt": "dealernet.link"}
    try:
        purpose, user_id, fingerprint = signing.loads(text, **opening)
        signing.loads(text, **opening, max_age=VALID_FOR[purpose])
    except (signing.BadSignature, ValueError, KeyError, TypeError):
        raise wrong from None
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None or not any(
        constant_time_compare(fingerprint, _fingerprint(user, purpose, one)) for one in (key, *before)
    ):
        raise wrong
    return user, purpose


def address_of(link: str, host: str, *, secure: bool = False) -> str:
    """The full address of a link at a host (with its port): https, but on *.localhost only where `secure` says so."""
    # Named by its own URLconf, because commands make links outside any request.
    path = reverse("accounts:link", urlconf="kernel.accounts.urls", args=[link])
    return address_at(host, path, secure=secure)


def address_at(host: str, path: str, *, secure: bool = False) -> str:
    """The full address of a path at a host, as `address_of`."""
    name = (host.rpartition(":")[0] or host).lower()
    plain = not secure and (name == "localhost" or name.endswith(".localhost"))
    return f"{'http' if plain else 'https'}://{host}{path}"
