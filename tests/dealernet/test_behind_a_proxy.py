"""The product's web process behind the front door behind a proxy that speaks https: what the client's word changes."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from http.cookies import SimpleCookie
from pathlib import Path

import httpx
import pytest
from django.db import connection

import dealernet
from dealernet.embedded import processes
from kernel.accounts.models import OutboxMail, Session
from kernel.testing.network import PASSWORD

PROXY, STRANGER = "127.0.0.9", "127.0.0.8"
SID = "__Host-sid"


class Browser:
    """A client that comes by an address of this machine and keeps cookies as over https."""

    def __init__(self, port: int, comes_by: str, claims: dict[str, str]) -> None:
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            transport=httpx.HTTPTransport(local_address=comes_by),
            headers={"Host": "north.localhost", **claims},
            timeout=30,
        )
        self.cookies: dict[str, str] = {}

    def ask(self, method: str, path: str, **options: object) -> httpx.Response:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        answer = self.http.request(method, path, headers={**headers, **options.pop("headers", {})}, **options)
        for text in answer.headers.get_list("set-cookie"):
            self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(text).items()}
        return answer

    def post(self, path: str, data: dict[str, str], origin: str) -> httpx.Response:
        page = self.ask("GET", path).text
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        assert token is not None, page
        return self.ask("POST", path, data={**data, "csrfmiddlewaretoken": token[1]}, headers={"Origin": origin})

    def sign_in(self, origin: str, *, password: str = PASSWORD) -> httpx.Response:
        return self.post("/sign-in/", {"login": "sales_manager", "password": password}, origin)


@pytest.fixture
def coming(committed) -> Iterator[Callable[..., Browser]]:
    """Clients of a dealers' web process behind a front door that trusts the proxy alone."""
    folder = Path(tempfile.mkdtemp(prefix="dn-"))
    sources = Path(dealernet.__file__).parents[1]
    keys = {f"DEALERNET_KEY_{name}" for name in ("FRONTDESK", "DEALERS", "DJANGO_DEALERS")}
    environment = {
        **{name: os.environ[name] for name in keys},
        "PATH": os.defpath,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "DJANGO_SETTINGS_MODULE": "dealernet.settings_testing",
        "DEALERNET_PROCESS": "dealers-web",
        "DEALERNET_DATA": str(folder),
        "DEALERNET_DB_HOST": str(connection.settings_dict["HOST"]),
        "DEALERNET_DB_NAME": str(connection.settings_dict["NAME"]),
        "DEALERNET_WEB_WORKERS": "1",
    }
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = int(one.getsockname()[1])
    web = ["gunicorn", "--config", str(sources / "dealernet" / "gunicorn_conf.py"), "--bind", f"unix:{folder / 'web'}"]
    door = ["dealernet.frontdoor", "--port", str(port), "--dealers", str(folder / "web"), "--trusted-proxy", PROXY]
    with (folder / "log").open("wb") as log:
        started = [
            subprocess.Popen([sys.executable, "-m", *words], env=environment, stdout=log, stderr=log)
            for words in (web, door)
        ]
    clients: list[Browser] = []

    def come(comes_by: str = PROXY, **claims: str) -> Browser:
        clients.append(Browser(port, comes_by, {name.replace("_", "-"): text for name, text in claims.items()}))
        return clients[-1]

    def answers() -> bool:
        try:
            return come().ask("GET", "/healthz").status_code == 200
        except httpx.TransportError:
            return False

    assert processes.wait_until(answers, 60), (folder / "log").read_text()
    yield come
    for client in clients:
        client.http.close()
    for process in started:
        process.terminate()
        process.wait(20)
    shutil.rmtree(folder)


@pytest.mark.slow
def test_https_at_the_proxy_is_https_for_cookies_csrf_hsts_addresses_and_lists(coming, north) -> None:
    client = coming(X_Forwarded_For="6.6.6.6, 203.0.113.7", X_Forwarded_Proto="https")
    page = client.ask("GET", "/sign-in/")
    assert page.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains; preload"
    assert client.sign_in("http://north.localhost").status_code == 403  # the page came over https
    assert client.sign_in("https://elsewhere.example").status_code == 403
    signed_in = client.sign_in("https://north.localhost")
    assert signed_in.status_code == 302
    cookie = next(text for text in signed_in.headers.get_list("set-cookie") if text.startswith(SID))
    assert {"Secure", "HttpOnly", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "203.0.113.7" in client.ask("GET", "/account/").text
    with north.bound():
        assert {session.address for session in Session.objects.exclude(user=None)} == {"203.0.113.7"}

    client.post("/password/forgotten/", {"who": "service_adviser"}, "https://north.localhost")
    with north.bound():
        assert "\nhttps://north.localhost/password/link/" in OutboxMail.objects.get().body

    # Somebody who is no proxy says the same and is taken for what the connection shows.
    stranger = coming(STRANGER, X_Forwarded_For="203.0.113.7", X_Forwarded_Proto="https")
    assert "strict-transport-security" not in stranger.ask("GET", "/sign-in/").headers
    assert stranger.sign_in("https://north.localhost").status_code == 403
    assert stranger.sign_in("http://north.localhost").status_code == 302
    assert STRANGER in stranger.ask("GET", "/account/").text
    stranger.post("/password/forgotten/", {"who": "technician"}, "http://north.localhost")
    with north.bound():
        assert "\nhttp://north.localhost/password/link/" in OutboxMail.objects.latest("at").body


@pytest.mark.slow
def test_guesses_are_counted_by_the_address_that_the_proxy_saw(coming) -> None:
    def guess(comes_by: str, address: str) -> int:
        client = coming(comes_by, X_Forwarded_For=address, X_Forwarded_Proto="https")
        origin = "https://north.localhost" if comes_by == PROXY else "http://north.localhost"
        return client.sign_in(origin, password="wrong").status_code

    assert {guess(PROXY, "6.6.6.6, 203.0.113.7") for _ in range(10)} == {422}
    assert guess(PROXY, "6.6.6.7, 203.0.113.7") == 429
    assert guess(PROXY, "203.0.113.8") == 422
    # A stranger who gives another address each time is one address all the same.
    assert {guess(STRANGER, f"203.0.113.{number}") for number in range(20, 30)} == {422}
    assert guess(STRANGER, "203.0.113.99") == 429
