"""Recovery codes: ten, each good once, shown once. 80 random bits each, so a plain SHA-256 keeps them."""

import hashlib
import secrets
import unicodedata
from uuid import UUID

from kernel.accounts.sessions import realm

NUMBER = 10
#: Crockford's base32: no I, L, O, U, which are read as something else.
_SIGNS = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH = 16
_READ_AS = str.maketrans("ilo", "110")


def new_code() -> str:
    """For example `3k7m-p0qx-9vzd-h2ta`."""
    text = "".join(secrets.choice(_SIGNS) for _ in range(_LENGTH))
    return "-".join(text[at : at + 4] for at in range(0, _LENGTH, 4))


def plain(text: str) -> str:
    """What was typed, as 16 signs; "" when it cannot be a recovery code."""
    lower = unicodedata.normalize("NFKC", text).casefold().translate(_READ_AS)
    kept = "".join(sign for sign in lower if sign not in "- ")
    return kept if len(kept) == _LENGTH and all(sign in _SIGNS for sign in kept) else ""


def hash_of(code: str, person: UUID) -> str:
    """What the table keeps: it fits this person at this tenant only."""
    return hashlib.sha256(f"dealernet recovery|{realm()}|{person}|{plain(code)}".encode()).hexdigest()
