"""`dealernet user add`, `link`, `reset-factors` and `dealernet token create`."""

import argparse
import io
import json
import re

import pytest
from tests.kernel.accounts.factors import with_app

from dealernet.commands import token, user
from dealernet.config import ConfigurationError
from kernel.accounts import actions, tokens
from kernel.accounts.actors import SYSTEM
from kernel.accounts.models import Factor, User
from kernel.audit.models import Entry
from kernel.errors import Forbidden

PASSWORD = "a longer sentence 42"


def call(module, *words: str) -> int:
    parser = argparse.ArgumentParser()
    module.configure(parser)
    args = parser.parse_args([w for w in words if w != "--json"])
    args.json = "--json" in words
    return module.run(args)


def add(*words: str, host: str = "north.localhost", login: str = "new.one", role: str = "technician") -> int:
    return call(user, "add", "--host", host, "--login", login, "--role", role, *words)


def test_a_person_with_a_password_signs_in(wall, north, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
    assert add("--password-stdin", "--name", "新人", "--email", "n@x.example") == 0
    answer = north.client().post("/sign-in/", {"login": "new.one", "password": PASSWORD})
    assert answer.status_code == 302
    with north.bound():
        person = User.objects.get(login="new.one")
    assert (person.name, person.email, person.role) == ("新人", "n@x.example", "technician")


def test_without_a_password_a_link_is_printed_that_works_once(wall, north, capsys, monkeypatch):
    monkeypatch.setenv("DEALERNET_PORT", "8000")
    assert add(host="north") == 0
    last = capsys.readouterr().out.strip().splitlines()[-1]
    path = re.fullmatch(r"http://north\.localhost:8000(/password/link/\S+/)", last)[1]
    client = north.client()
    assert client.post(path, {"password": PASSWORD, "again": PASSWORD}).status_code == 302
    assert client.get(path).status_code == 404


def test_the_answer_as_json(wall, north, capsys):
    assert add("--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["login"], document["role"]) == ("new.one", "technician")
    assert "/password/link/" in document["invitation"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"role": "lead_desk"}, "role"),
        ({"login": "a b"}, "login"),
        ({"login": "TECHNICIAN"}, "login"),
    ],
)
def test_what_is_refused_says_why_and_adds_nobody(wall, north, capsys, words, said):
    with north.bound():
        before = User.objects.count()
    assert add("--json", **words) == 1
    shown = capsys.readouterr()
    assert said in shown.err
    assert json.loads(shown.out)["error"]
    with north.bound():
        assert User.objects.count() == before


def test_a_weak_password_adds_nobody(wall, north, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert add("--password-stdin") == 1
    with north.bound():
        assert not User.objects.filter(login="new.one").exists()


@pytest.mark.parametrize("host", ["west.localhost", "west", "not a host", ""])
def test_an_unknown_member_is_named(wall, host):
    with pytest.raises(ConfigurationError, match="no member"):
        add(host=host)


def test_the_token_stands_alone_on_the_last_line(wall, north, capsys):
    assert (
        call(token, "create", "--host", "north.localhost:8000", "--login", "SALES_manager", "--scope", "leads:read")
        == 0
    )
    last = capsys.readouterr().out.splitlines()[-1]
    with north.bound():
        found = tokens.find(last)
        assert found.user.login == "sales_manager"
        assert found.scopes == ["leads:read"]


def test_without_scopes_the_token_gets_all_of_the_role(wall, portal, capsys):
    assert call(token, "create", "--host", "portal", "--login", "lead_desk", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert "intake:write" in document["scopes"]
    with portal.bound():
        assert tokens.find(document["token"]).scopes == document["scopes"]


@pytest.mark.parametrize(
    "words",
    [
        ["--login", "nobody-at-all"],
        ["--login", "technician", "--scope", "leads:write"],
        ["--login", "technician", "--days", "999"],
    ],
)
def test_a_token_that_may_not_be_made_is_refused(wall, north, capsys, words):
    assert call(token, "create", "--host", "north", "--json", *words) == 1
    shown = capsys.readouterr()
    assert json.loads(shown.out)["error"]
    assert "dn_" not in shown.out


def test_an_operator_hands_over_a_link_for_a_password(wall, north, capsys, monkeypatch):
    monkeypatch.setenv("DEALERNET_PORT", "8000")
    assert call(user, "link", "--host", "north", "--login", "TECHNICIAN", "--json") == 0
    link = json.loads(capsys.readouterr().out)["link"]
    path = re.fullmatch(r"http://north\.localhost:8000(/password/link/\S+/)", link)[1]
    client = north.client()
    assert client.post(path, {"password": PASSWORD, "again": PASSWORD}).status_code == 302
    assert client.get(path).status_code == 404
    assert client.post("/sign-in/", {"login": "technician", "password": PASSWORD}).status_code == 302
    with north.bound():
        assert Entry.objects.filter(action="accounts.hand_out_link").count() == 1


def test_who_has_no_password_yet_gets_an_invitation(wall, north, capsys):
    with north.bound():
        actions.add_person(actor=SYSTEM, login="newcomer", name="New Comer", role="technician")
    assert call(user, "link", "--host", "north", "--login", "newcomer", "--json") == 0
    link = json.loads(capsys.readouterr().out)["link"]
    path = re.search(r"/password/link/\S+/", link)[0]
    assert north.client().post(path, {"password": PASSWORD, "again": PASSWORD}).status_code == 302
    with north.bound():
        person = User.objects.get(login="newcomer")
        assert person.invited_at
        assert person.check_password(PASSWORD)
        written = Entry.objects.filter(object_id=str(person.pk)).values_list("action", flat=True)
        assert set(written) >= {"accounts.invite", "accounts.accept_invitation"}
        assert "accounts.hand_out_link" not in written


def test_a_link_for_nobody_or_somebody_retired_is_refused(wall, north, capsys):
    assert call(user, "link", "--host", "north", "--login", "nobody") == 1
    assert "Nobody has the sign-in name 'nobody' at north." in capsys.readouterr().err
    with north.bound():
        User.objects.filter(login="technician").update(is_active=False)
    assert call(user, "link", "--host", "north", "--login", "technician", "--json") == 1
    assert json.loads(capsys.readouterr().out)["error"] == "This account is retired."


def test_people_cannot_hand_out_links(wall, north):
    with north.bound(), pytest.raises(Forbidden):
        actions.hand_out_link(
            actor=north.actor("general_manager"), person=User.objects.get(role="technician"), host="north.localhost"
        )


def test_an_operator_takes_lost_second_factors_away(wall, north, capsys):
    with_app(north, "general_manager")
    words = ("reset-factors", "--host", "north", "--login", "GENERAL_manager")
    assert call(user, *words) == 0
    assert "had 1 second factors" in capsys.readouterr().out
    answer = north.client().post("/sign-in/", {"login": "general_manager", "password": "correct horse 7 battery"})
    assert answer["Location"] == "/"
    with north.bound():
        entry = Entry.objects.get(action="accounts.reset_factors")
    assert (entry.actor_kind, entry.after["factors_removed"]) == ("system", 1)
    assert call(user, *words, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"login": "general_manager", "factors_removed": 0}


def test_of_somebody_unknown_nothing_is_taken(wall, north, capsys):
    with_app(north, "general_manager")
    assert call(user, "reset-factors", "--host", "north", "--login", "nobody-at-all") == 1
    assert "nobody-at-all" in capsys.readouterr().err
    with north.bound():
        assert Factor.objects.count() == 1
