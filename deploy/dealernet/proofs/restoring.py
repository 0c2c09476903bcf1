"""A restore that a proof may kill: `python -m dealernet.proofs.restoring HOST NAME FOLDER` prints its figures."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def main(host: str, name: str, folder: str) -> None:
    """Keys come from the environment."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dealernet.settings_testing")
    import django

    django.setup()
    from django.db import connection

    from dealernet import installation

    connection.settings_dict.update({"HOST": host, "PORT": "", "NAME": name})
    print(json.dumps(installation.restore(Path(folder))))


if __name__ == "__main__":
    main(*sys.argv[1:])
