"""Writing down who looked at owners. Named people are personal data: their reading is audited."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time
from zoneinfo import ZoneInfo

from django.db import transaction

from kernel import audit, clock
from kernel.accounts.actors import Actor
from kernel.accounts.models import User
from kernel.audit.models import Entry
from kernel.reference.queries import CALENDAR
from oem.owners.models import Owner


def _day_began() -> datetime:
    return datetime.combine(clock.today(CALENDAR), time.min, tzinfo=ZoneInfo(CALENDAR))


@transaction.atomic
def note_reading(*, actor: Actor, owners: Iterable[Owner]) -> int:
    """Write down that a person read these owners: once a person, owner and day, and only those that name somebody.

    Returns how many rows were written.
    """
    named = {str(owner.pk): owner for owner in owners if owner.names_somebody}
    if not named:
        return 0
    mine = Entry.objects.filter(actor_id=actor.id, action="owners.read", at__gte=_day_began(), object_id__in=named)
    for known in set(mine.values_list("object_id", flat=True)):
        del named[known]
    for owner in named.values():
        audit.record(
            actor=actor,
            action="owners.read",
            obj=owner,
            after={"purpose": owner.purpose, "dealership": owner.dealership},
        )
    return len(named)


@transaction.atomic
def note_listing(*, actor: Actor, reader: User, asked: str, rows: Iterable[Owner]) -> bool:
    """Write down that a person saw a list with named owners: once a person, question and day. True when written."""
    number = sum(owner.names_somebody for owner in rows)
    question = asked[:500]
    if not number or Entry.objects.filter(
        actor_id=actor.id, action="owners.list", at__gte=_day_began(), note=question
    ).exists():  # fmt: skip
        return False
    audit.record(actor=actor, action="owners.list", obj=reader, after={"named": number}, note=question)
    return True


@transaction.atomic
def note_export(*, actor: Actor, reader: User, asked: str, form: str, rows: int) -> None:
    """Write down that a person took a list of owners away as a file."""
    audit.record(
        actor=actor, action="owners.export", obj=reader, after={"format": form, "rows": rows}, note=asked[:500]
    )
