"""Provisioning, upgrades and memory with many dealerships, beside stock django-tenants on the same apps and migrations.

Both run on one embedded server in one run. Ours has `dealerships` of them (200), the peer `peers` (50): what takes it
longer with every tenant is scaled up in proportion, and said so.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

import psycopg2
from django.db import connection

from exchange import courier
from kernel.tenancy import rendering, steward
from kernel.tenancy.bindings import Courier, Dealer, Owner, bound
from kernel.tenancy.pool import pool
from kernel.testing.releases import NextRelease

DATABASE, PEER = "dealernet_bench", "dealernet_bench_peer"
_IDS = UUID("3ac6d1f0-52a4-4a6b-9d52-6f6bb5a5c7d1")
NULLABLE = "migrations.AddField('{model}', 'bench_{n}', models.TextField(null=True))"
#: Where a column is added, in both.
APP, MODEL = "kernel.idempotency", "StoredAnswer"
#: Figures of the peer that are measured once per this many of its tenants made by cloning.
CLONES = 10


class Peer:
    """Stock django-tenants on a database of its own."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.extra = ""
        self.path = ""
        self.base = ""
        admin = psycopg2.connect(
            host=host, user="postgres", password=os.environ["DEALERNET_KEY_SUPERUSER"], dbname="postgres"
        )
        admin.autocommit = True
        admin.cursor().execute(f"CREATE DATABASE {PEER}")
        admin.close()
        self("shared")

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "DEALERNET_PEER_HOST": self.host,
            "DEALERNET_PEER_DATABASE": PEER,
            "DEALERNET_PEER_MIGRATIONS": self.extra,
            "DEALERNET_PEER_BASE": self.base,
            "PYTHONPATH": self.path,
        }

    def __call__(self, what: str, *words: Any) -> dict[str, Any]:
        """One act in a process of its own; its document."""
        done = subprocess.run(
            [sys.executable, "-m", "dealernet.bench.peer.run", what, *map(str, words)],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"the peer failed at {what}: {done.stderr[-2000:]}")
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    @contextmanager
    def having_served_all(self) -> Iterator[int]:
        """The pid of its backend after one connection has served every tenant."""
        child = subprocess.Popen(
            [sys.executable, "-m", "dealernet.bench.peer.run", "memory"],
            env=self.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        try:
            yield json.loads(child.stdout.readline())["pid"]
        finally:
            child.communicate("\n", timeout=60)


def _begin(host: str) -> None:
    connection.settings_dict.update({"HOST": host, "PORT": "", "NAME": DATABASE})
    steward.bootstrap()


def _provision(number: int) -> list[float]:
    seconds = []
    for n in range(number):
        people = [{"login": "boss", "name": "Wei Lan", "role": "general_manager"}]
        slug = f"dealer-{n:04}"
        arguments = {"id": str(uuid5(_IDS, slug)), "slug": slug, "name": slug.title(), "users": people}
        began = time.perf_counter()
        steward.provision(arguments)
        seconds.append(time.perf_counter() - began)
    return seconds


def _ms(seconds: list[float]) -> float:
    return round(statistics.median(seconds) * 1000, 2)


def provision(host: str, *, dealerships: int, peers: int) -> tuple[dict[str, Any], dict[str, Any], dict[str, float]]:
    """Figures, the peer's, ratios: a dealership made ready (login, schema, rights, first people, agreement, host)
    against a tenant's schema made by migrations, and by cloning."""
    _begin(host)
    peer = Peer(host)
    seconds = _provision(dealerships)
    edge = min(100, max(1, dealerships // 2))
    figures = {
        "dealerships": dealerships,
        "p50_ms": _ms(seconds),
        "p95_ms": round(sorted(seconds)[int(len(seconds) * 0.95)] * 1000, 2),
        "first_hundred_p50_ms": _ms(seconds[:edge]),
        "last_hundred_p50_ms": _ms(seconds[-edge:]),
        "slowdown": round(statistics.median(seconds[-edge:]) / statistics.median(seconds[:edge]), 2),
    }
    made = peer("create", 0, min(peers, 20))["seconds"]
    peer.base = "peer_0000"
    cloned = peer("create", 1000, CLONES)["seconds"]
    theirs = {"migrations_p50_ms": _ms(made), "migrations": len(made), "clone_p50_ms": _ms(cloned), "clones": CLONES}
    ratios = {
        "provision": round(theirs["migrations_p50_ms"] / figures["p50_ms"], 2),
        "provision_over_clone": round(theirs["clone_p50_ms"] / figures["p50_ms"], 2),
    }
    return figures, theirs, ratios


def fleet(host: str, *, dealerships: int, peers: int) -> tuple[dict[str, Any], dict[str, Any], dict[str, float]]:
    """Nothing to do, and one column added: in every schema of ours, and of the peer's scaled up to as many."""
    _begin(host)
    _provision(dealerships)
    noop = []
    for _ in range(20):
        began = time.perf_counter()
        steward.upgrade({})
        noop.append(time.perf_counter() - began)
    peer = Peer(host)
    for first in range(0, peers, 25):
        peer("create", first, min(25, peers - first))
    with tempfile.TemporaryDirectory(prefix="dealernet-bench-release-") as folder:
        release = NextRelease(Path(folder))
        columns, whole = [], []
        try:
            for n in range(3):
                release.add(APP, NULLABLE.format(model=MODEL, n=n))
                began = time.perf_counter()
                # What a schema costs, without what an upgrade costs once (canary compared with a new one).
                found = steward.upgrade({"canary": "dealer-0000"})
                whole.append(time.perf_counter() - began)
                assert found["failed"] == 0, found
                columns.append(_of_dealerships())
            label = APP.rpartition(".")[2]
            nothing = {name: peer("migrate", name)["seconds"] for name in ("standard", "multiprocessing")}
            peer.path = str(folder)
            added = {}
            for n, name in enumerate(("standard", "multiprocessing")):
                # Its own migration module, with one column more each time.
                module = _module_until(Path(folder), release.modules[label], n)
                peer.extra = f"{label}={module}"
                added[name] = peer("migrate", name)["seconds"]
        finally:
            release.end()
    scale = dealerships / peers
    best_nothing, best_added = min(nothing.values()) * scale, min(added.values()) * scale
    figures = {
        "dealerships": dealerships,
        "noop_ms": _ms(noop),
        "column_s": round(statistics.median(whole), 3),
        "column_ms_a_dealership": round(statistics.median(whole) / dealerships * 1000, 3),
        "column_replay_ms_a_dealership": round(statistics.median(columns) / dealerships * 1000, 3),
    }
    theirs = {
        "tenants": peers,
        "scaled_by": scale,
        **{f"noop_{name}_s": round(seconds, 2) for name, seconds in nothing.items()},
        **{f"column_{name}_s": round(seconds, 2) for name, seconds in added.items()},
        "noop_scaled_s": round(best_nothing, 2),
        "column_scaled_s": round(best_added, 2),
    }
    ratios = {
        "noop": round(best_nothing / statistics.median(noop), 1),
        "column": round(best_added / statistics.median(whole), 1),
    }
    return figures, theirs, ratios


def _of_dealerships() -> float:
    """Seconds between the first and the last dealership's ledger row of the last upgrade."""
    with bound(Owner()), connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM max(applied_at) - min(applied_at)) FROM tenancy_schemastate "
            "WHERE kind = 'dealership'"
        )
        return float(cursor.fetchone()[0])


def _module_until(folder: Path, package: str, number: int) -> str:
    """A package with the migrations of another up to the invented one of that number."""
    made = folder / f"peer_{uuid4().hex}"
    made.mkdir()
    invented = sorted(path for path in (folder / package).glob("9999*.py"))
    for path in (folder / package).glob("*.py"):
        if path not in invented[number + 1 :]:
            (made / path.name).write_text(path.read_text())
    return made.name


# -- memory ------------------------------------------------------------------------------------------------------


def _private_mb(pid: int) -> float:
    """What a backend has for itself, in MB: not the shared buffers, which all have together."""
    private = 0
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(("Private_Clean:", "Private_Dirty:")):
            private += int(line.split()[1])
    return round(private / 1024, 1)


def _backends() -> dict[str, float]:
    """The largest backend of every login of ours, in MB."""
    found: dict[str, float] = {}
    admin = steward.superuser(DATABASE)
    with admin.cursor() as cursor:
        cursor.execute(
            "SELECT pid, usename FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()", [DATABASE]
        )
        for pid, login in cursor.fetchall():
            kind = login if login in ("owner", "oem", "courier", "frontdesk") else "dealership"
            found[kind] = max(found.get(kind, 0.0), _private_mb(pid))
    admin.close()
    return found


def memory(host: str, *, dealerships: int, peers: int) -> tuple[dict[str, Any], dict[str, Any], dict[str, float]]:
    """The largest backend after one process has served every dealership, after the courier has looked at every mailbox
    and the steward has upgraded every schema; the peer's one backend after its tenants."""
    _begin(host)
    _provision(dealerships)
    tables = [model._meta.db_table for model in rendering.models_of(rendering.DEALERSHIP)]
    largest: dict[str, float] = {}

    def note() -> None:
        for kind, size in _backends().items():
            largest[kind] = max(largest.get(kind, 0.0), size)

    for n in range(dealerships):
        with bound(Dealer(uuid5(_IDS, f"dealer-{n:04}"))), connection.cursor() as cursor:
            for table in tables:
                cursor.execute(f'SELECT 1 FROM "{table}" LIMIT 1')
    note()
    with bound(Courier()):
        everyone = courier.parties()
    courier.sweep()
    note()
    with bound(Owner()):
        steward.verify()
    note()
    pool.clear()
    peer = Peer(host)
    for first in range(0, peers, 25):
        peer("create", first, min(25, peers - first))
    with peer.having_served_all() as pid:
        theirs = _private_mb(pid)
    base = 8.0  # what a backend has before it has seen any tenant (measured: 7 to 9)
    scaled = round(base + (theirs - base) * dealerships / peers, 1)
    figures = {"dealerships": dealerships, "members": len(everyone), "backend_mb": max(largest.values()), **largest}
    of_peer = {"tenants": peers, "backend_mb": theirs, "backend_mb_scaled": scaled}
    return figures, of_peer, {"backend": round(scaled / max(largest.values()), 1)}


def main(what: str, dealerships: str, peers: str) -> None:
    """Measure on a throw-away server and print one JSON document: `figures`, `peer`, `ratio`."""
    figures, theirs, ratios = {"provision": provision, "fleet": fleet, "memory": memory}[what](
        connection.settings_dict["HOST"], dealerships=int(dealerships), peers=int(peers)
    )
    print(json.dumps({"figures": figures, "peer": theirs, "ratio": ratios}))
