"""Prove the promises on a throw-away network; with --data, the wall of one that runs, without changing it."""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import time

from dealernet.proofs import Result

PROOFS = ("isolation", "fleet", "installation", "exchange", "policy")


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
    if args.data and args.proof != ["isolation"]:
        print("Only isolation can be proved on a network that runs: `dealernet prove isolation --data DIR`.")
        return 2
    wanted = args.proof or list(PROOFS)
    if len(wanted) > 1:  # each on a server of its own, and Django connects a process to one
        return max(subprocess.call([sys.executable, "-m", "dealernet", "prove", one, *_again(args)]) for one in wanted)
    proofs = {
        "isolation": isolation,
        "fleet": fleet,
        "installation": installation,
        "exchange": exchange,
        "policy": policy,
    }
    return 0 if proofs[wanted[0]](args) else 1


def _again(args: argparse.Namespace) -> list[str]:
    """The options as words, for a process of its own."""
    words = ["--seed", str(args.seed), "--sample", str(args.sample)]
    return [*words, "--json"] if args.json else words


def fleet(args: argparse.Namespace) -> bool:
    """Killed upgrades and killed set-ups end whole. A sample means fewer dealerships and kills."""
    from dealernet.proofs.server import throw_away_server

    began = time.monotonic()
    with throw_away_server() as server:
        import django

        django.setup()
        logging.disable(logging.ERROR)
        from dealernet.proofs.fleet import prove

        size = {"dealerships": max(3, round(50 * args.sample)), "kills": max(2, round(20 * args.sample))}
        result = prove(server.host, seed=args.seed, **size)
    result.figures["seconds"] = round(time.monotonic() - began)
    return _say(args, result)


def isolation(args: argparse.Namespace) -> bool:
    """The proof of isolation (docs/isolation.md); of a running network the rights of its logins alone."""
    began = time.monotonic()
    result = _running(args) if args.data else _own(args)
    result.figures["seconds"] = round(time.monotonic() - began)
    return _say(args, result)


def installation(args: argparse.Namespace) -> bool:
    """The release before is restored and upgraded, backed up, and restored by a process that is killed."""
    from pathlib import Path

    from dealernet.proofs.server import throw_away_server

    folder = sorted((Path(__file__).parents[3] / "tests" / "fixtures").glob("release-*"))[-1]
    began = time.monotonic()
    with throw_away_server((folder / "secret").read_text().strip()) as server:
        import django

        django.setup()
        logging.disable(logging.ERROR)
        from dealernet.proofs.installation import prove

        result = prove(server, folder)
    result.figures["seconds"] = round(time.monotonic() - began)
    return _say(args, result)


def exchange(args: argparse.Namespace) -> bool:
    """Messages arrive once and in order whatever is killed on their way. A sample means fewer kills."""
    from dealernet.proofs.server import throw_away_server

    began = time.monotonic()
    # What was committed outlives a killed database, as it does in production.
    with throw_away_server(settings={"synchronous_commit": "on", "full_page_writes": "on"}) as server:
        import django

        django.setup()
        logging.disable(logging.CRITICAL)
        from dealernet.proofs.exchange import prove

        result = prove(server, seed=args.seed, sample=args.sample)
    result.figures["seconds"] = round(time.monotonic() - began)
    return _say(args, result)


def policy(args: argparse.Namespace) -> bool:
    """What the gate lets out, counts, tampering and erasure. A sample means fewer examples and fewer people."""
    from dealernet.proofs.server import throw_away_server

    began = time.monotonic()
    with throw_away_server() as server:
        import django

        django.setup()
        logging.disable(logging.ERROR)
        from dealernet.proofs.network import World
        from dealernet.proofs.policy import DATABASE, EXAMPLES, Stage, prove
        from kernel.testing.network import Network

        world = World(Network(host=server.host, name=DATABASE))
        world.build()
        world.network.reset()
        stage = Stage(DATABASE, world.network.portal, world.network.north)
        size = {"examples": max(100, round(EXAMPLES * args.sample)), "people": max(2, round(100 * args.sample))}
        result = prove(seed=args.seed, stage=stage, **size)
    result.figures["seconds"] = round(time.monotonic() - began)
    return _say(args, result)


def _say(args: argparse.Namespace, result: Result) -> bool:
    if args.json:
        print(json.dumps(result.to_json(), ensure_ascii=False))
    else:
        print(f"{result.proof}: " + ", ".join(f"{name} {number}" for name, number in result.figures.items()))
        for entry in result.bounded:
            within = f"repaired by {entry['by']} within {entry['within']} s" if entry["within"] else "nothing to repair"
            print(f"  bounded: {entry['name']}: {entry['bound']}; {within}")
        for guard in result.guards:
            turned = "turns red" if guard["red_without"] else "STAYS GREEN"
            print(f"  guard {guard['name']}: without it the probe of {guard['probe']} {turned}")
        for violation in result.violations:
            print(f"  ✗ {violation}")
        print("passed" if result.passed else f"NOT PASSED: {len(result.violations)} violations")
    return result.passed


def _own(args: argparse.Namespace) -> Result:
    from dealernet.proofs.server import throw_away_server

    with throw_away_server() as server:
        import django

        django.setup()
        from dealernet.proofs.isolation import prove

        return prove(server.host, seed=args.seed, sample=args.sample, only=args.only)


def _running(args: argparse.Namespace) -> Result:
    from dealernet.config import use_network

    use_network(args.data)
    import django

    django.setup()
    from dealernet.proofs.running import prove

    return prove(seed=args.seed)
