"""Support access in words."""

from __future__ import annotations

from django.utils.translation import gettext as _

from dealer.support.models import Access, Origin
from kernel.accounts.roles import Role


def who(access: Access) -> str:
    """Who asks: the operator by name, the manufacturer's person by role and the beginning of its own id."""
    if access.origin == Origin.OPERATOR:
        return _("%(name)s, operator of the servers") % {"name": access.asked_by}
    role = Role(access.asked_by).label if access.asked_by in Role.values else access.asked_by
    person = str(access.asked_by_id or "")[:8]
    return _("%(role)s at the manufacturer (person %(person)s)") % {"role": role, "person": person}
