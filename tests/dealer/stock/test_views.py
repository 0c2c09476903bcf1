"""Pages of the stock, and the import that loses nothing."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.dealer.sales.makers import car

from dealer.stock.models import StockVehicle
from kernel.automotive.vin import make_vin

VINS = [make_vin("LSV", "AB12C", 2026, "A", n) for n in range(1, 6)]


def table(*rows: str, head: str = "VIN,品牌,车系,颜色,指导价,入库日期") -> str:
    return "\n".join((head, *rows)) + "\n"


def test_the_list_the_car_and_its_export(wall, north):
    with north.bound():
        vehicle = car()
    client = north.client("sales_consultant")
    page = client.get("/stock/")
    assert page.status_code == 200
    assert vehicle.vin[-6:] in page.content.decode()
    assert "received" not in page.content.decode()
    assert client.get(f"/stock/{vehicle.pk}/").status_code == 200
    export = client.get("/stock/?export=csv")
    assert vehicle.vin in b"".join(export.streaming_content).decode("utf-8-sig")


def test_a_car_is_taken_in_by_its_variant(wall, north):
    client = north.client("stock_clerk")
    assert client.get("/stock/new/").status_code == 200
    answer = client.post("/stock/new/", {"vin": VINS[0].lower(), "variant": "XH-HF-26-01", "colour": "W"})
    assert answer.status_code == 302
    with north.bound():
        vehicle = StockVehicle.objects.get()
        assert (vehicle.vin, vehicle.brand, vehicle.series, vehicle.model) == (VINS[0], "XH", "XH-HF", "XH-HF-26")
        assert vehicle.list_price > 0


@pytest.mark.parametrize(("language", "sentence"), [("zh-hans", "LSV"), ("en", "17 characters")])
def test_a_wrong_vin_is_named_and_what_was_typed_stays(wall, north, language, sentence):
    with north.bound():
        user = north.user("stock_clerk")
        user.language = language
        user.save()
    answer = north.client(user).post("/stock/new/", {"vin": "LSV123", "variant": "XH-HF-26-01", "location": "B-7"})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert sentence in page
    assert 'value="LSV123"' in page
    assert 'value="B-7"' in page


def test_an_import_is_tried_first_and_saves_nothing(wall, north):
    client = north.client("stock_clerk")
    text = table(f"{VINS[0]},星河,禾风,云白,¥12.98万,2026/1/4", f"{VINS[1][:-1]},星河,禾风,,,", f"{VINS[0]},星河,,,,")
    answer = client.post("/stock/import/", {"file": SimpleUploadedFile("cars.csv", text.encode("gb18030"))})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert VINS[1][:10] in page
    with north.bound():
        assert not StockVehicle.objects.exists()


def test_good_rows_are_taken_in_and_bad_ones_stay_to_be_corrected(wall, north):
    client = north.client("stock_clerk")
    bad = f"{VINS[2][:-1]},XH,XH-HF,W,abc,32.13.2026"
    answer = client.post(
        "/stock/import/",
        {"text": table(f"{VINS[0]},星河,禾风,云白,¥12.98万,2026-01-04", f"{VINS[1]},YC,,,,", bad), "step": "take_in"},
    )
    page = answer.content.decode()
    assert bad in page
    with north.bound():
        first = StockVehicle.objects.get(vin=VINS[0])
        assert (first.brand, first.series, str(first.list_price), str(first.arrived_on)) == (
            "XH",
            "XH-HF",
            "129800.00",
            "2026-01-04",
        )
        assert StockVehicle.objects.count() == 2
    again = client.post("/stock/import/", {"text": table(f"{VINS[2]},XH,XH-HF,W,129800,2026-01-05"), "step": "take_in"})
    assert again.status_code == 302
    with north.bound():
        assert StockVehicle.objects.count() == 3


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00\x01\x02", b"colour,price\nred,1\n", b"%PDF-1.7 \xff\xfe\x00", b'"' + b"x" * 200_000],
    ids=["empty", "binary", "no vin column", "pdf", "open quote"],
)
def test_files_that_are_not_what_they_say(wall, north, content):
    upload = SimpleUploadedFile("cars.csv", content or b"\n")
    answer = north.client("stock_clerk").post("/stock/import/", {"file": upload})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()


@pytest.mark.parametrize(
    ("role", "path", "status"),
    [
        ("sales_consultant", "/stock/", 200),
        ("sales_consultant", "/stock/new/", 403),
        ("sales_consultant", "/stock/import/", 403),
        ("technician", "/stock/", 403),
        ("stock_clerk", "/stock/import/", 200),
    ],
)
def test_rights(wall, north, role, path, status):
    assert north.client(role).get(path).status_code == status


def test_another_dealership_gets_404(wall, north, south):
    with north.bound():
        vehicle = car()
    assert south.client("stock_clerk").get(f"/stock/{vehicle.pk}/").status_code == 404
    assert north.client("stock_clerk").get(f"/stock/{vehicle.pk}/").status_code == 200


def test_moving_needs_a_place(wall, north):
    with north.bound():
        vehicle = car()
    client = north.client("stock_clerk")
    assert client.post(f"/stock/{vehicle.pk}/move/", {"location": ""}).status_code == 422
    assert client.post(f"/stock/{vehicle.pk}/move/", {"location": "C3"}).status_code == 302
    assert north.client("sales_consultant").post(f"/stock/{vehicle.pk}/move/", {"location": "D4"}).status_code == 403


@pytest.mark.parametrize("rows", [1, 20])
def test_the_list_costs_the_same_whatever_its_length(wall, north, rows):
    with north.bound():
        for n in range(rows):
            car(n + 1)
    client = north.client("stock_clerk")
    client.get("/stock/")
    with CaptureQueriesContext(connection) as seen:
        client.get("/stock/")
    assert len(seen) <= 9, [query["sql"][:100] for query in seen]
