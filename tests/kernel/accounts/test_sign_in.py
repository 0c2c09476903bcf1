"""Signing in and out, throttling, sessions and their realm."""

import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client, RequestFactory

from kernel import clock
from kernel.accounts import actions, queries, throttle, views
from kernel.accounts.actors import SYSTEM
from kernel.accounts.address import client_address, may_carry_a_sign_in
from kernel.accounts.models import Anonymous, Session, User
from kernel.accounts.sessions import IDLE, SessionStore, hash_of
from kernel.audit.models import Entry
from kernel.errors import Missing
from kernel.testing.network import PASSWORD

SID = "__Host-sid"


def sign_in(client: Client, login: str, password: str = PASSWORD, **data: str):
    return client.post("/sign-in/", {"login": login, "password": password, **data})


def test_a_person_signs_in_and_sees_their_account(wall, north):
    client = north.client()
    response = sign_in(client, "Sales_Consultant")
    assert response.status_code == 302
    assert response["Location"] == "/"
    page = client.get("/account/")
    assert page.status_code == 200
    assert "sales_consultant north" in page.text
    with north.bound():
        entry = Entry.objects.get(action="accounts.sign_in")
        assert (entry.actor_name, entry.origin) == ("sales_consultant north", "user")


def test_the_cookie_is_host_only_secure_and_http_only(wall, north):
    client = north.client()
    sign_in(client, "sales_consultant")
    cookie = client.cookies[SID]
    assert cookie["secure"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == "/"
    assert not cookie["domain"]


def test_the_table_holds_no_key_that_signs_in(wall, north):
    client = north.client()
    sign_in(client, "sales_consultant")
    with north.bound():
        row = Session.objects.get(user__login="sales_consultant")
    assert row.key_hash == hash_of(client.cookies[SID].value)
    client.cookies[SID] = row.key_hash
    assert client.get("/account/").status_code == 302


def test_signing_in_changes_the_session_key(wall, north):
    client = north.client("sales_manager")
    before = client.cookies[SID].value
    client.post("/sign-out/")
    client.cookies[SID] = before
    sign_in(client, "sales_consultant")
    assert client.cookies[SID].value != before


def test_wrong_password_unknown_login_and_retired_person_look_the_same(wall, north):
    with north.bound():
        User.objects.filter(login="technician").update(is_active=False)
    answers = [
        sign_in(north.client(), "sales_consultant", "wrong password 1"),
        sign_in(north.client(), "nobody-at-all", "wrong password 1"),
        sign_in(north.client(), "technician", PASSWORD),
    ]
    texts = set()
    for answer, login in zip(answers, ("sales_consultant", "nobody-at-all", "technician"), strict=True):
        assert answer.status_code == 422
        assert SID not in answer.cookies
        main = answer.text.split("<main", 1)[1].split("</main>", 1)[0]
        texts.add(_without_marks(main).replace(login, "LOGIN"))
    assert len(texts) == 1


def _without_marks(html: str) -> str:
    return re.sub(r'value="[A-Za-z0-9]{64}"', "", html)


def test_a_login_with_odd_characters_is_refused_not_an_error(wall, north):
    assert sign_in(north.client(), "a\x00b", "x").status_code == 422
    assert sign_in(north.client(), "名" * 64, "x").status_code == 422


def test_an_unknown_login_costs_a_hash_too(wall, north, monkeypatch):
    from kernel.accounts import backends

    made = []
    real = backends.make_password
    monkeypatch.setattr(backends, "make_password", lambda p: made.append(p) or real(p))
    sign_in(north.client(), "nobody-at-all", "wrong password 1")
    assert made == ["wrong password 1"]


def test_after_ten_failures_even_the_right_password_must_wait(wall, north):
    client = north.client()
    for _ in range(throttle.SIGN_IN_PAIR.times):
        assert sign_in(client, "sales_consultant", "wrong password 1").status_code == 422
    answer = sign_in(client, "sales_consultant")
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= throttle.SIGN_IN_PAIR.seconds
    elsewhere = north.client(REMOTE_ADDR="203.0.113.9")
    assert sign_in(elsewhere, "sales_consultant").status_code == 302


def test_unknown_logins_are_throttled_alike(wall, north):
    client = north.client()
    codes = [sign_in(client, "nobody-at-all", "x").status_code for _ in range(throttle.SIGN_IN_PAIR.times + 1)]
    assert codes == [422] * throttle.SIGN_IN_PAIR.times + [429]


def test_one_dealership_throttling_leaves_another_alone(wall, north, south):
    for _ in range(throttle.SIGN_IN_PAIR.times):
        sign_in(north.client(), "sales_consultant", "wrong password 1")
    assert sign_in(south.client(), "sales_consultant").status_code == 302


def test_throttling_goes_on_when_the_cache_is_away(wall, north, monkeypatch):
    def away(*args, **kwargs):
        raise ConnectionError("no cache")

    for name in ("add", "incr", "get", "delete"):
        monkeypatch.setattr(type(cache._connections[cache._alias]), name, away)
    limit = throttle.Limit("test-memory", 3, 600)
    with north.bound():
        assert [throttle.count(limit, "someone") for _ in range(3)] == [1, 2, 3]
        assert throttle.count(limit, "someone", 0) == 3
        throttle.forget(limit, "someone")
        assert throttle.count(limit, "someone", 0) == 0


def test_signing_in_leads_back_to_the_page_asked_for(wall, north):
    client = north.client()
    asked = client.get("/account/")
    assert asked.status_code == 302
    assert asked["Location"] == "/sign-in/?next=%2Faccount%2F"
    assert sign_in(client, "sales_consultant", next="/account/")["Location"] == "/account/"


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "account/", "///x"]
)
def test_signing_in_never_leads_to_another_host(wall, north, wanted):
    assert sign_in(north.client(), "sales_consultant", next=wanted)["Location"] == "/"


def test_an_htmx_request_is_sent_to_the_whole_sign_in_page(wall, north):
    answer = north.client().get(
        "/account/", headers={"HX-Request": "true", "HX-Current-URL": "http://north.localhost:8000/account/tokens/?a=b"}
    )
    assert answer.status_code == 204
    assert answer["HX-Redirect"] == "/sign-in/?next=%2Faccount%2Ftokens%2F%3Fa%3Db"


def test_a_session_replayed_at_another_dealership_is_anonymous(wall, north, south, portal):
    client = north.client("sales_manager")
    assert client.get("/account/").status_code == 200
    for other in (south, portal):
        thief = other.client()
        thief.cookies[SID] = client.cookies[SID].value
        assert thief.get("/account/").status_code == 302


def test_a_session_row_copied_to_another_dealership_signs_nobody_in(wall, north, south):
    client = north.client("sales_manager")
    with north.bound():
        row = Session.objects.get(key_hash=hash_of(client.cookies[SID].value))
    victim = south.user("sales_manager")
    with south.bound():
        row.user = victim
        row.save(force_insert=True)
    thief = south.client()
    thief.cookies[SID] = client.cookies[SID].value
    assert thief.get("/account/").status_code == 302


def test_a_session_ends_when_nobody_used_it(wall, north):
    client = north.client("sales_manager")
    with north.bound():
        Session.objects.update(last_seen=clock.now() - IDLE - timedelta(seconds=1))
    assert client.get("/account/").status_code == 302


def test_a_session_ends_in_the_end_however_busy(wall, north):
    client = north.client("sales_manager")
    with north.bound():
        Session.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    assert client.get("/account/").status_code == 302


def test_expired_sessions_are_cleared_away(wall, north):
    north.client("sales_manager")
    north.client("sales_consultant")
    with north.bound():
        Session.objects.filter(user__role="sales_manager").update(expires_at=clock.now() - timedelta(seconds=1))
        SessionStore.clear_expired()
        assert [row.user.role for row in Session.objects.select_related("user")] == ["sales_consultant"]


def test_using_a_session_keeps_it_alive(wall, north):
    client = north.client("sales_manager")
    with north.bound():
        Session.objects.update(last_seen=clock.now() - timedelta(hours=1))
    client.get("/account/")
    with north.bound():
        row = Session.objects.get(user__role="sales_manager")
        assert clock.now() - row.last_seen < timedelta(minutes=1)
        assert row.user.last_seen == row.last_seen


def test_signing_out_ends_the_session_on_the_server(wall, north):
    client = north.client("sales_manager")
    key = client.cookies[SID].value
    assert client.get("/sign-out/").status_code == 405
    assert client.post("/sign-out/").status_code == 302
    client.cookies[SID] = key
    assert client.get("/account/").status_code == 302


def test_sign_in_needs_the_csrf_token(wall, north):
    client = Client(headers={"host": north.host}, enforce_csrf_checks=True)
    assert client.post("/sign-in/", {"login": "sales_manager", "password": PASSWORD}).status_code == 403
    page = client.get("/sign-in/")
    token = page.text.split('name="csrfmiddlewaretoken" value="', 1)[1].split('"', 1)[0]
    answer = client.post("/sign-in/", {"login": "sales_manager", "password": PASSWORD, "csrfmiddlewaretoken": token})
    assert answer.status_code == 302


def test_sign_in_is_refused_without_encryption_elsewhere(wall, north):
    page = RequestFactory(headers={"host": "north.example"}).post(
        "/sign-in/", {"login": "sales_manager", "password": PASSWORD}
    )
    page.user = Anonymous()
    with north.bound():
        answer = views.sign_in(page)
        assert answer.status_code == 403
        assert not Session.objects.exists()


@pytest.mark.parametrize(
    ("host", "secure", "may"),
    [
        ("north.localhost", False, True),
        ("north.localhost:8000", False, True),
        ("localhost", False, True),
        ("north.example", True, True),
        ("north.example", False, False),
        ("localhost.example", False, False),
        ("notlocalhost", False, False),
        ("127.0.0.1:8000", False, False),
    ],
)
def test_where_browsers_keep_our_cookies(host, secure, may):
    assert may_carry_a_sign_in(RequestFactory(headers={"host": host}).get("/", secure=secure)) is may


@pytest.mark.parametrize(
    ("hops", "remote", "forwarded", "seen"),
    [
        (0, "192.0.2.1", "203.0.113.9", "192.0.2.1"),
        (1, "10.0.0.1", "203.0.113.9", "203.0.113.9"),
        (1, "10.0.0.1", "1.1.1.1, 203.0.113.9", "203.0.113.9"),
        (2, "10.0.0.1", "1.1.1.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (1, "10.0.0.1", "", "10.0.0.1"),
        (1, "10.0.0.1", "nonsense", None),
        (0, "", "", None),
        (0, "2001:DB8::1", "", "2001:db8::1"),
    ],
)
def test_a_client_cannot_choose_its_address(settings, hops, remote, forwarded, seen):
    settings.TRUSTED_PROXY_HOPS = hops
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert client_address(RequestFactory().get("/", headers=headers, REMOTE_ADDR=remote)) == seen


def test_pages_of_signed_in_people_are_not_cached(wall, north):
    assert "no-store" in north.client("sales_manager").get("/account/")["Cache-Control"]


def test_the_own_sign_ins_are_listed_and_can_be_ended(wall, north):
    first, second = north.client("sales_manager"), north.client("sales_manager")
    with north.bound():
        other = Session.objects.get(key_hash=hash_of(second.cookies[SID].value))
    assert f"/account/sign-ins/{other.pk}/end/" in first.get("/account/").text
    assert first.post(f"/account/sign-ins/{other.pk}/end/").status_code == 302
    assert second.get("/account/").status_code == 302
    assert first.get("/account/").status_code == 200


def test_all_other_sign_ins_end_at_once(wall, north):
    first, second, third = (north.client("sales_manager") for _ in range(3))
    first.post("/account/sign-ins/end-others/")
    assert [c.get("/account/").status_code for c in (first, second, third)] == [200, 302, 302]


def test_the_sign_in_of_somebody_else_does_not_exist_for_me(wall, north):
    other, me, boss = north.client("sales_manager"), north.client("sales_consultant"), north.client("it_admin")
    with north.bound():
        row = Session.objects.get(key_hash=hash_of(other.cookies[SID].value))
        with pytest.raises(Missing):
            queries.access_sign_in_for_ending("not-a-uuid", row.user)
    assert me.post(f"/account/sign-ins/{row.pk}/end/").status_code == 404
    assert other.get("/account/").status_code == 200
    assert boss.post(f"/account/sign-ins/{row.pk}/end/").status_code == 302
    assert other.get("/account/").status_code == 302


def test_the_language_is_kept_for_the_person(wall, north):
    client = north.client("sales_manager")
    assert client.post("/language/", {"language": "en", "next": "/account/"})["Location"] == "/account/"
    assert "My account" in client.get("/account/").text
    assert north.user("sales_manager").language == "en"
    assert client.post("/language/", {"language": "xx"}).status_code == 302
    assert north.user("sales_manager").language == "en"


def test_the_language_is_kept_for_somebody_not_signed_in(wall, north):
    client = north.client()
    client.post("/language/", {"language": "en", "next": "//evil.example"})
    assert client.cookies[settings.LANGUAGE_COOKIE_NAME].value == "en"
    page = client.get("/sign-in/")
    assert page["Content-Language"] == "en"
    assert "Sign in" in page.text


def test_accept_language_decides_for_strangers(wall, north):
    page = north.client().get("/sign-in/", headers={"Accept-Language": "zh-TW,zh;q=0.9"})
    assert page["Content-Language"] == "zh-hant"


def test_anonymous_pages_make_no_session_row(wall, north):
    client = north.client()
    client.get("/sign-in/")
    sign_in(client, "sales_consultant", "wrong password 1")
    with north.bound():
        assert not Session.objects.exists()


def test_a_new_role_counts_from_the_next_request(wall, north):
    client = north.client("sales_manager")
    assert client.get("/people/").status_code == 403
    with north.bound():
        person = User.objects.get(login="sales_manager")
        actions.change_person(actor=SYSTEM, person=person, name="x", email="", phone="", role="it_admin", language="en")
    assert client.get("/people/").status_code == 200
