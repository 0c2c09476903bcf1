"""See and repair what moves between the tiers."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any
from uuid import UUID

NETWORK = True


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="status|reconcile|verify|replay|retry|skip", required=True)
    verbs.add_parser("status", help="what waits and what is stuck, by member")
    reconcile = verbs.add_parser("reconcile", help="compare every ledger with the inboxes it wrote to")
    reconcile.add_argument("--grace", type=float, default=10.0, help="seconds within which a missing answer is fine")
    verify = verbs.add_parser("verify", help="find out whether somebody changed a ledger, and where")
    verify.add_argument(
        "--dealer", metavar="S", help="one member's only, by its address name (portal: the manufacturer's)"
    )
    verify.add_argument(
        "--file",
        type=Path,
        action="append",
        metavar="F",
        help="a signed head to hold against it (all in the data folder)",
    )
    verbs.add_parser("replay", help="deliver everything again; on a healthy network this has no effect")
    retry = verbs.add_parser("retry", help="let a refused or parked message be tried again")
    retry.add_argument("id", type=UUID)
    skip = verbs.add_parser("skip", help="leave a refused or parked message aside, with a reason")
    skip.add_argument("id", type=UUID)
    skip.add_argument("--reason", required=True)


def run(args: argparse.Namespace) -> int:
    from exchange import operations

    if args.verb == "status":
        found = operations.status()
        return _print(args, found, [_member_line(m) for m in found["members"]])
    if args.verb == "reconcile":
        found = operations.reconcile(grace=args.grace)
        lines = [
            f"{d['sender']} → {d['receiver']} {d['contract']} {d['message']}: {d['difference']}"
            for d in found["differences"]
        ]
        _print(args, found, [*lines, f"{found['compared']} messages compared, {len(lines)} differences"])
        return 1 if lines else 0
    if args.verb == "verify":
        return _verify(args)
    if args.verb == "replay":
        new = operations.replay()
        return _print(args, {"delivered_anew": new}, [f"{new} messages were new to their receiver"])
    return _repair(args)


def _verify(args: argparse.Namespace) -> int:
    from exchange import operations

    try:
        found = operations.verify_ledgers(args.dealer, files=args.file)
    except LookupError:
        print(f"No member is called {args.dealer}.")
        return 2
    lines = [line for member in found["members"] for line in _verified_lines(member)]
    _print(args, found, [*lines, "every ledger is whole" if found["whole"] else "NOT WHOLE"])
    return 0 if found["whole"] else 1


def _verified_lines(member: dict[str, Any]) -> list[str]:
    head = (
        f"{member['slug']:14} {member['rows']:9} rows in {member['batches']} batches, {member['waiting']} waiting, "
        f"{member['anchors']} anchors, {member['payloads']} contents ({member['unprovable']} without their salt)"
    )
    return [head, *(f"  ✗ {finding['found']}: {finding['detail']}" for finding in member["findings"])]


def _member_line(member: dict[str, Any]) -> str:
    return (
        f"{member['slug']:14} waiting {member['waiting']:6}  oldest {member['oldest_seconds']:8.1f} s  "
        f"to apply {member['to_apply']:6}  stuck {member['stuck']:4}"
    )


def _repair(args: argparse.Namespace) -> int:
    from exchange import hints, inbox, operations
    from kernel.accounts.actors import SYSTEM
    from kernel.errors import DomainError
    from kernel.tenancy.bindings import MANUFACTURER_ID, Dealer, bound

    holder = operations.holder_of(args.id)
    if holder is None:
        print(f"No member has received a message {args.id}.")
        return 1
    try:
        with bound(holder):
            if args.verb == "retry":
                row = inbox.retry(args.id, actor=SYSTEM)
            else:
                row = inbox.skip(args.id, reason=args.reason, actor=SYSTEM)
    except DomainError as refusal:
        print(f"{args.id}: {refusal}")
        return 1
    hints.wake_receiver(holder.id if isinstance(holder, Dealer) else MANUFACTURER_ID)
    return _print(args, {"id": str(args.id), "done": args.verb, "was": row.state}, [f"{args.verb}: {row}"])


def _print(args: argparse.Namespace, document: dict[str, Any], lines: list[str]) -> int:
    print(json.dumps(document, default=str) if args.json else "\n".join(lines))
    return 0
