"""The network's logins, their settings and limits, and how what they changed of themselves is repaired."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import psycopg2
from django.db import connection, transaction
from psycopg2 import sql

from kernel.tenancy import keys, limits
from kernel.tenancy.bindings import PUBLIC_SCHEMA, Owner, bound
from kernel.tenancy.models import Kind, State, Tenant
from kernel.tenancy.steward import closing
from kernel.tenancy.steward.progress import Progress

#: Settings and limits of every kind of login. Times in the server's own notation. `transaction_timeout` bounds how
#: late after its `clock_timestamp()` a transaction can still commit; the portal's grace period builds on it.
LOGIN_SETTINGS: dict[str, dict[str, str]] = {
    "frontdesk": {"statement_timeout": "5s", "idle_in_transaction_session_timeout": "5s"},
    "oem": {
        "statement_timeout": "30s",
        "lock_timeout": "10s",
        "idle_in_transaction_session_timeout": "20s",
        "temp_file_limit": "2GB",
    },
    "dealer": {
        "statement_timeout": "20s",
        "lock_timeout": "10s",
        "idle_in_transaction_session_timeout": "20s",
        "transaction_timeout": "20s",
        "temp_file_limit": "2GB",
    },
    "courier": {
        "statement_timeout": "30s",
        "lock_timeout": "5s",
        "idle_in_transaction_session_timeout": "30s",
    },
    "owner": {},
}
CONNECTION_LIMITS = {"frontdesk": 40, "oem": 60, "dealer": 20, "courier": 8, "owner": 8}


def superuser(dbname: str) -> Any:
    """A connection of the server's superuser. Needs its key."""
    return _connected(os.environ.get("DEALERNET_SUPERUSER", "postgres"), _superusers_passwords(), dbname)


def _superusers_passwords() -> list[str | None]:
    if not keys.holds("SUPERUSER"):
        return [None]  # a socket that asks for none
    return [key.decode() for key in keys.secrets("SUPERUSER")]


def open_connection() -> Any:
    """A connection of the owner that belongs to nobody's binding: for locks that outlast a piece of work."""
    return _connected("owner", list(keys.passwords("owner")), connection.settings_dict["NAME"])


def _connected(user: str, passwords: Sequence[str | None], dbname: str) -> Any:
    """While keys rotate the server may still know the password before."""
    where = {
        "host": connection.settings_dict["HOST"] or None,
        "port": connection.settings_dict["PORT"] or None,
        "user": user,
        "dbname": dbname,
    }
    *before, last = passwords
    raw = None
    for password in before:
        try:
            raw = psycopg2.connect(**where, password=password)
            break
        except psycopg2.OperationalError as error:
            if "password authentication failed" not in str(error):
                raise
    if raw is None:
        raw = psycopg2.connect(**where, password=last)
    raw.autocommit = True
    return raw


def set_up_login(cursor: Any, name: str, limits_of: str, own: Mapping[str, str] = MappingProxyType({})) -> None:
    """Create a login or bring its password, limit and settings back to what they should be. `own`: settings of this
    login in place of its kind's."""
    cursor.execute("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = %s", [name])
    verb = "ALTER" if cursor.fetchone() else "CREATE"
    cursor.execute(
        sql.SQL("{verb} ROLE {name} LOGIN PASSWORD {password} CONNECTION LIMIT {limit}").format(
            verb=sql.SQL(verb),
            name=sql.Identifier(name),
            password=sql.Literal(keys.password(name)),
            limit=sql.Literal(CONNECTION_LIMITS[limits_of]),
        )
    )
    path = name if limits_of in ("oem", "dealer") else PUBLIC_SCHEMA
    wanted = {
        "search_path": [path, PUBLIC_SCHEMA] if path != PUBLIC_SCHEMA else [PUBLIC_SCHEMA],
        "TimeZone": ["UTC"],
    }
    for setting, value in {**LOGIN_SETTINGS[limits_of], **own}.items():
        wanted[setting] = [value]
    cursor.execute(sql.SQL("ALTER ROLE {} RESET ALL").format(sql.Identifier(name)))
    for setting, values in wanted.items():
        cursor.execute(
            sql.SQL("ALTER ROLE {} SET {} = {}").format(
                sql.Identifier(name), sql.Identifier(setting), sql.SQL(", ").join(map(sql.Literal, values))
            )
        )


def create_roles_and_database() -> None:
    """The network's logins and its database, with catalogues closed. Needs the server's superuser."""
    name = connection.settings_dict["NAME"]
    admin = superuser("postgres")
    try:
        with admin.cursor() as cursor:
            # Nodes that start at once take turns; the lock goes with this connection.
            cursor.execute("SELECT pg_advisory_lock(hashtextextended('dealernet bootstrap', 0))")
            for login in ("owner", "frontdesk", "oem", "courier"):
                set_up_login(cursor, login, login)
            # No login can lift this limit for itself, so it holds; the owner may, to give it to dealerships' logins.
            cursor.execute("GRANT SET ON PARAMETER temp_file_limit TO owner")
            cursor.execute("ALTER ROLE owner CREATEROLE")
            cursor.execute("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = 'dealerships'")
            if not cursor.fetchone():
                cursor.execute("CREATE ROLE dealerships NOLOGIN")
            cursor.execute("GRANT dealerships TO owner WITH ADMIN OPTION, INHERIT FALSE, SET FALSE")
            cursor.execute("SELECT 1 FROM pg_catalog.pg_database WHERE datname = %s", [name])
            if not cursor.fetchone():
                cursor.execute(sql.SQL("CREATE DATABASE {} OWNER owner").format(sql.Identifier(name)))
            cursor.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
            cursor.execute(
                sql.SQL("GRANT CONNECT ON DATABASE {} TO frontdesk, oem, courier, dealerships").format(
                    sql.Identifier(name)
                )
            )
            for other in ("postgres", "template1"):
                cursor.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(other)))
        inside = superuser(name)
        try:
            with inside.cursor() as cursor:
                cursor.execute("ALTER SCHEMA public OWNER TO owner")
                cursor.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
                closing.close(cursor)
        finally:
            inside.close()
    finally:
        admin.close()


#: How each login stood when it was last brought back in this process: password, settings. A login that still stands
#: like that needs nothing, so that a pass over a thousand costs one query.
_as_set: dict[str, Any] = {}


def change_superuser() -> None:
    """Give the server's superuser the password of today's key, where it is ours to give (the embedded server's)."""
    if not keys.holds("SUPERUSER") or len(keys.secrets("SUPERUSER")) < 2:
        return
    admin = superuser("postgres")
    try:
        with admin.cursor() as cursor:
            cursor.execute(
                sql.SQL("ALTER ROLE CURRENT_USER PASSWORD {}").format(sql.Literal(keys.secret("SUPERUSER").decode()))
            )
    finally:
        admin.close()


def repair_logins(arguments: dict[str, Any], progress: Progress = lambda step: None) -> int:
    """Bring every login back: it may alter its own password and settings, the steward undoes it. Returns how many were
    brought back. Needs the server's superuser, who alone may alter the manufacturer's and the courier's."""
    standard = limits.standard()
    with bound(Owner()):
        own = limits.all_own()
        found = Tenant.objects.filter(kind=Kind.DEALERSHIP, state=State.ACTIVE).values_list("id", "schema_name")
        more = {name: {"statement_timeout": f"{own.get(id_, standard).statement_seconds}s"} for id_, name in found}
    kinds = dict.fromkeys(more, "dealer") | {name: name for name in ("frontdesk", "oem", "courier")}
    admin = superuser(connection.settings_dict["NAME"])
    try:
        with admin.cursor() as cursor:
            standing = _standing(cursor, list(kinds), more)
            changed = [name for name in kinds if name not in _as_set or standing.get(name) != _as_set[name]]
            for name in changed:
                _bring_back(cursor, name, kinds[name], more.get(name, {}))
            _as_set.update(_standing(cursor, changed, more))
    finally:
        admin.close()
    return len(changed)


def _standing(cursor: Any, logins: list[str], more: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Password, limit and settings (also those for one database) by login, beside the password and the limits of its
    own that it should have: when those change, it does not stand as it should."""
    cursor.execute(
        "SELECT a.rolname, a.rolpassword, a.rolconnlimit, array_agg(s.setdatabase::text || s.setconfig::text "
        "ORDER BY s.setdatabase) FROM pg_catalog.pg_authid a LEFT JOIN pg_catalog.pg_db_role_setting s "
        "ON s.setrole = a.oid WHERE a.rolname = ANY(%s) GROUP BY 1, 2, 3",
        [logins],
    )
    return {name: (keys.password(name), more.get(name), *rest) for name, *rest in cursor.fetchall()}


def _bring_back(cursor: Any, name: str, limits_of: str, more: dict[str, str]) -> None:
    cursor.execute("BEGIN")
    set_up_login(cursor, name, limits_of, more)
    cursor.execute(
        "SELECT d.datname FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_roles r ON r.oid = s.setrole "
        "JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase WHERE r.rolname = %s",
        [name],
    )
    for (database,) in cursor.fetchall():
        cursor.execute(
            sql.SQL("ALTER ROLE {} IN DATABASE {} RESET ALL").format(sql.Identifier(name), sql.Identifier(database))
        )
    cursor.execute("COMMIT")


def restore_logins() -> int:
    """After a restore on another server: every dealership's login with its password, settings and group, those of
    retired ones locked. Returns how many can log in."""
    with bound(Owner()), connection.cursor() as cursor:
        members = list(Tenant.objects.filter(kind=Kind.DEALERSHIP).exclude(state=State.DROPPED))
        for member in members:
            with transaction.atomic():
                set_up_login(cursor, member.schema_name, "dealer")
                login = sql.Identifier(member.schema_name)
                cursor.execute(sql.SQL("GRANT dealerships TO {}").format(login))
                if member.state == State.RETIRED:
                    cursor.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(login))
    return sum(member.state != State.RETIRED for member in members)
