"""`dealernet doctor` asks the mail server and says whom the front door believes."""

import argparse
import json

import pytest
from tests.mailserver import MailServer

from dealernet.commands import doctor


@pytest.fixture
def mail_server(monkeypatch):
    server = MailServer(auth_require_tls=False)
    server.controller.SMTP_kwargs["authenticator"] = server.authenticate
    server.password = "hush"
    monkeypatch.setenv("DEALERNET_MAIL_URL", f"smtp://u@127.0.0.1:{server.port}?tls=0")
    monkeypatch.setenv("DEALERNET_MAIL_FROM", "no-reply@dealers.example")
    monkeypatch.setenv("DEALERNET_MAIL_PASSWORD", "hush")
    yield server
    server.stop()


def check(what, tmp_path, capsys):
    """What the doctor says of one thing, where no network was started yet."""
    doctor.run(argparse.Namespace(data=tmp_path, json=True))
    checks = {one["what"]: one for one in json.loads(capsys.readouterr().out)["checks"]}
    return checks[what]["ok"], checks[what]["says"]


def test_a_mail_server_that_lets_us_in_is_well(mail_server, tmp_path, capsys):
    well = f"127.0.0.1 port {mail_server.port} answers, signed in as u"
    assert check("Mail", tmp_path, capsys) == (True, well)
    assert mail_server.letters == []


def test_a_mail_server_that_does_not_is_not(mail_server, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("DEALERNET_MAIL_PASSWORD", "wrong")
    ok, says = check("Mail", tmp_path, capsys)
    assert (ok, "535" in says, "wrong" in says) == (False, True, False)
    monkeypatch.setenv("DEALERNET_MAIL_FROM", "nobody")
    ok, says = check("Mail", tmp_path, capsys)
    assert (ok, "DEALERNET_MAIL_FROM" in says) == (False, True)


def test_no_mail_server_is_a_choice(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("DEALERNET_MAIL_URL", raising=False)
    ok, says = check("Mail", tmp_path, capsys)
    assert (ok, "mails wait in the outbox" in says) == (True, True)


@pytest.mark.parametrize(
    ("proxies", "ok", "said"),
    [("", True, "names none"), ("10.0.0.0/8, ::1", True, "10.0.0.0/8, ::1/128"), ("0.0.0.0/0", False, "every client")],
)
def test_trusted_proxies_are_read_as_up_reads_them(tmp_path, capsys, monkeypatch, proxies, ok, said):
    monkeypatch.setenv("DEALERNET_TRUSTED_PROXIES", proxies)
    found, says = check("Proxies", tmp_path, capsys)
    assert (found, said in says) == (ok, True)


def of_the_servers() -> dict[str, tuple[bool, str]]:
    """What the doctor says of the servers of the test network."""
    return {check["what"]: (check["ok"], check["says"]) for check in doctor._servers()}


def test_connections_are_added_up_against_what_the_server_allows(committed, monkeypatch):
    ok, says = of_the_servers()["Connections"]
    assert ok
    assert says.startswith("146 at most of 297: 2 portal-web × 8, ")
    monkeypatch.setenv("DEALERNET_WEB_WORKERS", "30")
    ok, says = of_the_servers()["Connections"]
    assert not ok
    assert "max_connections leaves 297: raise it to" in says
    assert "dealer may need 122 connections at once, its limit is 20" in says


def test_without_a_pooler_there_is_none_to_ask(committed, monkeypatch):
    monkeypatch.delenv("DEALERNET_POOLER", raising=False)
    assert of_the_servers()["Pooler"] == (True, "none; processes connect to the server itself")
