"""Measure intake, pages, exchange, memory and the peers' work, on a network of its own or a running one."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BENCHES = ("intake", "pages", "crm", "exchange", "memory")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("which", nargs="?", choices=BENCHES, help="one of them (all without)")
    parser.add_argument("--minutes", type=float, default=5.0, help="how long `memory` puts load on the network")
    parser.add_argument("--scale", type=float, default=1.0, help="size of the demo data of an own network")


def run(args: argparse.Namespace) -> int:
    from dealernet.bench.network import machine

    found_on = machine()
    with _network(args) as data:
        from importlib import import_module

        from dealernet.config import use_network

        use_network(data)
        import_module("django").setup()
        documents = [_measure(which, data, args, found_on) for which in ([args.which] if args.which else BENCHES)]
    if args.json:
        print(json.dumps(documents[0] if args.which else documents, ensure_ascii=False))
    return 0


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

    more = {"minutes": args.minutes} if which == "memory" else {}
    figures = getattr(measures, which)(data, **more)
    document: dict[str, Any] = {
        "bench": which,
        "machine": {**found_on, "load_after": [round(x, 2) for x in os.getloadavg()]},
        "figures": figures,
        "peer": measures.PEERS if which == "crm" else {},
        "ratio": _ratios(figures, measures.PEERS) if which == "crm" else {},
    }
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
        else:
            print(f"  {name:24} {value}")
    for name, value in document["ratio"].items():
        print(f"  ratio {name:18} {value}")
