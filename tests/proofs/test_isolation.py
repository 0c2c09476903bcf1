"""`dealernet prove isolation`: a seeded sample passes, and each guard that is taken away turns a named probe red."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest

from dealernet.proofs import Result, bounded, catalogues, guards, http, isolation, tables, traces
from dealernet.proofs.isolation import Extent

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800), pytest.mark.xdist_group("proofs")]

SEED = int(os.environ.get("PROOF_SEED") or random.randrange(10**6))
SAMPLE = Extent(refusals=3, dealerships=4, tables_each=30, hosts=120, steps=400, requests=160, error_pages=25)


def test_everybody_at_a_sample_of_routes_hosts_and_failures_finds_nothing(world, env):
    print(f"PROOF_SEED={SEED}")
    result = Result("isolation")
    with traces.watching(world) as seen:
        isolation.check_people(result, env, seen, extent=SAMPLE, seed=SEED)
    assert result.violations == []
    figures = result.figures
    assert figures["rows"] == len(http.read().rows)
    assert figures["http_probes"] > 4 * figures["rows"]
    for name in ("log_lines", "cache_entries", "mails", "files", "rows_read", "guesses", "file_requests", "cookies"):
        assert figures[name] > 0, name
    assert (figures["hosts"], figures["context_steps"]) == (SAMPLE.hosts + 3 + 4 * 3 * 13, SAMPLE.steps)
    assert figures["hosts_by_wire"] > 100
    assert figures["context_reads"] > 50


def test_every_table_attack_catalogue_and_bounded_thing_is_as_stated(world, env):
    result = Result("isolation")
    isolation.check_database(result, env)
    assert result.violations == []
    assert result.passed
    assert result.figures["privilege_cells"] > 14_000
    assert result.figures["distinct_cells"] > 2500
    assert result.figures["attempts"] > 5000
    assert result.figures["functions"] > 300
    assert len(result.bounded) == len(bounded.PROBES) >= 15
    assert all(entry["by"] and entry["within"] for entry in result.bounded if entry["by"] or entry["within"])


def test_threads_that_hop_over_dealerships_and_more_dealerships_find_nothing(world, env):
    result = Result("isolation")
    isolation.check_crowd(result, env, extent=SAMPLE, seed=SEED)
    isolation.check_many(result, env, extent=SAMPLE, seed=SEED)
    assert result.violations == []
    assert result.figures["crowd_requests"] == SAMPLE.requests
    assert (result.figures["crowd_threads"], result.figures["crowd_dealerships"]) == (8, 10)
    assert result.figures["dealerships"] == 4


def test_a_route_without_a_row_is_a_violation(world, monkeypatch):
    book = http.read()
    fewer = http.Book(tuple(r for r in book.rows if r.path != "customers/"), book.shared, book.roles)
    monkeypatch.setattr(http, "read", lambda: fewer)
    monkeypatch.setattr(http.Prober, "check_row", lambda self, row: None)
    monkeypatch.setattr(http.Prober, "check_other_methods", lambda self, tier, path: None)
    result = Result("isolation")
    http.check(result, world)
    assert result.violations == ["dealer: /customers/ has no row in routes.toml"]


def test_a_table_without_a_row_is_a_violation(env, monkeypatch):
    rows = tables.expected()
    del rows["dealership", "customers_customer"]
    monkeypatch.setattr(tables, "expected", lambda: rows)
    result = Result("isolation")
    tables.check(result, connect=env.connect, superuser=env.superuser, schemas=env.kinds(), tried=0)
    assert result.violations == ["dealership: the table customers_customer has no row in tables.csv"]


@pytest.mark.parametrize(
    ("sql", "undo", "said"),
    [
        (
            "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "DROP FUNCTION public.f()",
            "a function stands in a schema of ours: f",
        ),
        ("SELECT lo_create(4711)", "SELECT lo_unlink(4711)", "a large object: 4711"),
        ("CREATE EXTENSION dblink", "DROP EXTENSION dblink", "an extension besides plpgsql: dblink"),
        (
            "CREATE VIEW {south}.v AS SELECT * FROM {north}.accounts_user",
            "DROP VIEW {south}.v",
            "a view stands in a schema of ours: v",
        ),
        (
            "GRANT USAGE ON ALL SEQUENCES IN SCHEMA {south} TO {north}; GRANT USAGE ON SCHEMA {south} TO {north}",
            "REVOKE ALL ON ALL SEQUENCES IN SCHEMA {south} FROM {north}; REVOKE ALL ON SCHEMA {south} FROM {north}",
            "{north} may USAGE {south}.audit_entry_number_seq, against tables.csv",
        ),
        ("GRANT {south} TO {north}", "REVOKE {south} FROM {north}", "{north} may MEMBER {south}, against tables.csv"),
        (
            "GRANT TEMPORARY ON DATABASE dealernet_proof TO {north}",
            "REVOKE ALL ON DATABASE dealernet_proof FROM {north}",
            "{north} may TEMPORARY dealernet_proof, against tables.csv",
        ),
        (
            "GRANT SELECT (email) ON {north}.accounts_user TO oem",
            "REVOKE SELECT (email) ON {north}.accounts_user FROM oem",
            None,
        ),
    ],
)
def test_what_does_not_belong_is_seen(env, sql, undo, said):
    names = {"north": env.world.network.north.schema, "south": env.world.network.south.schema}
    env.as_superuser(sql.format(**names))
    try:
        result = Result("isolation")
        tables.check(result, connect=env.connect, superuser=env.superuser, schemas=env.kinds(), tried=0)
    finally:
        env.as_superuser(undo.format(**names))
    if said is None:  # a column that cannot be reached, because the schema cannot
        assert result.violations == []
    else:
        assert said.format(**names) in result.violations


def test_at_least_fifteen_guards_are_listed_once_and_each_probe_is_used():
    names = [guard.name for guard in guards.GUARDS]
    assert len(names) == len(set(names)) >= 30
    assert {guard.probe for guard in guards.GUARDS} | {"files"} == set(guards.PROBES)


@pytest.mark.parametrize("guard", guards.GUARDS, ids=str)
def test_a_guard_that_is_taken_away_is_missed(env, guard):
    result = Result("isolation")
    guards.check(result, env, [guard])
    assert result.violations == []
    assert result.guards[0]["red_without"]
    assert result.guards[0]["green_with"]


def test_a_guard_that_nobody_misses_is_a_violation(env):
    spare = guards.Guard("spare", "nowhere", "the cache", ("finds in the cache",), _nothing)
    result = Result("isolation")
    guards.check(result, env, [spare])
    assert result.violations == ["guard spare: the probe “the cache” does not notice that it is gone"]
    assert not result.guards[0]["red_without"]


def _nothing(env: Any) -> Any:
    from contextlib import nullcontext

    return nullcontext()


def test_every_function_that_may_differ_has_a_reason(env):
    assert set(catalogues.TELL_NOTHING.values()) == {"names by number", "text"}
