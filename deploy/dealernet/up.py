"""``dealernet up``: everything that a network needs, on one machine, under one supervisor."""

import argparse
import contextlib
import errno
import ipaddress
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dealernet import config, keys, proxies
from dealernet.budget import POOLED, pooler_address
from dealernet.config import ConfigurationError, Database, Mail, Network
from dealernet.embedded import launch
from dealernet.embedded.postgres import PostgresServer
from dealernet.embedded.valkey import ValkeyServer
from dealernet.frontdoor import LOOPBACK
from dealernet.supervisor import Process, Stage, StopRequested, Supervisor

PORTAL, DEALERS = "portal", "dealers"
TIERS = (PORTAL, DEALERS)
START_SECONDS = 180.0
WORKERS = "2"  # processes of each Celery worker

# What a child may take over from our environment besides its own settings; secrets never pass this way.
_PASSED = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    "PG_BIN",  # the steward dumps and restores with its programs
)
_NOT_PASSED = (
    *("DEALERNET_KEY_", "DEALERNET_SECRET", "DEALERNET_SUPERUSER", "DEALERNET_RUN"),
    *("DEALERNET_MAIL_", "DEALERNET_SENDS_MAIL"),
)


def base_environment() -> dict[str, str]:
    """What every process gets: the machine's ways and Dealernet's settings, without any secret."""
    passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
    settings = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("DEALERNET_") and not name.startswith(_NOT_PASSED)
    }
    return {
        **passed,
        **settings,
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "2",  # otherwise glibc keeps an arena a thread: tens of megabytes in every process
    }


def check_ports(port: int, listen: Sequence[str] = LOOPBACK) -> None:
    """Raises ConfigurationError when the port or the one after it is taken, or an address is not this machine's."""
    for number, hosts in ((port, listen), (port + 1, LOOPBACK)):
        for host in hosts:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            with contextlib.suppress(OSError), socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                try:
                    probe.bind((host, number))
                except PermissionError:
                    raise ConfigurationError(f"Port {number} is not free for this user. Use --port.") from None
                except OSError as error:
                    if error.errno == errno.EADDRINUSE:
                        raise ConfigurationError(
                            f"Port {number} on {host} is already in use. Stop the other program, or use --port."
                        ) from None
                    if host not in LOOPBACK:  # a machine may well have no ::1
                        raise ConfigurationError(f"{host} is no address of this machine. See --listen.") from None


def http_answers(path: Path, host: str) -> bool:
    """Whether a web process at this socket answers HTTP at all (an unknown host's 404 is an answer)."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)  # the first request of a process may be slow
        try:
            connection.connect(str(path))
            connection.sendall(f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            answer = connection.recv(64)
        except OSError:
            return False
    return answer.startswith(b"HTTP/1.1 ") and answer[9:10] != b"5"


def port_answers(port: int, path: str) -> bool:
    """Whether GET on the management port answers 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: management\r\nConnection: close\r\n\r\n".encode())
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


class Mark:
    """Whether new words stand in a log: how a Celery worker says that it is ready."""

    def __init__(self, path: Path, words: bytes) -> None:
        self.path, self.words = path, words
        self.begin = path.stat().st_size if path.exists() else 0

    def __call__(self) -> bool:
        try:
            with self.path.open("rb") as file:
                file.seek(self.begin)
                return self.words in file.read()
        except FileNotFoundError:
            return False


@dataclass(frozen=True, kw_only=True)
class Options:
    """What ``dealernet up`` was asked for."""

    data: Path
    port: int = config.DEFAULT_PORT
    demo: bool = False
    scale: float = 1.0
    without: frozenset[str] = frozenset()
    as_json: bool = False
    listen: tuple[str, ...] = LOOPBACK
    trusted_proxies: tuple[str, ...] = ()
    mail: Mail | None = None

    @property
    def tiers(self) -> list[str]:
        return [tier for tier in TIERS if tier not in self.without]


class Up:
    """One run of ``dealernet up``."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.data = options.data.resolve()
        self.base_domain = os.environ.get("DEALERNET_BASE_DOMAIN", "localhost")
        self._began = time.monotonic()
        self.supervisor = Supervisor(self.data, self.say)
        self.secret = keys.Secrets("")
        self.network: Network | None = None
        self.run_dir = launch.socket_folder(self.data / "run", "dealers-web.sock")

    def say(self, line: str) -> None:
        """One line of progress; on standard error when standard output is one JSON document."""
        stream = sys.stderr if self.options.as_json else sys.stdout
        print(f"[{time.monotonic() - self._began:6.1f} s] {line}", file=stream, flush=True)

    def run(self) -> int:
        """Start, serve, stop. Returns the exit status."""
        check_ports(self.options.port, self.options.listen)
        self._prepare_folder()
        try:
            self.supervisor.open()
            self._start()
            self._announce()
            self.supervisor.watch()
            self.say("Stopping …")
        except StopRequested:
            self.say("Stopping …")
        finally:
            self.supervisor.close()
        self.say("Stopped.")
        return 0

    @property
    def _local(self) -> bool:
        """Whether browsers take plain http at our hosts for safe."""
        return self.base_domain == "localhost" or self.base_domain.endswith(".localhost")

    # -- preparing -------------------------------------------------------------------------------------------

    def _prepare_folder(self) -> None:
        # As root the database server runs as nobody and has to pass through; the secret itself is 0600.
        mode = 0o711 if os.geteuid() == 0 else 0o700
        try:
            if not self.data.exists():
                self.data.mkdir(parents=True)
                self.data.chmod(mode)
            (self.data / "log").mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"The data folder {self.data} cannot be used: {error.strerror}.") from None
        if not os.access(self.data, os.R_OK | os.W_OK | os.X_OK):
            raise ConfigurationError(f"The data folder {self.data} belongs to somebody else. Use --data.")
        if not self._local and not self.options.trusted_proxies:
            self.say(
                f"Browsers send sign-in cookies over http to *.localhost only: on {self.base_domain} put a proxy that "
                "speaks https in front, and name it with --trusted-proxy."
            )

    def _start(self) -> None:
        self.secret = config.secrets_of(self.data, create=True)
        config.save_process_keys(self.data, self.secret)
        launch.make_private(self.run_dir)
        self.say(f"Data folder {self.data}")
        database = self._start_database()
        broker_url, cache_url = self._start_broker()
        self.network = Network(
            database=database,
            broker_url=broker_url,
            cache_url=cache_url,
            base_domain=self.base_domain,
            port=self.options.port,
            demo=self.options.demo,
        )
        self.network.save(self.data)
        self.say("Preparing the database …")
        self.supervisor.run(self._python("steward", "dealernet", "steward", "--prepare", name="prepare", once=True))
        self.say("Gathering style sheets and scripts …")
        self.supervisor.run(
            self._python(
                "front-door",
                "dealernet.manage",
                *("collectstatic", "--noinput", "--verbosity", "0", "--ignore", "redoc", "--ignore", "rest_framework"),
                name="static",
                once=True,
                extra=self._static,
            )
        )
        for process in self._processes():
            self.supervisor.start(process)
        self.say("Starting web, workers, courier, steward and scheduler …")
        self.supervisor.wait_ready(START_SECONDS)
        if self.options.demo:
            self.say("Making the demo data that stands before READY …")
            self.supervisor.run(self._demo("--until-ready", name="demo"))
            self.supervisor.start(self._demo("--rest", name="demo-rest", until_done=True))

    def _start_database(self) -> Database:
        if url := os.environ.get("DATABASE_URL"):
            self.say("Using the database that DATABASE_URL names.")
            return config.database_from_url(url)
        self.say("Starting PostgreSQL …")
        server = PostgresServer(self.data / "postgres", run=str(self.data), log_file=self.data / "log" / "postgres.log")

        def start() -> Any:
            found = config.secrets_of(self.data)  # keys may have rotated since we began
            return server.launch(*(keys.derive(one, "superuser") for one in (found.current, found.previous) if one))

        self.supervisor.start(
            Process(
                name="postgres",
                launch=start,
                ready=server.ready,
                stage=Stage.DATABASES,
                stop_signal=signal.SIGINT,
                stop_seconds=30.0,
            )
        )
        self.supervisor.wait_ready(START_SECONDS)
        self.say("PostgreSQL is ready.")
        return Database(host=server.host, port=server.port)

    def _start_broker(self) -> tuple[str, str]:
        if url := os.environ.get("BROKER_URL"):
            self.say("Using the broker that BROKER_URL names.")
            return url, os.environ.get("CACHE_URL", "")
        server = ValkeyServer(
            self.data / "valkey",
            password=keys.derive(self.secret.current, "broker"),
            run=str(self.data),
            log_file=self.data / "log" / "valkey.log",
        )
        self.supervisor.start(
            Process(
                name="valkey",
                launch=server.launch,
                ready=server.ready,
                stage=Stage.DATABASES,
                stop_seconds=15.0,
            )
        )
        self.supervisor.wait_ready(START_SECONDS)
        self.say("Valkey is ready.")
        return server.broker_url, os.environ.get("CACHE_URL", server.cache_url)

    # -- processes -------------------------------------------------------------------------------------------

    def environment(self, process: str, **extra: str) -> dict[str, str]:
        """The whole environment of a process (without the run mark, which the supervisor adds)."""
        assert self.network is not None
        given = {
            **base_environment(),
            **self.network.environment(),
            **keys.environment_for(process, self.secret),
            "DEALERNET_KEYS_FILE": str(config.keys_file(self.data, process)),
            "DEALERNET_DATA": str(self.data),
            "DEALERNET_PROCESS": process,
            "DEALERNET_SENDS_MAIL": "1" if self.options.mail else "",
            **extra,
        }
        if process in POOLED and (where := os.environ.get("DEALERNET_POOLER")):
            host, port = pooler_address(where)
            given |= {"DEALERNET_DB_HOST": host, "DEALERNET_DB_PORT": port}
        if self.options.mail and process.endswith("-worker"):
            given |= self.options.mail.environment()
        if process in ("steward", "command"):
            given |= config.superuser_environment(self.network.database, self.secret)
        if process == "front-door":
            for name in ("DATABASE_URL", "BROKER_URL", "CACHE_URL"):
                del given[name]
        if process == "scheduler":
            del given["CACHE_URL"]  # it needs the broker alone
        return given

    @property
    def _static(self) -> dict[str, str]:
        return {"DEALERNET_STATIC_ROOT": str(self.data / "static")}

    def _python(
        self,
        process: str,
        module: str,
        *words: str,
        name: str | None = None,
        once: bool = False,
        until_done: bool = False,
        ready: Callable[[], bool] | None = None,
        stage: Stage = Stage.WORK,
        extra: Mapping[str, str] | None = None,
    ) -> Process:
        return Process(
            name=name or process,
            argv=[sys.executable, "-m", module, *words],
            env=self.environment(process, **(extra or {})),
            ready=ready,
            restart=not once,
            until_done=until_done,
            show=once or until_done,
            stage=stage,
        )

    def _demo(self, part: str, *, name: str, until_done: bool = False) -> Process:
        words = ["demo", part, "--scale", str(self.options.scale), "--data", str(self.data)]
        return self._python("command", "dealernet", *words, name=name, once=not until_done, until_done=until_done)

    def _processes(self) -> list[Process]:
        made = [self._python("steward", "dealernet", "steward"), self._python("courier", "dealernet", "courier")]
        sockets: dict[str, Path] = {}
        for tier in self.options.tiers:
            sockets[tier] = self.run_dir / f"{tier}-web.sock"
            sockets[tier].unlink(missing_ok=True)  # left by a killed run: would look like a tier that runs
            made.append(self._worker(tier))
            made.append(self._web(tier, sockets[tier]))
        made.append(self._scheduler())
        words = [word for tier, path in sockets.items() for word in (f"--{tier}", str(path))]
        words += [f"--listen={address}" for address in self.options.listen]
        words += [f"--trusted-proxy={network}" for network in self.options.trusted_proxies]
        made.append(
            self._python(
                "front-door",
                "dealernet.frontdoor",
                *("--port", str(self.options.port), "--base", self.base_domain, *words),
                ready=lambda: port_answers(self.options.port + 1, "/healthz"),
                stage=Stage.FRONT,
            )
        )
        return made

    def _web(self, tier: str, path: Path) -> Process:
        conf = Path(__file__).with_name("gunicorn_conf.py")
        return self._python(
            f"{tier}-web",
            "gunicorn",
            *("--config", str(conf), "--bind", f"unix:{path}"),
            ready=lambda: http_answers(path, f"portal.{self.base_domain}"),
            stage=Stage.WEB,
            extra=self._static,
        )

    def _worker(self, tier: str) -> Process:
        process = f"{tier}-worker"
        return self._python(
            process,
            "celery",
            *(
                "-A",
                "dealernet.celery_app",
                "worker",
                "-Q",
                f"{tier},{tier}.inbox",
                "-n",
                f"{tier}@dealernet",
                "-l",
                "INFO",
            ),
            *("--concurrency", os.environ.get("DEALERNET_TASK_WORKERS", WORKERS)),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            ready=Mark(self.data / "log" / f"{process}.log", b" ready."),
        )

    def _scheduler(self) -> Process:
        return self._python(
            "scheduler",
            "celery",
            *("-A", "dealernet.celery_app", "beat", "-l", "INFO", "--pidfile="),
            *("--schedule", str(self.data / "run-schedule")),
        )

    # -- saying ----------------------------------------------------------------------------------------------

    def sign_ins(self) -> list[dict[str, str]]:
        """What ``sign-ins.json`` in the data folder says: host, login, password, role of each demo person. The
        demo and the steward write it; nothing is known without it."""
        try:
            found = json.loads((self.data / "sign-ins.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []
        return [{str(key): str(value) for key, value in entry.items()} for entry in found]

    def _announce(self) -> None:
        # Elsewhere people come over https, by a proxy whose port is the usual one.
        before, after = ("http", f":{self.options.port}") if self._local else ("https", "")
        address = f"{before}://portal.{self.base_domain}{after}"
        management = f"http://127.0.0.1:{self.options.port + 1}"
        people = self.sign_ins()
        if self.options.as_json:
            print(
                json.dumps({"ready": address, "management": management, "sign_ins": people}, ensure_ascii=False),
                flush=True,
            )
            return
        hosts = sorted({person["host"] for person in people if "host" in person})
        lines = ["", "Addresses"]
        lines += [f"  {before}://{host}{after}" for host in hosts] or [f"  {address}"]
        lines.append(f"  {management}/readyz and /metrics")
        if people:
            lines += ["", "Sign-ins"]
            for person in people:
                lines.append(
                    f"  {person.get('host', ''):<20} {person.get('login', ''):<28} {person.get('password', ''):<20} "
                    f"{person.get('role', '')}".rstrip()
                )
        lines += ["", "Stop with Ctrl-C.", f"READY {address}"]
        print("\n".join(lines), flush=True)


def listen_addresses(given: Sequence[str]) -> tuple[str, ...]:
    """The addresses of ``--listen``, else of ``DEALERNET_LISTEN`` (by comma), else this machine alone.

    Raises ConfigurationError for what is no address.
    """
    words = [*given] or [word.strip() for word in os.environ.get("DEALERNET_LISTEN", "").split(",") if word.strip()]
    try:
        return tuple(str(ipaddress.ip_address(word)) for word in words) or LOOPBACK
    except ValueError as error:
        raise ConfigurationError(f"{error}. See --listen and DEALERNET_LISTEN.") from None


def trusted_proxies(given: Sequence[str]) -> tuple[str, ...]:
    """The networks of ``--trusted-proxy``, else of ``DEALERNET_TRUSTED_PROXIES`` (by comma).

    Raises ConfigurationError for what is no network, or everybody's.
    """
    try:
        return tuple(map(str, proxies.networks(given or [os.environ.get("DEALERNET_TRUSTED_PROXIES", "")])))
    except ValueError as error:
        raise ConfigurationError(f"{error}.") from None


def run_up(args: argparse.Namespace) -> int:
    """``dealernet up``. Raises ConfigurationError and LaunchError with what to do."""
    return Up(
        Options(
            listen=listen_addresses(args.listen),
            trusted_proxies=trusted_proxies(args.trusted_proxy),
            mail=config.mail_from(os.environ),
            data=args.data or Path(os.environ.get("DEALERNET_DATA", config.DEFAULT_DATA)),
            port=args.port,
            demo=args.demo,
            scale=args.scale,
            without=frozenset(args.without),
            as_json=args.json,
        )
    ).run()
