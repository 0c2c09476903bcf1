"""Catalogues and functions of the server: nothing tells one login of another.

No list of ours says which: every relation of `pg_catalog` and `information_schema` is read, and every function of the
server that takes a number or a name of something is asked about another member's table, schema and login, and about
ones that do not exist. Where the two answers differ, the function tells whether something exists, or more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2 import errors, sql

from dealernet.proofs import Result

#: Functions whose answer differs although they tell nothing: why.
TELL_NOTHING = {
    # the manner of the refusal differs: not a sequence, or nothing at all (see "names by number" in bounded.py)
    **dict.fromkeys(("nextval", "currval", "setval"), "names by number"),
    **dict.fromkeys(("regclassout", "regroleout", "regnamespaceout"), "names by number"),
    # they work on the text they are given and look nothing up
    **dict.fromkeys(
        "to_char to_number to_date to_timestamp to_tsvector to_tsquery plainto_tsquery phraseto_tsquery textsend "
        "websearch_to_tsquery ts_debug namesend ts_headline ts_lexize concat concat_ws format quote_literal "
        "quote_nullable to_json to_jsonb regclasssend regrolesend regnamespacesend ts_parse ts_token_type".split(),
        "text",
    ),
}
#: What is given for arguments that are not asked about.
_FILLERS = {
    "smallint": "1",
    "integer": "1",
    "bigint": "1",
    "real": "1",
    "double precision": "1",
    "boolean": "true",
    '"char"': "'r'",
    "text[]": "'{a}'",
    "name[]": "'{a}'",
    "oid[]": "'{1}'",
    "regtype": "'int4'",
    "text": "'SELECT'",
    "name": "'SELECT'",
}
_NUMBER, _NAME = 4_000_000_001, "d_aaaaaaaaaaaa"
#: What ends sessions, or waits, is tried by name elsewhere.
_NOT_CALLED = ("pg_sleep_for", "pg_sleep_until", "pg_terminate_backend", "pg_cancel_backend")


@dataclass(frozen=True)
class Known:
    """Numbers of another member's table, schema and login."""

    schema: str
    table: int
    namespace: int
    role: int

    def values(self, kind: str) -> list[Any]:
        known: dict[str, list[Any]] = {
            "oid": [self.table, self.namespace, self.role],
            "regclass": [self.table],
            "regnamespace": [self.namespace],
            "regrole": [self.role],
            "name": [self.schema],
            "text": [f"{self.schema}.accounts_user", self.schema],
        }
        return known.get(kind, [])


def check(result: Result, *, connect: Any, superuser: Any, logins: list[str], other: str) -> None:
    """Ask as each login about the member whose schema is `other`."""
    with superuser.cursor() as cursor:
        known = _known(cursor, other)
        cursor.execute(
            "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relkind IN ('r', 'v', 'm') AND c.relnamespace IN "
            "('pg_catalog'::regnamespace, 'information_schema'::regnamespace) ORDER BY 1"
        )
        relations = [name for (name,) in cursor.fetchall()]
        for login in logins:
            raw = connect(login)
            raw.autocommit = True
            with raw.cursor() as asked:
                asked.execute("SET statement_timeout = '2s'")
                _relations(result, asked, login, relations, known)
                _functions(result, cursor, asked, login, known)
            raw.close()


def _known(cursor: Any, schema: str) -> Known:
    """The numbers, after the table has been read and its statistics written."""
    table = sql.Identifier(schema, "accounts_user")
    cursor.execute(sql.SQL("SELECT count(*) FROM {}; UPDATE {} SET name = name").format(table, table))
    cursor.execute("SELECT pg_stat_force_next_flush()")
    cursor.execute("SELECT 1")
    cursor.execute(
        "SELECT (SELECT oid FROM pg_class WHERE relname = 'accounts_user' AND relnamespace = n.oid), n.oid, "
        "(SELECT oid FROM pg_roles WHERE rolname = n.nspname) FROM pg_namespace n WHERE n.nspname = %s",
        [schema],
    )
    return Known(schema, *cursor.fetchone())


def _relations(result: Result, asked: Any, login: str, relations: list[str], known: Known) -> None:
    for relation in relations:
        result.count("attempts")
        try:
            asked.execute(f"SELECT t::text FROM {relation} t")
            text = " ".join(row or "" for (row,) in asked.fetchall())
        except psycopg2.Error:
            continue
        words = {known.schema, str(known.table), str(known.namespace), str(known.role)}
        if any(word in text for word in words):
            result.violations.append(f"{login} learns of {known.schema} from {relation}")


def _functions(result: Result, cursor: Any, asked: Any, login: str, known: Known) -> None:
    cursor.execute(
        "SELECT p.proname, p.proargtypes::regtype[]::text[], p.proretset FROM pg_proc p "
        "WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND p.provolatile <> 'i' "
        "AND has_function_privilege(%s, p.oid, 'EXECUTE') AND p.proname <> ALL(%s) "
        "AND p.proargtypes::regtype[]::text[] && ARRAY['oid', 'regclass', 'regnamespace', 'regrole', 'name', 'text'] "
        "ORDER BY p.oid",
        [login, list(_NOT_CALLED)],
    )
    for name, arguments, returns_rows in cursor.fetchall():
        result.count("functions")
        for place, kind in enumerate(arguments):
            for value in known.values(kind):
                made_up = _NUMBER if isinstance(value, int) else value.replace(known.schema, _NAME)
                pairs = [
                    (_call(name, arguments, place, given, known, rows=returns_rows), given)
                    for given in (value, made_up)
                ]
                said = [_answer(asked, call, given) for call, given in pairs if call is not None]
                if not said:
                    continue
                result.count("attempts", 2)
                about, about_nothing = said
                if about != about_nothing and about != "denied" and name not in TELL_NOTHING:
                    result.violations.append(f"{login} learns of {known.schema} by {pairs[0][0]}: {about[:80]}")


def _call(name: str, arguments: list[str], place: int, value: Any, known: Known, *, rows: bool) -> str | None:
    """The call with a value at one place; None when some other argument is of a kind that nobody can fill."""
    words = []
    for number, kind in enumerate(arguments):
        if number == place:
            words.append(f"'{value}'::{kind}" if isinstance(value, str) else f"{value}::{kind}")
        elif kind in ("oid", "regclass"):
            words.append(f"{known.table}::{kind}")
        elif kind in _FILLERS:
            words.append(f"{_FILLERS[kind]}::{kind}")
        else:
            return None
    called = f'pg_catalog."{name}"({", ".join(words)})'
    return f"SELECT * FROM {called} AS x" if rows else f"SELECT {called}::text"


def _answer(asked: Any, call: str, value: Any) -> str:
    """What it says, without the value that was given."""
    try:
        asked.execute(call)
        said = str(asked.fetchall())
    except errors.InsufficientPrivilege:
        return "denied"
    except psycopg2.Error as error:
        said = str(error).partition("\n")[0]
    return said.replace(str(value), "#")
