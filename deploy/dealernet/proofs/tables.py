"""Isolation in the database: every login × every table, column, sequence, schema and database × every privilege, and
real attempts.

What each login may is a reviewed file (`tables.csv`), not derived from the grants; of schemas, sequences and databases
it is said here. The server compares, in one statement a kind of thing, so that fifty dealerships take seconds. A denial
by attempt counts only because the rightful login succeeds with the same statement in the same run.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import errors, sql
from psycopg2.extras import execute_values

from dealernet.proofs import Result
from kernel.tenancy import keys

EXPECTED = Path(__file__).with_name("tables.csv")
PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
LETTERS = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}


@dataclass(frozen=True)
class Row:
    """What may be done with one table: letters by login, and the columns that may be updated alone."""

    kind: str
    table: str
    own: str
    own_update: tuple[str, ...]
    frontdesk: str
    oem: str
    dealers: str
    courier: str
    courier_update: tuple[str, ...]


def expected() -> dict[tuple[str, str], Row]:
    """The reviewed rights by (kind of schema, table)."""
    with EXPECTED.open(encoding="utf-8", newline="") as file:
        rows = [
            Row(own_update=tuple(own.split()), courier_update=tuple(courier.split()), **line)
            for line in csv.DictReader(file)
            for own, courier in [(line.pop("own_update"), line.pop("courier_update"))]
        ]
    return {(row.kind, row.table): row for row in rows}


def check(
    result: Result,
    *,
    connect: Any,
    superuser: Any,
    schemas: dict[str, str],
    verbs: Collection[str] = PRIVILEGES,
    tried: int | None = None,
    seed: int = 0,
) -> None:
    """Compare every cell with the expectations and try every foreign table for real.

    `schemas`: schema → kind (public, manufacturer, dealership). `superuser`: an open connection; `connect(login)`
    opens one as a login. `verbs` are those that are tried; of tables each login tries `tried`, chosen by the seed, and
    all without it.
    """
    wanted = expected()
    logins = ["frontdesk", "oem", "courier", *(s for s, kind in schemas.items() if kind == "dealership")]
    with superuser.cursor() as cursor:
        cursor.execute(
            "SELECT n.nspname, c.relname, (SELECT quote_ident(a.attname) FROM pg_attribute a WHERE a.attrelid = c.oid "
            "AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity = '' "
            "ORDER BY a.attnum LIMIT 1) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname = ANY(%s) ORDER BY 1, 2",
            [list(schemas)],
        )
        tables = cursor.fetchall()
    present = {(schemas[schema], table) for schema, table, _column in tables}
    for kind, table in sorted(present - set(wanted)):
        result.violations.append(f"{kind}: the table {table} has no row in tables.csv")
    for kind, table in sorted(set(wanted) - present):
        result.violations.append(f"{kind}: tables.csv names {table}, which does not exist")
    with superuser.cursor() as cursor:
        _tell(cursor, schemas, wanted, logins)
        for kind, text in _CELLS.items():
            _compare(result, cursor, kind, text)
        cursor.execute(
            "SELECT count(DISTINCT (pg_temp.proof_who(l.login, s.schema), s.kind, c.relname)) FROM proof_tables c "
            "JOIN proof_schemas s ON s.number = c.relnamespace CROSS JOIN proof_logins l"
        )
        # (kind of login, kind of table, privilege): what the cells of many dealerships repeat
        result.figures["distinct_cells"] = cursor.fetchone()[0] * len(PRIVILEGES)
    _structure(result, superuser, schemas)
    _attempts(result, connect, schemas, wanted, logins, tables, verbs, tried=tried, seed=seed)


def _allowed(row: Row, login: str, schema: str) -> tuple[set[str], tuple[str, ...]]:
    letters: str
    columns: tuple[str, ...] = ()
    if login == schema:
        letters, columns = row.own, row.own_update
    elif login == "courier":
        letters, columns = row.courier, row.courier_update
    elif login == "frontdesk":
        letters = row.frontdesk
    elif login == "oem":
        letters = row.oem
    else:
        letters = row.dealers
    return {LETTERS[letter] for letter in letters}, columns


#: Every kind of thing: who, what, which privilege, whether the server grants it, whether it is expected.
_CELLS = {
    "tables": """
        SELECT l.login, s.schema || '.' || c.relname AS thing, p AS privilege,
            has_schema_privilege(l.login, c.relnamespace, 'USAGE') AND has_table_privilege(l.login, c.oid, p) AS has,
            EXISTS (SELECT FROM proof_expected e WHERE e.kind = s.kind AND e.tab = c.relname AND e.privilege = p
                AND e.who = proof_who(l.login, s.schema)) AS wanted
        FROM proof_tables c JOIN proof_schemas s ON s.number = c.relnamespace CROSS JOIN proof_logins l
        CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p""",
    # Whether there is any column at all: of a table with none, no single one need be asked for.
    "tables by column": """
        SELECT l.login, s.schema || '.' || c.relname, p || ' of any column',
            has_schema_privilege(l.login, c.relnamespace, 'USAGE') AND has_any_column_privilege(l.login, c.oid, p),
            EXISTS (SELECT FROM proof_expected e WHERE e.kind = s.kind AND e.tab = c.relname
                AND e.privilege IN (p, p || ' column') AND e.who = proof_who(l.login, s.schema))
        FROM proof_tables c JOIN proof_schemas s ON s.number = c.relnamespace CROSS JOIN proof_logins l
        CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) p""",
    "columns": """
        SELECT l.login, s.schema || '.' || c.relname || '.' || a.attname, p,
            has_column_privilege(l.login, c.oid, a.attnum, p),
            EXISTS (SELECT FROM proof_expected e WHERE e.kind = s.kind AND e.tab = c.relname
                AND e.who = proof_who(l.login, s.schema)
                AND (e.privilege = p OR e.privilege = p || ' column' AND e.col = a.attname))
        FROM proof_tables c JOIN proof_schemas s ON s.number = c.relnamespace CROSS JOIN proof_logins l
        CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) p
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE has_schema_privilege(l.login, c.relnamespace, 'USAGE') AND has_any_column_privilege(l.login, c.oid, p)""",
    "sequences": """
        SELECT l.login, s.schema || '.' || c.relname, p,
            has_schema_privilege(l.login, c.relnamespace, 'USAGE') AND has_sequence_privilege(l.login, c.oid, p),
            p = 'USAGE' AND (l.login = s.schema OR s.schema = 'public' AND l.login = 'oem')
        FROM pg_class c JOIN proof_schemas s ON s.number = c.relnamespace CROSS JOIN proof_logins l
        CROSS JOIN unnest(ARRAY['USAGE', 'SELECT', 'UPDATE']) p WHERE c.relkind = 'S'""",
    "schemas": """
        SELECT l.login, s.schema, p, has_schema_privilege(l.login, s.number, p),
            p = 'USAGE' AND (s.schema IN (l.login, 'public') OR l.login = 'courier')
        FROM proof_schemas s CROSS JOIN proof_logins l CROSS JOIN unnest(ARRAY['USAGE', 'CREATE']) p""",
    "databases": """
        SELECT l.login, d.datname, p, has_database_privilege(l.login, d.oid, p),
            p = 'CONNECT' AND d.datname = current_database()
        FROM pg_database d CROSS JOIN proof_logins l CROSS JOIN unnest(ARRAY['CONNECT', 'CREATE', 'TEMPORARY']) p
        WHERE d.datname IN (current_database(), 'postgres', 'template1')""",
    "roles": """
        SELECT l.login, r.rolname, p, pg_has_role(l.login, r.oid, p),
            r.rolname = l.login OR r.rolname = 'dealerships' AND l.login LIKE 'd\\_%'
        FROM pg_roles r CROSS JOIN proof_logins l CROSS JOIN unnest(ARRAY['MEMBER', 'USAGE']) p""",
}


def _tell(cursor: Any, schemas: dict[str, str], wanted: dict[tuple[str, str], Row], logins: list[str]) -> None:
    """Tell the server what is expected, in temporary tables of this session."""
    cursor.execute(
        "DROP TABLE IF EXISTS proof_expected, proof_schemas, proof_logins, proof_tables;"
        "CREATE TEMP TABLE proof_expected (kind text, tab name, who text, privilege text, col name);"
        "CREATE TEMP TABLE proof_schemas (schema text, kind text, number oid);"
        "CREATE TEMP TABLE proof_logins (login name);"
        "CREATE OR REPLACE FUNCTION pg_temp.proof_who(login name, schema text) RETURNS text LANGUAGE sql IMMUTABLE AS "
        "$$ SELECT CASE WHEN login = schema THEN 'own' WHEN login LIKE 'd\\_%' THEN 'dealers' ELSE login END $$"
    )
    expectations = []
    for row in wanted.values():
        for who in ("own", "frontdesk", "oem", "dealers", "courier"):
            letters: str = getattr(row, who)
            expectations += [(row.kind, row.table, who, LETTERS[letter], "") for letter in letters]
            columns: tuple[str, ...] = getattr(row, f"{who}_update", ())
            expectations += [(row.kind, row.table, who, "UPDATE column", column) for column in columns]
    _fill(cursor, "proof_expected", expectations)
    _fill(cursor, "proof_logins", [(login,) for login in logins])
    cursor.execute("SELECT nspname, oid FROM pg_namespace WHERE nspname = ANY(%s)", [list(schemas)])
    _fill(cursor, "proof_schemas", [(schema, schemas[schema], number) for schema, number in cursor.fetchall()])
    cursor.execute(
        "CREATE TEMP TABLE proof_tables AS SELECT c.oid, c.relname, c.relnamespace FROM pg_class c "
        "JOIN proof_schemas s ON s.number = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') "
        "AND EXISTS (SELECT FROM proof_expected e WHERE e.kind = s.kind AND e.tab = c.relname);"
        "ANALYZE proof_expected, proof_schemas, proof_logins, proof_tables"
    )


def _fill(cursor: Any, table: str, rows: list[tuple[Any, ...]]) -> None:
    execute_values(cursor, f"INSERT INTO {table} VALUES %s", rows, page_size=1000)


def _compare(result: Result, cursor: Any, kind: str, cells: str) -> None:
    """Count the cells of one kind; each that is not as expected is a violation."""
    cells = cells.replace("proof_who", "pg_temp.proof_who")
    cursor.execute(
        f"WITH cells (login, thing, privilege, has, wanted) AS MATERIALIZED ({cells}) "
        "SELECT (SELECT count(*) FROM cells), login, thing, privilege, has FROM cells "
        "WHERE has IS DISTINCT FROM wanted "
        "UNION ALL SELECT count(*), NULL, NULL, NULL, NULL FROM cells"
    )
    for number, login, thing, privilege, has in cursor.fetchall():
        if login is None:
            result.count("privilege_cells", number)
            result.count(f"cells_{kind.replace(' ', '_')}", number)
        else:
            result.violations.append(f"{login} {'may' if has else 'may not'} {privilege} {thing}, against tables.csv")


def _structure(result: Result, superuser: Any, schemas: dict[str, str]) -> None:
    """No foreign key, view or default reaches from one schema into another, but into public's reference."""
    with superuser.cursor() as cursor:
        cursor.execute(
            "SELECT k.conname FROM pg_constraint k JOIN pg_class a ON a.oid = k.conrelid "
            "JOIN pg_class b ON b.oid = k.confrelid WHERE k.contype = 'f' AND a.relnamespace <> b.relnamespace"
        )
        for (name,) in cursor.fetchall():
            result.violations.append(f"the foreign key {name} crosses schemas")
        cursor.execute(
            "SELECT n.nspname, r.rolname FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner "
            "WHERE n.nspname = ANY(%s) AND r.rolname <> 'owner'",
            [list(schemas)],
        )
        for schema, owner in cursor.fetchall():
            result.violations.append(f"the schema {schema} belongs to {owner}")
        cursor.execute(
            "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s) "
            "AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication)",
            [["frontdesk", "oem", "courier", *schemas]],
        )
        for (login,) in cursor.fetchall():
            result.violations.append(f"the login {login} has attributes of an administrator")
        # What a schema may hold besides tables, indexes and sequences; and what a login could own.
        for what, text in _NOTHING_ELSE.items():
            cursor.execute(text, {"schemas": list(schemas), "logins": ["frontdesk", "oem", "courier", *schemas]})
            result.violations += [f"{what}: {name}" for (name,) in cursor.fetchall()]
            result.count("structure_checks")


_NOTHING_ELSE = {
    "a function stands in a schema of ours": "SELECT proname FROM pg_proc p JOIN pg_namespace n "
    "ON n.oid = p.pronamespace WHERE n.nspname = ANY(%(schemas)s) "
    # The one that there is, as it was reviewed (docs/decisions/0011): every condition of it counts.
    "AND NOT (n.nspname = 'public' AND p.proname = 'tenancy_own_hosts' AND p.pronargs = 0 AND p.prosecdef "
    "AND p.provolatile = 's' AND p.proowner = 'owner'::regrole "
    "AND p.proacl::text = '{owner=X/owner,dealerships=X/owner}' "
    "AND pg_get_function_sqlbody(p.oid) LIKE '%% WHERE ((c.schema_name)::text = (SESSION_USER)::text);%%') "
    # What keeps the audit trail as it was written: it has the rights of whoever writes, and nobody calls it.
    "AND NOT (p.proname = 'audit_only_emptied' AND p.pronargs = 0 AND NOT p.prosecdef "
    "AND p.proowner = 'owner'::regrole AND p.prorettype = 'trigger'::regtype AND p.proacl::text = '{owner=X/owner}')",
    "a row policy that nobody reviewed": "SELECT policyname FROM pg_policies WHERE NOT (schemaname = 'public' "
    "AND tablename = 'tenancy_hostwish' AND policyname = 'own_wish' AND cmd = 'INSERT' AND roles = '{public}' "
    "AND with_check = '((schema_name)::text = CURRENT_USER)')",
    "wishes are not guarded by rows": "SELECT relname FROM pg_class WHERE oid = 'public.tenancy_hostwish'::regclass "
    "AND NOT relrowsecurity",
    "a view stands in a schema of ours": "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = ANY(%(schemas)s) AND relkind IN ('v', 'm', 'f')",
    "a trigger of ours": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal "
    "AND NOT (tgname = 'audit_entry_only_emptied' AND tgenabled = 'O' "
    "AND tgrelid::regclass::text LIKE '%%audit_entry')",
    "an audit trail that can be rewritten": "SELECT n.nspname || '.' || c.relname FROM pg_class c "
    "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = 'audit_entry' AND NOT EXISTS (SELECT 1 "
    "FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'audit_entry_only_emptied' AND t.tgenabled = 'O')",
    "a rule of ours": "SELECT rulename FROM pg_rules WHERE schemaname = ANY(%(schemas)s)",
    "a large object": "SELECT oid::text FROM pg_largeobject_metadata",
    "a foreign server": "SELECT srvname FROM pg_foreign_server",
    "a function of a wrapper": "SELECT fdwname FROM pg_foreign_data_wrapper",
    "an extension besides plpgsql": "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'",
    "a login owns": "SELECT relname FROM pg_class WHERE relowner IN (SELECT oid FROM pg_roles "
    "WHERE rolname = ANY(%(logins)s))",
    "a default privilege": "SELECT defaclobjtype::text FROM pg_default_acl",
    "a default that calls into another schema": "SELECT d.adrelid::regclass::text FROM pg_attrdef d "
    "JOIN pg_depend x ON x.classid = 'pg_attrdef'::regclass AND x.objid = d.oid "
    "AND x.refclassid = 'pg_class'::regclass "
    "JOIN pg_class a ON a.oid = d.adrelid JOIN pg_class b ON b.oid = x.refobjid "
    "WHERE a.relnamespace <> b.relnamespace",
}

_STATEMENTS = {
    "SELECT": "SELECT * FROM {table} LIMIT 1",
    "INSERT": "INSERT INTO {table} DEFAULT VALUES",
    "UPDATE": "UPDATE {table} SET {column} = {column} WHERE false",
    "DELETE": "DELETE FROM {table} WHERE false",
}


def _attempts(
    result: Result,
    connect: Any,
    schemas: dict[str, str],
    wanted: dict[tuple[str, str], Row],
    logins: list[str],
    tables: list[tuple[str, str, str]],
    verbs: Collection[str],
    *,
    tried: int | None,
    seed: int,
) -> None:
    """Try each verb on each table as each login; every statement is rolled back."""
    rightful: set[tuple[str, str]] = set()
    chance = random.Random(seed)  # noqa: S311 - picks tables, no secret
    for login in logins:
        raw = connect(login)
        try:
            for schema, table, column in tables if tried is None else chance.sample(tables, min(tried, len(tables))):
                row = wanted.get((schemas[schema], table))
                if row is None:
                    continue
                allowed, single = _allowed(row, login, schema)
                for verb, text in _STATEMENTS.items():
                    if verb not in verbs or (verb == "UPDATE" and single):
                        continue  # columns are compared cell by cell
                    statement = sql.SQL(text).format(table=sql.Identifier(schema, table), column=sql.SQL(column))
                    outcome = _try(raw, statement)
                    result.count("attempts")
                    if verb in allowed:
                        if outcome == "denied":
                            result.violations.append(f"{login} was denied {verb} on {schema}.{table}")
                        elif verb == "SELECT":
                            rightful.add((schema, table))
                    elif outcome != "denied":
                        result.violations.append(f"{login} got through with {verb} on {schema}.{table}: {outcome}")
        finally:
            raw.close()
    result.count("tables_read_by_their_own", len(rightful))


def _try(raw: Any, statement: Any) -> str:
    """done, denied, or the kind of error that came after the permission check."""
    with raw.cursor() as cursor:
        try:
            cursor.execute(statement)
        except errors.InsufficientPrivilege:
            outcome = "denied"
        except psycopg2.Error as error:
            outcome = type(error).__name__
        else:
            outcome = "done"
    raw.rollback()
    return outcome


def connector(host: str, port: str, dbname: str) -> Any:
    """A function that opens a connection as a login of the network."""

    def connect(login: str) -> Any:
        return psycopg2.connect(
            host=host or None, port=port or None, dbname=dbname, user=login, password=keys.password(login)
        )

    return connect
