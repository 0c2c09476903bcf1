"""PgBouncer in front of the database: its two files, and whether a pooler keeps logins apart.

Transaction mode with one pool per login: PgBouncer pools by database *and* user, so a server connection never serves
two logins, and no request sets anything on a session. Web, workers and courier go through it (`budget.POOLED`); the
steward and commands do not, for the owner's search path travels as a startup option and some commands hold locks of a
session.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
from django.db import connection

from dealernet.budget import pooler_address
from kernel.tenancy import keys
from kernel.tenancy.bindings import Owner, bound
from kernel.tenancy.models import Kind, State, Tenant

USERLIST = "userlist.txt"
#: Who may tell PgBouncer to read its files anew. A name of PgBouncer alone; the server knows no such login.
ADMIN = "dealernet_pooler"

_INI = """\
; Written by `dealernet pgbouncer-config`. Names of logins and their passwords stand in {userlist}.
[databases]
{database} = host={host} port={port} dbname={database}

[pgbouncer]
listen_addr = {listen}
listen_port = {listen_port}
unix_socket_dir = {socket_dir}
auth_type = scram-sha-256
auth_file = {userlist}
; One pool per login: the connection is the tenant.
pool_mode = transaction
default_pool_size = {pool_size}
min_pool_size = 0
max_db_connections = {max_server}
max_client_conn = {max_clients}
; A client waits as long as it would without a pooler, then gets 503 with Retry-After.
query_wait_timeout = 5
server_idle_timeout = 300
server_lifetime = 3600
; The steward tells it of new dealerships.
admin_users = {admin}
; Not `options`: whoever sends any belongs to the server itself.
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
"""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Where the pooler listens and how much it may open: `pool_size` for one login, `max_server` for all."""

    folder: Path
    listen: str = "127.0.0.1"
    port: int = 6432
    socket_dir: str = ""
    pool_size: int = 4
    max_server: int = 120
    max_clients: int = 1000


def logins() -> list[str]:
    """Everyone who may come through the pooler. The owner and the superuser may not."""
    with bound(Owner()):
        names = Tenant.objects.filter(kind=Kind.DEALERSHIP).exclude(state=State.RETIRED)
        return ["frontdesk", "oem", "courier", *names.order_by("schema_name").values_list("schema_name", flat=True)]


def ini(plan: Plan) -> str:
    """`pgbouncer.ini` for this network's database."""
    database = connection.settings_dict
    return _INI.format(
        database=database["NAME"],
        host=database["HOST"],
        port=database["PORT"] or 5432,
        listen=plan.listen,
        listen_port=plan.port,
        socket_dir=plan.socket_dir,
        userlist=plan.folder / USERLIST,
        admin=ADMIN,
        pool_size=plan.pool_size,
        max_server=plan.max_server,
        max_clients=plan.max_clients,
    )


def userlist(names: list[str]) -> str:
    """`userlist.txt`: the derived password of every login. PgBouncer needs them itself to sign in at the server."""
    known = {ADMIN: _admin_password(), **{name: keys.password(name) for name in names}}
    return "".join(f'"{name}" "{password}"\n' for name, password in known.items())


def _admin_password() -> str:
    return keys.derived("OWNER", "pooler").hex()


def write_userlist(folder: Path) -> bool:
    """Bring `userlist.txt` up to date; True when it changed.

    Only its own user may read it: it opens every login but the owner's.
    """
    path, text = folder / USERLIST, userlist(logins())
    if path.exists() and path.read_text() == text:
        return False
    work = folder / f"{USERLIST}.new"
    work.unlink(missing_ok=True)
    with open(os.open(work, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    if path.exists():  # whoever PgBouncer runs as
        found = path.stat()
        os.chown(work, found.st_uid, found.st_gid)
    work.rename(path)
    return True


def reload(host: str, port: str | int) -> None:
    """Have PgBouncer read its files anew."""
    link = psycopg2.connect(
        host=host, port=port, dbname="pgbouncer", user=ADMIN, password=_admin_password(), connect_timeout=5
    )
    link.autocommit = True
    with contextlib.closing(link), link.cursor() as cursor:
        cursor.execute("RELOAD")


def follow() -> None:
    """Let PgBouncer know of the logins that there are now. For the steward: DEALERNET_POOLER_FOLDER names the folder,
    DEALERNET_POOLER where PgBouncer listens; without them nothing happens."""
    folder, where = os.environ.get("DEALERNET_POOLER_FOLDER", ""), os.environ.get("DEALERNET_POOLER", "")
    if folder and where and write_userlist(Path(folder)):
        reload(*pooler_address(where))


class Mixes(Exception):
    """A pooler lets one login's work run in another's session; the message says what was seen."""


def check(host: str, port: str | int, names: list[str], *, rounds: int = 3) -> int:
    """Ask every login through the pooler who it is, interleaved, over several transactions. Returns how often.

    Raises Mixes when a login is somebody else, has another's search path, or finds a setting that another one left.
    """
    links: dict[str, Any] = {}
    seen = 0
    try:
        for name in names:
            links[name] = _link(host, port, name)
        for turn in range(rounds):
            for name, link in links.items():
                _look(link, name, turn)
                seen += 1
    finally:
        for link in links.values():
            link.close()
    return seen


def _link(host: str, port: str | int, name: str) -> Any:
    link = psycopg2.connect(
        host=host,
        port=port,
        dbname=connection.settings_dict["NAME"],
        user=name,
        password=keys.password(name),
        connect_timeout=5,
    )
    link.autocommit = True
    return link


def _look(link: Any, name: str, turn: int) -> None:
    path = f'"{name}", public' if name not in ("frontdesk", "courier") else "public"
    with link.cursor() as cursor:
        cursor.execute("SELECT current_user::text, session_user::text, current_setting('search_path')")
        current, session, found = cursor.fetchone()
        if (current, session) != (name, name):
            raise Mixes(f"who signs in as {name} works as {current}: the pooler must pool by login")
        if re.sub('"', "", found) != re.sub('"', "", path):
            raise Mixes(f"{name} has the search path {found} in transaction {turn + 1}: its sessions are not its own")
