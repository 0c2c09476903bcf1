"""Reads of support access: who may see a request and its trail, and whether a guest is still let in."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.postgres.aggregates import StringAgg
from django.db.models import CharField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from dealer.support.models import Access, Act
from kernel import clock
from kernel.accounts import codes
from kernel.accounts.access import find
from kernel.accounts.models import User
from kernel.accounts.roles import Right
from kernel.audit.models import Entry
from kernel.contracts.support import SupportStep

#: Who sees requests and trails: whoever answers for what others see of the dealership, and whoever looks after it.
READS = Right.SHARING_READ
#: Who answers, and ends: the general manager. Not PEOPLE_MANAGE: the IT administrator, who has it too, sees no customer
#: and so must not let anybody else see them.
ANSWERS = Right.SHARING_CHANGE


def visible_accesses(user: User) -> QuerySet[Access]:
    """Requests that a person may see. A guest sees none: not even whether there are others."""
    if user.is_guest or not user.has(READS):
        return Access.objects.none()
    return Access.objects.all()


def access_access_for_reading(id: str | UUID, user: User) -> Access:
    """One request with its trail. Raises Missing."""
    return find(visible_accesses(user), id)


def access_access_for_answering(id: str | UUID, user: User) -> Access:
    """One request, for those who may answer and end. Raises Missing."""
    return find(visible_accesses(user) if user.has(ANSWERS) else Access.objects.none(), id)


def waiting() -> QuerySet[Access]:
    """Requests that nobody has answered."""
    return Access.objects.filter(state=SupportStep.ASKED)


def let_in_now() -> QuerySet[Access]:
    """Accesses that are open at this moment."""
    return Access.objects.filter(state=SupportStep.APPROVED, until__gt=clock.now())


def open_access_of(guest: User) -> Access | None:
    """What a guest was let in by, while it lasts; else None."""
    return let_in_now().filter(guest=guest).first()


def access_of_code(code: str) -> Access | None:
    """The access that a one-time code is for, whatever has become of it."""
    return Access.objects.filter(code_hash=codes.hash_of(code)).first()


def trail(access: Access) -> QuerySet[Act]:
    """Every request of the guest, newest first; `done` names what it changed, as the audit trail does."""
    changed = (
        Entry.objects.filter(actor_id=access.guest_id, request_id=OuterRef("request_id"))
        .exclude(request_id="")
        .order_by()
        .values("request_id")
        .annotate(names=StringAgg("action", Value(", "), order_by="action"))
    )
    done: Any = Coalesce(Subquery(changed.values("names")), Value(""), output_field=CharField())
    return access.acts.annotate(done=done)
