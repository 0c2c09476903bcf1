"""`dealernet prove fleet`: upgrades and provisioning that are killed again and again end whole.

A network of dealerships with rows is brought to an invented next release, in two parts: one that a single transaction
carries out (a column, a table), and one that takes steps (an index made while others write, a data step). The steward
is killed at numbered points and at moments drawn by lot, and begun again. Afterwards every schema is made like a new
one, every row is as it was, and nothing belongs to nobody. The same with dealerships that are being set up. Planted
differences show that the comparisons see what they must.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from django.db import connection

from dealernet.proofs import Result
from kernel import clock
from kernel.checkpoints import VARIABLE
from kernel.tenancy import rendering, steward, structure
from kernel.tenancy.bindings import PORTAL_SCHEMA, Dealer, Owner, Portal, bound, schema_of
from kernel.tenancy.models import RequestState, SchemaState, StewardRequest, Tenant
from kernel.tenancy.steward import fleet
from kernel.testing.releases import NextRelease

DATABASE = "dealernet_proof"
_IDS = UUID("6f0d54a2-7a1e-4f7e-9d20-0e4b1c1a2f11")
#: Rows that each dealership has in the table which the invented release changes.
ROWS = 200
TABLE = "idempotency_storedanswer"
APP = "kernel.idempotency"
#: What one transaction carries out, and what takes steps; an upgrade is over in a moment, so there are several.
AT_ONCE = (
    "migrations.AddField('StoredAnswer', 'note_{n}', models.TextField(db_default='none yet'))",
    "migrations.CreateModel('Extra{n}', [('id', models.BigAutoField(primary_key=True)), ('text', models.TextField())])",
)
INDEX = "AddIndexConcurrently('StoredAnswer', models.Index(fields=['fingerprint'], name='idempotency_next_{n}'))"
RELEASES = 12
DATA = (
    "migrations.RunPython(lambda apps, editor: "
    "apps.get_model('idempotency', 'StoredAnswer').objects.filter(status=201).update(status=204))"
)
UPGRADE_POINTS = ("leapt", "step", "concurrent statement", "noted")
JOINING_POINTS = ("member", "login", "schema", "joining step", "domain", "done")


def prove(host: str, *, seed: int = 0, dealerships: int = 50, kills: int = 20) -> Result:
    """Build the network on an empty server and kill the steward `kills` times in upgrades, and as often in setting up
    new dealerships."""
    result = Result("fleet", figures={"seed": seed, "kills": 0, "kills_at_points": 0, "kills_at_random_moments": 0})
    chance = random.Random(seed)  # noqa: S311 - draws moments, guards nothing
    connection.settings_dict.update({"HOST": host, "PORT": "", "NAME": DATABASE})
    steward.bootstrap()
    for number in range(dealerships):
        steward.provision(_arguments(f"dealer-{number:03}"))
    _rows(dealerships)
    with tempfile.TemporaryDirectory(prefix="dealernet-release-") as folder:
        release = NextRelease(Path(folder))
        try:
            _upgrades(result, host, release, chance, kills)
            _joining(result, host, release, chance, kills)
            _planted(result)
        finally:
            release.end()
    with bound(Owner()):
        result.figures["dealerships"] = Tenant.objects.filter(kind=rendering.DEALERSHIP).count()
    return result


def _arguments(slug: str) -> dict[str, Any]:
    people = [{"login": "boss", "name": "Wei Lan", "role": "general_manager"}]
    return {"id": str(uuid5(_IDS, slug)), "slug": slug, "name": slug.title(), "users": people}


def _rows(dealerships: int) -> None:
    for number in range(dealerships):
        with bound(Dealer(uuid5(_IDS, f"dealer-{number:03}"))), connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {TABLE} (id, key, owner, method, path, fingerprint, status, headers, body, expires_at) "
                "SELECT gen_random_uuid(), 'key ' || n, gen_random_uuid(), 'POST', '/', repeat('0', 64), 201, '{}', "
                "'', %s FROM generate_series(1, %s) n",
                [clock.now(), ROWS],
            )


# -- what is compared --------------------------------------------------------------------------------------------


def _hashes(columns: dict[str, list[str]] | None = None) -> tuple[dict[str, str], dict[str, list[str]]]:
    """A hash of the rows of every table of every member, over the columns given (or those it has now)."""
    with bound(Owner()), connection.cursor() as cursor:
        if columns is None:
            columns = {}
            cursor.execute(
                "SELECT n.nspname, c.relname, array_agg(a.attname ORDER BY a.attnum) FROM pg_class c "
                "JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid "
                "WHERE c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped "
                "AND n.nspname IN (SELECT schema_name FROM tenancy_tenant) AND c.relname <> 'django_migrations' "
                "GROUP BY 1, 2 ORDER BY 1, 2"
            )
            for schema, table, names in cursor.fetchall():
                columns[f'"{schema}"."{table}"'] = names
        found = {}
        for table, names in columns.items():
            listed = ", ".join(f'"{name}"' for name in names)
            cursor.execute(
                f"SELECT count(*) || ' ' || coalesce(md5(string_agg(md5(x::text), '' ORDER BY md5(x::text))), '') "
                f"FROM (SELECT {listed} FROM {table}) x"
            )
            found[table] = cursor.fetchone()[0]
    return found, columns


def _check(result: Result, when: str, before: dict[str, str], columns: dict[str, list[str]]) -> None:
    """Every schema like a new one, the ledger current, every row as before, nothing of nobody."""
    for schema, lines in steward.verify().items():
        result.violations.append(f"{when}: {schema} is not made like a new one: {lines[:3]}")
    unlike = fleet.unlike_a_new_one(rendering.MANUFACTURER, PORTAL_SCHEMA)
    if unlike:
        result.violations.append(f"{when}: the portal's schema is not made like a new one: {unlike[:3]}")
    result.violations += [f"{when}: {sentence}" for sentence in steward.orphans()]
    with bound(Owner()):
        behind = [one.schema_name for one in SchemaState.objects.all() if one.checksum != rendering.wanted(one.kind)]
    result.violations += [f"{when}: the ledger has {schema} behind" for schema in behind]
    now, _columns = _hashes(columns)
    result.violations += [f"{when}: rows of {table} changed" for table in before if now.get(table) != before[table]]
    result.figures["row_hashes_compared"] = result.figures.get("row_hashes_compared", 0) + len(before)
    with bound(Owner()), connection.cursor() as cursor:
        schemas = list(SchemaState.objects.filter(kind=rendering.DEALERSHIP).values_list("schema_name", flat=True))
        digests = set()
        for begin in range(0, len(schemas), 50):
            found = structure.lines(cursor, schemas[begin : begin + 50])
            digests |= {structure.digest(lines) for lines in found.values()}
    result.figures["schemas_equal"] = len(schemas) if len(digests) == 1 else 0
    if len(digests) != 1:
        result.violations.append(f"{when}: there are {len(digests)} different structures")


# -- killing -----------------------------------------------------------------------------------------------------


def _child(what: str, host: str, told: str, point: str = "") -> subprocess.Popen[bytes]:
    environment = {**os.environ, VARIABLE: point}
    return subprocess.Popen(
        [sys.executable, "-m", "dealernet.proofs.steward", what, host, DATABASE, told],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def _at_point(result: Result, what: str, host: str, told: str, point: str) -> bool:
    """Let the steward die at a point. False when it finished without reaching it."""
    child = _child(what, host, told, point)
    _out, err = child.communicate(timeout=300)
    if child.returncode == -signal.SIGKILL:
        result.count("kills")
        result.count("kills_at_points")
        return True
    if child.returncode:
        result.violations.append(f"{what} ended with {child.returncode}: {err.decode()[-400:]}")
    return False


def _at_random(result: Result, what: str, host: str, told: str, chance: random.Random, started: str) -> bool:
    """Let the steward die at a moment drawn by lot after it has begun its work: a row that `started` asks for."""
    child = _child(what, host, told)
    end = time.monotonic() + 60
    while child.poll() is None and time.monotonic() < end:
        with bound(Owner()), connection.cursor() as cursor:
            cursor.execute(started)
            if cursor.fetchone()[0]:
                break
        time.sleep(0.01)
    time.sleep(chance.uniform(0.0, 0.15))
    child.kill()
    _out, err = child.communicate(timeout=60)
    if child.returncode == -signal.SIGKILL:
        result.count("kills")
        result.count("kills_at_random_moments")
        return True
    if child.returncode:
        result.violations.append(f"{what} ended with {child.returncode}: {err.decode()[-400:]}")
    return False


def _upgrades(result: Result, host: str, release: NextRelease, chance: random.Random, kills: int) -> None:
    at_work = (
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'owner' AND pid <> pg_backend_pid() "
        "AND (state = 'active' OR query LIKE 'BEGIN; SET LOCAL lock_timeout%%' OR query LIKE '%%ADVISORY%%')"
    ).replace("%%", "%")
    before, columns = _hashes()
    half = kills // 2
    killed = 0
    for n in range(RELEASES):
        release.add(APP, *(operation.format(n=n) for operation in AT_ONCE))
        told = release.told()
        killed += _kill_in_turn(result, "upgrade", host, told, chance, half - killed, UPGRADE_POINTS, at_work)
        _finish(result, "upgrade", host, told)
        if killed >= half:
            break
    _check(result, "after an upgrade in one transaction a schema", before, columns)
    for n in range(RELEASES):
        release.add(APP, INDEX.format(n=n), atomic=False)
        if n == 0:
            release.add(APP, DATA)
        told = release.told()
        killed += _kill_in_turn(result, "upgrade", host, told, chance, kills - killed, UPGRADE_POINTS, at_work)
        _finish(result, "upgrade", host, told)
        if killed >= kills:
            break
    expected = {table: text for table, text in before.items() if TABLE not in table}
    _check(result, "after an upgrade by steps", expected, columns)
    with bound(Owner()), connection.cursor() as cursor:
        for schema in SchemaState.objects.filter(kind=rendering.DEALERSHIP).values_list("schema_name", flat=True):
            cursor.execute(f'SELECT count(*), count(*) FILTER (WHERE status = 204) FROM "{schema}".{TABLE}')
            rows = cursor.fetchone()
            if rows != (ROWS, ROWS):
                result.violations.append(f"the data step left {rows} in {schema}")
    if killed < kills:
        result.violations.append(f"only {killed} of {kills} upgrades could be killed")


def _kill_in_turn(
    result: Result,
    what: str,
    host: str,
    told: str,
    chance: random.Random,
    kills: int,
    points: tuple[str, ...],
    started: str,
) -> int:
    """Kill by turns at a point and at random; returns how often. Ends early when nothing is left to be done."""
    done = 0
    for attempt in range(4 * kills):
        if done >= kills:
            break
        if attempt % 2:
            done += _at_random(result, what, host, told, chance, started)
        else:
            # A point is reached only in some runs: the fallback is the first of any kind.
            wanted = f"{chance.choice(points)}:{chance.randint(1, 3)}"
            done += _at_point(result, what, host, told, wanted if attempt % 4 else f"*:{chance.randint(1, 3)}")
        with bound(Owner()):
            left = SchemaState.objects.exclude(checksum__in=[rendering.wanted(kind) for kind in rendering.KINDS])
            waiting = StewardRequest.objects.filter(state__in=[RequestState.WAITING, RequestState.RUNNING])
            if not (left if what == "upgrade" else waiting).exists():
                break
    return done


def _finish(result: Result, what: str, host: str, told: str) -> None:
    child = _child(what, host, told)
    _out, err = child.communicate(timeout=600)
    if child.returncode:
        result.violations.append(f"the last run of {what} ended with {child.returncode}: {err.decode()[-400:]}")


def _joining(result: Result, host: str, release: NextRelease, chance: random.Random, kills: int) -> None:
    before, columns = _hashes()
    with bound(Portal()):
        for number in range(kills):
            StewardRequest.objects.create(verb="provision", arguments=_arguments(f"new-{number:03}"))
    at_work = "SELECT count(*) FROM tenancy_stewardrequest WHERE state = 'running'"
    killed = _kill_in_turn(result, "requests", host, release.told(), chance, kills, JOINING_POINTS, at_work)
    _finish(result, "requests", host, release.told())
    if killed < kills:
        result.violations.append(f"only {killed} of {kills} set-ups could be killed")
    _check(result, "after setting up dealerships", before, columns)
    with bound(Owner()):
        failed = list(StewardRequest.objects.exclude(state=RequestState.DONE).values_list("arguments", "error"))
        active = Tenant.objects.filter(slug__startswith="new-", state="active").count()
    result.violations += [f"the steward could not set up {given['slug']}: {error}" for given, error in failed]
    if active != kills:
        result.violations.append(f"{active} of {kills} new dealerships are active")
    for number in range(kills):
        with bound(Owner(schema_of(uuid5(_IDS, f"new-{number:03}")))), connection.cursor() as cursor:
            cursor.execute("SELECT array_agg(login) FROM accounts_user")
            people = cursor.fetchone()[0]
        if people != ["boss"]:
            result.violations.append(f"new-{number:03} has the people {people}")


# -- what the comparisons must see -------------------------------------------------------------------------------


@contextmanager
def _undone(statement: str, back: str) -> Iterator[None]:
    with bound(Owner()), connection.cursor() as cursor:
        cursor.execute(statement)
    try:
        yield
    finally:
        with bound(Owner()), connection.cursor() as cursor:
            cursor.execute(back)


def _planted(result: Result) -> None:
    """Differences made by hand: each must be found."""
    schema = schema_of(uuid5(_IDS, "dealer-001"))
    before, columns = _hashes()
    table = f'"{schema}".{TABLE}'
    default = f"ALTER TABLE {table} ALTER note_0"
    planted = (
        (f"CREATE INDEX planted ON {table} (path)", f'DROP INDEX "{schema}".planted', "index"),
        (f"{default} DROP DEFAULT", f"{default} SET DEFAULT 'none yet'", "note"),
        (f"GRANT SELECT ON {table} TO oem", f"REVOKE SELECT ON {table} FROM oem", "oem=r"),
    )
    for statement, back, word in planted:
        with _undone(statement, back):
            seen = steward.verify().get(schema, [])
        result.count("planted")
        if not any(word in line for line in seen):
            result.violations.append(f"a planted difference was not seen: {statement}")
        else:
            result.count("planted_found")
    changed = f"UPDATE {table} SET path = %s WHERE key = 'key 7'"
    columns_of_twin = "owner, method, path, fingerprint, status, headers, body, created_at, expires_at, note_0"
    twin = (
        f"INSERT INTO {table} (id, key, {columns_of_twin}) "
        f"SELECT gen_random_uuid(), 'twin', {columns_of_twin} FROM {table} WHERE key = 'key 8'"
    )
    changes = (
        (changed.replace("%s", "'/x'"), changed.replace("%s", "'/'")),
        (twin, f"DELETE FROM {table} WHERE key = 'twin'"),
    )
    for statement, back in changes:
        with _undone(statement, back):
            now, _columns = _hashes(columns)
        result.count("planted")
        if now == before:
            result.violations.append(f"a planted row was not seen: {statement}")
        else:
            result.count("planted_found")
    with _undone("CREATE SCHEMA d_orphanorphan", "DROP SCHEMA d_orphanorphan"):
        result.count("planted")
        if steward.orphans() != ["schema d_orphanorphan has no dealership"]:
            result.violations.append("a planted orphan was not seen")
        else:
            result.count("planted_found")
