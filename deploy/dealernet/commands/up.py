"""Start everything; stop everything with Ctrl-C."""

import argparse

from dealernet.config import DEFAULT_PORT
from dealernet.up import TIERS, run_up


def port(text: str) -> int:
    """A TCP port whose successor is one too."""
    number = int(text)
    if not 1 <= number <= 65534:
        raise argparse.ArgumentTypeError("must lie between 1 and 65534")
    return number


def scale(text: str) -> float:
    """How many times as much demo data; below one for a short try."""
    number = float(text)
    if not 0 < number <= 1000:
        raise argparse.ArgumentTypeError("must be above 0 and at most 1000")
    return number


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--demo", action="store_true", help="with an invented manufacturer and three dealerships")
    parser.add_argument("--scale", type=scale, default=1.0, metavar="N", help="N times as much demo data (1)")
    parser.add_argument(
        "--port", type=port, default=DEFAULT_PORT, metavar="N", help=f"port ({DEFAULT_PORT}); management is N + 1"
    )
    parser.add_argument(
        "--without", action="append", choices=TIERS, default=[], help="leave a tier out: the other one works on"
    )
    parser.add_argument(
        "--listen", action="append", default=[], metavar="ADDRESS", help="listen there instead of 127.0.0.1 and ::1"
    )
    parser.add_argument(
        "--trusted-proxy",
        action="append",
        default=[],
        metavar="NETWORK",
        help="a proxy (10.0.0.5) or its network (10.0.0.0/8) whose X-Forwarded-For and -Proto are believed",
    )


def run(args: argparse.Namespace) -> int:
    """Start, serve until a signal, stop."""
    return run_up(args)
