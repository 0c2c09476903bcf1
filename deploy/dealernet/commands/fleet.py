"""Show where the schemas of the network stand, or bring them to this release."""

from __future__ import annotations

import argparse
import json
import time

NETWORK = True


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="status|upgrade", required=True)
    verbs.add_parser("status", help="every schema, its release and what went wrong")
    verbs.add_parser("upgrade", help="bring every schema to this release; nothing to do is one query")


def run(args: argparse.Namespace) -> int:
    return status(args) if args.verb == "status" else upgrade(args)


def status(args: argparse.Namespace) -> int:
    from kernel.tenancy import rendering
    from kernel.tenancy.bindings import Portal, bound
    from kernel.tenancy.models import SchemaState

    wanted = {kind: rendering.render(kind).checksum for kind in rendering.KINDS}
    with bound(Portal()):
        rows = list(SchemaState.objects.all())
    schemas = [
        {
            "schema": row.schema_name,
            "kind": row.kind,
            "current": row.checksum == wanted[row.kind],
            "applied_at": row.applied_at.isoformat(),
            "error": row.error,
        }
        for row in rows
    ]
    behind = sum(not schema["current"] for schema in schemas)
    if args.json:
        print(json.dumps({"schemas": schemas, "behind": behind}))
    else:
        for schema in schemas:
            state = "current" if schema["current"] else f"behind {schema['error']}"
            print(f"{schema['schema']:16} {schema['kind']:14} {state}")
        print(f"{len(schemas)} schemas, {behind} behind")
    return 1 if behind else 0


def upgrade(args: argparse.Namespace) -> int:
    from kernel.tenancy.bindings import Portal, bound
    from kernel.tenancy.models import RequestState, StewardRequest

    with bound(Portal()):
        request = StewardRequest.objects.create(verb="upgrade", requested_by="dealernet fleet upgrade")
    while True:
        with bound(Portal()):
            request.refresh_from_db()
        if request.state in (RequestState.DONE, RequestState.FAILED):
            break
        time.sleep(0.2)
    if request.state == RequestState.FAILED:
        print(request.error)
        return 1
    return status(args)
