"""The front door: one port for all host names, in front of the two tiers' web processes.

``portal.<base>`` goes to the portal's Unix socket, every other host to the dealers'. Each request is parsed and written
anew with h11, so what the tiers read is what was checked here. A second port serves health, readiness and metrics
whatever the Host header says.

    python -m dealernet.frontdoor --port 8000 --base localhost --portal SOCKET --dealers SOCKET

What a client says about itself in ``X-Forwarded-…`` is removed, unless it is a trusted proxy (dealernet.proxies).
"""

import argparse
import asyncio
import contextlib
import json
import re
import resource
import signal
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import h11

from dealernet import proxies

HEADER_BYTES = 32 * 1024
HEADER_COUNT = 100
CHUNK = 64 * 1024
BUSY_LIMIT = 256  # requests at once in one tier; more wait
CLIENT_LIMIT = 2000  # open client connections
LOOPBACK = ("127.0.0.1", "::1")  # browsers try ::1 first for *.localhost

# Headers that concern one connection only (RFC 9110, 7.6.1), or that the tiers must be able to trust.
HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer transfer-encoding "
    b"upgrade expect".split()
)
OURS = (b"x-forwarded-", b"x-dealernet-")
OURS_EXACT = frozenset({b"forwarded", b"x-real-ip", b"x-request-id"})

MANAGEMENT_HEADER = (b"x-dealernet-management", b"1")
"""Set on requests of the management port only, and removed from everything that comes in from outside."""

_HOST = re.compile(rb"[A-Za-z0-9._\-]*(:[0-9]{0,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{0,5})?")
_NAME = re.compile(r"[A-Za-z0-9.\-]{1,253}")
_SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(.*)\})?( .*)")

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds after which the other side is given up."""

    idle: float = 75.0  # between two requests of a client
    header: float = 20.0  # from the first byte of a request to the end of its headers
    body: float = 60.0  # between two pieces of a body, either way
    answer: float = 120.0  # from a tier getting a request to the first byte of its answer
    queue: float = 10.0  # for a place in a busy tier
    pooled: float = 20.0  # an unused connection to a tier (gunicorn_conf.keepalive is longer)
    stop: float = 8.0  # for running requests when we are asked to stop


class RefusedError(Exception):
    """We answer the request ourselves."""

    def __init__(self, status: int, code: str, text: str, *, retry_after: int | None = None) -> None:
        super().__init__(text)
        self.status, self.code, self.text, self.retry_after = status, code, text, retry_after


class BrokenOffError(Exception):
    """The client or the tier ended the connection."""


_NAMES = {
    "portal": ("The portal", "厂家门户", "廠家入口"),
    "dealers": ("The dealers' side", "经销商系统", "經銷商系統"),
}
_SAID = {
    "not_running": (
        "{0} is not running at the moment. Please try again soon.",
        "{1}暂未运行,请稍后再试。",
        "{2}暫未執行,請稍後再試。",
    ),
    "busy": ("{0} is busy. Please try again in a moment.", "{1}繁忙,请稍后再试。", "{2}忙碌中,請稍後再試。"),
    "broke_off": (
        "{0} broke off while it answered. Check whether your change was kept before you repeat it.",
        "{1}在应答时中断。重试前请先确认更改是否已保存。",
        "{2}在回應時中斷。重試前請先確認變更是否已儲存。",
    ),
    "too_slow": (
        "{0} took too long. Check whether your change was kept before you repeat it.",
        "{1}响应超时。重试前请先确认更改是否已保存。",
        "{2}回應逾時。重試前請先確認變更是否已儲存。",
    ),
}


def _say(what: str, tier: str, request: h11.Request | None) -> str:
    """A sentence in the asker's language (front door texts are few; Django's catalogues are not at hand here)."""
    wanted = _header(request, b"accept-language").lower().split(b",")[0] if request is not None else b""
    english, simplified, traditional = (said.format(*_NAMES[tier]) for said in _SAID[what])
    if not wanted.startswith(b"zh"):
        return english
    return traditional if any(mark in wanted for mark in (b"hant", b"tw", b"hk", b"mo")) else simplified


def _header(request: h11.Request, name: bytes) -> bytes:
    return next(iter(_headers(request, name)), b"")


def _headers(request: h11.Request, name: bytes) -> list[bytes]:
    return [value for key, value in request.headers if key == name]


def has_ipv6() -> bool:
    """Whether this machine can listen on ``::1``."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


class Upstream:
    """One connection to a tier."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.conn = h11.Connection(h11.CLIENT, max_incomplete_event_size=2 * HEADER_BYTES)
        self.fresh = True
        self.since = time.monotonic()

    def close(self) -> None:
        self.writer.close()


@dataclass(eq=False)
class Tier:
    """One of the two tiers: its socket (None: not started here), its idle connections and its figures."""

    name: str
    socket: str | None
    times: Times
    idle: deque[Upstream] = field(default_factory=deque)
    answers: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    running: int = 0
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(BUSY_LIMIT))

    async def connect(self, request: h11.Request | None = None, *, fresh: bool = False) -> Upstream:
        """A connection that is ready for a request. Raises RefusedError (503) when the tier does not run."""
        now = time.monotonic()
        while self.idle:
            upstream = self.idle.pop()
            alive = not upstream.reader.at_eof() and not upstream.writer.is_closing()
            if alive and not fresh and now - upstream.since < self.times.pooled:
                return upstream
            upstream.close()
        try:
            if self.socket is None:
                raise FileNotFoundError
            reader, writer = await asyncio.open_unix_connection(self.socket, limit=CHUNK)
        except OSError:
            raise RefusedError(503, "unavailable", _say("not_running", self.name, request), retry_after=5) from None
        return Upstream(reader, writer)

    def give_back(self, upstream: Upstream) -> None:
        """Keep the connection for the next request if HTTP allows that, else close it."""
        conn = upstream.conn
        if conn.our_state is h11.DONE and conn.their_state is h11.DONE and not upstream.reader.at_eof():
            conn.start_next_cycle()
            upstream.fresh, upstream.since = False, time.monotonic()
            self.idle.append(upstream)
        else:
            upstream.close()

    async def fetch(self, path: str, host: str, seconds: float = 5.0) -> tuple[int, bytes]:
        """GET from this tier with the management header. Status 503 when it cannot be asked."""
        try:
            async with asyncio.timeout(seconds):
                upstream = await self.connect(fresh=True)
                try:
                    headers: Headers = [(b"host", host.encode()), (b"connection", b"close"), MANAGEMENT_HEADER]
                    upstream.writer.write(upstream.conn.send(h11.Request(method="GET", target=path, headers=headers)))
                    upstream.writer.write(upstream.conn.send(h11.EndOfMessage()))
                    status, body = 0, bytearray()
                    while True:
                        event = upstream.conn.next_event()
                        if event is h11.NEED_DATA:
                            upstream.conn.receive_data(await upstream.reader.read(CHUNK))
                        elif isinstance(event, h11.Response):
                            status = event.status_code
                        elif isinstance(event, h11.Data):
                            body += event.data
                        elif not isinstance(event, h11.InformationalResponse):
                            return status or 503, bytes(body)
                finally:
                    upstream.close()
        except RefusedError as refused:
            return 503, refused.text.encode()
        except (TimeoutError, OSError, h11.ProtocolError) as error:
            return 503, f"{type(error).__name__}: {error}".encode()


class Client:
    """One connection from outside and the request that it is working on."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, times: Times) -> None:
        self.reader, self.writer, self.times = reader, writer, times
        self.conn = h11.Connection(h11.SERVER, max_incomplete_event_size=HEADER_BYTES)
        peer = writer.get_extra_info("peername")
        self.peer = str(peer[0]) if peer else "unknown"
        self.origin = proxies.Origin(self.peer)
        self.request: h11.Request | None = None
        self.request_id = ""
        self.status = 0

    async def next_request(self) -> h11.Request | None:
        """The next request, or None when the client is done. Raises RefusedError for what cannot be parsed."""
        deadline: float | None = None
        loop = asyncio.get_running_loop()
        while True:
            try:
                event = self.conn.next_event()
            except h11.RemoteProtocolError as error:
                raise RefusedError(
                    error.error_status_hint, "bad_request", f"The request cannot be read: {error}."
                ) from None
            if isinstance(event, h11.Request):
                return event
            if event is not h11.NEED_DATA:
                return None
            begun = bool(self.conn.trailing_data[0])
            if begun and deadline is None:
                deadline = loop.time() + self.times.header
            try:
                async with asyncio.timeout_at(deadline or loop.time() + self.times.idle):
                    data = await self.reader.read(CHUNK)
            except TimeoutError:
                if not begun:
                    return None
                raise RefusedError(408, "bad_request", "The request's headers took too long.") from None
            if not data and not begun:
                return None
            self.conn.receive_data(data)

    def next_of_body(self) -> Any:
        """The next h11 event of the request's body. Raises RefusedError for what cannot be parsed."""
        try:
            return self.conn.next_event()
        except h11.RemoteProtocolError as error:
            raise RefusedError(400, "bad_request", f"The request's body cannot be read: {error}.") from None

    async def read(self) -> None:
        """Read more of a request's body."""
        if self.conn.they_are_waiting_for_100_continue:
            self.writer.write(self.conn.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
        try:
            async with asyncio.timeout(self.times.body):
                data = await self.reader.read(CHUNK)
        except TimeoutError:
            raise RefusedError(408, "bad_request", "The request's body took too long.") from None
        if not data:
            raise BrokenOffError
        self.conn.receive_data(data)

    async def write(self, data: bytes | bytearray) -> None:
        self.writer.write(data)
        if self.writer.transport.get_write_buffer_size() > CHUNK:
            async with asyncio.timeout(self.times.body):
                await self.writer.drain()

    async def answer(self, status: int, body: bytes, headers: Headers) -> None:
        """Send a whole answer of our own. Nothing is sent when an answer has begun already."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            raise BrokenOffError
        self.status = status
        headers = [*headers, (b"content-length", str(len(body)).encode())]
        if self.request_id:
            headers.append((b"x-request-id", self.request_id.encode()))
        head = bool(self.request is not None and self.request.method == b"HEAD")
        data = self.conn.send(h11.Response(status_code=status, headers=headers)) or b""
        if not head:
            data += self.conn.send(h11.Data(data=body)) or b""
        await self.write(data + (self.conn.send(h11.EndOfMessage()) or b""))

    async def refuse(self, refused: RefusedError) -> None:
        """Answer with a plain text, or with problem details when the client wants JSON."""
        request = self.request
        headers: Headers = [(b"cache-control", b"no-store"), (b"connection", b"close")]
        if refused.retry_after is not None:
            headers.append((b"retry-after", str(refused.retry_after).encode()))
        if request is not None and (request.target.startswith(b"/api/") or b"json" in _header(request, b"accept")):
            body = json.dumps(
                {
                    "type": f"/api/problems/{refused.code}",
                    "title": refused.text,
                    "status": refused.status,
                    "code": refused.code,
                },
                ensure_ascii=False,
            ).encode()
            headers.append((b"content-type", b"application/problem+json"))
        else:
            body = (refused.text + "\n").encode()
            headers += [(b"content-type", b"text/plain; charset=utf-8"), (b"x-content-type-options", b"nosniff")]
        await self.answer(refused.status, body, headers)

    async def close(self) -> None:
        """Close so that the client still reads our answer: data it goes on sending would otherwise reset it."""
        with contextlib.suppress(OSError, TimeoutError):
            if self.conn.their_state is not h11.DONE and self.writer.can_write_eof() and self.status:
                self.writer.write_eof()
                async with asyncio.timeout(2.0):
                    for _ in range(64):
                        if not await self.reader.read(CHUNK):
                            break
        self.writer.close()


def check(request: h11.Request) -> bytes:
    """The lower-case host name without port. Raises RefusedError for what two parsers could read in two ways."""
    names = [name for name, _ in request.headers]
    if request.http_version not in (b"1.0", b"1.1"):
        raise RefusedError(505, "bad_request", "HTTP/1.1 is spoken here.")
    if len(names) > HEADER_COUNT:
        raise RefusedError(431, "bad_request", "The request has too many headers.")
    if names.count(b"host") > 1:
        raise RefusedError(400, "bad_request", "The request names more than one Host.")
    if b"transfer-encoding" in names and (b"content-length" in names or request.http_version != b"1.1"):
        raise RefusedError(400, "bad_request", "The request says its length in two ways.")
    if request.method in (b"CONNECT", b"TRACE"):
        raise RefusedError(405, "method_not_allowed", "This method is not possible here.")
    if not request.target.startswith(b"/") and (request.method, request.target) != (b"OPTIONS", b"*"):
        raise RefusedError(400, "bad_request", "The address must begin with a slash.")
    host = _header(request, b"host")
    if not _HOST.fullmatch(host):
        raise RefusedError(400, "bad_request", "This host name cannot be read.")
    return host.lower().partition(b":")[0].rstrip(b".")


def forwarded(headers: Iterable[tuple[bytes, bytes]], connection: bytes, *, trusted: bool) -> Headers:
    """The headers that go on to the other side. ``trusted`` is False for those of a client."""
    named = {word.strip().lower() for word in connection.split(b",")}
    kept: Headers = []
    for name, value in headers:
        if name in HOP_BY_HOP or name in named:
            continue
        # WSGI cannot tell X_Forwarded_For from X-Forwarded-For.
        if not trusted and (name.startswith(OURS) or name in OURS_EXACT or b"_" in name):
            continue
        kept.append((name, value))
    return kept


class FrontDoor:
    """Routes requests to the tiers and answers for those that do not run."""

    def __init__(
        self,
        *,
        base: str,
        portal: str | None,
        dealers: str | None,
        times: Times | None = None,
        log: Callable[[str], None] | None = None,
        trusted: Sequence[proxies.Network] = (),
    ) -> None:
        self.times = times or Times()
        self.trusted = trusted
        self.portal = Tier("portal", portal, self.times)
        self.dealers = Tier("dealers", dealers, self.times)
        self.base = base
        self._portal_host = f"portal.{base}".lower().encode()
        self._log = log
        self._clients: set[asyncio.Task[None]] = set()
        self._busy = 0
        self._stopping = False
        self._servers: list[asyncio.Server] = []

    # -- life ------------------------------------------------------------------------------------------------

    async def listen(self, port: int, management_port: int, hosts: Sequence[str] = LOOPBACK) -> None:
        """Open both ports, the management port on this machine alone. Raises OSError when one is taken.

        A machine without IPv6 has no ``::1``; there the other address does.
        """
        lacking = () if has_ipv6() else ("::1",)
        for number, dispatch, addresses in (
            (port, self._pass_on, hosts),
            (management_port, self._manage, LOOPBACK),
        ):
            for host in addresses:
                if host in lacking:
                    continue
                self._servers.append(
                    await asyncio.start_server(
                        self._handler(dispatch), host, number, backlog=1024, limit=CHUNK, reuse_address=True
                    )
                )

    async def stop(self) -> None:
        """Take no more connections, let running requests end for a while, then close everything."""
        self._stopping = True
        for server in self._servers:
            server.close()
        end = time.monotonic() + self.times.stop
        while self._busy and time.monotonic() < end:
            await asyncio.sleep(0.02)
        for task in list(self._clients):
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        for tier in (self.portal, self.dealers):
            while tier.idle:
                tier.idle.pop().close()

    def _handler(
        self, dispatch: Callable[[Client, h11.Request], Awaitable[None]]
    ) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._clients.add(task)
            client = Client(reader, writer, self.times)
            try:
                if len(self._clients) > CLIENT_LIMIT:
                    return
                await self._serve(client, dispatch)
                await client.close()
            except (BrokenOffError, OSError, TimeoutError, h11.ProtocolError, asyncio.CancelledError):
                # Cancelled only when we stop. An answer that broke off must not look complete.
                writer.transport.abort()
            finally:
                writer.close()
                self._clients.discard(task)

        return handle

    async def _serve(self, client: Client, dispatch: Callable[[Client, h11.Request], Awaitable[None]]) -> None:
        while not self._stopping:
            client.request, client.request_id, client.status = None, "", 0
            busy = False
            try:
                request = await client.next_request()
                if request is None:
                    return
                client.request, client.request_id = request, uuid4().hex
                self._busy += 1
                busy = True
                await dispatch(client, request)
            except RefusedError as refused:
                await client.refuse(refused)
            finally:
                self._busy -= busy
            if client.conn.our_state is not h11.DONE or client.conn.their_state is not h11.DONE:
                return
            client.conn.start_next_cycle()

    # -- passing on ------------------------------------------------------------------------------------------

    async def _pass_on(self, client: Client, request: h11.Request) -> None:
        began = time.monotonic()
        host = b"-"
        tier: Tier | None = None
        client.origin = proxies.origin_of(
            client.peer, _headers(request, b"x-forwarded-for"), _headers(request, b"x-forwarded-proto"), self.trusted
        )
        try:
            host = check(request)
            tier = self.portal if host == self._portal_host else self.dealers
            try:
                async with asyncio.timeout(self.times.queue):
                    await tier.places.acquire()
            except TimeoutError:
                raise RefusedError(503, "unavailable", _say("busy", tier.name, request), retry_after=2) from None
            tier.running += 1
            try:
                await self._exchange(client, request, tier)
            finally:
                tier.running -= 1
                tier.places.release()
        except RefusedError as refused:
            client.status = refused.status
            raise
        finally:
            took = time.monotonic() - began
            if tier is not None:
                tier.answers[f"{client.status // 100}xx" if client.status else "broken"] += 1
                tier.seconds += took
            if self._log is not None:
                path = request.target.partition(b"?")[0].decode("ascii", "replace")  # queries may name people
                self._log(
                    f"{client.origin.address} {host.decode('ascii', 'replace')} "
                    f"{request.method.decode('ascii')} {path} {client.status} {took * 1000:.0f}ms {client.request_id}"
                )

    async def _exchange(self, client: Client, request: h11.Request, tier: Tier) -> None:
        headers = forwarded(request.headers, _header(request, b"connection"), trusted=False)
        if _header(request, b"transfer-encoding"):
            headers.append((b"transfer-encoding", b"chunked"))
        headers += [
            (b"x-forwarded-for", client.origin.address.encode()),
            (b"x-forwarded-proto", b"https" if client.origin.secure else b"http"),
            (b"x-request-id", client.request_id.encode()),
        ]
        head = h11.Request(method=request.method, target=request.target, headers=headers)
        upstream = await tier.connect(request)
        while True:
            reused = not upstream.fresh
            try:
                body_began = await self._attempt(client, head, tier, upstream)
            except BaseException:
                upstream.close()
                raise
            if body_began is None:
                return
            # The tier closed the connection without a word. Where nothing can have happened twice, ask again.
            upstream.close()
            if reused and not body_began and request.method in (b"GET", b"HEAD", b"OPTIONS"):
                upstream = await tier.connect(request, fresh=True)
                continue
            raise RefusedError(502, "unavailable", _say("broke_off", tier.name, request), retry_after=5)

    async def _attempt(self, client: Client, head: h11.Request, tier: Tier, upstream: Upstream) -> bool | None:
        """Send the request and pass the answer on. None: done. Otherwise the tier said nothing at all, and the
        value says whether any body had been sent to it."""
        data = upstream.conn.send(head) or b""
        # Bodies that came along with the headers need no second task.
        sent_body = False
        while client.conn.their_state is h11.SEND_BODY:
            event = client.next_of_body()
            if event is h11.NEED_DATA:
                break
            if isinstance(event, h11.Data):
                data += upstream.conn.send(event) or b""
                sent_body = True
        whole = client.conn.their_state is h11.DONE
        if whole:
            data += upstream.conn.send(h11.EndOfMessage()) or b""
        upstream.writer.write(data)
        if whole:
            return None if await self._relay_answer(client, tier, upstream) else sent_body
        body = asyncio.create_task(self._relay_body(client, upstream))
        answer = asyncio.create_task(self._relay_answer(client, tier, upstream))
        try:
            await asyncio.wait({body, answer}, return_when=asyncio.FIRST_COMPLETED)
            if body.done() and not answer.done():
                body.result()  # a client that broke off, or broke the protocol, needs no answer from the tier
            return None if await answer else True
        finally:
            for task in (body, answer):
                task.cancel()
            await asyncio.gather(body, answer, return_exceptions=True)

    async def _relay_body(self, client: Client, upstream: Upstream) -> None:
        while True:
            event = client.next_of_body()
            if event is h11.NEED_DATA:
                await client.read()
                continue
            if isinstance(event, h11.Data):
                with contextlib.suppress(ConnectionError):  # the tier may answer early and close; its answer counts
                    upstream.writer.write(upstream.conn.send(event) or b"")
                    async with asyncio.timeout(self.times.body):
                        await upstream.writer.drain()
                continue
            upstream.writer.write(upstream.conn.send(h11.EndOfMessage()) or b"")
            return

    async def _relay_answer(self, client: Client, tier: Tier, upstream: Upstream) -> bool:
        """Pass the answer on. False when the tier closed the connection before it said anything."""
        out = bytearray()
        seconds = self.times.answer
        while True:
            try:
                event = upstream.conn.next_event()
            except h11.RemoteProtocolError:
                if client.status:
                    raise BrokenOffError from None  # amid the answer: the client has to see that
                if upstream.reader.at_eof() and not upstream.conn.trailing_data[0]:
                    return False
                raise RefusedError(502, "unavailable", _say("broke_off", tier.name, client.request)) from None
            if event is h11.NEED_DATA:
                if out:
                    await client.write(out)
                    out = bytearray()
                try:
                    async with asyncio.timeout(seconds):
                        data = await upstream.reader.read(CHUNK)
                except TimeoutError:
                    if client.status:
                        raise BrokenOffError from None
                    raise RefusedError(504, "unavailable", _say("too_slow", tier.name, client.request)) from None
                except ConnectionError:
                    data = b""
                upstream.conn.receive_data(data)
            elif isinstance(event, h11.Response):
                client.status, seconds = event.status_code, self.times.body
                headers = forwarded(
                    event.headers,
                    next((value for name, value in event.headers if name == b"connection"), b""),
                    trusted=True,
                )
                headers = [pair for pair in headers if pair[0] != b"x-request-id"]
                headers.append((b"x-request-id", client.request_id.encode()))
                if self._stopping or client.conn.their_state is h11.SEND_BODY:
                    headers.append((b"connection", b"close"))
                answer = h11.Response(status_code=event.status_code, headers=headers, reason=event.reason)
                out += client.conn.send(answer) or b""
            elif isinstance(event, h11.Data):
                out += client.conn.send(event) or b""
            elif isinstance(event, h11.EndOfMessage):
                out += client.conn.send(h11.EndOfMessage()) or b""
                await client.write(out)
                tier.give_back(upstream)
                return True
            elif not isinstance(event, h11.InformationalResponse):
                raise BrokenOffError

    # -- management ------------------------------------------------------------------------------------------

    async def _manage(self, client: Client, request: h11.Request) -> None:
        path = request.target.partition(b"?")[0]
        if request.method not in (b"GET", b"HEAD"):
            raise RefusedError(405, "method_not_allowed", "Only GET is possible here.")
        while client.conn.their_state is h11.SEND_BODY and client.conn.next_event() is not h11.NEED_DATA:
            continue
        if path == b"/healthz":
            await client.answer(200, b"ok\n", [(b"content-type", b"text/plain; charset=utf-8")])
        elif path == b"/readyz":
            ready, tiers = await self.readiness()
            body = json.dumps({"ready": ready, "tiers": tiers}, ensure_ascii=False).encode() + b"\n"
            await client.answer(200 if ready else 503, body, [(b"content-type", b"application/json")])
        elif path == b"/metrics":
            body = (await self.metrics()).encode()
            await client.answer(200, body, [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")])
        elif path == b"/ask":
            await client.answer(await self.is_ours(request.target), b"", [(b"cache-control", b"no-store")])
        else:
            raise RefusedError(404, "not_found", "Here are /healthz, /readyz, /metrics and /ask.")

    @property
    def started(self) -> list[Tier]:
        """The tiers that are meant to run."""
        return [tier for tier in (self.portal, self.dealers) if tier.socket is not None]

    async def is_ours(self, target: bytes) -> int:
        """The status that tells a proxy whether it should get a certificate for `?domain=`: 200, 404 or 503."""
        asked = parse_qs(target.partition(b"?")[2].decode("ascii", "replace")).get("domain", [""])[0]
        if not self.started or not _NAME.fullmatch(asked):
            return 404
        status, _body = await self.started[-1].fetch(f"/ask?domain={asked}", "localhost")
        return status

    async def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Whether every started tier says that it is ready, and what each of them says."""
        host = f"portal.{self.base}"
        answers = await asyncio.gather(*(tier.fetch("/readyz", host) for tier in self.started))
        said: dict[str, Any] = {"portal": "not started", "dealers": "not started"}
        for tier, (status, body) in zip(self.started, answers, strict=True):
            try:
                details = json.loads(body)
            except ValueError:
                details = body.decode("utf-8", "replace").strip()[:500]
            said[tier.name] = {"ready": status == 200, "status": status, "details": details}
        return all(status == 200 for status, _ in answers), said

    async def metrics(self) -> str:
        """Prometheus text: our own figures, and those of both tiers with the label ``tier``."""
        lines = [
            "# HELP frontdoor_connections Open client connections.",
            "# TYPE frontdoor_connections gauge",
            f"frontdoor_connections {len(self._clients)}",
            "# HELP frontdoor_running Requests in work.",
            "# TYPE frontdoor_running gauge",
            *(f'frontdoor_running{{tier="{tier.name}"}} {tier.running}' for tier in self.started),
            "# HELP frontdoor_requests_total Requests by class of answer.",
            "# TYPE frontdoor_requests_total counter",
            *(
                f'frontdoor_requests_total{{tier="{tier.name}",answer="{kind}"}} {number}'
                for tier in (self.portal, self.dealers)
                for kind, number in sorted(tier.answers.items())
            ),
            "# HELP frontdoor_seconds_total Seconds spent on requests.",
            "# TYPE frontdoor_seconds_total counter",
            *(f'frontdoor_seconds_total{{tier="{tier.name}"}} {tier.seconds:.6f}' for tier in self.started),
        ]
        answers = await asyncio.gather(*(tier.fetch("/metrics", f"portal.{self.base}") for tier in self.started))
        texts = {
            tier.name: body.decode("utf-8", "replace")
            for tier, (status, body) in zip(self.started, answers, strict=True)
            if status == 200
        }
        return "\n".join([*lines, *merge(texts)]) + "\n"


def merge(texts: dict[str, str]) -> list[str]:
    """Lines of several Prometheus expositions as one: each family once, each sample with the label ``tier``."""
    heads: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = {}
    for tier, text in texts.items():
        family, fresh = "", False
        for line in text.splitlines():
            if line.startswith("#"):
                words = line.split(maxsplit=3)
                if len(words) > 2 and words[1] in ("HELP", "TYPE"):
                    if words[2] != family:
                        family = words[2]
                        fresh = family not in heads
                        heads.setdefault(family, [])
                        samples.setdefault(family, [])
                    if fresh:
                        heads[family].append(line)
            elif found := _SAMPLE.fullmatch(line):
                name, _, labels, rest = found.groups()
                inner = ",".join(part for part in (f'tier="{tier}"', labels) if part)
                samples.setdefault(family or name, []).append(f"{name}{{{inner}}}{rest}")
    return [line for family in samples for line in (*heads.get(family, []), *samples[family])]


async def serve(door: FrontDoor, port: int, management_port: int, hosts: Sequence[str] = LOOPBACK) -> None:
    """Run until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, stop.set)
    await door.listen(port, management_port, hosts)
    await stop.wait()
    await door.stop()


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m dealernet.frontdoor", description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--management-port", type=int, help="port + 1 by default")
    parser.add_argument("--base", default="localhost", help="base domain")
    parser.add_argument("--portal", metavar="SOCKET", help="Unix socket of the portal's web processes")
    parser.add_argument("--dealers", metavar="SOCKET", help="Unix socket of the dealers' web processes")
    parser.add_argument("--listen", metavar="ADDRESS", action="append", help="this machine alone by default")
    parser.add_argument("--trusted-proxy", metavar="NETWORK", action="append", default=[])
    args = parser.parse_args(words)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536) if hard > 0 else 65536, hard))

    def log(line: str) -> None:
        sys.stdout.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {line}\n")

    door = FrontDoor(
        base=args.base,
        portal=args.portal,
        dealers=args.dealers,
        log=log,
        trusted=proxies.networks(args.trusted_proxy),
    )
    asyncio.run(serve(door, args.port, args.management_port or args.port + 1, args.listen or LOOPBACK))
    return 0


if __name__ == "__main__":
    sys.exit(main())
