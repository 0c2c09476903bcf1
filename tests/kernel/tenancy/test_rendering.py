"""Every schema of a kind is brought up by the same text, rendered from the migrations."""

from __future__ import annotations

import pytest

from kernel.tenancy import rendering
from kernel.tenancy.rendering import DEALERSHIP, KINDS, MANUFACTURER, PUBLIC


@pytest.mark.parametrize("kind", KINDS)
def test_rendering_twice_gives_the_same_text_and_hash(wall, kind):
    first = rendering.render(kind)
    rendering.rendered.cache_clear()
    again = rendering.render(kind)
    assert (first.text(), first.checksum) == (again.text(), again.checksum)
    assert first.text().count("CREATE TABLE") == len(rendering.models_of(kind))


def test_what_is_applied_is_left_out_and_the_hash_stays(wall):
    whole = rendering.render(DEALERSHIP)
    rest = rendering.render(DEALERSHIP, applied=whole.migrations[:-1])
    assert rest.migrations == whole.migrations[-1:]
    assert whole.text().endswith(rest.text())
    assert rest.checksum == whole.checksum
    assert rendering.render(DEALERSHIP, applied=whole.migrations).statements == ()


def test_each_tier_gets_its_own_tables_and_the_shared_ones(wall):
    texts = {kind: rendering.render(kind).text() for kind in KINDS}
    for table, kinds in [
        ("tenancy_tenant", {PUBLIC}),
        ("leads_rawintake", {MANUFACTURER}),
        ("customers_customer", {DEALERSHIP}),
        ("exchange_ledger", {MANUFACTURER, DEALERSHIP}),
    ]:
        assert {kind for kind in KINDS if f'CREATE TABLE "{table}"' in texts[kind]} == kinds


def test_a_data_step_in_a_schema_migration_is_refused(wall, next_release):
    step = "migrations.RunPython(lambda apps, editor: None)"
    next_release("kernel.idempotency", step)
    with pytest.raises(rendering.DataInSchemaMigration, match=r"idempotency\.0002_next"):
        rendering.render(DEALERSHIP)


def test_nobody_but_the_tables_own_login_and_the_courier_gets_anything_in_a_dealership(wall, north):
    granted = [one for one in rendering.grant_statements(DEALERSHIP, north.schema) if one.startswith("GRANT")]
    receivers = {one.rpartition(" TO ")[2] for one in granted}
    assert receivers == {f'"{north.schema}"', "courier", f'"{north.schema}", courier'}
    couriers = {one for one in granted if one.endswith("courier") and "USAGE" not in one}
    assert couriers
    assert all("exchange_" in one for one in couriers)
