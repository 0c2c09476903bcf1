"""One-time codes: 256 random bits that let somebody in once; tables hold their SHA-256 only."""

from __future__ import annotations

import hashlib
import secrets


def make() -> str:
    """A fresh code; url-safe."""
    return secrets.token_urlsafe(32)


def hash_of(code: str) -> str:
    """What is kept of a code, 64 hexadecimal digits. Plain SHA-256 suffices for 256 random bits."""
    return hashlib.sha256(b"dealernet support " + code.encode()).hexdigest()
