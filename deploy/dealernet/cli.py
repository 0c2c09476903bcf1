"""The command ``dealernet``.

A subcommand is a module in ``dealernet.commands``. The first line of its docstring is its help. It offers
``configure(parser)``, which adds its arguments, and ``run(args) -> int``, the exit status. A module that sets
``NETWORK = True`` works on a running network: before ``run`` the environment is set from the data folder and Django is
ready. Modules are imported only when their command is called, so they import models inside ``run``.

``--json`` and ``--data DIR`` are understood by every command, before or after its own subcommands; ``args.json`` and
``args.data`` hold them.
"""

import argparse
import ast
import importlib
import importlib.util
import json
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path

import dealernet.commands
from dealernet.config import ConfigurationError, use_network
from dealernet.embedded.launch import LaunchError


def available() -> dict[str, str]:
    """The commands that exist and their one-line help, without importing them."""
    found = {}
    for module in pkgutil.iter_modules(dealernet.commands.__path__):
        spec = importlib.util.find_spec(f"dealernet.commands.{module.name}")
        if module.name.startswith("_") or spec is None or spec.origin is None:
            continue
        text = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""
        found[module.name.replace("_", "-")] = text.partition("\n")[0]
    return found


def common_options() -> argparse.ArgumentParser:
    """The options of every command."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    group = parser.add_argument_group("options of every command")
    group.add_argument("--json", action="store_true", help="print one JSON document")
    group.add_argument("--data", type=Path, metavar="DIR", help="data folder of the network (./.dealernet)")
    return parser


def take_common(words: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Take the common options out, wherever they stand (not after ``--``)."""
    words = list(words)
    end = words.index("--") if "--" in words else len(words)
    common, rest = common_options().parse_known_args(words[:end])
    return common, [*rest, *words[end:]]


def main(words: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit status: 2 for a mistake in the call or the configuration."""
    words = list(sys.argv[1:] if words is None else words)
    parser = argparse.ArgumentParser(
        prog="dealernet", description="A manufacturer and its dealers as one network.", allow_abbrev=False
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    commands = available()
    common, rest = take_common(words)
    wanted = rest[0] if rest and rest[0] in commands else None
    for name, text in commands.items():
        subparser = subparsers.add_parser(
            name,
            help=text,
            description=text,
            parents=[common_options()],
            conflict_handler="resolve",
            allow_abbrev=False,
        )
        if name == wanted:
            module = importlib.import_module(f"dealernet.commands.{name.replace('-', '_')}")
            module.configure(subparser)
    args = parser.parse_args(rest)
    args.json, args.data = common.json, common.data
    try:
        if getattr(module, "NETWORK", False):
            use_network(args.data)
            importlib.import_module("django").setup()
        return int(module.run(args) or 0)
    except (ConfigurationError, LaunchError) as error:
        if args.json:
            print(json.dumps({"error": str(error)}, ensure_ascii=False))
        print(f"dealernet {args.command}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 1
