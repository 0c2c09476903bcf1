"""Who is speaking: every piece of work is bound to one login before it touches the database.

A binding names the database login (and so the schema) under which the current request, task or command
works. It is set once; a different one inside it raises :class:`WallError`. There is no "no tenant means the
manufacturer": without a binding the login is `frontdesk`, which can read the directory and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast
from uuid import UUID

if TYPE_CHECKING:
    from kernel.tenancy.backend.base import DatabaseWrapper

PORTAL_SCHEMA = "oem"
#: The manufacturer's address in the exchange and its id in the directory: one manufacturer an installation.
MANUFACTURER_ID = UUID("00000000-0000-4000-8000-000000000000")
PUBLIC_SCHEMA = "public"
_DEALER_SCHEMA = re.compile(r"d_[a-z2-7]{12}\Z")


class WallError(RuntimeError):
    """Work tried to cross from one login to another. Always a defect of ours, never of the input."""


def schema_of(dealer_id: UUID) -> str:
    """The schema, and login, of a dealership: `d_` and 12 characters that follow from its id and say nothing.

    60 bits of SHA-256 over the id; the directory's unique constraint would catch a collision.
    """
    digest = hashlib.sha256(b"dealernet schema " + dealer_id.bytes).digest()
    return "d_" + base64.b32encode(digest)[:12].decode().lower()


def is_dealer_schema(name: str) -> bool:
    return bool(_DEALER_SCHEMA.match(name))


@dataclass(frozen=True, slots=True)
class Unbound:
    """Nobody yet: reads the directory of hosts and nothing else."""

    login = "frontdesk"
    schema = PUBLIC_SCHEMA


@dataclass(frozen=True, slots=True)
class Portal:
    """The manufacturer."""

    login = PORTAL_SCHEMA
    schema = PORTAL_SCHEMA


@dataclass(frozen=True, slots=True)
class Dealer:
    """One dealership, by its id."""

    id: UUID

    @property
    def login(self) -> str:
        return schema_of(self.id)

    @property
    def schema(self) -> str:
        return schema_of(self.id)


@dataclass(frozen=True, slots=True)
class Courier:
    """The exchange's carrier: sees the mailbox tables of every schema and no other table."""

    login = "courier"
    schema = PUBLIC_SCHEMA


@dataclass(frozen=True, slots=True)
class Owner:
    """The steward, who owns every table; works with the path of one schema at a time."""

    schema: str = PUBLIC_SCHEMA
    login = "owner"


Binding = Unbound | Portal | Dealer | Courier | Owner

UNBOUND = Unbound()
_current: ContextVar[Binding] = ContextVar("dealernet_binding", default=UNBOUND)


def current() -> Binding:
    """The binding of the running request, task or command."""
    return _current.get()


def own_id() -> UUID:
    """The exchange address of the member that is speaking. WallError when no member is."""
    binding = _current.get()
    if isinstance(binding, Dealer):
        return binding.id
    if isinstance(binding, Portal):
        return MANUFACTURER_ID
    raise WallError(f"{binding!r} is not a member of the network")


@contextmanager
def bound(binding: Binding) -> Iterator[None]:
    """Do a piece of work under one login.

    Raises WallError when work is already bound to another login, or when a transaction is open: a transaction
    never spans two logins. Binding to the same again is allowed and changes nothing.
    """
    from django.db import connection as any_connection

    # The wall's own backend; the stubs know Django's base only.
    connection = cast("DatabaseWrapper", any_connection)
    now = _current.get()
    if now == binding:
        yield
        return
    if not isinstance(now, Unbound):
        raise WallError(f"work bound to {now!r} may not turn to {binding!r}")
    connection.turn_to(binding)
    token = _current.set(binding)
    try:
        yield
    finally:
        _current.reset(token)
        connection.turn_to(UNBOUND)
