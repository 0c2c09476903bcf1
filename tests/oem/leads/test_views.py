"""The pages of the lead hub: who may open them, what they show, what they do, and how little they ask the database."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.test.utils import CaptureQueriesContext
from django.db import connection

from kernel import clock
from kernel.accounts.actors import SYSTEM
from kernel.accounts.roles import PORTAL_ROLES, Role
from kernel.audit.models import Entry
from kernel.testing.clocks import at
from oem.leads import actions, desk
from oem.leads.models import Lead, LeadState, Offer
from tests.oem.leads.test_actions import take_in

LEAD_ROLES = {Role.LEAD_DESK, Role.NETWORK_MANAGER}


@pytest.fixture
def lead(wall, portal):
    """A lead for a car that both dealerships sell, taken in but not routed."""
    with portal.bound():
        return take_in()


@pytest.fixture
def unreadable(wall, portal):
    with portal.bound():
        _intake, (found,) = actions.take_in_adf(
            data="客户:王 13900139000 <script>alert(1)</script>".encode(), content_type="", source="mail", actor=SYSTEM
        )
        return found


def fresh(portal, lead: Lead) -> Lead:
    with portal.bound():
        return Lead.objects.get(id=lead.id)


def route(portal, lead: Lead) -> Lead:
    with portal.bound():
        actions.route_lead(lead_id=lead.id, actor=SYSTEM)
    return fresh(portal, lead)


def text_of(answer) -> str:
    return answer.content.decode()


def page_of(client, path: str, language: str = "en") -> str:
    answer = client.get(path, headers={"accept-language": language})
    assert answer.status_code == 200, (path, answer.status_code)
    return text_of(answer)


PAGES = {
    "/leads/": LEAD_ROLES,
    "/leads/desk/": LEAD_ROLES,
    "/leads/new/": LEAD_ROLES,
    "/leads/options/cities/?province=44": LEAD_ROLES,
    "/leads/{lead}/": LEAD_ROLES,
    "/leads/{lead}/original/": LEAD_ROLES,
    "/leads/{lead}/complete/": LEAD_ROLES,
    "/leads/{lead}/assign/": LEAD_ROLES,
    "/leads/{lead}/close/": LEAD_ROLES,
}


@pytest.mark.parametrize("role", sorted(PORTAL_ROLES))
def test_every_page_opens_for_the_roles_of_the_table_and_for_nobody_else(lead, portal, role):
    client = portal.client(str(role))
    for path, roles in PAGES.items():
        answer = client.get(path.format(lead=lead.id))
        assert answer.status_code == (200 if role in roles else 403), path


def test_nobody_signed_in_is_sent_to_sign_in_and_comes_back(lead, portal):
    answer = portal.client().get(f"/leads/{lead.id}/")
    assert (answer.status_code, answer["Location"]) == (302, f"/sign-in/?next=%2Fleads%2F{lead.id}%2F")


def test_a_lead_that_does_not_exist_and_another_host_answer_404(lead, portal, north):
    desk_client = portal.client("lead_desk")
    for path in PAGES:
        if "{lead}" in path:
            assert desk_client.get(path.format(lead=uuid4())).status_code == 404
    assert north.client("sales_manager").get(f"/leads/{lead.id}/assign/").status_code == 404
