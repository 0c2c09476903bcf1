"""API tokens: made, shown once, never more than the person's role."""

from datetime import timedelta

import pytest

from kernel import clock
from kernel.accounts import actions, tokens
from kernel.accounts.actors import SYSTEM, Actor
from kernel.accounts.models import Token, User
from kernel.accounts.roles import Role
from kernel.accounts.scopes import SCOPES, beyond, scopes_for
from kernel.audit.models import Entry
from kernel.errors import Forbidden, Invalid


def make(person: User, *scopes: str, actor=None, **kw) -> tuple[Token, str]:
    return actions.create_token(
        actor=actor or Actor.of(person), user=person, name="till", scopes=scopes or ("leads:read",), **kw
    )


@pytest.mark.parametrize("role", list(Role))
def test_a_role_gives_only_scopes_whose_right_it_has(role):
    for scope in scopes_for(role):
        assert SCOPES[scope] & role.rights


def test_scopes_of_one_tier_are_not_given_by_the_other():
    assert "intake:write" in scopes_for("lead_desk")
    assert "service-visits:read" not in scopes_for("service_manager")
    assert beyond("sales_consultant", ["leads:read", "repair-orders:write", "nonsense"]) == [
        "nonsense",
        "repair-orders:write",
    ]


def test_a_token_is_found_by_its_text_and_kept_as_a_hash(wall, north):
    with north.bound():
        person = User.objects.get(role="sales_manager")
        token, text = make(person)
        assert text.startswith(f"dn_{token.prefix}_")
        assert text not in repr(Token.objects.filter(pk=token.pk).values().get())
        found = tokens.find(text)
        assert found == token
        assert found.user == person
        assert found.last_used_at is not None
        entry = Entry.objects.get(action="accounts.create_token")
        assert text not in str(entry.after)


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1], lambda t: t + "x", lambda t: t.upper(), lambda t: "dn__", lambda t: ""]
)
def test_a_token_that_is_not_exactly_right_is_unknown(wall, north, change):
    with north.bound():
        _token, text = make(User.objects.get(role="sales_manager"))
        assert tokens.find(change(text)) is None


def test_the_right_prefix_with_another_secret_is_unknown(wall, north):
    with north.bound():
        token, text = make(User.objects.get(role="sales_manager"))
        assert tokens.find(f"dn_{token.prefix}_{'A' * 43}") is None
        assert tokens.find(text) is not None


def test_a_token_of_one_dealership_is_unknown_at_another(wall, north, south):
    with north.bound():
        _token, text = make(User.objects.get(role="sales_manager"))
        assert tokens.find(text) is not None
    with south.bound():
        assert tokens.find(text) is None


def test_an_expired_a_revoked_and_a_retired_persons_token_are_refused(wall, north):
    with north.bound():
        person = User.objects.get(role="sales_manager")
        expired, text1 = make(person)
        revoked, text2 = make(person)
        _kept, text3 = make(person)
        Token.objects.filter(pk=expired.pk).update(expires_at=clock.now())
        actions.revoke_token(actor=Actor.of(person), token=revoked)
        assert (tokens.find(text1), tokens.find(text2)) == (None, None)
        assert tokens.find(text3) is not None
        User.objects.filter(pk=person.pk).update(is_active=False)
        assert tokens.find(text3) is None


def test_the_use_is_noted_at_most_once_a_minute(wall, north):
    with north.bound():
        token, text = make(User.objects.get(role="sales_manager"))
        then = clock.now() - timedelta(seconds=30)
        Token.objects.filter(pk=token.pk).update(last_used_at=then)
        assert tokens.find(text).last_used_at == then
        Token.objects.filter(pk=token.pk).update(last_used_at=then - timedelta(seconds=31))
        assert tokens.find(text).last_used_at > then


@pytest.mark.parametrize(
    ("scopes", "name", "days", "field"),
    [
        (["people:write"], "x", 1, "scopes"),
        (["leads:read", "repair-orders:write"], "x", 1, "scopes"),
        ([], "x", 1, "scopes"),
        (["leads:read"], "  ", 1, "name"),
        (["leads:read"], "x" * 81, 1, "name"),
        (["leads:read"], "x", 0, "expires_at"),
        (["leads:read"], "x", 400, "expires_at"),
    ],
)
def test_a_token_that_says_too_much_is_not_made(wall, north, scopes, name, days, field):
    with north.bound():
        person = User.objects.get(role="sales_manager")
        with pytest.raises(Invalid) as refused:
            actions.create_token(
                actor=Actor.of(person),
                user=person,
                name=name,
                scopes=scopes,
                expires_at=clock.now() + timedelta(days=days),
            )
        assert set(refused.value.fields) == {field}
        assert not Token.objects.exists()


def test_nobody_makes_a_token_for_another_person_but_the_system_does(wall, north):
    with north.bound():
        person = User.objects.get(role="sales_manager")
        with pytest.raises(Forbidden):
            make(person, actor=north.actor("it_admin"))
        assert make(person, actor=SYSTEM)[0].user == person
        User.objects.filter(pk=person.pk).update(is_active=False)
        person.refresh_from_db()
        with pytest.raises(Invalid):
            make(person, actor=SYSTEM)


def test_a_smaller_role_cuts_the_tokens_at_hand(wall, north):
    with north.bound():
        person = User.objects.get(role="sales_manager")
        token, _text = make(person, "leads:read", "vehicles:write")
        actions.change_person(
            actor=SYSTEM, person=person, name="x", email="", phone="", role="sales_consultant", language="en"
        )
        token.refresh_from_db()
        assert token.scopes == ["leads:read"]


def test_the_page_shows_a_new_token_once(wall, north):
    client = north.client("sales_manager")
    answer = client.post("/account/tokens/", {"name": "my till", "days": "30", "scopes": ["leads:read"]})
    assert answer.status_code == 200
    text = answer.text.split("data-token>", 1)[1].split("<", 1)[0]
    with north.bound():
        assert tokens.find(text).name == "my till"
    again = client.get("/account/tokens/")
    assert text not in again.text
    assert "my till" in again.text


def test_the_page_offers_only_scopes_of_the_role(wall, north):
    client = north.client("technician")
    answer = client.post("/account/tokens/", {"name": "x", "days": "30", "scopes": ["leads:read"]})
    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == {"scopes"}
    with north.bound():
        assert not Token.objects.exists()


def test_somebody_elses_token_does_not_exist_for_me(wall, north):
    me, owner, boss = (north.client(r) for r in ("sales_consultant", "sales_manager", "it_admin"))
    with north.bound():
        token, text = make(User.objects.get(role="sales_manager"))
    assert me.post(f"/account/tokens/{token.pk}/revoke/").status_code == 404
    assert boss.post(f"/account/tokens/{token.pk}/revoke/").status_code == 302
    assert owner.post(f"/account/tokens/{token.pk}/revoke/").status_code == 302
    with north.bound():
        assert tokens.find(text) is None
        assert Entry.objects.filter(action="accounts.revoke_token").count() == 1
