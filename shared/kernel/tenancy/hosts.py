"""Host names of a dealership's own: which names can be one, what a dealership wishes about them and what it reads.

A dealership's login has no right on the directory. It can leave one wish at a time for the steward (`HostWish`, guarded
by a policy of the table) and read what became of its own (`tenancy_own_hosts()`, which answers to the login that asks).
"""

from __future__ import annotations

import functools
import ipaddress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import idna
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext_lazy as _
from publicsuffixlist import PublicSuffixList

from kernel.errors import Conflict, Invalid
from kernel.tenancy.models import HostClaim, HostState, HostVerb

#: Before the name, where the record stands (RFC 8552: names with an underscore are nobody's host).
PREFIX = "_dealernet"
#: RFC 1035, 2.3.4: 253 characters with the prefix and its dot.
LONGEST = 253 - len(PREFIX) - 1
#: Names that mean something else on every machine or network (RFC 6761, 6762, 7686, 8375, 9476; ICANN's `internal`).
RESERVED = frozenset("localhost local internal invalid test onion arpa alt lan home corp".split())


@functools.cache
def _suffixes() -> PublicSuffixList:
    """The list of public suffixes as of the library's date. An unknown last label counts as a suffix."""
    return PublicSuffixList()


def normalise(text: str) -> str:
    """The name in the form in which it is kept and compared: lower case, IDN as punycode (IDNA 2008 with the mapping of
    UTS 46), no port, no dot at the end. An address pasted from a browser is read too.

    Raises Invalid for what cannot be a dealership's own host.
    """
    name = text.strip()
    for scheme in ("https://", "http://"):
        if name.lower().startswith(scheme):
            name = name[len(scheme) :]
    name = name.rstrip("/").removesuffix(".")
    if _is_address(name):
        raise Invalid({"host": _("Give a name, not a number.")}, code="host_is_address")
    try:
        host = idna.encode(name, uts46=True).decode().lower()
    except (idna.IDNAError, UnicodeError):
        raise Invalid({"host": _("This is not a host name. Example: www.our-dealership.cn")}, code="host_bad") from None
    labels = host.split(".")
    if len(labels) < 2 or len(host) > LONGEST or labels[-1].isdigit():
        raise Invalid({"host": _("This is not a host name. Example: www.our-dealership.cn")}, code="host_bad")
    base = settings.BASE_DOMAIN.lower()
    ours = host == base or host.endswith(f".{base}") or base.endswith(f".{host}")
    if ours or labels[-1] in RESERVED:
        raise Invalid({"host": _("This name cannot belong to a dealership.")}, code="host_reserved")
    if _suffixes().privatesuffix(host) is None:
        raise Invalid({"host": _("Many share this name. Give one that you have registered.")}, code="host_is_suffix")
    return host


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def shown(host: str) -> str:
    """The name as people write it: 中国 for xn--fiqs8s; what cannot be read stays as it is."""
    try:
        return idna.decode(host)
    except (idna.IDNAError, UnicodeError):
        return host


def record_name(host: str) -> str:
    """Where the record stands that proves a name."""
    return f"{PREFIX}.{host}"


def record_text(token: str) -> str:
    """What stands in it."""
    return f"dealernet-verification={token}"


@dataclass(frozen=True, slots=True)
class OwnHost:
    """What a dealership may know of one of its attempts (columns of `HostClaim`)."""

    id: UUID
    host: str
    token: str
    state: str
    asked_by: str
    asked_at: datetime
    expires_at: datetime
    checked_at: datetime | None
    problem: str
    seen_at: datetime | None
    bound_at: datetime | None
    missing_since: datetime | None
    ended_at: datetime | None
    end: str
    kept_until: datetime | None
    is_primary: bool

    @property
    def shown(self) -> str:
        return shown(self.host)

    @property
    def record_name(self) -> str:
        return record_name(self.host)

    @property
    def record_text(self) -> str:
        return record_text(self.token)

    @property
    def is_open(self) -> bool:
        return self.state in (HostState.ASKED, HostState.BOUND)

    def get_state_display(self) -> str:
        return str(HostState(self.state).label)

    def get_problem_display(self) -> str:
        return str(HostClaim.Problem(self.problem).label) if self.problem else ""

    def get_end_display(self) -> str:
        return str(HostClaim.End(self.end).label) if self.end else ""


#: How many ended attempts are shown beside those that count.
ENDED_SHOWN = 10
#: In the order of `OwnHost`.
_MINE = (
    "SELECT id, host, token, state, asked_by, asked_at, expires_at, checked_at, problem, seen_at, bound_at, "
    'missing_since, ended_at, "end", kept_until, is_primary FROM tenancy_own_hosts() '
    "ORDER BY state NOT IN ('asked', 'bound'), asked_at DESC LIMIT %s"
)


def mine() -> list[OwnHost]:
    """The attempts of the dealership whose login asks: those that count first, then the latest that ended."""
    with connection.cursor() as cursor:
        cursor.execute(_MINE, [settings.OWN_HOSTS_AT_MOST + ENDED_SHOWN])
        return [OwnHost(*row) for row in cursor.fetchall()]


def leave_wish(verb: HostVerb, host: str, *, by: str) -> None:
    """Leave a wish of the bound dealership for the steward, who takes it within a second.

    Raises Conflict while the one before is not taken yet.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            # Not by the model: this login may not read the row back.
            cursor.execute(
                "INSERT INTO tenancy_hostwish (verb, host, asked_by) VALUES (%s, %s, %s)", [verb, host, by[:120]]
            )
    except IntegrityError:
        raise Conflict(
            "host_wish_waiting", _("The last step is still being carried out. Please try again in a moment.")
        ) from None
