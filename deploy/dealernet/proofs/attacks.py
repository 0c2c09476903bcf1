"""Attacks with SQL, as if every statement of a login's connection could be chosen: an injection that worked completely.

Each is tried as a dealership's login on another dealership, and as the manufacturer's, the courier's and the front
desk's on a dealership. Refused means an error; an answer that names nothing of anybody else is refused too
(`blind`). The control is the server's superuser, for whom the same statements must work: so no attack is refused by a
mistake in writing.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2 import errors

from dealernet.proofs import Result
from dealernet.proofs.network import World

#: Errors that a statement may also end with when it is refused (the division asks whether a grant took effect);
#: everything else but a denial is a violation.
ALSO_REFUSED = (
    errors.UndefinedTable,
    errors.InvalidSchemaName,
    errors.InvalidAuthorizationSpecification,
    errors.DivisionByZero,
)


@dataclass(frozen=True)
class Attack:
    """`text` may hold {own} and {other}: schemas. `blind`: it may answer, but not with anything of others.

    `members`: only tried by logins that own a schema. `control` is false where not even the superuser can (in a
    transaction that is rolled back, without the library …), `courier` where the courier may (it has to name the
    mailboxes of every schema), `alone` outside a transaction. `also`: another error that refuses."""

    name: str
    text: str
    blind: bool = False
    members: bool = False
    control: bool = True
    courier: bool = True
    alone: bool = False
    also: type[Exception] | None = None


def _blind(name: str, text: str) -> Attack:
    return Attack(name, text, blind=True)


def _members(name: str, text: str, *, control: bool = True) -> Attack:
    return Attack(name, text, members=True, control=control)


_READ = "SELECT * FROM {other}.accounts_user"

ATTACKS = (
    # -- by name
    Attack("read another schema", _READ),
    Attack("read one column", "SELECT email FROM {other}.accounts_user LIMIT 1"),
    Attack("count", "SELECT count(*) FROM {other}.accounts_user"),
    Attack("explain", f"EXPLAIN {_READ}"),
    Attack("explain analyze", f"EXPLAIN ANALYZE {_READ}"),
    Attack("lock", "LOCK TABLE {other}.accounts_user IN ACCESS SHARE MODE"),
    Attack("copy out", "COPY {other}.accounts_user TO '/dev/null'"),
    Attack("prepare", f"PREPARE p AS {_READ}; EXECUTE p"),
    Attack("cursor", f"DECLARE c CURSOR FOR {_READ}; FETCH ALL FROM c"),
    Attack("code block", "DO $$ BEGIN PERFORM * FROM {other}.accounts_user; END $$"),
    Attack("subquery", "SELECT (SELECT max(email) FROM {other}.accounts_user)"),
    Attack("common table expression", "WITH w AS (DELETE FROM {other}.audit_entry RETURNING *) SELECT count(*) FROM w"),
    Attack("regclass", "SELECT '{other}.accounts_user'::regclass::oid", courier=False),
    Attack("sequence", "SELECT last_value FROM {other}.audit_entry_number_seq", control=False),
    Attack("truncate", "TRUNCATE {other}.audit_entry"),
    Attack("drop", "DROP TABLE {other}.audit_entry"),
    Attack("drop schema", "DROP SCHEMA {other} CASCADE"),
    Attack("rename schema", "ALTER SCHEMA {other} RENAME TO d_aaaaaaaaaaaa"),
    # -- becoming somebody else
    Attack("set role owner", f"SET ROLE owner; {_READ}"),
    Attack("set role other", f"SET ROLE {{other}}; {_READ}"),
    Attack("set role superuser", f"SET ROLE postgres; {_READ}"),
    Attack("set local role", f"SET LOCAL ROLE {{other}}; {_READ}"),
    Attack("session authorization", f"SET SESSION AUTHORIZATION {{other}}; {_READ}"),
    Attack("set_config role", f"SELECT set_config('role', '{{other}}', false); {_READ}"),
    Attack("set_config and xml at once", "SELECT set_config('role', '{other}', false), "
           "query_to_xml('SELECT * FROM {other}.accounts_user', true, true, '')", control=False),
    Attack("set_config session_authorization", f"SELECT set_config('session_authorization', 'owner', false); {_READ}"),
    Attack("reset role", f"RESET ROLE; {_READ}"),
    Attack("reset session authorization", f"RESET SESSION AUTHORIZATION; {_READ}"),
    Attack("discard all settings", f"RESET ALL; {_READ}"),
    Attack("stacked", f"SELECT 1; SET ROLE owner; {_READ}"),
    Attack("grant oneself", "GRANT {other} TO CURRENT_USER"),
    Attack("grant oneself owner", "GRANT owner TO CURRENT_USER"),
    Attack("grant a table", "GRANT SELECT ON {other}.accounts_user TO CURRENT_USER"),
    Attack("create role", "CREATE ROLE mallory LOGIN SUPERUSER"),
    Attack("superuser", "ALTER ROLE CURRENT_USER SUPERUSER", control=False),
    Attack("bypass row security", "ALTER ROLE CURRENT_USER BYPASSRLS"),
    Attack("create roles", "ALTER ROLE CURRENT_USER CREATEROLE"),
    Attack("another's password", "ALTER ROLE {other} PASSWORD 'x'"),
    Attack("another's settings", "ALTER ROLE {other} SET search_path = pg_catalog"),
    Attack("rename another", "ALTER ROLE {other} RENAME TO mallory"),
    Attack("role of all dealerships", f"SET ROLE dealerships; {_READ}", control=False),
    Attack("no role", f"SET ROLE NONE; {_READ}"),
    Attack("default authorization", f"SET SESSION AUTHORIZATION DEFAULT; {_READ}"),
    Attack("stacked behind a comment", f"SELECT 1 /* ' */; SET ROLE {{other}}; -- '\n{_READ}"),
    Attack("stacked in a transaction", f"COMMIT; BEGIN; SET LOCAL ROLE {{other}}; {_READ}"),
    Attack("take a role from another", "REVOKE dealerships FROM {other}"),
    Attack("give a role to all", "GRANT dealerships TO frontdesk"),
    Attack("hand over", "REASSIGN OWNED BY owner TO {other}", control=False),
    Attack("drop what the owner has", "DROP OWNED BY {other}"),
    # -- where names lead; a login may set its own path, and nothing comes of it
    Attack("search path", "SET search_path = {other}; SELECT * FROM sales_lead, accounts_user"),
    Attack("search path by set_config", "SELECT set_config('search_path', '{other}', false); "
           "SELECT * FROM accounts_user"),
    Attack("own settings", f"ALTER ROLE CURRENT_USER SET search_path = {{other}}; {_READ}"),
    Attack("replication role", f"SET session_replication_role = replica; {_READ}"),
    Attack("row security", f"SET row_security = off; {_READ}"),
    Attack("path of another before one's own", "SET search_path = {other}, public; SELECT email FROM accounts_user"),
    Attack("path for this transaction", "SET LOCAL search_path = {other}; SELECT * FROM accounts_user"),
    # -- reading and writing in other words
    Attack("table command", "TABLE {other}.accounts_user"),
    Attack("select for update", "SELECT * FROM {other}.accounts_user FOR UPDATE"),
    Attack("copy to the client", "COPY {other}.accounts_user TO STDOUT"),
    Attack("copy a query to the client", "COPY (SELECT * FROM {other}.accounts_user) TO STDOUT"),
    Attack("copy from the client", "COPY {other}.audit_entry (action) FROM STDIN", control=False),
    Attack("insert", "INSERT INTO {other}.audit_entry (action) VALUES ('x')", control=False),
    Attack("update", "UPDATE {other}.accounts_user SET name = name"),
    Attack("delete", "DELETE FROM {other}.accounts_session"),
    Attack("merge", "MERGE INTO {other}.accounts_session t USING (SELECT 1) s ON false "
           "WHEN NOT MATCHED THEN DO NOTHING"),
    Attack("dynamic statement", "DO $$ BEGIN EXECUTE 'SELECT * FROM ' || '{other}' || '.accounts_user'; END $$"),
    Attack("next number", "SELECT nextval('{other}.audit_entry_number_seq')", control=False),
    Attack("set a number", "SELECT setval('{other}.audit_entry_number_seq', 1)", control=False),
    Attack("statistics of a column", "ANALYZE {other}.accounts_user; SELECT * FROM pg_stats"),
    Attack("comment", "COMMENT ON TABLE {other}.accounts_user IS 'x'"),
    # -- objects of one's own
    Attack("temporary table", "CREATE TEMP TABLE mine (a int)"),
    Attack("temporary view", "CREATE TEMP VIEW mine AS SELECT 1"),
    Attack("temporary sequence", "CREATE TEMP SEQUENCE mine"),
    Attack("table in public", "CREATE TABLE public.mine (a int)"),
    Attack("view in public", "CREATE VIEW public.mine AS SELECT * FROM {other}.accounts_user"),
    Attack("function in public", "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
    Attack("definer function", "CREATE FUNCTION {other}.f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'"),
    Attack("untrusted language", "CREATE FUNCTION public.f() RETURNS int LANGUAGE c AS 'libc.so.6', 'system'",
           control=False),
    Attack("schema", "CREATE SCHEMA mine"),
    Attack("schema for another", "CREATE SCHEMA mine AUTHORIZATION {other}"),
    Attack("database", "ALTER DATABASE dealernet_proof SET search_path = {other}"),
    Attack("event trigger", "CREATE EVENT TRIGGER t ON ddl_command_end "
           "EXECUTE FUNCTION suppress_redundant_updates_trigger()", control=False),
    Attack("operator", "CREATE OPERATOR public.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)"),
    Attack("cast", "CREATE CAST (text AS bytea) WITHOUT FUNCTION"),
    Attack("publication", "CREATE PUBLICATION p FOR ALL TABLES"),
    Attack("subscription", "CREATE SUBSCRIPTION s CONNECTION 'dbname=x' PUBLICATION p WITH (connect = false)"),
    Attack("extension", "DROP EXTENSION plpgsql CASCADE"),
    *(Attack(f"create {name}", f"CREATE EXTENSION {name}") for name in ("dblink", "postgres_fdw", "file_fdw")),
    Attack("trusted extension", "CREATE EXTENSION citext"),
    Attack("call dblink", "SELECT * FROM dblink('dbname=dealernet_proof user={other}', 'SELECT 1') AS t (a int)",
           control=False, also=errors.UndefinedFunction),
    Attack("foreign server", "CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw", control=False,
           also=errors.UndefinedObject),
    Attack("user mapping", "CREATE USER MAPPING FOR CURRENT_USER SERVER s", control=False, also=errors.UndefinedObject),
    Attack("import a foreign schema", "IMPORT FOREIGN SCHEMA {other} FROM SERVER s INTO public", control=False,
           also=errors.UndefinedObject),
    Attack("temporary function", "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
    Attack("type", "CREATE TYPE public.mine AS (a int)"),
    Attack("domain", "CREATE DOMAIN public.mine AS int"),
    Attack("language", "CREATE LANGUAGE plpython3u", control=False, also=errors.FeatureNotSupported),
    Attack("prepared transaction", f"{_READ}; PREPARE TRANSACTION 'x'", control=False),
    Attack("wrapper", "CREATE FOREIGN DATA WRAPPER w"),
    Attack("default privileges", "ALTER DEFAULT PRIVILEGES FOR ROLE owner GRANT SELECT ON TABLES TO PUBLIC"),
    _members("column", "ALTER TABLE {own}.accounts_user ADD COLUMN x int"),
    _members("trigger off", "ALTER TABLE {own}.audit_entry DISABLE TRIGGER ALL"),
    _members("trigger", "CREATE TRIGGER t BEFORE INSERT ON {own}.audit_entry EXECUTE FUNCTION "
             "suppress_redundant_updates_trigger()"),
    _members("rule", "CREATE RULE r AS ON INSERT TO {own}.audit_entry DO INSTEAD NOTHING"),
    _members("policy", "CREATE POLICY p ON {own}.accounts_user"),
    _members("index", "CREATE INDEX i ON {own}.accounts_user (name)"),
    _members("reach out by key", "ALTER TABLE {own}.audit_entry ADD FOREIGN KEY (id) "
             "REFERENCES {other}.audit_entry (id)", control=False),
    _members("give one's own away", "GRANT SELECT ON {own}.accounts_user TO PUBLIC; "
             "SELECT 1 / has_table_privilege('frontdesk', '{own}.accounts_user', 'SELECT')::int"),
    _members("give one's schema away", "GRANT USAGE ON SCHEMA {own} TO PUBLIC; "
             "SELECT 1 / has_schema_privilege('frontdesk', '{own}', 'USAGE')::int"),
    # -- the books of one's own schema
    _members("rewrite the audit trail", "UPDATE {own}.audit_entry SET action = 'x'"),
    _members("write over what the audit trail says", "UPDATE {own}.audit_entry SET note = 'x'"),
    _members("shorten the audit trail", "DELETE FROM {own}.audit_entry"),
    _members("empty the audit trail", "TRUNCATE {own}.audit_entry"),
    _members("rewrite the ledger", "UPDATE {own}.exchange_ledger SET released = '[]'"),
    _members("shorten the ledger", "DELETE FROM {own}.exchange_ledger"),
    _members("deliver oneself", "UPDATE {own}.exchange_ledger SET delivered_at = now()"),
    _members("forge a message", "INSERT INTO {own}.exchange_inbox SELECT * FROM {own}.exchange_inbox", control=False),
    _members("forget a person", "DELETE FROM {own}.accounts_user"),
    _members("forget what was mailed", "DELETE FROM {own}.accounts_outboxmail"),
    _members("sign for the steward", "INSERT INTO public.tenancy_stewardsignature (request_id, signed_by) "
             "SELECT id, 'me' FROM public.tenancy_stewardrequest ON CONFLICT DO NOTHING"),
    _members("change what is signed", "UPDATE public.tenancy_stewardrequest SET verb = 'retire'"),
    # -- host names of their own
    _members("read who asks for names", "SELECT * FROM public.tenancy_hostclaim"),
    _members("read what others wish", "SELECT * FROM public.tenancy_hostwish"),
    _members("count names by the plan", "EXPLAIN ANALYZE SELECT * FROM public.tenancy_hostclaim"),
    _members("wish in another's name", "INSERT INTO public.tenancy_hostwish (schema_name, verb, host, asked_by) "
             "VALUES ('{other}', 'release', 'www.{other}.example', 'me')"),
    _members("take another's wish over", "INSERT INTO public.tenancy_hostwish (verb, host, asked_by) "
             "VALUES ('ask', 'x.example', 'me') ON CONFLICT (schema_name) DO UPDATE SET schema_name = '{other}'"),
    _members("prove a name oneself", "UPDATE public.tenancy_hostclaim SET state = 'bound'"),
    _members("lead a name to oneself", "INSERT INTO public.tenancy_domain (domain, is_primary, tenant_id) "
             "SELECT 'x.example', false, id FROM public.tenancy_tenant LIMIT 1"),
    _members("read names as another", "SET ROLE {other}; SELECT * FROM public.tenancy_own_hosts()"),
    _members("change what reads names", "CREATE OR REPLACE FUNCTION public.tenancy_own_hosts() RETURNS int "
             "LANGUAGE sql AS 'SELECT 1'", control=False),
    _blind("one's own names", "SELECT * FROM public.tenancy_own_hosts()"),
    _blind("one's own names along another path", "SET search_path = {other}, pg_catalog; "
           "SELECT * FROM public.tenancy_own_hosts()"),
    _members("forget a migration", "DELETE FROM {own}.django_migrations"),
    # -- catalogues and statistics
    *(
        Attack(f"read {name}", f"SELECT * FROM {name}")
        for name in (
            "pg_class pg_namespace pg_attribute pg_roles pg_authid pg_shadow pg_user pg_auth_members pg_database "
            "pg_stat_activity pg_stat_user_tables pg_stat_all_tables pg_stats pg_statistic pg_locks pg_tables pg_views "
            "pg_indexes pg_sequences pg_proc pg_largeobject pg_largeobject_metadata pg_hba_file_rules pg_file_settings "
            "pg_settings pg_db_role_setting pg_prepared_xacts pg_stat_replication pg_depend pg_shdepend pg_constraint"
        ).split()
    ),
    Attack("sizes", "SELECT pg_database_size('postgres')"),
    Attack("size of a table", "SELECT pg_total_relation_size('{other}.accounts_user')"),
    Attack("row counts", "SELECT pg_stat_get_live_tuples(c.oid) FROM pg_class c"),
    _blind("tables of the standard", "SELECT table_schema, table_name FROM information_schema.tables"),
    _blind("columns of the standard", "SELECT table_schema, column_name FROM information_schema.columns"),
    _blind("schemas of the standard", "SELECT schema_name FROM information_schema.schemata"),
    _blind("grants of the standard", "SELECT grantor, grantee, table_schema FROM information_schema.role_table_grants"),
    _blind("roles of the standard", "SELECT * FROM information_schema.enabled_roles"),
    _blind("constraints of the standard", "SELECT * FROM information_schema.table_constraints"),
    _blind("prepared statements", "SELECT name, statement FROM pg_prepared_statements"),
    _blind("path", "SELECT current_schemas(true)::text, current_user::text, session_user::text"),
    # -- files, programs, other servers, large objects
    Attack("read a file", "SELECT pg_read_file('/etc/hostname')"),
    Attack("read a binary file", "SELECT pg_read_binary_file('/etc/hostname')"),
    Attack("list a folder", "SELECT pg_ls_dir('.')"),
    Attack("stat a file", "SELECT pg_stat_file('/etc/hostname')"),
    Attack("logs", "SELECT pg_ls_logdir()", control=False),
    Attack("copy from a file", "COPY {other}.accounts_user FROM '/etc/hostname'", control=False),
    Attack("program", "COPY (SELECT 1) TO PROGRAM 'cat > /dev/null'"),
    Attack("file", "COPY (SELECT 1) TO '/dev/null'"),
    Attack("import a file", "SELECT lo_import('/etc/hostname')"),
    Attack("large object", "SELECT lo_create(0)"),
    Attack("open a large object", "SELECT loread(lo_open(1, 262144), 100)", control=False),
    Attack("read a large object", "SELECT lo_get(1)", control=False),
    Attack("remove a large object", "SELECT lo_unlink(1)", control=False),
    Attack("large object from bytes", "SELECT lo_from_bytea(0, 'x')"),
    Attack("xml of a query", "SELECT query_to_xml('SELECT 1', true, true, '')", control=False),
    Attack("xml of a table", "SELECT table_to_xml('{other}.accounts_user', true, true, '')", control=False),
    Attack("xml of a schema", "SELECT schema_to_xml('{other}', true, true, '')", control=False),
    Attack("load a library", "LOAD 'plpgsql'", control=False),
    # -- the server
    Attack("settings of the server", "ALTER SYSTEM SET work_mem = '1GB'", control=False, alone=True),
    Attack("reload", "SELECT pg_reload_conf()"),
    Attack("end another's connection", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
           "WHERE usename = 'nobody'"),
    Attack("write-ahead log", "SELECT pg_switch_wal()"),
    Attack("replication slot", "SELECT pg_create_physical_replication_slot('s')", control=False),
    Attack("checkpoint", "CHECKPOINT", control=False),
)  # fmt: skip


def check(result: Result, world: World, *, connect: Any, superuser: Any) -> None:
    """Try each attack as each login. `superuser` is an open connection in autocommit."""
    north, south = world.network.north.schema, world.network.south.schema
    controls: dict[str, str] = {}
    for login, other, slug in (
        (north, south, "south"),
        ("oem", north, "north"),
        ("courier", north, "north"),
        ("frontdesk", north, "north"),
    ):
        raw = connect(login)
        try:
            for attack in ATTACKS:
                if (attack.members and login not in (north, "oem")) or (login == "courier" and not attack.courier):
                    continue
                text = attack.text.format(own=login, other=other)
                if attack.control and attack.name not in controls:
                    controls[attack.name] = _control(superuser, text)
                    if controls[attack.name]:
                        result.violations.append(
                            f"attack {attack.name}: not even the superuser can ({controls[attack.name]})"
                        )
                result.count("attempts")
                raw.autocommit = attack.alone
                said = _try(raw, text, attack.also)
                if said is None:
                    continue
                known = login == "courier" or other not in said
                if attack.blind and known and f"CANARY-{slug}" not in said:
                    continue
                result.violations.append(f"{login} gets through with the attack {attack.name}: {said[:120]}")
        finally:
            raw.close()


def _run(cursor: Any, text: str) -> None:
    """Execute it; what is copied to or from the client goes through memory."""
    if text.startswith("COPY") and text.endswith(("STDOUT", "STDIN")):
        copied = io.StringIO()
        cursor.copy_expert(text, copied)
        if copied.getvalue():
            raise LookupError(copied.getvalue())
    else:
        cursor.execute(text)


def _try(raw: Any, text: str, also: type[Exception] | None = None) -> str | None:
    """None when it was refused; what was answered, or how else it failed, otherwise."""
    with raw.cursor() as cursor:
        try:
            _run(cursor, text)
            return str(cursor.fetchall() if cursor.description else "done")
        except (errors.InsufficientPrivilege, *ALSO_REFUSED):
            return None
        except LookupError as copied:
            return str(copied)
        except psycopg2.Error as error:
            return None if also and isinstance(error, also) else f"{type(error).__name__} {error}"
        finally:
            raw.rollback()


def _control(superuser: Any, text: str) -> str:
    """Empty when the superuser can; the error otherwise. Rolled back."""
    superuser.autocommit = False
    try:
        with superuser.cursor() as cursor:
            cursor.execute("DEALLOCATE ALL")
            _run(cursor, text)
        return ""
    except LookupError:
        return ""
    except psycopg2.Error as error:
        return f"{type(error).__name__} {error}".strip()
    finally:
        superuser.rollback()
        superuser.autocommit = True
