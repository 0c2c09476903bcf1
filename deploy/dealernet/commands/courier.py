"""Carry messages between the tiers (started by `dealernet up`)."""

from __future__ import annotations

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """No options of its own."""


def run(args: argparse.Namespace) -> int:
    from dealernet.processes import begin

    stop = begin("courier")
    from exchange import courier

    courier.run_forever(stop)
    return 0
