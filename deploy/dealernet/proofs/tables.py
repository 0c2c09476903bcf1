"""Isolation in the database: every login × every table × every privilege, and real attempts.

What each login may is a reviewed file (`tables.csv`), not derived from the grants. A denial by attempt counts only
because the rightful login succeeds with the same statement in the same run.
"""

from __future__ import annotations

import csv
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import errors, sql

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
    result: Result, *, connect: Any, superuser: Any, schemas: dict[str, str], verbs: Collection[str] = PRIVILEGES
) -> None:
    """Compare every cell with the expectations and try every foreign table for real.

    `schemas`: schema → kind (public, manufacturer, dealership). `superuser`: an open connection; `connect(login)`
    opens one as a login. `verbs` are those that are tried.
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
    _cells(result, superuser, schemas, wanted, logins, tables)
    _structure(result, superuser, schemas)
    _attempts(result, connect, schemas, wanted, logins, tables, verbs)


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


def _cells(
    result: Result,
    superuser: Any,
    schemas: dict[str, str],
    wanted: dict[tuple[str, str], Row],
    logins: list[str],
    tables: list[tuple[str, str, str]],
) -> None:
    with superuser.cursor() as cursor:
        cursor.execute(
            "SELECT l, n.nspname, c.relname, p, "
            "has_schema_privilege(l, n.oid, 'USAGE') AND has_table_privilege(l, c.oid, p), "
            "CASE WHEN p = 'UPDATE' THEN ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid "
            "AND a.attnum > 0 AND NOT a.attisdropped AND has_column_privilege(l, c.oid, a.attnum, 'UPDATE') "
            "ORDER BY 1) END "
            "FROM unnest(%s::text[]) l, unnest(%s::text[]) p, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname = ANY(%s)",
            [logins, list(PRIVILEGES), list(schemas)],
        )
        for login, schema, table, privilege, has, columns in cursor:
            row = wanted.get((schemas[schema], table))
            if row is None:
                continue
            result.count("privilege_cells")
            allowed, single = _allowed(row, login, schema)
            if has != (privilege in allowed):
                may = "may" if has else "may not"
                result.violations.append(f"{login} {may} {privilege} {schema}.{table}, against tables.csv")
            if privilege == "UPDATE" and not has and tuple(columns) != tuple(sorted(single)):
                result.violations.append(f"{login} may update {columns} of {schema}.{table}, expected {sorted(single)}")


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
) -> None:
    """Try each verb on each table as each login; every statement is rolled back."""
    rightful: set[tuple[str, str]] = set()
    for login in logins:
        raw = connect(login)
        try:
            for schema, table, column in tables:
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
