"""The portal's pages of support access."""

from __future__ import annotations

import re

import pytest
from tests.oem.support.test_actions import ASKED

from kernel.accounts.models import User
from kernel.accounts.roles import PORTAL_ROLES, RIGHTS, Right
from oem.network.models import Dealership, DealershipState
from oem.support.models import Ask

PATH = "/network/north/support/"


@pytest.fixture
def manager(wall, portal):
    """A network manager who reads English."""
    with portal.bound():
        User.objects.filter(role="network_manager").update(language="en")
    return portal.client("network_manager")


@pytest.mark.parametrize("role", sorted(PORTAL_ROLES))
def test_who_opens_the_page(wall, portal, role):
    may = Right.SUPPORT_ASK in RIGHTS[role]
    client = portal.client(role)
    assert client.get(PATH).status_code == (200 if may else 403)
    assert client.post(PATH, ASKED).status_code == (200 if may else 403)
    assert ("/network/north/support/" in client.get("/network/north/").content.decode()) is may


def test_nobody_asks_from_elsewhere(wall, portal, north):
    assert portal.client().get(PATH).status_code == 302
    assert north.client("general_manager").get(PATH).status_code == 404
    assert portal.client("network_admin").get("/network/nowhere/support/").status_code == 404


def test_the_link_is_shown_once(manager, portal):
    page = manager.post(PATH, ASKED, headers={"host": "portal.localhost:8080"}).content.decode()
    link = re.search(r"http://north\.localhost:8080/support/enter/([\w-]{43})/", page)
    assert link
    again = manager.get(PATH).content.decode()
    assert link[1] not in again
    assert "Claims stay open." in again
    assert "Waits for an answer" in again
    with portal.bound():
        assert Ask.objects.get().asked_by_role == "network_manager"


def test_what_is_missing_is_said_and_what_was_typed_stays(manager, portal):
    answer = manager.post(PATH, ASKED | {"hours": "99"})
    assert answer.status_code == 422
    assert "Claims stay open." in answer.content.decode()
    with portal.bound():
        assert not Ask.objects.exists()
    blank = manager.post(PATH, ASKED | {"reason": "   "})
    assert blank.status_code == 422


def test_one_takes_back_what_was_asked(manager, portal):
    manager.post(PATH, ASKED)
    with portal.bound():
        made = Ask.objects.get()
    page = manager.post(f"{PATH}{made.pk}/withdraw/", follow=True).content.decode()
    assert "Withdrawn" in page
    assert f"{made.pk}/withdraw/" not in page
    assert manager.post(f"/network/south/support/{made.pk}/withdraw/").status_code == 404


def test_a_dealership_that_left_is_not_asked(manager, portal, monkeypatch):
    with portal.bound():
        Dealership.objects.filter(slug="north").update(state=DealershipState.RETIRED)
    assert "Ask to be let in" not in manager.get(PATH).content.decode()
    answer = manager.post(PATH, ASKED)
    assert answer.status_code == 422
    with portal.bound():
        assert not Ask.objects.exists()
