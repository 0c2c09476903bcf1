"""Every schema of a kind is brought up by the same text, rendered from the migrations."""

from __future__ import annotations

import pytest

from kernel.tenancy import recording, rendering, scripts
from kernel.tenancy.rendering import DEALERSHIP, KINDS, MANUFACTURER, PUBLIC


@pytest.mark.parametrize("kind", KINDS)
def test_rendering_twice_gives_the_same_text_and_hash(wall, kind):
    first = rendering.render(kind)
    rendering.forget()
    again = rendering.render(kind)
    assert (first.text(), first.checksum) == (again.text(), again.checksum)
    assert first.text().count("CREATE TABLE") == len(rendering.models_of(kind))


def test_what_is_applied_is_left_out_and_the_hash_stays(wall):
    whole = rendering.render(DEALERSHIP)
    rest = rendering.render(DEALERSHIP, applied=whole.migrations[:-1])
    assert rest.migrations == whole.migrations[-1:]
    assert whole.text().endswith(rest.text())
    assert rest.checksum == whole.checksum
    assert rendering.render(DEALERSHIP, applied=whole.migrations).steps == ()


def test_each_tier_gets_its_own_tables_and_the_shared_ones(wall):
    texts = {kind: rendering.render(kind).text() for kind in KINDS}
    for table, kinds in [
        ("tenancy_tenant", {PUBLIC}),
        ("leads_rawintake", {MANUFACTURER}),
        ("customers_customer", {DEALERSHIP}),
        ("exchange_ledger", {MANUFACTURER, DEALERSHIP}),
    ]:
        assert {kind for kind in KINDS if f'CREATE TABLE "{table}"' in texts[kind]} == kinds


@pytest.mark.parametrize("kind", KINDS)
def test_the_files_are_what_todays_migrations_say_to_the_database(committed, kind):
    """`make schemas` writes them; this is how CI sees that somebody forgot."""
    assert rendering.is_current(kind), "run `make schemas`"
    assert recording.record_file(kind) == rendering.file_of(kind).read_text(encoding="utf-8"), "run `make schemas`"


@pytest.mark.parametrize(
    "operations",
    [
        ("migrations.RunPython(lambda apps, editor: None)", "migrations.RunSQL('SELECT 1')"),
        ("migrations.SeparateDatabaseAndState(database_operations=[migrations.RunSQL('SELECT 1')])",),
    ],
)
def test_what_belongs_into_two_migrations_is_refused(committed, next_release, operations):
    with pytest.raises(recording.MixedMigration, match=r"idempotency\.9999_next"):
        next_release("kernel.idempotency", *operations)


def test_a_file_that_nobody_recorded_is_refused(tmp_path, settings):
    settings.SCHEMAS_FOLDER = tmp_path
    (tmp_path / "dealership.sql").write_text("CREATE TABLE x (y int);\n")
    rendering.forget()
    try:
        with pytest.raises(scripts.UnreadableScript, match="make schemas"):
            rendering.steps(DEALERSHIP)
    finally:
        rendering.forget()


def test_a_file_that_is_written_and_read_is_the_same():
    steps = (
        scripts.Step("a", "0001_x", scripts.How.SQL, ("CREATE TABLE t (c text DEFAULT ';')", "SELECT 1")),
        scripts.Step("a", "0002_y", scripts.How.DATA),
        scripts.Step("b", "0001_z", scripts.How.CONCURRENT, ('CREATE INDEX CONCURRENTLY "i" ON "t" ("c")',), "small"),
    )
    recording = scripts.Recording(DEALERSHIP, steps, "0" * 64, "1" * 64)
    assert scripts.read(DEALERSHIP, scripts.write(recording)) == recording


def test_nobody_but_the_tables_own_login_and_the_courier_gets_anything_in_a_dealership(wall, north):
    granted = [one for one in rendering.grant_statements(DEALERSHIP, north.schema) if one.startswith("GRANT")]
    receivers = {one.rpartition(" TO ")[2] for one in granted}
    assert receivers == {f'"{north.schema}"', "courier", f'"{north.schema}", courier'}
    couriers = {one for one in granted if one.endswith("courier") and "USAGE" not in one}
    assert couriers
    assert all("exchange_" in one for one in couriers)
