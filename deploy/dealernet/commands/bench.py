"""Measure provisioning, upgrades, intake, pages, exchange, memory and the peers' work, on servers of its own."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: On a running network, with demo data.
RUNNING = ("intake", "pages", "crm", "exchange", "neighbours", "memory")
#: On an empty server, beside stock django-tenants on the same apps.
FLEET = ("provision", "fleet")
BENCHES = (*FLEET, *RUNNING)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("which", nargs="?", choices=BENCHES, help="one of them (all without)")
    parser.add_argument("--minutes", type=float, default=5.0, help="how long `memory` puts load on the network")
    parser.add_argument("--dealerships", type=int, default=200, help="for provision, fleet and memory (200)")
    parser.add_argument("--peers", type=int, default=50, help="tenants of the peer, scaled up in proportion (50)")
    parser.add_argument("--scale", type=float, default=1.0, help="size of the demo data of an own network")


def run(args: argparse.Namespace) -> int:
    from dealernet.bench.network import machine

    wanted = [args.which] if args.which else list(BENCHES)
    documents = [_on_own_server(which, args, machine()) for which in wanted if which in FLEET]
    if running := [which for which in wanted if which in RUNNING]:
        found_on = machine()
        with _network(args) as data:
            from importlib import import_module

            from dealernet.config import use_network

            use_network(data)
            import_module("django").setup()
            documents += [_measure(which, data, args, found_on) for which in running]
    if args.json:
        print(json.dumps(documents[0] if args.which else documents, ensure_ascii=False))
    return 0


def _on_own_server(which: str, args: argparse.Namespace, found_on: dict[str, Any]) -> dict[str, Any]:
    words = [sys.executable, "-m", "dealernet.bench.own_server", which, str(args.dealerships), str(args.peers)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"dealernet bench {which} failed")
    found = json.loads(done.stdout.splitlines()[-1])
    document = {"bench": which, "machine": _after(found_on), **found}
    if not args.json:
        _show(document)
    return document


def _after(found_on: dict[str, Any]) -> dict[str, Any]:
    return {**found_on, "load_after": [round(x, 2) for x in os.getloadavg()]}


@contextlib.contextmanager
def _network(args: argparse.Namespace) -> Iterator[Path]:
    from dealernet.bench.network import own_network

    if args.data:
        yield args.data
        return
    with own_network(scale=args.scale) as data:
        yield data


def _measure(which: str, data: Path, args: argparse.Namespace, found_on: dict[str, Any]) -> dict[str, Any]:
    from dealernet.bench import measures
    from dealernet.bench.neighbours import neighbours

    more = {"minutes": args.minutes} if which == "memory" else {}
    figures = (neighbours if which == "neighbours" else getattr(measures, which))(data, **more)
    document: dict[str, Any] = {
        "bench": which,
        "machine": _after(found_on),
        "figures": figures,
        "peer": measures.PEERS if which == "crm" else {},
        "ratio": _ratios(figures, measures.PEERS) if which == "crm" else {},
    }
    if which == "memory":  # and what backends hold, which takes many dealerships
        more_of_it = _on_own_server("memory", argparse.Namespace(**{**vars(args), "json": True}), found_on)
        for part in ("figures", "peer", "ratio"):
            document[part] = {**document[part], **more_of_it[part]}
    if not args.json:
        _show(document)
    return document


def _ratios(figures: dict[str, Any], peers: dict[str, Any]) -> dict[str, float]:
    """Times better than the best peer (whose figures are of November 2026, not of this run)."""
    found = {"create": round(figures["create_per_s"] / max(peers["create_per_s"].values()), 2)}
    for name in ("list", "detail", "search"):
        found[name] = round(min(peers[f"{name}_p95_ms"].values()) / max(figures[f"{name}_p95_ms"], 0.1), 2)
    return found


def _show(document: dict[str, Any]) -> None:
    print(f"\n{document['bench']}  ({document['machine']['cores']} cores, load {document['machine']['load_before']})")
    for name, value in document["figures"].items():
        if name == "pages":
            for row in value:
                print(
                    f"  {row['page']:32} {row['p50_ms']:7} ms  p95 {row['p95_ms']:7} ms  "
                    f"{row['queries']:3} queries  {row['kb']:6} kB  {row['status']}"
                )
        elif name == "warm":
            for row in value:
                print(f"  {row['page']:32} {row['wall_ms']:7} ms, in a Django of one tenant {row['one_ms']} ms")
        else:
            print(f"  {name:24} {value}")
    for name, value in document["peer"].items():
        print(f"  peer: {name:18} {value}")
    for name, value in document["ratio"].items():
        print(f"  ratio {name:18} {value}")
