"""What the processes may open is added up against what the database allows."""

from __future__ import annotations

from pathlib import Path

import pytest

from dealernet import budget
from dealernet.budget import Row, Server
from kernel.tenancy.pool import Pool
from kernel.tenancy.steward import CONNECTION_LIMITS

#: The embedded server: 200 connections, 3 of them for superusers.
EMBEDDED = Server(200, 3, CONNECTION_LIMITS)


def test_the_standard_fits_into_the_embedded_server():
    found = budget.rows({})
    assert {row.process: (row.number, row.each) for row in found} == {
        "portal-web": (2, 8),
        "portal-worker": (2, 2),
        "dealers-web": (2, 30),
        "dealers-worker": (2, 26),
        "courier": (1, 2),
        "steward": (1, 2),
        "commands": (1, 10),
    }
    assert sum(row.most for row in found) == 146
    assert budget.problems(found, EMBEDDED) == []


def test_more_processes_than_the_server_takes_are_named_with_the_remedy():
    found = budget.rows({"DEALERNET_WEB_WORKERS": "8"})
    assert budget.problems(found, Server(200, 3, {})) == [
        "the processes may open 374 connections, max_connections leaves 197: raise it to 377, or put PgBouncer in front"
    ]


def test_a_login_that_may_need_more_than_its_limit_is_named():
    found = budget.rows({"DEALERNET_WEB_AT_ONCE": "12"})
    assert "dealer may need 26 connections at once, its limit is 20" in budget.problems(found, EMBEDDED)
    assert not [said for said in budget.problems(found, Server(900, 3, {})) if "limit" in said]


def test_several_machines_count():
    assert sum(row.most for row in budget.rows({"DEALERNET_NODES": "2"})) == 146 * 2 - 14


PROCESSES = ("portal-web", "portal-worker", "dealers-web", "dealers-worker")


@pytest.mark.parametrize("process", PROCESSES)
def test_the_pool_is_told_what_the_budget_counts_on(process):
    pool = Pool()
    limits = budget.pool_limits(process, {})
    pool.configure(**limits)
    row = next(row for row in budget.rows({}) if row.process == process)
    assert pool.max_busy + pool.max_idle >= row.each
    assert all(most == pool.max_busy_per_login for most in row.per_login.values())


def test_other_processes_keep_the_pools_own_limits():
    assert budget.pool_limits("command", {}) == {}


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5"])
def test_a_number_that_is_none_is_refused(value):
    with pytest.raises(ValueError, match="DEALERNET_WEB_WORKERS must be a whole number, 1 or more"):
        budget.rows({"DEALERNET_WEB_WORKERS": value})


INI = "[pgbouncer]\nmax_client_conn = {clients}\ndefault_pool_size = 4 ; of each login\nmax_db_connections = 120\n"


def test_with_pgbouncer_the_server_sees_pgbouncers_connections(tmp_path: Path):
    ini = tmp_path / "pgbouncer.ini"
    ini.write_text(INI.format(clients=1000))
    found = budget.behind_pooler(budget.rows({"DEALERNET_WEB_WORKERS": "8"}), ini)
    assert [(row.process, row.most) for row in found] == [("pgbouncer", 120), ("steward", 2), ("commands", 10)]
    assert found[0] == Row("pgbouncer", 1, 120, {"frontdesk": 4, "oem": 4, "dealer": 4, "courier": 4})
    assert budget.problems(found, EMBEDDED) == []
    ini.write_text(INI.format(clients=100))
    with pytest.raises(ValueError, match="max_client_conn of PgBouncer is 100"):
        budget.behind_pooler(budget.rows({}), ini)


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("db.example:6433", ("db.example", "6433")),
        ("/run/pgbouncer:6432", ("/run/pgbouncer", "6432")),
        ("/run/pgbouncer", ("/run/pgbouncer", "6432")),
    ],
)
def test_where_the_pooler_is(where, found):
    assert budget.pooler_address(where) == found
