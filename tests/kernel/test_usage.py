"""Reaching a limit: a clear word, and nothing that was typed is lost; both sides see limits and use."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from dealer.organisation.queries import profile
from dealer.stock.models import StockVehicle
from kernel import audit
from kernel.accounts.actors import SYSTEM
from kernel.accounts.models import User
from kernel.audit import exports
from kernel.audit.models import Entry
from kernel.automotive.vin import make_vin
from kernel.tenancy import directory, steward
from kernel.testing.clocks import at

VIN = make_vin("LSV", "AB12C", 2026, "A", 1)


@pytest.fixture(autouse=True)
def english(request, portal, north, south) -> None:
    """Everybody reads English here."""
    request.getfixturevalue("wall" if "wall" in request.fixturenames else "committed")
    for side in (portal, north, south):
        with side.bound():
            User.objects.update(language="en")


# -- exports -----------------------------------------------------------------------------------------------------


def take(client: Any, path: str) -> int:
    """Take an export to its end; the status."""
    answer = client.get(path)
    assert b"".join(answer.streaming_content)
    return answer.status_code


@pytest.fixture
def two_a_day(settings) -> None:
    settings.DEALERSHIP_LIMITS = {**settings.DEALERSHIP_LIMITS, "exports_per_day": 2}


def test_a_dealership_takes_so_many_exports_a_day(wall, north, south, two_a_day):
    client = north.client("general_manager")
    assert [take(client, f"/stock/?export={form}") for form in ("csv", "xlsx")] == [200, 200]
    refused = client.get("/stock/?export=csv&state=sold", headers={"accept-language": "en"})
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 24 * 3600
    assert client.get("/stock/").status_code == 200
    assert take(south.client("general_manager"), "/stock/?export=csv") == 200
    with north.bound():
        assert Entry.objects.filter(action="stock.export").count() == 2


def test_the_staff_list_tells_who_took_it(wall, north):
    assert take(north.client("general_manager"), "/settings/staff/?export=csv") == 200
    with north.bound():
        assert Entry.objects.filter(action="organisation.export").count() == 1


def test_a_new_day_brings_new_exports(wall, north):
    late, past_midnight = datetime(2026, 3, 1, 15, 59, tzinfo=UTC), datetime(2026, 3, 1, 16, 1, tzinfo=UTC)
    actor = north.actor("stock_clerk")
    with north.bound(), timezone.override("Asia/Shanghai"):
        with at(late):
            audit.record(actor=actor, action="stock.export", obj=profile())
            audit.record(actor=SYSTEM, action="stock.export", obj=profile())  # nobody took that one
            assert exports.today() == 1
        with at(past_midnight):
            assert exports.today() == 0


def test_the_manufacturer_takes_what_it_needs(wall, portal, two_a_day):
    client = portal.client("network_admin")
    assert [take(client, "/network/?export=csv") for _ in range(3)] == [200, 200, 200]


# -- storage -----------------------------------------------------------------------------------------------------


@pytest.fixture
def full(committed, north, settings) -> None:
    """North's tables take more than it may store."""
    settings.DEALERSHIP_LIMITS = {**settings.DEALERSHIP_LIMITS, "storage_mb": 1}
    steward.measure({})
    directory.forget()


def test_an_import_is_refused_and_its_rows_stay(full, north):
    client = north.client("stock_clerk")
    text = f"VIN,品牌,车系\n{VIN},XH,XH-HF\n"
    answer = client.post("/stock/import/", {"text": text, "step": "take_in"})
    page = answer.content.decode()
    assert f"{VIN},XH,XH-HF" in page
    assert "The storage of this dealership is full" in page
    with north.bound():
        assert not StockVehicle.objects.exists()


def test_a_logo_is_refused_and_the_page_says_why(full, north):
    upload = SimpleUploadedFile("logo.png", b"\x89PNG\r\n")
    answer = north.client("general_manager").post("/settings/logo/", {"logo": upload})
    assert answer.status_code == 422
    assert "The storage of this dealership is full" in answer.content.decode()


def test_a_program_is_refused_with_a_problem_and_reads_on(full, north):
    client = north.client("stock_clerk")
    answer = client.post("/api/v1/vehicles", {"vin": VIN, "brand": "XH"}, content_type="application/json")
    assert (answer.status_code, answer.json()["type"]) == (409, "/api/problems/storage_full")
    assert client.get("/api/v1/vehicles").status_code == 200
    assert client.get("/api/problems/storage_full").status_code == 200


def test_the_daily_work_goes_on_with_a_full_storage(full, north):
    client = north.client("stock_clerk")
    answer = client.post("/stock/new/", {"vin": VIN, "variant": "XH-HF-26-01", "colour": "W"})
    assert answer.status_code == 302


def test_who_has_room_is_not_refused(committed, north):
    steward.measure({})
    directory.forget()
    client = north.client("stock_clerk")
    answer = client.post("/api/v1/vehicles", {"vin": VIN, "brand": "XH"}, content_type="application/json")
    assert answer.status_code == 201


# -- shown -------------------------------------------------------------------------------------------------------


def test_a_dealership_sees_its_limits_and_what_it_uses(committed, north, settings, broker):
    client = north.client("general_manager")
    before = client.get("/settings/").content.decode()
    assert "20,000 MB, not measured yet" in before
    steward.measure({})
    directory.forget()
    take(client, "/stock/?export=csv")
    page = client.get("/settings/").content.decode()
    assert "of 20,000 MB, measured" in page
    assert "1 of 200" in page
    assert "0 of 1,200" in page


def test_the_manufacturer_sees_a_dealerships_limits_and_use(committed, portal, north):
    client = portal.client("network_manager")
    assert "not measured yet" in client.get("/network/north/").content.decode()
    steward.measure({})
    page = client.get("/network/north/").content.decode()
    assert "of 20,000 MB, measured" in page


def test_the_page_is_shown_when_the_broker_is_down(committed, north, broken_broker):
    answer = north.client("general_manager").get("/settings/")
    assert answer.status_code == 200
    assert "Limits and use" in answer.content.decode()
    assert "Background jobs" not in answer.content.decode()
