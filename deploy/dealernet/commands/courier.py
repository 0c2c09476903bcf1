"""Carry messages between the tiers, check ledgers every day and compare both sides every hour (started by `up`)."""

from __future__ import annotations

import argparse
import threading


def configure(parser: argparse.ArgumentParser) -> None:
    """No options of its own."""


def run(args: argparse.Namespace) -> int:
    from dealernet.processes import begin

    stop = begin("courier")
    from exchange import courier, reconciling
    from exchange.chain import checking

    threading.Thread(target=checking.run_forever, args=[stop], name="ledger checks", daemon=True).start()
    threading.Thread(target=reconciling.run_forever, args=[stop], name="comparing", daemon=True).start()
    courier.run_forever(stop)
    return 0
