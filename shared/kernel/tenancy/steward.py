"""The steward: the one process that holds the owner's login. It bootstraps the cluster, provisions and upgrades
dealerships and retires them, working off rows of `StewardRequest`.

Every act is idempotent: killed at any step and run again it ends whole. The order of provisioning is login,
schema with tables and grants (one transaction), joining steps of the apps, and the domain last, so that a host
never leads to something half made.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg2
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from psycopg2 import sql

from kernel import clock
from kernel.tenancy import keys, rendering
from kernel.tenancy.bindings import MANUFACTURER_ID, PORTAL_SCHEMA, PUBLIC_SCHEMA, Owner, bound, schema_of
from kernel.tenancy.models import (
    SIGNED_VERBS,
    Domain,
    Kind,
    RequestState,
    SchemaState,
    State,
    StewardRequest,
    StewardSignature,
    Tenant,
)

log = logging.getLogger(__name__)

Progress = Callable[[str], None]

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


# -- bootstrap -------------------------------------------------------------------------------------------------


def superuser(dbname: str) -> Any:
    database = settings.DATABASES["default"]
    raw = psycopg2.connect(
        host=connection.settings_dict["HOST"] or None,
        port=connection.settings_dict["PORT"] or None,
        user=os.environ.get("DEALERNET_SUPERUSER", "postgres"),
        password=os.environ.get("DEALERNET_KEY_SUPERUSER") or None,
        dbname=dbname or database["NAME"],
    )
    raw.autocommit = True
    return raw


def _login(cursor: Any, name: str, limits_of: str) -> None:
    """Create a login or bring its password, limit and settings back to what they should be."""
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
    for setting, value in LOGIN_SETTINGS[limits_of].items():
        wanted[setting] = [value]
    cursor.execute(sql.SQL("ALTER ROLE {} RESET ALL").format(sql.Identifier(name)))
    for setting, values in wanted.items():
        cursor.execute(
            sql.SQL("ALTER ROLE {} SET {} = {}").format(
                sql.Identifier(name), sql.Identifier(setting), sql.SQL(", ").join(map(sql.Literal, values))
            )
        )


def bootstrap(progress: Progress = lambda line: None) -> None:
    """Make an empty cluster a network: logins, database, closed catalogues, schemas `public` and `oem`."""
    create_roles_and_database()
    progress("logins and database are ready")
    bring_up_public()
    progress("the directory is up to date")
    bring_up_portal()
    progress("the manufacturer's schema is up to date")


def create_roles_and_database() -> None:
    """The network's logins and its database, with catalogues closed. Needs the server's superuser."""
    name = connection.settings_dict["NAME"]
    admin = superuser("postgres")
    try:
        with admin.cursor() as cursor:
            for login in ("owner", "frontdesk", "oem", "courier"):
                _login(cursor, login, login)
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


def bring_up_public() -> None:
    """Bring the schema `public` up to date."""
    with bound(Owner()):
        _replay(rendering.PUBLIC, PUBLIC_SCHEMA)


def bring_up_portal() -> None:
    """Bring the manufacturer's schema up to date, with its row and host in the directory."""
    with bound(Owner()):
        _manufacturer()
    with bound(Owner(PORTAL_SCHEMA)):
        _replay(rendering.MANUFACTURER, PORTAL_SCHEMA)


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


def _manufacturer() -> None:
    tenant, _ = Tenant.objects.get_or_create(
        schema_name=PORTAL_SCHEMA,
        defaults={
            "id": MANUFACTURER_ID,
            "kind": Kind.MANUFACTURER,
            "slug": "portal",
            "name": settings.MANUFACTURER_NAME,
            "state": State.ACTIVE,
        },
    )
    Domain.objects.get_or_create(
        domain=f"portal.{settings.BASE_DOMAIN}", defaults={"tenant": tenant, "is_primary": True}
    )


# -- schemas ---------------------------------------------------------------------------------------------------


def _replay(kind: str, schema: str) -> bool:
    """Bring one schema up to date in one transaction. Runs bound to `Owner(schema)`. True when it had work."""
    state = SchemaState.objects.filter(schema_name=schema).first() if _exists("tenancy_schemastate") else None
    applied = _applied(schema)
    script = rendering.render(kind, applied=applied)
    if state and state.checksum == script.checksum and not script.migrations:
        return False
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '5s'")
        if schema != PUBLIC_SCHEMA:
            cursor.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
            cursor.execute(f'REVOKE ALL ON SCHEMA "{schema}" FROM PUBLIC')
        cursor.execute(f'SET LOCAL search_path = "{schema}", public')
        if not applied:
            cursor.execute(rendering.MIGRATIONS_TABLE.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1))
        if script.statements:
            cursor.execute(script.text())
        for app, name in script.migrations:
            cursor.execute("INSERT INTO django_migrations (app, name, applied) VALUES (%s, %s, now())", [app, name])
        cursor.execute(";\n".join(rendering.grant_statements(kind, schema)))
        SchemaState.objects.update_or_create(
            schema_name=schema, defaults={"kind": kind, "checksum": script.checksum, "error": ""}
        )
    return True


def _exists(table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [f"public.{table}"])
        return cursor.fetchone()[0] is not None


def _applied(schema: str) -> set[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [f'"{schema}".django_migrations'])
        if cursor.fetchone()[0] is None:
            return set()
        cursor.execute(f'SELECT app, name FROM "{schema}".django_migrations')
        return {(app, name) for app, name in cursor.fetchall()}


# -- dealerships -----------------------------------------------------------------------------------------------

JoiningStep = Callable[[dict[str, Any]], None]
_joining_steps: list[tuple[str, JoiningStep]] = []


def joining_step(name: str) -> Callable[[JoiningStep], JoiningStep]:
    """Register what an app does when a dealership joins, in its `joining.py`. Runs as owner with the path of the new
    schema, with the request's arguments, and must be idempotent. Steps run in the order of their names."""

    def register(step: JoiningStep) -> JoiningStep:
        _joining_steps.append((name, step))
        _joining_steps.sort(key=lambda entry: entry[0])
        return step

    return register


def provision(arguments: dict[str, Any], progress: Progress = lambda step: None) -> Tenant:
    """Make a dealership ready to work.

    `arguments`: `id` (UUID as text), `slug`, `name`, and what joining steps read (`users`, `province`, …).
    Killed at any point and run again it ends in the same state. One that lives already is left as it is: the portal
    writes the arguments, and joining steps write into the house. Raises ValueError for a dealership that is retired.
    """
    dealer_id = UUID(arguments["id"])
    schema = schema_of(dealer_id)
    with bound(Owner()):
        tenant, _ = Tenant.objects.get_or_create(
            id=dealer_id,
            defaults={
                "kind": Kind.DEALERSHIP,
                "slug": arguments["slug"],
                "name": arguments["name"],
                "schema_name": schema,
            },
        )
        if tenant.state == State.RETIRED:
            raise ValueError(f"{tenant.slug} is retired: its login stays locked")
        if tenant.state == State.ACTIVE:
            return tenant
        progress("login")
        with transaction.atomic(), connection.cursor() as cursor:
            _login(cursor, schema, "dealer")
            cursor.execute(sql.SQL("GRANT dealerships TO {}").format(sql.Identifier(schema)))
    with bound(Owner(schema)):
        progress("schema")
        _replay(rendering.DEALERSHIP, schema)
        for name, step in _joining_steps:
            progress(name)
            with transaction.atomic():
                step(arguments)
    with bound(Owner()):
        progress("domain")
        with transaction.atomic():
            Domain.objects.get_or_create(
                domain=f"{tenant.slug}.{settings.BASE_DOMAIN}",
                defaults={"tenant": tenant, "is_primary": True},
            )
            Tenant.objects.filter(id=dealer_id, state=State.JOINING).update(state=State.ACTIVE)
            tenant.refresh_from_db()
    return tenant


def retire(arguments: dict[str, Any], progress: Progress = lambda step: None) -> None:
    """Close a dealership: its host stops answering and its login is locked. The schema stays until it is dropped."""
    with bound(Owner()):
        tenant = Tenant.objects.get(slug=arguments["slug"], kind=Kind.DEALERSHIP)
        progress("domain")
        with transaction.atomic(), connection.cursor() as cursor:
            Domain.objects.filter(tenant=tenant).delete()
            Tenant.objects.filter(id=tenant.id).update(state=State.RETIRED)
            cursor.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(tenant.schema_name)))


def upgrade(arguments: dict[str, Any], progress: Progress = lambda step: None) -> dict[str, int]:
    """Bring every schema to this release. One query when nothing is to do."""
    wanted = {kind: rendering.render(kind).checksum for kind in rendering.KINDS}
    done = failed = 0
    with bound(Owner()):
        behind = [s for s in SchemaState.objects.all() if s.checksum != wanted[s.kind]]
    for state in behind:
        try:
            with bound(Owner(state.schema_name)):
                _replay(state.kind, state.schema_name)
            done += 1
            progress(f"{done + failed}/{len(behind)}")
        except Exception as error:  # one schema that fails is fenced off with its reason; the rest go on
            failed += 1
            log.exception("upgrade of %s failed", state.schema_name)
            with bound(Owner()):
                SchemaState.objects.filter(pk=state.pk).update(error=str(error)[:2000])
    return {"schemas": len(behind), "upgraded": done, "failed": failed}


def repair_logins(arguments: dict[str, Any], progress: Progress = lambda step: None) -> int:
    """Bring the settings of every dealership's login back: a login may alter its own, the steward undoes it."""
    with bound(Owner()), connection.cursor() as cursor:
        names = list(
            Tenant.objects.filter(kind=Kind.DEALERSHIP, state=State.ACTIVE).values_list("schema_name", flat=True)
        )
        for name in names:
            with transaction.atomic():
                _login(cursor, name, "dealer")
    return len(names)


VERBS: dict[str, Callable[..., Any]] = {
    "provision": provision,
    "retire": retire,
    "upgrade": upgrade,
    "repair_logins": repair_logins,
}


# -- working off requests --------------------------------------------------------------------------------------


def sign(request_id: UUID, *, by: str) -> None:
    """Put the second signature under a request. Needs the owner's binding, so nobody at the portal can do it."""
    StewardSignature.objects.get_or_create(request_id=request_id, defaults={"signed_by": by[:120]})


def work_off_one() -> bool:
    """Take the oldest waiting (or abandoned) request and carry it out; what ends something only if it is signed. False
    when there is none."""
    signed = ~Q(verb__in=SIGNED_VERBS) | Exists(StewardSignature.objects.filter(request=OuterRef("pk")))
    with bound(Owner()), transaction.atomic():
        request = (
            StewardRequest.objects.select_for_update(skip_locked=True)
            .filter(signed, state__in=[RequestState.WAITING, RequestState.RUNNING])
            .first()
        )
        if request is None:
            return False
        request.state = RequestState.RUNNING
        request.save(update_fields=["state"])

    def progress(step: str) -> None:
        # Called between bindings as well as inside one; a row of its own connection would be overkill.
        log.info("steward: %s %s: %s", request.verb, request.arguments.get("slug", ""), step)

    error = ""
    try:
        VERBS[request.verb](request.arguments, progress)
    except Exception as problem:
        log.exception("steward: %s failed", request.verb)
        error = f"{type(problem).__name__}: {problem}"
    with bound(Owner()):
        StewardRequest.objects.filter(id=request.id).update(
            state=RequestState.FAILED if error else RequestState.DONE,
            error=error[:4000],
            finished_at=clock.now(),
        )
    return True


def run_forever(stop: Callable[[], bool], *, pause: float = 0.5, repair_every: float = 60.0) -> None:
    """The steward's loop. Login settings are repaired every `repair_every` seconds."""
    repaired_at = time.monotonic()
    while not stop():
        try:
            worked = work_off_one()
            if time.monotonic() - repaired_at > repair_every:
                repair_logins({})
                repaired_at = time.monotonic()
        except Exception:
            log.exception("steward: pass failed")
            worked = False
        if not worked:
            time.sleep(pause)
