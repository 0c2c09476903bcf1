"""The front door over real sockets: in front of gunicorn, and in front of tiers that misbehave."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import dealernet
from dealernet.embedded import processes
from dealernet.frontdoor import FrontDoor, Times, has_ipv6, merge
from dealernet.proxies import networks

APPLICATION = """
import hashlib, json, os, time
NAME = os.environ["NAME"]
def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/stream":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return (bytes([65 + n % 26]) * 10000 for n in range(300))
    if path == "/metrics":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"# HELP hits Hits.\\n# TYPE hits counter\\nhits{page=\\"a\\"} 3\\nhits 4\\n"]
    if path == "/readyz":
        ready = environ.get("HTTP_X_DEALERNET_MANAGEMENT") == "1"
        start_response("200 OK" if ready else "403 Forbidden", [("Content-Type", "application/json")])
        return [b'{"database": "ok"}']
    if path == "/ask":
        ours = environ["QUERY_STRING"] == "domain=www.north.example" and environ.get("HTTP_X_DEALERNET_MANAGEMENT")
        start_response("200 OK" if ours else "404 Not Found", [("Content-Length", "0")])
        return []
    if path == "/early":
        start_response("413 Content Too Large", [("Content-Length", "9"), ("Connection", "close")])
        return [b"too large"]
    if path == "/empty":
        start_response("204 No Content", [])
        return []
    body = environ["wsgi.input"].read()
    seen = {k: v for k, v in environ.items() if k.startswith("HTTP_")}
    text = json.dumps({"name": NAME, "path": path, "query": environ["QUERY_STRING"], "length": len(body),
        "method": environ["REQUEST_METHOD"], "hash": hashlib.sha256(body).hexdigest(), "headers": seen,
        "pid": os.getpid()}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(text)))])
    return [text]
"""


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict:
        return json.loads(self.body)


class Wire:
    """A client that sends exactly the bytes it is told to."""

    def __init__(self, port: int, *, to: str = "127.0.0.1", by: str = "") -> None:
        self.socket = socket.create_connection((to, port), timeout=10, source_address=(by, 0) if by else None)
        self.file = self.socket.makefile("rb")

    def send(self, text: str | bytes) -> "Wire":
        self.socket.sendall(text.encode("latin-1") if isinstance(text, str) else text)
        return self

    def answer(self, *, head: bool = False) -> Answer:
        status = int(self.file.readline().split()[1])
        headers: dict[str, str] = {}
        while line := self.file.readline().strip():
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        if head or status in (204, 304) or status < 200:
            return Answer(status, headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.file.readline(), 16):
                body += self.file.read(size)
                self.file.readline()
            self.file.readline()
        else:
            body = self.file.read(int(headers["content-length"]))
        return Answer(status, headers, body)

    def at_end(self) -> bool:
        return self.file.read(1) == b""

    def close(self) -> None:
        self.file.close()
        self.socket.close()


class Door:
    """A front door in a thread with an event loop of its own."""

    def __init__(self, portal: Path | None, dealers: Path | None, times: Times, *, trusted: str = "") -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.port, self.management = free_port(), free_port()
        self.log: list[str] = []
        self.door = FrontDoor(
            base="localhost",
            portal=str(portal) if portal else None,
            dealers=str(dealers) if dealers else None,
            times=times,
            log=self.log.append,
            trusted=networks([trusted]),
        )
        self.do(self.door.listen(self.port, self.management))
        self.wires: list[Wire] = []

    def do(self, what: Awaitable) -> None:
        asyncio.run_coroutine_threadsafe(what, self.loop).result(30)

    def wire(self, *, management: bool = False, to: str = "127.0.0.1", by: str = "") -> Wire:
        self.wires.append(Wire(self.management if management else self.port, to=to, by=by))
        return self.wires[-1]

    def get(self, host: str, path: str = "/", extra: str = "", **wire_to: object) -> Answer:
        wire = self.wire(**wire_to)
        return wire.send(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{extra}\r\n").answer()

    def close(self) -> None:
        for wire in self.wires:
            wire.close()
        self.do(self.door.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def tiers() -> Iterator[dict[str, Path]]:
    """Two real gunicorns with the product's configuration."""
    folder = Path(tempfile.mkdtemp(prefix="dn-"))
    (folder / "application.py").write_text(APPLICATION)
    sources = Path(dealernet.__file__).parents[1]
    started = []
    for name in ("portal", "dealers"):
        started.append(
            subprocess.Popen(
                [
                    *(sys.executable, "-m", "gunicorn", "application:application"),
                    *("--config", str(sources / "dealernet" / "gunicorn_conf.py")),
                    *("--bind", f"unix:{folder / name}", "--chdir", str(folder)),
                ],
                env={
                    "PATH": os.defpath,
                    "NAME": name,
                    "PYTHONPATH": str(sources),
                    "DEALERNET_WEB_WORKERS": "1",
                },
                stderr=subprocess.DEVNULL,
            )
        )
    assert processes.wait_until(lambda: all((folder / name).exists() for name in ("portal", "dealers")), 20)
    yield {"portal": folder / "portal", "dealers": folder / "dealers"}
    for process in started:
        process.terminate()
        process.wait(20)
    shutil.rmtree(folder)


@pytest.fixture
def door(tiers: dict[str, Path]) -> Iterator[Door]:
    opened = Door(tiers["portal"], tiers["dealers"], Times(stop=1.0))
    yield opened
    opened.close()


@pytest.fixture
def door_to(tmp_path: Path) -> Iterator[Callable[[Callable[[socket.socket, bytes], None]], Door]]:
    """A front door whose dealers' tier is a function (connection, first bytes received) → None."""
    opened: list[Door] = []
    listeners: list[socket.socket] = []
    folder = Path(tempfile.mkdtemp(prefix="dn-"))

    def make(tier: Callable[[socket.socket, bytes], None], times: Times | None = None) -> Door:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(folder / "tier"))
        listener.listen()
        listeners.append(listener)

        def work() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    tier(connection, connection.recv(65536))

        threading.Thread(target=work, daemon=True).start()
        opened.append(Door(None, folder / "tier", times or Times(stop=0.2)))
        return opened[-1]

    yield make
    for each in opened:
        each.close()
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("host", "tier"),
    [
        ("portal.localhost", "portal"),
        ("PORTAL.localhost:8000", "portal"),
        ("portal.localhost.", "portal"),
        ("north.localhost", "dealers"),
        ("portal.localhost.evil.example", "dealers"),
        ("xportal.localhost", "dealers"),
        ("127.0.0.1:8000", "dealers"),
        ("[::1]:8000", "dealers"),
        ("", "dealers"),
    ],
)
def test_the_host_decides_the_tier(door: Door, host: str, tier: str) -> None:
    answer = door.get(host, "/a?b=c").json
    assert (answer["name"], answer["path"], answer["query"]) == (tier, "/a", "b=c")
    assert answer["headers"].get("HTTP_HOST", "") == host


def test_one_connection_serves_two_hosts_in_turn(door: Door) -> None:
    wire = door.wire()
    names = []
    for host in ("portal.localhost", "north.localhost", "portal.localhost"):
        names.append(wire.send(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").answer().json["name"])
    assert names == ["portal", "dealers", "portal"]
    # The second request to the portal used the same connection; it is put back after the answer has gone out.
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and not (door.door.portal.idle and door.door.dealers.idle):
        time.sleep(0.01)
    assert len(door.door.portal.idle) == 1
    assert len(door.door.dealers.idle) == 1


def test_pipelined_requests_are_answered_in_order(door: Door) -> None:
    wire = door.wire()
    wire.send(
        "GET /1 HTTP/1.1\r\nHost: portal.localhost\r\n\r\n"
        "POST /2 HTTP/1.1\r\nHost: north.localhost\r\nContent-Length: 5\r\n\r\nhello"
        "GET /3 HTTP/1.1\r\nHost: portal.localhost\r\n\r\n"
    )
    answers = [wire.answer().json for _ in range(3)]
    assert [(a["name"], a["path"], a["length"]) for a in answers] == [
        ("portal", "/1", 0),
        ("dealers", "/2", 5),
        ("portal", "/3", 0),
    ]


SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: portal.localhost\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        "Host: north.localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked",
        "Host: north.localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 4",
        "Host: north.localhost\r\nContent-Length: 4\r\nContent-Length: 5",
        "Host: north.localhost\r\nContent-Length: 4, 5",
        "Host: north.localhost\r\nContent-Length: +4",
        "Host: north.localhost\r\nContent-Length: -1",
        "Host: north.localhost\r\nContent-Length: 0x4",
        "Host: north.localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Host: north.localhost\r\nTransfer-Encoding: xchunked",
        "Host: north.localhost\r\nTransfer-Encoding: chunked, gzip",
        "Host: north.localhost\r\nTransfer-Encoding : chunked",
        "Host: north.localhost\r\nContent-Length : 4",
        "Host: north.localhost\r\nHost: portal.localhost",
        "Host: north.localhost\r\nhost: north.localhost",
        "Host: north.localhost, portal.localhost",
        "Host: north.localhost/portal",
        "Host: portal.localhost@north.localhost",
        "Content-Length: 0",
        "Host: north.localhost\r\nX: a\rTransfer-Encoding: chunked",
        "Host: north.localhost\r\nX: a\0b",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused_and_the_connection_closed(door: Door, head: str) -> None:
    wire = door.wire().send(f"POST / HTTP/1.1\r\n{head}\r\n\r\n0\r\n\r\n{SMUGGLED}")
    assert wire.answer().status in (400, 501)
    assert wire.at_end()
    assert not door.door.portal.answers
    assert not door.door.dealers.idle


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET http://portal.localhost/ HTTP/1.1", 400),
        ("GET portal HTTP/1.1", 400),
        ("GET /a b HTTP/1.1", 400),
        ("CONNECT portal.localhost:80 HTTP/1.1", 405),
        ("TRACE / HTTP/1.1", 405),
        ("GET / HTTP/2.0", 505),
    ],
)
def test_unusual_request_lines_are_refused(door: Door, line: str, status: int) -> None:
    wire = door.wire().send(f"{line}\r\nHost: north.localhost\r\n\r\n")
    assert wire.answer().status == status
    assert wire.at_end()


def test_chunked_in_a_request_of_http_1_0_is_refused(door: Door) -> None:
    wire = door.wire().send(
        f"POST / HTTP/1.0\r\nHost: north.localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}"
    )
    assert wire.answer().status == 400
    assert wire.at_end()


def test_a_body_that_breaks_the_chunk_rules_is_refused(door: Door) -> None:
    wire = door.wire().send("POST / HTTP/1.1\r\nHost: north.localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
    wire.send("5\r\nhello\r\nzz\r\n")
    assert wire.answer().status == 400
    assert wire.at_end()
    assert door.get("north.localhost").json["length"] == 0  # the tier's next request is a clean one


def test_forwarding_headers_are_ours(door: Door) -> None:
    spoofed = (
        "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nX_Forwarded_For: 6.6.6.6\r\n"
        "Forwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX-Request-ID: mine\r\nX-Dealernet-Management: 1\r\n"
        "Connection: keep-alive, X-Secret\r\nX-Secret: a\r\nTE: trailers\r\nUpgrade: h2c\r\nX-Kept: yes\r\n"
    )
    answer = door.get("north.localhost", "/", spoofed)
    seen = answer.json["headers"]
    request_id = seen.pop("HTTP_X_REQUEST_ID")
    assert seen == {
        "HTTP_HOST": "north.localhost",
        "HTTP_X_FORWARDED_FOR": "127.0.0.1",
        "HTTP_X_FORWARDED_PROTO": "http",
        "HTTP_X_KEPT": "yes",
    }
    assert len(request_id) == 32
    assert answer.headers["x-request-id"] == request_id
    assert door.get("north.localhost", "/readyz", "X-Dealernet-Management: 1\r\n").status == 403


@pytest.fixture
def behind_proxies(tiers: dict[str, Path]) -> Iterator[Door]:
    """A front door that believes the proxies 127.0.0.9, ::1 and those of 10.0.0.0/8."""
    opened = Door(tiers["portal"], tiers["dealers"], Times(stop=1.0), trusted="127.0.0.9, ::1,10.0.0.0/8")
    yield opened
    opened.close()


def said_of(answer: Answer) -> tuple[str, str]:
    """The client's address and scheme, as the tier reads them."""
    seen = answer.json["headers"]
    assert not {"HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT"} & set(seen)
    return seen["HTTP_X_FORWARDED_FOR"], seen["HTTP_X_FORWARDED_PROTO"]


CLAIMS = (
    "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Port: 1\r\n"
    "X_Forwarded_For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Dealernet-Management: 1\r\n"
)


def test_a_trusted_proxy_is_believed_and_nobody_else_is(behind_proxies: Door) -> None:
    door = behind_proxies
    assert said_of(door.get("north.localhost", "/", CLAIMS, by="127.0.0.9")) == ("203.0.113.7", "https")
    assert said_of(door.get("north.localhost", "/", CLAIMS, by="127.0.0.8")) == ("127.0.0.8", "http")
    assert said_of(door.get("portal.localhost", "/", "", by="127.0.0.9")) == ("127.0.0.9", "http")
    assert door.get("north.localhost", "/readyz", CLAIMS, by="127.0.0.9").status == 403
    assert [line.split()[0] for line in door.log[:3]] == ["203.0.113.7", "127.0.0.8", "127.0.0.9"]


def test_one_connection_of_a_proxy_carries_several_clients(behind_proxies: Door) -> None:
    wire = behind_proxies.wire(by="127.0.0.9")
    heads = ("X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https", "X-Forwarded-For: 203.0.113.8", "X-A: b")
    seen = []
    for head in heads:
        seen.append(said_of(wire.send(f"GET / HTTP/1.1\r\nHost: north.localhost\r\n{head}\r\n\r\n").answer()))
    assert seen == [("203.0.113.7", "https"), ("203.0.113.8", "http"), ("127.0.0.9", "http")]


def test_a_chain_of_proxies_counts_from_the_right_over_several_headers(behind_proxies: Door) -> None:
    claims = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 203.0.113.7, 10.1.2.3\r\nX-Forwarded-Proto: https, https\r\n"
    assert said_of(behind_proxies.get("north.localhost", "/", claims, by="127.0.0.9")) == ("203.0.113.7", "https")


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_ipv6_is_listened_on_and_believed_from_a_trusted_proxy(behind_proxies: Door, door: Door) -> None:
    claims = "X-Forwarded-For: 2001:DB8::7\r\nX-Forwarded-Proto: https\r\n"
    assert said_of(behind_proxies.get("north.localhost", "/", claims, to="::1")) == ("2001:db8::7", "https")
    assert said_of(door.get("north.localhost", "/", claims, to="::1")) == ("::1", "http")
    assert door.get("anything", "/healthz", management=True, to="::1").status == 200


def test_large_bodies_stream_both_ways(door: Door) -> None:
    wire = door.wire().send("POST /up HTTP/1.1\r\nHost: north.localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
    piece = os.urandom(50_000)
    for _ in range(60):
        wire.send(b"c350\r\n" + piece + b"\r\n")
    assert wire.send("0\r\nTrailer: dropped\r\n\r\n").answer().json["length"] == 3_000_000
    wire.send("POST /up HTTP/1.1\r\nHost: north.localhost\r\nContent-Length: 3000000\r\n\r\n").send(piece * 60)
    assert wire.answer().json["length"] == 3_000_000
    answer = wire.send("GET /stream HTTP/1.1\r\nHost: north.localhost\r\n\r\n").answer()
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.body == b"".join(bytes([65 + n % 26]) * 10000 for n in range(300))


def test_head_empty_and_http_1_0_answers(door: Door) -> None:
    wire = door.wire()
    answer = wire.send("HEAD / HTTP/1.1\r\nHost: north.localhost\r\n\r\n").answer(head=True)
    assert int(answer.headers["content-length"]) > 0
    assert wire.send("GET /empty HTTP/1.1\r\nHost: north.localhost\r\n\r\n").answer().status == 204
    assert wire.send("GET / HTTP/1.1\r\nHost: north.localhost\r\n\r\n").answer().status == 200
    old = door.wire().send("GET /stream HTTP/1.0\r\nHost: north.localhost\r\n\r\n")
    text = old.file.read()  # without chunks, to the end of the connection
    assert text.startswith(b"HTTP/1.1 200")
    assert len(text.partition(b"\r\n\r\n")[2]) == 3_000_000


def test_expect_100_continue_is_answered(door: Door) -> None:
    wire = door.wire().send(
        "POST / HTTP/1.1\r\nHost: north.localhost\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    )
    assert wire.answer().status == 100
    assert wire.send("abc").answer().json["length"] == 3


def test_a_tier_may_answer_before_the_body_is_there(door: Door) -> None:
    wire = door.wire().send("POST /early HTTP/1.1\r\nHost: north.localhost\r\nContent-Length: 900000\r\n\r\n")
    wire.send(b"x" * 100_000)
    answer = wire.answer()
    assert (answer.status, answer.body) == (413, b"too large")
    assert answer.headers["connection"] == "close"
    assert wire.at_end()


def test_headers_have_a_limit(door: Door) -> None:
    assert door.get("north.localhost", "/", f"X-Long: {'a' * 20000}\r\n").status == 200
    wire = door.wire().send(f"GET / HTTP/1.1\r\nHost: north.localhost\r\nX-Long: {'a' * 40000}\r\n\r\n")
    assert wire.answer().status == 431
    many = "".join(f"X-{n}: a\r\n" for n in range(101))
    assert door.get("north.localhost", "/", many).status == 431


def test_slow_headers_and_idle_connections_are_given_up(door_to) -> None:
    door = door_to(lambda connection, data: None, Times(idle=0.2, header=0.3, stop=0.2))
    assert door.wire().at_end()  # idle: closed without a word
    slow = door.wire().send("GET / HTTP/1.1\r\nHos")
    assert slow.answer().status == 408


def test_a_tier_that_does_not_run_gets_a_clear_503(tiers: dict[str, Path]) -> None:
    door = Door(None, tiers["dealers"].with_name("nothing-here"), Times(stop=0.1))
    try:
        page = door.get("portal.localhost")
        assert (page.status, page.headers["retry-after"]) == (503, "5")
        assert page.headers["content-type"] == "text/plain; charset=utf-8"
        assert page.body == b"The portal is not running at the moment. Please try again soon.\n"
        chinese = door.get("north.localhost", "/", "Accept-Language: zh-CN,zh\r\n")
        assert chinese.body.decode() == "经销商系统暂未运行,请稍后再试。\n"
        assert "經銷商系統" in door.get("north.localhost", "/", "Accept-Language: zh-TW\r\n").body.decode()
        for path, extra in (("/api/v1/leads", ""), ("/", "Accept: application/json\r\n")):
            problem = door.get("north.localhost", path, extra)
            assert problem.headers["content-type"] == "application/problem+json"
            assert problem.json["status"] == 503
            assert problem.json["type"] == "/api/problems/unavailable"
        body = door.wire().send(
            "POST / HTTP/1.1\r\nHost: portal.localhost\r\nContent-Length: 100000\r\n\r\n" + "x" * 100000
        )
        assert body.answer().status == 503
    finally:
        door.close()


def test_a_tier_that_breaks_off_gives_502_and_a_post_is_not_repeated(door_to) -> None:
    received = []

    def tier(connection: socket.socket, data: bytes) -> None:
        received.append(data)

    door = door_to(tier)
    wire = door.wire().send("POST / HTTP/1.1\r\nHost: north.localhost\r\nContent-Length: 2\r\n\r\nhi")
    answer = wire.answer()
    assert answer.status == 502
    assert b"Check whether your change was kept" in answer.body
    assert len(received) == 1


def test_an_answer_that_breaks_off_does_not_look_complete(door_to) -> None:
    def tier(connection: socket.socket, data: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")

    wire = door_to(tier).wire().send("GET / HTTP/1.1\r\nHost: north.localhost\r\n\r\n")
    with pytest.raises((ConnectionError, AssertionError)):
        assert len(wire.answer().body) == 100


def test_a_get_on_a_connection_that_the_tier_closed_meanwhile_is_asked_again(door_to) -> None:
    received = []

    def tier(connection: socket.socket, data: bytes) -> None:
        received.append(data)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        if len(received) == 1:
            received.append(connection.recv(65536))  # the second request: closed without an answer

    door = door_to(tier)
    wire = door.wire()
    request = "GET / HTTP/1.1\r\nHost: north.localhost\r\n\r\n"
    assert wire.send(request).answer().body == b"ok"
    assert wire.send(request).answer().body == b"ok"
    assert len(received) == 3


def test_a_tier_that_is_too_slow_gives_504(door_to) -> None:
    def tier(connection: socket.socket, data: bytes) -> None:
        connection.settimeout(2)
        connection.recv(1)

    door = door_to(tier, Times(answer=0.2, stop=0.2))
    assert door.get("north.localhost").status == 504


def test_management_port_whatever_the_host(door: Door) -> None:
    assert door.get("nobody.example", "/healthz", management=True).body == b"ok\n"
    ready = door.get("nobody.example", "/readyz", management=True)
    assert ready.status == 200
    assert ready.json["tiers"]["dealers"] == {"ready": True, "status": 200, "details": {"database": "ok"}}
    door.get("north.localhost")
    metrics = door.get("nobody.example", "/metrics", management=True).body.decode()
    assert 'frontdoor_requests_total{tier="dealers",answer="2xx"} 1' in metrics
    assert metrics.count("# TYPE hits counter") == 1
    assert 'hits{tier="portal",page="a"} 3' in metrics
    assert 'hits{tier="dealers"} 4' in metrics
    assert door.get("x", "/", management=True).status == 404
    assert door.get("portal.localhost", "/healthz").json["path"] == "/healthz"  # the tier's own, not ours


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("/ask?domain=www.north.example", 200),
        ("/ask?x=1&domain=www.north.example", 200),
        ("/ask?domain=www.other.example", 404),
        ("/ask?domain=", 404),
        ("/ask", 404),
        ("/ask?domain=www.north.example%0d%0aX:1", 404),
        ("/ask?domain=www.north.example%26y", 404),
        ("/ask?domain=" + "a" * 300, 404),
    ],
)
def test_a_proxy_may_ask_whether_a_host_is_ours_on_the_management_port_only(door: Door, asked, status) -> None:
    assert door.get("whatever.example", asked, management=True).status == status
    assert door.get("north.localhost", asked).status == 404, "the tier itself does not answer clients"


def test_nothing_is_ours_where_no_tier_runs() -> None:
    door = Door(None, None, Times(stop=0.1))
    try:
        assert door.get("x", "/ask?domain=www.north.example", management=True).status == 404
    finally:
        door.close()


def test_readiness_without_the_portal(tiers: dict[str, Path]) -> None:
    door = Door(None, tiers["dealers"], Times(stop=0.1))
    try:
        ready = door.get("x", "/readyz", management=True)
        assert (ready.status, ready.json["tiers"]["portal"]) == (200, "not started")
    finally:
        door.close()


def test_a_started_tier_that_is_down_is_not_ready(tiers: dict[str, Path]) -> None:
    door = Door(tiers["portal"].with_name("nothing-here"), tiers["dealers"], Times(stop=0.1))
    try:
        ready = door.get("x", "/readyz", management=True)
        assert (ready.status, ready.json["ready"]) == (503, False)
    finally:
        door.close()


def test_the_log_names_no_query(door: Door) -> None:
    door.get("north.localhost", "/customers?phone=13800138000")
    assert processes.wait_until(lambda: any("GET /customers 200" in line for line in door.log), 5)
    assert not any("13800138000" in line for line in door.log)


def test_merging_expositions_keeps_each_family_together() -> None:
    text = '# HELP a A.\n# TYPE a counter\na 1\n# TYPE b gauge\nb{x="1"} 2\n'
    assert merge({"portal": text, "dealers": text}) == [
        "# HELP a A.",
        "# TYPE a counter",
        'a{tier="portal"} 1',
        'a{tier="dealers"} 1',
        "# TYPE b gauge",
        'b{tier="portal",x="1"} 2',
        'b{tier="dealers",x="1"} 2',
    ]
