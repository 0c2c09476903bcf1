"""Restore the backup of a whole installation on an empty server, or into an empty data folder."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="what `dealernet backup` wrote")
    parser.add_argument("--secret", type=Path, metavar="FILE", help="the installation's secret, for a new data folder")


def run(args: argparse.Namespace) -> int:
    """1 when the installation is not whole afterwards. The network must not be running."""
    from dealernet import config
    from dealernet.config import ConfigurationError

    data = (args.data or Path(os.environ.get("DEALERNET_DATA", config.DEFAULT_DATA))).resolve()
    if args.secret:
        data.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        if (data / "secret").exists():
            raise ConfigurationError(f"{data} has a secret already: leave out --secret, or choose another folder.")
        shutil.copyfile(args.secret, data / "secret")
        (data / "secret").chmod(0o600)
    with _server(data):
        import django

        django.setup()
        from dealernet.installation import InstallationError, restore
        from dealernet.moving.programs import NoProgram

        try:
            figures = restore(args.folder)
        except (InstallationError, NoProgram) as error:
            print(f"dealernet restore: {error}", file=sys.stderr)
            return 1
    if args.json:
        print(json.dumps(figures))
    else:
        print(f"{figures['rows']} rows in {figures['tables']} tables, {figures['logins']} dealerships' logins.")
        for problem in figures["problems"]:
            print(f"  {problem}")
        print(f"Start it with `dealernet up --data {data}`.")
    return 1 if figures["problems"] or figures["upgrade"]["failed"] else 0


@contextmanager
def _server(data: Path) -> Iterator[None]:
    """The server: the one that DATABASE_URL names, or the embedded one of the data folder, for as long as it takes."""
    from dealernet import config, keys
    from dealernet.config import Network
    from dealernet.embedded.postgres import PostgresServer

    secret = config.secrets_of(data)
    os.environ["DEALERNET_DATA"] = str(data)
    if url := os.environ.get("DATABASE_URL"):
        Network(database=config.database_from_url(url), broker_url="", cache_url="").save(data)
        config.use_network(data)
        yield
        return
    server = PostgresServer(data / "postgres", run=str(data), log_file=data / "log" / "postgres.log")
    (data / "log").mkdir(mode=0o700, exist_ok=True)
    server.start(keys.derive(secret.current, "superuser"))
    try:
        found = config.Database(host=server.host, port=server.port)
        Network(database=found, broker_url="", cache_url="").save(data)
        config.use_network(data)
        yield
    finally:
        server.stop()
