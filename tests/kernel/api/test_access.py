"""Who may call: tokens, sessions with CSRF, rights and scopes, limits."""

import pytest
from django.test import Client

from kernel.accounts.models import Session, Token, User
from kernel.audit.models import Entry

from .test_problems import LETTER, check, post


def test_a_token_opens_what_its_role_and_scopes_open(caller, north):
    client = caller(north, "sales_manager")
    assert client.get("/api/v1/letters").json() == {"count": 0}
    answer = post(client, LETTER)
    assert answer.status_code == 201
    assert answer.json()["by"] == "sales_manager north"
    assert answer["Cache-Control"] == "no-store"


def test_nobody_is_told_how_to_sign_in(example, north):
    answer = north.client().get("/api/v1/letters", headers={"Accept-Language": "en"})
    check(answer, 401, "not_authenticated")
    assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", ["Bearer", "Bearer x", "bearer dn_abcdefghij_" + "A" * 43, "Bearer " + "é" * 9])
def test_a_wrong_token_is_refused_even_beside_a_session(example, north, header):
    client = north.client("sales_manager")
    assert client.get("/api/v1/letters").status_code == 200
    answer = client.get("/api/v1/letters", headers={"Authorization": header})
    check(answer, 401, "token_invalid")


def test_guessing_tokens_is_slowed_down(example, north):
    client = north.client(headers={"Authorization": "Bearer dn_abcdefghij_" + "A" * 43})
    codes = {client.get("/api/v1/people").status_code for _ in range(60)}
    assert codes == {401}
    answer = client.get("/api/v1/people")
    check(answer, 429, "too_many_requests")
    assert int(answer["Retry-After"]) <= 60


def test_a_token_of_one_dealership_is_worthless_at_another(caller, north, south):
    client = caller(north, "sales_manager")
    assert client.get("/api/v1/letters").status_code == 200
    thief = south.client(headers={"Authorization": client.defaults["HTTP_AUTHORIZATION"]})
    check(thief.get("/api/v1/letters"), 401, "token_invalid")


def test_a_right_that_the_role_lacks_is_refused(caller, north):
    check(caller(north, "technician").get("/api/v1/letters"), 403, "forbidden")
    check(post(caller(north, "sales_consultant"), LETTER), 403, "forbidden")
    assert post(caller(north, "it_admin", "exchange:read"), LETTER).status_code == 403


def test_a_scope_that_the_token_lacks_is_named(caller, north):
    reader = caller(north, "sales_manager", "leads:read")
    assert reader.get("/api/v1/letters").status_code == 200
    assert reader.head("/api/v1/letters").status_code == 200
    body = check(post(reader, LETTER), 403, "scope_missing")
    assert body["detail"] == "leads:write"
    assert post(caller(north, "sales_manager", "leads:write"), LETTER).status_code == 201


def test_a_token_shrinks_with_its_persons_role_at_once(caller, north):
    client = caller(north, "sales_manager")
    assert client.get("/api/v1/letters").status_code == 200
    with north.bound():
        User.objects.filter(role="sales_manager").update(role="parts_clerk")
    check(client.get("/api/v1/letters"), 403, "forbidden")


def test_what_declares_nothing_is_open_to_nobody(caller, north):
    check(caller(north, "general_manager").get("/api/v1/closed"), 403, "forbidden")


def test_options_only_tell_the_methods(caller, north):
    answer = caller(north, "technician").options("/api/v1/letters")
    assert answer.status_code == 200
    assert "POST" in answer["Allow"]


def test_a_session_needs_the_csrf_token_to_write(example, north):
    client = north.client("sales_manager")
    strict = Client(enforce_csrf_checks=True, headers={"host": north.host, "Accept-Language": "en"})
    strict.cookies = client.cookies
    assert strict.get("/api/v1/letters").status_code == 200
    check(post(strict, LETTER), 403, "csrf_failed")
    page = strict.get("/account/")
    mark = page.text.split('name="csrfmiddlewaretoken" value="', 1)[1].split('"', 1)[0]
    assert post(strict, LETTER, headers={"X-CSRFToken": mark}).status_code == 201


def test_a_retired_persons_session_is_nobody(example, north):
    client = north.client("sales_manager")
    with north.bound():
        User.objects.filter(role="sales_manager").update(is_active=False)
    check(client.get("/api/v1/letters"), 401, "not_authenticated")


def test_calls_are_limited_by_token(caller, north):
    first, second = caller(north, "technician"), caller(north, "technician")
    assert [first.get("/api/v1/few").status_code for _ in range(3)] == [200, 200, 429]
    assert 0 < int(first.get("/api/v1/few")["Retry-After"]) <= 60
    assert second.get("/api/v1/few").status_code == 200
    assert first.get("/api/v1/people").status_code == 200


def test_the_general_limit_is_a_setting(caller, north, settings):
    settings.API_CALLS_PER_MINUTE = 2
    client = caller(north, "technician")
    assert [client.get("/api/v1/people").status_code for _ in range(3)] == [200, 200, 429]
    assert [north.client("technician").get("/api/v1/people").status_code for _ in range(3)] == [200, 200, 429]


def test_a_call_makes_no_session(caller, north):
    caller(north, "technician").get("/api/v1/people")
    with north.bound():
        assert not Session.objects.exists()
        assert Token.objects.get().last_used_at is not None


def test_what_the_api_does_is_audited_as_such(caller, north):
    person = north.user("parts_clerk")
    client = north.client("it_admin")
    answer = client.post(f"/people/{person.pk}/retire/")
    with north.bound():
        entry = Entry.objects.get(action="accounts.retire_person")
        assert (entry.origin, entry.request_id) == ("user", answer["X-Request-ID"])


def test_a_call_costs_two_queries_at_most(caller, north):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client = caller(north, "technician")
    client.get("/api/v1/people")
    with CaptureQueriesContext(connection) as queries:
        client.get("/api/v1/people")
    assert len(queries) <= 2
