"""Pages of warranty: submitting, the answer line by line, what to do when a claim was sent back."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.dealer.warranty.test_actions import decision_on
from tests.service import warranty_repair

from dealer.warranty import actions
from dealer.warranty.models import Claim
from kernel.accounts.actors import EXCHANGE


def text_of(answer) -> str:
    return answer.content.decode()


@pytest.fixture
def claim(wall, north):
    with north.bound():
        return warranty_repair(north)[1]


@pytest.fixture
def adviser(wall, north):
    user = north.user("service_adviser")
    with north.bound():
        user.language = "en"
        user.save()
    return north.client(user)


def answer(north, claim, outcome, amount=None):
    with north.bound():
        claim.refresh_from_db()
        record = decision_on(claim, outcome, revision=claim.revision, amount=amount)
        actions.apply_decision(record, message_id=uuid4(), actor=EXCHANGE)


def test_a_draft_is_submitted_by_one_press(adviser, claim, north):
    here = f"/claims/{claim.pk}/"
    assert f"{here}submit/" in text_of(adviser.get(here))
    assert adviser.post(f"{here}submit/").headers["Location"] == here
    with north.bound():
        assert Claim.objects.get().state == "submitted"
    page = text_of(adviser.get(here))
    assert f"{here}submit/" not in page
    assert "looking at it" in page


def test_what_is_missing_is_said_before_and_after(adviser, claim, north):
    here = f"/claims/{claim.pk}/"
    adviser.post(
        f"{here}edit/",
        {"claim_type": "vehicle", "complaint": "水温高", "cause": "", "correction": "换泵", "fault_code": ""},
    )
    page = text_of(adviser.get(here))
    assert "Write down the cause." in page
    assert "Enter the fault code" in page
    assert f"{here}submit/" not in page
    assert "Write down the cause." in text_of(adviser.post(f"{here}submit/", follow=True))
    wrong = {
        "claim_type": "vehicle",
        "complaint": "水温高",
        "cause": "水泵",
        "correction": "换泵",
        "fault_code": "坏 了",
    }
    refused = adviser.post(f"{here}edit/", wrong)
    assert refused.status_code == 422
    assert "水泵" in text_of(refused)


def test_an_answer_is_shown_line_by_line_with_reason_and_remark(adviser, claim, north):
    adviser.post(f"/claims/{claim.pk}/submit/")
    answer(north, claim, "partly_approved", Decimal("10.00"))
    page = text_of(adviser.get(f"/claims/{claim.pk}/"))
    assert "Evidence is missing" in page
    assert "请补充照片" in page
    assert "¥20" in page
    order = text_of(adviser.get(f"/repair-orders/{claim.repair_order_id}/"))
    assert "Evidence is missing" in order
    assert "Partly approved" in order


def test_what_was_sent_back_says_what_to_do_and_goes_again(adviser, claim, north):
    here = f"/claims/{claim.pk}/"
    adviser.post(f"{here}submit/")
    answer(north, claim, "sent_back", Decimal(0))
    page = text_of(adviser.get(here))
    assert "sent this claim back" in page
    assert "Add what is asked for" in page
    assert str(claim) in text_of(adviser.get("/today/"))
    with north.bound():
        line = claim.lines.get(kind="labour")
    sent = {"description": "更换水泵", "quantity": "2", "unit_price": "180"}
    assert adviser.post(f"/claims/lines/{line.pk}/edit/", sent).status_code == 302
    adviser.post(f"{here}submit/")
    with north.bound():
        found = Claim.objects.get()
        assert (found.state, found.revision, found.total) == ("submitted", 2, Decimal("780.00"))


def test_a_line_is_removed_and_a_claim_cancelled(adviser, claim, north):
    with north.bound():
        first, second = claim.lines.all()
    adviser.post(f"/claims/lines/{first.pk}/remove/")
    refused = adviser.post(f"/claims/lines/{second.pk}/remove/", follow=True)
    assert "only line" in text_of(refused)
    adviser.post(f"/claims/{claim.pk}/cancel/")
    with north.bound():
        assert Claim.objects.get().state == "cancelled"


def test_the_list_finds_and_exports(adviser, claim):
    vin = claim.repair_order.vehicle.vin
    for text in (str(claim), vin[-6:], str(claim.repair_order), "苏A12345"):
        assert str(claim) in text_of(adviser.get("/claims/", {"q": text})), text
    assert str(claim) not in text_of(adviser.get("/claims/", {"state": "approved"}))
    assert vin in b"".join(adviser.get("/claims/?export=csv").streaming_content).decode("utf-8-sig")


@pytest.mark.parametrize(
    ("role", "reading", "writing"),
    [
        ("service_adviser", 200, 302),
        ("service_manager", 200, 302),
        ("general_manager", 200, 403),
        ("technician", 403, 403),
        ("sales_manager", 403, 403),
        ("it_admin", 403, 403),
    ],
)
def test_pages_open_for_their_roles_only(claim, north, role, reading, writing):
    client = north.client(role)
    assert client.get("/claims/").status_code == reading
    assert client.get(f"/claims/{claim.pk}/").status_code == reading
    assert client.post(f"/claims/{claim.pk}/submit/").status_code == writing


def test_a_claim_of_another_dealership_is_missing(claim, north, south):
    assert north.client("service_manager").get(f"/claims/{claim.pk}/").status_code == 200
    assert south.client("service_manager").get(f"/claims/{claim.pk}/").status_code == 404
    assert south.client("service_manager").post(f"/claims/{claim.pk}/submit/").status_code == 404


def test_pages_cost_the_same_however_much_there_is(adviser, claim, north):
    def cost(address):
        adviser.get(address)
        with CaptureQueriesContext(connection) as seen:
            assert adviser.get(address).status_code == 200
        return len(seen)

    addresses = ["/claims/", f"/claims/{claim.pk}/", f"/repair-orders/{claim.repair_order_id}/"]
    before = [cost(address) for address in addresses]
    with north.bound():
        for serial in range(2, 5):
            warranty_repair(north, serial=serial, phone=f"1390013900{serial}", plate=f"苏B0000{serial}")
    assert [cost(address) for address in addresses] == before
    assert max(before) <= 15
