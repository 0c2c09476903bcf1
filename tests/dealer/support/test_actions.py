"""Support access at the dealership: nobody is let in without a person's yes, and nobody stays a moment longer."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, ProgrammingError, transaction
from tests.together import while_it_waits

from dealer.support import actions, queries, words
from dealer.support.models import Access, Act
from exchange.models import Ledger, Payload
from kernel import clock
from kernel.accounts import actions as accounts
from kernel.accounts import codes
from kernel.accounts.actors import EXCHANGE, SYSTEM, Actor
from kernel.accounts.models import Anonymous, Session, User
from kernel.accounts.roles import Role
from kernel.accounts.sessions import SessionStore
from kernel.audit.models import Entry
from kernel.contracts import Purpose, SupportAccess, SupportArea, SupportMay, SupportStep
from kernel.errors import Conflict, Forbidden, IllegalTransition, Invalid, Missing
from kernel.testing.clocks import at
from kernel.transitions import move

HOUR = timedelta(hours=1)
GIVEN = {"hours": 4, "may": "read", "area": "everything"}


def ask(**given) -> Access:
    """The operator asks, bound to a dealership."""
    asked = {"by": "Li Wei", "reason": "Deliveries cannot be closed.", "hours": 8, "may": "work"} | given
    return actions.ask_access(actor=SYSTEM, **asked)


def question(**given) -> SupportAccess:
    """What the manufacturer sends."""
    asked = {
        "access_id": uuid4(),
        "step": SupportStep.ASKED,
        "at": clock.now(),
        "hours": 8,
        "may": SupportMay.WORK,
        "area": SupportArea.EVERYTHING,
        "reason": "Claims stay open.",
        "person": uuid4(),
        "role": "network_manager",
        "code_hash": codes.hash_of("secret"),
    }
    return SupportAccess(**asked | given)


@pytest.fixture
def manager(wall, north):
    return north.actor("general_manager")


@pytest.fixture
def at_north(wall, manager, north):
    with north.bound():
        yield north


def enter(client, code: str):
    return client.post(f"/support/enter/{code}/")


# -- asking


def test_a_request_waits_and_lets_nobody_in(at_north):
    access = ask()
    assert (access.state, access.hours, access.may, access.area) == ("asked", 8, "work", "everything")
    assert access.guest is None
    assert list(queries.waiting()) == [access]
    assert not queries.let_in_now()
    entry = Entry.objects.get(action="support.ask")
    assert (entry.note, entry.after["hours"]) == ("Deliveries cannot be closed.", 8)
    assert words.who(access) == "Li Wei, operator of the servers"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("by", " "),
        ("by", "x" * 101),
        ("reason", ""),
        ("reason", "x" * 4001),
        ("hours", 0),
        ("hours", 73),
        ("may", "all"),
        ("area", "sales"),
    ],
)
def test_a_request_says_who_why_how_long_and_what_for(at_north, field, value):
    with pytest.raises(Invalid) as refusal:
        ask(**{field: value})
    assert [error.field for error in refusal.value.errors] == [field]


def test_people_of_the_dealership_do_not_ask_withdraw_or_make_links(at_north, manager):
    with pytest.raises(Forbidden):
        actions.ask_access(actor=manager, by="x", reason="y", hours=1)
    access = ask()
    for act in (actions.withdraw_access, actions.make_code):
        with pytest.raises(Forbidden):
            act(actor=manager, access=access)


def test_what_was_asked_cannot_be_rewritten_nor_deleted(at_north):
    access = ask()
    for change in (
        lambda: Access.objects.filter(pk=access.pk).update(reason="something else"),
        lambda: Access.objects.filter(pk=access.pk).update(hours=72),
        lambda: Access.objects.filter(pk=access.pk).delete(),
    ):
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            change()


# -- answering


def test_the_manager_lets_in_for_less_than_was_asked(at_north, manager):
    access = actions.approve_access(actor=manager, access=ask(), hours=2, may="read", area="technical")
    assert access.state == SupportStep.APPROVED
    assert access.until == access.answered_at + 2 * HOUR
    guest = access.guest
    assert (guest.role, guest.ends_at, guest.has_usable_password()) == (Role.TECHNICAL_READER, access.until, False)
    assert guest.name == "Support (Li Wei)"
    assert list(queries.let_in_now()) == [access]
    entry = Entry.objects.get(action="support.approve")
    assert (entry.actor_id, entry.before["hours"], entry.after["hours"]) == (manager.id, 8, 2)


@pytest.mark.parametrize(
    ("may", "area", "role"),
    [
        ("read", "everything", "support_reader"),
        ("work", "everything", "support_worker"),
        ("read", "technical", "technical_reader"),
        ("work", "technical", "technical_worker"),
    ],
)
def test_the_guests_role_follows_from_what_was_approved(at_north, manager, may, area, role):
    assert actions.approve_access(actor=manager, access=ask(), hours=1, may=may, area=area).guest.role == role


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ({"hours": 4}, {"hours": 5}),
        ({"hours": 4}, {"hours": 0}),
        ({"may": "read"}, {"may": "work"}),
        ({"area": "technical"}, {"area": "everything"}),
    ],
)
def test_nobody_gives_more_than_was_asked(at_north, manager, asked, given):
    access = ask(**asked)
    less = {"hours": 1, "may": "read", "area": "technical"}
    with pytest.raises(Invalid) as refusal:
        actions.approve_access(actor=manager, access=access, **less | given)
    assert [error.field for error in refusal.value.errors] == list(given)
    assert actions.approve_access(actor=manager, access=access, **less).state == SupportStep.APPROVED


@pytest.mark.parametrize("role", ["crm_manager", "it_admin", "sales_manager", "service_manager"])
def test_only_the_general_manager_answers_and_ends(at_north, north, manager, role):
    access, other = ask(), north.actor(role)
    for act in (
        lambda: actions.approve_access(actor=other, access=access, **GIVEN),
        lambda: actions.refuse_access(actor=other, access=access),
        lambda: actions.end_access(actor=other, access=access),
    ):
        with pytest.raises(Forbidden):
            act()
    assert actions.refuse_access(actor=manager, access=access).state == SupportStep.REFUSED


@pytest.mark.parametrize("nobody", [SYSTEM, EXCHANGE], ids=["operator", "exchange"])
def test_neither_operator_nor_exchange_approves(at_north, nobody):
    access = ask()
    with pytest.raises(Forbidden):
        actions.approve_access(actor=nobody, access=access, **GIVEN)
    with pytest.raises(Forbidden):
        actions.refuse_access(actor=nobody, access=access)


def test_a_manager_who_was_retired_meanwhile_lets_nobody_in(at_north, manager):
    access = ask()
    User.objects.filter(pk=manager.id).update(is_active=False)
    with pytest.raises(Forbidden):
        actions.approve_access(actor=manager, access=access, **GIVEN)
    assert not User.objects.filter(role__startswith="support").exists()


def test_a_guest_approves_no_further_support(at_north, manager):
    guest = actions.approve_access(actor=manager, access=ask(), hours=1, may="work", area="everything").guest
    another = ask()
    with pytest.raises(Forbidden):
        actions.approve_access(actor=Actor.of(guest), access=another, **GIVEN)
    assert not queries.visible_accesses(guest).exists()


@pytest.mark.parametrize("end", ["refused", "withdrawn", "ended"])
def test_a_request_is_answered_once(at_north, manager, end):
    access = ask()
    if end == "refused":
        actions.refuse_access(actor=manager, access=access)
    else:
        if end == "ended":
            actions.approve_access(actor=manager, access=access, **GIVEN)
        actions.withdraw_access(actor=SYSTEM, access=access)
    assert Access.objects.get(pk=access.pk).state == end
    for answer in (
        lambda: actions.approve_access(actor=manager, access=access, **GIVEN),
        lambda: actions.refuse_access(actor=manager, access=access),
    ):
        with pytest.raises(Conflict, match="answered or withdrawn"):
            answer()
    assert actions.withdraw_access(actor=SYSTEM, access=access).state == end
    with pytest.raises(IllegalTransition):
        move(Access.objects.get(pk=access.pk), "state", "approved", actions.TRANSITIONS)


def test_a_request_of_last_week_is_void(at_north, manager):
    access = ask()
    with at(access.asked_at + timedelta(days=7) - timedelta(seconds=1)):
        assert actions.close_expired() == 0
    with at(access.asked_at + timedelta(days=7)):
        with pytest.raises(Conflict, match="void"):
            actions.approve_access(actor=manager, access=access, **GIVEN)
        assert actions.close_expired() == 1
        assert actions.close_expired() == 0
    assert Access.objects.get(pk=access.pk).state == SupportStep.LAPSED


def test_no_statement_makes_an_access_longer_than_was_asked(at_north, manager):
    access = actions.approve_access(actor=manager, access=ask(hours=4), **GIVEN)
    with pytest.raises(IntegrityError, match="no_longer_than_asked"), transaction.atomic():
        Access.objects.filter(pk=access.pk).update(until=access.until + timedelta(seconds=1))


def test_two_who_approve_at_once_let_in_once(committed, north):
    manager = north.actor("general_manager")
    with north.bound():
        access = ask()
    outcome = while_it_waits(
        north,
        lambda: actions.approve_access(actor=manager, access=access, **GIVEN),
        lambda: actions.approve_access(actor=manager, access=access, **GIVEN),
    )
    assert isinstance(outcome, Conflict)
    with north.bound():
        assert User.objects.filter(role="support_reader").count() == 1


def test_an_approval_that_meets_the_managers_retirement_waits_and_is_refused(committed, north):
    manager = north.actor("general_manager")
    with north.bound():
        access = ask()
        person = User.objects.get(pk=manager.id)
    outcome = while_it_waits(
        north,
        lambda: accounts.retire_person(actor=SYSTEM, person=person),
        lambda: actions.approve_access(actor=manager, access=access, **GIVEN),
    )
    assert isinstance(outcome, Forbidden)
    with north.bound():
        assert Access.objects.get(pk=access.pk).state == SupportStep.ASKED


def test_a_withdrawal_that_meets_an_approval_leaves_nobody_in(committed, north):
    manager = north.actor("general_manager")
    with north.bound():
        access = ask()
    closed = while_it_waits(
        north,
        lambda: actions.approve_access(actor=manager, access=access, **GIVEN),
        lambda: actions.withdraw_access(actor=SYSTEM, access=access),
    )
    assert closed.state == SupportStep.ENDED
    with north.bound():
        assert not User.objects.filter(role="support_reader", is_active=True).exists()


# -- entering


def let_in(north, *, hours: int = 4, **given) -> tuple[Access, str]:
    """An approved access of the operator and a code for it."""
    manager = north.actor("general_manager")
    with north.bound():
        access = actions.approve_access(actor=manager, access=ask(), **GIVEN | {"hours": hours} | given)
        return access, actions.make_code(actor=SYSTEM, access=access)


def test_a_link_signs_in_once(wall, north):
    access, code = let_in(north)
    client = north.client()
    assert client.get(f"/support/enter/{code}/").status_code == 200  # opening it uses nothing up
    assert enter(client, code).status_code == 302
    assert client.get("/customers/").status_code == 200
    assert enter(north.client(), code).status_code == 404
    assert north.client().get(f"/support/enter/{code}/").status_code == 404
    with north.bound():
        session = Session.objects.get(user_id=access.guest_id)
        assert session.expires_at == access.until


def test_an_operators_link_is_good_for_ten_minutes(wall, north):
    access, code = let_in(north)
    with at(access.answered_at + timedelta(minutes=11)):
        assert enter(north.client(), code).status_code == 404
        with north.bound():
            again = actions.make_code(actor=SYSTEM, access=access)
        assert enter(north.client(), code).status_code == 404
        assert enter(north.client(), again).status_code == 302


def test_a_new_link_ends_the_sign_in_by_the_one_before(wall, north):
    access, code = let_in(north)
    first, second = north.client(), north.client()
    enter(first, code)
    with north.bound():
        again = actions.make_code(actor=SYSTEM, access=access)
    assert enter(second, again).status_code == 302
    assert first.get("/customers/").status_code == 302
    assert second.get("/customers/").status_code == 200


@pytest.mark.parametrize("how", ["manager", "operator", "clock"])
def test_a_link_that_was_not_used_before_the_end_lets_nobody_in(wall, north, how):
    access, code = let_in(north, hours=1)
    with north.bound():
        if how == "manager":
            actions.end_access(actor=north.actor("general_manager"), access=access)
        elif how == "operator":
            actions.withdraw_access(actor=SYSTEM, access=access)
    with at(access.until if how == "clock" else access.answered_at):
        assert enter(north.client(), code).status_code == 404
        with north.bound(), pytest.raises(Conflict, match="not open"):
            actions.make_code(actor=SYSTEM, access=access)


def test_no_code_before_the_approval_and_none_for_what_the_manufacturer_asked(at_north, manager):
    with pytest.raises(Conflict, match="not open"):
        actions.make_code(actor=SYSTEM, access=ask())
    record = question()
    actions.receive_request(record, purpose=Purpose.WARRANTY)
    theirs = Access.objects.get(pk=record.access_id)
    actions.approve_access(actor=manager, access=theirs, **GIVEN)
    with pytest.raises(Conflict, match="asker's alone"):
        actions.make_code(actor=SYSTEM, access=theirs)


@pytest.mark.parametrize("code", ["", "x", "secret\x00", "é" * 40])
def test_a_code_that_nobody_made_is_nothing(wall, north, rf, code):
    with north.bound(), pytest.raises(Missing):
        actions.enter(request=rf.post("/support/enter/"), code=code)


def test_two_who_use_a_link_at_once_are_one(committed, north, rf):
    _access, code = let_in(north)

    def come_in():
        request = rf.post("/support/enter/")
        request.session, request.user = SessionStore(), Anonymous()
        actions.enter(request=request, code=code)
        request.session.save()

    assert isinstance(while_it_waits(north, come_in, come_in), Missing)
    with north.bound():
        assert Session.objects.filter(user__role="support_reader").count() == 1


# -- the end


def test_the_end_is_at_once_and_for_good(wall, north):
    access, code = let_in(north)
    client = north.client()
    enter(client, code)
    assert client.get("/customers/").status_code == 200
    with north.bound():
        actions.end_access(actor=north.actor("general_manager"), access=access)
    answer = client.get("/customers/")
    assert (answer.status_code, answer["Location"]) == (302, "/sign-in/?next=%2Fcustomers%2F")
    with north.bound():
        guest = User.objects.get(pk=access.guest_id)
        assert (guest.is_active, Session.objects.filter(user=guest).count()) == (False, 0)
        assert actions.end_access(actor=north.actor("general_manager"), access=access).state == SupportStep.ENDED
        assert Entry.objects.filter(action="support.ended").count() == 1


def test_the_clock_ends_it_without_anybody_doing_anything(wall, north):
    access, code = let_in(north, hours=1)
    client = north.client()
    enter(client, code)
    with at(access.until - timedelta(seconds=1)):
        assert client.get("/customers/").status_code == 200
    with at(access.until):
        assert client.get("/customers/").status_code == 302
        with north.bound():
            assert not queries.let_in_now()
            assert actions.close_expired() == 1
    with north.bound():
        assert Access.objects.get(pk=access.pk).ended_by_name == "Dealernet"


def test_a_clock_that_goes_back_does_not_open_what_was_closed(wall, north):
    access, code = let_in(north, hours=1)
    client = north.client()
    enter(client, code)
    with at(access.until + HOUR), north.bound():
        actions.close_expired()
    with at(access.answered_at + timedelta(minutes=1)):
        assert client.get("/customers/").status_code == 302
        assert enter(north.client(), code).status_code == 404


def test_a_session_row_that_was_kept_open_by_hand_shows_nothing(wall, north):
    """The account and the access are two locks: each alone keeps a guest out."""
    access, code = let_in(north)
    client = north.client()
    enter(client, code)
    with north.bound():
        Access.objects.filter(pk=access.pk).update(state=SupportStep.ENDED)
    assert client.get("/customers/").status_code == 302
    other, code = let_in(north)
    client = north.client()
    enter(client, code)
    with north.bound():
        User.objects.filter(pk=other.guest_id).update(ends_at=clock.now())
    assert client.get("/customers/").status_code == 302


# -- what a guest cannot do


def test_a_guest_gets_no_token_no_password_and_no_link(at_north, manager):
    guest = actions.approve_access(actor=manager, access=ask(), hours=1, may="work", area="everything").guest
    for attempt, refusal in (
        (lambda: accounts.create_token(actor=SYSTEM, user=guest, name="x", scopes=["customers:read"]), Invalid),
        (lambda: accounts.invite(actor=manager, person=guest, host="north.localhost"), Conflict),
        (lambda: accounts.hand_out_link(actor=SYSTEM, person=guest, host="north.localhost"), Conflict),
        (
            lambda: accounts.change_person(
                actor=manager, person=guest, name="x", email="x@example.com", phone="", role="it_admin", language="en"
            ),
            Conflict,
        ),
        (
            lambda: accounts.change_password(actor=Actor.of(guest), person=guest, old="", new="a longer sentence 42"),
            Invalid,
        ),
    ):
        with pytest.raises(refusal):
            attempt()
    accounts.see_out(actor=SYSTEM, guest=guest)
    with pytest.raises(Conflict, match="support access"):
        accounts.reinstate_person(actor=manager, person=guest)


# -- the manufacturer


def test_a_question_of_the_manufacturer_is_kept_once_and_answered_by_message(at_north, manager, north):
    record = question(hours=200)
    actions.receive_request(record, purpose=Purpose.WARRANTY)
    actions.receive_request(record, purpose=Purpose.WARRANTY)
    access = Access.objects.get()
    assert (access.origin, access.asked_by, access.hours) == ("manufacturer", "network_manager", 72)
    assert words.who(access) == f"Network manager at the manufacturer (person {str(record.person)[:8]})"
    actions.approve_access(actor=manager, access=access, hours=1, may="read", area="technical")
    sent = Ledger.objects.get(contract="SupportAccess")
    body = Payload.objects.get(pk=sent.pk).body
    assert (sent.subject, sent.purpose, body["step"], body["may"]) == (access.pk, "warranty", "approved", "read")
    assert "code_hash" not in {name for name, value in body.items() if value}
    actions.receive_withdrawal(access.pk)
    assert Access.objects.get().state == SupportStep.ENDED
    assert [Payload.objects.get(pk=row.pk).body["step"] for row in Ledger.objects.order_by("number")] == [
        "approved",
        "ended",
    ]


def test_the_manufacturer_withdraws_nothing_of_the_operators(at_north):
    access = ask()
    actions.receive_withdrawal(access.pk)
    actions.receive_withdrawal(uuid4())
    assert Access.objects.get().state == SupportStep.ASKED
    assert not Ledger.objects.exists()


def test_a_role_that_this_release_does_not_know_is_shown_as_it_is(at_north):
    actions.receive_request(question(role="deputy_of_something"), purpose=Purpose.WARRANTY)
    assert words.who(Access.objects.get()).startswith("deputy_of_something at the manufacturer")


# -- the trail


def test_the_trail_can_be_added_to_and_nothing_else(at_north, manager):
    access = actions.approve_access(actor=manager, access=ask(), **GIVEN)
    act = actions.note_act(access=access, method="GET", path="/customers/")
    actions.note_status(act, 200)
    assert Act.objects.get().status == 200
    for change in (
        lambda: Act.objects.update(path="/elsewhere/"),
        lambda: Act.objects.update(at=clock.now()),
        lambda: Act.objects.all().delete(),
    ):
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            change()
