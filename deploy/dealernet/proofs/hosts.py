"""Hosts: which member a request reaches follows from the Host header alone, read strictly; nothing else chooses.

A request for a host that is nobody's touches no member's schema: the login of every connection that is asked for a
cursor is noted. Some hundred spellings are tried at the application, and those that only a wire can carry (two Host
headers, an address with a host of its own) through the real front door.
"""

from __future__ import annotations

import asyncio
import random
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any
from unittest.mock import patch
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.test import Client

from dealernet.frontdoor import FrontDoor, Times
from dealernet.proofs import Result
from dealernet.proofs.network import World
from kernel.tenancy import directory
from kernel.tenancy.backend.base import DatabaseWrapper
from kernel.tenancy.bindings import Owner, bound

PATH = "/sign-in/"
#: Headers by which other programs are told a host or a tenant; none of them chooses here.
OTHER_HEADERS = (
    "X-Forwarded-Host",
    "X-Forwarded-Server",
    "Forwarded",
    "X-Host",
    "X-Original-Host",
    "X-Tenant",
    "X-Dealernet-Tenant",
    "X-Dealernet-Management",
    "Origin",
    "Referer",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-HTTP-Host-Override",
)


class Logins(set[str]):
    """The logins whose connections were used."""


@contextmanager
def noted() -> Iterator[Logins]:
    """Every login that is asked for a cursor, or turned to, in any thread while inside."""
    used = Logins()
    cursor, turn = DatabaseWrapper._cursor, DatabaseWrapper.turn_to

    def _cursor(self: DatabaseWrapper, name: str | None = None) -> Any:
        used.add(self._binding.login)
        return cursor(self, name)

    def turn_to(self: DatabaseWrapper, binding: Any) -> None:
        used.add(binding.login)
        turn(self, binding)

    with patch.object(DatabaseWrapper, "_cursor", _cursor), patch.object(DatabaseWrapper, "turn_to", turn_to):
        yield used


def check(result: Result, world: World, *, limit: int | None = None, seed: int = 0) -> None:
    """Try every spelling (or `limit` of them, chosen by the seed), every other header, and every cookie elsewhere."""
    known = {side.host: side.schema for side in world.sides.values()}
    spellings = sorted(set(spelled(world)), key=str)
    if limit is not None:
        spellings = random.Random(seed).sample(spellings, limit)  # noqa: S311 - picks probes, no secret
    for host in [*known, *spellings]:
        _at_the_application(result, known, host)
    _other_headers(result, known)
    _cookies(result, world)
    _copied_session(result, world)
    _front_door(result, known)


def expected(known: dict[str, str], host: str) -> str | None:
    """The schema that a Host header leads to: a known name in any case, perhaps with a port of up to five digits."""
    name, colon, port = host.partition(":")
    if colon and not (1 <= len(port) <= 5 and all(digit in "0123456789" for digit in port)):
        return None
    return known.get("".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in name))


def spelled(world: World) -> Iterator[str]:
    """Host headers that look like a member's, or like something else that could name one."""
    north = world.network.north
    names = [side.host for side in world.sides.values()]
    for name in names:
        first, _, base = name.partition(".")
        yield from (name.upper(), name.title(), name.swapcase(), name[:-1] + name[-1].upper())
        yield from (f"{name}:{port}" for port in ("80", "443", "8000", "1", "65535", "00080", "99999"))
        yield from (
            f"{name}:{port}" for port in ("", "0x50", "-1", "+80", "8 0", "80x", "123456", "８０", "८०", "80:80")
        )
        yield from (f"{name}{dots}" for dots in (".", "..", ".:80", "。", "．", "%2e"))
        yield from (
            f"{before}{name}"
            for before in (
                ".",
                "-",
                "_",
                "www.",
                "x.",
                "a.b.c.",
                "*.",
                "@",
                "//",
                "http://",
                "https://",
                "user@",
                "user:pw@",
                "\t",
                " ",
                "\x00",
                "\r\n",
                "%00",
                "[",
                "xn--",
                "./",
                "\\",
            )
        )
        yield from (
            f"{name}{after}"
            for after in (
                " ",
                "\t",
                "\x00",
                "\n",
                "\r\n",
                "\r\nHost: x",
                "/",
                "/x",
                "?x",
                "#x",
                "@evil.example",
                "\\",
                "%20",
                "%0a",
                ";",
                ",",
                "'",
                '"',
                "`",
                "--",
                "-",
                "_",
                "]",
                "|",
                "*",
                "$",
                ".evil.example",
                ".localhost",
                ".local",
                "host",
                ";x=1",
                "&x",
                "=",
                "+",
                "~",
                "\u200b",
                "\u202e",
                "\ufeff",
                "\xad",
                "％",
                "\u0000",
                "é",
            )
        )
        for other in names:
            if other != name:
                signs = (",", ", ", ";", " ", "@", "/", "#", "?", ":", ".", "\r\nHost: ")
                yield from (f"{name}{sign}{other}" for sign in signs)
        for letter, alike in (
            ("o", "о"),
            ("o", "0"),
            ("l", "ⅼ"),
            ("l", "1"),
            ("a", "а"),
            ("h", "һ"),
            ("o", "ο"),
            ("t", "ｔ"),
            ("s", "ѕ"),
            ("l", "І"),
            ("c", "с"),
            ("o", "ｏ"),
            ("r", "ｒ"),
            ("k", "K"),
            ("s", "ſ"),
        ):
            yield name.replace(letter, alike)
            yield name.replace(letter, alike, 1)
        yield from (
            f"{first}_{base}",
            f"{first}-{base}",
            f"{first}..{base}",
            f"{first} .{base}",
            f"{first}. {base}",
            first,
            base,
        )
        yield from (f"{'a' * 63}.{name}", f"{'a' * 64}.{name}", f"{'a.' * 130}{name}", name * 30, name[1:], name[:-1])
        yield from (
            f"{first}.{ending}"
            for ending in (
                "example",
                "com",
                "localhost.example",
                "local host",
                "xn--localhost-",
                "LOCALHOST.",
                "127.0.0.1",
                "[::1]",
            )
        )
        for at in range(1, len(name)):
            yield name[:at] + name[at + 1 :]
            yield f"{name[:at]}%{ord(name[at]):02x}{name[at + 1 :]}"
    schema = north.schema
    yield from (
        schema,
        f"{schema}.localhost",
        f"{schema[2:]}.localhost",
        "oem",
        "oem.localhost",
        "public",
        "public.localhost",
    )
    yield from (f"{north.id}.localhost", f"{north.id}", f"{str(north.id).replace('-', '')}.localhost", "d.localhost")
    yield from ("frontdesk.localhost", "owner.localhost", "courier.localhost", "template1.localhost", "admin.localhost")
    yield from (
        "127.0.0.1",
        "127.0.0.1:8000",
        "0.0.0.0",
        "[::1]",
        "[::1]:8000",
        "::1",
        "[::ffff:127.0.0.1]",
        "[fe80::1%25lo]",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "[::]",
        "[north.localhost]",
        "1.2.3.4.5",
        "[::1]x",
    )
    yield from (
        "",
        " ",
        ".",
        "..",
        "-",
        "_",
        ":",
        ":80",
        "@",
        "*",
        "null",
        "undefined",
        "None",
        "localhost",
        "LOCALHOST:80",
    )
    yield from (
        "' OR 1=1 --",
        "north.localhost' OR '1'='1",
        "north.localhost;SELECT 1",
        '"; DROP SCHEMA public',
        "$(id)",
        "${jndi:ldap://x}",
        "../../etc/passwd",
        "<script>",
        "{{7*7}}",
        "%(host)s",
        "north.localhost%00.evil",
    )
    yield from (f"made-up-{number}.localhost" for number in range(40))


def _at_the_application(result: Result, known: dict[str, str], host: str, **headers: str) -> None:
    directory.forget()
    wanted = expected(known, host)
    client = Client(raise_request_exception=False)
    result.count("hosts")
    with noted() as used:
        answer = client.get(PATH, headers={"host": host, **headers})
    _judge(result, f"host {host!r} {headers or ''}".strip(), wanted, answer.status_code, used)


def _judge(result: Result, what: str, wanted: str | None, status: int, used: Logins) -> None:
    members = used - {"frontdesk"}
    if members != ({wanted} if wanted else set()):
        result.violations.append(f"{what} reached {sorted(members) or 'nobody'}, not {wanted or 'nobody'}")
    if (status == 200) != (wanted is not None) or (wanted is None and status not in (400, 404)):
        result.violations.append(f"{what} was answered {status}")


def _other_headers(result: Result, known: dict[str, str]) -> None:
    """A header that names another member changes nothing, nor does one at a host that is nobody's."""
    for host in (*known, "nowhere.localhost"):
        for other in known:
            for header in OTHER_HEADERS:
                value = {"Forwarded": f"host={other}", "Origin": f"https://{other}", "Referer": f"https://{other}/"}
                _at_the_application(result, known, host, **{header: value.get(header, other)})


# -- cookies -----------------------------------------------------------------------------------------------------


def _cookies(result: Result, world: World) -> None:
    """Every sign-in of one host is nobody at every other host."""
    from kernel.accounts.models import User
    from kernel.accounts.testing import open_session

    for side in world.sides.values():
        with side.bound():
            keys = [open_session(person, tenant_id=side.id)[1] for person in User.objects.filter(is_active=True)]
        for key in keys:
            for host in world.sides.values():
                client = Client(headers={"host": host.host}, raise_request_exception=False)
                client.cookies["__Host-sid"] = key
                answer = client.get("/account/")
                result.count("cookies")
                if (answer.status_code == 200) != (host is side):
                    result.violations.append(f"a cookie of {side.slug} gets {answer.status_code} at {host.slug}")


def _copied_session(result: Result, world: World) -> None:
    """The row of a sign-in that ends up in another schema (a restore, a copy) signs nobody in there."""
    from kernel.accounts.models import Session, User
    from kernel.accounts.sessions import hash_of
    from kernel.accounts.testing import open_session

    for of, to in ((world.network.north, world.network.south), (world.network.portal, world.network.north)):
        with of.bound():
            manager = User.objects.filter(is_active=True).order_by("login")[0]
            key = open_session(manager, tenant_id=of.id)[1]
            row = Session.objects.get(key_hash=hash_of(key))
        with to.bound():
            there = User.objects.filter(is_active=True).order_by("login")[0]
            row.user_id = there.pk
            row.data = {**row.data, "_auth_user_id": str(there.pk)}
            row.save(force_insert=True)
        client = Client(headers={"host": to.host}, raise_request_exception=False)
        client.cookies["__Host-sid"] = key
        answer = client.get("/account/")
        result.count("cookies")
        if answer.status_code == 200:
            result.violations.append(f"a session row of {of.slug} that was copied to {to.slug} signs somebody in there")
        with bound(Owner(to.schema)):
            Session.objects.filter(pk=row.pk).delete()


# -- through the front door ----------------------------------------------------------------------------------------


class _Server(ThreadingMixIn, UnixStreamServer, WSGIServer):
    """The application behind a Unix socket, as gunicorn serves it."""

    daemon_threads = True

    def server_bind(self) -> None:
        UnixStreamServer.server_bind(self)
        self.server_name, self.server_port = "localhost", 80
        self.setup_environ()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            connection.close()


class _Handler(WSGIRequestHandler):
    def address_string(self) -> str:
        return ""

    def log_message(self, *_arguments: Any) -> None:
        """The proof's own requests are counted, not logged."""

    def get_environ(self) -> dict[str, Any]:
        self.client_address = ("", 0)
        return super().get_environ()


@contextmanager
def door() -> Iterator[int]:
    """The front door on a free port, in front of both tiers in this process. Yields the port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    with tempfile.TemporaryDirectory() as folder:
        servers = []
        for tier in ("portal", "dealers"):
            server = _Server(str(Path(folder) / tier), _Handler)
            server.set_app(get_wsgi_application())
            threading.Thread(target=server.serve_forever, daemon=True).start()
            servers.append(server)
        thread.start()
        made = FrontDoor(
            base="localhost",
            portal=f"{folder}/portal",
            dealers=f"{folder}/dealers",
            times=Times(stop=0.2),
            log=lambda line: None,
            trusted=(),
        )
        port, management = _free_port(), _free_port()
        asyncio.run_coroutine_threadsafe(made.listen(port, management, ["127.0.0.1"]), loop).result(10)
        try:
            yield port
        finally:
            asyncio.run_coroutine_threadsafe(made.stop(), loop).result(10)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()
            for server in servers:
                server.shutdown()
                server.server_close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _front_door(result: Result, known: dict[str, str]) -> None:
    """What only a wire can carry. `wanted` is the one host that may be reached; None: nobody."""
    north, south, portal = (next(h for h in known if h.startswith(s)) for s in ("north", "south", "portal"))
    plain = "GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}Connection: close\r\n\r\n"

    def get(host: str, more: str = "", path: str = PATH) -> str:
        return plain.format(path=path, host=host, more=more)

    tries: list[tuple[str, str | None]] = [(get(host), host) for host in (north, south, portal)]
    for one, other in ((north, south), (north, portal), (portal, north), ("nowhere.localhost", north)):
        mine = one if one in known else None
        tries += [
            (get(one, f"Host: {other}\r\n"), None),
            (get(one, f"host: {other}\r\n"), None),
            (get(one, f"Host : {other}\r\n"), None),
            (get(f"{one}\r\n {other}"), None),
            (get(f"{one}\t{other}"), None),
            (get(f"{one}, {other}"), None),
            (get(f"{one}@{other}"), None),
            (get(one, path=f"http://{other}{PATH}"), None),
            *((get(one, f"{header}: {other}\r\n"), mine) for header in OTHER_HEADERS),
            (get(one.upper()), mine),
            (get(f"{one}:8000"), mine),
            (get(f"{one}."), None),
            (f"GET {PATH} HTTP/1.1\r\nConnection: close\r\n\r\n", None),
            (f"GET {PATH} HTTP/1.0\r\n\r\n", None),
            (f"GET {PATH} HTTP/1.1\r\nX-Forwarded-Host: {other}\r\nConnection: close\r\n\r\n", None),
        ]
    with door() as port:
        # A path that begins with two slashes is a path of the host that is named, and leads nowhere there.
        with noted() as used:
            status = _sent(port, get(north, path=f"//{south}{PATH}"))
        if used - {"frontdesk"} != {known[north]} or status != 404:
            result.violations.append(f"by the front door: a path with a host in it reached {sorted(used)}: {status}")
        for text, wanted in tries:
            directory.forget()
            result.count("hosts_by_wire")
            with noted() as used:
                status = _sent(port, text)
            members = used - {"frontdesk"}
            allowed = {known[wanted]} if wanted else set()
            what = text.partition("Connection")[0].replace("\r\n", " | ")
            # A request that may be refused outright must reach nobody; one that is answered, the right one.
            if members != allowed and not (status >= 400 and not members):
                result.violations.append(f"by the front door: {what} reached {sorted(members)}, not {sorted(allowed)}")
            if wanted and status != 200:
                result.violations.append(f"by the front door: {what} was answered {status}")
            if not wanted and status == 200:
                result.violations.append(f"by the front door: {what} was served")


def _sent(port: int, text: str) -> int:
    """The status of the answer to these bytes; 400 when the connection just ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        wire.sendall(text.encode("latin-1"))
        answer = b""
        while chunk := wire.recv(65536):
            answer += chunk
    return int(answer.split(None, 2)[1]) if answer.startswith(b"HTTP/") else 400
