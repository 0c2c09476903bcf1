"""The steward: the one process that holds the owner's login. It bootstraps the cluster, provisions and upgrades
dealerships and retires them, working off rows of `StewardRequest`.

Every act is idempotent: killed at any step and run again it ends whole. The order of provisioning is login,
schema with tables and grants (one transaction), joining steps of the apps, and the domain last, so that a host
never leads to something half made.
"""

from kernel.tenancy.steward.domains import tells_of_lost_hosts
from kernel.tenancy.steward.fleet import CanaryFailed, upgrade, verify
from kernel.tenancy.steward.logins import (
    CONNECTION_LIMITS,
    LOGIN_SETTINGS,
    change_superuser,
    create_roles_and_database,
    open_connection,
    repair_logins,
    restore_logins,
    superuser,
)
from kernel.tenancy.steward.measuring import measure
from kernel.tenancy.steward.orphans import orphans
from kernel.tenancy.steward.provisioning import joining_step, provision
from kernel.tenancy.steward.requests import REPAIR_EVERY, VERBS, WATCH_EVERY, run_forever, sign, work_off_one
from kernel.tenancy.steward.retiring import TooEarly, close_host, drop, drop_kept, retire
from kernel.tenancy.steward.schemas import bootstrap, bring_up_portal, bring_up_public
from kernel.tenancy.steward.watching import end_overdue_sessions

__all__ = [
    "CONNECTION_LIMITS",
    "LOGIN_SETTINGS",
    "REPAIR_EVERY",
    "VERBS",
    "WATCH_EVERY",
    "CanaryFailed",
    "TooEarly",
    "bootstrap",
    "bring_up_portal",
    "bring_up_public",
    "change_superuser",
    "close_host",
    "create_roles_and_database",
    "drop",
    "drop_kept",
    "end_overdue_sessions",
    "joining_step",
    "measure",
    "open_connection",
    "orphans",
    "provision",
    "repair_logins",
    "restore_logins",
    "retire",
    "run_forever",
    "sign",
    "superuser",
    "tells_of_lost_hosts",
    "upgrade",
    "verify",
    "work_off_one",
]
