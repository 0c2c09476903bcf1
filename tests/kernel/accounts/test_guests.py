"""Guests: accounts of people from outside, who are let in for a time and have no way in of their own."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.kernel.accounts.factors import code_of

from kernel import clock
from kernel.accounts import actions, queries, scopes, totp
from kernel.accounts.actors import SYSTEM, Actor
from kernel.accounts.models import Anonymous, Factor, Session, User
from kernel.accounts.roles import SUPPORT_ROLES, Role, Tier, roles_of
from kernel.accounts.sessions import ABSOLUTE
from kernel.audit.models import Entry
from kernel.errors import Conflict, Forbidden
from kernel.testing.clocks import at


def guest(**given) -> User:
    asked = {"login": "support.1", "name": "Support", "role": Role.SUPPORT_READER}
    asked["ends_at"] = clock.now() + timedelta(hours=2)
    return actions.let_in(actor=SYSTEM, **asked | given)


@pytest.fixture
def at_north(wall, north):
    with north.bound():
        yield north


def test_no_role_of_a_guest_can_be_given_to_people():
    assert not SUPPORT_ROLES & {*roles_of(Tier.PORTAL), *roles_of(Tier.DEALERSHIP)}
    assert set(roles_of(Tier.SUPPORT)) == SUPPORT_ROLES
    assert all(scopes.scopes_for(role) == [] for role in SUPPORT_ROLES)


def test_a_guest_comes_with_an_end_and_without_a_password(at_north):
    let_in = guest()
    assert let_in.is_guest
    assert not Anonymous().is_guest
    assert not let_in.has_usable_password()
    assert let_in not in queries.people()
    assert Entry.objects.get(action="accounts.let_in").object_id == str(let_in.pk)


def test_only_guests_are_let_in_and_seen_out(at_north):
    with pytest.raises(ValueError, match="no role of a guest"):
        guest(role=Role.IT_ADMIN)
    with pytest.raises(ValueError, match="no guest"):
        actions.see_out(actor=SYSTEM, guest=User.objects.get(role=Role.IT_ADMIN))


def test_a_sign_in_ends_with_the_visit(wall, north):
    with north.bound():
        let_in = guest()
    client = north.client(let_in)
    with north.bound():
        # The kit writes no `ends_at` into a session it makes by itself; the engine does.
        assert Session.objects.get(user=let_in).expires_at == let_in.ends_at
        manager = User.objects.get(role=Role.GENERAL_MANAGER)
    assert client.get("/account/").status_code in (200, 302)
    north.client(manager)
    with north.bound():
        assert Session.objects.get(user=manager).expires_at > clock.now() + ABSOLUTE - timedelta(minutes=1)


def test_a_guest_is_nobody_after_the_end_even_with_a_session_that_lives(wall, north):
    with north.bound():
        let_in = guest()
    client = north.client(let_in)
    with north.bound():
        Session.objects.filter(user=let_in).update(expires_at=let_in.ends_at + timedelta(days=1))
    with at(let_in.ends_at):
        assert client.get("/account/").status_code == 302


def test_seeing_out_ends_sign_ins_at_once(wall, north):
    with north.bound():
        let_in = guest()
    client = north.client(let_in)
    with north.bound():
        actions.see_out(actor=SYSTEM, guest=let_in)
        assert Entry.objects.get(action="accounts.see_out").after == {"sign_ins_ended": 1}
    assert client.get("/account/").status_code == 302
    with north.bound(), pytest.raises(Forbidden):
        Actor.of(User.objects.get(pk=let_in.pk))


def test_a_guest_adds_no_second_factor_that_would_sign_in_by_itself(at_north):
    let_in = guest()
    secret = totp.new_secret()
    with pytest.raises(Forbidden):
        actions.add_app(actor=Actor.of(let_in), person=let_in, name="x", secret=secret, code=code_of(secret))
    assert not Factor.objects.exists()


@pytest.mark.parametrize("way", ["invite", "hand_out_link", "reinstate", "change"])
def test_what_is_done_for_people_gives_no_guest_another_way_in(at_north, way):
    let_in, manager = guest(), at_north.actor("general_manager")
    ways = {
        "invite": lambda: actions.invite(actor=manager, person=let_in, host="north.localhost"),
        "hand_out_link": lambda: actions.hand_out_link(actor=SYSTEM, person=let_in, host="north.localhost"),
        "reinstate": lambda: actions.reinstate_person(actor=manager, person=let_in),
        "change": lambda: actions.change_person(
            actor=manager, person=let_in, name="x", email="x@example.com", phone="", role="it_admin", language="en"
        ),
    }
    with pytest.raises(Conflict, match="support access"):
        ways[way]()
