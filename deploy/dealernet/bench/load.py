"""A small load generator on the standard library: threads with one kept-alive connection each."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Answer:
    """One answer: status, headers (lower case) and body as sent (compressed if the server did)."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Caller:
    """One connection to a host of the network at 127.0.0.1, with the Host header of the member."""

    def __init__(self, host: str, port: int, *, token: str = "", cookie: str = "") -> None:
        self.host, self.port = host, port
        self._headers = {"Host": host}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        if cookie:
            self._headers["Cookie"] = cookie
        self._link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        data = body
        sent = {**self._headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if body is not None and not isinstance(body, bytes):
            data = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        for attempt in (1, 2):
            try:
                self._link.request(method, path, body=data, headers=sent)
                response = self._link.getresponse()
                headers_back = {name.lower(): value for name, value in response.getheaders()}
                return Answer(response.status, headers_back, response.read())
            except (http.client.HTTPException, OSError):
                self._link.close()
                if attempt == 2 or method != "GET":
                    raise
        raise AssertionError

    def close(self) -> None:
        """Give the connection back; the next call opens a new one."""
        self._link.close()


@dataclass
class Timings:
    """Seconds of single calls."""

    seconds: list[float] = field(default_factory=list)
    elapsed: float = 0.0
    failed: int = 0

    def percentile(self, share: float) -> float:
        """In milliseconds."""
        ordered = sorted(self.seconds)
        return round(ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000, 1) if ordered else 0.0

    @property
    def per_second(self) -> float:
        return round(len(self.seconds) / self.elapsed, 1) if self.elapsed else 0.0


def run(calls: int, *, connections: int, make: Callable[[], Callable[[int], int]]) -> Timings:
    """Make `calls` calls over `connections` threads; `make()` gives each thread its function n → status."""
    timings = Timings()
    lock = threading.Lock()
    numbers = iter(range(calls))

    def work() -> None:
        call = make()
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            start = time.perf_counter()
            status = call(number)
            took = time.perf_counter() - start
            with lock:
                timings.seconds.append(took)
                timings.failed += status >= 400

    start = time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    timings.elapsed = time.perf_counter() - start
    return timings
