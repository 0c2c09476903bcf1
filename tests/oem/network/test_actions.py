"""Dealerships join, change and retire."""

from __future__ import annotations

from datetime import date
from uuid import UUID, uuid4

import pytest
from django.db import ProgrammingError
from tests.together import while_it_waits

from kernel.accounts.actors import SYSTEM
from kernel.accounts.models import User
from kernel.audit.models import Entry
from kernel.errors import Conflict, Forbidden, IllegalTransition, Invalid
from kernel.tenancy import directory, limits, steward
from kernel.tenancy.bindings import PORTAL_SCHEMA, Dealer, Owner, bound
from kernel.tenancy.models import StewardRequest
from oem.network import actions, queries
from oem.network.models import Dealership, DealershipState


@pytest.fixture
def manager(portal):
    return portal.actor("network_manager")


@pytest.fixture
def place(wall, portal, manager):
    """A dealership that is active, without going through the steward."""
    with portal.bound():
        yield actions.enter_dealership(
            actor=manager, id="00000000-0000-4000-8000-0000000000c1", slug="centre", name="Centre Cars"
        )


def test_adding_asks_the_steward_and_keeps_no_secret(wall, portal, manager):
    with portal.bound():
        joining = actions.add_dealership(
            actor=manager, slug=" West ", name="West Auto", province="广东省", city="深圳", brands=("XH",)
        )
        dealership = Dealership.objects.get(slug="west")
        assert (dealership.state, dealership.province, dealership.city) == ("joining", "44", "4403")
        assert [c.brand for c in dealership.capabilities.all()] == ["XH"]
        request = StewardRequest.objects.get(id=dealership.request_id)
        assert request.verb == "provision"
        assert request.arguments["id"] == str(dealership.id)
        assert joining.first_link.removeprefix("first.") not in str(request.arguments)
        assert Entry.objects.get(action="network.add_dealership").object_id == str(dealership.id)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"slug": "North"}, "slug"),
        ({"slug": "portal"}, "slug"),
        ({"slug": "9lives"}, "slug"),
        ({"slug": "a_b"}, "slug"),
        ({"slug": ""}, "slug"),
        ({"name": " "}, "name"),
        ({"province": "Atlantis"}, "province"),
        ({"province": "44", "city": "上海"}, "city"),
        ({"phone": "12"}, "phone"),
        ({"sales_target": -1}, "sales_target"),
        ({"brands": ("NOPE",)}, "brands"),
        ({"manager_login": "x"}, "manager_login"),
    ],
)
def test_wrong_input_is_named_and_nothing_is_left(wall, portal, manager, change, field):
    with portal.bound():
        with pytest.raises(Invalid) as caught:
            actions.add_dealership(actor=manager, **{"slug": "west", "name": "West Auto", **change})
        assert set(caught.value.fields) == {field}
        assert Dealership.objects.count() == 2
        assert not StewardRequest.objects.exists()


@pytest.mark.parametrize("role", ["lead_desk", "auditor", "crm_analyst"])
def test_who_may_not_write_the_network_is_refused(wall, portal, role):
    actor = portal.actor(role)
    with portal.bound(), pytest.raises(Forbidden):
        actions.add_dealership(actor=actor, slug="west", name="West Auto")


def test_a_dealership_joins_and_its_first_person_signs_in_by_the_link(committed, portal):
    manager = portal.actor("network_manager")
    with portal.bound():
        joining = actions.add_dealership(
            actor=manager, slug="west", name="West Auto", manager_login="boss", manager_name="Wei Lan"
        )
    assert steward.work_off_one()
    with portal.bound():
        dealership = actions.note_answer(actor=manager, dealership=joining.dealership)
        assert dealership.state == DealershipState.ACTIVE
        assert queries.steward_request(dealership).state == "done"
    from kernel.accounts.actions import set_password_by_link

    with bound(Dealer(dealership.id)):
        boss = User.objects.get(login="boss")
        assert boss.role == "general_manager"
        assert not boss.has_usable_password()
        set_password_by_link(link=joining.first_link, password="blue lantern 42 harbour")
        boss.refresh_from_db()
        assert boss.check_password("blue lantern 42 harbour")
        with pytest.raises(Invalid, match="no longer valid"):
            set_password_by_link(link=joining.first_link, password="another lantern 43 harbour")

    with portal.bound():
        retiring = actions.retire_dealership(actor=manager, dealership=dealership, confirmation="west")
        assert retiring.state == DealershipState.RETIRING
        with pytest.raises(ProgrammingError, match="permission denied"):
            actions.confirm_retirement(actor=manager, dealership=dealership, signed_by="me")
    assert not steward.work_off_one(), "the portal alone closes nobody"
    with bound(Owner(PORTAL_SCHEMA)):
        actions.confirm_retirement(actor=SYSTEM, dealership=dealership, signed_by="operator@server")
    with portal.bound(), pytest.raises(Conflict, match="confirmed already"):
        actions.withdraw_retirement(actor=manager, dealership=dealership)
    assert steward.work_off_one()
    with portal.bound():
        entry = Entry.objects.get(action="network.confirm_retirement")
        assert (entry.object_id, entry.note) == (str(dealership.id), "operator@server")
        assert actions.note_answer(actor=manager, dealership=dealership).state == DealershipState.RETIRED
    directory.forget()
    assert directory.member_at("west.localhost") is None


def test_a_failed_set_up_is_shown_and_can_be_tried_again(committed, portal, monkeypatch):
    manager = portal.actor("network_manager")
    with portal.bound():
        joining = actions.add_dealership(actor=manager, slug="west", name="West Auto")
    with monkeypatch.context() as patch:
        patch.delenv("DEALERNET_KEY_DEALERS")
        assert steward.work_off_one()
    with portal.bound():
        failed = actions.note_answer(actor=manager, dealership=joining.dealership)
        assert failed.state == DealershipState.FAILED
        assert queries.steward_request(failed).error
        actions.try_joining_again(actor=manager, dealership=failed)
    assert steward.work_off_one()
    with portal.bound():
        assert actions.note_answer(actor=manager, dealership=failed).state == DealershipState.ACTIVE
        with pytest.raises(IllegalTransition):
            actions.try_joining_again(actor=manager, dealership=failed)


def test_the_wish_to_close_a_dealership_can_be_taken_back(committed, portal, north):
    manager = portal.actor("network_manager")
    with portal.bound():
        place = Dealership.objects.get(slug="north")
        asked = actions.retire_dealership(actor=manager, dealership=place, confirmation="north").request_id
        kept = actions.withdraw_retirement(actor=manager, dealership=place)
        assert (kept.state, kept.request_id) == (DealershipState.ACTIVE, None)
        assert Entry.objects.filter(action="network.withdraw_retirement", object_id=str(place.id)).exists()
        with pytest.raises(IllegalTransition):
            actions.withdraw_retirement(actor=manager, dealership=place)
        assert StewardRequest.objects.get(id=asked).awaits_signature
    with bound(Owner(PORTAL_SCHEMA)), pytest.raises(IllegalTransition):
        actions.confirm_retirement(actor=SYSTEM, dealership=place, signed_by="operator@server")
    assert not steward.work_off_one()
    directory.forget()
    assert directory.member_at("north.localhost").binding == north.binding


def test_retiring_needs_the_name_typed(wall, place, manager):
    with pytest.raises(Invalid) as caught:
        actions.retire_dealership(actor=manager, dealership=place, confirmation="center")
    assert caught.value.fields.keys() == {"confirmation"}
    place.refresh_from_db()
    assert place.state == DealershipState.ACTIVE


def test_changes_are_audited_and_no_change_is_not(wall, place, manager):
    actions.change_dealership(actor=manager, dealership=place, phone="010 6512 3456", sales_target=900)
    place.refresh_from_db()
    assert (place.phone, place.sales_target) == ("+861065123456", 900)
    entry = Entry.objects.get(action="network.change_dealership")
    assert entry.before == {"phone": "", "sales_target": None}
    actions.change_dealership(actor=manager, dealership=place, phone="010-65123456")
    assert Entry.objects.filter(action="network.change_dealership").count() == 1


def test_sites_open_and_close(wall, place, manager):
    site = actions.add_site(actor=manager, dealership=place, name="Main hall", city="北京", workshop_bays=12)
    assert site.city == "1101"
    with pytest.raises(Invalid) as caught:
        actions.change_site(actor=manager, site=site, opened_on=date(2024, 5, 1), closed_on=date(2024, 4, 30))
    assert caught.value.fields.keys() == {"closed_on"}
    actions.change_site(actor=manager, site=site, closed_on=date(2025, 1, 1))
    assert place.sites.get().closed_on == date(2025, 1, 1)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"brand": "NOPE"}, "brand"),
        ({"brand": "XH", "series": "YC-QC"}, "series"),
        ({"brand": "XH", "sells": False, "services": False}, "sells"),
        ({"brand": "XH", "valid_until": date(2023, 12, 31)}, "valid_until"),
    ],
)
def test_a_capability_must_make_sense(wall, place, manager, values, field):
    with pytest.raises(Invalid) as caught:
        actions.grant_capability(actor=manager, dealership=place, valid_from=date(2024, 1, 1), **values)
    assert caught.value.fields.keys() == {field}
    assert not place.capabilities.exists()


def test_what_a_dealership_may_do_depends_on_brand_series_and_day(wall, place, manager):
    actions.grant_capability(
        actor=manager,
        dealership=place,
        brand="XH",
        services=False,
        valid_from=date(2024, 1, 1),
        valid_until=date(2024, 12, 31),
    )
    series = actions.grant_capability(
        actor=manager, dealership=place, brand="YC", series="YC-QC", valid_from=date(2024, 1, 1)
    )
    in_2024, in_2025 = date(2024, 12, 31), date(2025, 1, 1)

    def slugs(**asked):
        return [d.slug for d in queries.capable_dealerships(**asked) if d.slug == "centre"]

    assert slugs(brand="XH", on=in_2024) == ["centre"]
    assert slugs(brand="XH", series="XH-HF", on=in_2024) == ["centre"]
    assert slugs(brand="XH", services=True, on=in_2024) == []
    assert slugs(brand="XH", on=in_2025) == []
    assert slugs(brand="YC", on=in_2025) == []
    assert slugs(brand="YC", series="YC-QC", on=in_2025) == ["centre"]
    actions.change_capability(actor=manager, capability=series, valid_until=date(2024, 6, 30))
    assert slugs(brand="YC", series="YC-QC", on=in_2025) == []


def test_territories_rank_before_the_own_seat(wall, place, manager):
    place = actions.change_dealership(actor=manager, dealership=place, province="11", city="1101")
    assert queries.covering([place], city="1101") == {place.id: (2, 1)}
    assert queries.covering([place], province="11") == {place.id: (3, 1)}
    assert queries.covering([place], province="44", city="4403") == {}
    province = actions.assign_territory(actor=manager, dealership=place, region="广东", rank=3)
    assert queries.covering([place], province="44", city="4403") == {place.id: (1, 3)}
    actions.assign_territory(actor=manager, dealership=place, region="4403")
    assert queries.covering([place], city="4403") == {place.id: (0, 1)}
    actions.withdraw_territory(actor=manager, territory=province)
    assert [t.region for t in place.territories.all()] == ["4403"]
    with pytest.raises(Invalid):
        actions.assign_territory(actor=manager, dealership=place, region="440305")


def test_the_short_name_follows_the_language(wall, place, manager):
    from django.utils import translation

    actions.change_dealership(actor=manager, dealership=place, short_name_zh_hans="中心汽车", short_name_en="Centre")
    place.refresh_from_db()
    shown = {}
    for language in ("zh-hans", "zh-hant", "en"):
        with translation.override(language):
            shown[language] = str(place)
    assert shown == {"zh-hans": "中心汽车", "zh-hant": "中心汽车", "en": "Centre"}


def test_of_two_who_take_one_address_name_at_once_the_second_is_told(committed, portal, manager):
    def add() -> object:
        return actions.add_dealership(actor=manager, slug="west", name="West Auto")

    refusal = while_it_waits(portal, add, add)
    assert isinstance(refusal, Invalid)
    assert (refusal.code, refusal.fields.keys()) == ("slug_taken", {"slug"})
    with portal.bound():
        assert Dealership.objects.filter(slug="west").count() == StewardRequest.objects.count() == 1


def test_the_id_of_one_that_lives_here_is_not_given_again(wall, portal, manager, north):
    with portal.bound():
        with pytest.raises(Invalid) as caught:
            actions.add_dealership(actor=manager, id=north.id, slug="fresh", name="Another")
        assert caught.value.fields.keys() == {"id"}
        assert not StewardRequest.objects.exists()


def test_a_dealership_may_come_with_the_id_it_had_elsewhere(wall, portal, manager):
    before = UUID("00000000-0000-4000-8000-0000000000c2")
    with portal.bound():
        joining = actions.add_dealership(actor=manager, id=before, slug="west", name="West Auto")
        assert joining.dealership.id == before
        assert StewardRequest.objects.get().arguments["id"] == str(before)


def test_a_network_from_a_file_is_entered_again_without_doubling(wall, place, manager):
    again = actions.enter_dealership(
        actor=manager, id=place.id, slug="other", name="Centre Motors", phone="010 6512 3456"
    )
    assert (str(again.id), again.slug, again.name) == (place.id, "centre", "Centre Motors")
    assert Dealership.objects.filter(id=place.id).count() == 1


def test_a_network_from_a_file_is_checked_like_one_that_is_typed(wall, portal, manager):
    with portal.bound():
        with pytest.raises(Invalid) as caught:
            actions.enter_dealership(
                actor=manager, id=UUID(int=7), slug="west", name="West Auto", city="Atlantis", sales_target=-1
            )
        assert caught.value.fields.keys() == {"city", "sales_target"}
        assert not Dealership.objects.filter(slug="west").exists()


@pytest.mark.parametrize(
    ("region", "rank", "field"),
    [("", 1, "region"), ("Atlantis", 1, "region"), ("110101", 1, "region"), ("11", 0, "rank"), ("11", 100, "rank")],
)
def test_a_territory_is_a_province_or_city_with_a_rank(wall, place, manager, region, rank, field):
    with pytest.raises(Invalid) as caught:
        actions.assign_territory(actor=manager, dealership=place, region=region, rank=rank)
    assert caught.value.fields.keys() == {field}
    assert not place.territories.exists()


def test_a_day_that_is_none_is_named_before_days_are_compared(wall, place, manager):
    with pytest.raises(Invalid) as caught:
        actions.grant_capability(
            actor=manager, dealership=place, brand="XH", valid_from="soon", valid_until=date(2024, 1, 1)
        )
    assert caught.value.fields.keys() == {"valid_from"}


def test_a_field_that_master_data_do_not_have_is_a_defect_of_the_caller(wall, place, manager):
    with pytest.raises(TypeError, match="Dealership has no slug, colour"):
        actions.change_dealership(actor=manager, dealership=place, slug="other", colour="red")
    place.refresh_from_db()
    assert place.slug == "centre"


# -- limits ----------------------------------------------------------------------------------------------------


def test_limits_are_set_with_a_trace_and_taken_back(committed, portal, north, manager):
    with portal.bound():
        dealership = Dealership.objects.get(id=north.id)
        actions.set_limits(actor=manager, dealership=dealership, requests=8, storage_mb=500)
        actions.set_limits(actor=manager, dealership=dealership, requests=8, storage_mb=500)
        entries = Entry.objects.filter(action="network.set_limits")
        assert [(e.before, e.after) for e in entries] == [
            ({"requests": None, "storage_mb": None}, {"requests": 8, "storage_mb": 500})
        ]
        allowed, use = queries.limits_of(dealership)
        assert (allowed.requests, allowed.storage_mb, use) == (8, 500, None)
    assert directory.member_at(north.host).limits == allowed
    with portal.bound():
        actions.set_limits(actor=manager, dealership=dealership, requests=None)
        assert queries.limits_of(dealership)[0].requests == limits.standard().requests
        assert queries.limits_of(dealership)[0].storage_mb == 500


@pytest.mark.parametrize(("name", "value"), [("requests", 0), ("statement_seconds", 21), ("jobs_per_minute", 1)])
def test_a_limit_outside_of_what_is_sensible_is_refused(wall, portal, north, manager, name, value):
    with portal.bound():
        dealership = Dealership.objects.get(id=north.id)
        with pytest.raises(Invalid) as refused:
            actions.set_limits(actor=manager, dealership=dealership, **{name: value})
        assert [error.field for error in refused.value.errors] == [name]
        assert not Entry.objects.filter(action="network.set_limits").exists()


def test_a_dealership_that_is_not_set_up_yet_has_no_limits_of_its_own(wall, portal, manager):
    with portal.bound():
        dealership = actions.enter_dealership(actor=manager, id=uuid4(), slug="new-one", name="New One")
        with pytest.raises(Invalid, match="being set up"):
            actions.set_limits(actor=manager, dealership=dealership, requests=3)


def test_only_those_who_manage_the_network_set_limits(wall, portal, north):
    actor = portal.actor("auditor")
    with portal.bound():
        dealership = Dealership.objects.get(id=north.id)
    with portal.bound(), pytest.raises(Forbidden):
        actions.set_limits(actor=actor, dealership=dealership, requests=3)
