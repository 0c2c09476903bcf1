"""Ends sessions that hold what all members share: locks nobody of ours takes in such numbers, and old transactions.

A login may lift its own time limits and take advisory locks; PostgreSQL has no limit for either that a login could not
change. What one session can keep from others is therefore ended from outside.
"""

from __future__ import annotations

import logging
from typing import Any

from django.db import connection

from kernel.tenancy.steward.logins import superuser

log = logging.getLogger(__name__)

#: Seconds a transaction may last before it is ended, by kind of login. Twice and more what the login's own settings
#: allow: only a session that lifted them gets there.
LONGEST = {"frontdesk": 60, "dealer": 60, "oem": 300}
#: Advisory locks one session may hold. The product takes one or two; the server has room for some thousands in all.
MOST_LOCKS = 64
#: Seconds a session that does nothing may hold an advisory lock.
IDLE_WITH_LOCK = 30
#: Seconds after its begin at which a session that does nothing is ended: what it set for itself ends with it.
LONGEST_SESSION = 3900

_OVERDUE = """
SELECT a.pid, a.usename, a.application_name, CASE
    WHEN coalesce(l.number, 0) > %(most)s THEN 'too many locks'
    WHEN a.state = 'idle' AND l.number > 0 AND a.state_change < now() - make_interval(secs => %(idle)s)
        THEN 'a lock without work'
    WHEN a.state = 'idle' AND a.backend_start < now() - make_interval(secs => %(life)s) THEN 'grown old'
    ELSE 'too long a transaction' END AS reason
FROM pg_catalog.pg_stat_activity a
LEFT JOIN (SELECT pid, count(*) AS number FROM pg_catalog.pg_locks WHERE locktype = 'advisory' GROUP BY pid) l
    ON l.pid = a.pid
WHERE a.datname = pg_catalog.current_database() AND a.usename ~ '^(frontdesk|oem|d_[a-z2-7]{12})$' AND (
    a.xact_start < now() - make_interval(secs => CASE a.usename
        WHEN 'frontdesk' THEN %(frontdesk)s WHEN 'oem' THEN %(oem)s ELSE %(dealer)s END)
    OR l.number > %(most)s
    OR a.state = 'idle' AND l.number > 0 AND a.state_change < now() - make_interval(secs => %(idle)s)
    OR a.state = 'idle' AND a.backend_start < now() - make_interval(secs => %(life)s))
"""


def end_overdue_sessions() -> list[str]:
    """End every such session; returns the reasons. Needs the server's superuser."""
    admin = superuser(connection.settings_dict["NAME"])
    try:
        with admin.cursor() as cursor:
            limits = {"most": MOST_LOCKS, "idle": IDLE_WITH_LOCK, "life": LONGEST_SESSION, **LONGEST}
            cursor.execute(_OVERDUE, limits)
            return [_end(cursor, *found) for found in cursor.fetchall()]
    finally:
        admin.close()


def _end(cursor: Any, pid: int, login: str, application: str, reason: str) -> str:
    cursor.execute("SELECT pg_catalog.pg_terminate_backend(%s)", [pid])
    log.warning("steward: ended a session of %s (%s): %s", login, application, reason)
    return reason
