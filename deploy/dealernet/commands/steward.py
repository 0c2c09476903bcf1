"""Own the tables: bootstrap the database, provision and upgrade dealerships (started by `dealernet up`)."""

from __future__ import annotations

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prepare", action="store_true", help="bootstrap and upgrade, then end")


def run(args: argparse.Namespace) -> int:
    from dealernet.processes import begin

    stop = begin("steward")
    from kernel.tenancy import steward

    if args.prepare:

        def say(line: str) -> None:
            print(line, flush=True)

        steward.bootstrap(say)
        try:
            figures = steward.upgrade({}, say)
        except steward.CanaryFailed as error:
            say(str(error))
            return 1
        if figures["schemas"]:
            say(f"schemas upgraded: {figures['upgraded']}, fenced off: {figures['failed']}")
        if figures["failed"]:
            say("`dealernet fleet status` says why; the others are served.")
        return 0
    from dealernet import pooler

    steward.run_forever(stop, afterwards=pooler.follow)
    return 0
