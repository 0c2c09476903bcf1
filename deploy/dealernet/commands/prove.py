"""Prove the promises on a throw-away network; with --data, the wall of one that runs, without changing it."""

from __future__ import annotations

import argparse
import json
import logging
import time

from dealernet.proofs import Result

PROOFS = ("isolation",)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("proof", nargs="*", metavar="PROOF", help=f"one of {', '.join(PROOFS)}; all without")
    parser.add_argument("--seed", type=int, default=0, help="which probes a sample picks (0)")
    own = parser.add_argument_group("on a network of its own")
    own.add_argument("--sample", type=float, default=1.0, metavar="P", help="part of the refusals tried (1: all)")
    own.add_argument("--only", default="", metavar="TEXT", help="only routes whose name has this text, and no tables")


def run(args: argparse.Namespace) -> int:
    """Run the proofs. Exit status 1 when one did not pass."""
    unknown = sorted(set(args.proof) - set(PROOFS))
    if unknown:
        print(f"There is no proof {', '.join(unknown)}; there are {', '.join(PROOFS)}.")
        return 2
    if args.data and (args.only or args.sample != 1.0):
        print("--only and --sample choose among what is tried on a network of its own: leave out --data.")
        return 2
    passed = True
    for _proof in args.proof or PROOFS:
        passed &= isolation(args)
    return 0 if passed else 1


def isolation(args: argparse.Namespace) -> bool:
    """Every route × everybody, every login × every table, and attacks; of a running network login × table alone."""
    began = time.monotonic()
    result = _running(args) if args.data else _own(args)
    result.figures["seconds"] = round(time.monotonic() - began)
    if args.json:
        print(json.dumps(result.to_json(), ensure_ascii=False))
    else:
        print("isolation: " + ", ".join(f"{name} {number}" for name, number in result.figures.items()))
        for violation in result.violations:
            print(f"  ✗ {violation}")
        print("passed" if result.passed else f"NOT PASSED: {len(result.violations)} violations")
    return result.passed


def _own(args: argparse.Namespace) -> Result:
    from dealernet.proofs.server import throw_away_server

    with throw_away_server() as server:
        import django

        django.setup()
        logging.disable(logging.ERROR)
        from dealernet.proofs.isolation import prove

        return prove(server.host, seed=args.seed, sample=args.sample, only=args.only)


def _running(args: argparse.Namespace) -> Result:
    from dealernet.config import use_network

    use_network(args.data)
    import django

    django.setup()
    from dealernet.proofs.running import prove

    return prove(seed=args.seed)
