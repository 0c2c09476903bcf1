"""A passkey device in software: makes keys and shows them as a browser would, from the page's own question."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import sha256, websafe_decode, websafe_encode
from fido2.webauthn import Aaguid, AttestationObject, AttestedCredentialData, AuthenticatorData, CollectedClientData

FLAG = AuthenticatorData.FLAG


@dataclass
class Key:
    """One credential that the device keeps."""

    rp_id: str
    user_handle: bytes
    private: ec.EllipticCurvePrivateKey
    id: bytes = field(default_factory=lambda: os.urandom(32))
    counter: int = 0


@dataclass
class Authenticator:
    """Keeps keys. `counts`: whether it has a signature counter, as security keys do and synchronised passkeys do not.
    `verifies`: whether it checks the person."""

    origin: str
    counts: bool = True
    verifies: bool = True
    keys: list[Key] = field(default_factory=list)

    def make(self, options: str, **changes: Any) -> str:
        """Answer to the page's question for a new key."""
        asked = json.loads(options)
        key = Key(asked["rp"]["id"], websafe_decode(asked["user"]["id"]), ec.generate_private_key(ec.SECP256R1()))
        key.id = changes.get("id", key.id)
        self.keys.append(key)
        credential = AttestedCredentialData.create(
            Aaguid.NONE, key.id, ES256.from_cryptography_key(key.private.public_key())
        )
        data = self._data(key, FLAG.AT, credential, **changes)
        return self._answer(
            key,
            clientDataJSON=self._client_data("webauthn.create", asked, **changes),
            attestationObject=AttestationObject.create("none", data, {}),
        )

    def show(self, options: str, key: Key | None = None, **changes: Any) -> str:
        """Answer to the page's question for a key: the one given, else the first that the page allows."""
        asked = json.loads(options)
        allowed = [websafe_decode(one["id"]) for one in asked.get("allowCredentials") or []]
        key = key or next(one for one in self.keys if one.rp_id == asked["rpId"] and (not allowed or one.id in allowed))
        data = self._data(key, FLAG(0), b"", **changes)
        client_data = self._client_data("webauthn.get", asked, **changes)
        handle = changes.get("handle", key.user_handle)
        return self._answer(
            key,
            clientDataJSON=client_data,
            authenticatorData=data,
            signature=key.private.sign(data + client_data.hash, ec.ECDSA(hashes.SHA256())),
            **({"userHandle": handle} if handle else {}),
        )

    def _data(self, key: Key, flag: Any, credential: bytes, **changes: Any) -> AuthenticatorData:
        key.counter += 1 if self.counts else 0
        flags = flag | FLAG.UP | (FLAG.UV if self.verifies else FLAG(0))
        rp_id = changes.get("rp_id", key.rp_id)
        return AuthenticatorData.create(sha256(rp_id.encode()), flags, changes.get("counter", key.counter), credential)

    def _client_data(self, kind: str, asked: dict[str, Any], **changes: Any) -> CollectedClientData:
        return CollectedClientData.create(
            changes.get("type", kind), changes.get("challenge", asked["challenge"]), changes.get("origin", self.origin)
        )

    @staticmethod
    def _answer(key: Key, **response: bytes) -> str:
        return json.dumps(
            {
                "id": websafe_encode(key.id),
                "rawId": websafe_encode(key.id),
                "type": "public-key",
                "response": {name: websafe_encode(bytes(value)) for name, value in response.items()},
                "clientExtensionResults": {},
            }
        )
