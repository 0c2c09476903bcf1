"""`dealernet prove isolation --data DIR`: the wall of a network that runs, as it stands. Changes nothing in it.

What each login may do with each table is read from the server and compared with the reviewed file, and every foreign
table is tried to be read. The rest of the proof (people over HTTP, writing, attacks) needs marked data and is tried on
a network of its own only.
"""

from __future__ import annotations

import random
from typing import Any

from django.db import connection

from dealernet.proofs import Result, tables
from kernel.tenancy import steward

#: The cells of a comparison grow with the square of the dealerships: so many are tried, chosen by the seed.
MOST = 50
#: Tables that each login tries, when there are many dealerships; all without.
EACH = 200
#: The verbs that are tried. Adding a row, even if it is taken back, would use up numbers of the ledger.
VERBS = ("SELECT", "UPDATE", "DELETE")


def prove(*, seed: int = 0, most: int = MOST) -> Result:
    """Compare the running network with the expectations. The environment holds its keys (`config.use_network`)."""
    result = Result("isolation", figures={"seed": seed, "privilege_cells": 0, "attempts": 0})
    database = connection.settings_dict
    superuser = steward.superuser(database["NAME"])
    try:
        schemas = _dealerships(superuser)
        chosen = sorted(random.Random(seed).sample(schemas, min(most, len(schemas))))  # noqa: S311 - a sample
        result.figures |= {"dealerships": len(schemas), "dealerships_tried": len(chosen)}
        tables.check(
            result,
            connect=tables.connector(database["HOST"], str(database["PORT"] or ""), database["NAME"]),
            superuser=superuser,
            schemas={"public": "public", "oem": "manufacturer"} | dict.fromkeys(chosen, "dealership"),
            verbs=VERBS,
            tried=EACH if len(chosen) > 5 else None,
            seed=seed,
        )
    finally:
        superuser.close()
    return result


def _dealerships(superuser: Any) -> list[str]:
    """The schemas of the dealerships at work."""
    with superuser.cursor() as cursor:
        cursor.execute(
            "SELECT schema_name FROM public.tenancy_tenant WHERE kind = 'dealership' AND state = 'active' ORDER BY 1"
        )
        return [schema for (schema,) in cursor.fetchall()]
