"""Write PgBouncer's two files for this network: one pool per login, transaction mode."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

NETWORK = True


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where pgbouncer.ini and userlist.txt go")
    parser.add_argument("--listen", default="127.0.0.1", help="address that PgBouncer listens on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=6432, help="its port (6432)")
    parser.add_argument("--socket-dir", default="", help="folder of its Unix socket (none)")
    parser.add_argument("--pool-size", type=int, default=4, help="connections of one login (4)")
    parser.add_argument("--max-server", type=int, default=120, help="connections of all logins together (120)")
    parser.add_argument("--max-clients", type=int, default=1000, help="clients at once (1000)")


def run(args: argparse.Namespace) -> int:
    from dealernet import pooler

    folder = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    plan = pooler.Plan(
        folder=folder,
        listen=args.listen,
        port=args.port,
        socket_dir=args.socket_dir,
        pool_size=args.pool_size,
        max_server=args.max_server,
        max_clients=args.max_clients,
    )
    names = pooler.logins()
    (folder / "pgbouncer.ini").write_text(pooler.ini(plan))
    pooler.write_userlist(folder)
    if args.json:
        print(json.dumps({"ini": str(folder / "pgbouncer.ini"), "logins": len(names)}))
        return 0
    print(
        f"Written: {folder}/pgbouncer.ini and userlist.txt with {len(names)} logins. Both belong to PgBouncer's user:"
    )
    print(f"  chown -R postgres {folder} && pgbouncer -d -u postgres {folder}/pgbouncer.ini")
    print(f"Then start with DEALERNET_POOLER={args.listen}:{args.port} and DEALERNET_POOLER_FOLDER={folder}.")
    return 0
