"""The network a benchmark runs on: a running one (`--data`) or one of its own, with demo data, removed afterwards."""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    kilobytes = int(Path("/proc/meminfo").read_text().split()[1])
    return {
        "cores": os.cpu_count(),
        "cpu": cpu,
        "memory_gb": round(kilobytes / 1024**2, 1),
        "load_before": [round(x, 2) for x in os.getloadavg()],
        "python": platform.python_version(),
    }


def _free_port() -> int:
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


@contextmanager
def own_network(*, scale: float = 1.0) -> Iterator[Path]:
    """Start `dealernet up --demo` in a temporary folder, wait for READY, and remove everything afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="dealernet-bench-"))
    folder.chmod(0o755)
    words = ["up", "--demo", "--data", str(folder / "data"), "--port", str(_free_port()), "--scale", str(scale)]
    process = subprocess.Popen(
        [sys.executable, "-m", "dealernet", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", file=sys.stderr, flush=True)
            if line.startswith("READY "):
                break
        else:
            raise SystemExit("the network did not start")
        yield folder / "data"
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def ports(data: Path) -> int:
    """The port that a running network answers on."""
    return int(json.loads((data / "network.json").read_text())["port"])


def pss_megabytes(data: Path) -> float:
    """Proportional set size of every process of a network, in MB."""
    from dealernet.embedded import processes

    total = 0
    for found in processes.find(str(data.resolve())):
        pid = getattr(found, "pid", found)
        try:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return round(total / 1024, 1)
