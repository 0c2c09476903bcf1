"""Passkeys, with a device in software: as second factor, and alone."""

import json
import re
import tracemalloc
from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.authenticator import Authenticator
from tests.kernel.accounts.factors import SID, is_signed_in, main_of, options_in, session_of, sign_in, with_app

from kernel import clock
from kernel.accounts import actions, passkeys, throttle, views
from kernel.accounts.actors import SYSTEM
from kernel.accounts.models import Anonymous, Factor, RecoveryCode, Session, User
from kernel.audit.models import Entry
from kernel.testing.clocks import at

ADD, ALONE, SECOND = "/account/second-factors/passkey/", "/sign-in/passkey/", "/sign-in/second/"


def device_at(side, **habits):
    return Authenticator(f"http://{side.host}", **habits)


def with_passkey(side, role="sales_manager", **habits):
    """Give the person of a role a passkey, by the page; returns the device."""
    device, client = device_at(side, **habits), side.client(role)
    answer = client.post(ADD, {"name": "Key", "credential": device.make(options_in(client.get(ADD)))})
    assert answer.status_code == 200
    return device


def alone(side, device, **changes):
    """Sign in with a passkey alone; returns the client and the answer."""
    client = side.client()
    options = options_in(client.get(ALONE))
    return client, client.post(ALONE, {"credential": device.show(options, **changes)})


def half_way(side, role="sales_manager"):
    """Somebody whose password was right, and what the page then asks the browser."""
    client = side.client()
    sign_in(client, role)
    return client, options_in(client.get(SECOND))


# -- adding


def test_a_passkey_is_added_and_kept_by_its_public_half(wall, north):
    client, device = north.client("sales_manager"), device_at(north)
    asked = json.loads(options_in(client.get(ADD)))
    assert asked["rp"] == {"id": "north.localhost", "name": "north.localhost"}
    assert asked["user"]["name"] == "sales_manager"
    assert asked["attestation"] == "none"
    assert asked["authenticatorSelection"]["residentKey"] == "preferred"
    answer = client.post(ADD, {"name": "Key", "credential": device.make(json.dumps(asked))})
    assert "data-codes" in answer.text
    with north.bound():
        factor = Factor.objects.get()
        assert (factor.kind, factor.name, factor.sign_count, factor.secret) == ("passkey", "Key", 1, "")
        assert RecoveryCode.objects.count() == 10
        assert Entry.objects.get(action="accounts.add_factor").after == {"kind": "passkey", "name": "Key"}


def test_a_browser_is_told_which_passkeys_are_here_already(wall, north):
    device = with_passkey(north)
    client = north.client("sales_manager")
    options = options_in(client.get(ADD))
    (known,) = json.loads(options)["excludeCredentials"]
    assert passkeys.websafe_decode(known["id"]) == device.keys[0].id
    credential = json.loads(device.make(options))
    with north.bound():
        Factor.objects.update(credential_id=credential["id"])
    assert client.post(ADD, {"name": "Key", "credential": json.dumps(credential)}).status_code == 422
    with north.bound():
        assert Factor.objects.count() == 1


def test_a_passkey_needs_a_recent_proof(wall, north):
    client, device = north.client("sales_manager"), device_at(north)
    with at(clock.now() + timedelta(minutes=16)):
        for proof, status in (("", 422), ("wrong password 1", 422), ("correct horse 7 battery", 200)):
            credential = device.make(options_in(client.get(ADD)))
            answer = client.post(ADD, {"name": "Key", "credential": credential, "proof": proof})
            assert answer.status_code == status


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": "http://south.localhost"},
        {"origin": "http://north.localhost:8000"},
        {"origin": "https://north.localhost"},
        {"origin": "http://evil.north.localhost"},
        {"rp_id": "localhost"},
        {"challenge": b"x" * 32},
        {"type": "webauthn.get"},
    ],
)
def test_a_new_passkey_that_does_not_hold_is_refused(wall, north, changes):
    client, device = north.client("sales_manager"), device_at(north)
    credential = device.make(options_in(client.get(ADD)), **changes)
    assert client.post(ADD, {"name": "Key", "credential": credential}).status_code == 422
    with north.bound():
        assert not Factor.objects.exists()


def test_a_credential_id_longer_than_the_standard_allows_is_refused(wall, north):
    client, device = north.client("sales_manager"), device_at(north)
    for size, status in ((1024, 422), (1023, 200)):
        credential = device.make(options_in(client.get(ADD)), id=b"x" * size)
        assert client.post(ADD, {"name": "Key", "credential": credential}).status_code == status


# -- as second factor


def test_a_passkey_finishes_signing_in(wall, north):
    device = with_passkey(north)
    client, options = half_way(north)
    (allowed,) = json.loads(options)["allowCredentials"]
    assert passkeys.websafe_decode(allowed["id"]) == device.keys[0].id
    half = client.cookies[SID].value
    assert client.post(SECOND, {"credential": device.show(options)})["Location"] == "/"
    assert is_signed_in(client)
    assert client.cookies[SID].value != half
    with north.bound():
        factor = Factor.objects.get()
        assert factor.sign_count == device.keys[0].counter
        assert factor.last_used_at is not None
        assert Entry.objects.get(action="accounts.sign_in").after == {"by": "password, passkey"}


def test_an_answer_counts_once(wall, north):
    device = with_passkey(north, counts=False)
    client, options = half_way(north)
    answer = device.show(options)
    assert client.post(SECOND, {"credential": answer}).status_code == 302
    again, _options = half_way(north)
    assert again.post(SECOND, {"credential": answer}).status_code == 422
    assert not is_signed_in(again)


def test_of_two_requests_with_one_challenge_the_first_counts(wall, north, rf):
    """Both read the session before either wrote it."""
    device = with_passkey(north, counts=False)
    with north.bound():
        person = User.objects.get(login="sales_manager")
        requests = [rf.post(SECOND, headers={"host": north.host}) for _ in range(2)]
        requests[0].session = {}
        options = passkeys.to_show(requests[0], "second", Factor.objects.all())
        requests[1].session = dict(requests[0].session)
        answer = device.show(options)
        assert passkeys.shown(requests[0], "second", answer, person).factor.name == "Key"
        with pytest.raises(actions.Invalid):
            passkeys.shown(requests[1], "second", answer, person)


def test_a_challenge_grows_old(wall, north):
    device = with_passkey(north)
    client = north.client()
    options = options_in(client.get(ALONE))
    with at(clock.now() + timedelta(minutes=5, seconds=1)):
        assert client.post(ALONE, {"credential": device.show(options)}).status_code == 422
        assert not is_signed_in(client)


def test_a_challenge_is_for_one_purpose(wall, north):
    device = with_passkey(north)
    client, _options = half_way(north)
    other = options_in(client.get(ALONE))
    assert client.post(SECOND, {"credential": device.show(other)}).status_code == 422


def test_the_passkey_of_another_does_not_finish_my_sign_in(wall, north):
    mine, theirs = with_passkey(north), with_passkey(north, "technician")
    client, options = half_way(north)
    assert client.post(SECOND, {"credential": theirs.show(options, theirs.keys[0])}).status_code == 422
    assert not is_signed_in(client)
    client, options = half_way(north)
    assert client.post(SECOND, {"credential": mine.show(options)}).status_code == 302


def test_a_copied_key_is_found_by_its_counter(wall, north):
    device = with_passkey(north)
    _client, answer = alone(north, device)
    assert answer.status_code == 302
    client, answer = alone(north, device, counter=2)
    assert answer.status_code == 422
    assert not is_signed_in(client)
    with north.bound():
        entry = Entry.objects.get(action="accounts.refuse_passkey")
        assert (entry.before, entry.after) == ({"sign_count": 2}, {"sign_count": 2})


def test_a_key_without_a_counter_is_fine(wall, north):
    device = with_passkey(north, counts=False)
    for _ in range(2):
        assert alone(north, device)[1].status_code == 302


def test_with_passkeys_only_a_recovery_code_stands_in(wall, north):
    device, client = device_at(north), north.client("sales_manager")
    answer = client.post(ADD, {"name": "Key", "credential": device.make(options_in(client.get(ADD)))})
    code = answer.text.split("data-codes><li>", 1)[1].split("<", 1)[0]
    guest, _options = half_way(north)
    assert guest.post(SECOND, {"code": code}).status_code == 302


def test_who_has_no_passkey_is_not_asked_for_one(wall, north):
    with_app(north, "sales_manager")
    client = north.client()
    sign_in(client, "sales_manager")
    page = client.get(SECOND)
    assert "data-passkey" not in page.text
    assert client.post(SECOND, {"credential": "{}"}).status_code == 422


# -- alone


def test_somebody_signs_in_with_a_passkey_alone(wall, north):
    device = with_passkey(north)
    client = north.client()
    page = client.get(f"{ALONE}?next=/account/")
    asked = json.loads(options_in(page))
    assert (asked["rpId"], asked["userVerification"]) == ("north.localhost", "required")
    assert not asked.get("allowCredentials")
    before = client.cookies[SID].value
    answer = client.post(ALONE, {"credential": device.show(json.dumps(asked)), "next": "/account/"})
    assert answer["Location"] == "/account/"
    assert is_signed_in(client)
    assert client.cookies[SID].value != before
    with north.bound():
        assert Entry.objects.get(action="accounts.sign_in").after == {"by": "passkey"}
    assert client.get(ALONE)["Location"] == "/"


def test_alone_the_device_must_have_checked_the_person(wall, north):
    device = with_passkey(north, verifies=False)
    client, answer = alone(north, device)
    assert answer.status_code == 422
    assert not is_signed_in(client)
    client, options = half_way(north)
    assert client.post(SECOND, {"credential": device.show(options)}).status_code == 302, "but beside a password it is"


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": "http://south.localhost"},
        {"origin": "http://north.localhost:8000"},
        {"rp_id": "localhost"},
        {"challenge": b"x" * 32},
        {"type": "webauthn.create"},
        {"handle": b""},
        {"handle": b"somebody else"},
    ],
)
def test_an_answer_that_does_not_hold_is_refused(wall, north, changes):
    device = with_passkey(north)
    client, answer = alone(north, device, **changes)
    assert answer.status_code == 422
    assert not is_signed_in(client)


def test_every_refused_passkey_looks_the_same(wall, north):
    """Unknown, forged, of somebody retired or without a password: one answer."""
    device = with_passkey(north)
    retired = with_passkey(north, "technician")
    stranger = device_at(north)
    stranger.make(options_in(north.client("receptionist").get(ADD)))
    invited = with_passkey(north, "receptionist")
    with north.bound():
        User.objects.filter(login="technician").update(is_active=False)
        User.objects.filter(login="receptionist").update(password="!")
    answers = [
        alone(north, invited)[1],
        alone(north, stranger)[1],
        alone(north, retired)[1],
        alone(north, device, challenge=b"x" * 32)[1],
        alone(north, device, handle=b"somebody else")[1],
    ]
    assert {answer.status_code for answer in answers} == {422}
    assert len({re.sub(r'data-options="[^"]*"', "", main_of(answer)) for answer in answers}) == 1


def test_a_passkey_is_worth_nothing_at_another_dealership(wall, north, south):
    device = with_passkey(north)
    with north.bound():
        row = Factor.objects.get()
    with south.bound():
        # Even if the row and the person were copied there.
        Factor.objects.create(
            user=User.objects.get(login="sales_manager"),
            kind="passkey",
            name="copy",
            credential_id=row.credential_id,
            public_key=row.public_key,
        )
    client = south.client()
    options = options_in(client.get(ALONE))
    assert client.post(ALONE, {"credential": device.show(options, device.keys[0])}).status_code == 422
    assert not is_signed_in(client)


def test_a_removed_passkey_signs_nobody_in(wall, north):
    device = with_passkey(north)
    with north.bound():
        actions.reset_factors(actor=SYSTEM, person=User.objects.get(login="sales_manager"))
    assert alone(north, device)[1].status_code == 422


def test_a_passkey_satisfies_the_rule_of_a_role(wall, north):
    with north.bound():
        actions.require_factor(
            actor=SYSTEM, role="sales_manager", since=timezone.localdate(clock.now()) - timedelta(days=1)
        )
    client = north.client("sales_manager")
    assert client.get("/leads/")["Location"] == "/account/second-factors/"
    device = device_at(north)
    client.post(ADD, {"name": "Key", "credential": device.make(options_in(client.get(ADD)))})
    assert client.get("/leads/").status_code == 200
    assert alone(north, device)[0].get("/leads/").status_code == 200


def test_the_page_is_not_for_hosts_without_encryption(wall, north, rf):
    request = rf.get(ALONE, headers={"host": "north.example"})
    request.user = Anonymous()
    with north.bound():
        assert views.passkey(request).status_code == 403
        assert not Session.objects.exists()


def test_asking_for_many_challenges_is_throttled(wall, north, monkeypatch):
    monkeypatch.setattr(throttle, "PASSKEY_PAGE", throttle.Limit("passkey-page", 2, 900))
    client = north.client()
    assert [client.get(ALONE).status_code for _ in range(3)] == [200, 200, 429]


def test_a_challenge_makes_no_long_session(wall, north):
    client = north.client()
    client.get(ALONE)
    row = session_of(north, client)
    assert row.user_id is None
    assert row.expires_at - clock.now() <= timedelta(hours=1)


# -- whatever a stranger sends


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "1", "{", '{"id":1}', "[" * 9000, '"' + "x" * 19_000 + '"'])
def test_nonsense_is_refused(wall, north, text):
    device = with_passkey(north)
    assert device.keys
    for path in (ALONE, SECOND):
        client, _options = half_way(north)
        client.get(ALONE)
        assert client.post(path, {"credential": text}).status_code == 422


@pytest.mark.parametrize("size", [10**6, 10**9, 10**30, -1, 1.5, True])
def test_a_number_instead_of_text_takes_no_memory(wall, north, rf, size):
    """bytes(10**9) is a gigabyte of zeros."""
    with north.bound():
        person = User.objects.get(login="sales_manager")
        request = rf.post(ALONE, headers={"host": north.host})
        request.session = {}
        device = device_at(north)
        new = json.loads(device.make(passkeys.to_make(request, person, [])))
        shown = json.loads(device.show(passkeys.to_show(request, "sign-in")))
        tracemalloc.start()
        try:
            for good, read in (
                (new, lambda text: passkeys.made(request, text)),
                (shown, lambda text: passkeys.shown(request, "sign-in", text)),
            ):
                for part in ("id", "rawId", *good["response"]):
                    bad = json.loads(json.dumps(good))
                    (bad["response"] if part in bad["response"] else bad)[part] = size
                    passkeys.to_make(request, person, []) if good is new else passkeys.to_show(request, "sign-in")
                    with pytest.raises(actions.Invalid):
                        read(json.dumps(bad))
            assert tracemalloc.get_traced_memory()[1] < 900_000
        finally:
            tracemalloc.stop()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_a_mutilated_answer_is_refused_never_an_error(wall, north, rf, data):
    """One part of a good answer replaced by something else."""
    with north.bound():
        person = User.objects.get(login="sales_manager")
        request = rf.post(ALONE, headers={"host": north.host})
        request.session = {}
        device = device_at(north)
        device.make(passkeys.to_make(request, person, []))
        is_new = data.draw(st.booleans())
        if is_new:
            good = json.loads(device.make(passkeys.to_make(request, person, [])))
            parts = [f"response.{name}" for name in good["response"]]
        else:
            good = json.loads(device.show(passkeys.to_show(request, "sign-in")))
            parts = ["id", "rawId", "response", *(f"response.{name}" for name in good["response"])]
        part = data.draw(st.sampled_from(parts))
        odd = data.draw(st.one_of(st.none(), st.text(max_size=60), st.integers(), st.lists(st.text(max_size=3))))
        place = good["response"] if part.startswith("response.") else good
        place[part.rpartition(".")[2]] = odd
        with pytest.raises(actions.Invalid):
            if is_new:
                passkeys.made(request, json.dumps(good))
            else:
                passkeys.shown(request, "sign-in", json.dumps(good))
