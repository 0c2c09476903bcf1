"""Back up the whole installation into a folder, while it works."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

NETWORK = True


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="empty, or not there yet")


def run(args: argparse.Namespace) -> int:
    """1 when there is no backup afterwards."""
    from dealernet.installation import InstallationError, back_up
    from dealernet.moving.programs import NoProgram

    try:
        manifest = back_up(args.folder)
    except (InstallationError, NoProgram, OSError) as error:
        print(f"dealernet backup: {error}", file=sys.stderr)
        return 1
    rows, size = sum(manifest["rows"].values()), sum(file["bytes"] for file in manifest["files"])
    if args.json:
        print(
            json.dumps({"folder": str(args.folder), "members": len(manifest["members"]), "rows": rows, "bytes": size})
        )
    else:
        print(f"{len(manifest['members'])} members, {rows} rows, {size / 1024**2:.1f} MB in {args.folder}")
        print("The secret is not in it: keep a copy of it apart (docs/operate/keys.md).")
    return 0
