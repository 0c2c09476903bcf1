"""A steward that a proof may kill: `python -m dealernet.proofs.steward upgrade|requests|hosts HOST NAME [RELEASE]`.

`upgrade` brings the fleet to an invented release (kernel.testing.releases), `requests` works off what was asked for,
`hosts` what is due of the dealerships' own host names.
Keys come from the environment.
"""

from __future__ import annotations

import os
import sys


def main(what: str, host: str, name: str, release: str = "") -> int:
    """0 when everything was done."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dealernet.settings_testing")
    import django

    django.setup()
    from django.db import connection

    from kernel.tenancy import steward
    from kernel.tenancy.steward import domains
    from kernel.testing.releases import of_release

    connection.settings_dict.update({"HOST": host, "PORT": "", "NAME": name})
    if release:
        of_release(release)
    if what == "upgrade":
        return 1 if steward.upgrade({})["failed"] else 0
    work_off = domains.work_off if what == "hosts" else steward.work_off_one
    while work_off():
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
