"""Make API tokens for people."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import timedelta

NETWORK = True


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="create", required=True)
    create = verbs.add_parser("create", help="make a token; it is printed once, alone on the last line")
    create.add_argument("--host", required=True, help="the member: its host (north.localhost) or slug (north)")
    create.add_argument("--login", required=True, help="whose token; it can never do more than this person's role")
    create.add_argument(
        "--scope",
        dest="scopes",
        metavar="NOUN:read|write",
        action="append",
        default=[],
        help="may be repeated (default: all of the role)",
    )
    create.add_argument("--name", default="command line", help="what the token is for")
    create.add_argument("--days", type=int, default=90, help="valid for so many days, at most 366")


def run(args: argparse.Namespace) -> int:
    """Make the token. 1 when the person does not exist or the input is refused."""
    from dealernet.commands._members import member_at
    from kernel import clock
    from kernel.accounts import actions
    from kernel.accounts.actors import SYSTEM
    from kernel.accounts.models import User
    from kernel.accounts.scopes import scopes_for
    from kernel.errors import DomainError
    from kernel.tenancy.bindings import bound

    member = member_at(args.host)
    scopes = [scope for given in args.scopes for scope in given.replace(",", " ").split()]
    with bound(member.binding):
        person = User.objects.filter(login__iexact=args.login, is_active=True).first()
        if person is None:
            return _refuse(args, f"nobody signs in as {args.login!r} at {member.slug}")
        try:
            token, text = actions.create_token(
                actor=SYSTEM,
                user=person,
                name=args.name,
                scopes=scopes or scopes_for(person.role),
                expires_at=clock.now() + timedelta(days=args.days),
            )
        except DomainError as refusal:
            return _refuse(args, str(refusal))
    if args.json:
        print(json.dumps({"id": str(token.pk), "login": person.login, "scopes": token.scopes, "token": text}))
        return 0
    print(
        f"Token for {person.login} at {member.slug}, valid until {token.expires_at:%Y-%m-%d}: {' '.join(token.scopes)}"
    )
    print(text)
    return 0


def _refuse(args: argparse.Namespace, message: str) -> int:
    if args.json:
        print(json.dumps({"error": message}, ensure_ascii=False))
    print(f"dealernet token create: {message}", file=sys.stderr)
    return 1
