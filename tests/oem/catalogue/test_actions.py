"""Writing the catalogue's master, and publishing it."""

from __future__ import annotations

import threading
from datetime import date
from decimal import Decimal

import pytest
from django.db import connection

from kernel.accounts.roles import PORTAL_ROLES, RIGHTS, Right
from kernel.audit.models import Entry
from kernel.errors import Forbidden, Invalid
from kernel.reference import models as published
from kernel.reference import queries as reference
from oem.catalogue import actions
from oem.catalogue.models import Brand, LabourOperation, Part, Variant
from oem.catalogue.nouns import BY_KEY, NOUNS

NAMES = {"name_zh_hans": "名", "name_zh_hant": "名", "name_en": "Name"}
OPERATION = {"code": "XH-ENG-020", "brand": "XH", "system": "engine", "standard_hours": "1.5", **NAMES}
COLOUR = {"code": "R", "zh_hans": "红", "zh_hant": "紅", "en": "Red", "hex": "#aa0000"}


@pytest.fixture
def admin(portal):
    return portal.actor("network_admin")


@pytest.fixture
def bound_portal(wall, portal, admin):
    with portal.bound():
        yield portal


@pytest.mark.parametrize("role", sorted(PORTAL_ROLES - {r for r in PORTAL_ROLES if Right.CATALOGUE_WRITE in RIGHTS[r]}))
def test_who_may_not_write_the_catalogue_is_refused(wall, portal, role):
    actor = portal.actor(role)
    with portal.bound():
        for act in (
            lambda: actions.add_entry(actor=actor, noun=BY_KEY["labour-operations"], values=OPERATION),
            lambda: actions.change_entry(actor=actor, entry=Brand.objects.first(), values={}),
            lambda: actions.import_entries(actor=actor, noun=BY_KEY["parts"], rows=[]),
            lambda: actions.publish(actor=actor),
        ):
            with pytest.raises(Forbidden):
                act()


def test_an_added_entry_is_audited_and_not_yet_published(bound_portal, admin):
    entry = actions.add_entry(actor=admin, noun=BY_KEY["labour-operations"], values=OPERATION)
    assert LabourOperation.objects.get(pk=entry.pk).standard_hours == Decimal("1.50")
    assert Entry.objects.get(action="catalogue.add", object_id="XH-ENG-020").after["standard_hours"] == "1.5"
    assert reference.operation("XH-ENG-020") is None


@pytest.mark.parametrize(
    ("noun", "change", "field"),
    [
        ("labour-operations", {"code": "XH-ENG-010"}, "code"),
        ("labour-operations", {"code": "xh eng"}, "code"),
        ("labour-operations", {"code": ""}, "code"),
        ("labour-operations", {"brand": "NOPE"}, "brand"),
        ("labour-operations", {"brand": ""}, "brand"),
        ("labour-operations", {"system": "wings"}, "system"),
        ("labour-operations", {"standard_hours": "fast"}, "standard_hours"),
        ("labour-operations", {"standard_hours": "-1"}, "standard_hours"),
        ("labour-operations", {"name_zh_hant": ""}, "name_zh_hant"),
        ("labour-operations", {"price": "1"}, "price"),
        ("labour-operations", {"fits": "YC-QC"}, "fits"),
        ("labour-operations", {"fits": ["XH-HF", 1]}, "fits"),
        ("labour-operations", {"fits": "[XH-HF"}, "fits"),
        ("variants", {"list_price": "1e99"}, "list_price"),
        ("variants", {"currency": "yuan"}, "currency"),
        ("variants", {"colours": "{"}, "colours"),
        ("variants", {"colours": [{"code": "R"}]}, "colours"),
        ("variants", {"colours": [COLOUR, COLOUR]}, "colours"),
        ("variants", {"colours": [{**COLOUR, "hex": "red"}]}, "colours"),
        ("variants", {"on_sale_from": "2026-02-30"}, "on_sale_from"),
        ("variants", {"on_sale_until": date(2020, 1, 1)}, "on_sale_until"),
    ],
)
def test_wrong_values_are_named(bound_portal, admin, noun, change, field):
    variant = {
        "code": "XH-HF-26-09",
        "model": "XH-HF-26",
        "list_price": 1,
        "on_sale_from": "2026-01-01",
        "warranty_months": 36,
        "warranty_km": 0,
        "colours": [COLOUR],
        **NAMES,
    }
    right = {"labour-operations": OPERATION, "variants": variant}[noun]
    actions.add_entry(actor=admin, noun=BY_KEY[noun], values={**right, "code": "TWIN-1"})
    with pytest.raises(Invalid) as caught:
        actions.add_entry(actor=admin, noun=BY_KEY[noun], values={**right, **change})
    assert caught.value.fields.keys() == {field}


def test_only_what_changes_is_written_and_audited(bound_portal, admin):
    part = Part.objects.get(pk="XH-1001-01")
    actions.change_entry(actor=admin, entry=part, values={"price": "450", "name_en": part.name_en})
    entry = Entry.objects.get(action="catalogue.change", object_id="XH-1001-01")
    assert (entry.before, entry.after) == ({"price": "420.00"}, {"price": "450"})
    actions.change_entry(actor=admin, entry=part, values={"price": "450.00"})
    assert Entry.objects.filter(action="catalogue.change").count() == 1


def test_an_import_adds_changes_and_leaves(bound_portal, admin):
    rows = [
        {"number": "XH-1001-01", "price": "430"},
        {"number": "XH-3501-01", "price": "260.00", "wear_part": "是"},
        {"number": "XH-9-1", "brand": "XH", "causal_group": "body", "price": "9.9", "wear_part": "no", **NAMES},
    ]
    done = actions.import_entries(actor=admin, noun=BY_KEY["parts"], rows=rows)
    assert (done.added, done.changed, done.same) == (1, 1, 1)
    assert Part.objects.get(pk="XH-9-1").price == Decimal("9.9")
    assert Part.objects.get(pk="XH-1001-01").name_en == "Water pump assembly"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("XH-TL", ["XH-TL"]),
        ('["XH-HF"]', ["XH-HF"]),
        (["XH-HF", "XH-HF"], ["XH-HF"]),
        ("XH-TL, XH-HF", []),
        ("", []),
    ],
)
def test_an_entry_fits_the_series_named_and_all_is_the_same_as_none(bound_portal, admin, given, kept):
    part = Part.objects.get(pk="XH-1001-01")
    assert actions.change_entry(actor=admin, entry=part, values={"fits": given}).fits == kept
    row = {"number": "XH-3501-01", "fits": given}
    actions.import_entries(actor=admin, noun=BY_KEY["parts"], rows=[row])
    assert Part.objects.get(pk="XH-3501-01").fits == kept


def test_an_import_is_all_or_nothing_and_names_every_mistake(bound_portal, admin):
    rows = [
        {"number": "XH-1001-01", "price": "430"},
        {"number": "XH-3501-01", "price": "cheap"},
        {"number": "XH-9-1", "brand": "ZZ", "causal_group": "body", "price": "1", **NAMES},
        {"number": "XH-1001-01", "price": "1"},
        {"number": "", "price": "1"},
    ]
    before = Entry.objects.count()
    with pytest.raises(Invalid) as caught:
        actions.import_entries(actor=admin, noun=BY_KEY["parts"], rows=rows)
    found = set(caught.value.fields)
    assert {"2.price", "3.brand", "4.number", "5.number"} <= found
    assert not any(name.startswith("1.") for name in found)
    assert Entry.objects.count() == before
    assert Part.objects.get(pk="XH-1001-01").price == Decimal("420")


def test_a_file_full_of_mistakes_is_read_until_a_hundred_are_found(bound_portal, admin):
    wrong = [{"code": f"no {number}", "brand": "NOPE"} for number in range(1000)]
    with pytest.raises(Invalid) as caught:
        actions.import_entries(actor=admin, noun=BY_KEY["labour-operations"], rows=wrong)
    assert 100 <= len(caught.value.errors) < 120
    rows = {error.field.partition(".")[0] for error in caught.value.errors}
    assert rows == {str(number) for number in range(1, len(rows) + 1)}


def test_publishing_copies_the_differences_under_a_new_version(bound_portal, admin):
    first = reference.publication()
    actions.add_entry(actor=admin, noun=BY_KEY["labour-operations"], values=OPERATION)
    actions.change_entry(actor=admin, entry=Variant.objects.get(pk="XH-HF-26-01"), values={"list_price": "99000"})
    found = {d.noun.key: (d.added, d.changed, d.removed) for d in actions.differences() if d}
    assert found == {"labour-operations": (["XH-ENG-020"], [], []), "variants": ([], ["XH-HF-26-01"], [])}
    second = actions.publish(actor=admin)
    assert second.version == first.version + 1
    assert second.checksum != first.checksum
    assert second.differences == {
        "variants": {"added": 0, "changed": 1, "removed": 0},
        "labour-operations": {"added": 1, "changed": 0, "removed": 0},
    }
    assert published.Variant.objects.get(pk="XH-HF-26-01").list_price == Decimal("99000")
    assert not any(actions.differences())
    assert actions.publish(actor=admin) is None
    assert reference.publication().version == second.version


def test_what_the_master_lost_goes_from_the_copy_too(bound_portal, admin):
    Part.objects.filter(pk="YC-2101-01").update(number="YC-2101-02")
    actions.publish(actor=admin)
    assert reference.part("YC-2101-01") is None


def test_the_same_catalogue_has_the_same_checksum(bound_portal, admin):
    first = reference.publication().checksum
    variant = Variant.objects.get(pk="XH-HF-26-01")
    actions.change_entry(actor=admin, entry=variant, values={"name_en": "Cosy"})
    actions.publish(actor=admin)
    actions.change_entry(actor=admin, entry=variant, values={"name_en": "Comfort"})
    assert actions.publish(actor=admin).checksum == first


def test_what_is_published_is_seen_by_every_dealership(committed, portal, north, south):
    admin = portal.actor("network_admin")
    with portal.bound():
        brand = Brand.objects.get(code="XH")
        actions.change_entry(actor=admin, entry=brand, values={"name_en": "Xinghe Auto"})
    for side in (north, south):
        with side.bound():
            assert published.Brand.objects.get(code="XH").name_en == "Xinghe"
    with portal.bound():
        actions.publish(actor=admin)
    for side in (north, south):
        with side.bound():
            assert published.Brand.objects.get(code="XH").name_en == "Xinghe Auto"
            assert reference.catalogue().version == 2


def test_two_who_publish_at_once_make_one_version_each(committed, portal):
    admin = portal.actor("network_admin")
    with portal.bound():
        actions.change_entry(actor=admin, entry=Brand.objects.get(code="XH"), values={"name_en": "Xinghe Auto"})
    gate = threading.Barrier(2, timeout=10)
    versions = []

    def act() -> None:
        try:
            with portal.bound():
                gate.wait()
                done = actions.publish(actor=admin)
                versions.append(done.version if done else None)
        finally:
            connection.close()

    threads = [threading.Thread(target=act) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(versions, key=str) == [2, None]


def test_every_noun_is_publishable(wall):
    for noun in NOUNS:
        master = {f.attname for f in noun.master._meta.concrete_fields} - {"changed_at"}
        assert master == {f.attname for f in noun.published._meta.concrete_fields}
        assert set(noun.fields) == {f.name for f in noun.published._meta.concrete_fields}
