"""One id for a request: in its headers, its problem, the audit (api.test_access) and the log (api.test_problems)."""

import pytest

OURS = "0f" * 16


def ask(north, **headers):
    return north.client().get("/api/v1/nonsense", headers=headers)


def test_the_id_that_our_proxy_gave_is_the_only_one(wall, north, settings):
    settings.TRUSTED_PROXY_HOPS = 1
    answer = ask(north, X_Request_ID=OURS)
    assert answer["X-Request-ID"] == OURS
    assert answer.json()["instance"] == f"urn:dealernet:request:{OURS}"


@pytest.mark.parametrize(
    ("hops", "sent"), [(0, OURS), (1, "short"), (1, "x" * 65), (1, "0f" * 15 + "\t="), (1, 'a"b' * 10)]
)
def test_an_id_that_nobody_vouches_for_is_replaced(wall, north, settings, hops, sent):
    settings.TRUSTED_PROXY_HOPS = hops
    answer = ask(north, X_Request_ID=sent)
    assert len(answer["X-Request-ID"]) == 32
    assert answer["X-Request-ID"] != sent
    assert answer.json()["instance"] == f"urn:dealernet:request:{answer['X-Request-ID']}"


def test_answers_before_the_wall_have_an_id_too(wall, north):
    answer = north.client().get("/", headers={"host": "nobody.localhost"})
    assert answer.status_code == 404
    assert len(answer["X-Request-ID"]) == 32
