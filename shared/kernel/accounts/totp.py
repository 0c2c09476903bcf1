"""Codes of an authenticator app (RFC 6238: SHA-1, six digits, 30 seconds, as every app knows them), and their sealed
secrets.

A secret is sealed with Fernet under a key that follows from the tier's key, the tenant and the person: a row copied to
another schema, or to another person, opens nothing.
"""

import base64
import hmac
import unicodedata
from datetime import datetime
from uuid import UUID

import pyotp
import segno
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.utils.safestring import SafeString, mark_safe

from kernel.accounts.sessions import realm
from kernel.tenancy import keys

STEP = 30
SLACK = 1
"""Steps before and after the present one that are accepted: a phone's clock may be 30 seconds off (RFC 6238, 5.2)."""


def _box(person: UUID) -> MultiFernet:
    name = "PORTAL" if realm() == "portal" else "DEALERS"
    found = keys.all_derived(name, f"second-factor:{realm()}:{person}")
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in found])


def seal(secret: str, person: UUID) -> str:
    """A secret as it stands in the table."""
    return _box(person).encrypt(secret.encode()).decode()


def unseal(sealed: str, person: UUID) -> str | None:
    """The secret of a person of the bound tenant; None when it was sealed for somebody else or elsewhere."""
    try:
        return _box(person).decrypt(sealed.encode()).decode()
    except InvalidToken:
        return None


def seal_anew(sealed: str, person: UUID) -> str:
    """The same secret, sealed under the key of today; as it stands when nobody can open it."""
    try:
        return _box(person).rotate(sealed.encode()).decode()
    except InvalidToken:
        return sealed


def new_secret() -> str:
    """160 random bits in base32 (RFC 4226, 4: at least 128)."""
    return pyotp.random_base32()


def digits(text: str) -> str:
    """What was typed, as plain digits: without spaces and hyphens, full-width ones made narrow."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", text) if sign not in " -\u3000")


def step_of(secret: str, code: str, at: datetime, *, after: int = 0) -> int | None:
    """The 30 seconds whose code this is, later than the step `after`; None when it fits none of those accepted now."""
    code, now = digits(code), int(at.timestamp()) // STEP
    if len(code) != 6 or not code.isascii():
        return None
    app, found = pyotp.TOTP(secret), None
    for step in range(now - SLACK, now + SLACK + 1):
        fits = hmac.compare_digest(app.generate_otp(step), code)
        if fits and step > after:
            found = step
    return found


def address(secret: str, login: str, issuer: str) -> str:
    """The otpauth:// address that an app understands."""
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=issuer)


def picture(text: str) -> SafeString:
    """A QR code as inline SVG without any style attribute, dark on white in every theme."""
    return mark_safe(segno.make(text, error="m", micro=False).svg_inline(scale=5, light="#fff"))  # noqa: S308 - made of modules only, the text stands in none of its attributes
