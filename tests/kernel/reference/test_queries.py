"""Reading the published catalogue."""

from __future__ import annotations

import time
from datetime import date
from decimal import Decimal

import pytest
from django.db import ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from kernel.accounts.actors import SYSTEM
from kernel.reference import models, queries
from oem.catalogue import actions
from oem.catalogue.models import Brand
from oem.catalogue.nouns import BY_KEY


@pytest.fixture(autouse=True)
def fresh():
    queries.forget()
    yield
    queries.forget()


@pytest.mark.parametrize("side", ["portal", "north", "south"])
def test_both_tiers_read_the_same(wall, side):
    with getattr(wall, side).bound():
        assert [b.code for b in models.Brand.objects.all()] == ["XH", "YC"]
        assert queries.publication().version == 1


@pytest.mark.parametrize(
    "statement",
    [
        'INSERT INTO public.reference_brand (code, name_zh_hans, name_zh_hant, name_en, "order")'
        " VALUES ('Z', 'z', 'z', 'z', 1)",
        "UPDATE public.reference_variant SET list_price = 1",
        "DELETE FROM public.reference_part",
        "TRUNCATE public.reference_part",
        "UPDATE public.reference_publication SET version = 9",
        "LOCK TABLE public.reference_brand IN EXCLUSIVE MODE",
    ],
)
def test_a_dealership_cannot_write_the_catalogue(wall, north, portal, statement):
    for side, allowed in ((north, False), (portal, statement.split()[0] not in ("TRUNCATE",))):
        with side.bound(), transaction.atomic(), connection.cursor() as cursor:
            if allowed:
                with transaction.atomic():
                    cursor.execute(statement)
                    transaction.set_rollback(True)
            else:
                with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                    cursor.execute(statement)


def test_nobody_unbound_reads_it(wall):
    with pytest.raises(ProgrammingError), transaction.atomic():
        list(models.Brand.objects.all())


@pytest.mark.parametrize(
    ("language", "brand", "car"),
    [
        ("zh-hans", "星河", "星河 禾风 2026款 舒适型"),
        ("zh-hant", "星河", "星河 禾風 2026款 舒適型"),
        ("en", "Xinghe", "Xinghe Hefeng 2026 Comfort"),
        ("fr", "Xinghe", "Xinghe Hefeng 2026 Comfort"),
    ],
)
def test_names_follow_the_language(wall, north, language, brand, car):
    with north.bound(), translation.override(language):
        assert queries.brand_choices()[0] == ("XH", brand)
        assert queries.car_name(variant="XH-HF-26-01") == car
        assert queries.brand_name("GONE") == "GONE"


def test_colours_and_warranty(wall, north):
    with north.bound(), translation.override("zh-hant"):
        assert queries.colour_choices("XH-HF-26-01") == [("W", "雲白"), ("B", "湖藍")]
        assert queries.colour_name("XH-HF-26-01", "X") == "X"
        assert queries.colour_choices("GONE") == []
        assert queries.warranty_of("YC-QC-26-01") == (60, 120000)
        assert queries.warranty_of("GONE") is None


def test_choices_are_narrowed_by_parent_and_day(wall, north):
    def codes(choices):
        return [code for code, _name in choices]

    with north.bound():
        assert codes(queries.series_choices("XH")) == ["XH-HF", "XH-TL"]
        assert codes(queries.model_choices("YC-QC")) == ["YC-QC-26"]
        assert codes(queries.variant_choices("XH-HF-26")) == ["XH-HF-26-01", "XH-HF-26-02"]
        assert codes(queries.variant_choices(series="XH-TL")) == ["XH-TL-26-01", "XH-TL-26-02"]
        assert queries.variant_choices(on=date(2022, 12, 31)) == []
        assert len(queries.variant_choices()) == 6


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"brand": "星河"}, ("XH", "", "")),
        ({"brand": "xinghe", "model": "Hefeng"}, ("XH", "XH-HF", "")),
        ({"brand": "XH", "model": "禾風"}, ("XH", "XH-HF", "")),
        ({"brand": "Xing He", "series": "听澜"}, ("XH", "XH-TL", "")),
        ({"model": "Ｔｉｎｇｌａｎ ２０２６"}, ("XH", "XH-TL", "XH-TL-26")),
        ({"series": "XH-HF-26"}, ("XH", "XH-HF", "XH-HF-26")),
        ({"brand": "YC", "model": "Hefeng"}, ("YC", "", "")),
        ({"brand": "Honda", "model": "Civic"}, ("", "", "")),
        ({}, ("", "", "")),
    ],
)
def test_cars_are_found_by_what_people_write(wall, north, asked, found):
    with north.bound():
        match = queries.match_car(**asked)
    assert (match.brand, match.series, match.model) == found


def test_a_model_of_another_year_is_found_by_the_year(wall, portal):
    with portal.bound():
        values = {"code": "XH-HF-24", "series": "XH-HF", "model_year": 2024}
        names = {"name_zh_hans": "禾风 2024款", "name_zh_hant": "禾風 2024款", "name_en": "Hefeng 2024"}
        actions.add_entry(actor=SYSTEM, noun=BY_KEY["models"], values=values | names)
        actions.publish(actor=SYSTEM)
        queries.forget()
        assert queries.match_car(model="Hefeng 2026", year=2024).model == "XH-HF-24"
        assert queries.match_car(model="Hefeng 2026", year=1999).model == "XH-HF-26"


def test_operations_parts_and_fault_codes_are_searched_in_every_language(wall, north):
    with north.bound():
        assert [o.code for o in queries.labour_operations("水泵")] == ["XH-ENG-010"]
        assert [o.code for o in queries.labour_operations("煞車")] == ["XH-BRK-010"]
        assert [o.code for o in queries.labour_operations("", brand="YC")] == ["YC-BAT-010"]
        assert [p.number for p in queries.parts("front pads")] == ["XH-3501-01"]
        assert [f.code for f in queries.fault_codes("p03")] == ["P0300"]
        assert queries.operation("XH-ENG-010").standard_hours == Decimal("2.5")
        assert queries.part("YC-2101-01").causal_group == "traction_battery"
        assert queries.part("GONE") is None
        assert list(queries.parts("\x00")) == list(queries.parts())


def test_what_is_for_other_series_is_not_offered_for_a_car(wall, portal, north):
    with north.bound():
        assert [p.number for p in queries.parts("XH", series="XH-TL")] == ["XH-1001-01", "XH-3501-01", "XH-5207-01"]
        assert [p.number for p in queries.parts("XH", series="XH-HF")] == ["XH-1001-01", "XH-3501-01"]
        assert [p.number for p in queries.parts(brand="YC", series="YC-QC")] == ["YC-2101-01"]
    with portal.bound():
        rows = [{"code": "XH-ENG-010", "fits": "XH-TL"}]
        actions.import_entries(actor=SYSTEM, noun=BY_KEY["labour-operations"], rows=rows)
        actions.publish(actor=SYSTEM)
        assert "XH-ENG-010" not in [o.code for o in queries.labour_operations(series="XH-HF")]
        assert "XH-ENG-010" in [o.code for o in queries.labour_operations(series="XH-TL")]


def test_the_tree_is_read_once_and_again_after_a_new_publication(wall, portal, monkeypatch):
    with portal.bound():
        with CaptureQueriesContext(connection) as captured:
            queries.catalogue()
        assert len(captured) == 5
        with CaptureQueriesContext(connection) as captured:
            queries.car_name(variant="XH-HF-26-01")
            queries.brand_choices()
        assert len(captured) == 0
        now = time.monotonic()
        monkeypatch.setattr(queries.time, "monotonic", lambda: now + queries.REMEMBER_FOR + 1)
        with CaptureQueriesContext(connection) as captured:
            queries.catalogue()
        assert len(captured) == 1
        brand = Brand.objects.get(code="XH")
        actions.change_entry(actor=SYSTEM, entry=brand, values={"name_en": "Xinghe Auto"})
        actions.publish(actor=SYSTEM)
        monkeypatch.setattr(queries.time, "monotonic", lambda: now + 2 * queries.REMEMBER_FOR + 2)
        with translation.override("en"):
            assert queries.brand_name("XH") == "Xinghe Auto"


def test_withdrawn_entries_keep_their_names_but_are_no_choice(wall, portal):
    with portal.bound(), translation.override("en"):
        actions.change_entry(
            actor=SYSTEM, entry=Brand.objects.get(code="YC"), values={"withdrawn_on": date(2024, 1, 1)}
        )
        actions.publish(actor=SYSTEM)
        queries.forget()
        assert queries.brand_choices(on=date(2023, 12, 31))[1][0] == "YC"
        assert [code for code, _name in queries.brand_choices(on=date(2024, 1, 1))] == ["XH"]
        assert queries.brand_name("YC") == "Yaochuan"
