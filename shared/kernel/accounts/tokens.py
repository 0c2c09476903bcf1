"""The form of API tokens, `dn_<prefix>_<secret>`, and finding the one a request carries."""

import hashlib
import hmac
import re
import secrets
from datetime import timedelta

from kernel import clock
from kernel.accounts.models import Token

PATTERN = re.compile(r"dn_([a-z0-9]{10})_([A-Za-z0-9_-]{43})\Z")
USED = timedelta(minutes=1)
"""`last_used_at` is written at most this often."""

_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


def make() -> tuple[str, str]:
    """A fresh token and its prefix. 256 random bits of secret."""
    prefix = "".join(secrets.choice(_ALPHABET) for _ in range(10))
    return f"dn_{prefix}_{secrets.token_urlsafe(32)}", prefix


def hash_of(token: str) -> str:
    """What is kept of a token. Plain SHA-256 suffices for 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()


def find(text: str) -> Token | None:
    """The living token with its active person, or None: malformed, unknown, revoked, expired, of a retired person.

    One query; notes the use at most once a minute.
    """
    form = PATTERN.match(text)
    if form is None:
        return None
    token = Token.objects.select_related("user").filter(prefix=form[1]).first()
    if token is None or not hmac.compare_digest(token.sha256, hash_of(text)):
        return None
    now = clock.now()
    if token.revoked_at or (token.expires_at and token.expires_at <= now) or not token.user.is_active:
        return None
    if token.last_used_at is None or now - token.last_used_at > USED:
        Token.objects.filter(pk=token.pk).update(last_used_at=now)
        token.last_used_at = now
    return token
