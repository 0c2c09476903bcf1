"""Fill the network with an invented manufacturer's two years (started by `dealernet up --demo`)."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

NETWORK = True


def configure(parser: argparse.ArgumentParser) -> None:
    part = parser.add_mutually_exclusive_group(required=True)
    part.add_argument("--until-ready", action="store_true", help="people, catalogue, the last months, the present day")
    part.add_argument("--rest", action="store_true", help="what was earlier, slowly, while the network is in use")
    parser.add_argument("--scale", type=float, default=1.0, help="so many times as much (1)")
    parser.add_argument("--seed", type=int, default=20260101, help="the same seed makes the same data")


def run(args: argparse.Namespace) -> int:
    """Make one part. What is done already is not done again."""
    # Hints would only wake workers that have to wait for us; the sweep finds what is left.
    from dealernet.celery_app import app
    from dealernet.demo import run as demo

    app.conf.broker_url = "memory://"
    if args.rest:
        os.nice(10)
    data = Path(args.data or os.environ["DEALERNET_DATA"])
    part = demo.REST if args.rest else demo.READY
    figures = demo.make(part, data=data, seed=args.seed, scale=args.scale)
    if args.json:
        print(json.dumps(figures))
    return 0
