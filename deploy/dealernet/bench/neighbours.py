"""Whether a noisy dealership slows a quiet one: its pages and jobs, alone and beside three kinds of noise."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from dealernet.bench import load
from dealernet.bench.measures import cookie
from dealernet.bench.network import ports

QUIET, NOISY = "south.localhost", "north.localhost"
#: What people of the quiet dealership look at, one page after the other.
PAGES = ("/today/", "/customers/", "/leads/", "/stock/")
HEAVY = ("/customers/?size=100", "/audit/?size=100", "/leads/?size=100")
EXPORTS = ("/customers/?export=xlsx", "/audit/?export=xlsx", "/leads/?export=xlsx")
LOGIN = "general_manager"
#: Callers of the noisy dealership at once, and jobs that it asks for.
CALLERS, JOBS = 16, 10_000
#: The bound that is promised on 2 cores: p95 of a page beside noise against alone, and seconds until a job is done.
TIMES, SECONDS = 6.0, 5.0


def neighbours(data: Path, *, calls: int = 160) -> dict[str, Any]:
    """p95 of the quiet dealership's pages and the time until its own job is done: alone, and while another dealership
    floods the web processes with heavy pages, with exports, and the workers with 10,000 jobs."""
    port = ports(data)
    quiet, noisy = _id(QUIET), _id(NOISY)
    figures: dict[str, Any] = {}
    with _many_exports(noisy):
        for name, noise in (
            ("alone", contextlib.nullcontext),
            ("beside_heavy_pages", lambda: _callers(port, HEAVY)),
            ("beside_exports", lambda: _callers(port, EXPORTS)),
            ("beside_jobs", lambda: _jobs(noisy)),
        ):
            with noise() as statuses:
                time.sleep(0.5)
                figures[name] = _measured(port, quiet, calls)
            figures[name]["noise"] = dict(statuses or {})
    alone = figures["alone"]
    loud = [figures[name] for name in figures if name != "alone"]
    figures["page_p95_times"] = round(max(one["page_p95_ms"] for one in loud) / max(alone["page_p95_ms"], 0.1), 2)
    figures["job_slowest_s"] = max(one["job_slowest_s"] for one in loud)
    figures["bound"] = {"page_p95_times": TIMES, "job_s": SECONDS}
    figures["within_bound"] = figures["page_p95_times"] <= TIMES and figures["job_slowest_s"] <= SECONDS
    return figures


def _id(host: str) -> UUID:
    from kernel.tenancy import directory

    member = directory.member_at(host)
    assert member is not None
    return member.id


def _measured(port: int, quiet: UUID, calls: int) -> dict[str, Any]:
    call = load.Caller(QUIET, port, cookie=cookie(QUIET, LOGIN))
    timings = load.Timings()
    jobs: list[float] = []
    for number in range(calls):
        start = time.perf_counter()
        status = call("GET", PAGES[number % len(PAGES)], Accept_Encoding="gzip").status
        timings.seconds.append(time.perf_counter() - start)
        timings.failed += status != 200
        if number % 20 == 19:
            jobs.append(_own_job(quiet))
        time.sleep(0.02)
    call.close()
    return {
        "page_p50_ms": timings.percentile(0.5),
        "page_p95_ms": timings.percentile(0.95),
        "failed": timings.failed,
        "job_slowest_s": round(max(jobs), 2),
    }


def _own_job(dealer_id: UUID) -> float:
    """Seconds until a job that the dealership asks for is done; 60 when it is not by then."""
    from django.core.cache import cache

    from kernel.tenancy import turns
    from kernel.tenancy.bindings import Dealer, bound
    from kernel.tenancy.tasks import PING

    token = uuid.uuid4().hex
    start = time.perf_counter()
    turns.ask(PING, dealer_id, token, 1)
    with bound(Dealer(dealer_id)):
        while cache.get(f"ping:{token}") is None and time.perf_counter() - start < 60:
            time.sleep(0.01)
    return time.perf_counter() - start


@contextlib.contextmanager
def _callers(port: int, paths: tuple[str, ...]) -> Iterator[dict[int, int]]:
    """So many callers of the noisy dealership, each asking for one page after the other; their answers by status."""
    over = threading.Event()
    statuses: dict[int, int] = {}
    lock = threading.Lock()
    signed_in = cookie(NOISY, LOGIN)

    def work(number: int) -> None:
        call = load.Caller(NOISY, port, cookie=signed_in)
        while not over.is_set():
            status = call("GET", paths[number % len(paths)]).status
            with lock:
                statuses[status] = statuses.get(status, 0) + 1
            if status == 503:
                over.wait(0.2)  # impatient: Retry-After says 2
        call.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(CALLERS)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        over.set()
        for thread in threads:
            thread.join()


@contextlib.contextmanager
def _jobs(noisy: UUID) -> Iterator[dict[str, int]]:
    """Ten thousand jobs of the noisy dealership, each with queries; how many waited at the beginning and at the end.
    Those that are left are taken back."""
    from kernel.tenancy import turns
    from kernel.tenancy.tasks import PING

    found: dict[str, int] = {}
    for start in range(0, JOBS, 500):
        turns._add([(PING, [str(noisy), f"noise-{number}", 20]) for number in range(start, start + 500)], urgent=False)
    found["waiting_at_first"] = turns.backlog(noisy)["waiting"]
    try:
        yield found
    finally:
        found["waiting_at_last"] = turns.backlog(noisy)["waiting"]
        turns.withdraw(noisy)


@contextlib.contextmanager
def _many_exports(dealer_id: UUID) -> Iterator[None]:
    """The noisy dealership may take as many exports a day, and begin as many jobs a minute, as it likes."""
    _set_limits(dealer_id, exports_per_day=100_000, jobs_per_minute=100_000)
    time.sleep(6)  # every process has looked into the directory again, the workers have swept
    try:
        yield
    finally:
        _set_limits(dealer_id, exports_per_day=None, jobs_per_minute=None)


def _set_limits(dealer_id: UUID, **values: int | None) -> None:
    from kernel.accounts.actors import SYSTEM
    from kernel.tenancy.bindings import Portal, bound
    from oem.network import actions
    from oem.network.models import Dealership

    with bound(Portal()):
        actions.set_limits(actor=SYSTEM, dealership=Dealership.objects.get(id=dealer_id), **values)
