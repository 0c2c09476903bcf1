"""`dealernet prove isolation --data`: the wall of a network that runs, and nothing in it changes."""

from __future__ import annotations

from argparse import Namespace
from contextlib import contextmanager
from pathlib import Path

import pytest

from dealernet.commands import prove
from dealernet.proofs import running
from kernel.tenancy import steward


@pytest.fixture
def admin(wall):
    raw = steward.superuser(wall.name)
    yield raw.cursor()
    raw.close()


@contextmanager
def granted(admin, north, south, privilege):
    """South may do something with north's customers meanwhile."""
    table = f"{north.schema}.customers_customer"
    admin.execute(f"GRANT USAGE ON SCHEMA {north.schema} TO {south.schema}")
    admin.execute(f"GRANT {privilege} ON {table} TO {south.schema}")
    try:
        yield
    finally:
        admin.execute(f"REVOKE {privilege} ON {table} FROM {south.schema}")
        admin.execute(f"REVOKE USAGE ON SCHEMA {north.schema} FROM {south.schema}")


def numbers(admin):
    admin.execute("SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2")
    return admin.fetchall()


def test_a_network_as_we_set_it_up_passes_and_is_left_as_it_was(admin):
    before = numbers(admin)
    result = running.prove()
    assert result.violations == []
    assert result.passed
    assert (result.figures["dealerships"], result.figures["dealerships_tried"]) == (2, 2)
    assert result.figures["privilege_cells"] > 4000
    assert result.figures["attempts"] > 1500
    assert numbers(admin) == before


@pytest.mark.parametrize("privilege", ["SELECT", "INSERT", "UPDATE"])
def test_a_right_too_many_is_found(admin, north, south, privilege):
    with granted(admin, north, south, privilege):
        result = running.prove()
    assert not result.passed
    assert f"{south.schema} may {privilege} {north.schema}.customers_customer, against tables.csv" in result.violations


def test_of_many_dealerships_a_sample_is_tried(admin):
    result = running.prove(most=1)
    assert (result.figures["dealerships"], result.figures["dealerships_tried"]) == (2, 1)
    assert result.passed


@pytest.mark.parametrize("choice", [{"only": "customers"}, {"sample": 0.1}])
def test_what_chooses_among_the_probes_of_an_own_network_is_refused(choice, capsys):
    given = {"proof": ["isolation"], "data": Path("/nowhere"), "seed": 0, "sample": 1.0, "only": "", "json": False}
    assert prove.run(Namespace(**given | choice)) == 2
    assert "leave out --data" in capsys.readouterr().out
