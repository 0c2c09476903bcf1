"""The connection budget: what the processes of an installation may open, against what the database allows.

Standard library only: the settings take the pool's limits from here.
"""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: Idle connections that a process keeps at most (kernel.tenancy.pool).
IDLE = 24
#: What operators' commands, the demo and a restore may need besides the processes.
COMMANDS = 10
#: Logins that the portal's processes can use at all.
PORTAL_LOGINS = 2


#: The processes that reach the database through PgBouncer when there is one.
POOLED = ("portal-web", "portal-worker", "dealers-web", "dealers-worker", "courier")


def pooler_address(where: str) -> tuple[str, str]:
    """Host (or a socket's folder) and port of DEALERNET_POOLER, which is `host:port`."""
    host, _colon, port = where.rpartition(":")
    return (host, port) if host and port.isdigit() else (where, "6432")


def number(given: Mapping[str, str], name: str, default: int) -> int:
    """A whole number of the environment, 1 or more. Raises ValueError."""
    value = given.get(name) or str(default)
    if not value.isdigit() or int(value) < 1:
        raise ValueError(f"{name} must be a whole number, 1 or more.")
    return int(value)


def pool_limits(process: str, given: Mapping[str, str]) -> dict[str, int]:
    """The limits of a process' pool. In a web process a request has one connection, and for a moment one to the
    directory; a worker's child does one thing at a time. Other processes keep the pool's own."""
    if process.endswith("-web"):
        at_once = number(given, "DEALERNET_WEB_AT_ONCE", 4)
        return {"max_busy": at_once + 2, "max_busy_per_login": at_once, "max_idle_per_login": at_once, "max_idle": IDLE}
    if process.endswith("-worker"):
        return {"max_busy": 2, "max_busy_per_login": 1, "max_idle_per_login": 1, "max_idle": IDLE}
    return {}


@dataclass(frozen=True)
class Row:
    """One kind of process: how many there are, and what each opens at most, in all and under each login."""

    process: str
    number: int
    each: int
    per_login: Mapping[str, int]

    @property
    def most(self) -> int:
        return self.number * self.each


def rows(given: Mapping[str, str]) -> list[Row]:
    """The processes of `dealernet up` with this environment; DEALERNET_NODES machines run web and workers."""
    nodes = number(given, "DEALERNET_NODES", 1)
    web = number(given, "DEALERNET_WEB_WORKERS", 2) * nodes
    tasks = number(given, "DEALERNET_TASK_WORKERS", 2) * nodes
    found = []
    for tier, login in (("portal", "oem"), ("dealers", "dealer")):
        for process, count in ((f"{tier}-web", web), (f"{tier}-worker", tasks)):
            limits = pool_limits(process, given)
            own = limits["max_busy_per_login"]
            each = limits["max_busy"] + limits["max_idle"]
            if tier == "portal":
                each = min(each, PORTAL_LOGINS * own)
            found.append(Row(process, count, each, {"frontdesk": own, login: own}))
    found.append(Row("courier", 1, 2, {"courier": 2}))  # one carries, one checks ledgers
    found.append(Row("steward", 1, 2, {"owner": 2}))
    found.append(Row("commands", 1, COMMANDS, {}))
    return found


@dataclass(frozen=True)
class Server:
    """What the database allows: connections for everybody who is no superuser, and for each kind of login."""

    max_connections: int
    reserved: int
    per_login: Mapping[str, int]


def problems(found: list[Row], server: Server) -> list[str]:
    """Where it does not fit; empty when it does."""
    said = []
    total, room = sum(row.most for row in found), server.max_connections - server.reserved
    if total > room:
        said.append(
            f"the processes may open {total} connections, max_connections leaves {room}: raise it to "
            f"{total + server.reserved}, or put PgBouncer in front"
        )
    for login in dict.fromkeys(login for row in found for login in row.per_login):
        wanted = sum(row.number * row.per_login.get(login, 0) for row in found)
        limit = server.per_login.get(login, -1)
        if 0 <= limit < wanted:
            said.append(f"{login} may need {wanted} connections at once, its limit is {limit}")
    return said


def behind_pooler(found: list[Row], ini: Path) -> list[Row]:
    """The same with PgBouncer before web, workers and courier: the server sees PgBouncer's connections in their place.

    Raises ValueError when PgBouncer lets in fewer clients than there are.
    """
    parser = configparser.ConfigParser(inline_comment_prefixes=(";",))
    parser.read_string(ini.read_text())
    settings = parser["pgbouncer"]
    pooled = [row for row in found if row.process in POOLED]
    clients = sum(row.most for row in pooled)
    if clients > int(settings["max_client_conn"]):
        raise ValueError(f"{clients} clients may come, max_client_conn of PgBouncer is {settings['max_client_conn']}")
    size = int(settings["default_pool_size"])
    per_login = {login: size for row in pooled for login in row.per_login}
    pooler = Row("pgbouncer", 1, int(settings["max_db_connections"]), per_login)
    return [pooler, *(row for row in found if row not in pooled)]
