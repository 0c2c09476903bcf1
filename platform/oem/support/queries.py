"""Reads of what was asked."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from kernel.accounts.access import find
from kernel.accounts.models import User
from kernel.accounts.roles import Right
from oem.network.models import Dealership
from oem.support.models import Ask


def asked_of(dealership: Dealership, user: User) -> QuerySet[Ask]:
    """What was asked of a dealership, by whomever, newest first; nothing for people who may not ask."""
    if not user.has(Right.SUPPORT_ASK):
        return Ask.objects.none()
    return Ask.objects.filter(dealership=dealership.pk)


def access_ask_for_withdrawing(dealership: Dealership, id: UUID, user: User) -> Ask:
    """One question. Whoever may ask may also take back what a colleague asked. Raises Missing."""
    return find(asked_of(dealership, user), id)
