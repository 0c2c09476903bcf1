"""Fill the network with an invented manufacturer's two years (started by `dealernet up --demo`)."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path


def scale(text: str) -> float:
    """How many times as much; running numbers of invented people last for 100."""
    number = float(text)
    if not 0 < number <= 100:
        raise argparse.ArgumentTypeError("must lie above 0 and not above 100")
    return number


def configure(parser: argparse.ArgumentParser) -> None:
    part = parser.add_mutually_exclusive_group(required=True)
    part.add_argument("--until-ready", action="store_true", help="people, catalogue, the last months, the present day")
    part.add_argument("--rest", action="store_true", help="what was earlier, slowly, while the network is in use")
    parser.add_argument("--scale", type=scale, default=1.0, metavar="N", help="so many times as much (1, at most 100)")
    parser.add_argument("--seed", type=int, default=20260101, help="the same seed makes the same data")


def run(args: argparse.Namespace) -> int:
    """Make one part. What is done already is not done again."""
    from dealernet.config import use_network

    use_network(args.data)
    # A cache of its own is nearer than the network's. Hints would only wake workers that have to wait for us; the
    # sweep finds what is left.
    os.environ.update(CACHE_URL="", BROKER_URL="memory://")
    if args.rest:
        os.nice(10)
    import django

    django.setup()
    from django.conf import settings

    from dealernet.demo import run as demo

    settings.PASSWORD_HASHERS = ["dealernet.demo.setup.OneHash"]

    part = demo.REST if args.rest else demo.READY
    figures = demo.make(part, data=Path(os.environ["DEALERNET_DATA"]), seed=args.seed, scale=args.scale)
    if args.json:
        print(json.dumps(figures))
    return 0
