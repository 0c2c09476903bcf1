"""A real PgBouncer in transaction mode, one pool per login: nothing crosses and nothing breaks."""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg2
import pytest
from django.db import connection, transaction
from tests.exchange.test_courier import send

from dealer.stock.models import StockVehicle
from dealernet import pooler
from dealernet.commands import doctor, pgbouncer_config
from dealernet.config import Database, Network
from dealernet.embedded import launch
from dealernet.keys import PROCESS_KEYS, Secrets
from dealernet.up import Options, Up
from exchange import courier, handlers, inbox
from exchange.models import Ledger, LedgerState
from kernel.accounts.models import User
from kernel.automotive.vin import make_vin
from kernel.tenancy import keys, steward
from kernel.tenancy.bindings import Owner, bound, schema_of
from kernel.tenancy.models import Tenant
from kernel.tenancy.pool import pool

#: Fewer than the threads below, so that sessions really change hands.
POOL_SIZE = 2
SIDES = ("north", "south", "portal")


def program() -> str:
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if not found:
        pytest.fail("PgBouncer is missing. Type:  sudo apt-get update && sudo apt-get install -y pgbouncer")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Bouncer:
    """A running PgBouncer."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.server = ""
        self.account = launch.nobody() if os.geteuid() == 0 else launch.Account()
        for path in (folder, *folder.iterdir()):
            self.account.owns(path)
        self.log = (folder / "log").open("wb")
        self.process = launch.spawn(
            [program(), str(folder / "pgbouncer.ini")], env={}, output=self.log, account=self.account
        )
        until(self.answers)

    def answers(self) -> bool:
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.02)


def started(change: Callable[[str], str] = lambda ini: ini) -> Bouncer:
    """PgBouncer with the files of `dealernet pgbouncer-config`."""
    folder = Path(tempfile.mkdtemp(prefix="dn-pool-"))
    folder.chmod(0o755)
    parser = argparse.ArgumentParser()
    pgbouncer_config.configure(parser)
    port = free_port()
    args = parser.parse_args([str(folder), "--port", str(port), "--pool-size", str(POOL_SIZE)])
    args.json = True
    assert pgbouncer_config.run(args) == 0
    path = folder / "pgbouncer.ini"
    path.write_text(change(path.read_text()))
    return Bouncer(folder, port)


@pytest.fixture
def bouncer(committed) -> Iterator[Bouncer]:
    running = started()
    yield running
    running.stop()


@pytest.fixture
def pooled(bouncer) -> Iterator[Bouncer]:
    """This process reaches the database through PgBouncer, as web, workers and courier do."""
    database = connection.settings_dict
    direct = {name: database[name] for name in ("HOST", "PORT")}
    pool.clear()
    connection.close()
    bouncer.server = direct["HOST"]
    database.update({"HOST": "127.0.0.1", "PORT": str(bouncer.port)})
    yield bouncer
    pool.clear()
    connection.close()
    database.update(direct)


def in_threads(number: int, work: Callable[[int], None]) -> None:
    """Do the same in several threads; what fails in one fails here."""
    problems: list[BaseException] = []

    def run(n: int) -> None:
        try:
            work(n)
        except BaseException as problem:
            problems.append(problem)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


def server_sessions(host: str) -> Counter[str]:
    """Sessions at the server itself that came through the pooler, by login."""
    admin = psycopg2.connect(host=host, user="postgres", password=keys.secret("SUPERUSER").decode(), dbname="postgres")
    with admin.cursor() as cursor:
        cursor.execute(
            "SELECT usename::text, count(*) FROM pg_stat_activity WHERE datname = 'dealernet_test' GROUP BY 1"
        )
        found = Counter(dict(cursor.fetchall()))
    admin.close()
    return found


# -- pages -------------------------------------------------------------------------------------------------------


def test_pages_of_two_dealerships_and_the_portal_show_their_own_and_nothing_else(
    pooled, portal, north, south, record_property
):
    sides = {"north": north, "south": south, "portal": portal}
    canaries = {}
    for name, side in sides.items():
        canaries[name] = f"canary-{name}-{uuid4().hex}"
        with side.bound():
            role = "network_admin" if name == "portal" else "general_manager"
            User.objects.filter(role=role).update(name=canaries[name])
    seed = random.randrange(10**6)
    record_property("seed", seed)
    clients = {
        name: side.client("network_admin" if name == "portal" else "general_manager") for name, side in sides.items()
    }
    served: Counter[str] = Counter()
    lock = threading.Lock()

    def work(number: int) -> None:
        choose = random.Random(seed + number)
        own = {name: side.client() for name, side in sides.items()}
        for name, client in own.items():
            client.cookies = clients[name].cookies
        for _ in range(12):
            name = choose.choice(SIDES)
            answer = own[name].get(choose.choice(["/people/", "/account/", "/people/?q=canary"]))
            text = answer.content.decode()
            assert answer.status_code == 200, (seed, name, answer.status_code)
            assert canaries[name] in text, (seed, name)
            assert not [other for other in SIDES if other != name and canaries[other] in text], (seed, name)
            with lock:
                served[name] += 1

    in_threads(6, work)
    assert sum(served.values()) == 72
    assert set(served) == set(SIDES)


def test_forms_and_programs_write_where_they_belong(pooled, north, south):
    vins = {side.slug: make_vin("LSV", "AB12C", 2026, "A", n) for n, side in enumerate((north, south), start=1)}
    sides = {"north": north, "south": south}
    clients = {name: side.client("stock_clerk") for name, side in sides.items()}
    answers: list[tuple[str, str, int]] = []

    def work(number: int) -> None:
        name = ("north", "south")[number % 2]
        body = {"vin": vins[name], "brand": "XH"}
        answer = clients[name].post(
            "/api/v1/vehicles", body, content_type="application/json", headers={"Idempotency-Key": f"key-{number // 4}"}
        )
        answers.append((name, answer.json().get("vin", ""), answer.status_code))

    in_threads(4, work)
    for name, side in sides.items():
        with side.bound():
            assert list(StockVehicle.objects.values_list("vin", flat=True)) == [vins[name]]
        # One of the two made it; the other was told so: replayed, still running, or already there.
        assert {vin for who, vin, status in answers if who == name and status == 201} == {vins[name]}


# -- sessions ----------------------------------------------------------------------------------------------------


def test_sessions_change_hands_within_a_login_and_never_between_logins(pooled, north, south, portal):
    sides = (north, south, portal)
    pids: dict[str, set[int]] = {side.schema: set() for side in sides}
    holders: dict[int, set[str]] = {}
    lock = threading.Lock()

    def work(number: int) -> None:
        for turn in range(15):
            side = sides[(number + turn) % 3]
            with side.bound(), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_backend_pid(), current_user::text, current_setting('search_path'), "
                    "current_setting('TimeZone'), pg_sleep(0.002)::text"
                )
                pid, user, path, zone, _slept = cursor.fetchone()
            assert (user, path.replace('"', ""), zone) == (side.schema, f"{side.schema}, public", "UTC")
            with lock:
                pids[user].add(pid)
                holders.setdefault(pid, set()).add(user)

    in_threads(9, work)
    assert all(len(users) == 1 for users in holders.values())
    assert {login: len(found) <= POOL_SIZE for login, found in pids.items()} == dict.fromkeys(pids, True)
    sessions = server_sessions(pooled.server)
    assert all(sessions[side.schema] <= POOL_SIZE for side in sides)


def test_what_a_transaction_sets_for_itself_ends_with_it(pooled, north):
    with north.bound():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '1s'; SELECT pg_try_advisory_xact_lock(42)")
            assert cursor.fetchone() == (True,)
        for _ in range(POOL_SIZE * 2):
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT current_setting('statement_timeout'), pg_try_advisory_xact_lock(42)")
                assert cursor.fetchone() == ("20s", True)


def test_long_lists_are_read_without_a_cursor_of_the_server(pooled, north):
    with north.bound():
        names = {user.login for user in User.objects.iterator(chunk_size=2)}
        assert len(names) == User.objects.count() > 2


def test_the_exchange_carries_and_applies_through_the_pooler(pooled, portal, north, monkeypatch):
    seen: list[Any] = []
    monkeypatch.setitem(handlers._handlers, (handlers.PORTAL, "DailyCounts"), seen.extend)
    for _ in range(3):
        send(north, subject=uuid4())
    in_threads(3, lambda number: courier.sweep())
    with portal.bound():
        inbox.drain()
    courier.sweep()
    with north.bound():
        inbox.drain()
        states = set(Ledger.objects.filter(contract="DailyCounts").values_list("state", flat=True))
    assert len(seen) == 3
    assert states == {LedgerState.APPLIED}


def test_the_owner_goes_round_the_pooler(pooled):
    with pytest.raises(Exception, match=r"unsupported startup parameter: options|no such user"), bound(Owner()):
        connection.ensure_connection()


def test_a_pooler_with_a_pool_per_login_is_found_well(pooled, north):
    assert pooler.check("127.0.0.1", pooled.port, ["frontdesk", "oem", north.schema]) == 9


# -- the list of logins ------------------------------------------------------------------------------------------

WEST = UUID("00000000-0000-4000-8000-00000000a0f5")


def test_a_dealership_that_joins_is_let_in_without_a_restart(bouncer, monkeypatch):
    steward.provision({"id": str(WEST), "slug": "west", "name": "West Auto"})
    with pytest.raises(psycopg2.OperationalError):
        pooler.check("127.0.0.1", bouncer.port, [schema_of(WEST)])
    monkeypatch.setenv("DEALERNET_POOLER", f"127.0.0.1:{bouncer.port}")
    monkeypatch.setenv("DEALERNET_POOLER_FOLDER", str(bouncer.folder))
    pooler.follow()
    assert not pooler.write_userlist(bouncer.folder)

    def let_in() -> bool:
        try:
            return pooler.check("127.0.0.1", bouncer.port, [schema_of(WEST)]) == 3
        except psycopg2.OperationalError:
            return False

    until(let_in)
    assert (bouncer.folder / pooler.USERLIST).stat().st_mode & 0o777 == 0o600


def test_the_list_opens_every_login_but_the_owners(bouncer, north, south):
    text = (bouncer.folder / pooler.USERLIST).read_text()
    assert re.findall(r'^"(\w+)" "[0-9a-f]{64}"$', text, re.M) == [
        pooler.ADMIN, "frontdesk", "oem", "courier", *sorted([north.schema, south.schema])
    ]  # fmt: skip
    with bound(Owner()):
        Tenant.objects.filter(id=south.id).update(state="retired")
    assert south.schema not in pooler.logins()


# -- a pooler that does not do -----------------------------------------------------------------------------------


def test_a_pooler_that_mixes_logins_is_found(committed, north, south):
    one_for_all = f" user=oem password={keys.password('oem')}"
    running = started(lambda ini: re.sub(r"^(dealernet_test = .*)$", rf"\1{one_for_all}", ini, flags=re.M))
    try:
        with pytest.raises(pooler.Mixes, match="works as oem: the pooler must pool by login"):
            pooler.check("127.0.0.1", running.port, ["oem", north.schema, south.schema])
    finally:
        running.stop()


def test_a_session_that_another_client_left_changed_is_found(bouncer, north):
    spoiler = pooler._link("127.0.0.1", bouncer.port, north.schema)
    with spoiler.cursor() as cursor:
        cursor.execute("SET search_path = public")
    spoiler.close()
    with pytest.raises(pooler.Mixes, match="has the search path public in transaction 1"):
        pooler.check("127.0.0.1", bouncer.port, [north.schema])


# -- our own statements ------------------------------------------------------------------------------------------

#: What lasts as long as a session: locks of a session, settings without LOCAL, LISTEN, temporary tables, PREPARE.
SESSION_STATE = re.compile(
    r"pg_(?:try_)?advisory_(?:lock|unlock)\b|[\"';(] *SET (?!LOCAL|TRANSACTION)\w+ (?:=|TO) |\bLISTEN\b|\bCREATE TEMP"
)
#: What goes to the server itself, never through a pooler: the steward, whose owner's path is set anew in each schema
#: (backend/base.py); locks over several transactions, of commands alone (demo, bench); demo settings.
#: Attacks of the proof are meant to fail; the import works as owner.
DIRECT = ("shared/kernel/tenancy/steward/", "deploy/dealernet/proofs/", "tests/")
KNOWN = {
    "deploy/dealernet/demo/run.py",
    "shared/kernel/moving/tables.py",
    "shared/kernel/tenancy/backend/base.py",
    "sync/exchange/courier.py",
    "sync/exchange/inbox.py",
}


def test_nothing_that_goes_through_the_pooler_needs_a_session():
    root = Path(__file__).parents[2]
    tracked = subprocess.run(["git", "ls-files", "*.py"], cwd=root, capture_output=True, text=True, check=True).stdout
    found = {
        name
        for name in tracked.split()
        if not name.startswith(DIRECT) and SESSION_STATE.search((root / name).read_text(encoding="utf-8"))
    }
    assert found == KNOWN


# -- the doctor, and the processes -------------------------------------------------------------------------------


def says_of(what: str) -> tuple[bool, str]:
    return next((check["ok"], check["says"]) for check in doctor._servers() if check["what"] == what)


def test_the_doctor_finds_a_good_pooler_well_and_counts_with_it(bouncer, monkeypatch):
    monkeypatch.setenv("DEALERNET_POOLER", f"127.0.0.1:{bouncer.port}")
    monkeypatch.setenv("DEALERNET_POOLER_FOLDER", str(bouncer.folder))
    assert says_of("Pooler") == (True, f"127.0.0.1:{bouncer.port} keeps 5 logins apart, asked 15 times")
    assert says_of("Connections") == (True, "132 at most of 297: 1 pgbouncer × 120, 1 steward × 2, 1 commands × 10")


def test_the_doctor_names_a_pooler_that_mixes(committed, monkeypatch):
    one_for_all = f" user=oem password={keys.password('oem')}"
    running = started(lambda ini: re.sub(r"^(dealernet_test = .*)$", rf"\1{one_for_all}", ini, flags=re.M))
    monkeypatch.setenv("DEALERNET_POOLER", f"127.0.0.1:{running.port}")
    try:
        ok, says = says_of("Pooler")
    finally:
        running.stop()
    assert (ok, says) == (False, "who signs in as frontdesk works as oem: the pooler must pool by login")


def test_web_workers_and_courier_go_through_the_pooler_and_nobody_else(monkeypatch, tmp_path):
    monkeypatch.setenv("DEALERNET_POOLER", "10.0.0.7:6432")
    up = Up(Options(data=tmp_path))
    up.secret = Secrets("s" * 32)
    up.network = Network(database=Database(host="/run/pg"), broker_url="", cache_url="")
    reached = {
        process: up.environment(process)["DEALERNET_DB_HOST"] for process in PROCESS_KEYS if process != "front-door"
    }
    through = {process for process, host in reached.items() if host == "10.0.0.7"}
    assert through == {"portal-web", "portal-worker", "dealers-web", "dealers-worker", "courier"}
    assert {reached[process] for process in reached.keys() - through} == {"/run/pg"}


def test_the_steward_leaves_the_list_alone_without_a_pooler(committed, monkeypatch, tmp_path):
    monkeypatch.delenv("DEALERNET_POOLER", raising=False)
    monkeypatch.setenv("DEALERNET_POOLER_FOLDER", str(tmp_path))
    pooler.follow()
    assert not list(tmp_path.iterdir())
