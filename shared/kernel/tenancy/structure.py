"""What a schema is made of, as text: tables, columns, defaults, constraints, indexes, sequences, owners and rights.

Two schemas of one kind are structurally equal when their lines are. The schema's own name (which is also its login)
stands as `SELF` in them.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

_QUERIES = (
    # relations with owner, persistence and rights
    """
    SELECT n.nspname, format('relation %s %s owner=%s %s acl=%s', c.relkind, c.relname, pg_get_userbyid(c.relowner),
           c.relpersistence, (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(c.relacl) a))
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY(:schemas) AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
    """,
    # columns with place (whatever was dropped before them), type, default and rights
    """
    SELECT n.nspname, format('column %s.%s #%s %s null=%s identity=%s default=%s acl=%s', c.relname, a.attname,
           row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum),
           format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, a.attidentity,
           pg_get_expr(d.adbin, d.adrelid),
           (SELECT array_agg(x::text ORDER BY x::text) FROM unnest(a.attacl) x))
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE n.nspname = ANY(:schemas) AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped
    """,
    """
    SELECT n.nspname, format('constraint %s %s valid=%s %s', coalesce(c.relname, '-'), k.conname, k.convalidated,
           pg_get_constraintdef(k.oid))
    FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace LEFT JOIN pg_class c ON c.oid = k.conrelid
    WHERE n.nspname = ANY(:schemas)
    """,
    """
    SELECT n.nspname, format('index valid=%s %s', i.indisvalid, pg_get_indexdef(i.indexrelid))
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY(:schemas)
    """,
    """
    SELECT n.nspname, format('sequence %s %s..%s by %s', c.relname, s.seqmin, s.seqmax, s.seqincrement)
    FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY(:schemas)
    """,
    """
    SELECT n.nspname, format('routine %s owner=%s', pg_get_functiondef(p.oid), pg_get_userbyid(p.proowner))
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = ANY(:schemas) AND p.prokind IN ('f', 'p')
    """,
    """
    SELECT n.nspname, format('trigger %s %s', t.tgenabled, pg_get_triggerdef(t.oid))
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY(:schemas) AND NOT t.tgisinternal
    """,
    """
    SELECT n.nspname, format('schema owner=%s acl=%s', pg_get_userbyid(n.nspowner),
           (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(n.nspacl) a))
    FROM pg_namespace n WHERE n.nspname = ANY(:schemas)
    """,
)


def lines(cursor: Any, schemas: Iterable[str]) -> dict[str, frozenset[str]]:
    """The lines of every schema that exists, by name. Needs a login that may read the catalogues (owner)."""
    found: dict[str, set[str]] = defaultdict(set)
    for query in _QUERIES:
        cursor.execute(query.replace("%", "%%").replace(":schemas", "%s"), [list(schemas)])
        for schema, line in cursor.fetchall():
            # As a word of its own: tables may begin with the name of the manufacturer's schema.
            found[schema].add(_ANY_OF.sub(_plainly, re.sub(rf"\b{schema}\b", "SELF", line)))
    return {schema: frozenset(texts) for schema, texts in found.items()}


#: A list of constants: the server writes the same one in two ways, before and after it went through a dump.
_OF_TEXTS = r"::(?:text|character varying)\[\]"
_ANY_OF = re.compile(rf"= ANY \((?:\(ARRAY\[([^\[\]]*)\]\){_OF_TEXTS}|ARRAY\[([^\[\]]*)\](?:{_OF_TEXTS})?)\)")
_CAST = re.compile(r"::(?:text|character varying)(?:\[\])?|[()]")


def _plainly(found: re.Match[str]) -> str:
    return f"= ANY [{_CAST.sub('', found[1] or found[2])}]"


def digest(texts: Iterable[str]) -> str:
    """SHA-256 over the lines of a schema."""
    return hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()
