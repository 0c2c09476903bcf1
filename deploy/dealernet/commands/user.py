"""Add people to the manufacturer or a dealership, hand them a link for a password, take lost second factors away."""

from __future__ import annotations

import argparse
import json
import sys

NETWORK = True


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="add|link|reset-factors", required=True)
    add = verbs.add_parser("add", help="add a person; without a password a one-time invitation link is printed")
    add.add_argument("--host", required=True, help="the member: its host (north.localhost) or slug (north)")
    add.add_argument("--login", required=True, help="the sign-in name")
    add.add_argument("--role", required=True, help="for example sales_consultant, lead_desk")
    add.add_argument("--name", default="", help="the person's name (default: the sign-in name)")
    add.add_argument("--email", default="", help="invitations and resets go there")
    add.add_argument("--language", default="zh-hans", choices=["zh-hans", "zh-hant", "en"])
    add.add_argument("--password-stdin", action="store_true", help="read the password from the first line of stdin")
    link = verbs.add_parser("link", help="print a one-time address where a person chooses a password")
    link.add_argument("--host", required=True, help="the member: its host (north.localhost) or slug (north)")
    link.add_argument("--login", required=True, help="the sign-in name")
    factors = verbs.add_parser("reset-factors", help="take all second factors from somebody who lost them")
    factors.add_argument("--host", required=True, help="the member: its host (north.localhost) or slug (north)")
    factors.add_argument("--login", required=True, help="the sign-in name")


def run(args: argparse.Namespace) -> int:
    """1 when the input is refused."""
    return {"add": _add, "link": _link, "reset-factors": _reset_factors}[args.verb](args)


def _refused(args: argparse.Namespace, text: str) -> int:
    if args.json:
        print(json.dumps({"error": text}, ensure_ascii=False))
    print(f"dealernet user {args.verb}: {text}", file=sys.stderr)
    return 1


def _link(args: argparse.Namespace) -> int:
    from dealernet.commands._members import main_host, member_at
    from kernel.accounts import actions
    from kernel.accounts.actors import SYSTEM
    from kernel.accounts.models import User
    from kernel.errors import DomainError
    from kernel.tenancy.bindings import bound

    member = member_at(args.host)
    host = main_host(member)
    try:
        with bound(member.binding):
            person = User.objects.filter(login__iexact=args.login).first()
            if person is None:
                return _refused(args, f"Nobody has the sign-in name {args.login!r} at {member.slug}.")
            link = actions.hand_out_link(actor=SYSTEM, person=person, host=host)
    except DomainError as refusal:
        return _refused(args, str(refusal))
    if args.json:
        print(json.dumps({"login": person.login, "link": link}, ensure_ascii=False))
        return 0
    hours = "one hour" if person.has_usable_password() else "seven days"
    print(f"Hand this address to {person.name}. It works once, within {hours}:")
    print(link)
    return 0


def _reset_factors(args: argparse.Namespace) -> int:
    from dealernet.commands._members import member_at
    from kernel.accounts import actions
    from kernel.accounts.actors import SYSTEM
    from kernel.accounts.models import User
    from kernel.tenancy.bindings import bound

    member = member_at(args.host)
    with bound(member.binding):
        person = User.objects.filter(login__iexact=args.login).first()
        if person is None:
            return _refused(args, f"Nobody has the sign-in name {args.login!r} at {member.slug}.")
        number = actions.reset_factors(actor=SYSTEM, person=person)
    if args.json:
        print(json.dumps({"login": person.login, "factors_removed": number}, ensure_ascii=False))
        return 0
    print(f"{person.name} had {number} second factors. They are gone; the next sign-in needs the password alone.")
    return 0


def _add(args: argparse.Namespace) -> int:
    from django.db import transaction

    from dealernet.commands._members import main_host, member_at
    from kernel.accounts import actions
    from kernel.accounts.actors import SYSTEM
    from kernel.errors import DomainError
    from kernel.tenancy.bindings import bound

    member = member_at(args.host)
    host = main_host(member)
    password = sys.stdin.readline().rstrip("\r\n") if args.password_stdin else None
    try:
        with bound(member.binding), transaction.atomic():
            person = actions.add_person(
                actor=SYSTEM,
                login=args.login,
                name=args.name or args.login,
                role=args.role,
                email=args.email,
                language=args.language,
                password=password,
            )
            link = "" if password else actions.invite(actor=SYSTEM, person=person, host=host)
    except DomainError as refusal:
        return _refused(args, str(refusal))
    if args.json:
        document = {"id": str(person.pk), "login": person.login, "role": person.role, "invitation": link or None}
        print(json.dumps(document, ensure_ascii=False))
        return 0
    print(f"Added {person.login} ({person.role}) at {member.slug}.")
    if link:
        print("Open this address once, within seven days, and choose a password:")
        print(link)
    return 0
