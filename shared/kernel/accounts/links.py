"""One-time links: invitations and password resets. Nothing is stored; the link is signed and carries a fingerprint.

The fingerprint covers the password, the address and the tenant: it stops fitting as soon as a password is set, the mail
address changes or the person is retired, so a link works once and only where it was made.
"""

from datetime import timedelta
from typing import Literal

from django.core import signing
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext_lazy as _

from kernel.accounts.models import User
from kernel.accounts.sessions import realm
from kernel.errors import Invalid

Purpose = Literal["invite", "reset"]

VALID_FOR: dict[str, timedelta] = {"invite": timedelta(days=7), "reset": timedelta(hours=1)}


def _fingerprint(user: User, purpose: str) -> str:
    parts = [purpose, realm(), str(user.pk), user.password, user.email.lower(), str(user.is_active)]
    parts.append(user.invited_at.isoformat() if user.invited_at else "")
    return salted_hmac("dealernet.link", "\x1f".join(parts), algorithm="sha256").hexdigest()[:40]


def make_link(user: User, purpose: Purpose) -> str:
    """The secret part of a link for one person; url-safe."""
    return signing.dumps([purpose, user.pk.hex, _fingerprint(user, purpose)], salt="dealernet.link")


def person_of_link(text: str) -> tuple[User, Purpose]:
    """The person a link is for, and why. Raises Invalid for a link that is not ours, too old, used or from elsewhere."""
    wrong = Invalid({"": _("This link is no longer valid. Please ask for a new one.")}, code="link_invalid")
    try:
        purpose, user_id, fingerprint = signing.loads(text, salt="dealernet.link")
        signing.loads(text, salt="dealernet.link", max_age=VALID_FOR[purpose])
    except (signing.BadSignature, ValueError, KeyError, TypeError):
        raise wrong from None
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None or not constant_time_compare(fingerprint, _fingerprint(user, purpose)):
        raise wrong
    return user, purpose


def absolute(host: str, path: str) -> str:
    """A full address at a host (with its port), over https unless it is *.localhost."""
    name = host.rpartition(":")[0] or host
    plain = name == "localhost" or name.endswith(".localhost")
    return f"{'http' if plain else 'https'}://{host}{path}"
