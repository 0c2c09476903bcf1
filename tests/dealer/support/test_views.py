"""Pages of support access, and what a guest can and cannot open."""

from __future__ import annotations

import csv
import io

import pytest
from tests.dealer.speaking import speaking
from tests.dealer.support.test_actions import GIVEN, ask, enter, let_in

from dealer.customers import actions as customers
from dealer.support import actions
from dealer.support.models import Access, Act
from kernel.accounts import actions as accounts
from kernel.accounts.actors import SYSTEM
from kernel.accounts.models import Token, User
from kernel.accounts.roles import DEALERSHIP_ROLES, RIGHTS, SUPPORT_ROLES, Right
from kernel.audit.models import Entry
from kernel.contracts import SupportStep

CLOSED_TO_GUESTS = {
    Right.PEOPLE_MANAGE,
    Right.SHARING_CHANGE,
    Right.SHARING_PROPOSE,
    Right.CUSTOMERS_EXPORT,
    Right.SALES_APPROVE,
    Right.AUDIT_READ,
    Right.LEADS_WORK_OWN,
    Right.SUPPORT_ASK,
}
WRITES = {right for right in Right if right.name.endswith(("_WRITE", "_WRITE_OWN", "_WORK", "_MANAGE", "_REPAIR"))}
CANARY = "欧阳千里"


@pytest.fixture
def customer(wall, north):
    with north.bound():
        return customers.create_customer(
            actor=north.actor("sales_consultant"), name=CANARY, phone="13800138000", department="whole"
        )


@pytest.fixture
def manager(wall, north):
    return speaking(north, "general_manager", "en")


def guest_of(north, **given):
    """A client of somebody who was let in, with the access."""
    access, code = let_in(north, **given)
    client = north.client(headers={"Accept-Language": "en"})
    enter(client, code)
    return client, access


def acts(north, access) -> list[tuple[str, str, int | None]]:
    with north.bound():
        rows = Act.objects.filter(access=access).order_by("number")
        return list(rows.values_list("method", "path", "status"))


# -- who


def test_no_guest_may_what_is_the_managers_alone():
    for role in SUPPORT_ROLES:
        assert not RIGHTS[role] & CLOSED_TO_GUESTS
        if role.endswith("_reader"):
            assert not RIGHTS[role] & WRITES


@pytest.mark.parametrize("role", sorted(DEALERSHIP_ROLES))
def test_who_sees_requests_and_who_answers(wall, north, role):
    with north.bound():
        access = ask()
    client, rights = north.client(role), RIGHTS[role]
    reads = 200 if Right.SHARING_READ in rights else 403
    assert client.get("/support/").status_code == reads
    assert client.get(f"/support/{access.pk}/").status_code == reads
    assert client.get(f"/support/{access.pk}/trail/").status_code == reads
    answers = 302 if Right.SHARING_CHANGE in rights else 403
    assert client.post(f"/support/{access.pk}/end/").status_code == answers
    assert client.post(f"/support/{access.pk}/refuse/").status_code == answers


def test_another_dealership_and_the_manufacturer_find_nothing(wall, north, south, portal):
    with north.bound():
        access = ask()
    assert south.client("general_manager").get(f"/support/{access.pk}/").status_code == 404
    assert south.client("general_manager").post(f"/support/{access.pk}/approve/", GIVEN).status_code == 404
    assert portal.client("network_admin").get(f"/support/{access.pk}/").status_code == 404
    assert north.client().get("/support/").status_code == 302


# -- the manager


def test_the_manager_reads_why_lets_in_looks_on_and_ends(customer, north, manager):
    with north.bound():
        access = ask(hours=8)
    start = manager.get("/").content.decode()
    assert "Somebody asks to be let in" in start
    assert "Deliveries cannot be closed." in start
    page = manager.get(f"/support/{access.pk}/").content.decode()
    assert "Li Wei, operator of the servers" in page
    assert "8 hours · Look and work · Everything, customers too" in page
    answer = manager.post(f"/support/{access.pk}/approve/", {"hours": "2", "may": "read", "area": "everything"})
    assert answer["Location"] == f"/support/{access.pk}/"
    assert "Somebody from outside is let in" in manager.get("/").content.decode()
    with north.bound():
        code = actions.make_code(actor=SYSTEM, access=access)
    guest = north.client()
    enter(guest, code)
    assert CANARY in guest.get(f"/customers/{customer.pk}/").content.decode()
    assert f"GET /customers/{customer.pk}/" in manager.get(f"/support/{access.pk}/").content.decode()
    manager.post(f"/support/{access.pk}/end/")
    assert guest.get("/customers/").status_code == 302
    assert "Somebody from outside is let in" not in manager.get("/").content.decode()


def test_the_form_offers_no_more_than_was_asked_and_keeps_what_was_typed(wall, north, manager):
    with north.bound():
        access = ask(may="read", area="technical", hours=3)
    page = manager.get(f"/support/{access.pk}/").content.decode()
    assert "Look and work" not in page
    refused = manager.post(f"/support/{access.pk}/approve/", {"hours": "9", "may": "read", "area": "technical"})
    assert refused.status_code == 422
    assert "Choose between one hour and what was asked for." in refused.content.decode()
    assert manager.post(f"/support/{access.pk}/approve/", {"hours": "", "may": "work"}).status_code == 422
    with north.bound():
        assert Access.objects.get().state == SupportStep.ASKED


def test_whoever_comes_second_is_told(wall, north, manager):
    with north.bound():
        access = ask()
        actions.withdraw_access(actor=SYSTEM, access=access)
    for step in ("approve", "refuse"):
        answer = manager.post(f"/support/{access.pk}/{step}/", GIVEN, follow=True)
        assert "answered or withdrawn already" in answer.content.decode()


def test_the_manager_refuses(wall, north, manager):
    with north.bound():
        access = ask()
    assert "Nobody was let in" in manager.post(f"/support/{access.pk}/refuse/", follow=True).content.decode()
    assert "Ended by" in manager.get(f"/support/{access.pk}/").content.decode()
    assert "Refused" in manager.get("/support/?state=refused").content.decode()


def test_guests_are_not_among_the_people(wall, north, manager):
    _client, access = guest_of(north)
    assert "Li Wei" not in manager.get("/people/").content.decode()
    for step in ("", "retire/", "invite/", "reinstate/", "end-sign-ins/"):
        path = f"/people/{access.guest_id}/{step}"
        assert (manager.get(path) if not step else manager.post(path)).status_code == 404


# -- the guest


def test_a_banner_says_who_is_in_and_until_when(wall, north):
    client, _access = guest_of(north)
    page = client.get("/").content.decode()
    assert "Support access: Support (Li Wei) · Look only · until" in page
    assert "Support access:" not in north.client("general_manager").get("/").content.decode()


def test_every_request_is_written_down_before_it_is_answered(customer, north):
    client, access = guest_of(north)
    client.get("/customers/?q=%E6%AC%A7")
    client.get(f"/customers/{customer.pk}/")
    client.get("/nowhere/at/all/")
    client.post(f"/customers/{customer.pk}/edit/", {"name": "x"})
    client.get("/api/v1/customers")
    client.get("/theme.css")
    assert acts(north, access) == [
        ("POST", "/support/enter/…/", 302),
        ("GET", "/customers/?q=…", 200),
        ("GET", f"/customers/{customer.pk}/", 200),
        ("GET", "/nowhere/at/all/", 404),
        ("POST", f"/customers/{customer.pk}/edit/", 403),
        ("GET", "/api/v1/customers", 200),
    ]
    with north.bound():
        card = Act.objects.get(page="customers:card")
        assert (card.record, card.address) == (str(customer.pk), "127.0.0.1")
        assert not Act.objects.exclude(access=access).exists()


def test_a_page_that_breaks_stands_in_the_trail_too(wall, north, monkeypatch):
    client, access = guest_of(north)
    client.raise_request_exception = False

    def broken(*_args, **_kwargs):
        raise RuntimeError("for the test")

    monkeypatch.setattr("dealer.customers.queries.visible_customers", broken)
    assert client.get("/customers/").status_code == 500
    assert acts(north, access)[-1] == ("GET", "/customers/", 500)


def test_what_cannot_be_written_down_is_not_shown(customer, north, monkeypatch):
    client, _access = guest_of(north)
    client.raise_request_exception = False

    def full(**_given):
        raise OSError("no space left")

    monkeypatch.setattr(actions, "note_act", full)
    answer = client.get(f"/customers/{customer.pk}/")
    assert answer.status_code == 500
    assert CANARY not in answer.content.decode()


def test_a_reader_changes_nothing_and_a_worker_does_and_both_stand_in_the_trail(customer, north, manager):
    contact = {"channel": "phone", "content": "called back", "result": ""}
    reader, _access = guest_of(north)
    assert reader.post(f"/customers/{customer.pk}/interactions/", contact).status_code == 403
    worker, access = guest_of(north, may="work")
    assert worker.post(f"/customers/{customer.pk}/interactions/", contact).status_code == 302
    assert worker.get("/people/").status_code == 403
    assert worker.get("/audit/").status_code == 403
    trail = manager.get(f"/support/{access.pk}/trail/?export=csv").getvalue().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(trail)))
    assert rows[0]["Address"] == "/audit/"
    assert {"POST", "GET"} == {row["Method"] for row in rows}
    with north.bound():
        entry = Entry.objects.get(action="support.export_trail")
        assert (entry.object_id, entry.after["rows"]) == (str(access.pk), len(rows))


def test_what_a_guest_changed_is_named_in_the_trail(wall, north, manager):
    worker, access = guest_of(north, may="work")
    assert worker.get("/settings/").status_code == 200
    form = {
        "name": "Northstar",
        "language": "en",
        "time_zone": "Asia/Shanghai",
        "currency": "CNY",
        "country": "CN",
        "city": "北京市",
    }
    assert worker.post("/settings/", form).status_code == 302
    page = manager.get(f"/support/{access.pk}/trail/").content.decode()
    assert "organisation.update_profile" in page
    assert "organisation.update_profile" in manager.get(f"/support/{access.pk}/").content.decode()


def test_no_guest_takes_a_list_away_as_a_file(customer, north, manager):
    for area in ("everything", "technical"):
        client, _access = guest_of(north, may="work", area=area)
        paths = ("/customers/", "/sharing/ledger/", "/stock/") if area == "everything" else ("/stock/",)
        for path in paths:
            assert client.get(path).status_code == 200
            assert client.get(f"{path}?export=csv").status_code == 403
            assert "export=csv" not in client.get(path).content.decode()


def test_technical_support_sees_no_customer(customer, north):
    client, _access = guest_of(north, may="work", area="technical")
    seen = 0
    for path in ("/", "/stock/", "/exchange/", "/exchange/messages/", "/settings/", "/account/"):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert CANARY not in answer.content.decode(), path
        seen += 1
    assert seen == 6
    for path in ("/customers/", f"/customers/{customer.pk}/", "/leads/", "/sharing/", "/support/", "/audit/"):
        assert client.get(path).status_code == 403, path


def test_a_guest_makes_no_token(wall, north):
    client, _access = guest_of(north, may="work")
    form = {"name": "x", "days": "30", "scopes": ["customers:read"]}
    assert client.post("/account/tokens/", form).status_code == 422
    with north.bound():
        assert not Token.objects.exists()


def test_a_guest_signs_out_and_the_link_stays_used(wall, north):
    _access, code = let_in(north)
    client = north.client()
    enter(client, code)
    assert client.post("/sign-out/").status_code == 302
    assert enter(client, code).status_code == 404


# -- the door


def test_the_door_says_who_until_when_and_what_is_wrong(wall, north):
    _access, code = let_in(north)
    page = north.client(headers={"Accept-Language": "en"}).get(f"/support/enter/{code}/").content.decode()
    assert "Support (Li Wei) · Look only · Everything, customers too" in page
    closed = north.client(headers={"Accept-Language": "en"}).get("/support/enter/nonsense/")
    assert closed.status_code == 404
    assert "This link lets nobody in" in closed.content.decode()


def test_no_door_over_plain_http_elsewhere(wall, north, settings, monkeypatch):
    _access, code = let_in(north)
    monkeypatch.setattr("dealer.support.views.may_carry_a_sign_in", lambda _request: False)
    assert enter(north.client(), code).status_code == 403


def test_the_guest_reads_in_the_browsers_language(wall, north):
    access, code = let_in(north)
    client = north.client(headers={"Accept-Language": "zh-TW"})
    enter(client, code)
    with north.bound():
        assert User.objects.get(pk=access.guest_id).language == "zh-hant"


def test_a_link_of_one_dealership_is_nothing_at_another(wall, north, south):
    _access, code = let_in(north)
    assert enter(south.client(), code).status_code == 404


def test_a_session_cookie_of_a_guest_is_nothing_elsewhere(wall, north, south, portal):
    client, _access = guest_of(north)
    for side in (south, portal):
        stranger = side.client()
        stranger.cookies = client.cookies
        assert stranger.get("/account/").status_code == 302


def test_an_account_of_a_guest_cannot_sign_in_with_a_password(wall, north):
    _client, access = guest_of(north)
    with north.bound():
        guest = User.objects.get(pk=access.guest_id)
    answer = north.client().post("/sign-in/", {"login": guest.login, "password": "x"})
    assert answer.status_code == 422
    with north.bound():
        accounts.end_sessions(actor=SYSTEM, person=guest)
