"""After-sales in words: what was not shared and why, reasons, suggestions."""

from __future__ import annotations

from django.utils.translation import gettext as _

from kernel.automotive.warranty import ClaimReason
from kernel.contracts import Level


def not_shared(level: str) -> str:
    """Why a field is empty: the level at which the dealership shares."""
    name = Level(level).label if level in Level.values else level
    return _("Not shared: this dealership shares at the level “%(level)s”.") % {"level": name}


def reason_label(code: str) -> str:
    """The name of a reason of a decision; an unknown code stands as it is."""
    return str(ClaimReason(code).label) if code in ClaimReason.values else code
