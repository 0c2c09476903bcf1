"""The published catalogue in the dealerships' API."""

from __future__ import annotations

import pytest

from kernel.accounts.roles import DEALERSHIP_ROLES, RIGHTS
from kernel.reference.api import READERS, SHAPES


@pytest.mark.parametrize("role", sorted(DEALERSHIP_ROLES))
def test_who_works_with_cars_or_customers_reads_the_catalogue(wall, north, role):
    answer = north.client(role).get("/api/v1/catalogue/variants?model=XH-HF-26")
    assert answer.status_code == (200 if RIGHTS[role] & set(READERS) else 403)


def test_entries_have_their_names_price_and_colours(wall, north):
    found = north.client("stock_clerk").get("/api/v1/catalogue/variants?model=XH-HF-26").json()["results"]
    assert [v["code"] for v in found] == ["XH-HF-26-01", "XH-HF-26-02"]
    assert found[0]["list_price"] == "100000.00"
    assert found[0]["name_zh_hant"] == "舒適型"
    assert found[0]["colours"][1]["zh_hans"] == "湖蓝"


@pytest.mark.parametrize("side", ["north", "portal"])
@pytest.mark.parametrize("noun", sorted(SHAPES))
def test_every_noun_has_a_list_and_a_detail_on_both_hosts(wall, side, noun):
    client = getattr(wall, side).client("network_manager" if side == "portal" else "service_manager")
    rows = client.get(f"/api/v1/catalogue/{noun}").json()["results"]
    assert rows
    assert client.get(f"/api/v1/catalogue/{noun}/{rows[0]['code']}").json() == rows[0]


@pytest.mark.parametrize("path", ["parts/NOPE", "nouns", "parts/XH-1001-01/more"])
def test_unknown_entries_are_problem_details(wall, north, path):
    answer = north.client("parts_clerk").get(f"/api/v1/catalogue/{path}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


def test_the_catalogue_cannot_be_written_through_it(wall, north):
    answer = north.client("general_manager").post(
        "/api/v1/catalogue/parts", {"code": "X"}, content_type="application/json"
    )
    assert answer.status_code in (403, 405)


def test_the_publication_says_its_version(wall, north):
    assert north.client("parts_clerk").get("/api/v1/catalogue/publication").json()["version"] == 1
