"""Add, list, show and retire dealerships; take their data along, bring it, back it up, restore and delete it."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from dealernet.commands import _domains, _moving
from dealernet.commands._members import operator

NETWORK = True

#: Seconds between two looks at the steward's answer, and after which the command stops looking.
LOOK, PATIENCE = 0.2, 120.0


LIMITS = {
    "requests": "requests that each web process works on at once; `standard` for what holds for all",
    "statement_seconds": "the longest that one query may take",
    "jobs_at_once": "background jobs at once",
    "jobs_per_minute": "background jobs begun in a minute",
    "storage_mb": "megabytes of tables and files",
    "exports_per_day": "files that people take from lists in a day",
}


def _limit(word: str) -> int | str:
    return word if word == "standard" else int(word)


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    add = verbs.add_parser("add", help="set up a dealership and print how its first person signs in")
    add.add_argument("name", metavar="NAME", help="the company's name")
    add.add_argument("--slug", required=True, help="the first part of its web address")
    add.add_argument("--province", default="", help="name or code of GB/T 2260")
    add.add_argument("--city", default="", help="name or code of GB/T 2260")
    add.add_argument("--brand", action="append", default=[], metavar="CODE", help="may be given several times")
    add.add_argument("--manager-login", default="manager", help="the sign-in name of its general manager")
    add.add_argument("--manager-name", default="", help="the general manager's name")
    add.add_argument("--manager-email", default="", help="the general manager's mail address")
    add.add_argument("--language", default="zh-hans", choices=["zh-hans", "zh-hant", "en"])
    verbs.add_parser("list", help="all dealerships with their states")
    show = verbs.add_parser("show", help="one dealership with everything known of it")
    show.add_argument("slug", metavar="S")
    limits = verbs.add_parser("limits", help="what a dealership may use of what all share, and what it uses")
    limits.add_argument("slug", metavar="S")
    for name, text in LIMITS.items():
        limits.add_argument(f"--{name.replace('_', '-')}", metavar="N", type=_limit, help=text)
    retire = verbs.add_parser(
        "retire", help="close a dealership, or confirm the portal's wish to close it; its data is kept"
    )
    retire.add_argument("slug", metavar="S")
    retire.add_argument("--yes", action="store_true", help="do not ask")
    retire.add_argument("--keep-days", type=_days, metavar="N", help="how long its data is kept at least")
    _moving.configure(verbs)
    _domains.configure(verbs)


def _days(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError("a whole number of days")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """1 when the input is refused or the steward fails or does not answer."""
    from kernel.errors import DomainError
    from kernel.tenancy.bindings import Portal, bound

    if args.verb in _moving.VERBS:
        return _moving.run(args)
    try:
        if args.verb == "domains":
            return _domains.run(args)
        if args.verb == "retire":
            return _retire(args)
        with bound(Portal()):
            return {"add": _add, "list": _list, "show": _show, "limits": _limits}[args.verb](args)
    except DomainError as refusal:
        return _failed(args, str(refusal))


def _failed(args: argparse.Namespace, text: str) -> int:
    if args.json:
        print(json.dumps({"error": text}, ensure_ascii=False))
    print(f"dealernet dealer {args.verb}: {text}", file=sys.stderr)
    return 1


def _say(args: argparse.Namespace, text: str) -> None:
    """Progress goes to standard error when standard output carries a JSON document."""
    print(text, file=sys.stderr if args.json else sys.stdout, flush=True)


def _document(dealership: Any) -> dict[str, Any]:
    from dealernet.commands._members import web_host
    from oem.network.queries import address_of, region_name

    return {
        "id": str(dealership.id),
        "slug": dealership.slug,
        "name": dealership.name,
        "state": dealership.state,
        "province": region_name(dealership.province),
        "city": region_name(dealership.city),
        "address": address_of(dealership.slug, port=web_host(dealership.slug).partition(":")[2]),
    }


def _add(args: argparse.Namespace) -> int:
    from dealernet.commands._members import web_host
    from kernel.accounts import links
    from kernel.accounts.actors import SYSTEM
    from oem.network import actions
    from oem.network.models import DealershipState

    joining = actions.add_dealership(
        actor=SYSTEM,
        slug=args.slug,
        name=args.name,
        province=args.province,
        city=args.city,
        brands=tuple(args.brand),
        manager_login=args.manager_login,
        manager_name=args.manager_name,
        manager_email=args.manager_email,
        language=args.language,
    )
    _say(args, f"Asked the steward to set up {joining.dealership.slug}.")
    dealership, error = _wait(args, joining.dealership)
    if dealership.state != DealershipState.ACTIVE:
        return _failed(args, error)
    document = _document(dealership)
    link = links.address_of(joining.first_link, web_host(dealership.slug))
    if args.json:
        print(json.dumps({**document, "login": joining.login, "invitation": link}, ensure_ascii=False))
        return 0
    print(f"{dealership.name} is ready at {document['address']}")
    print(f"Its general manager is {joining.login}. Open this address once, within seven days, and choose a password:")
    print(link)
    return 0


def _wait(args: argparse.Namespace, dealership: Any) -> tuple[Any, str]:
    """Look until the steward has answered; the dealership then, and why it failed (if it did)."""
    from kernel.accounts.actors import SYSTEM
    from kernel.tenancy.models import RequestState
    from oem.network import actions, queries

    end = time.monotonic() + PATIENCE
    said = ""
    while True:
        request = queries.steward_request(dealership)
        if request is None:
            return dealership, "There is no request for it."
        if request.state != said:
            said = request.state
            _say(args, f"The steward: {request.get_state_display()}.")
        if request.state in (RequestState.DONE, RequestState.FAILED):
            return actions.note_answer(actor=SYSTEM, dealership=dealership), request.error.partition("\n")[0]
        if time.monotonic() > end:
            return dealership, (
                "The steward has not answered. Is the network running? The request stays and is carried out later."
            )
        time.sleep(LOOK)


def _list(args: argparse.Namespace) -> int:
    from oem.network.models import Dealership

    documents = [_document(dealership) for dealership in Dealership.objects.all()]
    if args.json:
        print(json.dumps({"dealerships": documents}, ensure_ascii=False))
        return 0
    for one in documents:
        print(f"{one['slug']:<16} {one['state']:<9} {one['city'] or one['province'] or '–':<14} {one['name']}")
    if not documents:
        print("There are no dealerships yet. Add one with `dealernet dealer add NAME --slug S`.")
    return 0


def _show(args: argparse.Namespace) -> int:
    from oem.network import queries

    dealership = _found(args.slug)
    request = queries.steward_request(dealership)
    entry = queries.directory_entry(dealership)
    document = {
        **_document(dealership),
        "capabilities": [
            {
                "brand": one.brand,
                "series": one.series or None,
                "sells": one.sells,
                "services": one.services,
                "from": one.valid_from.isoformat(),
                "until": one.valid_until.isoformat() if one.valid_until else None,
            }
            for one in dealership.capabilities.all()
        ],
        "sites": [site.name for site in dealership.sites.all()],
        "regions": [territory.region for territory in dealership.territories.all()],
        "directory": entry.state if entry else None,
        **{name: moment.isoformat() for name, moment in queries.leaving_dates(entry).items()},
        "moves": [
            {
                "kind": move.kind,
                "at": move.at.isoformat(),
                "source": move.source,
                "kept_schema": "" if move.dropped_at else move.kept_schema,
                "settled": move.settled_at is not None,
            }
            for move in (entry.moves.all() if entry else ())
        ],
        "last_request": {"verb": request.verb, "state": request.state, "error": request.error} if request else None,
    }
    if args.json:
        print(json.dumps(document, ensure_ascii=False))
        return 0
    for key in ("name", "slug", "state", "address", "province", "city"):
        print(f"{key + ':':<10} {document[key]}")
    for one in document["capabilities"]:
        verbs = " and ".join(word for word in ("sells", "services") if one[word])
        until = f" until {one['until']}" if one["until"] else ""
        print(f"{'may:':<10} {verbs} {one['brand']} {one['series'] or ''} from {one['from']}{until}")
    for name in document["sites"]:
        print(f"{'site:':<10} {name}")
    if document["regions"]:
        print(f"{'regions:':<10} {', '.join(document['regions'])}")
    for key, label in (("retired_at", "left:"), ("drop_after", "kept to:"), ("dropped_at", "deleted:")):
        if key in document:
            print(f"{label:<10} {document[key][:10]}")
    for move in document["moves"]:
        kept = f", {move['kept_schema']} is kept" if move["kept_schema"] else ""
        print(f"{move['kind'] + ':':<10} {move['at'][:16]} from {move['source']}{kept}")
    if request and request.error:
        print(f"{'problem:':<10} {request.error.partition(chr(10))[0]}")
    return 0


def _limits(args: argparse.Namespace) -> int:
    from kernel.accounts.actors import SYSTEM
    from kernel.errors import Invalid
    from kernel.tenancy.models import Limits
    from oem.network import actions, queries

    dealership = _found(args.slug)
    given = {name: getattr(args, name) for name in LIMITS if getattr(args, name) is not None}
    if given:
        wanted = {name: None if value == "standard" else value for name, value in given.items()}
        try:
            actions.set_limits(actor=SYSTEM, dealership=dealership, **wanted)
        except Invalid as problem:
            return _failed(args, "; ".join(f"--{e.field.replace('_', '-')}: {e.message}" for e in problem.errors))
    allowed, use = queries.limits_of(dealership)
    own = Limits.objects.filter(tenant_id=dealership.id).first()
    document = {
        "slug": dealership.slug,
        "limits": {name: getattr(allowed, name) for name in LIMITS},
        "own": [name for name in LIMITS if own and getattr(own, name) is not None],
        "use": {
            "table_bytes": use.table_bytes,
            "file_bytes": use.file_bytes,
            "measured_at": use.measured_at.isoformat(timespec="seconds"),
        }
        if use
        else None,
    }
    if args.json:
        print(json.dumps(document, ensure_ascii=False))
        return 0
    for name, text in LIMITS.items():
        mark = "own" if name in document["own"] else "standard"
        print(f"{name.replace('_', '-'):<18} {getattr(allowed, name):>8}  {mark:<9} {text.partition(';')[0]}")
    print(
        f"in use             {use.storage_mb:8.1f}  MB, measured {use.measured_at:%Y-%m-%d %H:%M} UTC"
        if use
        else "in use                    –  MB, not measured yet"
    )
    return 0


def _found(slug: str) -> Any:
    from kernel.errors import Missing
    from oem.network.models import Dealership

    dealership = Dealership.objects.filter(slug=slug).prefetch_related("capabilities", "sites", "territories").first()
    if dealership is None:
        raise Missing(f"There is no dealership {slug!r}.")
    return dealership


def _retire(args: argparse.Namespace) -> int:
    """Both signatures: the portal's, unless somebody there has asked for it, and the operator's."""
    from kernel.accounts.actors import SYSTEM
    from kernel.tenancy.bindings import PORTAL_SCHEMA, Owner, Portal, bound
    from oem.network import actions, queries
    from oem.network.models import DealershipState

    with bound(Portal()):
        dealership = _found(args.slug)
        asked = queries.steward_request(dealership) if dealership.state == DealershipState.RETIRING else None
    if asked is not None:
        _say(args, f"{asked.requested_by} asked for it on {asked.requested_at:%Y-%m-%d %H:%M} UTC.")
    if not args.yes:
        if not sys.stdin.isatty():
            return _failed(args, "Say --yes to retire without being asked.")
        print(f"{dealership.name} will be closed: its people can no longer sign in. Its data is kept.")
        if input(f"Type {dealership.slug} to confirm: ").strip() != dealership.slug:
            return _failed(args, "Not confirmed; nothing was changed.")
    if asked is None:
        with bound(Portal()):
            actions.retire_dealership(actor=SYSTEM, dealership=dealership, confirmation=dealership.slug)
    with bound(Owner(PORTAL_SCHEMA)):
        actions.confirm_retirement(actor=SYSTEM, dealership=dealership, signed_by=operator())
    with bound(Portal()):
        dealership, error = _wait(args, _found(args.slug))
        document = _document(dealership)
    if dealership.state != DealershipState.RETIRED:
        return _failed(args, error)
    document |= _keep(args, dealership.id)
    if args.json:
        print(json.dumps(document, ensure_ascii=False))
    else:
        print(f"{dealership.name} is retired; its data is kept.")
        print(f"It may be deleted after {document['drop_after'][:10]}: dealernet dealer drop {dealership.slug}")
    return 0


def _keep(args: argparse.Namespace, dealer_id: Any) -> dict[str, str]:
    """How long the data is kept: the installation's time, or what was asked for."""
    from datetime import timedelta

    from kernel.tenancy.bindings import Owner, bound
    from kernel.tenancy.models import Tenant

    with bound(Owner()):
        tenant = Tenant.objects.get(id=dealer_id)
        if args.keep_days is not None and tenant.retired_at is not None:
            tenant.drop_after = tenant.retired_at + timedelta(days=args.keep_days)
            tenant.save(update_fields=["drop_after"])
    return {"drop_after": tenant.drop_after.isoformat() if tenant.drop_after else ""}
