"""Where a network is: URLs, the files of the data folder, and the environment of commands."""

import os
from pathlib import Path

import pytest

from dealernet import config, keys
from dealernet.config import ConfigurationError, Database, Network, database_from_url


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without settings of ours; what a test sets is taken back."""
    for name in [name for name in os.environ if name.startswith("DEALERNET_")]:
        monkeypatch.delenv(name)
    for name in ("DATABASE_URL", "BROKER_URL", "CACHE_URL", "DJANGO_SETTINGS_MODULE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    # use_network writes to os.environ itself: a copy keeps that inside the test.
    monkeypatch.setattr(os, "environ", dict(os.environ))
    return monkeypatch


NETWORK = Network(
    database=Database(host="/run/数据 1", port=5433, name="netz", user="admin", password="hush"),
    broker_url="redis+socket://:pw@/run/v.sock?virtual_host=0",
    cache_url="unix://:pw@/run/v.sock?db=1",
    port=8100,
)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://db.example/netz", Database(host="db.example", name="netz")),
        ("postgres://a%40b:p%2F%3A@db:6432/", Database(host="db", port=6432, user="a@b", password="p/:")),
        ("postgresql:///netz?host=/run/pg&port=5433", Database(host="/run/pg", port=5433, name="netz")),
        ("postgresql://u:p@/n?host=%2Frun%2Fpg", Database(host="/run/pg", name="n", user="u", password="p")),
        ("postgresql://[::1]:5433/n", Database(host="::1", port=5433, name="n")),
    ],
)
def test_database_urls(url: str, expected: Database) -> None:
    assert database_from_url(url) == expected


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://u:hush@db/n", "must begin with postgresql://"),
        ("postgresql:///netz", "names no host"),
        ("postgresql://db:port/n", "cannot be read"),
        ("postgresql:///n?host=/run&port=x", "not a number"),
    ],
)
def test_wrong_database_urls_say_what_is_wrong_without_the_password(url: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        database_from_url(url)
    assert "hush" not in str(caught.value)


def test_the_shared_url_holds_no_credentials() -> None:
    url = NETWORK.database.environment()["DATABASE_URL"]
    assert "hush" not in url
    assert "admin" not in url
    assert database_from_url(url) == Database(host="/run/数据 1", port=5433, name="netz")


def test_network_is_kept_privately_and_without_the_password(tmp_path: Path) -> None:
    NETWORK.save(tmp_path)
    assert (tmp_path / "network.json").stat().st_mode & 0o777 == 0o600
    assert "hush" not in (tmp_path / "network.json").read_text()
    assert Network.load(tmp_path).broker_url == NETWORK.broker_url
    assert Network.load(tmp_path).database.user == "admin"


def test_a_missing_or_broken_network_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="dealernet up --data"):
        Network.load(tmp_path)
    (tmp_path / "network.json").write_text('{"database": 3}')
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Network.load(tmp_path)


def test_the_secret_is_made_once_and_kept_private(tmp_path: Path, clean: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="no secret"):
        config.secret_of(tmp_path)
    secret = config.secret_of(tmp_path, create=True)
    assert len(secret) == 64
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    assert config.secret_of(tmp_path, create=True) == secret == config.secret_of(tmp_path)
    (tmp_path / "secret").write_text("short")
    with pytest.raises(ConfigurationError, match="too short"):
        config.secret_of(tmp_path)


def test_use_network_sets_everything_from_the_data_folder(tmp_path: Path, clean: pytest.MonkeyPatch) -> None:
    NETWORK.save(tmp_path)
    secret = config.secret_of(tmp_path, create=True)
    config.use_network(tmp_path)
    assert os.environ["DEALERNET_DB_HOST"] == "/run/数据 1"
    assert os.environ["DEALERNET_DB_PORT"] == "5433"
    assert os.environ["DEALERNET_DB_NAME"] == "netz"
    assert os.environ["DEALERNET_DATA"] == str(tmp_path.resolve())
    assert os.environ["DEALERNET_PROCESS"] == "command"
    assert os.environ["DJANGO_SETTINGS_MODULE"] == "dealernet.settings"
    assert os.environ["DEALERNET_KEY_COURIER"] == keys.derive(secret, "courier")
    assert os.environ["DEALERNET_SUPERUSER"] == "admin"
    assert os.environ["DEALERNET_KEY_SUPERUSER"] == keys.derive(secret, "superuser")


def test_use_network_takes_the_environment_when_it_names_a_database_and_a_secret(
    tmp_path: Path, clean: pytest.MonkeyPatch
) -> None:
    os.environ.update(
        {
            "DATABASE_URL": "postgresql://root:pw@db.example/netz",
            "BROKER_URL": "amqp://rabbit",
            "DEALERNET_SECRET": "s" * 40,
            "DEALERNET_BASE_DOMAIN": "cars.example",
        }
    )
    network = config.use_network(None)
    assert (network.broker_url, network.base_domain) == ("amqp://rabbit", "cars.example")
    assert os.environ["DATABASE_URL"] == "postgresql:///netz?host=db.example&port=5432"
    assert os.environ["DEALERNET_KEY_SUPERUSER"] == "pw"
    assert os.environ["DEALERNET_KEY_OWNER"] == keys.derive("s" * 40, "owner")


FROM = {"DEALERNET_MAIL_FROM": "Dealernet <no-reply@dealers.example>"}


@pytest.mark.parametrize(
    ("url", "host", "port", "security", "user"),
    [
        ("smtp://mail.example", "mail.example", 587, "starttls", ""),
        ("smtp://li%40x:p%2Fw@mail.example:2525?tls=1", "mail.example", 2525, "starttls", "li@x"),
        ("smtp://mail.example?tls=0", "mail.example", 25, "", ""),
        ("smtp://u:p%2Fw@127.0.0.1:1025/?tls=0", "127.0.0.1", 1025, "", "u"),
        ("smtps://u:p%2Fw@[2001:db8::1]", "2001:db8::1", 465, "tls", "u"),
    ],
)
def test_mail_urls(url: str, host: str, port: int, security: str, user: str) -> None:
    mail = config.mail_from({"DEALERNET_MAIL_URL": url, **FROM})
    assert mail is not None
    assert (mail.host, mail.port, mail.security, mail.user) == (host, port, security, user)
    assert (mail.password, mail.sender) == ("p/w" if user else "", FROM["DEALERNET_MAIL_FROM"])
    assert "p/w" not in repr(mail)


def test_without_a_url_there_is_no_mail_server() -> None:
    assert config.mail_from(FROM) is None
    assert config.mail_from({"DEALERNET_MAIL_URL": " "}) is None


def test_the_password_may_stand_in_a_file_or_a_variable(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("hüsh word\n", encoding="utf-8")
    url = {"DEALERNET_MAIL_URL": "smtp://u@mail.example", **FROM}
    for given in ({"DEALERNET_MAIL_PASSWORD_FILE": str(file)}, {"DEALERNET_MAIL_PASSWORD": "hüsh word"}):
        mail = config.mail_from({**url, **given})
        assert mail is not None
        assert mail.password == "hüsh word"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"DEALERNET_MAIL_URL": "http://u:hush@mail.example"}, "is smtp://"),
        ({"DEALERNET_MAIL_URL": "smtp://u:hush@mail.example:x"}, "cannot be read"),
        ({"DEALERNET_MAIL_URL": "smtp://"}, "is smtp://"),
        ({"DEALERNET_MAIL_URL": "smtp://u:hush@mail.example/inbox"}, "is smtp://"),
        ({"DEALERNET_MAIL_URL": "smtp://u:hush@mail.example?tls=maybe"}, "one question"),
        ({"DEALERNET_MAIL_URL": "smtp://u:hush@mail.example?ssl=1"}, "one question"),
        ({"DEALERNET_MAIL_URL": "smtp://u@mail.example"}, "lacks a password"),
        ({"DEALERNET_MAIL_URL": "smtp://mail.example", "DEALERNET_MAIL_PASSWORD": "hush"}, "lacks a user"),
        ({"DEALERNET_MAIL_URL": "smtp://u:hush@mail.example?tls=0"}, "readable"),
        ({"DEALERNET_MAIL_URL": "smtp://u:hush@mail.example", "DEALERNET_MAIL_PASSWORD": "hush"}, "more than once"),
        ({"DEALERNET_MAIL_URL": "smtp://u@m.example", "DEALERNET_MAIL_PASSWORD_FILE": "/nowhere/p"}, "cannot be read"),
        ({"DEALERNET_MAIL_URL": "smtp://m.example", "DEALERNET_MAIL_FROM": ""}, "is the sender"),
        ({"DEALERNET_MAIL_URL": "smtp://m.example", "DEALERNET_MAIL_FROM": "Dealernet"}, "is the sender"),
        ({"DEALERNET_MAIL_URL": "smtp://m.example", "DEALERNET_MAIL_FROM": "a@b.example\nBcc: c@d"}, "is the sender"),
    ],
)
def test_wrong_mail_settings_say_what_is_wrong_without_the_password(given: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        config.mail_from({**FROM, **given})
    assert "hush" not in str(caught.value)


def test_an_empty_password_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("\n")
    given = {"DEALERNET_MAIL_URL": "smtp://u@m.example", "DEALERNET_MAIL_PASSWORD_FILE": str(tmp_path / "password")}
    with pytest.raises(ConfigurationError, match="is empty"):
        config.mail_from({**FROM, **given})
