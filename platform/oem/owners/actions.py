"""Writing down who looked at owners, and telling the dealerships that shared them.

Named people are personal data: their reading is audited here, once a day, and each time that somebody looks becomes a
row that the dealership is told (`report_readings`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, time
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from django.db import transaction

from exchange.outbound import send_down
from kernel import audit, clock
from kernel.accounts.actors import SYSTEM, Actor
from kernel.accounts.models import User
from kernel.accounts.roles import Role
from kernel.audit.models import Entry
from kernel.contracts import Looked, Purpose, ReadingFor, ReadingHow, ReadingOf, ReadingReport
from kernel.reference.queries import CALENDAR
from kernel.tenancy.bindings import MANUFACTURER_ID
from oem.network.models import AT_WORK, Dealership
from oem.owners.models import Owner, Reading
from oem.owners.queries import Vehicle

#: Owners that one row, and rows that one message, names at most.
KEYS, TIMES = 200, 100
#: What each role that may open owners or cars reads them for.
READING_FOR: dict[Role, ReadingFor] = {
    Role.CRM_ANALYST: ReadingFor.CUSTOMER_CARE,
    Role.PRIVACY_OFFICER: ReadingFor.DATA_PROTECTION,
    Role.WARRANTY_ANALYST: ReadingFor.WARRANTY,
}


def _day_began() -> datetime:
    return datetime.combine(clock.today(CALENDAR), time.min, tzinfo=ZoneInfo(CALENDAR))


@transaction.atomic
def note_reading(*, actor: Actor, owners: Iterable[Owner]) -> int:
    """Write down that a person read these owners: once a person, owner and day, and only those that name somebody.

    Each time is told to the dealerships as well. Returns how many rows of the audit trail were written.
    """
    owners = list(owners)
    _keep(actor, _by_share(owners), how=ReadingHow.OPENED)
    return _audit_reading(actor, owners)


def _audit_reading(actor: Actor, owners: Iterable[Owner]) -> int:
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
def note_listing(
    *, actor: Actor, reader: User, asked: str, rows: Sequence[Owner], searched_by: Iterable[str] = ()
) -> bool:
    """Write down that a person saw a list with named owners: once a person, question and day. True when written.

    Each time is told to the dealerships as well, with what the list was narrowed by and without the words typed.
    """
    question = asked[:500]
    _keep(actor, _by_share(rows), how=ReadingHow.LISTED, asked=question, searched_by=searched_by)
    number = sum(owner.names_somebody for owner in rows)
    if not number or Entry.objects.filter(
        actor_id=actor.id, action="owners.list", at__gte=_day_began(), note=question
    ).exists():  # fmt: skip
        return False
    audit.record(actor=actor, action="owners.list", obj=reader, after={"named": number}, note=question)
    return True


@transaction.atomic
def note_export(
    *, actor: Actor, reader: User, asked: str, form: str, rows: Sequence[Owner], searched_by: Iterable[str] = ()
) -> None:
    """Write down that a person took a list of owners away as a file, and tell the dealerships of those it names."""
    audit.record(
        actor=actor, action="owners.export", obj=reader, after={"format": form, "rows": len(rows)}, note=asked[:500]
    )
    _keep(actor, _by_share(rows), how=ReadingHow.EXPORTED, asked=asked[:500], searched_by=searched_by)


@transaction.atomic
def note_vehicle(*, actor: Actor, found: Vehicle) -> None:
    """Write down that a person opened a car: its named owners as in `note_reading`, and for each dealership that shared
    something of it, that its part was seen."""
    named: dict[UUID, list[str]] = defaultdict(list)
    seen: dict[UUID, list[Purpose]] = defaultdict(list)
    for owner in found.owners:
        seen[owner.dealership].append(Purpose(owner.purpose))
        if owner.names_somebody:
            named[owner.dealership].append(owner.owner_key)
    for sale in found.sales:
        seen[sale.dealership].append(Purpose(sale.purpose))
    for part in found.parts:
        for milestone in part.milestones:
            seen[milestone.dealership].append(part.section.purpose)
    shares = {(dealership, purposes[0]): named[dealership] for dealership, purposes in seen.items()}
    rows = {dealership: len(purposes) for dealership, purposes in seen.items()}
    _keep(actor, shares, how=ReadingHow.OPENED, of=ReadingOf.VEHICLE, vin=found.vin, rows=rows)
    _audit_reading(actor, found.owners)


_Shares = dict[tuple[UUID, Purpose], list[str]]


def _by_share(owners: Iterable[Owner]) -> _Shares:
    """The keys of those that name somebody, by dealership and the purpose they were shared for."""
    shares: _Shares = defaultdict(list)
    for owner in owners:
        if owner.names_somebody:
            shares[owner.dealership, Purpose(owner.purpose)].append(owner.owner_key)
    return shares


def _keep(
    actor: Actor,
    shares: _Shares,
    *,
    how: ReadingHow,
    of: ReadingOf = ReadingOf.OWNERS,
    asked: str = "",
    searched_by: Iterable[str] = (),
    vin: str = "",
    rows: dict[UUID, int] | None = None,
) -> None:
    """Add the rows that dealerships will be told of. Belongs before what was asked for is shown."""
    assert actor.id is not None
    now, narrowed = clock.now(), sorted(set(searched_by))
    Reading.objects.bulk_create(
        Reading(
            dealership=dealership,
            purpose=purpose,
            reader_id=actor.id,
            reader_name=actor.name[:120],
            reader_role=actor.role,
            reading_for=READING_FOR[Role(actor.role)],
            how=how,
            of=of,
            rows=rows[dealership] if rows else len(some),
            searched_by=narrowed,
            asked=asked,
            vin=vin,
            owner_keys=some,
            at=now,
        )
        for (dealership, purpose), keys in shares.items()
        for some in [keys[start : start + KEYS] for start in range(0, max(1, len(keys)), KEYS)]
    )


def report_readings() -> int:
    """Tell every dealership at work who looked at what it shared, many times in one message. Returns how many messages
    were sent. Two at once share the work; what is not told yet is told next time."""
    sent = 0
    waiting = Reading.objects.filter(message=None).order_by().values("dealership").distinct()
    for dealership in Dealership.objects.filter(id__in=waiting, state__in=AT_WORK).values_list("id", flat=True):
        while told := _report_some(dealership):
            sent += told
    return sent


@transaction.atomic
def _report_some(dealership: UUID) -> int:
    """One message for each purpose among the oldest rows; returns how many."""
    untold = Reading.objects.filter(message=None, dealership=dealership).order_by("number")
    by_purpose: dict[str, list[Reading]] = defaultdict(list)
    for row in untold.select_for_update(skip_locked=True)[:TIMES]:
        by_purpose[row.purpose].append(row)
    for purpose, rows in by_purpose.items():
        report = send_down(
            ReadingReport(times=[_told(row) for row in rows]),
            to=dealership,
            subject=uuid5(MANUFACTURER_ID, "readings"),
            purpose=Purpose(purpose),
            actor=SYSTEM,
            event_at=rows[-1].at,
        )
        Reading.objects.filter(pk__in=[row.pk for row in rows]).update(message=report.pk)
    return len(by_purpose)


def _told(row: Reading) -> Looked:
    """What leaves of a row: neither the reader's name nor the words that were typed."""
    return Looked(
        reading_id=row.pk,
        at=row.at,
        reader=row.reader_id,
        reader_role=row.reader_role,
        reading_for=ReadingFor(row.reading_for),
        how=ReadingHow(row.how),
        of=ReadingOf(row.of),
        rows=row.rows,
        searched_by=row.searched_by,
        vin=row.vin or None,
        owner_keys=row.owner_keys,
    )
