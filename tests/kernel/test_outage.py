"""The database goes away in the middle of a request: a clear 503 that says to try again, and nothing half done."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import RequestFactory

from kernel.accounts.actions import create_token
from kernel.accounts.actors import Actor
from kernel.tenancy import steward
from kernel.ui import errors
from oem.leads.models import Lead


@contextlib.contextmanager
def sessions_ended_at(words: str):
    """The server ends this login's session just before the first statement that contains `words`."""

    def execute(run: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if words in sql:
            admin = steward.superuser("postgres")
            with contextlib.closing(admin), admin.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'oem'")
        return run(sql, params, many, context)

    with connection.execute_wrapper(execute):
        yield


@pytest.fixture
def client(committed, portal):
    client = portal.client("lead_desk")
    client.raise_request_exception = False
    return client


def test_a_page_says_to_try_again_and_works_the_next_time(client):
    with sessions_ended_at('FROM "leads_lead"'):
        answer = client.get("/leads/", headers={"accept-language": "zh-hans"})
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "请" in answer.content.decode()
    assert 'href="/leads/"' in answer.content.decode()
    assert client.get("/leads/").status_code == 200


def test_a_form_is_not_lost(client, portal):
    typed = {"phone": "139 0013 9000", "name": "李雷", "interest": "test-drive", "channel": "market_event"}
    with sessions_ended_at('INSERT INTO "leads_lead"'):
        answer = client.post("/leads/new/", typed, headers={"accept-language": "zh-hans"})
    assert answer.status_code == 503
    kept = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', answer.content.decode()))
    assert kept == typed
    assert '<form method="post" action="/leads/new/">' in answer.content.decode()
    assert client.post("/leads/new/", kept).status_code == 302
    with portal.bound():
        assert Lead.objects.get().name == "李雷"


@pytest.mark.parametrize(
    ("sent", "options"),
    [
        ({"old_password": "x", "name": "y"}, {}),
        ({"name": "y", "file": SimpleUploadedFile("cars.csv", b"a,b")}, {}),
        (b"not a form", {"content_type": "text/plain"}),
        (b"--x\r\nnot a part", {"content_type": "multipart/form-data; boundary=" + "x" * 300}),
        ({f"field-{n}": "x" for n in range(2001)}, {}),
    ],
)
def test_what_cannot_be_told_back_in_a_page_is_still_in_the_browser(sent, options):
    answer = errors.unavailable(RequestFactory().post("/somewhere/", sent, **options))
    assert answer.status_code == 503
    assert "<form" not in answer.content.decode().partition("<main")[2].partition("</main>")[0]
    assert "Go back: what you typed is still there." in answer.content.decode()


def test_a_machine_gets_a_problem_and_nothing_half_done(committed, portal):
    user = portal.user("lead_desk")
    with portal.bound():
        _row, text = create_token(actor=Actor.of(user), user=user, name="t", scopes=["intake:write"])
    client = portal.client()
    client.raise_request_exception = False
    call = {"content_type": "application/json", "headers": {"Authorization": f"Bearer {text}"}}
    body = json.dumps({"phone": "13800138000"})
    with sessions_ended_at('INSERT INTO "leads_lead"'):
        answer = client.post("/api/v1/intake/leads", body, **call)
    assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")
    assert (answer.json()["code"], answer["Retry-After"]) == ("unavailable", "5")
    with portal.bound():
        assert not Lead.objects.exists()
    assert client.post("/api/v1/intake/leads", body, **call).status_code == 202
