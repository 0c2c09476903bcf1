"""The same request with the same key has one effect and one answer."""

import json
import threading
from datetime import timedelta

import pytest
from django.db import connection
from tests.kernel.api.test_problems import JSON, LETTER, check

from kernel import clock
from kernel.accounts import actions
from kernel.accounts.actors import Actor
from kernel.accounts.models import OutboxMail
from kernel.idempotency.models import StoredAnswer
from kernel.idempotency.once import _lock, key_of
from kernel.tenancy import middleware


@pytest.fixture
def example(monkeypatch):
    monkeypatch.setattr(middleware, "DEALER_URLS", "tests.kernel.api.example")


def client_of(side, role="sales_manager"):
    person = side.user(role)
    with side.bound():
        _token, text = actions.create_token(
            actor=Actor.of(person), user=person, name="test", scopes=["leads:read", "leads:write"]
        )
    return side.client(headers={"Authorization": f"Bearer {text}", "Accept-Language": "en"})


def post(client, body, key):
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post("/api/v1/letters", json.dumps(body), content_type=JSON, headers=headers)


def effects(side):
    with side.bound():
        return OutboxMail.objects.count()


def test_without_a_key_each_request_counts(wall, example, north):
    client = client_of(north)
    assert [post(client, LETTER, None).status_code for _ in range(2)] == [201, 201]
    assert effects(north) == 2


def test_the_same_request_gets_the_same_answer_and_one_effect(wall, example, north):
    client = client_of(north)
    first, second = post(client, LETTER, "abc-1"), post(client, LETTER, '"abc-1"')
    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert first["Location"] == second["Location"]
    assert first["Content-Type"] == second["Content-Type"]
    assert "Idempotent-Replayed" not in first.headers
    assert second["Idempotent-Replayed"] == "true"
    assert effects(north) == 1


def test_another_request_with_the_key_is_refused(wall, example, north):
    client = client_of(north)
    post(client, LETTER, "abc-1")
    check(post(client, {**LETTER, "subject": "other"}, "abc-1"), 422, "idempotency_key_reused")
    assert effects(north) == 1
    assert post(client, {**LETTER, "subject": "other"}, "abc-2").status_code == 201


def test_a_refused_request_leaves_nothing_and_may_be_repeated(wall, example, north):
    client = client_of(north)
    for subject, status in (("broken", 409), ("refused", 409), ("x" * 21, 422)):
        for _ in range(2):
            answer = post(client, {**LETTER, "subject": subject}, f"key-{subject[:3]}")
            assert answer.status_code == status
            assert "Idempotent-Replayed" not in answer.headers
    assert effects(north) == 0
    with north.bound():
        assert not StoredAnswer.objects.exists()


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "a\tb", "schlüssel"])
def test_a_key_that_cannot_be_used_is_refused(wall, example, north, key):
    check(post(client_of(north), LETTER, key), 400, "idempotency_key_invalid")
    assert effects(north) == 0


def test_the_longest_key_is_fine(wall, example, north):
    assert post(client_of(north), LETTER, "x" * 255).status_code == 201
    assert key_of(' "a b" ') == "a b"
    assert key_of('"') == '"'


def test_keys_belong_to_their_caller(wall, example, north):
    first, second = client_of(north), client_of(north)
    assert post(first, LETTER, "abc-1").status_code == 201
    answer = post(second, {**LETTER, "subject": "mine"}, "abc-1")
    assert answer.status_code == 201
    assert "Idempotent-Replayed" not in answer.headers


def test_keys_belong_to_their_dealership(wall, example, north, south):
    post(client_of(north), LETTER, "abc-1")
    answer = post(client_of(south), LETTER, "abc-1")
    assert answer.status_code == 201
    assert "Idempotent-Replayed" not in answer.headers
    assert effects(south) == 1


def test_a_page_session_may_use_keys_too(wall, example, north):
    client = north.client("sales_manager")
    assert post(client, LETTER, "abc-1").content == post(client, LETTER, "abc-1").content
    assert effects(north) == 1


def test_an_answer_in_bytes_is_given_again_as_it_was(wall, example, north):
    client = client_of(north)
    headers = {"Idempotency-Key": "abc-1"}
    answers = [client.post("/api/v1/raw", '{"tags": []}', content_type=JSON, headers=headers) for _ in range(2)]
    assert [(a.status_code, a.content, a["Content-Type"]) for a in answers] == [(202, b"raw bytes", "text/plain")] * 2
    assert answers[1]["Idempotent-Replayed"] == "true"


def test_an_expired_answer_is_forgotten(wall, example, north):
    client = client_of(north)
    post(client, LETTER, "abc-1")
    with north.bound():
        StoredAnswer.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    answer = post(client, LETTER, "abc-1")
    assert answer.status_code == 201
    assert "Idempotent-Replayed" not in answer.headers
    assert effects(north) == 2
    with north.bound():
        assert StoredAnswer.objects.count() == 1


def test_while_the_first_is_running_the_second_is_told_to_wait(committed, example, north):
    client = client_of(north)
    with north.bound():
        token = north.user("sales_manager").tokens.get()
    held, release, seen = threading.Event(), threading.Event(), []

    def first() -> None:
        from django.db import transaction

        with north.bound(), transaction.atomic():
            seen.append(_lock(token.pk, "abc-1"))
            held.set()
            release.wait(20)
        connection.close()

    other = threading.Thread(target=first)
    other.start()
    assert held.wait(20)
    try:
        answer = post(client, LETTER, "abc-1")
        check(answer, 409, "request_in_progress")
        assert answer["Retry-After"] == "1"
        assert post(client, LETTER, "abc-2").status_code == 201
    finally:
        release.set()
        other.join(20)
    assert seen == [True]
    assert post(client, LETTER, "abc-1").status_code == 201
    assert effects(north) == 2


def test_many_at_once_have_one_effect(committed, example, north):
    clients = [client_of(north)]
    header = clients[0].defaults["HTTP_AUTHORIZATION"]
    clients += [north.client(headers={"Authorization": header, "Accept-Language": "en"}) for _ in range(7)]
    answers, gate = [], threading.Barrier(len(clients))

    def go(client) -> None:
        gate.wait(20)
        answers.append(post(client, LETTER, "abc-1"))
        connection.close()

    threads = [threading.Thread(target=go, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(answers) == len(clients)
    assert {a.status_code for a in answers} <= {201, 409}
    assert len({a.content for a in answers if a.status_code == 201}) == 1
    assert effects(north) == 1
