"""Gunicorn for the portal's and the dealers' web processes. Whose, and how many, the environment says.

``DEALERNET_WEB_WORKERS`` and ``DEALERNET_WEB_THREADS``: processes and threads of each tier. Most threads only wait for
their turn: a process works on ``DEALERNET_WEB_AT_ONCE`` requests at once (kernel.admission).
"""

import os
import shutil
import signal
from pathlib import Path
from typing import Any

from dealernet.embedded.launch import die_with_parent

wsgi_app = "dealernet.wsgi:application"
proc_name = os.environ.get("DEALERNET_PROCESS", "web")
worker_class = "gthread"
workers = int(os.environ.get("DEALERNET_WEB_WORKERS", "2"))
threads = int(os.environ.get("DEALERNET_WEB_THREADS", "16"))
preload_app = True  # memory is shared, and the first request is as fast as the others
umask = 0o077  # the socket is for the front door alone, which runs as the same user
backlog = 1024
limit_request_field_size = 32768  # the front door's limit for all headers together
worker_connections = 1024
keepalive = 60  # longer than the front door keeps an unused connection (frontdoor.Times.pooled)
timeout = 120
graceful_timeout = 8
accesslog = None  # the front door writes it
errorlog = "-"
capture_output = False
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108 - gunicorn makes a private file
control_socket_disable = True

# Figures of several processes are added up through files; a worker that ended leaves its counters behind.
_metrics = Path(os.environ.get("DEALERNET_DATA", ".dealernet")) / "metrics" / proc_name
shutil.rmtree(_metrics, ignore_errors=True)
_metrics.mkdir(parents=True, exist_ok=True)
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_metrics)


def child_exit(server: Any, worker: Any) -> None:
    """Gauges of a worker that ended do not count any more."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)


def post_fork(server: Any, worker: Any) -> None:
    """A worker does not outlive a killed master: the next master binds the same socket path."""
    die_with_parent(signal.SIGTERM, server.pid)
