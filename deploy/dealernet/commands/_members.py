"""Finding the member of the network that a command speaks of."""

from __future__ import annotations

import getpass
import os
import socket
from typing import TYPE_CHECKING

from dealernet.config import ConfigurationError

if TYPE_CHECKING:
    from kernel.tenancy.directory import Member


def member_at(host: str) -> Member:
    """The member at a host name (`north.localhost`, with or without port) or with that slug. Call it unbound.

    Raises ConfigurationError when there is none.
    """
    from kernel.tenancy import directory

    name = directory.host_name(host)
    base = os.environ.get("DEALERNET_BASE_DOMAIN", "localhost")
    found = name and (directory.member_at(name) or directory.member_at(f"{name}.{base}"))
    if not found:
        raise ConfigurationError(f"There is no member at {host!r}. `dealernet dealer list` shows them.")
    return found


def web_host(slug: str) -> str:
    """The host, with port where the network runs on *.localhost, under which browsers reach a member."""
    base = os.environ.get("DEALERNET_BASE_DOMAIN", "localhost")
    port = os.environ.get("DEALERNET_PORT", "")
    local = base == "localhost" or base.endswith(".localhost")
    return f"{slug}.{base}:{port}" if local and port else f"{slug}.{base}"


def main_host(member: Member) -> str:
    """The host of a member's main address: what links should name. Call it unbound."""
    from kernel.tenancy.models import Domain

    main = Domain.objects.filter(tenant_id=member.id, is_primary=True).values_list("domain", flat=True).first()
    home = web_host(member.slug)
    return home if main is None or main == home.partition(":")[0] else main


def operator() -> str:
    """Who signs: the user of this machine, also behind sudo."""
    return f"{os.environ.get('SUDO_USER') or getpass.getuser()}@{socket.gethostname()}"
