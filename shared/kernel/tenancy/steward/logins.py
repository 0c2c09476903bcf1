"""The network's logins, their settings and limits, and the catalogues that are closed to them."""

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
from kernel.tenancy.steward.progress import Progress

#: Settings and limits of every kind of login. Times in the server's own notation. `transaction_timeout` bounds how
#: late after its `clock_timestamp()` a transaction can still commit; the portal's grace period builds on it.
LOGIN_SETTINGS: dict[str, dict[str, str]] = {
    "frontdesk": {"statement_timeout": "5s", "idle_in_transaction_session_timeout": "5s"},
    "oem": {"statement_timeout": "30s", "lock_timeout": "10s", "idle_in_transaction_session_timeout": "20s"},
    "dealer": {
        "statement_timeout": "20s",
        "lock_timeout": "10s",
        "idle_in_transaction_session_timeout": "20s",
        "transaction_timeout": "20s",
    },
    "courier": {
        "statement_timeout": "30s",
        "lock_timeout": "5s",
        "idle_in_transaction_session_timeout": "30s",
    },
    "owner": {},
}
CONNECTION_LIMITS = {"frontdesk": 40, "oem": 60, "dealer": 20, "courier": 8, "owner": 8}

#: Catalogue relations through which one login could learn of another's rows, sizes, names or doings.
CLOSED_CATALOGUES = (
    "pg_class pg_namespace pg_attribute pg_attrdef pg_constraint pg_index pg_proc pg_sequence pg_depend "
    "pg_shdepend pg_description pg_shdescription pg_database pg_db_role_setting pg_auth_members pg_roles pg_user "
    "pg_group pg_tables pg_indexes pg_views pg_matviews pg_sequences pg_stats pg_stats_ext pg_stats_ext_exprs "
    "pg_locks pg_stat_activity pg_stat_database pg_stat_all_tables pg_stat_user_tables pg_stat_sys_tables "
    "pg_stat_xact_all_tables pg_stat_xact_user_tables pg_stat_xact_sys_tables pg_stat_all_indexes "
    "pg_stat_user_indexes pg_stat_sys_indexes pg_statio_all_tables pg_statio_user_tables pg_statio_all_indexes "
    "pg_statio_user_indexes pg_statio_all_sequences pg_statio_user_sequences pg_stat_user_functions "
    "pg_stat_xact_user_functions pg_stat_replication pg_stat_bgwriter pg_stat_io pg_stat_ssl pg_stat_gssapi "
    "pg_prepared_xacts pg_largeobject_metadata pg_trigger pg_rewrite pg_policies pg_rules pg_settings "
).split()
CLOSED_FUNCTIONS = (
    "pg_relation_size(regclass) pg_relation_size(regclass,text) pg_total_relation_size(regclass) "
    "pg_table_size(regclass) pg_indexes_size(regclass) pg_database_size(name) pg_database_size(oid) "
    "pg_stat_get_numscans(oid) pg_stat_get_tuples_returned(oid) pg_stat_get_tuples_fetched(oid) "
    "pg_stat_get_tuples_inserted(oid) pg_stat_get_tuples_updated(oid) pg_stat_get_tuples_deleted(oid) "
    "pg_stat_get_live_tuples(oid) pg_stat_get_dead_tuples(oid) pg_stat_get_activity(integer) "
    "pg_stat_get_db_numbackends(oid) pg_lock_status() lo_creat(integer) lo_create(oid) lo_open(oid,integer) "
    "lo_from_bytea(oid,bytea) lo_get(oid) lo_get(oid,bigint,integer) lo_put(oid,bigint,bytea) lo_unlink(oid) "
    "query_to_xml(text,boolean,boolean,text) table_to_xml(regclass,boolean,boolean,text) "
    "schema_to_xml(name,boolean,boolean,text) database_to_xml(boolean,boolean,text) "
).split()


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
            for login in ("owner", "frontdesk", "oem", "courier"):
                set_up_login(cursor, login, login)
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
    finally:
        admin.close()
    admin = superuser(name)
    try:
        with admin.cursor() as cursor:
            cursor.execute("ALTER SCHEMA public OWNER TO owner")
            cursor.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
            _close_catalogues(cursor)
    finally:
        admin.close()


def _close_catalogues(cursor: Any) -> None:
    # What this version of the server does not have cannot betray anything.
    cursor.execute(
        "SELECT relname FROM pg_catalog.pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relname = ANY(%s)",
        [CLOSED_CATALOGUES],
    )
    for (relation,) in cursor.fetchall():
        cursor.execute(f"REVOKE ALL ON pg_catalog.{relation} FROM PUBLIC")
        cursor.execute(f"GRANT SELECT ON pg_catalog.{relation} TO owner")
    cursor.execute(
        "SELECT name FROM unnest(%s) AS name WHERE to_regprocedure('pg_catalog.' || name) IS NOT NULL",
        [CLOSED_FUNCTIONS],
    )
    for (function,) in cursor.fetchall():
        cursor.execute(f"REVOKE ALL ON FUNCTION pg_catalog.{function} FROM PUBLIC")
        cursor.execute(f"GRANT EXECUTE ON FUNCTION pg_catalog.{function} TO owner")


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
    """Bring the settings of every dealership's login back: a login may alter its own, the steward undoes it."""
    standard = limits.standard()
    with bound(Owner()), connection.cursor() as cursor:
        own = limits.all_own()
        found = list(Tenant.objects.filter(kind=Kind.DEALERSHIP, state=State.ACTIVE).values_list("id", "schema_name"))
        for id_, name in found:
            seconds = own.get(id_, standard).statement_seconds
            with transaction.atomic():
                set_up_login(cursor, name, "dealer", {"statement_timeout": f"{seconds}s"})
    return len(found)


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
