"""Where a running network is: its data folder, database, broker and secret.

``dealernet up`` writes ``network.json`` and ``secret`` (both 0600) into the data folder; commands read them with
``use_network``. No Django here: this runs before the settings are imported.
"""

import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from email.utils import parseaddr
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from dealernet import keys

DEFAULT_DATA = Path(".dealernet")
DEFAULT_PORT = 8000
DATABASE_NAME = "dealernet"
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")


class ConfigurationError(Exception):
    """What was given does not do; the message says what and how to mend it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Database:
    """A PostgreSQL database. ``host`` may be the folder of a Unix socket, as in libpq. ``user`` and ``password``
    belong to a superuser (or a role that may create roles and databases) and are for the steward alone."""

    host: str
    port: int = 5432
    name: str = DATABASE_NAME
    user: str = ""
    password: str = ""

    @property
    def url(self) -> str:
        """The URL without user and password."""
        return f"postgresql:///{quote(self.name, safe='')}?{urlencode({'host': self.host, 'port': self.port})}"

    def environment(self) -> dict[str, str]:
        """What every process may know."""
        return {
            "DATABASE_URL": self.url,
            "DEALERNET_DB_HOST": self.host,
            "DEALERNET_DB_PORT": str(self.port),
            "DEALERNET_DB_NAME": self.name,
        }


def database_from_url(url: str) -> Database:
    """Read ``postgresql://[user[:password]@][host][:port]/name[?host=…&port=…]`` (also ``postgres://``).

    Raises ConfigurationError without repeating the password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigurationError(f"DATABASE_URL cannot be read: {error}.") from None
    if parts.scheme not in ("postgres", "postgresql"):
        raise ConfigurationError("DATABASE_URL must begin with postgresql:// (no other database will do).")
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    host = query.get("host") or unquote(parts.hostname or "")
    if not host:
        raise ConfigurationError("DATABASE_URL names no host. Example: postgresql://admin:…@db.example/dealernet")
    if "port" in query and not query["port"].isdigit():
        raise ConfigurationError("The port in DATABASE_URL is not a number.")
    return Database(
        host=host,
        port=port or int(query.get("port", 5432)),
        name=unquote(parts.path.lstrip("/")) or DATABASE_NAME,
        user=unquote(parts.username or query.get("user", "")),
        password=unquote(parts.password or query.get("password", "")),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """How to reach a running network. Holds no database password: those are derived from the secret."""

    database: Database
    broker_url: str
    cache_url: str
    base_domain: str = "localhost"
    port: int = DEFAULT_PORT
    demo: bool = False

    def save(self, data: Path) -> None:
        """Write ``network.json``, readable by us alone (the broker's URL holds its password)."""
        shown = asdict(self)
        shown["database"]["password"] = ""
        work = data / "network.json.new"
        work.unlink(missing_ok=True)
        with open(os.open(work, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(shown, file, indent=2)
        work.rename(data / "network.json")

    @classmethod
    def load(cls, data: Path) -> Self:
        """Read ``network.json``. Raises ConfigurationError when there is none that can be read."""
        path = data / "network.json"
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{**found, "database": Database(**found["database"])})
        except FileNotFoundError:
            raise ConfigurationError(
                f"No network was started in {data} yet. Start one with `dealernet up --data {data}`, or name its "
                "data folder with --data."
            ) from None
        except PermissionError:
            raise ConfigurationError(f"{path} belongs to another user; only that user may use the network.") from None
        except (ValueError, TypeError, KeyError) as error:
            raise ConfigurationError(f"{path} cannot be read ({error}). Starting the network writes it anew.") from None

    def environment(self) -> dict[str, str]:
        """What every process of this network may know."""
        return {
            **self.database.environment(),
            "BROKER_URL": self.broker_url,
            "CACHE_URL": self.cache_url,
            "DEALERNET_BASE_DOMAIN": self.base_domain,
            "DEALERNET_PORT": str(self.port),
            "DEALERNET_DEMO": "1" if self.demo else "",
            "DJANGO_SETTINGS_MODULE": "dealernet.settings",
        }


MAIL_PORTS = {"tls": 465, "starttls": 587, "": 25}
_HERE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """A mail server. ``security``: ``tls`` from the first byte, ``starttls`` before anything is said, or none.
    ``sender`` is what stands in From: ``Name <address>`` or an address."""

    host: str
    port: int
    sender: str
    security: str = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)

    def environment(self) -> dict[str, str]:
        """What the workers have to know; no other process gets it."""
        return {
            "DEALERNET_MAIL_HOST": self.host,
            "DEALERNET_MAIL_PORT": str(self.port),
            "DEALERNET_MAIL_USER": self.user,
            "DEALERNET_MAIL_PASSWORD": self.password,
            "DEALERNET_MAIL_SECURITY": self.security,
            "DEALERNET_MAIL_FROM": self.sender,
        }


def mail_from(given: Mapping[str, str]) -> Mail | None:
    """The mail server that the environment ``given`` names; None when it names none.

    ``DEALERNET_MAIL_URL`` is ``smtp://[user@]host[:port]`` (STARTTLS, port 587; with ``?tls=0`` neither, port 25) or
    ``smtps://[user@]host[:port]`` (port 465). The password stands in the file ``DEALERNET_MAIL_PASSWORD_FILE``, in
    ``DEALERNET_MAIL_PASSWORD`` or in the URL. ``DEALERNET_MAIL_FROM`` is the sender.
    Raises ConfigurationError without repeating the password.
    """
    url = given.get("DEALERNET_MAIL_URL", "").strip()
    if not url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigurationError("DEALERNET_MAIL_URL cannot be read: is its port a number?") from None
    host = parts.hostname or ""
    if parts.scheme not in ("smtp", "smtps") or not host or parts.path not in ("", "/"):
        raise ConfigurationError("DEALERNET_MAIL_URL is smtp://user@host:587 or smtps://user@host:465.")
    asked = parse_qs(parts.query, keep_blank_values=True)
    if set(asked) - {"tls"} or asked.get("tls", ["1"])[-1] not in ("0", "1"):
        raise ConfigurationError("DEALERNET_MAIL_URL knows one question: ?tls=1 (STARTTLS, as without it) or ?tls=0.")
    security = "tls" if parts.scheme == "smtps" else "starttls" if asked.get("tls", ["1"])[-1] == "1" else ""
    user, password = unquote(parts.username or ""), _mail_password(given, unquote(parts.password or ""))
    if bool(user) != bool(password):
        lacks = "a password (DEALERNET_MAIL_PASSWORD_FILE)" if user else "a user in DEALERNET_MAIL_URL"
        raise ConfigurationError(f"The mail server's sign-in lacks {lacks}.")
    if password and not security and host not in _HERE:
        raise ConfigurationError(f"With ?tls=0 the password would travel readable to {host}. Leave it out.")
    sender = given.get("DEALERNET_MAIL_FROM", "").strip()
    if not _ADDRESS.fullmatch(parseaddr(sender)[1]) or not sender.isprintable():
        raise ConfigurationError('DEALERNET_MAIL_FROM is the sender of mails: "Dealernet <no-reply@dealers.example>".')
    return Mail(
        host=host, port=port or MAIL_PORTS[security], sender=sender, security=security, user=user, password=password
    )


def _mail_password(given: Mapping[str, str], in_url: str) -> str:
    name = given.get("DEALERNET_MAIL_PASSWORD_FILE", "")
    found = [in_url, given.get("DEALERNET_MAIL_PASSWORD", "")]
    if name:
        try:
            found.append(Path(name).read_text(encoding="utf-8").strip("\r\n"))
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"DEALERNET_MAIL_PASSWORD_FILE: {name} cannot be read ({error}).") from None
        if not found[-1]:
            raise ConfigurationError(f"DEALERNET_MAIL_PASSWORD_FILE: {name} is empty.")
    passwords = [password for password in found if password]
    if len(passwords) > 1:
        raise ConfigurationError("The mail server's password is given more than once; once is enough.")
    return passwords[0] if passwords else ""


def secrets_of(data: Path, *, create: bool = False) -> keys.Secrets:
    """The installation's secrets: DEALERNET_SECRET (with DEALERNET_SECRET_PREVIOUS and DEALERNET_KEY_LASTING_…), or the
    file ``secret`` in the data folder.

    The file's first line is the secret; a line ``previous …`` stands in it while keys rotate, and lines ``lasting …``
    since the first rotation. ``create`` makes it when there is none. Raises ConfigurationError when there is none.
    """
    if given := os.environ.get("DEALERNET_SECRET", "").strip():
        lasting = {
            purpose: value
            for purpose in keys.LASTING
            if (value := os.environ.get(keys.variable(f"lasting-{purpose}"), "").strip())
        }
        return keys.Secrets(given, os.environ.get("DEALERNET_SECRET_PREVIOUS", "").strip(), lasting)
    path = data / "secret"
    if create and not path.exists():
        save_secrets(data, keys.Secrets(secrets.token_hex(32)))
    try:
        first, *more = path.read_text(encoding="ascii").splitlines() or [""]
    except FileNotFoundError:
        raise ConfigurationError(
            f"There is no secret in {data}. Set DEALERNET_SECRET, or name the data folder."
        ) from None
    except PermissionError:
        raise ConfigurationError(f"{path} belongs to another user; only that user may use the network.") from None
    if len(first.strip()) < 32:
        raise ConfigurationError(f"The secret in {path} is too short; bring the right one back from a backup.")
    words = [line.split() for line in more if line.strip()]
    try:
        previous = next((value for name, value in (w for w in words if len(w) == 2) if name == "previous"), "")
        lasting = {purpose: value for name, purpose, value in (w for w in words if len(w) == 3) if name == "lasting"}
    except ValueError:
        raise ConfigurationError(f"{path} cannot be read; bring the right one back from a backup.") from None
    return keys.Secrets(first.strip(), previous, lasting)


def save_secrets(data: Path, found: keys.Secrets) -> None:
    """Write the file ``secret``, readable by us alone, whole or not at all."""
    lines = [found.current]
    lines += [f"previous {found.previous}"] if found.previous else []
    lines += [f"lasting {purpose} {value}" for purpose, value in found.lasting.items()]
    _write_privately(data / "secret", "\n".join(lines) + "\n")


def save_process_keys(data: Path, found: keys.Secrets) -> None:
    """Write the file of keys of every process, which running processes read anew (kernel.tenancy.keys)."""
    folder = data / "run" / "keys"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for process in keys.PROCESS_KEYS:
        _write_privately(keys_file(data, process), json.dumps(keys.environment_for(process, found)))


def keys_file(data: Path, process: str) -> Path:
    """The file of keys of a process."""
    return data / "run" / "keys" / f"{process}.json"


def _write_privately(path: Path, text: str) -> None:
    work = path.with_name(path.name + ".new")
    work.unlink(missing_ok=True)
    with open(os.open(work, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    work.rename(path)


def secret_of(data: Path, *, create: bool = False) -> str:
    """The installation's secret alone. Raises ConfigurationError when there is none."""
    return secrets_of(data, create=create).current


def superuser_environment(database: Database, secret: keys.Secrets) -> dict[str, str]:
    """Who bootstraps the database: the embedded server's superuser, or the user that DATABASE_URL names."""
    found = {"DEALERNET_SUPERUSER": database.user or "postgres"}
    if database.password:
        return {**found, keys.variable("superuser"): database.password, f"{keys.variable('superuser')}_PREVIOUS": ""}
    return {**found, keys.variable("superuser"): keys.derive(secret.current, "superuser")}


def use_network(data: Path | None) -> Network:
    """Set this process' environment so that it can talk to a running network, with all keys.

    ``data`` is the data folder. Without it the environment counts (DATABASE_URL with DEALERNET_SECRET), and without
    that the folder ``.dealernet``. Call it before Django's settings are imported.
    Raises ConfigurationError, saying what is missing.
    """
    given = os.environ.get("DATABASE_URL")
    if data is None and given and os.environ.get("DEALERNET_SECRET"):
        folder = Path(os.environ.get("DEALERNET_DATA", DEFAULT_DATA)).resolve()
        network = Network(
            database=database_from_url(given),
            broker_url=os.environ.get("BROKER_URL", ""),
            cache_url=os.environ.get("CACHE_URL", ""),
            base_domain=os.environ.get("DEALERNET_BASE_DOMAIN", "localhost"),
        )
    else:
        folder = (data or Path(os.environ.get("DEALERNET_DATA", DEFAULT_DATA))).resolve()
        network = Network.load(folder)
    secret = secrets_of(folder)
    os.environ.update(network.environment())
    os.environ.update(keys.environment_for("command", secret))
    os.environ.update(superuser_environment(network.database, secret))
    os.environ["DEALERNET_DATA"] = str(folder)
    os.environ.setdefault("DEALERNET_PROCESS", "command")
    return network
