"""Which part of the network and of time a figure is about. Days are the manufacturer's calendar days."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from kernel import clock
from kernel.reference.queries import CALENDAR
from kernel.ui.templatetags.ui import local_text

DAYS = (30, 90, 365)
DEFAULT = "90"
MONTHS = 24
#: Up to so many days are drawn by week, longer ones by month.
WEEKLY_UP_TO = 62


@dataclass(frozen=True)
class Scope:
    """Days `since` to `until`, both included; "" and None mean all brands and dealerships."""

    since: date
    until: date
    brand: str = ""
    dealership: UUID | None = None

    @property
    def began(self) -> datetime:
        return datetime.combine(self.since, time.min, tzinfo=ZoneInfo(CALENDAR))

    @property
    def ended(self) -> datetime:
        """The first moment after it."""
        return datetime.combine(self.until + timedelta(days=1), time.min, tzinfo=ZoneInfo(CALENDAR))

    @property
    def monthly(self) -> bool:
        return (self.until - self.since).days >= WEEKLY_UP_TO

    @property
    def whole_network(self) -> Scope:
        return replace(self, dealership=None)

    def buckets(self) -> list[date]:
        """The first days of the months, or of the weeks (Monday), that it touches, in order."""
        day = bucket_of(self.since, self.monthly)
        found = []
        while day <= self.until:
            found.append(day)
            day = bucket_of(day + timedelta(days=32 if self.monthly else 7), self.monthly)
        return found

    def label(self, bucket: date) -> str:
        """A bucket as charts write it."""
        return f"{bucket:%Y-%m}" if self.monthly else local_text(bucket, "day")


def bucket_of(day: date, monthly: bool) -> date:
    """The first day of a day's month or week."""
    return day.replace(day=1) if monthly else day - timedelta(days=day.weekday())


def choices() -> list[tuple[str, str]]:
    """What may be chosen: the last days, or one of the last months."""
    days = [(str(n), _("Last %(n)s days") % {"n": n}) for n in DAYS]
    first = clock.today(CALENDAR).replace(day=1)
    months = []
    for _month in range(MONTHS):
        months.append((f"{first:%Y-%m}", f"{first:%Y-%m}"))
        first = (first - timedelta(days=1)).replace(day=1)
    return days + months


def scope_for(chosen: str) -> tuple[str, Scope]:
    """The period chosen and its days; what cannot be chosen is the default."""
    if chosen not in dict(choices()):
        chosen = DEFAULT
    today = clock.today(CALENDAR)
    if "-" not in chosen:
        return chosen, Scope(today - timedelta(days=int(chosen) - 1), today)
    first = date.fromisoformat(f"{chosen}-01")
    after = (first + timedelta(days=32)).replace(day=1)
    return chosen, Scope(first, after - timedelta(days=1))
