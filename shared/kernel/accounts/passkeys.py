"""Passkeys (WebAuthn level 2) by Yubico's fido2: what browsers are asked, and whether their answers hold.

The relying party is the exact host, so a passkey of one member is worth nothing at another. A challenge lives in the
session, for one purpose, once, a few minutes. No attestation is asked for: which make of key somebody uses is theirs.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric import ec
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from fido2 import cbor
from fido2.cose import ES256, CoseKey
from fido2.server import Fido2Server
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestationConveyancePreference,
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from kernel import clock
from kernel.accounts import throttle
from kernel.accounts.models import Factor, User
from kernel.errors import Invalid

Purpose = Literal["add", "second", "sign-in"]

CHALLENGE_KEY = "_passkey"
VALID = timedelta(minutes=5)
LONGEST = 16_384
"""Characters of a browser's answer; those of real keys have some two thousand."""
_PARTS = ("clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle")
_PORT = re.compile(r":\d+\Z")
#: The COSE key (ES256) of no private key that anybody kept.
_NOBODYS = websafe_encode(
    cbor.encode(dict(ES256.from_cryptography_key(ec.generate_private_key(ec.SECP256R1()).public_key())))
)
_ONCE = throttle.Limit("passkey-challenge", 1, 3600)


@dataclass(frozen=True)
class NewKey:
    """A passkey that somebody has just made, as the table keeps it."""

    credential_id: str
    public_key: str
    sign_count: int


@dataclass(frozen=True)
class Shown:
    """A passkey that was shown, and its counter as the authenticator says it."""

    factor: Factor
    sign_count: int


def _server(request: HttpRequest) -> Fido2Server:
    host = request.get_host()
    name = _PORT.sub("", host)
    origin = f"{request.scheme}://{host}"
    return Fido2Server(
        PublicKeyCredentialRpEntity(name=name, id=name),
        attestation=AttestationConveyancePreference.NONE,
        verify_origin=lambda given: given == origin,
    )


def _descriptors(factors: Iterable[Factor]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(type=PublicKeyCredentialType.PUBLIC_KEY, id=websafe_decode(one.credential_id))
        for one in factors
        if one.credential_id
    ]


def _remember(request: HttpRequest, purpose: Purpose, state: Any) -> None:
    request.session[CHALLENGE_KEY] = {"for": purpose, "at": clock.now().isoformat(), "state": dict(state)}


def _take(request: HttpRequest, purpose: Purpose) -> Any:
    """The challenge that this session was given for a purpose; it is gone afterwards. Raises Invalid."""
    kept = request.session.pop(CHALLENGE_KEY, None)
    late = Invalid({"": _("That took too long. Please try again.")}, code="passkey_late")
    if not kept or kept["for"] != purpose or clock.now() - datetime.fromisoformat(kept["at"]) > VALID:
        raise late
    # Two requests at once read the same session; of both only the first counts.
    if throttle.count(_ONCE, kept["state"]["challenge"]) > 1:
        raise late
    return kept["state"]


def to_make(request: HttpRequest, person: User, present: Iterable[Factor]) -> str:
    """What the browser is asked, as JSON, for a new passkey of a person beside those present."""
    options, state = _server(request).register_begin(
        PublicKeyCredentialUserEntity(id=person.pk.bytes, name=person.login, display_name=person.name),
        credentials=_descriptors(present),
        resident_key_requirement=ResidentKeyRequirement.PREFERRED,
        user_verification=UserVerificationRequirement.PREFERRED,
    )
    _remember(request, "add", state)
    return json.dumps(dict(options.public_key))


def to_show(request: HttpRequest, purpose: Purpose, present: Iterable[Factor] = ()) -> str:
    """What the browser is asked, as JSON: to show one of the passkeys present or, to sign in by it alone, any that it
    keeps for this host, and then with a check of the person (PIN, finger, face)."""
    alone = purpose == "sign-in"
    options, state = _server(request).authenticate_begin(
        credentials=None if alone else _descriptors(present),
        user_verification=UserVerificationRequirement.REQUIRED if alone else UserVerificationRequirement.PREFERRED,
    )
    _remember(request, purpose, state)
    return json.dumps(dict(options.public_key))


def refused() -> Invalid:
    """What is said of every passkey that does not hold, whatever the reason."""
    return Invalid({"": _("This passkey was not accepted.")}, code="passkey_refused")


def _answer(text: str) -> dict[str, Any]:
    """A browser's answer, with the parts that we read and no others, and every one a text: of a number the library
    would make as many zero bytes. Raises Invalid."""
    try:
        given = json.loads(text) if len(text) <= LONGEST else None
    except (ValueError, RecursionError):
        given = None
    response = given.get("response") if isinstance(given, dict) else None
    if not isinstance(given, dict) or not isinstance(response, dict):
        raise refused()
    parts = {name: response[name] for name in _PARTS if name in response}
    if not all(isinstance(value, str) for value in (given.get("id"), given.get("rawId"), *parts.values())):
        raise refused()
    return {"id": given["id"], "rawId": given["rawId"], "type": "public-key", "response": parts}


def made(request: HttpRequest, text: str) -> NewKey:
    """The new passkey in a browser's answer. Raises Invalid for one that does not hold."""
    state = _take(request, "add")
    try:
        data = _server(request).register_complete(state, _answer(text))
        credential = data.credential_data
        assert credential is not None
        key = NewKey(
            credential_id=websafe_encode(credential.credential_id),
            public_key=websafe_encode(cbor.encode(dict(credential.public_key))),
            sign_count=data.counter,
        )
    except Exception:  # bytes of a stranger's: whatever the parser makes of them, it is no passkey
        raise refused() from None
    if len(key.credential_id) > 1364:  # WebAuthn level 2, 5.8.3: at most 1023 bytes
        raise refused()
    return key


def shown(request: HttpRequest, purpose: Purpose, text: str, person: User | None = None) -> Shown:
    """The passkey that a browser's answer shows: one of `person`, or anybody's of this tenant who is named in it.

    Raises Invalid, in the same words, for an unknown passkey, another's, a wrong signature, challenge or origin.
    """
    state = _take(request, purpose)
    given = _answer(text)
    try:
        response = AuthenticationResponse.from_dict(given)
        rows = Factor.objects.select_related("user").filter(credential_id=websafe_encode(response.raw_id))
        factor = rows.filter(user=person).first() if person else rows.first()
        # An unknown passkey costs a check as well, under a key that nobody has.
        stored: Any = cbor.decode(websafe_decode(factor.public_key if factor else _NOBODYS))
        key = CoseKey.parse(stored)
        credential = AttestedCredentialData.create(Aaguid.NONE, response.raw_id, key)
        _server(request).authenticate_complete(state, [credential], response)
        handle = response.response.user_handle
        ours = factor is not None and handle in (None, b"", factor.user.pk.bytes) and (person or handle)
    except Exception:  # as above
        raise refused() from None
    if factor is None or not ours:
        raise refused()
    return Shown(factor, response.response.authenticator_data.counter)
