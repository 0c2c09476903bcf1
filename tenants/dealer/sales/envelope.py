"""The sealed envelope of an offered lead: name, telephone and e-mail address, unreadable until acceptance.

Sealed with Fernet under a key derived from the dealers' key and this dealership's id, so a copy of the table, a backup
or another dealership's process opens nothing, and acceptance needs no live portal.
"""

import base64
import json

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from kernel.contracts import ENVELOPE, SalesLead
from kernel.tenancy import keys
from kernel.tenancy.bindings import own_id


class EnvelopeError(RuntimeError):
    """The envelope cannot be opened: it was sealed under another key."""


def _box() -> MultiFernet:
    found = keys.all_derived("DEALERS", f"lead-envelope:{own_id()}")
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in found])


def seal(offer: SalesLead) -> str:
    """The personal fields of an offer as a token for `Lead.envelope`. Called bound to the dealership."""
    content = {name: getattr(offer, name) or "" for name in ENVELOPE}
    return _box().encrypt(json.dumps(content, ensure_ascii=False).encode()).decode()


def unseal(token: str) -> dict[str, str]:
    """`name`, `phone` and `email` of a sealed offer; all empty for an empty token. Raises EnvelopeError."""
    if not token:
        return dict.fromkeys(ENVELOPE, "")
    try:
        content = json.loads(_box().decrypt(token.encode()))
    except InvalidToken as error:
        raise EnvelopeError("this envelope was sealed under another key") from error
    return {name: str(content.get(name) or "") for name in ENVELOPE}


def seal_anew(token: str) -> str:
    """The same envelope, sealed under the key of today. Raises EnvelopeError."""
    try:
        return _box().rotate(token.encode()).decode()
    except InvalidToken as error:
        raise EnvelopeError("this envelope was sealed under another key") from error
