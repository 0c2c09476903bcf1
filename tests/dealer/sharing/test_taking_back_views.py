"""Pages of taking back and erasing at the dealership."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.dealer.sharing.test_erasing import NAME, owner_of

from dealer.customers.models import Customer
from dealer.sharing import actions as sharing
from dealer.sharing.erasing import actions as erasing
from dealer.sharing.models import Erasure, Grant, Withdrawal, WithdrawalChoice
from dealer.sharing.takingback import actions as taking_back
from exchange.testing import drain_exchange
from kernel import clock
from kernel.contracts import ErasureRequest, Purpose
from kernel.ids import new_id

CARE = Purpose.CUSTOMER_CARE
READERS = {"general_manager", "crm_manager"}


@pytest.fixture
def person(committed, north):
    """An owner whom the manufacturer knows by name."""
    with north.bound():
        sharing.change_level(actor=north.actor("general_manager"), contract="Owner", purpose=CARE, level="full")
        made, _car = owner_of(north.actor("sales_consultant"))
    drain_exchange()
    return made


def test_lowering_leads_to_the_question_and_the_answer_to_the_receipt(person, north):
    boss = north.client("general_manager")
    with north.bound():
        grant = Grant.objects.get(contract="Owner")
    assert boss.post(f"/sharing/{grant.pk}/level/", {"level": "nothing"}).headers["Location"] == "/sharing/withdrawals/"
    with north.bound():
        question = Withdrawal.objects.get()
    assert f"w-{question.pk}" in boss.get("/sharing/withdrawals/").content.decode()
    assert "/sharing/withdrawals/" in boss.get("/sharing/").content.decode()
    assert "/sharing/withdrawals/" in boss.get("/").content.decode()
    assert boss.post(f"/sharing/withdrawals/{question.pk}/", {"answer": "take_back"}).status_code == 302
    drain_exchange()
    with north.bound():
        question.refresh_from_db()
        assert question.state == "done"
        message = taking_back.held_of(person.pk, CARE)
        assert message == {}
    assert boss.get("/sharing/withdrawals/").status_code == 200


def test_leaving_it_by_the_page(person, north):
    boss = north.client("general_manager")
    with north.bound():
        sharing.change_level(actor=north.actor("general_manager"), contract="Owner", purpose=CARE, level="nothing")
        question = Withdrawal.objects.get()
    boss.post(f"/sharing/withdrawals/{question.pk}/", {"answer": "leave"})
    with north.bound():
        question.refresh_from_db()
        assert question.state == "left"


def test_the_standing_choice_is_one_click(person, north):
    boss = north.client("general_manager")
    with north.bound():
        grant = Grant.objects.get(contract="Owner")
    for answer, wanted in (("no", False), ("yes", True)):
        assert boss.post(f"/sharing/{grant.pk}/withdrawing/", {"takes_back": answer}).status_code == 302
        with north.bound():
            assert WithdrawalChoice.objects.get().takes_back is wanted
            assert taking_back.takes_back_by_itself("Owner", CARE) is wanted


@pytest.mark.parametrize("role", ["general_manager", "crm_manager", "sales_manager", "it_admin"])
def test_who_sees_and_who_may(person, north, role):
    client = north.client(role)
    allowed = role in READERS
    for path in ("/sharing/withdrawals/", "/sharing/erasures/", f"/sharing/erase/{person.pk}/"):
        assert client.get(path).status_code == (200 if allowed else 403), path


def test_erasing_by_the_page_after_a_preview_and_the_number(person, north):
    client = north.client("crm_manager")
    assert f"/sharing/erase/{person.pk}/" in client.get(f"/customers/{person.pk}/").content.decode()
    page = client.get(f"/sharing/erase/{person.pk}/").content.decode()
    assert NAME in page
    assert client.post(f"/sharing/erase/{person.pk}/", {"number": "0"}).status_code == 409
    answer = client.post(f"/sharing/erase/{person.pk}/", {"number": str(person.number)})
    with north.bound():
        row = Erasure.objects.get()
        assert Customer.objects.get(pk=person.pk).name == f"#{person.number}"
    assert answer.headers["Location"] == f"/sharing/erasures/{row.pk}/"
    before = client.get(f"/sharing/erasures/{row.pk}/").content.decode()
    drain_exchange()
    after = client.get(f"/sharing/erasures/{row.pk}/").content.decode()
    assert before != after
    assert NAME not in after
    assert client.get(f"/sharing/erase/{person.pk}/").status_code == 302
    assert f"/sharing/erasures/{row.pk}/" in client.get(f"/customers/{person.pk}/").content.decode()
    assert f"#{person.number}" in client.get("/sharing/erasures/").content.decode()


def test_the_manufacturers_question_is_answered_on_a_page(person, north):
    client = north.client("general_manager")
    with north.bound():
        erasing.receive_request(
            ErasureRequest(erasure_id=new_id(), owner_keys=[str(person.pk)], lead_ids=[], message_ids=[], place="CN")
        )
        row = Erasure.objects.get()
    assert f"/sharing/erasures/{row.pk}/" in client.get("/").content.decode()
    assert client.get(f"/sharing/erasures/{row.pk}/").status_code == 200
    client.post(f"/sharing/erasures/{row.pk}/decline/", {"reason": "合同仍在履行"})
    assert "合同仍在履行" in client.get(f"/sharing/erasures/{row.pk}/").content.decode()
    with north.bound():
        row.refresh_from_db()
        assert row.state == "declined"


def test_pages_ask_as_much_for_one_row_as_for_ten(person, north):
    client = north.client("general_manager")
    pages = ("/sharing/withdrawals/", "/sharing/erasures/", f"/customers/{person.pk}/")

    def counted(path):
        client.get(path)
        with CaptureQueriesContext(connection) as caught:
            assert client.get(path).status_code == 200
        return len(caught)

    def fill(number):
        with north.bound():
            for _n in range(number):
                Withdrawal.objects.create(
                    contract="Owner", purpose=CARE, why="consent", state="left", customer_id=person.pk, messages=[],
                    asked_at=clock.now(),
                )  # fmt: skip
                Erasure.objects.create(
                    state="declined", customer_id=new_id(), customer_number=1, place="CN", asked_at=clock.now(),
                    decided_at=clock.now(),
                )  # fmt: skip

    fill(1)
    few = [counted(path) for path in pages]
    fill(9)
    assert [counted(path) for path in pages] == few
