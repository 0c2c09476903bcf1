"""The session engine itself, the tasks beside it, and the corners of links, lists and pages."""

from datetime import timedelta

import pytest
from django.contrib.sessions.backends.base import UpdateError

from dealernet.celery_app import app
from kernel import clock
from kernel.accounts import actions, mail, tasks, throttle
from kernel.accounts.actors import SYSTEM
from kernel.accounts.backends import LoginBackend
from kernel.accounts.devices import device_name
from kernel.accounts.models import OutboxMail, Session, Token, User
from kernel.accounts.sessions import ABSOLUTE, ANONYMOUS, USER_KEY, SessionStore, realm
from kernel.accounts.testing import open_session
from kernel.audit.models import Entry
from kernel.errors import Invalid
from kernel.idempotency.models import StoredAnswer
from kernel.tenancy.bindings import Dealer


def test_a_session_keeps_its_data(wall, north):
    with north.bound():
        store = SessionStore()
        store["shown"] = "once"
        store.save()
        again = SessionStore(store.session_key)
        assert again["shown"] == "once"
        assert again.person() is None
        assert again.exists(store.session_key)
        assert not again.exists("unknown-key")
        again["shown"] = "twice"
        again.save()
        assert SessionStore(store.session_key)["shown"] == "twice"


def test_a_session_without_a_person_is_short_and_grows_when_one_signs_in(wall, north):
    with north.bound():
        store = SessionStore()
        store.create()
        row = Session.objects.get()
        assert row.expires_at - row.last_seen == ANONYMOUS
        store[USER_KEY] = str(User.objects.first().pk)
        store.save()
        row.refresh_from_db()
        assert row.expires_at - row.last_seen == ABSOLUTE
        until = row.expires_at
        later = SessionStore(store.session_key)
        later["x"] = 1
        later.save()
        row.refresh_from_db()
        assert row.expires_at == until, "using it does not make it last for ever"


def test_an_ended_session_does_not_come_back_when_saved(wall, north):
    with north.bound():
        store = SessionStore()
        store.create()
        Session.objects.all().delete()
        store["x"] = 1
        with pytest.raises(UpdateError):
            store.save()
        assert not Session.objects.exists()


def test_an_unknown_key_is_never_taken_over(wall, north):
    with north.bound():
        store = SessionStore("chosen-by-somebody-else")
        assert dict(store.items()) == {}
        assert store.session_key is None
        store["x"] = 1
        store.save()
        assert store.session_key != "chosen-by-somebody-else"


def test_the_realm_is_that_of_the_binding(wall, north, portal):
    assert realm() == ""
    with north.bound():
        assert realm() == str(north.id)
        with pytest.raises(ValueError, match="another tenant"):
            open_session(User.objects.first(), tenant_id=portal.id)
    with portal.bound():
        assert realm() == "portal"
    assert isinstance(north.binding, Dealer)


def test_the_backend_finds_active_people_only(wall, north):
    with north.bound():
        person = User.objects.get(role="technician")
        assert LoginBackend().get_user(person.pk) == person
        assert User.objects.get_by_natural_key("TECHNICIAN") == person
        User.objects.filter(pk=person.pk).update(is_active=False)
        assert LoginBackend().get_user(person.pk) is None


def test_tidying_clears_what_has_expired_and_sends_what_waits(wall, north, portal, mail_server):
    past = clock.now() - timedelta(seconds=1)
    for side in (north, portal):
        with side.bound():
            SessionStore().create()
            Session.objects.update(expires_at=past)
            person = User.objects.first()
            for key, expires_at in (("old", past), ("new", past + timedelta(days=1))):
                StoredAnswer.objects.create(
                    key=key, owner=person.pk, fingerprint="x", status=200, body=b"", expires_at=expires_at
                )
            mail.put_in_outbox(to="a@b.example", subject="x", body="y")
    tasks.tidy_dealer(str(north.id))
    tasks.tidy_portal()
    for side in (north, portal):
        with side.bound():
            assert not Session.objects.exists()
            assert [answer.key for answer in StoredAnswer.objects.all()] == ["new"]
            assert OutboxMail.objects.get().state == "sent"


@pytest.mark.parametrize(("side", "name", "queue"), [("north", "dealer", "dealers"), ("portal", "portal", "portal")])
def test_a_mail_wakes_the_worker_of_its_tier(committed, request, mail_server, side, name, queue):
    side = request.getfixturevalue(side)
    with app.connection() as broker:
        waiting = broker.SimpleQueue(queue)
        waiting.clear()
        with side.bound():
            mail.put_in_outbox(to="a@b.example", subject="x", body="y")
        message = waiting.get(timeout=5)
        message.ack()
        assert message.headers["task"] == f"kernel.accounts.send_mail_{name}"
    {"dealer": lambda: tasks.send_mail_dealer(str(side.id)), "portal": tasks.send_mail_portal}[name]()
    with side.bound():
        assert OutboxMail.objects.get().state == "sent"


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/126.0 Safari/537.36", "Chrome · Windows"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/126.0 Safari/537.36 Edg/126.0", "Edge · Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Safari/604.1", "Safari · iPhone"),
        ("Mozilla/5.0 (Linux; Android 14) Chrome/126.0 Mobile MicroMessenger/8.0", "WeChat · Android"),
        ("curl/8.0", ""),
        ("", ""),
    ],
)
def test_devices_are_named_so_that_people_know_them(agent, name):
    assert device_name(agent) == name


def test_an_unknown_language_is_refused(wall, north):
    with north.bound(), pytest.raises(Invalid):
        actions.choose_language(person=User.objects.first(), language="xx")


def test_saving_a_person_unchanged_writes_nothing(wall, north):
    with north.bound():
        person = User.objects.get(role="technician")
        actions.change_person(
            actor=SYSTEM,
            person=person,
            name=person.name,
            email=person.email,
            phone=person.phone,
            role=person.role,
            language=person.language,
        )
        assert not Entry.objects.filter(action="accounts.change_person").exists()


def test_a_name_alone_may_change_and_tokens_that_still_fit_stay(wall, north):
    with north.bound():
        person = User.objects.get(role="sales_consultant")
        token, _text = actions.create_token(actor=SYSTEM, user=person, name="x", scopes=["leads:read"])
        data = {"email": person.email, "phone": "", "language": "en"}
        actions.change_person(actor=SYSTEM, person=person, name="New", role="sales_consultant", **data)
        actions.change_person(actor=SYSTEM, person=person, name="New", role="sales_manager", **data)
        token.refresh_from_db()
        assert token.scopes == ["leads:read"]
        assert str(token) == "x"
        assert Token.objects.get().revoked_at is None
        assert str(User.objects.get(pk=person.pk)) == "New"


def test_the_memory_of_attempts_stays_bounded(wall, north):
    throttle._memory.update({f"k{n}": (1e12, 1) for n in range(10_001)})
    assert throttle._in_memory("mine", 60, 1) == 1
    assert len(throttle._memory) == 1
    throttle._memory.clear()


def test_signed_in_people_need_no_sign_in_page(wall, north):
    client = north.client("technician")
    assert client.get("/sign-in/")["Location"] == "/"
    assert client.get("/sign-in/?next=/account/")["Location"] == "/account/"


def test_signing_out_twice_is_no_error(wall, north):
    client = north.client()
    assert client.post("/sign-out/").status_code == 302


def test_pages_show_every_state_of_a_person(wall, north):
    boss = north.client("general_manager")
    boss.post("/language/", {"language": "en"})
    with north.bound():
        invited = actions.add_person(actor=SYSTEM, login="in.vited", name="In Vited", role="technician")
        retired = User.objects.get(role="parts_clerk")
    boss.post(f"/people/{retired.pk}/retire/")
    listed = boss.get("/people/?size=50").text
    for word, tone in (("Active", "success"), ("Invited", "info"), ("Retired", "neutral")):
        assert f'<span class="chip tone-{tone}">{word}</span>' in listed
    assert "Send a new invitation" in boss.get(f"/people/{invited.pk}/").text
    assert "Make the account active again" in boss.get(f"/people/{retired.pk}/").text
    assert boss.get("/people/not-a-uuid/").status_code == 404
    assert "Send the link" in north.client(headers={"Accept-Language": "en"}).get("/password/forgotten/").text


def test_two_invitations_at_once_name_the_login_that_is_taken(wall, north, sending):
    boss = north.client("it_admin")
    data = {"name": "X", "login": "same.one", "role": "technician", "language": "en", "email": "x@y.example"}
    assert boss.post("/people/invite/", data).status_code == 302
    answer = boss.post("/people/invite/", {**data, "login": "SAME.one"})
    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == {"login"}
