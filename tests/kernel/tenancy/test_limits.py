"""What a dealership may use: the standard, or its own limits, which every process learns of."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from kernel import clock
from kernel.tenancy import directory, limits, steward
from kernel.tenancy.bindings import Owner, bound
from kernel.tenancy.directory import Member
from kernel.tenancy.limits import Allowance, ExportsUsedUp, StorageFull, Use, check_storage
from kernel.tenancy.models import Limits, Usage
from kernel.tenancy.pool import pool

MB = 1024**2


def own_limits(side, **values) -> None:
    with bound(Owner()):
        Limits.objects.create(tenant_id=side.id, **values)


def test_the_standard_holds_until_a_dealership_has_limits_of_its_own(committed, north, south, settings):
    own_limits(north, requests=7, storage_mb=123)
    found, other = directory.member_at(north.host), directory.member_at(south.host)
    assert other.limits == Allowance(**settings.DEALERSHIP_LIMITS) == limits.standard()
    assert (found.limits.requests, found.limits.storage_mb) == (7, 123)
    assert found.limits.exports_per_day == settings.DEALERSHIP_LIMITS["exports_per_day"]
    assert limits.all_own() == {north.id: found.limits}


def test_no_limit_brings_a_dealership_to_a_standstill_whoever_sets_it(wall, portal, north):
    with portal.bound():
        for values in ({"requests": 0}, {"jobs_per_minute": 1}, {"statement_seconds": 60}):
            with pytest.raises(IntegrityError, match="limits_"), transaction.atomic():
                Limits.objects.create(tenant_id=north.id, **values)


def test_the_steward_measures_tables_and_files_and_the_directory_tells(committed, north, south, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    folder = tmp_path / str(north.id) / "logos"
    folder.mkdir(parents=True)
    (folder / "logo.png").write_bytes(b"x" * 5000)
    assert steward.measure({}) == 2
    use, other = directory.member_at(north.host).usage, directory.member_at(south.host).usage
    assert (use.file_bytes, other.file_bytes) == (5000, 0)
    assert use.table_bytes > MB
    assert use.storage_mb == pytest.approx((use.table_bytes + 5000) / MB)
    assert abs((clock.now() - use.measured_at).total_seconds()) < 60
    (folder / "logo.png").write_bytes(b"x")
    steward.measure({})
    directory.forget()
    assert directory.member_at(north.host).usage.file_bytes == 1


def test_the_manufacturer_has_no_usage_and_no_dealership_sees_anothers(wall, portal, north):
    assert directory.member_at(portal.host).usage is None
    for model in (Limits, Usage):
        with north.bound(), pytest.raises(Exception, match="permission denied"), transaction.atomic():
            model.objects.count()


def test_a_dealerships_queries_end_after_its_own_time(committed, north, south):
    own_limits(north, statement_seconds=2)
    steward.repair_logins({})
    pool.clear()  # a session keeps what it began with
    said = {}
    for side in (north, south):
        with side.bound(), connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            said[side.slug] = cursor.fetchone()[0]
    assert said == {"north": "2s", "south": "20s"}
    with north.bound(), connection.cursor() as cursor, pytest.raises(OperationalError, match="statement timeout"):
        cursor.execute("SELECT pg_sleep(30)")


def member(*, used_mb: float | None, kind: str = "dealership") -> Member:
    allowance = limits.merged({"storage_mb": 100})
    use = None if used_mb is None else Use(int(used_mb * MB), 0, clock.now())
    return Member(id=UUID(int=1), kind=kind, slug="x", name="X", limits=allowance, usage=use)


@pytest.mark.parametrize(
    ("used_mb", "kind", "full"),
    [(99.9, "dealership", False), (100, "dealership", True), (None, "dealership", False), (500, "manufacturer", False)],
)
def test_storage_is_full_when_the_limit_is_reached(used_mb, kind, full):
    def ask() -> bool:
        try:
            check_storage(member(used_mb=used_mb, kind=kind))
        except StorageFull:
            return True
        return False

    assert ask() is full


def test_used_up_exports_say_when_there_are_new_ones():
    refusal = ExportsUsedUp(0)
    assert (refusal.status, refusal.code, refusal.retry_after) == (429, "exports_used_up", 1)
    assert "midnight" in str(refusal)
