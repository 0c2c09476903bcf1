"""The fleet's benchmarks on a server and in a process of their own; prints one JSON document.

`python -m dealernet.bench.own_server provision|fleet|memory DEALERSHIPS PEERS`
"""

import logging
import sys

from dealernet.proofs.server import throw_away_server


def main() -> None:
    """Start the server, then Django, then measure."""
    with throw_away_server() as server:
        import django

        django.setup()
        logging.disable(logging.ERROR)
        from django.db import connection

        from dealernet.bench import fleet

        connection.settings_dict["HOST"] = server.host
        fleet.main(*sys.argv[1:])


if __name__ == "__main__":
    main()
