"""`dealernet up`, whole: it starts, keeps secrets apart, dies without leftovers, starts again without a tier."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from tests.mailserver import MailServer

from dealernet import cli
from dealernet.config import ConfigurationError
from dealernet.embedded import processes
from dealernet.frontdoor import has_ipv6
from dealernet.up import check_ports, listen_addresses, trusted_proxies


def free_port() -> int:
    """A port whose successor is free too."""
    while True:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            number = int(one.getsockname()[1])
            try:
                two.bind(("127.0.0.1", number + 1))
            except OSError:
                continue
            return number


class Network:
    """A started network."""

    def __init__(self, data: Path, port: int) -> None:
        self.data, self.port = data, port
        self.process: subprocess.Popen[str] | None = None
        self.env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.env["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)

    def command(self, *words: str) -> None:
        subprocess.run([sys.executable, "-m", "dealernet", *words, "--data", str(self.data)], env=self.env, check=True)

    def start(self, *words: str, **settings: str) -> list[str]:
        """Start and return what was printed up to READY."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dealernet", "up", "--data", str(self.data), "--port", str(self.port), *words],
            env={**self.env, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        lines: list[str] = []
        for line in self.process.stdout:
            lines.append(line.rstrip())
            if line.startswith("READY "):
                return lines
        raise AssertionError("\n".join(lines))

    def end(self, signum: int) -> int:
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.send_signal(signum)
        with self.process.stdout as rest:
            rest.read()
        return self.process.wait(60)

    def status(self, host: str, path: str, *, management: bool = False, to: str = "127.0.0.1") -> int:
        request = Request(f"http://{to}:{self.port + management}{path}", headers={"Host": host})
        try:
            with urlopen(request, timeout=30) as answer:
                return int(answer.status)
        except HTTPError as error:
            with error:
                return error.code

    def keys(self, process: str, prefix: str = "DEALERNET_KEY_") -> set[str]:
        """Names of the keys in the environment of a running process."""
        (pid, *_) = (p for p in processes.find(self.data) if processes.carries(p, "DEALERNET_PROCESS", process))
        names = {pair.split(b"=")[0].decode() for pair in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")}
        return {name.removeprefix(prefix) for name in names if name.startswith(prefix)}


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    """A mail server that takes sign-ins in the clear."""
    server = MailServer(auth_require_tls=False)
    server.controller.SMTP_kwargs["authenticator"] = server.authenticate
    server.password = "hush"
    yield server
    server.stop()


@pytest.fixture
def network() -> Iterator[Network]:
    data = Path(tempfile.mkdtemp(prefix="dn-"))
    made = Network(data, free_port())
    yield made
    if made.process is not None and made.process.poll() is None:
        made.end(signal.SIGKILL)
    processes.end_all(lambda: processes.find(data), patience=0.0, database_patience=0.0)
    shutil.rmtree(data)


@pytest.mark.slow
def test_up_starts_dies_without_leftovers_and_starts_again_without_the_portal(
    network: Network, mail_server: MailServer
) -> None:
    lines = network.start(
        DEALERNET_MAIL_URL=f"smtp://u:hush@127.0.0.1:{mail_server.port}?tls=0",
        DEALERNET_MAIL_FROM="no-reply@dealers.example",
    )
    assert lines[-1] == f"READY http://portal.localhost:{network.port}"
    assert network.status("portal.localhost", "/") < 500
    assert network.status("whatever.example", "/healthz", management=True) == 200
    assert network.status("whatever.example", "/") == 404
    assert network.status("portal.localhost", "/", to="[::1]" if has_ipv6() else "127.0.0.1") < 500
    assert network.keys("portal-web") == {"FRONTDESK", "PORTAL", "DJANGO_PORTAL"}
    assert network.keys("dealers-web") == {"FRONTDESK", "DEALERS", "DJANGO_DEALERS"}
    assert network.keys("courier") == {"COURIER"}
    assert network.keys("scheduler") == network.keys("front-door") == set()
    assert (network.data / "secret").stat().st_mode & 0o077 == 0

    for process in ("portal-web", "dealers-web", "courier", "scheduler", "steward", "front-door"):
        assert network.keys(process, "DEALERNET_MAIL_") == set()
    assert "PASSWORD" in network.keys("portal-worker", "DEALERNET_MAIL_") & network.keys(
        "dealers-worker", "DEALERNET_MAIL_"
    )
    words = ("--host", "portal", "--login", "li.ming", "--role", "network_admin", "--email", "li@x.example")
    network.command("user", "add", *words)
    assert processes.wait_until(lambda: mail_server.letters != [], 30)
    assert "/password/link/" in mail_server.letters[0].get_content()
    assert mail_server.sign_ins == [("u", "hush")]

    network.end(signal.SIGKILL)
    assert processes.wait_until(lambda: processes.find(network.data) == [], 30)

    network.start("--without", "portal")
    assert network.status("portal.localhost", "/") == 503
    assert network.status("whatever.example", "/") == 404  # the dealers' side answers
    assert network.end(signal.SIGINT) == 0
    assert processes.find(network.data) == []


def test_a_taken_port_is_said_before_anything_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        number = other.getsockname()[1]
        assert cli.main(["up", "--data", str(tmp_path / "data"), "--port", str(number), "--json"]) == 2
    said = capsys.readouterr()
    assert f"Port {number} on 127.0.0.1 is already in use" in said.err
    assert "already in use" in json.loads(said.out)["error"]
    assert not (tmp_path / "data").exists()


def test_addresses_and_proxies_come_from_the_call_else_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEALERNET_LISTEN", raising=False)
    monkeypatch.delenv("DEALERNET_TRUSTED_PROXIES", raising=False)
    assert (listen_addresses([]), trusted_proxies([])) == (("127.0.0.1", "::1"), ())
    monkeypatch.setenv("DEALERNET_LISTEN", "0.0.0.0, 2001:DB8::1")
    monkeypatch.setenv("DEALERNET_TRUSTED_PROXIES", "10.0.0.0/8,192.0.2.1")
    assert (listen_addresses([]), trusted_proxies([])) == (("0.0.0.0", "2001:db8::1"), ("10.0.0.0/8", "192.0.2.1/32"))
    assert listen_addresses(["127.0.0.3"]) == ("127.0.0.3",)
    assert trusted_proxies(["::1"]) == ("::1/128",)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--trusted-proxy", "0.0.0.0/0"], "every client"),
        (["--trusted-proxy", "proxy.example"], "proxy.example"),
        (["--listen", "north.example"], "north.example"),
        (["--listen", "203.0.113.254"], "203.0.113.254 is no address of this machine"),
    ],
)
def test_what_cannot_be_listened_on_or_trusted_is_said_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert cli.main(["up", "--data", str(tmp_path / "data"), "--port", str(free_port()), *words]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_a_port_taken_on_ipv6_alone_is_taken() -> None:
    with socket.socket(socket.AF_INET6) as other:
        other.bind(("::1", 0))
        other.listen()
        with pytest.raises(ConfigurationError, match="on ::1 is already in use"):
            check_ports(other.getsockname()[1])
