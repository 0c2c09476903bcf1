"""What PostgreSQL leaves open to every login and one member could use to learn of another or to harm it, closed.

Needs the server's superuser. Everything can be run again; what is closed already costs one query.
"""

from __future__ import annotations

from typing import Any

#: Functions that tell of other logins' tables, rows, sizes, statistics, transactions and names, that read what a text
#: says (a query, a table), that keep something outside of tables (large objects, messages in the log), or that take
#: locks which nobody of ours takes. Regular expressions over names in `pg_catalog`.
CLOSED_FUNCTIONS = (
    "pg_stat_.*",
    "pg_relation_.*",
    "pg_(total_relation|table|indexes|database|tablespace)_size",
    "pg_tablespace_.*",
    "pg_get_.*",
    "pg_(identify|describe)_.*",
    "pg_(index|indexam|partition|sequence|column|filenode)_.*",
    "pg_.*_is_visible",
    "(obj|shobj|col)_description",
    "pg_lock_status",
    "pg_(safe_snapshot_)?blocking_pids",
    "pg_isolation_test_.*",
    "pg_prepared_xact",
    "pg_logical_.*",
    "pg_notify",
    "pg_notification_queue_usage",
    "pg_current_(wal|xact|snapshot).*",
    "pg_(last_committed_xact|xact_.*|visible_in_snapshot|snapshot_.*)",
    "pg_(wal|replication|available_wal|show_replication|cursor_tables|prepared_statement_names)_.*",
    "pg_control_.*",
    "txid_.*",
    "lo_.*",
    "(query|table|schema|database|cursor)_to_xml.*",
    "ts_stat",
    "has_.*_privilege",
    "pg_has_role",
    "row_security_active",
    "acldefault",
    "aclexplode",
    "makeaclitem",
    "brin_.*",
    "gin_clean_pending_list",
    "to_reg.*",
    # Of advisory locks the product takes only the kind that does not wait, with one number.
    "pg_advisory_lock.*",
    "pg_advisory_xact_lock.*",
    "pg_(try_)?advisory_.*shared",
)


def close(cursor: Any) -> None:
    """Close catalogues and functions in the database of the cursor."""
    _close_relations(cursor)
    _close_functions(cursor)


def _close_relations(cursor: Any) -> None:
    """Nobody but the owner reads a catalogue, a statistic or the standard's views of them."""
    cursor.execute(
        "SELECT c.oid::pg_catalog.regclass::text FROM pg_catalog.pg_class c "
        "WHERE c.relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) "
        "AND c.relkind IN ('r', 'v', 'm') "
        "AND pg_catalog.has_any_column_privilege('public', c.oid, 'SELECT, INSERT, UPDATE')"
    )
    names = [name for (name,) in cursor.fetchall()]
    if names:
        cursor.execute(f"REVOKE ALL ON {', '.join(names)} FROM PUBLIC")
        cursor.execute(f"GRANT SELECT ON {', '.join(names)} TO owner")


def _close_functions(cursor: Any) -> None:
    cursor.execute(
        "SELECT p.oid::pg_catalog.regprocedure::text FROM pg_catalog.pg_proc p "
        "WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname ~ %s AND p.prokind = 'f' "
        "AND pg_catalog.has_function_privilege('public', p.oid, 'EXECUTE')",
        [f"^({'|'.join(CLOSED_FUNCTIONS)})$"],
    )
    names = [name for (name,) in cursor.fetchall()]
    if names:
        cursor.execute(f"REVOKE ALL ON FUNCTION {', '.join(names)} FROM PUBLIC")
        cursor.execute(f"GRANT EXECUTE ON FUNCTION {', '.join(names)} TO owner")
