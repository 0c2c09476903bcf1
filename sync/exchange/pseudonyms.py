"""Pseudonyms: the same value gives the same word within one network and purpose, and no one without the key can
go back, try values, or join words of two purposes. The key stays on the dealers' side."""

from __future__ import annotations

import base64
import hmac

SHORTEST_KEY = 32
LENGTH = 26


class Pseudonymiser:
    """HMAC-SHA256 over network, purpose and value, as ``p_`` and 26 characters of base32 (130 bits).

    `key` has at least 32 bytes; raises `ValueError` for a shorter one.
    """

    def __init__(self, key: bytes, network: str) -> None:
        if len(key) < SHORTEST_KEY:
            raise ValueError(f"the key of a pseudonym has at least {SHORTEST_KEY} bytes")
        if "|" in network:
            raise ValueError("the name of a network has no “|”")
        self._key = key
        self._network = network

    def __call__(self, purpose: str, value: str) -> str:
        """Raises `ValueError` for a purpose that would blur into the value."""
        if "|" in purpose:
            raise ValueError("a purpose has no “|”")
        message = "|".join((self._network, purpose, value)).encode()
        digest = hmac.digest(self._key, message, "sha256")
        return "p_" + base64.b32encode(digest).decode().lower()[:LENGTH]

    def __repr__(self) -> str:
        return f"Pseudonymiser(network={self._network!r})"
