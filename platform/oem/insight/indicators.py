"""The indicators of the network: named queries, each with its definition, unit and source, shown as help on the page.

Each group of figures is one grouped query. Numbers of records count what dealerships shared as records; where a
dealership shares counts only, its figures come from the daily counts and hidden days are told, never guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Trunc
from django.utils.translation import gettext_lazy as _

from kernel.contracts import Level
from kernel.reference.queries import CALENDAR
from oem.aftersales.models import Claim, ClaimState, ServiceVisit
from oem.insight.periods import Scope
from oem.leads.models import Event, Lead, LeadState
from oem.owners.models import DailyCount, Owner, Sale
from oem.owners.queries import Tally

Query = TypeVar("Query", bound=Callable[..., Any])
Key = TypeVar("Key")


@dataclass(frozen=True)
class Indicator:
    """What a figure means. All texts are for its readers."""

    key: str
    title: Any
    definition: Any
    unit: Any
    source: Any


INDICATORS: dict[str, Indicator] = {}

FROM_HUB = _("The lead hub, and what dealerships answered (LeadOutcome).")
FROM_SALES = _("Sales that dealerships shared (VehicleSale).")
FROM_OWNERS = _("Owners that dealerships shared (Owner); daily counts where only those are shared.")
FROM_VISITS = _("Service visits that dealerships shared (ServiceVisit); daily counts where only those are shared.")
FROM_CLAIMS = _("Warranty claims (WarrantyClaim) and the decisions on them.")


def indicator(key: str, *, title: Any, definition: Any, unit: Any, source: Any) -> Callable[[Query], Query]:
    """Name a query as an indicator."""

    def name(query: Query) -> Query:
        INDICATORS[key] = Indicator(key, title, definition, unit, source)
        return query

    return name


# -- leads -----------------------------------------------------------------------------------------------------

S = LeadState
#: Milestones of a lead, in order. A lead that skipped one has passed it.
STAGES = (S.RECEIVED, S.OFFERED, S.ACCEPTED, S.CONTACTED, S.TEST_DRIVE, S.QUOTED, S.CONTRACTED, S.WON)
#: Codes of events → the stage they show to be reached. An appointment comes after the contact.
_STAGE_OF_EVENT = {str(stage): at for at, stage in enumerate(STAGES)} | {str(S.APPOINTMENT): STAGES.index(S.CONTACTED)}


@dataclass(frozen=True)
class LeadCell:
    """Leads that are alike. `reached` is a place in STAGES; `dealership` None: given to nobody."""

    dealership: UUID | None
    channel: str
    state: str
    reached: int
    n: int


@dataclass(frozen=True)
class Quantiles:
    """Of `n` values: half are at most `p50`, nine in ten at most `p90`. None when there is none."""

    n: int = 0
    p50: float | None = None
    p90: float | None = None


@dataclass(frozen=True)
class Leads:
    """What one query says about the leads of a scope. Answer times are seconds from the offer."""

    cells: list[LeadCell] = field(default_factory=list)
    answers: Quantiles = Quantiles()
    answers_by_dealership: dict[UUID | None, Quantiles] = field(default_factory=dict)
    answers_by_channel: dict[str, Quantiles] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(cell.n for cell in self.cells)

    def by(self, name: str, *, won: bool = False) -> Counter[Any]:
        """Number of leads (or of those won) by a field of the cells."""
        numbers: Counter[Any] = Counter()
        for cell in self.cells:
            numbers[getattr(cell, name)] += cell.n if not won or cell.state == S.WON else 0
        return numbers


_LEADS = """
WITH lead AS (
    SELECT l.dealership, l.channel, l.state, l.first_response_seconds AS answer,
           coalesce((SELECT max({stage}) FROM {event} e WHERE e.lead_id = l.id), 0) AS reached
    FROM {lead} l
    WHERE l.received_at >= %s AND l.received_at < %s AND l.state <> 'duplicate' {where}
)
SELECT grouping(dealership, channel, state), dealership, channel, state, reached, count(*), count(answer),
       percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY answer)
FROM lead GROUP BY GROUPING SETS ((dealership, channel, state, reached), (dealership), (channel), ())
"""


def leads(scope: Scope) -> Leads:
    """Leads received in the scope, without duplicates, with the answer times. One query."""
    values: list[Any] = [scope.began, scope.ended]
    where = ""
    if scope.brand:
        where += " AND l.brand = %s"
        values.append(scope.brand)
    if scope.dealership:
        where += " AND l.dealership = %s"
        values.append(scope.dealership)
    stage = "CASE e.code " + " ".join(f"WHEN '{code}' THEN {at}" for code, at in _STAGE_OF_EVENT.items()) + " END"
    sql = _LEADS.format(stage=stage, event=Event._meta.db_table, lead=Lead._meta.db_table, where=where)
    found = Leads()
    answers = Quantiles()
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        for grouped, dealership, channel, state, reached, n, answered, quantiles in cursor.fetchall():
            times = Quantiles(answered, *(quantiles or (None, None)))
            if grouped == 0:
                found.cells.append(LeadCell(dealership, channel, state, reached, n))
            elif grouped == 0b011:
                found.answers_by_dealership[dealership] = times
            elif grouped == 0b101:
                found.answers_by_channel[channel] = times
            else:
                answers = times
    return Leads(found.cells, answers, found.answers_by_dealership, found.answers_by_channel)


@indicator(
    "lead_funnel",
    title=_("Lead funnel"),
    definition=_(
        "Leads received in the period, by the furthest step they ever reached; whoever skipped a step passed it."
    ),
    unit=_("Leads"),
    source=FROM_HUB,
)
def lead_funnel(found: Leads) -> list[tuple[LeadState, int]]:
    """Leads that reached each stage or a later one, in the order of STAGES. Source: R-LEAD events of the hub."""
    reached: Counter[int] = Counter()
    for cell in found.cells:
        furthest = len(STAGES) - 1 if cell.state == S.WON else cell.reached
        for at in range(furthest + 1):
            reached[at] += cell.n
    return [(stage, reached[at]) for at, stage in enumerate(STAGES)]


@indicator(
    "leads_by_state",
    title=_("Leads by state"),
    definition=_("Leads received in the period, by the state they are in now. Duplicates are left out."),
    unit=_("Leads"),
    source=FROM_HUB,
)
def leads_by_state(found: Leads) -> list[tuple[LeadState, int]]:
    """Number of leads by present state, in the order of the states; only those that occur."""
    numbers = found.by("state")
    return [(state, numbers[state]) for state in LeadState if numbers[state]]


@indicator(
    "leads_by_channel",
    title=_("Leads by channel"),
    definition=_("Leads received in the period, by the channel they came by."),
    unit=_("Leads"),
    source=FROM_HUB,
)
def leads_by_channel(found: Leads) -> list[tuple[str, int]]:
    """Number of leads by channel, most first."""
    return [(str(channel), n) for channel, n in found.by("channel").most_common()]


@indicator(
    "leads_by_dealership",
    title=_("Leads by dealership"),
    definition=_("Leads received in the period, by the dealership that holds or last held them."),
    unit=_("Leads"),
    source=FROM_HUB,
)
def leads_by_dealership(found: Leads) -> dict[UUID, int]:
    """Number of leads by dealership."""
    return {key: n for key, n in found.by("dealership").items() if key is not None}


@indicator(
    "answer_time",
    title=_("Answer time"),
    definition=_(
        "Time from the offer to the dealership's first contact with the customer: half were faster than the median, "
        "nine in ten faster than the 90 % mark."
    ),
    unit=_("Minutes, hours or days"),
    source=FROM_HUB,
)
def answer_time(found: Leads, dealership: UUID | None = None) -> Quantiles:
    """Median and 90th percentile of the answer time in seconds, of all or of one dealership."""
    return found.answers_by_dealership.get(dealership, Quantiles()) if dealership else found.answers


@indicator(
    "conversion",
    title=_("Conversion"),
    definition=_("Leads won so far as a share of the leads received in the period. Recent leads have had less time."),
    unit=_("Percent"),
    source=FROM_HUB,
)
def conversion(found: Leads, by: str = "") -> dict[Any, float]:
    """Share of won leads (0 to 1) by a field of the cells; under "" that of all. No leads, no share."""
    if not by:
        total = found.total
        return {"": sum(found.by("state", won=True).values()) / total} if total else {}
    won = found.by(by, won=True)
    return {key: won[key] / n for key, n in found.by(by).items() if n}


# -- sales and owners ------------------------------------------------------------------------------------------


def _bucket(scope: Scope, name: str, *, moments: bool) -> Trunc:
    kind = "month" if scope.monthly else "week"
    return Trunc(name, kind, tzinfo=ZoneInfo(CALENDAR)) if moments else Trunc(name, kind)


def _day(value: Any) -> date:
    return value.astimezone(ZoneInfo(CALENDAR)).date() if hasattr(value, "astimezone") else value


def _narrow(rows: QuerySet[Any], scope: Scope) -> QuerySet[Any]:
    rows = rows.order_by()
    return rows.filter(dealership=scope.dealership) if scope.dealership else rows


@dataclass(frozen=True)
class Cell:
    """Records that are alike: `key` is the brand, level, kind … that they are told apart by."""

    dealership: UUID
    key: str
    bucket: date | None
    n: int


def tallied(cells: Iterable[Cell], name: str) -> Counter[Any]:
    """Sum of the numbers by one field of the cells, or by two ("bucket key")."""
    names = name.split()
    numbers: Counter[Any] = Counter()
    for cell in cells:
        values = tuple(getattr(cell, one) for one in names)
        numbers[values if len(values) > 1 else values[0]] += cell.n
    return numbers


@indicator(
    "sales",
    title=_("Cars sold"),
    definition=_("Cars delivered in the period, by the month or week of delivery and by brand."),
    unit=_("Cars"),
    source=FROM_SALES,
)
def sales(scope: Scope) -> list[Cell]:
    """Deliveries by dealership, brand and bucket. One query."""
    rows = _narrow(Sale.objects.filter(delivered_on__gte=scope.since, delivered_on__lte=scope.until), scope)
    if scope.brand:
        rows = rows.filter(brand=scope.brand)
    grouped = rows.values("dealership", "brand", bucket=_bucket(scope, "delivered_on", moments=False))
    return [
        Cell(r["dealership"], r["brand"], _day(r["bucket"]), r["n"]) for r in grouped.annotate(n=Count("id"))
    ]  # fmt: skip


@indicator(
    "owners",
    title=_("Owners by level"),
    definition=_(
        "Owners that were new or changed in the period, by how much of them was shared. "
        "Where only daily counts are shared, every change counts."
    ),
    unit=_("Owners"),
    source=FROM_OWNERS,
)
def owners(scope: Scope) -> list[Cell]:
    """Owners received in the scope by dealership and level. One query."""
    rows = _narrow(Owner.objects.filter(event_at__gte=scope.began, event_at__lt=scope.ended), scope)
    grouped = rows.values("dealership", "level").annotate(n=Count("id"))
    return [Cell(r["dealership"], r["level"], None, r["n"]) for r in grouped]


@dataclass(frozen=True)
class Counted:
    """Daily counts of a scope, summed: by contract and dealership, and by contract and bucket."""

    by_dealership: dict[tuple[str, UUID], Tally] = field(default_factory=dict)
    by_bucket: dict[tuple[str, date], Tally] = field(default_factory=dict)

    def of(self, contract: str) -> Tally:
        """Everything that was counted of a contract."""
        mine = [tally for (name, _id), tally in self.by_dealership.items() if name == contract]
        return Tally(sum(one.known for one in mine), sum(one.hidden for one in mine))


def _add(table: dict[Key, Tally], key: Key, more: Tally) -> None:
    before = table.get(key, Tally())
    table[key] = Tally(before.known + more.known, before.hidden + more.hidden)


def counted(scope: Scope) -> Counted:
    """What dealerships told as daily counts. One query; a hidden total is fewer than five."""
    rows = _narrow(DailyCount.objects.filter(day__gte=scope.since, day__lte=scope.until), scope)
    grouped = rows.values("dealership", "of", bucket=_bucket(scope, "day", moments=False))
    found = Counted()
    for r in grouped.annotate(known=Sum("total"), hidden=Count("id", filter=Q(total=None))):
        told = Tally(r["known"] or 0, r["hidden"])
        _add(found.by_dealership, (r["of"], r["dealership"]), told)
        _add(found.by_bucket, (r["of"], _day(r["bucket"])), told)
    return found


# -- service ---------------------------------------------------------------------------------------------------


@indicator(
    "service_visits",
    title=_("Service visits"),
    definition=_("Repair orders closed in the period, by their main reason."),
    unit=_("Visits"),
    source=FROM_VISITS,
)
def service_visits(scope: Scope) -> list[Cell]:
    """Visits by dealership, kind and bucket. One query."""
    rows = _narrow(ServiceVisit.objects.filter(event_at__gte=scope.began, event_at__lt=scope.ended), scope)
    grouped = rows.values("dealership", "kind", bucket=_bucket(scope, "event_at", moments=True))
    return [Cell(r["dealership"], r["kind"], _day(r["bucket"]), r["n"]) for r in grouped.annotate(n=Count("id"))]


# -- claims ----------------------------------------------------------------------------------------------------

ACCEPTED = (ClaimState.APPROVED, ClaimState.PARTLY_APPROVED)
FINAL = (*ACCEPTED, ClaimState.REFUSED)


@dataclass(frozen=True)
class Claims:
    """What one query says about the claims of a scope. Times to the decision are in days."""

    cells: list[Cell] = field(default_factory=list)
    decided_in: Quantiles = Quantiles()
    decided_in_by_dealership: dict[UUID, Quantiles] = field(default_factory=dict)
    asked: Decimal | None = None
    approved: Decimal | None = None
    currency: str = ""
    #: What was asked for and approved in claims with a final decision; without those in several currencies.
    money_by_dealership: dict[UUID, tuple[Decimal, Decimal]] = field(default_factory=dict)


_CLAIMS = """
WITH claim AS (
    SELECT dealership, state, currency, CASE WHEN state IN %s THEN total END AS asked, approved_total AS approved,
           CASE WHEN state <> 'submitted' THEN extract(epoch FROM decided_at - submitted_at) / 86400.0 END AS days
    FROM {claim} WHERE submitted_at >= %s AND submitted_at < %s {where}
)
SELECT grouping(dealership, state), dealership, state, count(*), count(days),
       percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY days),
       sum(asked), sum(approved) FILTER (WHERE asked IS NOT NULL), count(DISTINCT nullif(currency, '')), max(currency)
FROM claim GROUP BY GROUPING SETS ((dealership, state), (dealership), ())
"""


@indicator(
    "claims_by_state",
    title=_("Claims by state"),
    definition=_("Warranty claims whose newest revision was submitted in the period, by the state they are in now."),
    unit=_("Claims"),
    source=FROM_CLAIMS,
)
def claims(scope: Scope) -> Claims:
    """Claims by dealership and state, with the days to the decision. One query."""
    values: list[Any] = [tuple(str(state) for state in FINAL), scope.began, scope.ended]
    where = ""
    if scope.dealership:
        where = "AND dealership = %s"
        values.append(scope.dealership)
    found = Claims()
    total: dict[str, Any] = {}
    with connection.cursor() as cursor:
        cursor.execute(_CLAIMS.format(claim=Claim._meta.db_table, where=where), values)
        for grouped, dealership, state, n, decided, days, asked, approved, currencies, currency in cursor.fetchall():
            times = Quantiles(decided, *((float(one) for one in days) if decided else (None, None)))
            if grouped == 0:
                found.cells.append(Cell(dealership, state, None, n))
            elif grouped == 0b01:
                found.decided_in_by_dealership[dealership] = times
                if currencies == 1 and asked:
                    found.money_by_dealership[dealership] = (asked, approved or Decimal(0))
            else:
                total["decided_in"] = times
                if currencies == 1:  # sums over several currencies would mean nothing
                    total |= {"asked": asked, "approved": approved, "currency": currency}
    return replace(found, **total)


@indicator(
    "claim_acceptance",
    title=_("Claims accepted"),
    definition=_(
        "Claims approved wholly or partly as a share of the claims with a final decision; "
        "those sent back are not final. How much money was approved is another figure."
    ),
    unit=_("Percent"),
    source=FROM_CLAIMS,
)
def claim_acceptance(cells: Iterable[Cell]) -> float | None:
    """Share of accepted claims among finally decided ones (0 to 1); None without any."""
    numbers = tallied(cells, "key")
    final = sum(numbers[state] for state in FINAL)
    return sum(numbers[state] for state in ACCEPTED) / final if final else None


@indicator(
    "amount_approved",
    title=_("Money approved"),
    definition=_("Money approved as a share of the money asked for in claims with a final decision."),
    unit=_("Percent"),
    source=FROM_CLAIMS,
)
def amount_approved(found: Claims, dealership: UUID | None = None) -> float | None:
    """Share of the approved money (0 to 1), of all or of one dealership; None without any asked for, or in several
    currencies."""
    asked, approved = (
        found.money_by_dealership.get(dealership, (None, None)) if dealership else (found.asked, found.approved)
    )
    return float((approved or 0) / asked) if asked else None


@indicator(
    "days_to_decision",
    title=_("Days to the decision"),
    definition=_("Days from the submission of a claim's newest revision to the answer to it: median and 90 % mark."),
    unit=_("Days"),
    source=FROM_CLAIMS,
)
def days_to_decision(found: Claims, dealership: UUID | None = None) -> Quantiles:
    """Median and 90th percentile of the days to the decision, of all or of one dealership."""
    return found.decided_in_by_dealership.get(dealership, Quantiles()) if dealership else found.decided_in


#: Levels under which owners stand as records.
RECORD_LEVELS = (Level.FULL, Level.PSEUDONYMOUS)
