"""Sign-in against guessing and enumeration: what is counted, who waits, and that nobody is told who exists."""

import time
from collections import Counter
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.contrib.auth import hashers
from django.core.cache import cache
from django.test import RequestFactory
from tests.kernel.accounts.factors import code_of, is_signed_in, main_of, sign_in, with_app

from kernel import clock
from kernel.accounts import actions, known, throttle
from kernel.accounts.actors import SYSTEM
from kernel.accounts.models import OutboxMail, Session, User
from kernel.audit.models import Entry
from kernel.errors import TooMany
from kernel.testing.clocks import at
from kernel.testing.network import PASSWORD

WRONG = "wrong password 1"
SECOND = "/sign-in/second/"


@pytest.fixture
def people(wall, north):
    """What can be behind a sign-in name: kind → login."""
    with north.bound():
        actions.add_person(actor=SYSTEM, login="invited.one", name="Invited", role="technician", email="i@x.example")
        actions.retire_person(actor=SYSTEM, person=User.objects.get(login="technician"))
        # Retired by an older release, or by hand: the password still stands there.
        User.objects.filter(login="receptionist").update(is_active=False)
    with_app(north, "sales_manager")
    return {
        "active": "sales_consultant",
        "with a second factor": "sales_manager",
        "unknown": "nobody-at-all",
        "invited": "invited.one",
        "retired": "technician",
        "retired with a password": "receptionist",
        "of odd signs": "名" * 64,
    }


@pytest.fixture
def hashes(settings, monkeypatch):
    """How often each way of the product's own password hash was gone: "made" or "checked"."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    counted: Counter[str] = Counter()
    library = hashers.Argon2PasswordHasher()._load_library()
    real_hash, real_verify = library.low_level.hash_secret, library.PasswordHasher.verify

    def hash_secret(*args, **kwargs):
        counted["made"] += 1
        return real_hash(*args, **kwargs)

    def verify(*args, **kwargs):
        counted["checked"] += 1
        return real_verify(*args, **kwargs)

    monkeypatch.setattr(library.low_level, "hash_secret", hash_secret)
    monkeypatch.setattr(library.PasswordHasher, "verify", verify)
    return counted


# -- nobody is told who exists


def test_every_refused_sign_in_looks_the_same(people, north):
    answers = {kind: sign_in(north.client(), login, WRONG) for kind, login in people.items()}
    assert {answer.status_code for answer in answers.values()} == {422}
    assert {len(answer.cookies) for answer in answers.values()} == {1}, "the CSRF cookie alone"
    texts = {main_of(answer).replace(people[kind], "LOGIN") for kind, answer in answers.items()}
    assert len(texts) == 1
    with north.bound():
        assert not Session.objects.exists()


def test_every_refused_sign_in_computes_one_hash(people, north, hashes):
    """Counted, not timed: a hash made for somebody who is not there costs what a check costs (the next test)."""
    with north.bound():
        for login in ("sales_consultant", "sales_manager", "receptionist"):
            person = User.objects.get(login=login)
            person.set_password(PASSWORD)
            person.save()
    for kind, login in people.items():
        hashes.clear()
        assert sign_in(north.client(), login, WRONG).status_code == 422
        assert sum(hashes.values()) == 1, (kind, hashes)


def test_a_hash_made_costs_what_a_check_costs(settings):
    """The same memory, passes and lanes, read from the hash itself."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    one, other = (hashers.make_password(word).split("$")[1:4] for word in (WRONG, PASSWORD))
    assert one == other
    assert one[0] == "argon2id"


def test_every_reset_answers_the_same_and_computes_no_hash(people, north, hashes, monkeypatch):
    monkeypatch.setattr(actions, "RESET_FLOOR", 0.001)
    texts = set()
    for kind, login in people.items():
        answer = north.client().post("/password/forgotten/", {"who": login})
        assert answer.status_code == 200, kind
        texts.add(main_of(answer))
    assert len(texts) == 1
    assert not hashes
    with north.bound():
        mailed = set(OutboxMail.objects.filter(body__contains="/password/link/").values_list("to", flat=True))
    assert mailed == {"sales_consultant@north.example", "sales_manager@north.example", "i@x.example"}


def test_every_reset_takes_at_least_the_same_time(people, north):
    for kind in ("active", "unknown", "retired", "invited"):
        began = time.monotonic()
        north.client().post("/password/forgotten/", {"who": people[kind]})
        assert time.monotonic() - began >= actions.RESET_FLOOR, kind


@pytest.mark.parametrize(("took", "slept"), [(0.0, 0.25), (0.1, 0.15), (0.25, 0.25), (0.6, 0.15)])
def test_a_reset_that_took_longer_takes_a_multiple(wall, north, monkeypatch, took, slept):
    """So that a busy machine tells nothing either."""
    clocks, pauses = iter([100.0, 100.0 + took]), []
    monkeypatch.setattr(actions, "time", SimpleNamespace(monotonic=lambda: next(clocks), sleep=pauses.append))
    assert north.client().post("/password/forgotten/", {"who": "nobody-at-all"}).status_code == 200
    assert pauses == [pytest.approx(slept)]


def test_waiting_is_the_same_for_those_who_exist_and_those_who_do_not(people, north):
    seen = {}
    for kind, login in people.items():
        cache.clear()
        client = north.client()
        seen[kind] = tuple(sign_in(client, login, WRONG).status_code for _ in range(12))
    assert set(seen.values()) == {(422,) * 10 + (429,) * 2}


# -- what is counted


def test_one_address_trying_many_logins_must_wait(wall, north, monkeypatch):
    monkeypatch.setattr(throttle, "SIGN_IN_ADDRESS", throttle.Limit("sign-in-address", 5, 900))
    guesser = north.client(REMOTE_ADDR="203.0.113.9")
    codes = [sign_in(guesser, f"login-{number}", WRONG).status_code for number in range(6)]
    assert codes == [422] * 5 + [429]
    assert sign_in(north.client(), "sales_consultant").status_code == 302


def test_many_addresses_trying_one_login_must_wait(wall, north, monkeypatch):
    monkeypatch.setattr(throttle, "SIGN_IN_LOGIN", throttle.Limit("sign-in-login", 5, 3600))
    codes = [
        sign_in(north.client(REMOTE_ADDR=f"203.0.113.{number}"), "sales_consultant", WRONG).status_code
        for number in range(6)
    ]
    assert codes == [422] * 5 + [429]


def test_good_sign_ins_are_not_counted_against_a_house(wall, north, monkeypatch):
    """Everybody of a dealership comes from one address."""
    monkeypatch.setattr(throttle, "SIGN_IN_ADDRESS", throttle.Limit("sign-in-address", 3, 900))
    assert [sign_in(north.client(), "sales_consultant").status_code for _ in range(8)] == [302] * 8


def test_tries_made_at_once_cannot_exceed_the_limit(wall, north):
    """A try is counted before it is made, so those under way count already."""
    limit, passed = throttle.Limit("test-at-once", 3, 600), 0
    with north.bound():
        for _ in range(8):
            try:
                throttle.take(limit, "someone")
                passed += 1
            except TooMany:
                continue
    assert passed == 3


def test_a_stranger_cannot_keep_a_person_out_of_a_known_device(wall, north, monkeypatch):
    for name in ("SIGN_IN_PAIR", "SIGN_IN_LOGIN", "SIGN_IN_ADDRESS"):
        monkeypatch.setattr(throttle, name, throttle.Limit(name, 3, 3600))
    mine = north.client()
    assert sign_in(mine, "sales_consultant").status_code == 302
    mine.post("/sign-out/")
    stranger = north.client()
    assert [sign_in(stranger, "sales_consultant", WRONG).status_code for _ in range(5)] == [422] * 3 + [429] * 2
    assert sign_in(stranger, "sales_consultant").status_code == 429
    assert sign_in(mine, "sales_consultant").status_code == 302


def test_a_known_device_is_no_free_hand_to_guess(wall, north):
    mine = north.client()
    sign_in(mine, "sales_consultant")
    mine.post("/sign-out/")
    codes = [sign_in(mine, "sales_consultant", WRONG).status_code for _ in range(11)]
    assert codes == [422] * 10 + [429]
    # And for nobody else's login does it count at all.
    codes = [sign_in(mine, "sales_manager", WRONG).status_code for _ in range(11)]
    assert codes == [422] * 10 + [429]


def test_a_showrooms_computer_knows_several_people_but_not_for_ever_more(wall, north, rf):
    with north.bound():
        jar: dict[str, str] = {}
        for number in range(known.MOST + 1):
            request = rf.get("/", headers={"host": north.host})
            request.COOKIES.update(jar)
            response = type("Answer", (), {"set_cookie": lambda self, name, value, **_: jar.update({name: value})})()
            known.remember(request, response, f"Login-{number}")
        request = rf.get("/", headers={"host": north.host})
        request.COOKIES.update(jar)
        assert known.device_of(request, "login-1") == known.device_of(request, f"LOGIN-{known.MOST}") != ""
        assert known.device_of(request, "login-0") == ""


def test_the_device_cookie_says_nothing_and_signs_nobody_in(wall, north, south):
    client = north.client()
    sign_in(client, "sales_consultant")
    cookie = client.cookies[known.COOKIE]
    assert "sales_consultant" not in cookie.value
    assert cookie["secure"]
    assert cookie["httponly"]
    assert (cookie["samesite"], cookie["path"], cookie["domain"]) == ("Lax", "/", "")
    thief = north.client()
    thief.cookies[known.COOKIE] = cookie.value
    assert not is_signed_in(thief)
    with south.bound():
        request = RequestFactory().get("/", headers={"host": south.host})
        request.COOKIES[known.COOKIE] = cookie.value
        assert known.device_of(request, "sales_consultant") == "", "nor does another dealership know it"


@pytest.mark.parametrize("value", ["", "nonsense", "a:b:c", "e30:1:x"])
def test_a_forged_device_is_unknown(wall, north, value):
    client = north.client()
    client.cookies[known.COOKIE] = value
    assert sign_in(client, "sales_consultant").status_code == 302
    assert client.cookies[known.COOKIE].value != value


# -- the second step


def half_way(side, login="sales_manager", **habits):
    client = side.client(**habits)
    sign_in(client, login)
    return client


def test_after_five_wrong_codes_waits_begin_and_grow(wall, north, monkeypatch):
    secret, _codes = with_app(north, "sales_manager")
    client = half_way(north)
    assert [client.post(SECOND, {"code": "000000"}).status_code for _ in range(6)] == [422] * 5 + [429]
    now, waits = time.time(), []
    for _ in range(7):
        answer = client.post(SECOND, {"code": "000000"})
        assert answer.status_code == 429
        waits.append(int(answer["Retry-After"]))
        now += waits[-1] + 1
        monkeypatch.setattr(time, "time", lambda now=now: now)
        cache.set("anything", 1)
        assert client.post(SECOND, {"code": "000000"}).status_code == 422
    assert [round(wait / 30) for wait in waits] == [1, 2, 4, 8, 16, 30, 30], waits
    assert client.post(SECOND, {"code": code_of(secret)}).status_code == 429, "the right one must wait, too"
    monkeypatch.setattr(time, "time", lambda: now + 901)
    assert client.post(SECOND, {"code": code_of(secret)}).status_code == 302


def test_a_new_session_or_another_address_brings_no_new_tries(wall, north):
    with_app(north, "sales_manager")
    codes = [
        half_way(north, REMOTE_ADDR=f"203.0.113.{number}").post(SECOND, {"code": "000000"}).status_code
        for number in range(6)
    ]
    assert codes == [422] * 5 + [429]


def test_somebody_who_knows_the_password_cannot_keep_a_person_out_of_a_known_device(wall, north):
    secret, _codes = with_app(north, "sales_manager")
    mine = half_way(north)
    assert mine.post(SECOND, {"code": code_of(secret)}).status_code == 302
    mine.post("/sign-out/")
    thief = half_way(north)
    assert [thief.post(SECOND, {"code": "000000"}).status_code for _ in range(7)] == [422] * 5 + [429] * 2
    sign_in(mine, "sales_manager")
    with at(clock.now() + timedelta(seconds=60)):
        assert mine.post(SECOND, {"code": code_of(secret)}).status_code == 302


def test_a_success_begins_anew(wall, north):
    _secret, codes = with_app(north, "sales_manager")
    for code in codes[:3]:
        client = half_way(north)
        client.cookies.pop(known.COOKIE, None)
        assert [client.post(SECOND, {"code": "000000"}).status_code for _ in range(4)] == [422] * 4
        assert client.post(SECOND, {"code": code}).status_code == 302


def test_the_person_hears_of_guessing_once(wall, north):
    with_app(north, "sales_manager")
    with north.bound():
        User.objects.update(language="en")
        before = OutboxMail.objects.count()
    client = half_way(north)
    for _ in range(8):
        client.post(SECOND, {"code": "000000"})
    with north.bound():
        assert OutboxMail.objects.count() == before + 1
        assert "knows your password" in OutboxMail.objects.order_by("at").last().body
        assert Entry.objects.filter(action="accounts.refuse_second_step").count() == 1


def test_waits_go_on_when_the_cache_is_away(wall, north, monkeypatch):
    def away(*args, **kwargs):
        raise ConnectionError("no cache")

    for name in ("add", "incr", "get", "delete"):
        monkeypatch.setattr(type(cache._connections[cache._alias]), name, away)
    waits = throttle.Waits("test-away", 3, 30, 900, 86_400)
    with north.bound():
        assert [throttle.take_with_waits(waits, "x") for _ in range(3)] == [1, 2, 3]
        with pytest.raises(TooMany):
            throttle.take_with_waits(waits, "x")
        throttle.forget_waits(waits, "x")
        assert throttle.take_with_waits(waits, "x") == 1


def test_of_tries_made_at_once_only_the_one_that_begins_the_wait_goes_through(wall, north, monkeypatch):
    """Both have seen that no wait runs."""
    waits = throttle.Waits("test-at-once", 1, 30, 900, 86_400)
    with north.bound():
        assert throttle.take_with_waits(waits, "x") == 1
        monkeypatch.setattr(type(cache._connections[cache._alias]), "get", lambda *args, **kwargs: None)
        with pytest.raises(TooMany):
            throttle.take_with_waits(waits, "x")
