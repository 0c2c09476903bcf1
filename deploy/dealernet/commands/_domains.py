"""Host names of a dealership's own, for operators: `dealernet dealer domains`."""

from __future__ import annotations

import argparse
import json
from typing import Any


def configure(verbs: Any) -> None:
    parser = verbs.add_parser("domains", help="host names of a dealership's own: show, add, check, prefer, release")
    parser.add_argument("slug", metavar="S")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--add", metavar="HOST", help="begin an attempt and print the record that proves it")
    what.add_argument("--check", action="store_true", help="look for the records of all of its names now")
    what.add_argument("--prefer", metavar="HOST", help="make a host that leads to it the main address")
    what.add_argument("--release", metavar="HOST", help="give a name up, or withdraw an attempt")


def run(args: argparse.Namespace) -> int:
    """Carried out with the steward's own functions. Raises DomainError."""
    from dealernet.commands._members import operator
    from kernel.tenancy import hosts
    from kernel.tenancy.bindings import Owner, bound
    from kernel.tenancy.models import HostClaim
    from kernel.tenancy.steward import domains

    tenant = _tenant(args.slug)
    if args.add:
        domains.ask(args.slug, args.add, by=operator())
    elif args.prefer:
        domains.prefer(args.slug, _bound_host(args.prefer))
    elif args.release:
        domains.release(args.slug, args.release)
    elif args.check:
        with bound(Owner()):
            names = [claim.host for claim in HostClaim.objects.filter(tenant=tenant, state__in=domains.OPEN)]
        for name in names:
            domains.check(args.slug, name)
    with bound(Owner()):
        leads = list(tenant.domains.order_by("-is_primary", "domain").values_list("domain", "is_primary"))
        claims = list(HostClaim.objects.filter(tenant=tenant))
        others = {claim.pk: domains.held_by_another(tenant, claim.host) for claim in claims if claim.state == "asked"}
    document = {
        "slug": tenant.slug,
        "hosts": [{"host": host, "main": main} for host, main in leads],
        "names": [
            {
                "host": claim.host,
                "shown": hosts.shown(claim.host),
                "state": claim.state,
                "record": hosts.record_name(claim.host),
                "text": hosts.record_text(claim.token),
                "problem": claim.problem,
                "missing_since": claim.missing_since.isoformat() if claim.missing_since else None,
                "kept_until": claim.kept_until.isoformat() if claim.kept_until else None,
                "held_by": other.slug if (other := others.get(claim.pk)) else None,
            }
            for claim in claims
        ],
    }
    if args.json:
        print(json.dumps(document, ensure_ascii=False))
    else:
        _print(document)
    return 0


def _tenant(slug: str) -> Any:
    from kernel.errors import Missing
    from kernel.tenancy.bindings import Owner, bound
    from kernel.tenancy.models import Kind, Tenant

    with bound(Owner()):
        tenant = Tenant.objects.filter(slug=slug, kind=Kind.DEALERSHIP).first()
    if tenant is None:
        raise Missing(f"There is no dealership {slug!r}.")
    return tenant


def _bound_host(text: str) -> str:
    """As it stands in the directory: the first host of a dealership is no name of its own."""
    from kernel.errors import Invalid
    from kernel.tenancy import hosts

    try:
        return hosts.normalise(text)
    except Invalid:
        return text.lower()


def _print(document: dict[str, Any]) -> None:
    for lead in document["hosts"]:
        print(f"{lead['host']:<40} {'main address' if lead['main'] else ''}".rstrip())
    for name in document["names"]:
        print(f"{name['shown']:<40} {name['state']}{', ' + name['problem'] if name['problem'] else ''}")
        if name["state"] == "asked":
            print(f"    enter: {name['record']} TXT {name['text']}")
        if name["held_by"]:
            print(f"    belongs to, or is kept for, {name['held_by']} (the dealership is not told)")
        if name["missing_since"]:
            print(f"    the record has been missing since {name['missing_since'][:16]}")
        if name["kept_until"]:
            print(f"    given to nobody else until {name['kept_until'][:10]}")
