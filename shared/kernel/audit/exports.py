"""Exports of a day: every file that people take from a list leaves a row in the audit trail; these are counted."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from kernel import clock
from kernel.audit.models import Entry
from kernel.tenancy.limits import ExportsUsedUp


def today() -> int:
    """How many exports people of the bound member took since midnight of the active time zone."""
    begun, _end = _day()
    return Entry.objects.filter(at__gte=begun, actor_kind="user", action__contains="export").count()


def check(request: HttpRequest) -> None:
    """Raises ExportsUsedUp when the dealership that is asked may take no more today. One query."""
    member: Any = getattr(request, "tenant", None)  # parts of the kit are shown without a member
    if member is None or member.is_portal or today() < member.limits.exports_per_day:
        return
    _begun, end = _day()
    raise ExportsUsedUp(int((end - clock.now()).total_seconds()) + 1)


def _day() -> tuple[datetime, datetime]:
    zone = timezone.get_current_timezone()
    day = clock.now().astimezone(zone).date()
    return (
        datetime.combine(day, time(), tzinfo=zone),
        datetime.combine(day + timedelta(days=1), time(), tzinfo=zone),
    )
