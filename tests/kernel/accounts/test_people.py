"""People: inviting, changing, retiring; passwords and one-time links; the rights table."""

import re
from datetime import timedelta

import pytest
from django.db import ProgrammingError, transaction

from kernel import clock
from kernel.accounts import actions, links, queries
from kernel.accounts.access import find
from kernel.accounts.actors import EXCHANGE, SYSTEM, Actor
from kernel.accounts.models import Anonymous, OutboxMail, Session, Token, User
from kernel.accounts.roles import DEALERSHIP_ROLES, PORTAL_ROLES, RIGHTS, SUPPORT_ROLES, Right, Role
from kernel.audit.models import Entry
from kernel.errors import Conflict, Forbidden, Invalid, Missing
from kernel.testing.network import PASSWORD

NEW = "a longer sentence 42"
SELLERS = {"general_manager", "sales_manager", "sales_consultant", "crm_manager"}


def link_in(text: str) -> str:
    return re.search(r"https?://[^/]+(/password/link/\S+/)", text)[1]


# -- the table of rights


def test_roles_of_the_two_tiers_and_of_guests_do_not_overlap():
    assert set(Role) == PORTAL_ROLES | DEALERSHIP_ROLES | SUPPORT_ROLES
    assert (len(PORTAL_ROLES), len(DEALERSHIP_ROLES), len(SUPPORT_ROLES)) == (8, 13, 4)
    assert len(Role) == 25


@pytest.mark.parametrize(
    ("right", "roles"),
    [
        (Right.LEADS_ROUTE, {"lead_desk", "network_manager"}),
        (Right.LEADS_WORK_OWN, {"sales_manager", "sales_consultant"}),
        (Right.SHARING_PROPOSE, {"network_manager", "privacy_officer"}),
        (Right.SHARING_CHANGE, {"general_manager"}),
        (Right.CUSTOMERS_EXPORT, {"general_manager", "crm_manager"}),
        (Right.OWNERS_READ, {"crm_analyst", "privacy_officer"}),
        (Right.SALES_APPROVE, {"sales_manager", "general_manager"}),
        (Right.SALES_READ, SELLERS),
        (Right.CONTRACTS_READ, {*SELLERS, "finance_clerk"}),
        (Right.SERVICE_WRITE, {"service_adviser", "service_manager"}),
        (Right.SERVICE_WRITE_OWN, {"technician"}),
        (Right.CLAIMS_DECIDE, {"warranty_analyst"}),
        (Right.EXCHANGE_REPAIR, {"network_admin", "crm_manager", "it_admin"}),
        (Right.PEOPLE_MANAGE, {"network_admin", "it_admin", "general_manager"}),
        (Right.SUPPORT_ASK, {"network_admin", "network_manager"}),
    ],
)
def test_rights_are_those_of_the_published_table(right, roles):
    assert {role for role in Role if right in RIGHTS[role] and role not in SUPPORT_ROLES} == roles


def test_the_it_administrator_sees_no_customer_data():
    forbidden = {
        Right.CUSTOMERS_READ,
        Right.LEADS_READ,
        Right.SALES_READ,
        Right.CONTRACTS_READ,
        Right.SERVICE_READ,
        Right.CLAIMS_READ,
        Right.AUDIT_READ,
        Right.SHARING_READ,
    }
    assert not RIGHTS[Role.IT_ADMIN] & forbidden


def test_nobody_and_retired_people_have_no_right():
    person = User(role=Role.GENERAL_MANAGER, is_active=False)
    assert not any(person.has(right) for right in Right)
    assert person.rights == frozenset()
    assert not any(Anonymous().has(right) for right in Right)
    assert not Anonymous()
    assert str(Anonymous()) == ""
    with pytest.raises(Forbidden):
        Actor.of(person)
    with pytest.raises(Forbidden):
        Actor.of(Anonymous())


def test_system_and_exchange_pass_where_a_person_needs_the_right(wall, north):
    SYSTEM.require(Right.CLAIMS_DECIDE)
    EXCHANGE.require(Right.CLAIMS_DECIDE)
    consultant = north.actor("sales_consultant")
    consultant.require(Right.PEOPLE_MANAGE, Right.SALES_WORK)
    with pytest.raises(Forbidden) as refused:
        consultant.require(Right.PEOPLE_MANAGE)
    assert refused.value.right == "people_manage"


def test_what_one_may_not_see_is_as_missing_as_what_is_not_there(wall, north):
    with north.bound():
        visible = User.objects.filter(role="technician")
        hidden = User.objects.get(role="it_admin")
        shown = visible.get()
        assert find(visible, str(shown.pk), lock=True) == shown
        for id in (hidden.pk, "5f0c1f2e-0000-4000-8000-000000000000", "nonsense", ""):
            with pytest.raises(Missing):
                find(visible, id)


# -- inviting


def test_an_invited_person_chooses_a_password_and_signs_in(wall, north, sending):
    boss = north.client("it_admin")
    answer = boss.post(
        "/people/invite/",
        {
            "name": "王小明",
            "login": "wang.xm",
            "role": "sales_consultant",
            "email": "w@x.example",
            "language": "zh-hans",
        },
    )
    assert answer.status_code == 302
    with north.bound():
        letter = OutboxMail.objects.get(to="w@x.example")
    path = link_in(letter.body)
    guest = north.client()
    assert "wang.xm" in guest.get(path).text
    assert guest.post(path, {"password": NEW, "again": NEW}).status_code == 302
    assert guest.post("/sign-in/", {"login": "WANG.XM", "password": NEW}).status_code == 302
    assert guest.get(path).status_code == 404, "the link works once"


def test_without_a_mail_address_the_link_is_shown_once(wall, north):
    answer = north.client("it_admin").post(
        "/people/invite/", {"name": "Li", "login": "li.lei", "role": "technician", "language": "en"}
    )
    assert answer.status_code == 200
    assert north.client().get(link_in(answer.text.replace("<", " <").replace(">", "> "))).status_code == 200


def test_a_new_invitation_ends_the_earlier_one(wall, north):
    with north.bound():
        person, first = actions.add_and_invite(
            actor=SYSTEM, host="north.localhost", login="li.lei", name="Li", role="technician"
        )
        second = actions.invite(actor=SYSTEM, person=person, host="north.localhost:8000")
    assert second.startswith("http://north.localhost:8000/password/link/")
    assert north.client().get(link_in(first + " ")).status_code == 404
    assert north.client().get(link_in(second + " ")).status_code == 200


def test_an_invitation_for_one_dealership_is_worthless_at_another(wall, north, south):
    with north.bound():
        person, url = actions.add_and_invite(
            actor=SYSTEM, host="north.localhost", login="li.lei", name="Li", role="technician"
        )
    with south.bound():
        twin = User(pk=person.pk, login="li.lei", name="Li", role="technician", invited_at=person.invited_at)
        twin.password = person.password
        twin.save(force_insert=True)
    assert south.client().get(link_in(url)).status_code == 404
    assert north.client().get(link_in(url)).status_code == 200


def test_an_invitation_gets_old(wall, north, monkeypatch):
    with north.bound():
        _person, url = actions.add_and_invite(
            actor=SYSTEM, host="north.localhost", login="li.lei", name="Li", role="technician"
        )
    monkeypatch.setitem(links.VALID_FOR, "invite", timedelta(seconds=-1))
    assert north.client().get(link_in(url)).status_code == 404


@pytest.mark.parametrize("text", ["x", "a:b:c", "WyJpbnZpdGUiLCJ4IiwieSJd:1abc:zzz"])
def test_a_forged_link_leads_nowhere(wall, north, text):
    assert north.client().get(f"/password/link/{text}/").status_code == 404


def test_inviting_somebody_who_has_joined_is_refused(wall, north):
    with north.bound(), pytest.raises(Conflict) as refused:
        actions.invite(actor=SYSTEM, person=User.objects.get(role="technician"), host="h")
    assert refused.value.code == "already_joined"


def test_wrong_input_names_each_field_and_keeps_what_was_typed(wall, north):
    client = north.client("it_admin")
    answer = client.post(
        "/people/invite/",
        {"name": "Somebody", "login": "a b", "role": "lead_desk", "email": "nonsense", "language": "xx"},
    )
    assert answer.status_code == 422
    assert "Somebody" in answer.text
    assert "nonsense" in answer.text
    assert set(answer.context["form"].errors) == {"role", "email", "language"}
    with north.bound(), pytest.raises(Invalid) as refused:
        actions.add_person(actor=SYSTEM, login="a b", name=" ", role="lead_desk", email="nonsense", language="xx")
    assert set(refused.value.fields) == {"login", "name", "role", "email", "language"}


def test_a_login_is_taken_whatever_its_case(wall, north):
    with north.bound(), pytest.raises(Invalid) as refused:
        actions.add_person(actor=SYSTEM, login="TECHNICIAN", name="X", role="technician")
    assert (refused.value.code, list(refused.value.fields)) == ("login_taken", ["login"])


# -- who may do what to whom


@pytest.mark.parametrize("role", ["sales_manager", "crm_manager", "technician"])
def test_people_are_managed_only_by_those_who_may(wall, north, role):
    boss, other = north.client("it_admin"), north.client(role)
    target = north.user("parts_clerk")
    for path in ("/people/", "/people/invite/", f"/people/{target.pk}/"):
        assert boss.get(path).status_code == 200
        assert other.get(path).status_code == 403
    for verb in ("retire", "reinstate", "invite", "end-sign-ins"):
        assert other.post(f"/people/{target.pk}/{verb}/").status_code == 403
    assert north.user("parts_clerk").is_active
    with north.bound(), pytest.raises(Missing):
        queries.access_person_for_managing(target.pk, User.objects.get(role=role))
    with north.bound(), pytest.raises(Forbidden):
        actions.retire_person(actor=north.actor(role), person=target)


def test_only_a_general_manager_makes_or_unmakes_a_general_manager(wall, north):
    boss, gm = north.actor("it_admin"), north.actor("general_manager")
    with north.bound():
        manager = User.objects.get(role="general_manager")
        clerk = User.objects.get(role="parts_clerk")
        data = {"name": "X", "phone": "", "language": "en"}
        for act in (
            lambda: actions.add_person(actor=boss, login="me.too", name="X", role="general_manager"),
            lambda: actions.change_person(
                actor=boss, person=clerk, role="general_manager", email="a@b.example", **data
            ),
            lambda: actions.change_person(actor=boss, person=manager, role="technician", email=manager.email, **data),
            lambda: actions.change_person(
                actor=boss, person=manager, role="general_manager", email="me@evil.example", **data
            ),
            lambda: actions.retire_person(actor=boss, person=manager),
        ):
            with pytest.raises(Invalid) as refused:
                act()
            assert refused.value.code == "role_reserved"
        assert (
            actions.change_person(actor=gm, person=clerk, role="general_manager", email="", **data).role
            == "general_manager"
        )


def test_nobody_changes_their_own_role_or_retires_themselves(wall, north):
    boss = north.actor("it_admin")
    with north.bound():
        me = User.objects.get(role="it_admin")
        with pytest.raises(Invalid):
            actions.change_person(actor=boss, person=me, name="X", email="", phone="", role="technician", language="en")
        with pytest.raises(Conflict):
            actions.retire_person(actor=boss, person=me)


def test_somebody_must_remain_who_can_manage_people(wall, north):
    with north.bound():
        actions.retire_person(actor=SYSTEM, person=User.objects.get(role="it_admin"))
        last = User.objects.get(role="general_manager")
        with pytest.raises(Conflict) as refused:
            actions.retire_person(actor=SYSTEM, person=last)
        assert refused.value.code == "last_manager"
        with pytest.raises(Conflict):
            actions.change_person(
                actor=SYSTEM, person=last, name="X", email="", phone="", role="technician", language="en"
            )


def test_a_page_shows_the_conflict_in_plain_words(wall, north):
    me = north.user("it_admin")
    answer = north.client(me, headers={"Accept-Language": "en"}).post(f"/people/{me.pk}/retire/")
    assert answer.status_code == 409
    assert "<main" in answer.text


# -- retiring


def test_retiring_ends_sign_ins_tokens_and_links_at_once(wall, north):
    victim = north.user("sales_consultant")
    browser, boss = north.client(victim), north.client("it_admin")
    with north.bound():
        _token, text = actions.create_token(actor=Actor.of(victim), user=victim, name="x", scopes=["leads:read"])
        link = links.make_link(victim, "reset")
    assert browser.get("/account/").status_code == 200
    assert boss.post(f"/people/{victim.pk}/retire/").status_code == 302
    assert browser.get("/account/").status_code == 302
    assert north.client().get(f"/password/link/{link}/").status_code == 404
    assert north.client().post("/sign-in/", {"login": victim.login, "password": PASSWORD}).status_code == 422
    with north.bound():
        assert not Session.objects.filter(user=victim).exists()
        assert Token.objects.get(user=victim).revoked_at is not None
        assert Entry.objects.get(action="accounts.retire_person").after == {"sign_ins_ended": 1, "tokens_revoked": 1}
        again = actions.retire_person(actor=SYSTEM, person=victim)
        assert not again.is_active
    assert text.startswith("dn_")


def test_somebody_who_comes_back_needs_a_new_invitation(wall, north, sending):
    victim, boss = north.user("sales_consultant"), north.client("it_admin")
    boss.post(f"/people/{victim.pk}/retire/")
    assert boss.post(f"/people/{victim.pk}/reinstate/").status_code == 302
    assert north.client().post("/sign-in/", {"login": victim.login, "password": PASSWORD}).status_code == 422
    assert boss.post(f"/people/{victim.pk}/invite/").status_code == 302
    with north.bound():
        assert OutboxMail.objects.filter(to=victim.email).count() == 1
        assert actions.reinstate_person(actor=SYSTEM, person=victim).is_active


def test_a_manager_ends_all_sign_ins_of_a_person(wall, north):
    victim, boss = north.user("sales_consultant"), north.client("it_admin")
    browser = north.client(victim)
    assert boss.post(f"/people/{victim.pk}/end-sign-ins/").status_code == 302
    assert browser.get("/account/").status_code == 302


def test_saving_a_person_writes_what_changed(wall, north):
    target, boss = north.user("parts_clerk"), north.client("it_admin")
    data = {"name": "New Name", "role": "stock_clerk", "email": "n@x.example", "language": "en"}
    assert boss.post(f"/people/{target.pk}/", data | {"phone": "138 0013"}).status_code == 422
    assert boss.post(f"/people/{target.pk}/", data | {"phone": "138 0013 8000"}).status_code == 302
    with north.bound():
        entry = Entry.objects.get(action="accounts.change_person")
        assert entry.before["role"] == "parts_clerk"
        assert entry.after == data | {"phone": "+8613800138000"}
    assert 'value="138 0013 8000"' in boss.get(f"/people/{target.pk}/").text
    assert "New Name" in boss.get("/people/?q=new").text


def test_the_list_of_people_costs_the_same_for_two_and_for_many(wall, north, django_assert_num_queries):
    boss = north.client("it_admin")
    boss.get("/people/")
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as few:
        boss.get("/people/?q=technician")
    with CaptureQueriesContext(connection) as many:
        boss.get("/people/")
    assert len(many) == len(few) <= 6


# -- passwords


@pytest.mark.parametrize("weak", ["short 1", "12345678901", "password1234", "sales_consultant", "qwertyuiop"])
def test_weak_passwords_are_refused_with_a_reason(wall, north, weak):
    with north.bound():
        user = User.objects.get(role="sales_consultant")
        with pytest.raises(Invalid) as refused:
            actions.check_password(weak, user)
        assert set(refused.value.fields) == {"password"}


def test_changing_the_password_ends_all_other_sign_ins(wall, north):
    here, there = north.client("sales_manager"), north.client("sales_manager")
    data = {"old": PASSWORD, "password": NEW, "again": NEW}
    assert here.post("/account/password/", data).status_code == 302
    assert [c.get("/account/").status_code for c in (here, there)] == [200, 302]
    assert north.client().post("/sign-in/", {"login": "sales_manager", "password": NEW}).status_code == 302


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"old": "wrong", "password": NEW, "again": NEW}, "old"),
        ({"old": PASSWORD, "password": NEW, "again": NEW + "x"}, "again"),
        ({"old": PASSWORD, "password": "short", "again": "short"}, "password"),
        ({"old": PASSWORD, "password": PASSWORD, "again": PASSWORD}, "password"),
    ],
)
def test_a_password_is_not_changed_when_something_is_wrong(wall, north, data, field):
    client = north.client("sales_manager")
    answer = client.post("/account/password/", data)
    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == {field}
    assert north.user("sales_manager").check_password(PASSWORD)


def test_nobody_changes_the_password_of_another(wall, north):
    with north.bound(), pytest.raises(Forbidden):
        actions.change_password(
            actor=north.actor("it_admin"), person=User.objects.get(role="technician"), old=PASSWORD, new=NEW
        )


def test_a_forgotten_password_is_set_by_a_mailed_link(wall, north):
    signed_in = north.client("sales_manager")
    guest = north.client()
    assert guest.post("/password/forgotten/", {"who": "SALES_manager@north.example"}).status_code == 200
    with north.bound():
        letter = OutboxMail.objects.get()
    assert letter.to == "sales_manager@north.example"
    path = link_in(letter.body)
    assert guest.post(path, {"password": "short", "again": "short"}).status_code == 422
    assert guest.post(path, {"password": NEW, "again": NEW}).status_code == 302
    assert guest.post(path, {"password": NEW + "2", "again": NEW + "2"}).status_code == 404
    assert signed_in.get("/account/").status_code == 302
    assert guest.post("/sign-in/", {"login": "sales_manager", "password": NEW}).status_code == 302


def test_asking_for_a_reset_tells_nobody_who_exists(wall, north):
    answers = [
        north.client().post("/password/forgotten/", {"who": who})
        for who in ("sales_manager", "nobody-at-all", "nobody@x.example")
    ]
    assert {a.status_code for a in answers} == {200}
    bodies = {re.sub(r'value="[A-Za-z0-9]{64}"', "", a.text.split("<main", 1)[1].split("</main>")[0]) for a in answers}
    assert len(bodies) == 1
    with north.bound():
        assert OutboxMail.objects.count() == 1


def test_resets_are_throttled_by_person_and_by_address(wall, north, monkeypatch):
    monkeypatch.setattr(actions, "RESET_FLOOR", 0.001)
    client = north.client()
    codes = [client.post("/password/forgotten/", {"who": "sales_manager"}).status_code for _ in range(21)]
    assert codes == [200] * 20 + [429]
    with north.bound():
        assert OutboxMail.objects.count() == actions.throttle.RESET_LOGIN.times


def test_a_reset_answers_no_faster_than_its_floor(wall, north):
    began = clock.now()
    north.client().post("/password/forgotten/", {"who": "nobody-at-all"})
    assert (clock.now() - began).total_seconds() >= actions.RESET_FLOOR


@pytest.mark.parametrize("side", ["portal", "north"])
def test_people_are_retired_and_cannot_be_deleted(wall, request, side):
    with request.getfixturevalue(side).bound():
        person = User.objects.first()
        for delete in (person.delete, User.objects.all().delete, User.objects.filter(pk=person.pk).delete):
            with pytest.raises(TypeError, match="retired, not deleted"):
                delete()
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            User.objects.filter(pk=person.pk)._raw_delete("default")
        assert User.objects.filter(pk=person.pk).exists()
