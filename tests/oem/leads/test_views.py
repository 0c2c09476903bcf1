"""The pages of the lead hub: who may open them, what they show, what they do, and how little they ask the database."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override
from tests.oem.leads.test_actions import ADF, take_in

from kernel import clock
from kernel.accounts.actors import SYSTEM
from kernel.accounts.models import User
from kernel.accounts.roles import PORTAL_ROLES, Role
from kernel.audit.models import Entry
from kernel.testing.clocks import at
from oem.leads import actions, desk
from oem.leads.models import Lead, LeadState, Offer, RawBytes

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


def page_of(client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return text_of(answer)


def speaking(portal, role: str, language: str):
    """A client of the person with this role, who reads the pages in this language."""
    user = portal.user(role)
    with portal.bound():
        User.objects.filter(pk=user.pk).update(language=language)
    return portal.client(user)


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
    assert north.client("sales_manager").get(f"/leads/{lead.id}/original/").status_code == 404


# -- what the pages show ---------------------------------------------------------------------------------------


def test_the_list_names_car_person_channel_dealership_and_the_time_left(lead, portal):
    routed = route(portal, lead)
    html = page_of(speaking(portal, "lead_desk", "en"), "/leads/")
    with portal.bound(), override("en"):
        name = views_names()[routed.dealership]
    for words in (
        f"#{lead.number}",
        "Xinghe Hefeng",
        "王小明",
        "Website",
        name,
        "data-deadline",
        'href="tel:+8613800138000"',
    ):
        assert words in html, words


def views_names():
    from oem.network.models import Dealership

    return {d.id: d.short_name for d in Dealership.objects.all()}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=小明", True),
        ("q=13800138000", True),
        ("q=138 0013 8000", True),
        ("q=8000", True),
        ("q=wang@example.com", True),
        ("q=张三", False),
        ("state=received", True),
        ("state=won", False),
        ("brand=XH", True),
        ("brand=YC", False),
        ("channel=website", True),
        ("channel=referral", False),
        ("desk=1", False),
        ("received_at_from=2020-01-01&received_at_to=2020-01-31", False),
        ("received_at_from=nonsense", True),
    ],
)
def test_the_list_is_searched_and_filtered(lead, portal, query, found):
    assert (f"/leads/{lead.id}/" in page_of(portal.client("lead_desk"), f"/leads/?{query}")) is found


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_the_list_is_exported_with_an_audit_row(lead, portal, form):
    answer = portal.client("lead_desk").get(f"/leads/?export={form}")
    body = b"".join(answer.streaming_content)
    assert answer.status_code == 200
    assert "attachment" in answer["Content-Disposition"]
    with portal.bound():
        entry = Entry.objects.get(action="leads.export")
    assert entry.after["rows"] == 1
    assert body.startswith({"csv": b"\xef\xbb\xbf", "xlsx": b"PK"}[form])
    assert ("王小明".encode() in body) is (form == "csv")


def many(portal, number: int) -> None:
    with portal.bound():
        for n in range(number):
            actions.route_lead(lead_id=take_in(mail=f"w{n}@example.com").id, actor=SYSTEM)


@pytest.mark.parametrize("path", ["/leads/", "/leads/desk/", "/leads/new/"])
def test_a_page_costs_the_same_queries_whatever_its_length(wall, portal, path):
    client = portal.client("lead_desk")
    many(portal, 2)
    client.get(path)
    few = queries_of(client, path)
    many(portal, 12)
    assert queries_of(client, path) == few
    assert few <= 9


def queries_of(client, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


def test_the_page_of_a_lead_costs_few_queries_however_long_its_story(lead, portal):
    client = portal.client("lead_desk")
    route(portal, lead)
    client.get(f"/leads/{lead.id}/")
    few = queries_of(client, f"/leads/{lead.id}/")
    with portal.bound():
        actor = portal.actor("lead_desk")
        for _time in range(3):
            held = Lead.objects.get(id=lead.id)
            other = Offer.objects.filter(lead=lead).exclude(dealership=held.dealership).first()
            target = other.dealership if other else next(i for i in views_names() if i != held.dealership)
            actions.reassign(lead_id=lead.id, dealership=target, reason="again", actor=actor)
    assert queries_of(client, f"/leads/{lead.id}/") == few
    assert few <= 15


# -- the page of a lead ----------------------------------------------------------------------------------------


def test_the_page_of_a_lead_explains_every_candidate(wall, portal, north, south):
    with portal.bound():
        _intake, (lead,) = actions.take_in_lead(
            given={"phone": "13800138000", "brand": "YC", "series": "YC-QC", "province": "11", "city": "1101"},
            door="json",
            source="site",
            actor=SYSTEM,
        )
    route(portal, lead)
    html = page_of(speaking(portal, "lead_desk", "en"), f"/leads/{lead.id}/")
    for words in (
        "It stands in the same city.",
        "It stands in Beijing",
        "It may sell Yaochuan",
        "+300",
        "May not sell this car",
        "Southgate Motors",
        "Offered to Northstar",
        "Rules of 2026-01-01",
        "data-deadline",
    ):
        assert words in html, words


def test_what_came_from_outside_is_shown_as_text_never_as_markup(unreadable, portal):
    client = speaking(portal, "lead_desk", "en")
    for path in ("original", "complete"):
        html = page_of(client, f"/leads/{unreadable.id}/{path}/")
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
        assert "<script>alert" not in html
    assert unreadable.intake.sha256 in page_of(client, f"/leads/{unreadable.id}/original/")


def test_the_original_is_downloaded_byte_for_byte_and_never_shown_by_the_browser(unreadable, portal):
    answer = portal.client("lead_desk").get(f"/leads/{unreadable.id}/original/?download=1")
    assert hashlib.sha256(answer.content).hexdigest() == hashlib.sha256(raw_of(portal, unreadable)).hexdigest()
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Content-Type-Options"] == "nosniff"


def raw_of(portal, lead: Lead) -> bytes:
    with portal.bound():
        return bytes(RawBytes.objects.get(intake=lead.intake_id).data)


def test_an_erased_document_leaves_its_fingerprint(unreadable, portal):
    with portal.bound():
        RawBytes.objects.filter(intake=unreadable.intake_id).delete()
    client = speaking(portal, "lead_desk", "en")
    html = page_of(client, f"/leads/{unreadable.id}/original/")
    assert "The document was erased" in html
    assert unreadable.intake.sha256 in html


def test_a_duplicate_and_its_first_name_each_other(lead, portal):
    route(portal, lead)
    with portal.bound():
        data = (ADF.format(make="星河", model="禾风", mail="wang@example.com") + "\n").encode()
        _intake, (again,) = actions.take_in_adf(data=data, content_type="", source="site", actor=SYSTEM)
    assert route(portal, again).state == LeadState.DUPLICATE
    client = portal.client("lead_desk")
    assert f"/leads/{lead.id}/" in page_of(client, f"/leads/{again.id}/")
    assert f"/leads/{again.id}/" in page_of(client, f"/leads/{lead.id}/")


# -- the desk --------------------------------------------------------------------------------------------------


def test_the_worklist_says_why_a_lead_waits_and_what_to_do(unreadable, portal):
    html = page_of(speaking(portal, "lead_desk", "en"), "/leads/desk/")
    assert "The document could not be read" in html
    assert f'href="/leads/{unreadable.id}/complete/"' in html
    alone = page_of(portal.client("lead_desk"), f"/leads/{unreadable.id}/")
    assert "<strong>The document could not be read</strong>" in alone
    assert f'href="/leads/{unreadable.id}/complete/"' in alone


def test_a_lead_that_everyone_declined_waits_for_a_dealership_to_be_chosen(wall, portal):
    with portal.bound():
        lead = take_in(make="曜川", model="晴川")
    routed = route(portal, lead)
    with portal.bound():
        Offer.objects.filter(lead=lead).update(state="declined")
        Lead.objects.filter(id=lead.id).update(state=LeadState.DECLINED)
        actions.route_lead(lead_id=lead.id, actor=SYSTEM)
    html = page_of(speaking(portal, "lead_desk", "en"), "/leads/desk/")
    assert "Everyone declined or did not answer" in html
    assert f'href="/leads/{lead.id}/assign/"' in html
    assert routed.state == LeadState.OFFERED


def test_a_lead_at_a_dealership_that_cannot_be_reached_waits_for_the_desk(lead, portal):
    route(portal, lead)
    client = speaking(portal, "lead_desk", "en")
    assert str(lead.id) not in page_of(client, "/leads/desk/")
    with at(clock.now() + actions.RESPOND_WITHIN + actions.UNREACHABLE_AFTER + timedelta(minutes=1)):
        html = page_of(client, "/leads/desk/")
    assert "The dealership cannot be reached" in html
    assert f'href="/leads/{lead.id}/assign/"' in html


def test_a_lead_that_no_worker_looked_at_can_be_routed_at_once(lead, portal):
    with portal.bound():
        Lead.objects.filter(id=lead.id).update(received_at=clock.now() - desk.NOT_ROUTED_AFTER * 2)
    client = speaking(portal, "lead_desk", "en")
    assert f'action="/leads/{lead.id}/route/"' in page_of(client, "/leads/desk/")
    assert client.post(f"/leads/{lead.id}/route/").status_code == 302
    assert fresh(portal, lead).state == LeadState.OFFERED
    assert str(lead.id) not in page_of(client, "/leads/desk/")


@pytest.mark.parametrize("role", sorted(PORTAL_ROLES - LEAD_ROLES))
def test_who_may_not_route_changes_nothing(lead, portal, role):
    client = portal.client(str(role))
    for step in ("route", "assign", "complete", "close"):
        assert client.post(f"/leads/{lead.id}/{step}/", {"reason": "x"}).status_code == 403
    assert client.post("/leads/new/", {"phone": "13800138000"}).status_code == 403
    assert fresh(portal, lead).state == LeadState.RECEIVED


NEW = {"phone": "139 0013 9000", "name": "李雷", "series": "XH-HF", "interest": "test-drive", "channel": "market_event"}


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"phone": "12"}, "phone"),
        ({"phone": ""}, "phone"),
        ({"phone": "", "email": "nobody"}, "email"),
        ({"budget": "-1"}, "budget"),
        ({"window_from": "2026-05-02", "window_to": "2026-05-01"}, "window_to"),
        ({"window_from": "tomorrow"}, "window_from"),
        ({"province": "44", "city": "1101"}, "city"),
        ({"brand": "YC", "series": "XH-HF"}, "series"),
        ({"interest": "steal"}, "interest"),
    ],
)
def test_a_form_with_something_wrong_keeps_what_was_typed_and_names_the_field(wall, portal, language, wrong, field):
    client = speaking(portal, "lead_desk", language)
    answer = client.post("/leads/new/", NEW | {"wish_text": "周末看车 <b>"} | wrong)
    html = text_of(answer)
    assert answer.status_code == 422
    assert f'id="id_{field}_error"' in html
    assert 'value="李雷"' in html
    assert "周末看车 &lt;b&gt;" in html
    with portal.bound():
        assert not Lead.objects.exists()
    right = client.post("/leads/new/", NEW)
    assert right.status_code == 302


def test_a_lead_entered_by_hand_has_codes_and_waits_to_be_routed(wall, portal):
    client = portal.client("lead_desk")
    answer = client.post("/leads/new/", NEW | {"province": "44", "city": "4403", "budget": "120000"})
    with portal.bound():
        lead = Lead.objects.select_related("intake").get()
    assert answer["Location"] == f"/leads/{lead.id}/"
    assert (lead.phone, lead.brand, lead.series, lead.province, lead.city) == (
        "+8613900139000",
        "XH",
        "XH-HF",
        "44",
        "4403",
    )
    assert (lead.channel, lead.interest, lead.budget_currency, lead.intake.door) == (
        "market_event",
        "test-drive",
        "CNY",
        "desk",
    )


@pytest.mark.parametrize(
    ("address", "offered", "left_out"),
    [
        ("cities/?province=44", "深圳", "北京"),
        ("districts/?province=44&city=4403", "南山", "海淀"),
        ("districts/?province=11&city=4403", "", "南山"),
        ("series/?brand=YC", "晴川", "禾风"),
        ("series/", "星河 禾风", "无此"),
        ("models/?brand=XH&series=XH-HF", "2026", "晴川"),
        ("models/?brand=YC&series=XH-HF", "", "2026"),
    ],
)
def test_options_follow_from_what_is_chosen_above(wall, portal, address, offered, left_out):
    html = page_of(portal.client("lead_desk"), f"/leads/options/{address}")
    assert offered in html
    assert left_out not in html


def test_options_of_an_unknown_kind_do_not_exist(wall, portal):
    assert portal.client("lead_desk").get("/leads/options/secrets/").status_code == 404


def test_what_could_not_be_read_is_completed_and_routed_in_one_step(unreadable, portal):
    client = portal.client("lead_desk")
    answer = client.post(f"/leads/{unreadable.id}/complete/", NEW)
    done = fresh(portal, unreadable)
    assert answer.status_code == 302
    assert (done.state, done.phone, done.series) == (LeadState.OFFERED, "+8613900139000", "XH-HF")
    again = client.post(f"/leads/{unreadable.id}/complete/", NEW | {"name": "韩梅梅"})
    assert again.status_code == 422
    assert fresh(portal, unreadable).name == "李雷"


def test_choosing_a_dealership_needs_one_of_the_list(lead, portal, north):
    client = portal.client("lead_desk")
    for wrong in ("", "nonsense", str(uuid4())):
        answer = client.post(f"/leads/{lead.id}/assign/", {"dealership": wrong, "reason": "closer"})
        assert answer.status_code == 422
        assert "closer" in text_of(answer)
    assert client.post(f"/leads/{lead.id}/assign/", {"dealership": str(north.id)}).status_code == 302
    assert fresh(portal, lead).dealership == north.id


def test_a_lead_is_taken_from_one_dealership_and_given_to_another_with_a_reason(lead, portal, north, south):
    held = route(portal, lead)
    other = south if held.dealership == north.id else north
    client = portal.client("lead_desk")
    address = f"/leads/{lead.id}/assign/"
    assert client.post(address, {"dealership": str(other.id), "reason": ""}).status_code == 422
    assert client.post(address, {"dealership": str(held.dealership), "reason": "again"}).status_code == 422
    assert client.post(address, {"dealership": str(other.id), "reason": "The customer moved."}).status_code == 302
    assert fresh(portal, lead).dealership == other.id
    assert "The customer moved." in page_of(client, f"/leads/{lead.id}/")


def test_closing_needs_a_reason_and_happens_once(lead, portal):
    client = portal.client("lead_desk")
    assert client.post(f"/leads/{lead.id}/close/", {"reason": ""}).status_code == 422
    assert client.post(f"/leads/{lead.id}/close/", {"reason": "A test."}).status_code == 302
    assert fresh(portal, lead).state == LeadState.CLOSED
    again = client.post(f"/leads/{lead.id}/close/", {"reason": "Once more."})
    assert again.status_code == 422
    assert "Once more." in text_of(again)
    assert client.post(f"/leads/{lead.id}/route/").status_code == 302
    assert fresh(portal, lead).state == LeadState.OFFERED
