"""A dealership's limits and what it uses of them, in words."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from redis.exceptions import RedisError

from kernel.tenancy import turns
from kernel.tenancy.limits import Allowance, Use
from kernel.ui.numbers import grouped
from kernel.ui.templatetags.ui import local_text


def facts(dealer_id: UUID, limits: Allowance, use: Use | None, *, exports: int | None = None) -> list[tuple[str, str]]:
    """Label and text of each limit. `exports`: those of today, where they can be seen."""
    found = [
        (_("Storage"), _storage(limits, use)),
        (
            _("Exports a day"),
            _of(exports, limits.exports_per_day) if exports is not None else grouped(limits.exports_per_day),
        ),
        (_("Requests at once in each web process"), grouped(limits.requests)),
        (_("Longest query"), _("%(n)s seconds") % {"n": limits.statement_seconds}),
    ]
    return found + _jobs(dealer_id, limits)


def _storage(limits: Allowance, use: Use | None) -> str:
    if use is None:
        return _("%(limit)s MB, not measured yet") % {"limit": grouped(limits.storage_mb)}
    return _("%(used)s of %(limit)s MB, measured %(at)s") % {
        "used": grouped(use.storage_mb, 1),
        "limit": grouped(limits.storage_mb),
        "at": local_text(use.measured_at),
    }


def _jobs(dealer_id: UUID, limits: Allowance) -> list[tuple[str, str]]:
    try:
        now: dict[str, Any] = turns.backlog(dealer_id)
    except RedisError:  # the page is worth showing without the broker
        return []
    return [
        (_("Background jobs at once"), _of(now["in_flight"], limits.jobs_at_once)),
        (_("Background jobs this minute"), _of(now["this_minute"], limits.jobs_per_minute)),
        (_("Background jobs that wait"), grouped(now["waiting"])),
    ]


def _of(used: int, limit: int) -> str:
    return _("%(used)s of %(limit)s") % {"used": grouped(used), "limit": grouped(limit)}
