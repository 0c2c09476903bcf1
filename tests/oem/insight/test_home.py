"""The portal's start page: each role finds what it has to do, with one next step a line."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.oem.leads.test_actions import take_in

from kernel import clock
from kernel.accounts.actors import SYSTEM
from kernel.accounts.models import User
from kernel.accounts.roles import PORTAL_ROLES, Right, Role
from kernel.ui.worklist import SHOWN, Line
from oem.aftersales.models import Claim
from oem.insight.worklists import worklist
from oem.leads import actions, desk
from oem.leads.models import Lead
from oem.network.models import Dealership, DealershipState


@pytest.fixture
def work(wall, portal, north):
    """One lead that could not be read, one that is offered, one dealership whose set-up failed."""
    with portal.bound():
        actions.take_in_adf(data=b"unreadable words", content_type="", source="mail", actor=SYSTEM)
        actions.route_lead(lead_id=take_in().id, actor=SYSTEM)
        Dealership.objects.filter(slug="south").update(state=DealershipState.FAILED)
        Claim.objects.create(
            id=uuid4(), dealership=north.id, revision=1, number="C-1", level="full", submitted_at=clock.now(), total=120
        )


def page_of(side, role: str, language: str = "en") -> str:
    user = side.user(role)
    with side.bound():
        User.objects.filter(pk=user.pk).update(language=language)
    answer = side.client(user).get("/")
    assert answer.status_code == 200
    return answer.content.decode()


#: Which sections each role finds when there is work of every kind.
SECTIONS = {
    "Claims to decide <span": {Role.WARRANTY_ANALYST},
    "Leads to decide": {Role.LEAD_DESK, Role.NETWORK_MANAGER},
    "Waiting for a dealership&#x27;s answer": {Role.LEAD_DESK, Role.NETWORK_MANAGER},
    "Dealerships being set up": {Role.NETWORK_ADMIN, Role.NETWORK_MANAGER},
}


@pytest.mark.parametrize("role", sorted(PORTAL_ROLES))
def test_each_role_finds_its_own_work_and_no_other(work, portal, role):
    html = page_of(portal, str(role))
    for title, roles in SECTIONS.items():
        assert (title in html) is (role in roles), title


@pytest.mark.parametrize("role", sorted(PORTAL_ROLES))
def test_without_work_the_page_says_so_and_leads_to_the_pages_of_the_role(wall, portal, role):
    html = page_of(portal, str(role))
    assert "Nothing is waiting for you" in html
    assert 'href="/network/"' in html


def test_nobody_signed_in_is_sent_to_sign_in(wall, portal):
    answer = portal.client().get("/")
    assert (answer.status_code, answer["Location"]) == (302, "/sign-in/")


def test_a_line_has_its_one_next_step(work, portal):
    html = page_of(portal, "lead_desk")
    with portal.bound():
        unread = Lead.objects.get(state="needs_review")
    assert f'href="/leads/{unread.id}/complete/"' in html
    assert "Read and complete" in html


def test_a_step_that_is_done_at_once_is_a_form(wall, portal):
    with portal.bound():
        lead = take_in()
        Lead.objects.filter(id=lead.id).update(received_at=lead.received_at - desk.NOT_ROUTED_AFTER * 2)
    assert f'<form method="post" action="/leads/{lead.id}/route/">' in page_of(portal, "lead_desk")


@pytest.mark.parametrize("role", ["lead_desk", "network_manager"])
def test_the_page_costs_the_same_queries_however_much_there_is_to_do(wall, portal, role):
    client = portal.client(role)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/").status_code == 200
        return len(captured)

    def arrive(first: int, last: int) -> None:
        with portal.bound():
            for n in range(first, last):
                actions.take_in_adf(data=f"words {n}".encode(), content_type="", source="", actor=SYSTEM)
                actions.route_lead(lead_id=take_in(mail=f"{n}@example.com").id, actor=SYSTEM)

    arrive(0, 2)
    queries()
    few = queries()
    arrive(2, 15)
    assert queries() == few
    assert few <= 15


def test_a_section_is_registered_shown_in_order_and_cut(wall, portal):
    def lines(user):
        for n in range(20):
            yield Line(title=f"line {n}", url="/")

    worklist.register("a.test", lines, [Right.LEADS_READ], title="A test section", order=1)
    try:
        desk_user, analyst = portal.user("lead_desk"), portal.user("crm_analyst")
        with portal.bound():
            (section,) = worklist.sections_for(desk_user)
            assert worklist.sections_for(analyst) == []
    finally:
        worklist.unregister("a.test")
    assert [line.title for line in section.lines] == [f"line {n}" for n in range(SHOWN)]
    assert section.more
