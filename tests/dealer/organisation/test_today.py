"""The start page: what each person has to do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.dealer.speaking import speaking

from dealer.organisation import today
from dealer.organisation.today import Line
from kernel import clock
from kernel.accounts.roles import Right


@pytest.fixture
def sources(monkeypatch):
    """No sections but those of the test."""
    monkeypatch.setattr(today.worklist, "sources", {})


def lines(number, **more):
    return [Line(title=f"Line {n}", url=f"/x/{n}", step="Call", **more) for n in range(number)]


def test_sections_come_by_order_and_right(wall, north, sources):
    today.register("b", lambda user: lines(1), [Right.LEADS_WORK_OWN], title="Second", order=20)
    today.register("a", lambda user: lines(1), [Right.LEADS_WORK_OWN], title="First", order=10)
    today.register("c", lambda user: lines(1), [Right.SALES_APPROVE], title="Managers", order=5)
    with north.bound():
        consultant = [s.source.title for s in today.worklist.sections_for(north.user("sales_consultant"))]
        manager = [s.source.title for s in today.worklist.sections_for(north.user("sales_manager"))]
        stranger = today.worklist.sections_for(north.user("it_admin"))
    assert consultant == ["First", "Second"]
    assert manager == ["Managers", "First", "Second"]
    assert stranger == []


def test_a_section_shows_a_few_lines_and_asks_for_no_more(wall, north, sources):
    asked = []

    def provider(user):
        for line in lines(50):
            asked.append(line)
            yield line

    today.register("a", provider, [Right.LEADS_WORK_OWN], title="Many")
    with north.bound():
        (section,) = today.worklist.sections_for(north.user("sales_consultant"))
    assert len(section.lines) == today.SHOWN
    assert section.more
    assert len(asked) == today.SHOWN + 1


@pytest.mark.parametrize("language", ["en", "zh-hans", "zh-hant"])
def test_the_page_shows_deadline_phone_and_one_step(wall, north, sources, language):
    due = clock.now() + timedelta(minutes=20)
    offer = Line(title="禾风", url="/leads/1/", step="Accept", who="王**", phone="+8613800138000", due=due)
    today.register("a", lambda user: [offer], [Right.LEADS_WORK_OWN], title="Offered leads")
    client = speaking(north, "sales_consultant", language)
    for address in ("/", "/today/"):
        page = client.get(address)
        assert page.status_code == 200
        text = page.content.decode()
        assert "Offered leads" in text
        assert 'href="/leads/1/"' in text
        assert 'href="tel:+8613800138000"' in text
        assert "data-deadline" in text


@pytest.mark.parametrize("role", ["it_admin", "technician", "general_manager", "receptionist"])
def test_with_nothing_to_do_the_page_says_so_and_leads_on(wall, north, sources, role):
    page = north.client(role).get("/")
    assert page.status_code == 200
    assert "data-deadline" not in page.content.decode()


def test_strangers_are_sent_to_sign_in(wall, north):
    answer = north.client().get("/")
    assert answer.status_code == 302
    assert "/sign-in/" in answer.headers["Location"]
