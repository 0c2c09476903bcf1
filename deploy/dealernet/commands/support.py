"""Ask a dealership to be let in for support, and come in when its general manager has said yes."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dealer.support.models import Access
    from kernel.tenancy.directory import Member

NETWORK = True


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="ask|list|open|end", required=True)
    ask = verbs.add_parser("ask", help="ask a dealership; its general manager answers on its own pages")
    ask.add_argument("slug", metavar="SLUG", help="the dealership")
    ask.add_argument("--reason", required=True, help="why, in words that the general manager reads")
    ask.add_argument("--hours", required=True, type=int, help="for how many hours from the approval, 72 at most")
    ask.add_argument("--may", choices=["read", "work"], default="read", help="look only (read), or work too")
    ask.add_argument(
        "--area",
        choices=["technical", "everything"],
        default="technical",
        help="technical: stock, exchange and settings without customers; everything: customers too",
    )
    ask.add_argument("--by", default="", help="the name of whoever will come (default: the account's on this machine)")
    listed = verbs.add_parser("list", help="what was asked, and what became of it")
    listed.add_argument("slug", metavar="SLUG", nargs="?", help="one dealership (default: all)")
    opened = verbs.add_parser("open", help="print a one-time sign-in link for an approved access, good for ten minutes")
    ended = verbs.add_parser("end", help="end an open access, or take a request back")
    for verb in (opened, ended):
        verb.add_argument("id", metavar="ID", help="as `ask` and `list` print it: SLUG/ID")


def run(args: argparse.Namespace) -> int:
    """1 when the input is refused, or the access is not open."""
    from kernel.errors import DomainError

    try:
        return {"ask": _ask, "list": _list, "open": _open, "end": _end}[args.verb](args)
    except DomainError as refusal:
        return _refused(args, str(refusal))


def _refused(args: argparse.Namespace, text: str) -> int:
    if args.json:
        print(json.dumps({"error": text}, ensure_ascii=False))
    print(f"dealernet support {args.verb}: {text}", file=sys.stderr)
    return 1


def _document(slug: str, access: Access) -> dict[str, Any]:
    return {
        "id": f"{slug}/{access.pk}",
        "from": access.origin,
        "by": access.asked_by,
        "reason": access.reason,
        "hours": access.hours,
        "may": access.may,
        "area": access.area,
        "state": access.state,
        "asked_at": access.asked_at.isoformat(timespec="seconds"),
        "until": access.until.isoformat(timespec="seconds") if access.until else None,
    }


def _print(args: argparse.Namespace, document: dict[str, Any], *lines: str) -> int:
    print(json.dumps(document, ensure_ascii=False) if args.json else "\n".join(lines))
    return 0


def _ask(args: argparse.Namespace) -> int:
    from dealer.support import actions
    from dealernet.commands._members import member_at
    from kernel.accounts.actors import SYSTEM
    from kernel.tenancy.bindings import bound

    member = _dealership(member_at(args.slug))
    with bound(member.binding):
        access = actions.ask_access(
            actor=SYSTEM,
            by=args.by or getpass.getuser(),
            reason=args.reason,
            hours=args.hours,
            may=args.may,
            area=args.area,
        )
        document = _document(member.slug, access)
    return _print(
        args,
        document,
        f"Asked {member.slug}: {document['id']}",
        "Its general manager sees the request on the start page and under “Support access”.",
        f"When it is approved: dealernet support open {document['id']}",
    )


def _dealership(member: Member) -> Member:
    from dealernet.config import ConfigurationError

    if member.is_portal:
        raise ConfigurationError("The portal is the manufacturer's: it is no dealership.")
    return member


def _list(args: argparse.Namespace) -> int:
    from dealer.support.models import Access
    from dealernet.commands._members import member_at
    from kernel.tenancy.bindings import Dealer, bound
    from kernel.tenancy.models import Kind, State, Tenant

    if args.slug:
        member = _dealership(member_at(args.slug))
        members = [(member.slug, member.binding)]
    else:
        rows = Tenant.objects.filter(kind=Kind.DEALERSHIP, state=State.ACTIVE).order_by("slug")
        members = [(slug, Dealer(id_)) for slug, id_ in rows.values_list("slug", "id")]
    found = []
    for slug, binding in members:
        with bound(binding):
            found += [_document(slug, access) for access in Access.objects.all()]
    if args.json:
        print(json.dumps(found, ensure_ascii=False))
        return 0
    for one in found:
        until = f" until {one['until']}" if one["until"] else ""
        print(f"{one['id']}  {one['state']}{until}  {one['by']}, {one['may']}, {one['area']}: {one['reason']}")
    if not found:
        print("Nothing was asked.")
    return 0


def _named(text: str) -> tuple[Member, str]:
    """The dealership and the id in `SLUG/ID`."""
    from dealernet.commands._members import member_at
    from dealernet.config import ConfigurationError

    slug, slash, id_ = text.partition("/")
    if not slash:
        raise ConfigurationError("Name it as `dealernet support list` does: SLUG/ID.")
    return _dealership(member_at(slug)), id_


def _access(id_: str) -> Access:
    """The access with an id, of the bound dealership. Raises ConfigurationError."""
    from dealer.support.models import Access
    from dealernet.config import ConfigurationError
    from kernel.accounts.access import find
    from kernel.errors import Missing

    try:
        return find(Access.objects.all(), id_)
    except Missing:
        raise ConfigurationError(f"There is no support access {id_!r}. `dealernet support list` shows them.") from None


def _open(args: argparse.Namespace) -> int:
    from dealer.support import actions
    from dealernet.commands._members import web_host
    from kernel.accounts.actors import SYSTEM
    from kernel.accounts.links import address_at
    from kernel.tenancy.bindings import bound

    member, id_ = _named(args.id)
    with bound(member.binding):
        access = _access(id_)
        code = actions.make_code(actor=SYSTEM, access=access)
        document = _document(member.slug, access)
    link = address_at(web_host(member.slug), f"/support/enter/{code}/")
    minutes = actions.LINK_FOR.seconds // 60
    return _print(
        args,
        document | {"link": link},
        f"Open this address once, within {minutes} minutes. Every page and every act is written down there:",
        link,
    )


def _end(args: argparse.Namespace) -> int:
    from dealer.support import actions
    from kernel.accounts.actors import SYSTEM
    from kernel.tenancy.bindings import bound

    member, id_ = _named(args.id)
    with bound(member.binding):
        access = actions.withdraw_access(actor=SYSTEM, access=_access(id_))
        document = _document(member.slug, access)
    return _print(args, document, f"{document['id']} is {document['state']}.")
