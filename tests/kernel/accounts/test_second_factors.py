"""Second factors: authenticator apps, recovery codes, the second step of signing in, rules by role, lost factors."""

import os
import re
import threading
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from django.db import connection
from django.utils import timezone
from tests.kernel.accounts.factors import (
    SID,
    code_of,
    is_signed_in,
    main_of,
    session_of,
    sign_in,
    with_app,
)

from dealernet.proofs import http
from kernel import clock
from kernel.accounts import actions, queries, recovery, totp
from kernel.accounts.actors import SYSTEM, Actor
from kernel.accounts.models import Factor, OutboxMail, RecoveryCode, Session, SignInRule, User
from kernel.accounts.sessions import FIRST_STEP_KEY, SessionStore
from kernel.audit.models import Entry
from kernel.errors import Conflict, Forbidden, Invalid
from kernel.tenancy.resealing import seals_of_this_member
from kernel.testing.clocks import at
from kernel.testing.network import PASSWORD

NEW = "seven blue kettles 88"


def add_app_by_page(client, **data):
    """Go through the page; returns the secret and the answer."""
    page = client.get("/account/second-factors/app/")
    secret = re.search(r"data-secret>([A-Z2-7 ]+)<", page.text)[1].replace(" ", "")
    given = {"name": "My phone", "code": code_of(secret, 0)} | data
    return secret, client.post("/account/second-factors/app/", given)


def codes_in(page):
    return re.findall(r"<li>([0-9a-z]{4}(?:-[0-9a-z]{4}){3})</li>", page.text)


def actions_in_the_trail(side):
    with side.bound():
        return list(Entry.objects.order_by("at", "pk").values_list("action", flat=True))


# -- adding


def test_a_person_adds_an_app_and_from_then_on_signs_in_in_two_steps(wall, north):
    secret, answer = add_app_by_page(north.client("sales_manager"))
    assert answer.status_code == 200
    assert len(codes_in(answer)) == 10
    client = north.client()
    first = sign_in(client, "sales_manager", next="/account/")
    assert first["Location"] == "/sign-in/second/?next=%2Faccount%2F"
    assert not is_signed_in(client)
    half = client.cookies[SID].value
    second = client.post("/sign-in/second/", {"code": code_of(secret), "next": "/account/"})
    assert second["Location"] == "/account/"
    assert is_signed_in(client)
    assert client.cookies[SID].value != half, "the key changes with the second step"
    with north.bound():
        assert Entry.objects.filter(action="accounts.sign_in").get().after == {"by": "password, app"}
        assert OutboxMail.objects.get().to == "sales_manager@north.example"


def test_the_page_shows_a_picture_that_the_policy_allows(wall, north):
    page = north.client("sales_manager").get("/account/second-factors/app/")
    picture = re.search(r'<svg [^>]*class="segno".*?</svg>', page.text, re.DOTALL)[0]
    assert picture.count("<path") == 2
    assert "style=" not in page.text.split("<main", 1)[1]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert "no-store" in page.headers["Cache-Control"]


def test_the_key_on_the_page_stays_the_same_after_a_wrong_code(wall, north):
    client = north.client("sales_manager")
    secret, answer = add_app_by_page(client, code="000000")
    assert answer.status_code == 422
    assert " ".join(secret[i : i + 4] for i in range(0, 32, 4)) in answer.text
    with north.bound():
        assert not Factor.objects.exists()


def test_the_table_holds_no_secret_and_no_code(wall, north):
    secret, codes = with_app(north, "sales_manager")
    with north.bound():
        row = Factor.objects.get()
        assert secret not in row.secret
        assert totp.unseal(row.secret, row.user_id) == secret
        kept = set(RecoveryCode.objects.values_list("sha256", flat=True))
    assert len(kept) == len(codes) == 10
    assert not kept & set(codes)


def test_a_factor_copied_to_another_dealership_or_person_opens_nothing(wall, north, south):
    secret, codes = with_app(north, "sales_manager")
    with north.bound():
        row = Factor.objects.get()
        hashes = list(RecoveryCode.objects.values_list("sha256", flat=True))
        other = User.objects.get(login="technician")
        assert totp.unseal(row.secret, other.pk) is None
    with south.bound():
        victim = User.objects.get(login="sales_manager")
        # Even with the same id, as after a copy of the whole schema.
        Factor.objects.create(user=victim, kind="totp", name="copy", secret=row.secret)
        RecoveryCode.objects.bulk_create(RecoveryCode(user=victim, sha256=one) for one in hashes)
        assert totp.unseal(row.secret, row.user_id) is None
    thief = south.client()
    sign_in(thief, "sales_manager")
    for code in (code_of(secret), codes[0]):
        assert thief.post("/sign-in/second/", {"code": code}).status_code == 422
    assert not is_signed_in(thief)


def test_the_first_factor_ends_all_other_sign_ins_and_changes_the_key_of_this_one(wall, north):
    here, elsewhere = north.client("sales_manager"), north.client("sales_manager")
    before = here.cookies[SID].value
    add_app_by_page(here)
    assert is_signed_in(here)
    assert here.cookies[SID].value != before
    assert not is_signed_in(elsewhere)


def test_a_second_factor_beside_the_first_brings_no_new_codes_and_ends_nothing(wall, north):
    here, elsewhere = north.client("sales_manager"), north.client("sales_manager")
    with_app(north, "sales_manager")
    here, elsewhere = north.client("sales_manager"), north.client("sales_manager")
    _secret, answer = add_app_by_page(here, name="Tablet")
    assert answer["Location"] == "/account/second-factors/"
    assert is_signed_in(elsewhere)
    assert "Tablet" in here.get("/account/second-factors/").text


def test_without_a_recent_proof_adding_needs_the_password(wall, north):
    client = north.client("sales_manager")
    with at(clock.now() + timedelta(minutes=16)):
        assert add_app_by_page(client)[1].status_code == 422
        assert add_app_by_page(client, proof="wrong password 1")[1].status_code == 422
        with north.bound():
            assert not Factor.objects.exists()
        assert add_app_by_page(client, proof=PASSWORD)[1].status_code == 200


@pytest.mark.parametrize("name", ["", "  ", "x" * 81])
def test_a_factor_has_a_name_of_its_own(wall, north, name):
    with_app(north, "sales_manager")
    with north.bound():
        factor = Factor.objects.select_related("user").get()
        with pytest.raises(Invalid):
            actions.name_factor(actor=Actor.of(factor.user), factor=factor, name=name)
    assert add_app_by_page(north.client("technician"), name=name)[1].status_code == 422


def test_a_factor_is_renamed_by_its_person(wall, north):
    with_app(north, "sales_manager")
    client = north.client("sales_manager")
    with north.bound():
        factor = Factor.objects.get()
    path = f"/account/second-factors/{factor.pk}/name/"
    assert "phone" in client.get(path).text
    for name in ("Old phone", "Old phone"):  # the second time nothing changes
        assert client.post(path, {"name": name})["Location"] == "/account/second-factors/"
    with north.bound():
        assert Factor.objects.get().name == "Old phone"
        assert Entry.objects.filter(action="accounts.name_factor").count() == 1


def test_ten_factors_are_enough(wall, north):
    for number in range(10):
        with_app(north, "sales_manager", f"phone {number}")
    with pytest.raises(Invalid):
        with_app(north, "sales_manager", "phone 11")
    with north.bound():
        assert Factor.objects.count() == 10


def test_nobody_adds_names_or_removes_a_factor_of_another(wall, north):
    with_app(north, "sales_manager")
    with north.bound():
        factor = Factor.objects.select_related("user").get()
        boss = Actor.of(User.objects.get(login="general_manager"))
        for act in (
            lambda: actions.name_factor(actor=boss, factor=factor, name="x"),
            lambda: actions.remove_factor(actor=boss, factor=factor),
            lambda: actions.make_recovery_codes(actor=boss, person=factor.user),
            lambda: actions.add_app(actor=boss, person=factor.user, name="x", secret="A" * 32, code="000000"),
        ):
            with pytest.raises(Forbidden):
                act()
    for role in ("general_manager", "technician"):
        client = north.client(role)
        for path in ("name", "remove"):
            assert client.get(f"/account/second-factors/{factor.pk}/{path}/").status_code == 404
            assert client.post(f"/account/second-factors/{factor.pk}/{path}/", {"name": "x"}).status_code == 404


def test_an_account_without_a_password_gets_no_second_factor(wall, north):
    """Somebody let in by other means must not make themselves a door of their own."""
    client = north.client("technician")
    with north.bound():
        person = User.objects.get(login="technician")
        person.set_unusable_password()
        person.save()
    assert add_app_by_page(client)[1].status_code == 403
    with north.bound():
        assert not Factor.objects.exists()


# -- the second step


def test_a_code_counts_once(wall, north):
    secret, _codes = with_app(north, "sales_manager")
    first, second = north.client(), north.client()
    for client in (first, second):
        sign_in(client, "sales_manager")
    code = code_of(secret)
    assert first.post("/sign-in/second/", {"code": code}).status_code == 302
    assert second.post("/sign-in/second/", {"code": code}).status_code == 422
    assert not is_signed_in(second)
    # Nor does an older one that was never used.
    assert second.post("/sign-in/second/", {"code": code_of(secret, 0)}).status_code == 422
    with at(clock.now() + timedelta(seconds=30)):
        assert second.post("/sign-in/second/", {"code": code_of(secret)}).status_code == 302


def test_of_two_requests_at_once_one_code_lets_in_one(committed, north):
    secret, _codes = with_app(north, "sales_manager")
    code, used = code_of(secret), []
    start = threading.Barrier(4)

    def try_it():
        try:
            with north.bound():
                person = User.objects.get(login="sales_manager")
                start.wait(10)
                used.append(actions.factors.use_code(person=person, code=code))
        finally:
            connection.close()

    threads = [threading.Thread(target=try_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(used) == ["", "", "", "app"]


@pytest.mark.parametrize("steps", [-2, 2, 100])
def test_a_code_of_another_time_is_refused(wall, north, steps):
    secret, now = pyotp.random_base32(), clock.now()
    with at(now):
        assert totp.step_of(secret, code_of(secret, steps), now) is None


@pytest.mark.parametrize("write", [lambda c: f"{c[:3]} {c[3:]}", lambda c: "".join(chr(ord(d) + 0xFEE0) for d in c)])
def test_codes_may_be_typed_as_people_type_them(write):
    secret = pyotp.random_base32()
    assert totp.step_of(secret, write(code_of(secret)), clock.now()) is not None


@pytest.mark.parametrize("text", ["", "12345", "1234567", "١٢٣٤٥٦", "abcdef"])
def test_what_is_no_code_is_none(text):
    assert totp.step_of(pyotp.random_base32(), text, clock.now()) is None


def test_the_codes_are_those_of_rfc_6238():
    """Appendix B, SHA-1, the last six of eight digits."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for seconds, code in ((59, "287082"), (1111111109, "081804"), (2000000000, "279037")):
        assert totp.step_of(secret, code, datetime.fromtimestamp(seconds, UTC)) == seconds // 30


def test_after_five_minutes_the_password_is_asked_again(wall, north):
    secret, _codes = with_app(north, "sales_manager")
    client = north.client()
    sign_in(client, "sales_manager", next="/account/")
    assert client.get("/sign-in/second/").status_code == 200
    with at(clock.now() + timedelta(minutes=5, seconds=1)):
        answer = client.post("/sign-in/second/", {"code": code_of(secret), "next": "/account/"})
        assert answer["Location"] == "/sign-in/?next=%2Faccount%2F"
        assert not is_signed_in(client)


def test_half_way_nobody_is_signed_in_anywhere(wall, north):
    with_app(north, "sales_manager")
    client = north.client()
    sign_in(client, "sales_manager")
    row = session_of(north, client)
    assert row.user_id is None
    assert FIRST_STEP_KEY in row.data
    for path in ("/", "/account/", "/leads/", "/account/second-factors/", "/people/"):
        assert client.get(path)["Location"].startswith("/sign-in/")
    assert client.get("/api/v1/leads").status_code == 401


def test_without_the_first_step_there_is_no_second(wall, north):
    client = north.client()
    assert client.get("/sign-in/second/")["Location"] == "/sign-in/"
    assert client.post("/sign-in/second/", {"code": "123456"})["Location"] == "/sign-in/"


@pytest.mark.parametrize("happens", ["retired", "password", "factor reset"])
def test_what_happens_between_the_steps_counts(wall, north, happens):
    secret, _codes = with_app(north, "sales_manager")
    client = north.client()
    sign_in(client, "sales_manager")
    with north.bound():
        person = User.objects.get(login="sales_manager")
        if happens == "retired":
            actions.retire_person(actor=SYSTEM, person=person)
        elif happens == "password":
            actions.change_password(actor=Actor.of(person), person=person, old=PASSWORD, new=NEW)
        else:
            actions.reset_factors(actor=SYSTEM, person=person)
    client.post("/sign-in/second/", {"code": code_of(secret)})
    assert not is_signed_in(client)


def test_whoever_was_signed_in_before_is_not_after_the_first_step_of_another(wall, north):
    with_app(north, "sales_manager")
    client = north.client("technician")
    before = client.cookies[SID].value
    client.post("/sign-out/")
    sign_in(client, "sales_manager")
    client.cookies[SID] = before
    assert not is_signed_in(client)


def test_a_new_password_by_link_does_not_spare_the_second_step(wall, north):
    with_app(north, "sales_manager")
    with north.bound():
        person = User.objects.get(login="sales_manager")
        url = actions.hand_out_link(actor=SYSTEM, person=person, host=north.host)
    client = north.client()
    client.post(url.split("localhost", 1)[1], {"password": NEW, "again": NEW})
    assert sign_in(client, "sales_manager", NEW)["Location"] == "/sign-in/second/"
    assert not is_signed_in(client)


def test_api_tokens_stay_as_they_are(wall, north):
    with north.bound():
        person = User.objects.get(login="sales_manager")
        _token, text = actions.create_token(actor=SYSTEM, user=person, name="x", scopes=["leads:read"])
    with_app(north, "sales_manager")
    assert north.client().get("/api/v1/leads", headers={"Authorization": f"Bearer {text}"}).status_code == 200


# -- recovery codes


def test_a_recovery_code_stands_in_once(wall, north):
    _secret, codes = with_app(north, "sales_manager")
    first, second = north.client(), north.client()
    for client in (first, second):
        sign_in(client, "sales_manager")
    typed = codes[3].upper().replace("-", " ").replace("0", "O").replace("1", "L")
    assert first.post("/sign-in/second/", {"code": typed}).status_code == 302
    assert second.post("/sign-in/second/", {"code": codes[3]}).status_code == 422
    with north.bound():
        entry = Entry.objects.get(action="accounts.use_recovery_code")
        assert entry.after == {"left": 9}
        assert codes[3] not in str(list(Entry.objects.values()))
        assert OutboxMail.objects.count() == 2  # added, and used
    assert "9" in first.get("/account/second-factors/").text


@pytest.mark.parametrize("text", ["", "abcd", "abcd-efgh-jkmn-pqru", "a" * 17])
def test_what_cannot_be_a_recovery_code_is_none(text):
    assert recovery.plain(text) == ""


def test_new_codes_need_a_proof_and_replace_the_old(wall, north):
    _secret, old = with_app(north, "sales_manager")
    client = north.client("sales_manager")
    assert client.get("/account/second-factors/codes/").status_code == 200
    assert client.post("/account/second-factors/codes/", {"proof": "wrong password 1"}).status_code == 422
    answer = client.post("/account/second-factors/codes/", {"proof": PASSWORD})
    new = codes_in(answer)
    assert len(new) == 10
    guest = north.client()
    sign_in(guest, "sales_manager")
    assert guest.post("/sign-in/second/", {"code": old[0]}).status_code == 422
    assert guest.post("/sign-in/second/", {"code": new[0]}).status_code == 302


def test_without_a_factor_there_are_no_recovery_codes(wall, north):
    answer = north.client("sales_manager").post("/account/second-factors/codes/", {"proof": PASSWORD})
    assert answer.status_code == 409
    with north.bound():
        assert not RecoveryCode.objects.exists()


# -- removing


@pytest.mark.parametrize("by", ["password", "code", "recovery"])
def test_removing_needs_the_password_or_a_factor_again(wall, north, by):
    secret, codes = with_app(north, "sales_manager")
    client = north.client("sales_manager")
    with north.bound():
        path = f"/account/second-factors/{Factor.objects.get().pk}/remove/"
    assert client.get(path).status_code == 200
    for wrong in ("", "wrong password 1", "000000"):
        assert client.post(path, {"proof": wrong}).status_code == 422
    with north.bound():
        assert Factor.objects.count() == 1
    proof = {"password": PASSWORD, "code": code_of(secret), "recovery": codes[0]}[by]
    before = client.cookies[SID].value
    assert client.post(path, {"proof": proof})["Location"] == "/account/second-factors/"
    assert client.cookies[SID].value != before
    with north.bound():
        assert not Factor.objects.exists()
        assert not RecoveryCode.objects.exists(), "with the last factor its recovery codes go"
    assert "accounts.remove_factor" in actions_in_the_trail(north)
    assert sign_in(north.client(), "sales_manager")["Location"] == "/"


def test_recovery_codes_stay_while_a_factor_is_left(wall, north):
    with_app(north, "sales_manager")
    with_app(north, "sales_manager", "tablet")
    with north.bound():
        factor = Factor.objects.select_related("user").get(name="tablet")
        actions.remove_factor(actor=Actor.of(factor.user), factor=factor)
        assert RecoveryCode.objects.count() == 10


def test_somebody_at_an_open_page_cannot_try_passwords(wall, north):
    with_app(north, "sales_manager")
    client = north.client("sales_manager")
    data = {"proof": "wrong password 1"}
    codes = [client.post("/account/second-factors/codes/", data).status_code for _ in range(6)]
    assert codes == [422] * 5 + [429]
    change = {"old": PASSWORD, "password": NEW, "again": NEW}
    assert client.post("/account/password/", change).status_code == 429


# -- rules by role


def demand(side, role, days=0, by="general_manager"):
    with side.bound():
        day = timezone.localdate(clock.now()) + timedelta(days=days)
        return actions.require_factor(actor=side.actor(by), role=role, since=day)


def test_a_role_that_needs_a_factor_gets_nothing_else_until_one_is_added(wall, north):
    client = north.client("sales_manager")
    assert client.get("/leads/").status_code == 200
    demand(north, "sales_manager", -1)
    for path in ("/", "/leads/", "/account/", "/account/tokens/", "/people/"):
        assert client.get(path)["Location"] == "/account/second-factors/", path
    assert client.post("/account/tokens/", {"name": "x"})["Location"] == "/account/second-factors/"
    page = client.get("/account/second-factors/")
    assert page.status_code == 200
    assert "/leads/" not in page.text
    assert client.get("/account/second-factors/codes/").status_code == 302
    secret, answer = add_app_by_page(client)
    assert answer.status_code == 200
    assert client.get("/leads/").status_code == 200
    assert client.get("/account/second-factors/").status_code == 200
    guest = north.client()
    sign_in(guest, "sales_manager")
    assert guest.post("/sign-in/second/", {"code": code_of(secret)}).status_code == 302


def test_somebody_who_must_add_a_factor_may_sign_out_and_choose_a_language(wall, north):
    demand(north, "sales_manager", -1)
    client = north.client()
    assert sign_in(client, "sales_manager")["Location"] == "/"
    assert client.get("/")["Location"] == "/account/second-factors/"
    client.post("/language/", {"language": "en", "next": "/account/second-factors/"})
    assert "Your role needs a second factor" in client.get("/account/second-factors/").text
    assert client.get("/theme.css").status_code == 200
    assert client.post("/sign-out/")["Location"] == "/sign-in/"


@pytest.mark.parametrize("tier", ["portal", "dealer"])
def test_no_other_page_and_no_api_answers_somebody_who_must_add_a_factor(wall, north, portal, tier):
    """Everything in the reviewed list of routes, for a role that may most of it."""
    side = portal if tier == "portal" else north
    role = "network_admin" if tier == "portal" else "general_manager"
    client = side.client(role)
    demand(side, role, -1, by=role)
    with side.bound():
        entries = Entry.objects.count()
    free = {"account/second-factors/", "account/second-factors/app/", "account/second-factors/passkey/"}
    pages = calls = 0
    for row in http.read().rows:
        if row.tier != tier or row.open_to_all or row.path in free:
            continue
        path = "/" + re.sub(r"<(?:[a-z]+:)?[a-z_]+>", "5f0c1f2e-0000-4000-8000-000000000000", row.path)
        answer = client.generic(row.method, path)
        if row.is_api:
            assert answer.status_code in (401, 404), row.name
            calls += answer.status_code == 401
        elif answer.status_code != 404:  # an address that takes no such argument
            assert answer.get("Location") == "/account/second-factors/", row.name
            pages += 1
    assert pages > 60
    assert calls > 20
    with side.bound():
        assert Entry.objects.count() == entries


def test_until_then_the_person_has_no_right_at_all(wall, north):
    client = north.client("sales_manager")

    def leads():
        person = SessionStore(client.cookies[SID].value).person()
        return person.has("leads_read"), "leads_read" in person.rights

    with north.bound():
        assert leads() == (True, True)
    demand(north, "sales_manager", -1)
    with north.bound():
        assert leads() == (False, False)


def test_an_htmx_request_is_sent_to_the_page_as_a_whole(wall, north):
    demand(north, "sales_manager", -1)
    answer = north.client("sales_manager").get("/leads/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Redirect"]) == (204, "/account/second-factors/")


def test_a_role_that_needs_a_factor_keeps_its_api_tokens(wall, north):
    with north.bound():
        person = User.objects.get(login="sales_manager")
        _token, text = actions.create_token(actor=SYSTEM, user=person, name="x", scopes=["leads:read"])
    demand(north, "sales_manager", -1)
    client = north.client("sales_manager")
    assert client.get("/api/v1/leads").status_code == 401
    assert client.get("/api/v1/leads", headers={"Authorization": f"Bearer {text}"}).status_code == 200


def test_a_rule_counts_from_its_day_on_for_its_role_alone(wall, north, south):
    demand(north, "sales_manager", 3)
    manager, other, abroad = north.client("sales_manager"), north.client("technician"), south.client("sales_manager")
    assert manager.get("/account/").status_code == 200
    with at(clock.now() + timedelta(days=4)):
        manager, other, abroad = (
            north.client("sales_manager"),
            north.client("technician"),
            south.client("sales_manager"),
        )
        assert manager.get("/account/")["Location"] == "/account/second-factors/"
        assert other.get("/account/").status_code == 200
        assert abroad.get("/account/").status_code == 200


def test_the_manager_sets_the_day_on_a_page(wall, north):
    with_app(north, "sales_manager")
    boss = north.client("general_manager")
    page = boss.get("/people/second-factors/")
    assert page.status_code == 200
    day = timezone.localdate(clock.now()) + timedelta(days=7)
    answer = boss.post("/people/second-factors/", {"sales_manager": day.isoformat()})
    assert answer["Location"] == "/people/second-factors/"
    with north.bound():
        assert queries.factor_days() == {"sales_manager": day}
        assert queries.factor_counts()["sales_manager"] == (1, 1)
        assert queries.factor_counts()["technician"] == (0, 1)
        entry = Entry.objects.get(action="accounts.require_factor")
        assert entry.after == {"second_factor_from": day.isoformat()}
    assert day.isoformat() in boss.get("/people/second-factors/").text
    assert boss.post("/people/second-factors/", {"sales_manager": "nonsense"}).status_code == 422
    boss.post("/people/second-factors/", {"sales_manager": ""})
    with north.bound():
        assert queries.factor_days() == {}
        actions.require_factor(actor=SYSTEM, role="sales_manager", since=None)  # again: nothing changes
        assert Entry.objects.filter(action="accounts.require_factor").count() == 2
        assert str(SignInRule.objects.get())


def test_only_a_general_manager_sets_the_rule_of_general_managers(wall, north):
    it = north.client("it_admin")
    day = timezone.localdate(clock.now()).isoformat()
    it.post("/people/second-factors/", {"general_manager": day, "technician": day})
    with north.bound():
        assert set(queries.factor_days()) == {"technician"}
        with pytest.raises(Forbidden):
            actions.require_factor(actor=north.actor("it_admin"), role="general_manager", since=None)
        with pytest.raises(Forbidden):
            actions.require_factor(actor=north.actor("sales_manager"), role="technician", since=None)
        with pytest.raises(Invalid):
            actions.require_factor(actor=SYSTEM, role="lead_desk", since=None)
    for role, status in (("technician", 403), ("it_admin", 200), ("general_manager", 200)):
        with at(clock.now() - timedelta(days=2)):  # before the rule counts
            assert north.client(role).get("/people/second-factors/").status_code == status


def test_reading_a_page_costs_no_query_more(wall, north, django_assert_num_queries):
    client = north.client("sales_manager")
    client.get("/account/second-factors/")
    with north.bound():
        key = client.cookies[SID].value
        with django_assert_num_queries(1):
            assert SessionStore(key).person().factor_due_from is None


# -- lost factors


def test_a_manager_of_people_takes_lost_factors_away(wall, north):
    with_app(north, "sales_manager")
    client, boss = north.client("sales_manager"), north.client("it_admin")
    person = north.user("sales_manager")
    assert f"/people/{person.pk}/reset-factors/" in boss.get(f"/people/{person.pk}/").text
    assert boss.post(f"/people/{person.pk}/reset-factors/")["Location"] == f"/people/{person.pk}/"
    assert not is_signed_in(client)
    with north.bound():
        assert not Factor.objects.exists()
        assert not RecoveryCode.objects.exists()
        entry = Entry.objects.get(action="accounts.reset_factors")
        assert entry.actor_role == "it_admin"
        assert entry.after == {"factors_removed": 1, "sign_ins_ended": 1}
        assert OutboxMail.objects.filter(to="sales_manager@north.example").count() == 2
    assert sign_in(north.client(), "sales_manager")["Location"] == "/"


def test_who_may_take_factors_away(wall, north):
    for role in ("general_manager", "it_admin"):
        with_app(north, role)
    boss, it = north.user("general_manager"), north.user("it_admin")
    page = north.client("it_admin").get(f"/people/{boss.pk}/")
    assert "reset-factors" not in page.text
    assert north.client("it_admin").post(f"/people/{boss.pk}/reset-factors/").status_code == 403
    assert north.client("it_admin").post(f"/people/{it.pk}/reset-factors/").status_code == 409
    assert north.client("sales_manager").post(f"/people/{it.pk}/reset-factors/").status_code == 403
    with north.bound():
        assert Factor.objects.count() == 2
        with pytest.raises(Conflict):
            actions.reset_factors(actor=Actor.of(it), person=it)


def test_somebody_without_a_mail_address_is_not_mailed(wall, north):
    with north.bound():
        User.objects.filter(login="technician").update(email="")
    with_app(north, "technician")
    with north.bound():
        assert not OutboxMail.objects.exists()


def test_the_mail_speaks_the_persons_language_and_carries_no_secret(wall, north):
    with north.bound():
        User.objects.filter(login="technician").update(language="en")
    secret, codes = with_app(north, "technician")
    with north.bound():
        letter = OutboxMail.objects.get()
    assert "A second factor was added" in letter.body
    assert secret not in letter.body
    assert not any(code in letter.body for code in codes)


def test_retiring_forgets_second_factors(wall, north):
    with_app(north, "technician")
    with north.bound():
        actions.retire_person(actor=SYSTEM, person=User.objects.get(login="technician"))
        assert not Factor.objects.exists()
        assert not RecoveryCode.objects.exists()


def test_the_list_of_people_says_who_has_one(wall, north):
    with_app(north, "technician")
    with north.bound():
        assert {p.login for p in queries.people() if p.has_factor} == {"technician"}
    assert north.client("it_admin").get("/people/").status_code == 200


def test_the_page_before_the_password_is_right_says_nothing_of_second_factors(wall, north):
    with_app(north, "sales_manager")
    with_, without = (sign_in(north.client(), who, "wrong password 1") for who in ("sales_manager", "technician"))
    assert (with_.status_code, without.status_code) == (422, 422)
    assert main_of(with_).replace("sales_manager", "X") == main_of(without).replace("technician", "X")
    assert set(with_.cookies) == set(without.cookies)
    with north.bound():
        assert not Session.objects.exists()


# -- keys that rotate


def test_secrets_of_apps_open_during_a_rotation_and_after_it_under_the_new_key_alone(wall, north, monkeypatch):
    with north.bound():
        person = north.user("sales_manager")
        Factor.objects.create(user=person, kind="totp", name="App", secret=totp.seal("JBSWY3DPEHPK3PXP", person.pk))
        lost = Factor.objects.create(user=person, kind="totp", name="Lost", secret="sealed elsewhere")
        before = os.environ["DEALERNET_KEY_DEALERS"]
        monkeypatch.setenv("DEALERNET_KEY_DEALERS_PREVIOUS", before)
        monkeypatch.setenv("DEALERNET_KEY_DEALERS", f"new {before}")
        app = Factor.objects.get(name="App")
        assert totp.unseal(app.secret, person.pk) == "JBSWY3DPEHPK3PXP"
        assert seals_of_this_member()["secrets of authenticator apps"]() == 2
        monkeypatch.delenv("DEALERNET_KEY_DEALERS_PREVIOUS")
        assert totp.unseal(app.secret, person.pk) is None
        app.refresh_from_db()
        assert totp.unseal(app.secret, person.pk) == "JBSWY3DPEHPK3PXP"
        lost.refresh_from_db()
        assert lost.secret == "sealed elsewhere"
        monkeypatch.undo()
