"""Reading what was shared about cars and owners. Owners are shown for the purpose they were received for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Q, QuerySet

from kernel import clock
from kernel.accounts.access import find
from kernel.accounts.roles import Right
from kernel.automotive import phone, regions
from kernel.contracts import FLOOR, Level
from kernel.errors import Missing
from kernel.reference.queries import CALENDAR
from oem.agreements.queries import LastSeen, Seen, combined, counts_come_from
from oem.network.models import Dealership
from oem.network.queries import region_name
from oem.owners import sections
from oem.owners.models import DailyCount, Owner, Sale

#: Who may look at a car: everybody who may see at least one kind of record of it.
VEHICLE_RIGHTS = (Right.OWNERS_READ, Right.SERVICE_READ, Right.CLAIMS_READ)
#: A search for part of a VIN needs so many of its last characters.
VIN_TAIL = 6


def owners_for(user: Any) -> QuerySet[Owner]:
    """Owners a person of the portal may see."""
    return Owner.objects.all() if user.has(Right.OWNERS_READ) else Owner.objects.none()


def access_owner_for_reading(owner_id: UUID, user: Any) -> Owner:
    """One owner. Raises Missing."""
    return find(owners_for(user), owner_id)


def text_condition(text: str) -> Q:
    """Condition on Owner: part of a name, a phone number, a VIN or its end, or the beginning of a code."""
    text = text.replace("\x00", "").strip()[:100]
    if not text:
        return Q()
    bare = text.upper().replace(" ", "")
    condition = Q(name__contains=text) | Q(company_name__contains=text) | Q(vin=bare)
    if len(bare) >= VIN_TAIL and bare.isascii() and bare.isalnum():
        condition |= Q(vin__endswith=bare)
    if text.startswith("p_"):
        condition |= Q(owner_key__startswith=text) | Q(vin__startswith=text)
    reached = phone.normalise(text).e164
    if reached:
        condition |= Q(phone=reached)
    return condition


def found_owners(owners: QuerySet[Owner], *, text: str = "") -> QuerySet[Owner]:
    """Narrow by name, VIN or phone."""
    return owners.filter(text_condition(text))


def province_choices() -> list[tuple[str, str]]:
    """All provinces as records write them: the full Chinese name, and its name in the active language."""
    return [(region.name, region_name(region.code)) for region in regions.provinces()]


def other_roles(owner: Owner, user: Any) -> QuerySet[Owner]:
    """The same party's other cars and roles, as the same dealership shared them."""
    return (
        owners_for(user).filter(dealership=owner.dealership, owner_key=owner.owner_key).exclude(id=owner.id)
    )  # fmt: skip


# -- one car ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Vehicle:
    """One car as far as it was shared. `sales` newest first; `parts` are those of other apps (service, claims)."""

    vin: str
    sales: list[Sale]
    owners: list[Owner]
    parts: list[sections.Part]

    @property
    def sale(self) -> Sale | None:
        return self.sales[0] if self.sales else None

    @property
    def dealerships(self) -> list[UUID]:
        """Every dealership that shared something of it, the selling one first."""
        ids = [one.dealership for one in (*self.sales, *self.owners)]
        ids += [milestone.dealership for part in self.parts for milestone in part.milestones]
        return list(dict.fromkeys(ids))


def vehicle(vin: str, user: Any) -> Vehicle:
    """What was shared about one car, each kind of record for those who may read it. Raises Missing."""
    if not any(user.has(right) for right in VEHICLE_RIGHTS) or "\x00" in vin:
        raise Missing()
    found = Vehicle(
        vin=vin,
        sales=list(Sale.objects.filter(vin=vin)),
        owners=list(owners_for(user).filter(vin=vin).order_by("-since", "-event_at", "id")),
        parts=sections.parts_of(vin, user),
    )
    if not found.sales and not found.owners and not any(part.rows for part in found.parts):
        raise Missing()
    return found


def delivered_on(vin: str) -> date | None:
    """The day a car was delivered, as its dealership reported it: the start of its warranty."""
    return Sale.objects.filter(vin=vin).values_list("delivered_on", flat=True).first()


# -- counts ----------------------------------------------------------------------------------------------------


def counts(of: str, *, since: date, until: date) -> QuerySet[DailyCount]:
    """Daily counts of one contract between two days, both included."""
    return DailyCount.objects.filter(of=of, day__gte=since, day__lte=until)


@counts_come_from
def counts_seen(contracts: Iterable[str]) -> list[Seen]:
    """When daily counts last arrived, by dealership, contract and purpose. One query."""
    rows = DailyCount.objects.filter(of__in=list(contracts)) if contracts else DailyCount.objects.all()
    grouped = rows.order_by().values("dealership", "of", "purpose", "agreement_version").annotate(at=Max("event_at"))
    return [
        Seen(r["dealership"], r["of"], r["purpose"], Level.COUNTS, r["at"], r["agreement_version"]) for r in grouped
    ]


@dataclass(frozen=True)
class Tally:
    """A sum of daily counts: `known` from the days whose number was told, and how many `hidden` days had 0 to 4."""

    known: int = 0
    hidden: int = 0

    def plus(self, total: int | None) -> Tally:
        return Tally(self.known, self.hidden + 1) if total is None else Tally(self.known + total, self.hidden)

    @property
    def highest(self) -> int:
        return self.known + self.hidden * (FLOOR - 1)

    def __str__(self) -> str:
        """``12``, ``< 5`` for one hidden day, ``12–20`` where hidden days may add something."""
        if not self.hidden:
            return str(self.known)
        if self.known == 0 and self.hidden == 1:
            return f"< {FLOOR}"
        return f"{self.known}–{self.highest}"


@dataclass(frozen=True)
class SharingOfOwners:
    """How one dealership shares its owners. `last` None: nothing ever arrived. `days` are the last ones, oldest first;
    a total is None below the floor. `begun`: a day was counted since it shares counts only. `rows` is how many owners
    stand here by name or code."""

    dealership: Dealership
    last: LastSeen | None
    rows: int
    days: list[tuple[date, int | None]]
    months: list[tuple[date, Tally]]
    begun: bool


def _monthly(rows: Iterable[tuple[date, int | None]]) -> list[tuple[date, Tally]]:
    months: dict[date, Tally] = {}
    for day, total in rows:
        first = day.replace(day=1)
        months[first] = months.get(first, Tally()).plus(total)
    return sorted(months.items())


def _held() -> list[dict[str, Any]]:
    """The owners that stand here, grouped by how they came: `n` of them, the last one `at`. One query."""
    groups = Owner.objects.order_by().values("dealership", "purpose", "level", "agreement_version")
    return [dict(group) for group in groups.annotate(at=Max("event_at"), n=Count("id"))]


def _last(held: Iterable[dict[str, Any]]) -> dict[UUID, LastSeen]:
    seen = [
        Seen(r["dealership"], "Owner", r["purpose"], Level(r["level"]), r["at"], r["agreement_version"]) for r in held
    ]
    return {key[0]: one for key, one in combined([*seen, *counts_seen(["Owner"])]).items()}


def owners_last_seen() -> dict[UUID, LastSeen]:
    """The level at which each dealership was last seen to share its owners. Two queries."""
    return _last(_held())


def _counted(
    reports: Iterable[tuple[date, int | None, datetime]], records_until: datetime | None
) -> tuple[list[tuple[date, int | None]], bool]:
    """The days of one dealership's reports that tell something, and whether one of them came after the last record.

    A change to counts is told at once, by the report of the day before (`dealer.sharing`). On that day records still
    came: the first report after the last record, with a total below the floor, tells nothing of it.
    """
    days, first, begun = [], True, False
    for day, total, at in reports:
        if records_until is not None and at <= records_until:
            days.append((day, total))
        elif first and total is None:
            first = False
        else:
            first, begun = False, True
            days.append((day, total))
    return days, begun


def sharing_of_owners(dealerships: Iterable[Dealership], *, days: int = 30) -> list[SharingOfOwners]:
    """How each dealership shares its owners, with the counts of the last days and six months. Three queries."""
    today = clock.today(CALENDAR)
    held = _held()
    last = _last(held)
    rows: dict[UUID, int] = {}
    until: dict[UUID, datetime] = {}
    for group in held:
        id_ = group["dealership"]
        rows[id_] = rows.get(id_, 0) + group["n"]
        until[id_] = max(until.get(id_, group["at"]), group["at"])
    first = (today.replace(day=1) - timedelta(days=150)).replace(day=1)
    reports: dict[UUID, list[tuple[date, int | None, datetime]]] = {}
    # From a day before, so that what is left out as the first report is not the first one of the time shown.
    told = counts("Owner", since=first - timedelta(days=1), until=today).order_by("day")
    for dealership, day, total, at in told.values_list("dealership", "day", "total", "event_at"):
        reports.setdefault(dealership, []).append((day, total, at))
    found = []
    for one in dealerships:
        counted, begun = _counted(reports.get(one.id, []), until.get(one.id))
        counted = [entry for entry in counted if entry[0] >= first]
        found.append(
            SharingOfOwners(
                dealership=one,
                last=last.get(one.id),
                rows=rows.get(one.id, 0),
                days=[entry for entry in counted if entry[0] > today - timedelta(days=days)],
                months=_monthly(counted),
                begun=begun,
            )
        )
    return found
