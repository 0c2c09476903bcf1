"""What was acknowledged stays: every process of a network under load is killed in turn, then all of them at once."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from tests.dealernet.test_up import Network, network

from dealernet.bench.load import Caller
from dealernet.embedded import processes

__all__ = ["network"]

#: Every child of the supervisor, the stateful ones too.
CHILDREN = (
    *("front-door", "portal-web", "dealers-web", "portal-worker", "dealers-worker"),
    *("courier", "steward", "scheduler", "postgres", "valkey"),
)


CATALOGUE = """
import sys
from pathlib import Path
from dealernet.config import use_network
use_network(Path(sys.argv[1]))
import django
django.setup()
from dealernet.demo import catalogue
from kernel.accounts.actors import SYSTEM
from kernel.tenancy.bindings import Portal, bound
with bound(Portal()):
    catalogue.load(actor=SYSTEM)
print("{}")
"""


def dealernet(network: Network, *words: str, statuses: tuple[int, ...] = (0,)) -> Any:
    """Run a command of the product on the network; its JSON."""
    return python("-m", "dealernet", *words, "--json", "--data", str(network.data), statuses=statuses)


def python(*words: str, statuses: tuple[int, ...] = (0,)) -> Any:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, *words],
        env={**kept, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in statuses, done.stdout + done.stderr
    return json.loads(done.stdout)


def token(network: Network, host: str, role: str, *scopes: str) -> str:
    dealernet(network, "user", "add", "--host", host, "--login", role, "--role", role)
    words = [word for scope in scopes for word in ("--scope", scope)]
    return str(dealernet(network, "token", "create", "--host", host, "--login", role, *words)["token"])


class Senders:
    """Four clients that post leads without a pause, and remember what was acknowledged; two more read pages."""

    def __init__(self, port: int, token: str) -> None:
        self.port, self.token = port, token
        self.acknowledged: list[str] = []
        self.failed = 0
        self._numbers = iter(range(10**6))
        self._lock = threading.Lock()
        self._going = True
        self._threads = [threading.Thread(target=self._send) for _ in range(4)]
        self._threads += [threading.Thread(target=self._read, args=[host]) for host in ("portal", "north")]
        for thread in self._threads:
            thread.start()

    def _send(self) -> None:
        with contextlib.closing(Caller("portal.localhost", self.port, token=self.token)) as call:
            self._send_with(call)

    def _send_with(self, call: Caller) -> None:
        while self._going:
            with self._lock:
                number = next(self._numbers)
            lead = {"name": f"测试{number}", "phone": f"139{number:08d}"}
            try:
                answer = call("POST", "/api/v1/intake/leads", lead)
            except (http.client.HTTPException, OSError):
                self.failed += 1
                time.sleep(0.05)
                continue
            if answer.status == 202:
                self.acknowledged.append(answer.json()["leads"][0]["id"])
            else:
                assert answer.status >= 500, (answer.status, answer.body)  # ours, never the sender's
                self.failed += 1
                time.sleep(0.05)

    def _read(self, name: str) -> None:
        """Turn pages meanwhile: one that every visitor sees, and the list of leads."""
        host = f"{name}.localhost"
        with contextlib.closing(Caller(host, self.port, token=self.token if name == "portal" else "")) as call:
            while self._going:
                for path in ("/sign-in/", "/api/v1/leads"):
                    try:
                        call("GET", path)
                    except (http.client.HTTPException, OSError):
                        time.sleep(0.05)

    def go_on(self, count: int, *, seconds: float = 60.0) -> bool:
        """Wait until so many more were acknowledged."""
        aim = len(self.acknowledged) + count
        return processes.wait_until(lambda: len(self.acknowledged) >= aim, seconds)

    def stop(self) -> None:
        self._going = False
        for thread in self._threads:
            thread.join()


def pids(network: Network, child: str) -> set[int]:
    """The processes of a child: of a server its postmaster or itself, of the others all."""
    found = processes.find(network.data)
    if child in ("postgres", "valkey"):
        return set(processes.servers_among(found)) & {pid for pid in found if child in command_line(pid)}
    return {pid for pid in found if processes.carries(pid, "DEALERNET_PROCESS", child)}


def command_line(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def all_leads(network: Network, host: str, token: str) -> list[dict[str, Any]]:
    """Every lead that a member has, page by page."""
    rows: list[dict[str, Any]] = []
    next_page: str | None = "/api/v1/leads?limit=200"
    with contextlib.closing(Caller(host, network.port, token=token)) as call:
        while next_page:
            answer = call("GET", next_page)
            assert answer.status == 200, answer.body
            page = answer.json()
            rows += page["results"]
            next_page = page["next"] and page["next"][page["next"].index("/api/") :]
    return rows


@pytest.mark.slow
def test_no_acknowledged_lead_is_lost_or_doubled_whatever_is_killed(network: Network) -> None:
    network.start()
    python("-c", CATALOGUE, str(network.data))
    dealernet(network, "dealer", "add", "北方星河（测试）", "--slug", "north", "--province", "北京", "--brand", "XH")
    desk = token(network, "portal", "lead_desk", "intake:write", "leads:read")
    consultant = token(network, "north", "sales_manager", "leads:read")
    senders = Senders(network.port, desk)
    try:
        assert senders.go_on(20)
        for child in CHILDREN:
            killed = pids(network, child)
            assert killed, child
            processes.send(killed, signal.SIGKILL)
            assert processes.wait_until(lambda child=child, killed=killed: pids(network, child) - killed, 60), child
            assert senders.go_on(20), f"nothing is acknowledged after {child} was killed"
        network.end(signal.SIGKILL)
        assert processes.wait_until(lambda: processes.find(network.data) == [], 30)
        network.start()
        assert senders.go_on(20)
    finally:
        senders.stop()
    acknowledged = set(senders.acknowledged)
    print(len(acknowledged), "leads were acknowledged")
    assert len(acknowledged) == len(senders.acknowledged) >= 20 * (len(CHILDREN) + 2)

    def all_answered() -> bool:
        status = dealernet(network, "exchange", "reconcile", "--grace", "0", statuses=(0, 1))
        at_portal = all_leads(network, "portal.localhost", desk)
        waiting = [row for row in at_portal if row["state"] == "received"]
        # What is routed may still be on its way: only what was delivered is compared with what arrived.
        arrived = len(all_leads(network, "north.localhost", consultant)) == len(at_portal)
        return not waiting and arrived and status["differences"] == []

    assert processes.wait_until(all_answered, 120), dealernet(network, "exchange", "status")
    at_portal = all_leads(network, "portal.localhost", desk)
    at_dealer = all_leads(network, "north.localhost", consultant)
    states = {row["id"]: row["state"] for row in at_portal}
    assert acknowledged <= states.keys()
    assert set(states.values()) == {"offered"}
    assert sorted(row["id"] for row in at_dealer) == sorted(states)
