"""Dealerships in the API."""

from __future__ import annotations

import pytest

from kernel.accounts.roles import PORTAL_ROLES
from oem.network import actions
from oem.network.models import Dealership


def get(side, path, role="network_manager"):
    return side.client(role).get(f"/api/v1{path}", headers={"accept": "application/json"})


@pytest.mark.parametrize("role", sorted(PORTAL_ROLES))
def test_everyone_of_the_portal_reads_dealerships(wall, portal, role):
    answer = get(portal, "/dealerships", role)
    assert answer.status_code == 200
    found = answer.json()
    assert [d["slug"] for d in found["results"]] == ["north", "south"]
    assert found["next"] is None
    assert found["results"][1]["capabilities"][1]["brand"] == "YC"
    assert found["results"][1]["capabilities"][1]["sells"] is False


def test_the_list_is_narrowed_and_paged(wall, portal):
    def slugs(query):
        return [d["slug"] for d in get(portal, f"/dealerships?{query}").json()["results"]]

    assert slugs("province=44") == ["south"]
    assert slugs("state=active&brand=XH") == ["north", "south"]
    assert slugs("brand=NOPE") == []
    first = get(portal, "/dealerships?limit=1").json()
    assert [d["slug"] for d in first["results"]] == ["north"]
    rest = portal.client("network_manager").get(first["next"]).json()
    assert ([d["slug"] for d in rest["results"]], rest["next"]) == (["south"], None)


def test_a_dealership_shows_sites_and_territories(wall, portal):
    manager = portal.actor("network_manager")
    with portal.bound():
        south = Dealership.objects.get(slug="south")
        actions.add_site(actor=manager, dealership=south, name="Hall", city="深圳")
        actions.assign_territory(actor=manager, dealership=south, region="44")
    found = get(portal, "/dealerships/south").json()
    assert found["id"] == str(south.id)
    assert [s["city"] for s in found["sites"]] == ["4403"]
    assert found["territories"] == [{"region": "44", "rank": 1}]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [("/dealerships/nowhere", 404, "not_found"), ("/dealerships?state=happy", 422, "choice")],
)
def test_problems_are_problem_details(wall, portal, path, status, code):
    answer = get(portal, path)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == code
    assert problem["status"] == status


def test_nobody_signed_in_gets_401_and_a_dealership_has_no_such_address(wall, portal, north):
    assert portal.client().get("/api/v1/dealerships").status_code == 401
    assert north.client("general_manager").get("/api/v1/dealerships").status_code == 404
