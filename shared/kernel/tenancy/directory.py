"""Which member a host name leads to. Read as `frontdesk`, remembered for a few seconds in the process."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Subquery

from kernel.tenancy import rendering
from kernel.tenancy.bindings import Binding, Dealer, Portal
from kernel.tenancy.limits import NAMES, Allowance, Use, merged
from kernel.tenancy.models import Domain, Kind, State, Tenant

#: Seconds a looked-up host is remembered: how long a retired dealership's pages may still be found.
REMEMBER_FOR = 5.0
#: Hosts remembered at most: made-up names may not fill the memory.
REMEMBER_AT_MOST = 4096
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*\Z")

#: The main address of the member that a host leads to: in the same query.
_PRIMARY = Subquery(Domain.objects.filter(tenant=OuterRef("tenant"), is_primary=True).values("domain")[:1])


@dataclass(frozen=True, slots=True)
class Member:
    """The part of a tenant's row that requests need."""

    id: UUID
    kind: str
    slug: str
    name: str
    limits: Allowance
    #: None until the steward has measured, and for the manufacturer.
    usage: Use | None = None
    #: Its main address where the host that was asked for is another one; empty on the main address itself.
    primary: str = ""
    #: An upgrade to this release failed in its schema: it is not served until that is mended.
    fenced: bool = False

    @property
    def binding(self) -> Binding:
        return Portal() if self.kind == Kind.MANUFACTURER else Dealer(self.id)

    @property
    def is_portal(self) -> bool:
        return self.kind == Kind.MANUFACTURER


_lock = threading.Lock()
_remembered: dict[str, tuple[float, Member | None]] = {}
_fenced: tuple[float, frozenset[UUID]] = (0.0, frozenset())


def host_name(header: str) -> str | None:
    """The name in a Host header: lower case, no port; None for anything that is not a plain DNS name."""
    name, colon, port = header.partition(":")
    if colon and not (port.isascii() and port.isdigit() and len(port) <= 5):
        return None
    name = name.lower()
    return name if len(name) <= 253 and _HOST.match(name) else None


def member_at(host: str) -> Member | None:
    """The active member at a host name, or None. Must be called unbound."""
    now = time.monotonic()
    found = _remembered.get(host)
    if found and found[0] > now:
        return found[1]
    row = (
        Domain.objects.filter(domain=host, tenant__state=State.ACTIVE)
        .values_list(
            *("tenant_id", "tenant__kind", "tenant__slug", "tenant__name", "tenant__fenced_by"),
            *("tenant__usage__table_bytes", "tenant__usage__file_bytes", "tenant__usage__measured_at"),
            _PRIMARY,
            *(f"tenant__own_limits__{name}" for name in NAMES),
        )
        .first()
    )
    member = _member(host, row) if row else None
    with _lock:
        if len(_remembered) >= REMEMBER_AT_MOST:
            _remembered.clear()
        _remembered[host] = (now + REMEMBER_FOR, member)
    return member


def _member(host: str, row: tuple[Any, ...]) -> Member:
    (id_, kind, slug, name, fenced_by), measured, main, own = row[:5], row[5:8], row[8], row[9:]
    return Member(
        id_,
        kind,
        slug,
        name,
        limits=merged(dict(zip(NAMES, own, strict=True))),
        usage=Use(*measured) if measured[2] else None,
        primary=main if main and main != host else "",
        fenced=_of_this_release(kind, fenced_by),
    )


def _of_this_release(kind: str, fenced_by: str) -> bool:
    """Whether a fence was put up by an upgrade to this very release; another release's code can serve the schema."""
    return bool(fenced_by) and fenced_by == rendering.wanted(kind)


def is_fenced(dealer_id: UUID) -> bool:
    """Whether this release does not serve a dealership. Must be called unbound; remembered like hosts."""
    global _fenced
    now = time.monotonic()
    until, ids = _fenced
    if until <= now:
        wanted = rendering.wanted(rendering.DEALERSHIP)
        ids = frozenset(Tenant.objects.filter(kind=Kind.DEALERSHIP, fenced_by=wanted).values_list("id", flat=True))
        _fenced = (now + REMEMBER_FOR, ids)
    return dealer_id in ids


def forget() -> None:
    """Forget every remembered host (tests, and after a change in this process)."""
    global _fenced
    with _lock:
        _remembered.clear()
        _fenced = (0.0, frozenset())
