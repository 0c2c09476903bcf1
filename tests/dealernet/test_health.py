"""What the front door asks the web processes themselves: whether a host name is one of ours."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from dealernet.health import ManagementMiddleware
from kernel.tenancy import directory, steward
from kernel.tenancy.pool import pool


def ask(host: str, **environ: str) -> int:
    passed_on = ManagementMiddleware(lambda request: pytest.fail("a management question was passed on"))
    given = {"REMOTE_ADDR": "", "HTTP_X_DEALERNET_MANAGEMENT": "1", **environ}
    return passed_on(RequestFactory().get("/ask", {"domain": host}, **given)).status_code


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("north.localhost", 200),
        ("NORTH.localhost", 200),
        ("portal.localhost", 200),
        ("www.unknown.example", 404),
        ("sub.north.localhost", 404),
        ("", 404),
        ("*.localhost", 404),
    ],
)
def test_a_host_is_ours_when_the_directory_says_so_and_no_schema_is_touched(wall, host, status):
    directory.forget()
    with CaptureQueriesContext(connection) as asked:
        assert ask(host) == status
    assert len(asked) <= 1
    assert all('FROM "tenancy_domain"' in query["sql"] for query in asked)


def test_a_client_cannot_ask(wall, north):
    assert north.client().get("/ask?domain=north.localhost", headers={"X-Dealernet-Management": "1"}).status_code == 404


def test_a_directory_that_does_not_answer_is_no_answer(committed: Any):
    patience, pool.max_wait = pool.max_wait, 0.1
    admin = steward.superuser("postgres")
    pool.clear()
    directory.forget()
    with admin.cursor() as cursor:
        cursor.execute("ALTER ROLE frontdesk CONNECTION LIMIT 0")
        try:
            assert ask("north.localhost") == 503
        finally:
            cursor.execute("ALTER ROLE frontdesk CONNECTION LIMIT 20")
            pool.max_wait = patience
    admin.close()
