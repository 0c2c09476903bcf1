"""Show where the schemas of the network stand, bring them to this release, or compare their structure."""

from __future__ import annotations

import argparse
import json
import sys
import time

NETWORK = True

#: Seconds without a sign of life of the steward after which the command says so.
SILENCE = 30.0


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="status|upgrade|verify", required=True)
    verbs.add_parser("status", help="every schema, its release and what went wrong")
    upgrading = verbs.add_parser("upgrade", help="bring every schema to this release; nothing to do is one query")
    upgrading.add_argument("--canary", default="", metavar="S", help="the dealership that goes first")
    upgrading.add_argument("--connections", type=int, default=0, metavar="N", help="how many at once (4)")
    verbs.add_parser("verify", help="compare the structure of every dealership with a new one's")


def run(args: argparse.Namespace) -> int:
    return {"status": status, "upgrade": upgrade, "verify": verify}[args.verb](args)


def status(args: argparse.Namespace) -> int:
    """1 when a schema is not at this release."""
    from kernel.release import RELEASE
    from kernel.tenancy import rendering
    from kernel.tenancy.bindings import Portal, bound
    from kernel.tenancy.models import SchemaState, Tenant

    wanted = {kind: rendering.wanted(kind) for kind in rendering.KINDS}
    with bound(Portal()):
        rows = list(SchemaState.objects.all())
        slugs = dict(Tenant.objects.values_list("schema_name", "slug"))
    schemas = [
        {
            "schema": row.schema_name,
            "slug": slugs.get(row.schema_name, ""),
            "kind": row.kind,
            "current": row.checksum == wanted[row.kind],
            "release": row.release,
            "applied_at": row.applied_at.isoformat(),
            "error": row.error,
        }
        for row in rows
    ]
    behind = sum(not schema["current"] for schema in schemas)
    if args.json:
        print(json.dumps({"release": RELEASE, "schemas": schemas, "behind": behind}))
    else:
        for schema in schemas:
            state = "current" if schema["current"] else f"behind {schema['error']}".rstrip()
            print(f"{schema['schema']:16} {schema['slug']:16} {schema['kind']:14} {state}")
        print(f"release {RELEASE}: {len(schemas)} schemas, {behind} behind")
    return 1 if behind else 0


def upgrade(args: argparse.Namespace) -> int:
    """1 when the steward fails or does not answer, and when a schema is behind afterwards."""
    from kernel.tenancy.bindings import Portal, bound
    from kernel.tenancy.models import FleetUpgrade, RequestState, StewardRequest, UpgradeState

    arguments = {"canary": args.canary, "connections": args.connections}
    with bound(Portal()):
        request = StewardRequest.objects.create(
            verb="upgrade", arguments=arguments, requested_by="dealernet fleet upgrade"
        )
    said, heard = "", time.monotonic()
    while True:
        with bound(Portal()):
            request.refresh_from_db()
            run = FleetUpgrade.objects.filter(state=UpgradeState.RUNNING, started_at__gte=request.requested_at).first()
        if request.state in (RequestState.DONE, RequestState.FAILED):
            break
        line = f"{run.done + run.failed} of {run.schemas}" if run else str(request.get_state_display())
        if line != said:
            said, heard = line, time.monotonic()
            print(line, file=sys.stderr, flush=True)
        if request.state == RequestState.WAITING and time.monotonic() - heard > SILENCE:
            print("The steward does not answer. Is the network running? The request stays.", file=sys.stderr)
            return 1
        time.sleep(0.2)
    if request.state == RequestState.FAILED:
        print(request.error, file=sys.stderr)
        return 1
    return status(args)


def verify(args: argparse.Namespace) -> int:
    """1 when a dealership is not made like a new one."""
    from kernel.tenancy import steward

    found = steward.verify()
    if args.json:
        print(json.dumps({"unlike": found}))
    else:
        for schema, lines in found.items():
            print(schema)
            for line in lines:
                print(f"  {line}")
        print("every dealership is made like a new one" if not found else f"{len(found)} dealerships differ")
    return 1 if found else 0
