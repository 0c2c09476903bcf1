"""Record the SQL of every kind of schema from the migrations: `python -m dealernet.recorded` (`make schemas`).

Starts a throw-away server, runs each migration on a scratch schema and writes `schemas/<kind>.sql`. With `--check` it
writes nothing and says which file is not what it would write.
"""

from __future__ import annotations

import argparse
import sys


def main() -> int:
    """0 when the files are (now) current."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 when a file is not current")
    args = parser.parse_args()
    from dealernet.proofs.server import throw_away_server

    with throw_away_server() as server:
        import django

        django.setup()
        from django.db import connection

        from kernel.tenancy import recording, rendering, steward

        connection.settings_dict.update({"HOST": server.host, "PORT": "", "NAME": "dealernet_schemas"})
        steward.create_roles_and_database()
        stale = []
        for kind in rendering.KINDS:
            text = recording.record_file(kind)
            path = rendering.file_of(kind)
            if path.exists() and path.read_text(encoding="utf-8") == text:
                continue
            stale.append(path.name)
            if not args.check:
                path.write_text(text, encoding="utf-8")
        connection.close()
    if stale:
        print(f"{', '.join(stale)}: {'not current, run `make schemas`' if args.check else 'written'}")
    return 1 if stale and args.check else 0


if __name__ == "__main__":
    sys.exit(main())
