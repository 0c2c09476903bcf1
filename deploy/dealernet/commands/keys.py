"""Change the installation's keys while the network runs, and end a change."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
from pathlib import Path
from typing import Any


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="status|rotate|forget", required=True)
    verbs.add_parser("status", help="whether a change is under way")
    verbs.add_parser("rotate", help="make new keys, and change every login and everything sealed to them")
    verbs.add_parser("forget", help="forget the keys before: links sent until the change open no more")


def run(args: argparse.Namespace) -> int:
    """2 where the secret does not stand in the data folder: whoever gave it has to change it there."""
    from dealernet import config
    from dealernet.config import ConfigurationError

    if os.environ.get("DEALERNET_SECRET"):
        raise ConfigurationError(
            "The secret comes from DEALERNET_SECRET: set a new one there and the one before in "
            "DEALERNET_SECRET_PREVIOUS, start the processes anew one by one, then run `dealernet keys rotate` where "
            "both are set in a file. See docs/operate/keys.md."
        )
    data = (args.data or Path(os.environ.get("DEALERNET_DATA", config.DEFAULT_DATA))).resolve()
    found = config.secrets_of(data)
    return {"status": _status, "rotate": _rotate, "forget": _forget}[args.verb](args, data, found)


def _say(args: argparse.Namespace, document: dict[str, Any], text: str) -> int:
    print(json.dumps(document) if args.json else text)
    return 0


def _status(args: argparse.Namespace, data: Path, found: Any) -> int:
    text = "The keys before still open what was made with them." if found.previous else "No change is under way."
    return _say(args, {"changing": bool(found.previous)}, text)


def _forget(args: argparse.Namespace, data: Path, found: Any) -> int:
    """Ends a change, once every login and everything sealed was changed: asked of the server, not remembered."""
    from dealernet import config, keys

    if not found.previous:
        return _say(args, {"forgotten": False}, "There are no keys before.")
    _ready(data)
    if refused := _logins_that_refuse():
        print(
            f"These logins do not take the new keys: {', '.join(refused)}. Run `dealernet keys rotate`.",
            file=sys.stderr,
        )
        return 1
    after = keys.Secrets(found.current, "", found.lasting)
    config.save_secrets(data, after)
    config.save_process_keys(data, after)
    return _say(args, {"forgotten": True}, "The keys before are forgotten.")


def _rotate(args: argparse.Namespace, data: Path, found: Any) -> int:
    """Safe to repeat: killed anywhere, the next run goes on with the same new keys."""
    from dealernet import config, keys
    from kernel.checkpoints import reached

    if not found.previous:
        lasting = {**keys.lasting_of(found.current), **found.lasting}
        found = keys.Secrets(secrets.token_hex(32), found.current, lasting)
        config.save_secrets(data, found)
        reached("keys saved")
    config.save_process_keys(data, found)  # running processes know both from here on
    reached("keys handed out")
    _ready(data)
    from kernel.tenancy import steward
    from kernel.tenancy.bindings import Dealer, Portal, bound
    from kernel.tenancy.models import Kind, State, Tenant
    from kernel.tenancy.resealing import seals_of_this_member

    steward.change_superuser()
    steward.create_roles_and_database()
    reached("logins of the network changed")
    steward.repair_logins({})
    reached("logins of dealerships changed")
    sealed: dict[str, int] = {}
    with bound(Portal()):
        members = [Portal()] + [
            Dealer(id_)
            for id_ in Tenant.objects.filter(kind=Kind.DEALERSHIP, state=State.ACTIVE).values_list("id", flat=True)
        ]
    for member in members:
        with bound(member):
            for name, seal in seals_of_this_member().items():
                sealed[name] = sealed.get(name, 0) + seal()
        reached("sealed anew")
    if refused := _logins_that_refuse():
        print(f"The new keys do not open {', '.join(refused)}. Run this again.", file=sys.stderr)
        return 1
    changed = len(members) - 1
    text = f"{changed} dealerships' logins and the network's own have new keys; sealed anew: " + (
        ", ".join(f"{number} {name}" for name, number in sealed.items()) or "nothing"
    )
    end = "Links that were sent before still open. End that with `dealernet keys forget` (after seven days at most)."
    return _say(args, {"dealerships": changed, "sealed": sealed}, f"{text}.\n{end}")


def _ready(data: Path) -> None:
    import django

    from dealernet.config import use_network

    use_network(data)
    django.setup()


def _logins_that_refuse() -> list[str]:
    """The logins that cannot sign in to the database with the new keys alone."""
    import psycopg2
    from django.db import connection

    from kernel.tenancy import keys
    from kernel.tenancy.bindings import Owner, bound
    from kernel.tenancy.models import Kind, State, Tenant

    with bound(Owner()):
        logins = list(
            Tenant.objects.filter(kind=Kind.DEALERSHIP, state=State.ACTIVE).values_list("schema_name", flat=True)
        )
    refused = []
    for login in ("frontdesk", "oem", "courier", "owner", *logins):
        try:
            psycopg2.connect(
                host=connection.settings_dict["HOST"] or None,
                port=connection.settings_dict["PORT"] or None,
                dbname=connection.settings_dict["NAME"],
                user=login,
                password=keys.password(login),
            ).close()
        except psycopg2.OperationalError as error:
            if "password authentication failed" in str(error):
                refused.append(login)
    return refused
