"""Asking a dealership from the portal: the code is the asker's alone, and nothing at the portal lets anybody in."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import ProgrammingError, transaction

from dealer.support import actions as at_dealer
from dealer.support.models import Access
from exchange.models import Inbox, InboxState, Ledger, Payload
from exchange.outbound import send_down
from exchange.testing import exchange_drained
from kernel import clock
from kernel.accounts.actors import SYSTEM
from kernel.accounts.models import Session
from kernel.accounts.roles import PORTAL_ROLES, RIGHTS, Right
from kernel.audit.models import Entry
from kernel.contracts import Purpose, SupportAccess, SupportArea, SupportMay, SupportStep
from kernel.errors import Conflict, Forbidden, Invalid
from kernel.tenancy.bindings import MANUFACTURER_ID
from kernel.testing.clocks import at
from oem.network.models import Dealership, DealershipState
from oem.support import actions, queries
from oem.support.models import Ask

ASKED = {"purpose": "warranty", "reason": "Claims stay open.", "hours": 8, "may": "work", "area": "everything"}
GIVEN = {"hours": 2, "may": "read", "area": "everything"}


def ask(portal, north, **given) -> tuple[Ask, str]:
    actor = portal.actor("network_manager")
    with portal.bound():
        dealership = Dealership.objects.get(pk=north.id)
        return actions.ask_access(actor=actor, dealership=dealership, **ASKED | given)


def enter(north, code: str):
    client = north.client()
    return client, client.post(f"/support/enter/{code}/")


def test_the_code_stands_in_no_table_of_the_portal_and_in_no_message(wall, portal, north):
    ask_row, code = ask(portal, north)
    with portal.bound():
        sent = Ledger.objects.get(contract="SupportAccess")
        body = Payload.objects.get(pk=sent.pk).body
        kept = json.dumps([list(Ask.objects.values()), list(Entry.objects.values()), body], default=str)
    assert code not in kept
    assert (sent.subject, sent.receiver, sent.purpose) == (ask_row.pk, north.id, "warranty")
    assert body["role"] == "network_manager"
    assert portal.user("network_manager").name not in json.dumps(body)


@pytest.mark.parametrize("role", sorted(PORTAL_ROLES))
def test_who_may_ask(wall, portal, north, role):
    actor = portal.actor(role)
    with portal.bound():
        dealership = Dealership.objects.get(pk=north.id)
        if Right.SUPPORT_ASK in RIGHTS[role]:
            made, _code = actions.ask_access(actor=actor, dealership=dealership, **ASKED)
            assert list(queries.asked_of(dealership, portal.user(role))) == [made]
        else:
            with pytest.raises(Forbidden):
                actions.ask_access(actor=actor, dealership=dealership, **ASKED)
            assert not queries.asked_of(dealership, portal.user(role)).exists()


def test_only_a_person_asks_for_themselves(wall, portal, north):
    with portal.bound(), pytest.raises(Forbidden):
        actions.ask_access(actor=SYSTEM, dealership=Dealership.objects.get(pk=north.id), **ASKED)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("purpose", "marketing"),
        ("reason", " "),
        ("reason", "x" * 4001),
        ("hours", 0),
        ("hours", 73),
        ("may", "all"),
        ("area", "sales"),
    ],
)
def test_a_question_says_what_why_how_long_and_where(wall, portal, north, field, value):
    with pytest.raises(Invalid) as refusal:
        ask(portal, north, **{field: value})
    assert [error.field for error in refusal.value.errors] == [field]


def test_a_dealership_that_left_is_not_asked(wall, portal, north):
    with portal.bound():
        Dealership.objects.filter(pk=north.id).update(state=DealershipState.RETIRED)
    with pytest.raises(Conflict, match="not at work"):
        ask(portal, north)


def test_what_was_asked_cannot_be_rewritten(wall, portal, north):
    ask(portal, north)
    with portal.bound():
        for change in (lambda: Ask.objects.update(reason="other"), lambda: Ask.objects.all().delete()):
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                change()


# -- the whole way


@pytest.fixture
def asked(committed, portal, north):
    """A question that has arrived, with its code."""
    with exchange_drained():
        made, code = ask(portal, north)
    return made, code


def approve(north, ask_row, **given) -> Access:
    manager = north.actor("general_manager")
    with exchange_drained(), north.bound():
        access = Access.objects.get(pk=ask_row.pk)
        return at_dealer.approve_access(actor=manager, access=access, **GIVEN | given)


def state(portal, ask_row) -> str:
    with portal.bound():
        return Ask.objects.get(pk=ask_row.pk).state


def test_nobody_comes_in_before_the_approval_and_the_asker_does_after_once(asked, portal, north):
    made, code = asked
    client, answer = enter(north, code)
    assert answer.status_code == 404
    waits = north.client(headers={"Accept-Language": "en"}).get(f"/support/enter/{code}/").content.decode()
    assert "has not answered yet" in waits
    access = approve(north, made)
    with portal.bound():
        known = Ask.objects.get(pk=made.pk)
        assert (known.state, known.may, known.until) == ("approved", "read", access.until)
    client, answer = enter(north, code)
    assert answer.status_code == 302
    assert client.get("/customers/").status_code == 200
    assert enter(north, code)[1].status_code == 404
    with north.bound():
        assert Session.objects.get(user_id=access.guest_id).expires_at == access.until
        assert access.guest.name == "Support (manufacturer, network manager)"


def test_nothing_that_the_portal_holds_lets_anybody_in(asked, portal, north):
    made, _code = asked
    approve(north, made)
    with portal.bound():
        sent = Payload.objects.get(pk=Ledger.objects.get(contract="SupportAccess").pk).body
    for known in (sent["code_hash"], str(made.pk), sent["person"]):
        assert enter(north, known)[1].status_code == 404


def test_a_forged_approval_from_the_portal_is_refused_and_lets_nobody_in(asked, portal, north):
    made, code = asked
    forged = SupportAccess(
        access_id=made.pk,
        step=SupportStep.APPROVED,
        at=clock.now(),
        may=SupportMay.WORK,
        area=SupportArea.EVERYTHING,
        until=clock.now() + timedelta(hours=72),
    )
    with exchange_drained(), portal.bound():
        send_down(forged, to=north.id, subject=uuid4(), purpose=Purpose.WARRANTY, actor=SYSTEM, event_at=clock.now())
    assert enter(north, code)[1].status_code == 404
    with north.bound():
        assert Access.objects.get().state == SupportStep.ASKED
        stuck = Inbox.objects.get(state=InboxState.REFUSED)
        assert (stuck.contract, stuck.reason) == ("SupportAccess", "not_yours")


def test_a_second_question_under_the_same_id_changes_nothing(asked, portal, north):
    """Somebody who can write the portal's messages cannot put a code of their own under a question that was asked."""
    made, code = asked
    again = SupportAccess(
        access_id=made.pk,
        step=SupportStep.ASKED,
        at=clock.now(),
        hours=72,
        may=SupportMay.WORK,
        area=SupportArea.EVERYTHING,
        reason="Other words.",
        person=uuid4(),
        role="network_admin",
        code_hash=at_dealer.codes.hash_of("mine"),
    )
    with exchange_drained(), portal.bound():
        send_down(again, to=north.id, subject=made.pk, purpose=Purpose.WARRANTY, actor=SYSTEM, event_at=clock.now())
    approve(north, made)
    assert enter(north, "mine")[1].status_code == 404
    assert enter(north, code)[1].status_code == 302


def test_taking_back_ends_an_open_access(asked, portal, north):
    made, code = asked
    approve(north, made)
    client, _answer = enter(north, code)
    actor = portal.actor("network_admin")  # a colleague may, too
    with exchange_drained(), portal.bound():
        assert actions.withdraw_ask(actor=actor, ask=made).state == SupportStep.WITHDRAWN
        assert actions.withdraw_ask(actor=actor, ask=made).state == SupportStep.WITHDRAWN
    assert client.get("/customers/").status_code == 302
    with north.bound():
        assert Access.objects.get().state == SupportStep.ENDED
    assert state(portal, made) == SupportStep.WITHDRAWN  # the dealership's "ended" changes nothing after that


def test_a_question_taken_back_before_the_answer_cannot_be_approved(asked, portal, north):
    made, code = asked
    asker = portal.actor("network_manager")
    with exchange_drained(), portal.bound():
        actions.withdraw_ask(actor=asker, ask=made)
    manager = north.actor("general_manager")
    with north.bound(), pytest.raises(Conflict, match="withdrawn"):
        at_dealer.approve_access(actor=manager, access=Access.objects.get(), **GIVEN)
    assert enter(north, code)[1].status_code == 404


@pytest.mark.parametrize("how", ["refused", "ended", "lapsed"])
def test_the_portal_learns_what_became_of_it(asked, portal, north, how):
    made, code = asked
    manager = north.actor("general_manager")
    if how == "ended":
        approve(north, made)
    with exchange_drained(), north.bound():
        access = Access.objects.get()
        if how == "refused":
            at_dealer.refuse_access(actor=manager, access=access)
        elif how == "ended":
            at_dealer.end_access(actor=manager, access=access)
        else:
            with at(access.asked_at + timedelta(days=8)):
                at_dealer.close_expired()
    assert state(portal, made) == how
    assert enter(north, code)[1].status_code == 404


def test_another_dealership_cannot_answer(asked, portal, north, south):
    made, _code = asked
    answer = SupportAccess(access_id=made.pk, step=SupportStep.REFUSED, at=clock.now())
    question = SupportAccess(access_id=made.pk, step=SupportStep.WITHDRAWN, at=clock.now())
    with exchange_drained(), south.bound():
        for record, subject in ((answer, made.pk), (question, uuid4())):
            send_down(
                record,
                to=MANUFACTURER_ID,
                subject=subject,
                purpose=Purpose.WARRANTY,
                actor=SYSTEM,
                event_at=clock.now(),
            )
    assert state(portal, made) == SupportStep.ASKED
    with portal.bound():
        assert Inbox.objects.get(state=InboxState.REFUSED).reason == "not_yours"


def test_the_dealerships_ledger_shows_its_answer_in_words(asked, portal, north):
    made, _code = asked
    approve(north, made)
    client = north.client("general_manager", headers={"Accept-Language": "en"})
    with north.bound():
        sent = Ledger.objects.get(contract="SupportAccess")
    for path in ("/sharing/ledger/", "/sharing/ledger/?contract=SupportAccess", f"/sharing/ledger/{sent.pk}/"):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert "SupportAccess" not in answer.content.decode().replace("contract=SupportAccess", "").replace(
            'value="SupportAccess"', ""
        ), path
