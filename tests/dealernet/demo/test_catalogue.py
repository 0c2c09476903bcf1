"""The demo's catalogue and network load through the product's own actions."""

from __future__ import annotations

from collections import Counter
from datetime import date

from dealernet.demo import catalogue, network
from kernel.accounts.actors import SYSTEM
from kernel.audit.models import Entry
from kernel.reference import models as reference
from kernel.reference.nouns import Energy
from kernel.tenancy.bindings import PORTAL_SCHEMA, Owner, bound
from kernel.tenancy.models import Kind, State, Tenant
from oem.catalogue import models as master
from oem.network.models import Dealership
from oem.network.queries import capable_dealerships


def test_the_catalogue_loads_and_a_second_time_changes_nothing(wall, portal):
    with portal.bound():
        first = catalogue.load(actor=SYSTEM)
        entries = Entry.objects.count()
        assert catalogue.load(actor=SYSTEM).version == first.version
        assert Entry.objects.count() == entries
        assert reference.Publication.objects.first().version == first.version
        counts = {
            model.__name__: model.objects.count() for model in (reference.Series, reference.Model, reference.Variant)
        }
        # The small catalogue of all tests stands in the same tables; its cars have codes of the demo's.
        assert counts == {"Series": 10, "Model": 20, "Variant": 45}
        assert Counter(reference.Series.objects.values_list("energy", flat=True)).keys() == set(Energy.values)
        assert reference.LabourOperation.objects.count() >= 120
        assert reference.Part.objects.count() >= 200
        assert reference.FaultCode.objects.count() >= 40


def test_every_entry_has_names_in_all_languages_and_traditional_ones_in_the_field_s_words(wall, portal):
    with portal.bound():
        catalogue.load(actor=SYSTEM)
        for model in (master.Brand, master.Series, master.Model, master.Variant, master.LabourOperation, master.Part):
            assert all(all(entry.names) for entry in model.objects.all())
        traditional = "".join(master.Part.objects.values_list("name_zh_hant", flat=True))
        assert "煞車" in traditional
        assert "避震器" in traditional
        assert not any(word in traditional for word in ("发", "动", "车", "制動", "減震器", "傳感器"))


def test_a_car_of_every_series_was_on_sale_on_every_day_of_the_history(wall, portal):
    with portal.bound():
        catalogue.load(actor=SYSTEM)
        for day in (date(2024, 1, 15), date(2025, 6, 30), date(2025, 8, 31), date(2025, 9, 1), date(2026, 11, 1)):
            on_sale = [v for v in reference.Variant.objects.select_related("model") if v.may_be_chosen(day)]
            assert len({v.model.series_id for v in on_sale}) == 10, day


def test_who_sells_and_who_services(committed, portal):
    with bound(Owner()):
        Tenant.objects.create(
            kind=Kind.DEALERSHIP, slug="east", name="East", schema_name="d_aaaaaaaaaaaa", state=State.ACTIVE
        )
    with bound(Owner(PORTAL_SCHEMA)):
        Dealership.objects.all().delete()
    with portal.bound():
        catalogue.load(actor=SYSTEM)
        loaded = network.load(actor=SYSTEM)
        entries = Entry.objects.count()
        assert [d.id for d in network.load(actor=SYSTEM)] == [d.id for d in loaded]
        assert Entry.objects.count() == entries

        def slugs(**asked):
            return [d.slug for d in capable_dealerships(**asked)]

        assert slugs(brand="XH") == ["east", "north"]
        assert slugs(brand="YC") == ["north", "south"]
        assert slugs(brand="XH", services=True) == ["east", "north", "south"]
        assert slugs(brand="YC", services=True) == ["north", "south"]
        assert len({d.province for d in loaded}) == 3
