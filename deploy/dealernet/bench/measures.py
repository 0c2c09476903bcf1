"""What is measured, each as a function of a running network."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from dealernet.bench import load
from dealernet.bench.network import ports, pss_megabytes

#: The best of the peers measured in November 2026 on 2 cores with 8 connections, one run each, ±20 %. Not run here.
PEERS = {
    "create_per_s": {"BottleCRM 1.35": 33.5, "DjangoCRM": 30.8, "Tryton 8.2 (with the person)": 28.1},
    "list_p95_ms": {"BottleCRM 1.35": 9287, "DjangoCRM": 4980, "Tryton 8.2": 562},
    "detail_p95_ms": {"BottleCRM 1.35": 461, "DjangoCRM": 1483, "Tryton 8.2": 141},
    "search_p95_ms": {"BottleCRM 1.35": 7103, "DjangoCRM": 5520, "Tryton 8.2": 547},
}

ADF = (
    '<?xml version="1.0" encoding="UTF-8"?><?adf version="1.0"?><adf><prospect>'
    '<requestdate>{at}</requestdate><vehicle interest="buy" status="new"><year>2026</year><make>{brand}</make>'
    '<model>{series}</model></vehicle><customer><contact><name part="full">测试客户{n}</name>'
    '<phone type="cellphone">{phone}</phone><email>bench{n}@example.com</email>'
    "<address><city>{city}</city></address></contact><comments>Messung {n}</comments></customer>"
    "<vendor><vendorname/></vendor><provider><name>bench</name></provider></prospect></adf>"
)


def token(host: str, login: str, scopes: list[str]) -> str:
    """A token for a demo sign-in. Made through the product's own action with the command's keys."""
    from kernel.accounts.actions import create_token
    from kernel.accounts.actors import SYSTEM
    from kernel.accounts.models import User
    from kernel.tenancy import directory
    from kernel.tenancy.bindings import bound

    member = directory.member_at(host)
    assert member is not None
    with bound(member.binding):
        user = User.objects.get(login=login)
        return create_token(actor=SYSTEM, user=user, name=f"bench {uuid.uuid4().hex[:8]}", scopes=scopes)[1]


def cookie(host: str, login: str) -> str:
    """A session for a demo sign-in, as the Cookie header."""
    from kernel.accounts.models import User
    from kernel.accounts.testing import open_session
    from kernel.tenancy import directory
    from kernel.tenancy.bindings import bound

    member = directory.member_at(host)
    assert member is not None
    with bound(member.binding):
        name, key = open_session(User.objects.get(login=login), tenant_id=member.id)
    return f"{name}={key}"


def _document(n: int, tag: str) -> bytes:
    brand, series = _car(n)
    return ADF.format(
        at="2026-11-20T10:00:00+08:00",
        n=f"{tag}{n}",
        brand=brand,
        series=series,
        phone=f"139{abs(hash((tag, n))) % 10**8:08d}",
        city="北京",
    ).encode()


_cars: list[tuple[str, str]] = []


def _car(n: int) -> tuple[str, str]:
    if not _cars:
        from kernel.reference.models import Series
        from kernel.tenancy.bindings import Portal, bound

        with bound(Portal()):
            _cars.extend((s.brand_id, s.name_zh_hans) for s in Series.objects.order_by("code"))
    return _cars[n % len(_cars)]


def intake(data: Path, *, calls: int = 600) -> dict[str, Any]:
    """`POST /intake/adf` with 8 connections, and how long until a lead can be read on the dealer's host."""
    port = ports(data)
    written = token("portal.localhost", "lead_desk", ["intake:write", "leads:read"])
    tag = uuid.uuid4().hex[:6]

    def make() -> Any:
        call = load.Caller("portal.localhost", port, token=written)
        return lambda n: call("POST", "/api/v1/intake/adf", _document(n, tag), Content_Type="application/xml").status

    timings = load.run(calls, connections=8, make=make)
    time.sleep(5)  # routing of the burst ends before single leads are timed
    visible = _until_visible(port, written)
    return {
        "posts_per_s": timings.per_second,
        "post_p50_ms": timings.percentile(0.5),
        "post_p95_ms": timings.percentile(0.95),
        "failed": timings.failed,
        "visible_p50_ms": visible.percentile(0.5),
        "visible_p95_ms": visible.percentile(0.95),
    }


def _until_visible(port: int, written: str, *, leads: int = 40) -> load.Timings:
    slugs = ("north", "east", "south")
    reading = {s: load.Caller(f"{s}.localhost", port, token=_reader(s)) for s in slugs}
    desk = load.Caller("portal.localhost", port, token=written)
    timings = load.Timings()
    tag = uuid.uuid4().hex[:6]
    for n in range(leads):
        start = time.perf_counter()
        answer = desk("POST", "/api/v1/intake/adf", _document(n, tag), Content_Type="application/xml")
        lead = answer.json()["leads"][0]["id"]
        while time.perf_counter() - start < 20:
            if any(call("GET", f"/api/v1/leads/{lead}").status == 200 for call in reading.values()):
                timings.seconds.append(time.perf_counter() - start)
                break
            time.sleep(0.02)
        else:
            timings.failed += 1
    return timings


def _reader(slug: str) -> str:
    return token(f"{slug}.localhost", "sales_manager", ["leads:read"])


#: The ten main pages: host, sign-in, address. An address with a name in braces is filled with a living id.
PAGES = (
    ("portal.localhost", "lead_desk", "/leads/"),
    ("portal.localhost", "network_manager", "/insight/"),
    ("portal.localhost", "warranty_analyst", "/claims/"),
    ("portal.localhost", "crm_analyst", "/owners/"),
    ("north.localhost", "sales_manager", "/today/"),
    ("north.localhost", "sales_manager", "/leads/"),
    ("north.localhost", "sales_manager", "/prospects/"),
    ("north.localhost", "crm_manager", "/customers/"),
    ("north.localhost", "service_adviser", "/repair-orders/"),
    ("north.localhost", "general_manager", "/sharing/ledger/"),
)


def pages(data: Path, *, calls: int = 40) -> dict[str, Any]:
    """Times, queries and weight of the ten main pages with demo data, one caller at a time."""
    port = ports(data)
    rows: list[dict[str, Any]] = []
    for host, login, path in PAGES:
        call = load.Caller(host, port, cookie=cookie(host, login))
        first = call("GET", path, Accept_Encoding="gzip")
        seconds = []
        for _ in range(calls):
            start = time.perf_counter()
            call("GET", path, Accept_Encoding="gzip")
            seconds.append(time.perf_counter() - start)
        timings = load.Timings(seconds)
        rows.append(
            {
                "page": f"{host.split('.')[0]}{path}",
                "status": first.status,
                "p50_ms": timings.percentile(0.5),
                "p95_ms": timings.percentile(0.95),
                "queries": _queries(host, login, path),
                "kb": round(len(first.body) / 1024, 1),
            }
        )
    return {
        "pages": rows,
        "p95_ms": max(row["p95_ms"] for row in rows),
        "most_queries": max(row["queries"] for row in rows),
        "heaviest_kb": max(row["kb"] for row in rows),
        "tables_per_dealership": _tables(),
        **over_single_tenant(data),
    }


def over_single_tenant(data: Path, *, pairs: int = 60) -> dict[str, Any]:
    """How much longer a warm page takes behind the wall than in a Django of one tenant on the same rows: by turns, in
    two processes, without a network between. Medians of the pairs' differences, in milliseconds."""
    from django.conf import settings

    from kernel.tenancy import directory

    host, login = "north.localhost", "sales_manager"
    member = directory.member_at(host)
    assert member is not None
    database = settings.DATABASES["default"]
    where = [str(database[name]) for name in ("NAME", "HOST", "PORT")]
    words = [str(member.id), host, *where, cookie(host, login)]
    children = {
        how: subprocess.Popen(
            [sys.executable, "-m", "dealernet.bench.single", how, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for how in ("one", "wall")
    }

    def ask(how: str, path: str) -> float:
        child = children[how]
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(path + "\n")
        child.stdin.flush()
        status, seconds = child.stdout.readline().split()
        if status != "200":
            raise SystemExit(f"{how} answered {status} for {path}")
        return float(seconds) * 1000

    rows: list[dict[str, Any]] = []
    over: list[float] = []
    try:
        for known_host, known_login, path in PAGES:
            if (known_host, known_login) != (host, login):
                continue
            for how in children:
                for _ in range(5):
                    ask(how, path)
            found: dict[str, list[float]] = {"one": [], "wall": []}
            for turn in range(pairs):
                for how in ("one", "wall") if turn % 2 else ("wall", "one"):
                    found[how].append(ask(how, path))
            one, wall = statistics.median(found["one"]), statistics.median(found["wall"])
            rows.append({"page": path, "one_ms": round(one, 2), "wall_ms": round(wall, 2)})
            over.append(wall - one)
    finally:
        for child in children.values():
            child.communicate()
    return {"warm": rows, "warm_ms_over_single_tenant": round(statistics.median(over), 2)}


def _queries(host: str, login: str, path: str) -> int:
    """Statements of one warm request, counted in this process against the same database."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    name, _, key = cookie(host, login).partition("=")
    client = Client(headers={"host": host})
    client.cookies[name] = key
    client.get(path)
    with CaptureQueriesContext(connection) as captured:
        client.get(path)
    return len(captured)


def _tables() -> int:
    from kernel.tenancy import rendering

    return len(rendering.models_of(rendering.DEALERSHIP)) + 1


def crm(data: Path, *, calls: int = 240) -> dict[str, Any]:
    """The work of the measured peers: create a lead with its person, list, detail and search, 8 connections."""
    port = ports(data)
    scopes = ["intake:write", "leads:read"]
    written = token("portal.localhost", "lead_desk", scopes)
    tag = uuid.uuid4().hex[:6]
    figures: dict[str, Any] = {}

    def many(call_of: Any) -> load.Timings:
        def make() -> Any:
            call = load.Caller("portal.localhost", port, token=written)
            return lambda n: call_of(call, n)

        return load.run(calls, connections=8, make=make)

    body = {"name": "张测试", "email": "x@example.com", "wish_text": "A car"}
    created = many(
        lambda call, n: (
            call("POST", "/api/v1/intake/leads", {**body, "phone": f"138{abs(hash((tag, n))) % 10**8:08d}"}).status
        )
    )
    some = load.Caller("portal.localhost", port, token=written)("GET", "/api/v1/leads?limit=50").json()["results"]
    listed = many(lambda call, n: call("GET", "/api/v1/leads").status)
    detail = many(lambda call, n: call("GET", f"/api/v1/leads/{some[n % len(some)]['id']}").status)
    search = many(lambda call, n: call("GET", f"/api/v1/leads?q={some[n % len(some)]['number']}").status)
    for name, timings in (("create", created), ("list", listed), ("detail", detail), ("search", search)):
        figures[f"{name}_per_s"] = timings.per_second
        figures[f"{name}_p50_ms"] = timings.percentile(0.5)
        figures[f"{name}_p95_ms"] = timings.percentile(0.95)
        figures[f"{name}_failed"] = timings.failed
    return figures


def memory(data: Path, *, minutes: float = 5.0) -> dict[str, Any]:
    """PSS of all processes after page and intake load."""
    port = ports(data)
    until = time.monotonic() + minutes * 60
    written = token("portal.localhost", "lead_desk", ["intake:write"])
    tag = uuid.uuid4().hex[:6]

    def turn_pages(part: int) -> None:
        calls = [(load.Caller(h, port, cookie=cookie(h, login)), path) for h, login, path in PAGES[part::4]]
        while time.monotonic() < until:
            for call, path in calls:
                with contextlib.suppress(OSError):
                    call("GET", path, Accept_Encoding="gzip")

    def send() -> None:
        call = load.Caller("portal.localhost", port, token=written)
        n = 0
        while time.monotonic() < until:
            n += 1
            call("POST", "/api/v1/intake/adf", _document(n, tag), Content_Type="application/xml")
            time.sleep(0.2)

    threads = [threading.Thread(target=turn_pages, args=(part,)) for part in range(4)]
    threads.append(threading.Thread(target=send))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"process_pss_mb": pss_megabytes(data), "minutes": minutes}


def exchange(data: Path, *, messages: int = 2000) -> dict[str, Any]:
    """How fast messages are recorded, carried and applied, from one dealership to the manufacturer, in this process.

    The network's own courier and workers stand back meanwhile (`hold_turn`).
    """
    from exchange import courier, inbox
    from exchange.models import Inbox, InboxState
    from exchange.outbound import send_down
    from kernel import clock
    from kernel.accounts.actors import SYSTEM
    from kernel.contracts import Purpose, Receipt, ReceiptOutcome
    from kernel.tenancy import directory
    from kernel.tenancy.bindings import MANUFACTURER_ID, Courier, Portal, bound

    member = directory.member_at("north.localhost")
    assert member is not None
    with contextlib.ExitStack() as turns:
        with bound(Courier()):
            everyone = courier.parties()
            courier.carry(everyone[member.id], everyone)
            courier.hold_turn(everyone)
            turns.callback(_bound(Courier(), lambda: courier.give_turn_back(everyone)))
        with bound(Portal()):
            inbox.hold_turn()
            turns.callback(_bound(Portal(), inbox.give_turn_back))
            inbox.drain()
        with bound(member.binding):
            start = time.perf_counter()
            for _ in range(messages):
                send_down(
                    Receipt(outcome=ReceiptOutcome.APPLIED, message_ids=[uuid.uuid4()]),
                    to=MANUFACTURER_ID,
                    subject=uuid.uuid4(),
                    purpose=Purpose.WARRANTY,
                    actor=SYSTEM,
                    event_at=clock.now(),
                )
            recorded = messages / (time.perf_counter() - start)
        with bound(Courier()):
            start = time.perf_counter()
            carried = courier.carry(everyone[member.id], everyone)
            carrying = time.perf_counter() - start
        with bound(Portal()):
            start = time.perf_counter()
            applied = inbox.drain()
            applying = time.perf_counter() - start
            left = Inbox.objects.filter(state=InboxState.RECEIVED, sender=member.id).count()
    return {
        "recorded_per_s": round(recorded, 1),
        "carried": carried,
        "courier_per_s": round(carried / carrying, 1),
        "applied": applied,
        "applied_per_s": round(applied / applying, 1),
        "left": left,
    }


def _bound(binding: Any, work: Any) -> Any:
    from kernel.tenancy.bindings import bound

    def run() -> None:
        with bound(binding):
            work()

    return run


def median_of(runs: list[float]) -> float:
    """The median, for interleaved runs."""
    return round(statistics.median(runs), 2)
