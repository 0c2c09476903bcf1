"""Pages of the network."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kernel.accounts.actors import SYSTEM
from kernel.accounts.roles import PORTAL_ROLES, RIGHTS, Right
from kernel.tenancy import steward
from oem.network import actions, panels
from oem.network.models import Dealership

PAGES = ["/network/", "/network/north/"]
FORMS = [
    "/network/new/",
    "/network/north/edit/",
    "/network/north/retire/",
    "/network/north/sites/new/",
    "/network/north/capabilities/new/",
    "/network/north/regions/new/",
]


@pytest.mark.parametrize("role", sorted(PORTAL_ROLES))
@pytest.mark.parametrize("path", [*PAGES, *FORMS])
def test_rights_decide_who_opens_a_page(wall, portal, role, path):
    wanted = Right.NETWORK_READ if path in PAGES else Right.NETWORK_WRITE
    answer = portal.client(role).get(path)
    assert answer.status_code == (200 if wanted in RIGHTS[role] else 403)


@pytest.mark.parametrize("path", [*PAGES, *FORMS])
def test_nobody_signed_in_is_sent_to_the_sign_in(wall, portal, path):
    assert portal.client().get(path).headers["Location"].startswith("/sign-in/?next=%2Fnetwork%2F")


def test_a_dealership_has_no_such_pages(wall, north):
    assert north.client("general_manager").get("/network/").status_code == 404


@pytest.mark.parametrize("path", ["/network/nowhere/", "/network/nowhere/edit/", "/network/north/sites/9f3c/"])
def test_what_is_not_there_is_404(wall, portal, path):
    assert portal.client("network_manager").get(path).status_code == 404


def test_a_site_of_another_dealership_is_404_under_this_one(wall, portal):
    with portal.bound():
        site = actions.add_site(actor=SYSTEM, dealership=Dealership.objects.get(slug="south"), name="Hall")
    client = portal.client("network_manager")
    assert client.get(f"/network/south/sites/{site.id}/").status_code == 200
    assert client.get(f"/network/north/sites/{site.id}/").status_code == 404


def test_the_list_filters_and_exports(wall, portal):
    client = portal.client("network_manager")

    def names(query):
        page = client.get(f"/network/?{query}").content.decode()
        return {slug for slug in ("north", "south") if f"/network/{slug}/" in page}

    assert names("") == {"north", "south"}
    assert names("province=44") == {"south"}
    assert names("brand=YC") == {"north", "south"}
    assert names("brand=XH&province=11") == {"north"}
    assert names("state=retired") == set()
    assert names("q=northstar") == {"north"}
    # Read to the end: only then does the test client close the file as a server would.
    assert "Southgate Motors" in client.get("/network/?export=csv").getvalue().decode("utf-8-sig")
    assert client.get("/network/?export=xlsx").getvalue().startswith(b"PK")


def test_the_list_costs_the_same_for_two_and_for_twenty(wall, portal):
    client = portal.client("network_manager")
    client.get("/network/")  # the catalogue and templates are loaded now

    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/network/").status_code == 200
        return len(captured)

    few = queries()
    with portal.bound():
        for n in range(20):
            dealership = actions.enter_dealership(
                actor=SYSTEM, id=f"00000000-0000-4000-8000-0000000000{n:02d}", slug=f"d{n}", name=f"Dealer {n}"
            )
            actions.add_site(actor=SYSTEM, dealership=dealership, name="Hall")
    assert queries() == few
    assert few <= 9


def test_the_pages_speak_three_languages(wall, portal):
    client = portal.client("network_manager")
    for language, name in (("zh-hans", "北辰汽车"), ("zh-hant", "北辰汽車"), ("en", "Northstar")):
        with portal.bound():
            user = portal.user("network_manager")
            user.language = language
            user.save(update_fields=["language"])
        assert name in client.get("/network/").content.decode()


def test_a_wrong_form_says_so_and_keeps_what_was_typed(wall, portal):
    answer = portal.client("network_admin").post(
        "/network/new/",
        {"slug": "north", "name": "West Auto", "manager_login": "boss", "language": "zh-hans", "city": "Atlantis"},
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="West Auto"' in page
    assert 'value="Atlantis"' in page
    assert page.count("aria-invalid") == 2


def test_adding_a_dealership_shows_progress_then_address_and_link(committed, portal):
    client = portal.client("network_manager")
    answer = client.post(
        "/network/new/",
        {"slug": "west", "name": "West Auto", "brands": ["XH"], "manager_login": "boss", "language": "zh-hans"},
    )
    assert answer.headers["Location"] == "/network/west/joining/"
    page = client.get("/network/west/joining/").content.decode()
    assert 'hx-trigger="every 1s"' in page
    assert "/password/link/" not in page
    assert steward.work_off_one()
    part = client.get("/network/west/joining/", headers={"HX-Request": "true"}).content.decode()
    assert "hx-trigger" not in part
    assert "<html" not in part
    link = re.search(r'data-copy="http://west\.localhost(/password/link/first\.[^"]+)"', part).group(1)
    other = portal.client("network_admin").get("/network/west/joining/").content.decode()
    assert "/password/link/" not in other

    from django.test import Client

    west = Client(headers={"host": "west.localhost"})
    assert west.get(link).status_code == 200
    done = west.post(link, {"password": "blue lantern 42 harbour", "again": "blue lantern 42 harbour"})
    assert done.status_code == 302, done.content.decode()
    assert west.get(link).status_code in (400, 404, 410, 422)
    assert client.get("/network/west/").status_code == 200


def test_retiring_asks_for_the_name(wall, portal):
    client = portal.client("network_manager")
    assert client.post("/network/south/retire/", {"confirmation": "north"}).status_code == 422
    assert client.post("/network/south/retire/", {"confirmation": "south"}).status_code == 302
    with portal.bound():
        assert Dealership.objects.get(slug="south").state == "retiring"
    assert client.post("/network/south/retire/", {"confirmation": "south"}).status_code == 409


def test_a_wish_to_close_says_who_has_to_confirm_it_and_can_be_taken_back(wall, portal):
    client = portal.client("network_manager")
    client.post("/network/south/retire/", {"confirmation": "south"})
    page = client.get("/network/south/joining/").content.decode()
    assert "dealernet dealer retire south" in page
    assert "hx-trigger" not in page
    assert "/network/south/keep/" not in portal.client("auditor").get("/network/south/joining/").content.decode()
    assert portal.client("auditor").post("/network/south/keep/").status_code == 403
    assert client.post("/network/south/keep/").status_code == 302
    with portal.bound():
        assert Dealership.objects.get(slug="south").state == "active"
    assert client.post("/network/south/keep/").status_code == 409


def test_master_data_sites_capabilities_and_regions_are_edited(wall, portal):
    client = portal.client("network_manager")
    page = client.get("/network/south/edit/").content.decode()
    assert "深圳" in page or "Shenzhen" in page
    sent = {"name": "Southgate Motors Ltd", "province": "44", "city": "广州", "phone": "020 8888 9999"}
    assert client.post("/network/south/edit/", sent).status_code == 302
    assert client.post("/network/south/sites/new/", {"name": "Hall", "workshop_bays": 3}).status_code == 302
    granted = {"brand": "YC", "sells": "on", "valid_from": "2026-01-01"}
    assert client.post("/network/south/capabilities/new/", granted).status_code == 302
    assert client.post("/network/south/regions/new/", {"region": "广东", "rank": 2}).status_code == 302
    with portal.bound():
        south = Dealership.objects.get(slug="south")
        assert (south.name, south.city, south.phone) == ("Southgate Motors Ltd", "4401", "+862088889999")
        site, capability = south.sites.get(), south.capabilities.get(brand="YC", sells=True)
        region = south.territories.get()
    assert (
        client.post(f"/network/south/sites/{site.id}/", {"name": "Great hall", "workshop_bays": 3}).status_code == 302
    )
    ended = {**granted, "valid_until": "2025-01-01"}
    assert client.post(f"/network/south/capabilities/{capability.id}/", ended).status_code == 422
    assert client.post(f"/network/south/regions/{region.id}/withdraw/").status_code == 302
    assert "Great hall" in client.get("/network/south/").content.decode()


def test_other_apps_add_panels_to_the_page(wall, portal, monkeypatch):
    monkeypatch.setattr(panels, "_panels", {})
    panel = panels.Panel(
        key="x",
        title="Extra",
        template="network/_progress.html",
        context=lambda request, dealership: {"steps": [{"label": f"of {dealership.slug}", "state": "done"}]},
        right=Right.NETWORK_WRITE,
    )
    panels.register(panel)
    assert "of north" in portal.client("network_manager").get("/network/north/").content.decode()
    assert "of north" not in portal.client("lead_desk").get("/network/north/").content.decode()
